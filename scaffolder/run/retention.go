package run

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
)

// ExpireWorkspaces expires the snapshots of runs that were done or rolled back before one time, or parked or
// cancelled before another: such a run can no longer be retried. It works on a batch, and says whether there
// may be more.
func (s *Store) ExpireWorkspaces(ctx context.Context, doneBefore, parkedBefore time.Time) (more bool, err error) {
	spent, err := s.queries.ExpireWorkspaces(ctx, s.pool, doneBefore, parkedBefore)
	if err != nil {
		return false, fmt.Errorf("expire workspaces: %w", err)
	}
	return spent > 0, nil
}

// ExpiredWorkspaces are digests of snapshots that are expired for every run. At most 500 are answered at
// once.
func (s *Store) ExpiredWorkspaces(ctx context.Context) ([]string, error) {
	found, err := s.queries.ExpiredWorkspaces(ctx, s.pool)
	if err != nil {
		return nil, fmt.Errorf("find expired workspaces: %w", err)
	}
	digests := make([]string, 0, len(found))
	for _, digest := range found {
		digests = append(digests, orEmpty(digest))
	}
	return digests, nil
}

// ForgetWorkspaces removes deleted snapshots from the record.
func (s *Store) ForgetWorkspaces(ctx context.Context, digests []string) error {
	if err := s.queries.ForgetWorkspaces(ctx, s.pool, digests); err != nil {
		return fmt.Errorf("forget workspaces: %w", err)
	}
	return nil
}

// requireWorkspace refuses to continue at a position when the files of the steps before it are gone.
func (s *Store) requireWorkspace(ctx context.Context, tx db.DBTX, id uuid.UUID, from int) error {
	if from <= 0 {
		return nil
	}
	gone, err := s.queries.WorkspacesExpired(ctx, tx, id, int32(from))
	if err != nil {
		return fmt.Errorf("look for the workspace of run %s: %w", id, err)
	}
	if gone {
		return fault.New(fault.Conflict, "The workspace of run %s was deleted after its retention period, so the run cannot be continued. "+
			"Roll it back if it left something behind, and start a new run with the same values.", id)
	}
	return nil
}

// deleteBatch bounds how many runs are deleted in one statement: each may have thousands of events.
const deleteBatch = 50

// DeleteRuns deletes runs that ended before a time, the oldest first, with their steps, events and effects. A
// run stays while it has an open effect: one that was intended and not confirmed, or one of a run that did
// not complete. It works on a batch, and says whether there may be more.
func (s *Store) DeleteRuns(ctx context.Context, endedBefore time.Time) (more bool, err error) {
	deleted, err := s.queries.DeleteRuns(ctx, s.pool, endedBefore, deleteBatch)
	if err != nil {
		return false, fmt.Errorf("delete runs: %w", err)
	}
	return deleted == deleteBatch, nil
}
