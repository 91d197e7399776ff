package run_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/scaffolder/run"
)

// retryOf is Ada's retry of a run that she read in a generation.
func retryOf(generation int) run.Reopening {
	return run.Reopening{Generation: generation, Status: run.StatusProcessing, Phase: run.PhaseRunning, From: 1, Recovered: true,
		Command: run.Command{ID: uuid.New(), Kind: run.CommandRetry, By: audit.Actor{Subject: ada.Subject}}}
}

// TestARunListsItsCommands, with the attempt at each.
func TestARunListsItsCommands(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, nil)
	r.write(t, id, run.Entry{End: &failed})
	retry := retryOf(0)
	_, err := r.Reopen(t.Context(), id, retry)
	require.NoError(t, err)
	cancel := run.Command{ID: uuid.New(), Kind: run.CommandCancel, By: audit.Actor{Subject: "external:ci"}}
	require.NoError(t, r.Cancel(t.Context(), id, cancel, run.NewEvent{Type: run.EventCancelled, Key: "c"}))
	r.write(t, id, run.Entry{End: &run.Ending{Status: run.StatusFailed, Phase: run.PhaseCancelled}})
	rollback := run.ReopenForRollback(1)
	rollback.Command = run.Command{ID: uuid.New(), Kind: run.CommandRollback, By: audit.Actor{Subject: "user:default/bob"}}
	_, err = r.Reopen(t.Context(), id, rollback)
	require.NoError(t, err)

	given, err := r.Commands(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, given, 3)
	require.Equal(t, []run.Command{retry.Command, cancel, rollback.Command}, []run.Command{given[0].Command, given[1].Command, given[2].Command})
	require.Equal(t, []run.Phase{run.PhaseParked, run.PhaseRunning, run.PhaseCancelled}, []run.Phase{given[0].Phase, given[1].Phase, given[2].Phase})
	require.Equal(t, []int{0, 1, 1}, []int{given[0].Generation, given[1].Generation, given[2].Generation})
	require.Equal(t, "two Two no", given[0].FailedStep+" "+given[0].FailedStepName+" "+given[0].Failure.Message, "what the retry took away")
	require.NotZero(t, given[0].FinishedAt)
	require.Zero(t, given[1].FinishedAt)
	require.Equal(t, []string{"log: Retry asked for by user:default/ada", "recovered: ", "log: Cancellation asked for by external:ci",
		"log: Rollback asked for by user:default/bob", "log: Rolling back: undoing what this run created"}, r.messages(t, id, 0))
}

func TestARepeatedCommandChangesNothing(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, nil)
	r.write(t, id, run.Entry{End: &failed})
	retry := retryOf(0)
	_, err := r.Reopen(t.Context(), id, retry)
	require.NoError(t, err)
	_, err = r.Reopen(t.Context(), id, retry)
	require.ErrorIs(t, err, run.ErrRepeated, "and is no conflict")
	repeated, err := r.Repeated(t.Context(), retry.Command.ID)
	require.NoError(t, err)
	require.True(t, repeated)
	require.Equal(t, 1, r.get(t, id).Generation)

	cancel := run.Command{ID: uuid.New(), Kind: run.CommandCancel, By: audit.Actor{Subject: "external:ci"}}
	for range 2 {
		require.NoError(t, r.Cancel(t.Context(), id, cancel, run.NewEvent{Type: run.EventCancelled, Key: "c"}))
	}
	given, err := r.Commands(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, given, 2)
}

// TestParkedTimeIsNotRunTime: the run ran for a minute, was parked for a day, and continues.
func TestParkedTimeIsNotRunTime(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.create(t, nil)
	require.Equal(t, r.get(t, id).CreatedAt, r.get(t, id).TimedFrom, "from when it was asked for until it starts")
	r.write(t, id, run.Entry{WorkflowRunID: "execution-1"})
	require.Equal(t, r.get(t, id).StartedAt, r.get(t, id).TimedFrom)
	r.write(t, id, run.Entry{End: &failed})
	_, err := r.pool.Exec(t.Context(), "update runs set started_at = now() - interval '1 day 1 minute', finished_at = now() - interval '1 day' where id = $1", id)
	require.NoError(t, err)
	before := time.Now()
	_, err = r.Reopen(t.Context(), id, retryOf(0))
	require.NoError(t, err)
	require.WithinRange(t, r.get(t, id).TimedFrom, before.Add(-time.Minute).Add(-time.Second), time.Now().Add(-time.Minute).Add(time.Second))

	r.write(t, id, run.Entry{End: &failed})
	_, err = r.pool.Exec(t.Context(), "update runs set timed_from = now() - interval '1 day 2 minutes', finished_at = now() - interval '1 day' where id = $1", id)
	require.NoError(t, err)
	_, err = r.Reopen(t.Context(), id, retryOf(1))
	require.NoError(t, err)
	require.WithinRange(t, r.get(t, id).TimedFrom, before.Add(-2*time.Minute).Add(-time.Second), time.Now().Add(-2*time.Minute).Add(time.Second), "all attempts count")
}
