package catalog

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// Unprocessed says why entities are listed that are not, or not fully, in the catalog.
type Unprocessed string

const (
	// Failed entities are wrong, or something that they point at is. Some are served all the same.
	Failed Unprocessed = "failed"
	// Pending entities are found, and not served yet.
	Pending Unprocessed = "pending"
)

// UnprocessedEntity is what is known of an entity that is not, or not fully, in the catalog: a row of
// Backstage's refresh_state, with what Portico adds.
type UnprocessedEntity struct {
	EntityID        uuid.UUID       `json:"entity_id"`
	EntityRef       string          `json:"entity_ref"`
	Unprocessed     json.RawMessage `json:"unprocessed_entity"`
	UnprocessedHash string          `json:"unprocessed_hash"`
	// Processed is what was last made of it, nil when nothing ever was.
	Processed       json.RawMessage `json:"processed_entity,omitempty"`
	ResultHash      string          `json:"result_hash"`
	NextUpdateAt    time.Time       `json:"next_update_at"`
	LastDiscoveryAt time.Time       `json:"last_discovery_at"`
	Errors          []*entity.Error `json:"errors,omitempty"`
	// LocationKey is the file that it is in, type:target, and Line where it begins there (0: not known).
	LocationKey string `json:"location_key,omitempty"`
	Line        int    `json:"line,omitempty"`
	// ParentRefs are the Locations that led to it.
	ParentRefs []string `json:"parent_refs"`
}

// UnprocessedQuery asks for entities that are not, or not fully, in the catalog, by reference.
type UnprocessedQuery struct {
	Which Unprocessed
	// Owner, if not "", is the spec.owner that they must have, as it is written in their file.
	Owner string
	// After is the reference after which the list begins, "" for its beginning; Limit bounds it, 0 does not.
	After string
	Limit int
}

// unprocessedAtOnce is how many of them, with their documents, are read in one go.
const unprocessedAtOnce = 50

// UnprocessedEntities hands over what is asked for. They are read some at a time, and no connection is held
// meanwhile. A principal that sees a part of the catalog is told of what is served in that part. An error of
// hand ends it and is returned.
func (s *Service) UnprocessedEntities(ctx context.Context, principal identity.Principal, q UnprocessedQuery, hand func(UnprocessedEntity) error) error {
	readable, err := s.readable(ctx, principal)
	if err != nil || readable.IsNothing() {
		return err
	}
	_, conditional := readable.Filter()
	left := cmp.Or(q.Limit, math.MaxInt)
	for isLast := false; left > 0 && !isLast; {
		rows, err := s.unprocessedRows(ctx, q)
		if err != nil {
			return err
		}
		isLast = len(rows) < unprocessedAtOnce
		if !isLast {
			q.After = rows[len(rows)-1].EntityRef
		}
		if conditional {
			if rows, err = s.readableRows(ctx, readable, rows); err != nil {
				return err
			}
		}
		for _, row := range rows[:min(left, len(rows))] {
			if err := hand(unprocessedOf(row)); err != nil {
				return err
			}
			left--
		}
	}
	return nil
}

func (s *Service) unprocessedRows(ctx context.Context, q UnprocessedQuery) ([]db.CatalogFailedRow, error) {
	if q.Which == Failed {
		rows, err := s.queries.CatalogFailed(ctx, s.pool, q.After, q.Owner, unprocessedAtOnce)
		if err != nil {
			return nil, fmt.Errorf("list failed entities: %w", err)
		}
		return rows, nil
	}
	pending, err := s.queries.CatalogPending(ctx, s.pool, q.After, q.Owner, unprocessedAtOnce)
	if err != nil {
		return nil, fmt.Errorf("list pending entities: %w", err)
	}
	rows := make([]db.CatalogFailedRow, len(pending))
	for i, row := range pending {
		rows[i] = db.CatalogFailedRow(row)
	}
	return rows, nil
}

// readableRows leaves out what is not served, or not to be read by whoever asks.
func (s *Service) readableRows(ctx context.Context, readable query.Grant, rows []db.CatalogFailedRow) ([]db.CatalogFailedRow, error) {
	refs := make([]string, len(rows))
	for i, row := range rows {
		refs[i] = row.EntityRef
	}
	seen, err := s.documents(ctx, readable, refs, nil)
	return slices.DeleteFunc(rows, func(row db.CatalogFailedRow) bool { return seen[row.EntityRef] == nil }), err
}

func unprocessedOf(row db.CatalogFailedRow) UnprocessedEntity {
	e := UnprocessedEntity{
		EntityID: row.EntityID, EntityRef: row.EntityRef, Unprocessed: row.Unprocessed, UnprocessedHash: row.UnprocessedHash,
		Processed: row.Processed, ResultHash: row.ResultHash, NextUpdateAt: row.NextUpdateAt, LastDiscoveryAt: row.LastDiscoveredAt,
		ParentRefs: row.Parents,
	}
	for _, encoded := range [][]byte{row.Errors, row.Unserved} {
		var failures []*entity.Error
		if json.Unmarshal(encoded, &failures) == nil { // what is not there is none
			e.Errors = append(e.Errors, failures...)
		}
	}
	if row.LocationKey != nil {
		e.LocationKey = *row.LocationKey
	}
	if row.Line != nil {
		e.Line = int(*row.Line)
	}
	return e
}

// DeleteUnprocessed forgets an entity that is not served. Whatever brings it is read again, and may bring it
// back. One that is served, or unknown, is a fault of kind NotFound.
func (s *Service) DeleteUnprocessed(ctx context.Context, principal identity.Principal, uid string) error {
	if err := s.require(ctx, principal, policy.CatalogUnprocessedDelete, uid); err != nil {
		return err
	}
	missing := fault.New(fault.NotFound, "No unprocessed entity with uid %s", uid)
	id, err := uuid.Parse(uid)
	if err != nil {
		return missing
	}
	return s.transact(ctx, func(tx pgx.Tx) error {
		_, err := s.queries.CatalogUnprocessedRef(ctx, tx, id)
		if errors.Is(err, pgx.ErrNoRows) {
			return missing
		}
		if err != nil {
			return fmt.Errorf("find unprocessed entity %s: %w", uid, err)
		}
		return s.state.RemoveByUID(ctx, tx, id)
	})
}
