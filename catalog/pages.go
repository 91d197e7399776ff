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

// EntityQuery asks for a page of entities by cursor. The zero cursor with its filter, order and text is the
// first page.
type EntityQuery struct {
	Cursor query.Cursor
	// Offset skips entities of the first page's set.
	Offset, Limit int
	Fields        query.Fields
	// SkipTotal leaves TotalItems at 0: counting is not free.
	SkipTotal bool
}

// EntityPage is a page of entities, and the cursors of the pages around it, "" where there is none.
type EntityPage struct {
	Items      []json.RawMessage
	TotalItems int
	Next, Prev string
}

// QueryEntities finds a page of entities. It has at most query.MaxPage of them, and fewer when they are
// large; Next leads to the rest.
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

	var found foundPage
	if q.Limit > 0 {
		if found, err = s.page(ctx, readable, page, q.Fields); err != nil {
			return EntityPage{}, err
		}
	}
	cursor := q.Cursor
	if !q.SkipTotal && cursor.TotalItems == nil {
		total, err := s.total(ctx, readable, page, found)
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

// total counts the set that a page is a part of. What is all on its first page is counted already.
func (s *Service) total(ctx context.Context, readable query.Grant, page query.Page, found foundPage) (int, error) {
	if isFirst := page.After == nil && page.Offset == 0; isFirst && page.Limit > 0 && !found.more {
		return len(found.items), nil
	}
	total, err := ask(ctx, s, page.Count(readable), pgx.RowTo[int])
	if err != nil {
		return 0, fmt.Errorf("count entities: %w", err)
	}
	return total, nil
}

// foundPage is a page with the places of its first and last item.
type foundPage struct {
	items       []json.RawMessage
	first, last []string
	// more says that there are items after it.
	more bool
}

// maxPageBytes is where a page ends though its limit is not reached: the next cursor leads on.
const maxPageBytes = 32 << 20

var errPageFull = errors.New("the page is full")

// page reads the rows of a page. One row more than asked for tells, forwards, whether there is a next page;
// backwards there always is.
func (s *Service) page(ctx context.Context, readable query.Grant, page query.Page, fields query.Fields) (foundPage, error) {
	limit := page.Limit
	if !page.Backwards {
		page.Limit++
	}
	rows, err := s.query(ctx, page.Select(readable))
	if err != nil {
		return foundPage{}, fmt.Errorf("query entities: %w", err)
	}
	found := foundPage{more: page.Backwards}
	var places [][]string
	var id uuid.UUID
	var value *string
	var document []byte
	size := 0
	_, err = pgx.ForEachRow(rows, []any{&id, &value, &document}, func() error {
		if len(found.items) == limit || size > maxPageBytes {
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

// cursors are those of the pages after and before this one, which was found at cursor.
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
