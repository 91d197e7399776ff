package run_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/run"
)

// ended creates a run that ended some time ago, with a snapshot of each of its two steps.
func (r record) ended(t *testing.T, ago time.Duration, end run.Ending, workspaces ...string) uuid.UUID {
	t.Helper()
	id := r.create(t, nil)
	steps := []run.StepChange{{Position: 0, Status: run.StatusCompleted}, {Position: 1, Status: end.Status}}
	for i, digest := range workspaces {
		steps[i].Workspace = digest
	}
	r.write(t, id, run.Entry{WorkflowRunID: "execution-1", Steps: steps, Events: []run.NewEvent{completion("0/completion")}})
	if end.Phase == run.PhaseRolledBack {
		r.write(t, id, run.Entry{Rollback: &run.StepFailure{}})
	}
	if end.Status.Ended() {
		r.write(t, id, run.Entry{End: &end})
	}
	_, err := r.pool.Exec(t.Context(), "update runs set finished_at = finished_at - $2::interval where id = $1", id, ago)
	require.NoError(t, err)
	return id
}

// The ends of runs, and a run in progress.
var (
	isDone       = run.Ending{Status: run.StatusCompleted, Phase: run.PhaseDone}
	isParked     = run.Ending{Status: run.StatusFailed, Phase: run.PhaseParked}
	isCancelled  = run.Ending{Status: run.StatusFailed, Phase: run.PhaseCancelled}
	isRolledBack = run.Ending{Status: run.StatusFailed, Phase: run.PhaseRolledBack}
	isUnderWay   = run.Ending{Status: run.StatusProcessing}
)

// spend expires the workspaces of runs that ended an hour ago, or were parked a day ago, and returns those to
// delete.
func (r record) spend(t *testing.T) []string {
	t.Helper()
	for more := true; more; {
		var err error
		more, err = r.ExpireWorkspaces(t.Context(), time.Now().Add(-time.Hour), time.Now().Add(-24*time.Hour))
		require.NoError(t, err)
	}
	spent, err := r.ExpiredWorkspaces(t.Context())
	require.NoError(t, err)
	return spent
}

func TestWorkspacesOfEndedRunsExpire(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	finished := r.ended(t, 2*time.Hour, isDone, "sha256:own", "sha256:shared")
	underWay := r.ended(t, 0, isUnderWay, "sha256:shared")
	r.ended(t, time.Minute, isDone, "sha256:young")
	r.ended(t, 2*time.Hour, isParked, "sha256:parked")
	require.Equal(t, []string{"sha256:own"}, r.spend(t), "a run that is under way holds the other")

	require.NoError(t, r.ForgetWorkspaces(t.Context(), []string{"sha256:own", "sha256:shared"}))
	require.Empty(t, r.step(t, finished, 0).Workspace)
	require.Equal(t, "sha256:shared", r.step(t, underWay, 0).Workspace)
	require.Empty(t, r.spend(t))
}

func TestWorkspacesOfParkedAndCancelledRunsExpire(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	r.ended(t, 48*time.Hour, isParked, "sha256:parked")
	r.ended(t, 48*time.Hour, isCancelled, "sha256:cancelled")
	r.ended(t, time.Hour, isCancelled, "sha256:young")
	require.ElementsMatch(t, []string{"sha256:parked", "sha256:cancelled"}, r.spend(t))
}

func TestARunWithoutItsFilesCannotBeRetried(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.ended(t, 48*time.Hour, isParked, "sha256:gone")
	retry := run.Reopening{Status: run.StatusProcessing, Phase: run.PhaseRunning, From: 1}
	require.NotEmpty(t, r.spend(t))
	_, err := r.Reopen(t.Context(), id, retry)
	require.ErrorContains(t, err, "the run cannot be continued")
	require.Equal(t, fault.Conflict, fault.KindOf(err), "before they are deleted")
	require.NoError(t, r.ForgetWorkspaces(t.Context(), []string{"sha256:gone"}))
	_, err = r.Reopen(t.Context(), id, retry)
	require.Equal(t, fault.Conflict, fault.KindOf(err), "and after")
	require.True(t, r.step(t, id, 0).WorkspaceExpired)

	_, err = r.Reopen(t.Context(), id, run.ReopenForRollback(0))
	require.NoError(t, err, "undoing needs no files")
	r.write(t, id, run.Entry{End: &isRolledBack})
	_, err = r.Reopen(t.Context(), id, run.Reopening{Generation: 1, Status: run.StatusProcessing, Phase: run.PhaseRunning})
	require.NoError(t, err, "neither does beginning anew")
	require.False(t, r.step(t, id, 0).WorkspaceExpired)
}

func TestACompletedRunCompletesAgainWithoutItsFiles(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	id := r.ended(t, 48*time.Hour, isDone, "sha256:gone")
	require.NotEmpty(t, r.spend(t))
	_, err := r.Reopen(t.Context(), id, run.Reopening{Status: run.StatusProcessing, Phase: run.PhaseRunning, From: 2})
	require.NoError(t, err)
}

func TestRunsAreDeletedWhenTheirRetentionIsOver(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	const old = 48 * time.Hour
	owning := func(id uuid.UUID, state action.EffectState) uuid.UUID {
		_, err := r.pool.Exec(t.Context(), `insert into run_effects (id, run_id, step_id, action, kind, name, key, state)
			values (gen_random_uuid(), $1, 'one', 'act', 'thing', 'x', 'x', $2)`, id, state)
		require.NoError(t, err)
		return id
	}
	gone := []uuid.UUID{r.ended(t, old, isDone), r.ended(t, old, isParked), r.ended(t, old, isRolledBack),
		owning(r.ended(t, old, isDone), action.EffectCreated), owning(r.ended(t, old, isCancelled), action.EffectUndone)}
	kept := map[string]uuid.UUID{"it is young": r.ended(t, time.Hour, isDone), "it is under way": r.ended(t, old, isUnderWay),
		"its effect exists":                owning(r.ended(t, old, isParked), action.EffectCreated),
		"what it intended may be there":    owning(r.ended(t, old, isDone), action.EffectIntended),
		"its files are not deleted so far": r.ended(t, old, isDone, "sha256:x")}
	more, err := r.DeleteRuns(t.Context(), time.Now().Add(-24*time.Hour))
	require.NoError(t, err)
	require.False(t, more)
	for _, id := range gone {
		_, err := r.Get(t.Context(), run.Rules.Everything(), id)
		require.Equal(t, fault.NotFound, fault.KindOf(err))
		require.Empty(t, r.messages(t, id, 0))
	}
	for why, id := range kept {
		_, err := r.Get(t.Context(), run.Rules.Everything(), id)
		require.NoError(t, err, why)
	}
}

func TestRunsAreDeletedInBatches(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	_, err := r.pool.Exec(t.Context(), `insert into runs (id, template_ref, title, spec, spec_digest, status, phase, finished_at)
		select gen_random_uuid(), 't', 'T', '{}', '', 'completed', 'done', now() - interval '2 days' from generate_series(1, 120)`)
	require.NoError(t, err)
	batches := 1
	for more := true; more; batches++ {
		more, err = r.DeleteRuns(t.Context(), time.Now().Add(-24*time.Hour))
		require.NoError(t, err)
		require.LessOrEqual(t, batches, 3)
	}
	_, total, err := r.List(t.Context(), run.Rules.Everything(), run.Query{})
	require.NoError(t, err)
	require.Zero(t, total)
}
