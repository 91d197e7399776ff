package catalog

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/recall"
)

const (
	// maxKeptLists bounds the lists that a process keeps, maxKeptList the entities of each, and keepLists how long it keeps
	// one: some seven megabytes at most.
	maxKeptLists = 2000
	maxKeptList  = 200
	keepLists    = 10 * time.Minute
)

// keptList has the entities of a list that was read under a condition, and the revision of the catalog that it was read at.
// To find the first entities that somebody may read, the database finds all of them, or asks of many whether they are among
// them. As long as nothing has changed, they are read by their ids instead.
type keptList struct {
	ids      []uuid.UUID
	revision int64
}

func newKeptLists() *recall.Memory[answerID, keptList] {
	return recall.New[answerID, keptList](maxKeptLists, keepLists)
}

// readKept reads the documents of a list that this process may have read before. A list is known by its statement with all
// arguments, the condition of the grant among them, so that nobody gets what was found for somebody who may read more.
func (l *EntityList) readKept(ctx context.Context, list query.List) error {
	statement := list.SelectKept(l.readable)
	known, err := identify(statement)
	if err != nil {
		return err
	}
	if kept, is := l.service.lists.Get(known); is {
		if holds, err := l.readAgain(ctx, kept); err != nil || holds {
			return err
		}
	}
	rows, err := l.service.query(ctx, statement)
	if err != nil {
		return fmt.Errorf("list entities: %w", err)
	}
	var found keptList
	var id uuid.UUID
	err = l.collect(rows, func() { found.ids = append(found.ids, id) }, &id, &found.revision)
	if err == nil && len(found.ids) > 0 {
		l.service.lists.Remember(known, found)
	}
	return err
}

// readAgain reads the entities of a kept list, and reports whether the list still holds.
func (l *EntityList) readAgain(ctx context.Context, kept keptList) (holds bool, err error) {
	statement := query.AtRevision(kept.ids, kept.revision)
	rows, err := l.service.pool.Query(ctx, statement.SQL, statement.Args...)
	if err != nil {
		return false, fmt.Errorf("list entities: %w", err)
	}
	if err := l.collect(rows, func() {}); err != nil {
		return false, err
	}
	return len(l.documents) > 0, nil
}
