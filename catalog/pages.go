package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/identity"
)

// EntityQuery selects a page of entities by cursor. The zero cursor with a filter, order and text selects the
// first page.
type EntityQuery struct {
	Cursor query.Cursor
	// Offset skips entities before the first page.
	Offset, Limit int
	Fields        query.Fields
	// SkipTotal leaves TotalItems at 0, because counting takes time.
	SkipTotal bool
}

// EntityPage is a page of entities with the cursors of the next and previous page, "" where there is none.
type EntityPage struct {
	Items      []json.RawMessage
	TotalItems int
	Next, Prev string
}

// QueryEntities returns a page of entities. It has at most query.MaxPage of them, and fewer when they are
// large. Next continues after the last.
func (s *Service) QueryEntities(ctx context.Context, principal identity.Principal, q EntityQuery) (EntityPage, error) {
	q.Limit = min(q.Limit, query.MaxPage)
	page, err := q.Cursor.Page(q.Limit)
	if err != nil {
		return EntityPage{}, err
	}
	readable, err := s.readable(ctx, principal)
	if err != nil || readable.IsNothing() {
		return EntityPage{}, err
	}
	page.Offset = q.Offset
	revision, err := s.revision(ctx)
	if err != nil {
		return EntityPage{}, err
	}

	var found foundPage
	if q.Limit > 0 {
		if found, err = s.keptPage(ctx, revision, readable, page, q.Fields); err != nil {
			return EntityPage{}, err
		}
	}
	cursor := q.Cursor
	if !q.SkipTotal && cursor.TotalItems == nil {
		total, err := s.total(ctx, revision, readable, page, found)
		if err != nil {
			return EntityPage{}, err
		}
		cursor.TotalItems = &total
	}
	answer := EntityPage{Items: found.items}
	if !q.SkipTotal {
		answer.TotalItems = *cursor.TotalItems
	}
	if len(found.items) > 0 {
		answer.Next, answer.Prev, err = found.cursors(cursor)
	}
	return answer, err
}

// total counts the set that a page belongs to. A set that fits on its first page is not counted again.
func (s *Service) total(ctx context.Context, revision int64, readable query.Grant, page query.Page, found foundPage) (int, error) {
	if isFirst := page.After == nil && page.Offset == 0; isFirst && page.Limit > 0 && !found.more {
		return len(found.items), nil
	}
	if found.total != nil {
		return *found.total, nil
	}
	statement := page.Count(readable)
	total, err := answered(ctx, s, question{revision: revision, statement: statement}, func(int) int { return 8 }, func(ctx context.Context) (int, error) {
		return queryRow(ctx, s, statement, pgx.RowTo[int])
	})
	if err != nil {
		return 0, fmt.Errorf("count entities: %w", err)
	}
	return total, nil
}

// foundPage is a page with the cursor positions of its first and last item.
type foundPage struct {
	items       []json.RawMessage
	first, last []string
	// more reports that there are items after it.
	more bool
	// total is the number of items of all pages, nil when the statement has not counted them.
	total *int
}

// sliceSize is the size of a slice without what is in it.
const sliceSize = 24

// size is the number of bytes that a page takes.
func (p foundPage) size() int { return sizeOfDocuments(p.items) }

func sizeOfDocuments(documents []json.RawMessage) int {
	size := 0
	for _, document := range documents {
		size += len(document) + sliceSize
	}
	return size
}

// maxPageBytes ends a page before its limit is reached. The next cursor continues there.
const maxPageBytes = 32 << 20

var errPageFull = errors.New("the page is full")

// keptPage reads a page, or has it from the same question at the same revision.
func (s *Service) keptPage(ctx context.Context, revision int64, readable query.Grant, page query.Page, fields query.Fields) (foundPage, error) {
	q := question{revision: revision, statement: rowsOf(page, readable), form: []any{page.Backwards, fields}}
	return answered(ctx, s, q, foundPage.size, func(ctx context.Context) (foundPage, error) {
		return s.readPage(ctx, q.statement, page, fields)
	})
}

// page reads a page.
func (s *Service) page(ctx context.Context, readable query.Grant, page query.Page, fields query.Fields) (foundPage, error) {
	return s.readPage(ctx, rowsOf(page, readable), page, fields)
}

// rowsOf selects the rows of a page. Forwards, there is one row more than requested, to learn whether there is a next
// page. Backwards, there always is one.
func rowsOf(page query.Page, readable query.Grant) query.Statement {
	if !page.Backwards {
		page.Limit++
	}
	return page.Select(readable)
}

func (s *Service) readPage(ctx context.Context, statement query.Statement, page query.Page, fields query.Fields) (foundPage, error) {
	rows, err := s.query(ctx, statement)
	if err != nil {
		return foundPage{}, fmt.Errorf("query entities: %w", err)
	}
	found := foundPage{more: page.Backwards}
	var places [][]string
	var id uuid.UUID
	var value *string
	var document []byte
	size := 0
	_, err = pgx.ForEachRow(rows, []any{&id, &value, &found.total, &document}, func() error {
		if len(found.items) == page.Limit || size > maxPageBytes {
			found.more = true
			return errPageFull
		}
		projected, err := fields.Project(document)
		document = nil
		size += len(projected)
		found.items, places = append(found.items, projected), append(places, place(value, id))
		return err
	})
	if err != nil && !errors.Is(err, errPageFull) {
		return foundPage{}, fmt.Errorf("query entities: %w", err)
	}
	if page.Backwards {
		slices.Reverse(found.items)
		slices.Reverse(places)
	}
	if len(places) > 0 {
		found.first, found.last = places[0], places[len(places)-1]
	}
	return found, nil
}

func place(value *string, id uuid.UUID) []string {
	if value == nil {
		return []string{id.String()}
	}
	return []string{*value, id.String()}
}

// cursors returns the cursors of the pages after and before this one, which was found with cursor.
func (p foundPage) cursors(cursor query.Cursor) (next, prev string, err error) {
	isFirstRequest := len(cursor.FirstSortFieldValues) == 0
	if isFirstRequest {
		cursor.FirstSortFieldValues = p.first
	}
	if p.more {
		forward := cursor
		forward.OrderFieldValues, forward.IsPrevious = p.last, false
		if next, err = forward.Encode(); err != nil {
			return "", "", err
		}
	}
	if !isFirstRequest && strings.Join(p.first, "\x00") != strings.Join(cursor.FirstSortFieldValues, "\x00") {
		backward := cursor
		backward.OrderFieldValues, backward.IsPrevious = p.first, true
		prev, err = backward.Encode()
	}
	return next, prev, err
}
