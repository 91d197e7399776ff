package run

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
)

// SpendWorkspaces gives up snapshots of runs that were done or rolled back before one time, or parked or cancelled before
// another: such a run does not go on from them any more. It works on a batch, and says whether there may be more.
func (s *Store) SpendWorkspaces(ctx context.Context, doneBefore, parkedBefore time.Time) (more bool, err error) {
	spent, err := s.queries.SpendWorkspaces(ctx, s.pool, doneBefore, parkedBefore)
	if err != nil {
		return false, fmt.Errorf("give up workspaces: %w", err)
	}
	return spent > 0, nil
}

// SpentWorkspaces are digests of snapshots that every run has given up. At most 500 are answered at once.
func (s *Store) SpentWorkspaces(ctx context.Context) ([]string, error) {
	found, err := s.queries.SpentWorkspaces(ctx, s.pool)
	if err != nil {
		return nil, fmt.Errorf("find spent workspaces: %w", err)
	}
	digests := make([]string, 0, len(found))
	for _, digest := range found {
		digests = append(digests, orEmpty(digest))
	}
	return digests, nil
}

// ForgetWorkspaces takes snapshots that were deleted out of the record.
func (s *Store) ForgetWorkspaces(ctx context.Context, digests []string) error {
	if err := s.queries.ForgetWorkspaces(ctx, s.pool, digests); err != nil {
		return fmt.Errorf("forget workspaces: %w", err)
	}
	return nil
}

// requireWorkspace refuses to go on at a position when the files that the steps before it left are gone.
func (s *Store) requireWorkspace(ctx context.Context, tx db.DBTX, id uuid.UUID, from int) error {
	if from <= 0 {
		return nil
	}
	gone, err := s.queries.WorkspacesAreSpent(ctx, tx, id, int32(from))
	if err != nil {
		return fmt.Errorf("look for the workspace of run %s: %w", id, err)
	}
	if gone {
		return fault.New(fault.Conflict, "The files that the steps of run %s had made were deleted some time after it ended, so it cannot go on "+
			"from where it stopped. Roll it back if it left something, and start a new run with the same values.", id)
	}
	return nil
}

// deleteBatch bounds how many runs are deleted in one statement: each may have thousands of events.
const deleteBatch = 50

// DeleteRuns deletes runs that ended before a time, the oldest first, with all that is kept of them. A run stays while an
// effect of it is open: one that was intended and never seen, or one that a run made which did not complete. It works on a
// batch, and says whether there may be more.
func (s *Store) DeleteRuns(ctx context.Context, endedBefore time.Time) (more bool, err error) {
	deleted, err := s.queries.DeleteRuns(ctx, s.pool, endedBefore, deleteBatch)
	if err != nil {
		return false, fmt.Errorf("delete runs: %w", err)
	}
	return deleted == deleteBatch, nil
}
