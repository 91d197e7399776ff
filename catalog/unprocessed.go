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

// Unprocessed is the reason why an entity is listed as not, or not completely, processed.
type Unprocessed string

const (
	// Failed entities, or their targets, have errors. Some are served all the same.
	Failed Unprocessed = "failed"
	// Pending entities were found and are not served yet.
	Pending Unprocessed = "pending"
)

// UnprocessedEntity is the record of an entity that is not, or not completely, processed: a row of
// Backstage's refresh_state, with Portico's additions.
type UnprocessedEntity struct {
	EntityID        uuid.UUID       `json:"entity_id"`
	EntityRef       string          `json:"entity_ref"`
	Unprocessed     json.RawMessage `json:"unprocessed_entity"`
	UnprocessedHash string          `json:"unprocessed_hash"`
	// Processed is the last valid result, nil when there was none.
	Processed       json.RawMessage `json:"processed_entity,omitempty"`
	ResultHash      string          `json:"result_hash"`
	NextUpdateAt    time.Time       `json:"next_update_at"`
	LastDiscoveryAt time.Time       `json:"last_discovery_at"`
	Errors          []*entity.Error `json:"errors,omitempty"`
	// LocationKey is its file, type:target. Line is the line on which it begins there; 0 when it is not
	// known.
	LocationKey string `json:"location_key,omitempty"`
	Line        int    `json:"line,omitempty"`
	// ParentRefs are the Locations that emit it.
	ParentRefs []string `json:"parent_refs"`
}

// UnprocessedQuery selects entities that are not, or not completely, processed, sorted by reference.
type UnprocessedQuery struct {
	Which Unprocessed
	// Owner, if not "", is the spec.owner that they must have, spelled as in their file.
	Owner string
	// After is the reference after which the list begins, "" for the beginning. Limit bounds the list; 0 is
	// no limit.
	After string
	Limit int
}

// unprocessedAtOnce is the number of entities, with their documents, that are read at once.
const unprocessedAtOnce = 50

// UnprocessedEntities calls hand with each selected entity. They are read in batches, and no connection is
// held meanwhile. A principal that may read only a part of the catalog gets the served entities of that part
// only. An error of hand stops the iteration and is returned.
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

// readableRows drops the rows of entities that are not served, or that the principal may not read.
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
		if json.Unmarshal(encoded, &failures) == nil { // an undecodable list is treated as empty
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

// DeleteUnprocessed deletes an entity that is not served. Its parents are read again, and may emit it again.
// An entity that is served or unknown is a fault of kind NotFound.
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
		return s.remove(ctx, tx, principal, id)
	})
}
