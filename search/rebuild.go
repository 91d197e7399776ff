package search

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// rebuildBatch is the number of entities or runs whose documents are written again in one transaction. What changes meanwhile waits for
// one such transaction at most.
const rebuildBatch = 200

// The phases of a rebuild. "" is its end.
const (
	rebuildEntities = "entities"
	rebuildRuns     = "runs"
)

// Rebuild is how far a rebuild of the index is.
type Rebuild struct {
	BegunAt time.Time
	// EndedAt is nil while it goes on.
	EndedAt *time.Time
	// Entities and Runs are how many there were when it began, and Done how many of both are done.
	Entities, Runs, Done int64
	// Sites are the sites of documentation that wait to be read again.
	Sites int64
}

// IsRunning reports whether something is left to do.
func (r Rebuild) IsRunning() bool { return r.EndedAt == nil || r.Sites > 0 }

// BeginRebuild has the index written anew from the catalog, the runs and the sites of documentation, by an Index that runs anywhere. If
// that goes on already, it stays as it is, and isNew is false.
func (s *Service) BeginRebuild(ctx context.Context, principal identity.Principal) (state Rebuild, isNew bool, err error) {
	if err := policy.Require(ctx, s.options.Decider, principal, policy.SearchIndexUpdate, ""); err != nil {
		return Rebuild{}, false, err
	}
	err = pgx.BeginFunc(ctx, s.options.Pool, func(tx pgx.Tx) error {
		begun, err := s.queries.SearchBeginRebuild(ctx, tx)
		if err != nil {
			return fmt.Errorf("begin to rebuild the index: %w", err)
		}
		if isNew = begun > 0; isNew {
			if err := audit.Record(ctx, tx, principal.Actor(), audit.SearchRebuild, "index"); err != nil {
				return err
			}
		}
		state, err = s.rebuild(ctx, tx)
		return err
	})
	return state, isNew, err
}

// LastRebuild is the rebuild that goes on, or was the last.
func (s *Service) LastRebuild(ctx context.Context, principal identity.Principal) (Rebuild, error) {
	if err := policy.Require(ctx, s.options.Decider, principal, policy.SearchIndexUpdate, ""); err != nil {
		return Rebuild{}, err
	}
	return s.rebuild(ctx, s.options.Pool)
}

func (s *Service) rebuild(ctx context.Context, in db.DBTX) (Rebuild, error) {
	row, err := s.queries.SearchRebuild(ctx, in)
	if errors.Is(err, pgx.ErrNoRows) {
		return Rebuild{}, fault.New(fault.NotFound, "The index of the search was never rebuilt")
	}
	if err != nil {
		return Rebuild{}, fmt.Errorf("read how far the rebuild of the index is: %w", err)
	}
	return Rebuild{BegunAt: row.BegunAt, EndedAt: row.EndedAt, Entities: row.Entities, Runs: row.Runs, Done: row.Done, Sites: row.Sites}, nil
}

// RebuildNext writes the next documents of a rebuild, if one goes on, and reports whether there is more to do. It is stored how far it
// is in the transaction that writes them. Others see the old documents until then, so queries always find what they found.
func (x *Index) RebuildNext(ctx context.Context) (isMore bool, err error) {
	if is, err := x.queries.SearchIsRebuilding(ctx, x.pool); err != nil || !is {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err = x.write(ctx, func(tx pgx.Tx) error {
		if locked, err := x.queries.SearchLockIndexer(ctx, tx); err != nil || !locked {
			return err
		}
		place, err := x.queries.SearchRebuildPlace(ctx, tx)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // another process has ended it
		}
		if err != nil {
			return fmt.Errorf("read where the rebuild is: %w", err)
		}
		var ids []uuid.UUID
		if place.Phase == rebuildRuns {
			ids, err = x.queries.SearchWriteRunsAfter(ctx, tx, place.After, rebuildBatch)
		} else {
			ids, err = x.writeEntitiesAfter(ctx, tx, place.After)
		}
		if err != nil {
			return fmt.Errorf("rebuild %s after %s: %w", place.Phase, place.After, err)
		}
		phase, after := next(place.Phase, ids)
		isMore = phase != ""
		return x.queries.SearchMoveRebuild(ctx, tx, after, phase, int64(len(ids)))
	})
	return isMore, err
}

// next is the phase and place after some ids were written.
func next(phase string, ids []uuid.UUID) (string, uuid.UUID) {
	switch {
	case len(ids) == rebuildBatch:
		return phase, ids[len(ids)-1]
	case phase == rebuildEntities:
		return rebuildRuns, uuid.Nil
	default:
		return "", uuid.Nil
	}
}

// writeEntitiesAfter deletes and writes the documents of the next entities, and has their sites read again. Documents of entities that are
// not served are deleted.
func (x *Index) writeEntitiesAfter(ctx context.Context, tx pgx.Tx, after uuid.UUID) ([]uuid.UUID, error) {
	ids, err := x.queries.SearchEntitiesAfter(ctx, tx, after, rebuildBatch)
	if err != nil {
		return nil, err
	}
	last := uuid.Max
	if len(ids) == rebuildBatch {
		last = ids[len(ids)-1]
	}
	if err := x.queries.SearchEmptyRange(ctx, tx, after, last); err != nil {
		return nil, fmt.Errorf("delete documents: %w", err)
	}
	if err := x.queries.SearchDeleteStraySites(ctx, tx, after, last); err != nil {
		return nil, fmt.Errorf("delete sites of documentation: %w", err)
	}
	if err := x.saveOneByOneIfRefused(ctx, tx, ids); err != nil {
		return nil, err
	}
	if err := x.queries.SearchDeleteStraySections(ctx, tx, ids); err != nil {
		return nil, fmt.Errorf("delete sections: %w", err)
	}
	if err := x.queries.SearchReadSitesAgain(ctx, tx, ids); err != nil {
		return nil, fmt.Errorf("have sites of documentation read again: %w", err)
	}
	if err := x.queries.SearchMergeWords(ctx, tx); err != nil {
		return nil, fmt.Errorf("merge the words of a batch into their indexes: %w", err)
	}
	return ids, nil
}
