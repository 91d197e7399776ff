package catalog

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/catalog/query"
)

const (
	// readAtOnce is the number of documents that are read at once. readBytes bounds their size, unless a
	// single one is larger.
	readAtOnce = 1000
	readBytes  = 8 << 20
)

// EntityList is a list of entities. Its documents are read in batches, and no connection is held while the
// caller consumes them.
type EntityList struct {
	// Next is the beginning of the next page, nil on the last page.
	Next *query.After

	service  *Service
	readable query.Grant
	fields   query.Fields
	// documents holds the documents of a short list. For longer lists, ids holds the ids of the entities.
	documents []json.RawMessage
	ids       []uuid.UUID
}

// Each calls hand with each document in order. Entities that were deleted or hidden since the list was found
// are left out. An error of hand stops the iteration and is returned.
func (l *EntityList) Each(ctx context.Context, hand func(json.RawMessage) error) error {
	if err := handAll(l.documents, hand); err != nil {
		return err
	}
	for left := l.ids; len(left) > 0; {
		documents, taken, err := l.readBatch(ctx, left)
		if err != nil {
			return err
		}
		if err := handAll(documents, hand); err != nil {
			return err
		}
		left = left[taken:]
	}
	return nil
}

func handAll(documents []json.RawMessage, hand func(json.RawMessage) error) error {
	for _, document := range documents {
		if err := hand(document); err != nil {
			return err
		}
	}
	return nil
}

// find reads the ids of the entities in the list: sixteen bytes each.
func (l *EntityList) find(ctx context.Context, list query.List) error {
	rows, err := l.service.query(ctx, list.IDs(l.readable))
	if err != nil {
		return fmt.Errorf("list entities: %w", err)
	}
	l.ids, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("list entities: %w", err)
	}
	return nil
}

// read reads the documents of a short list, or has them from the same question at the same revision.
func (l *EntityList) read(ctx context.Context, list query.List) error {
	revision, err := l.service.revision(ctx)
	if err != nil {
		return err
	}
	q := question{revision: revision, statement: list.Select(l.readable), form: l.fields}
	l.documents, err = answered(ctx, l.service, q, sizeOfDocuments, func(ctx context.Context) ([]json.RawMessage, error) {
		rows, err := l.service.query(ctx, q.statement)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, func(row pgx.CollectableRow) (json.RawMessage, error) {
			var document []byte
			if err := row.Scan(&document); err != nil {
				return nil, err
			}
			return l.fields.Project(document)
		})
	})
	if err != nil {
		return fmt.Errorf("list entities: %w", err)
	}
	return nil
}

// cut truncates the list to a limit and reports whether it was longer.
func (l *EntityList) cut(limit int) bool {
	isLonger := len(l.documents) > limit || len(l.ids) > limit
	l.documents, l.ids = l.documents[:min(limit, len(l.documents))], l.ids[:min(limit, len(l.ids))]
	return isLonger
}

// readBatch reads the documents of the first few entities, and returns how many entities it has covered.
func (l *EntityList) readBatch(ctx context.Context, ids []uuid.UUID) (documents []json.RawMessage, taken int, err error) {
	ids = ids[:min(readAtOnce, len(ids))]
	rows, err := l.service.query(ctx, query.ByIDs(l.readable, ids))
	if err != nil {
		return nil, 0, fmt.Errorf("read listed entities: %w", err)
	}
	defer rows.Close()
	for size := 0; rows.Next(); {
		var place int
		var document []byte
		if err := rows.Scan(&place, &document); err != nil {
			return nil, 0, fmt.Errorf("read listed entities: %w", err)
		}
		projected, err := l.fields.Project(document)
		if err != nil {
			return nil, 0, err
		}
		documents, size = append(documents, projected), size+len(projected)
		if size > readBytes {
			return documents, place, nil
		}
	}
	return documents, len(ids), rows.Err()
}
