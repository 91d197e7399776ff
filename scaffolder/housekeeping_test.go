package scaffolder_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/scaffolder"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/run"
)

// aMinuteAhead lets a sweep check runs that were just created.
const aMinuteAhead = -time.Minute

// TestARunWithoutAWorkerDoesNotBlockOthers has a hundred older runs that are refused and a hundred that wait
// for a worker.
func TestARunWithoutAWorkerDoesNotBlockOthers(t *testing.T) {
	t.Parallel()
	b := newBench(t, policy.AllowKnown{})
	b.engine.refuse = map[string]error{}
	for n := range 200 {
		id := b.create(`{}`)
		if n%2 == 0 {
			b.engine.refuse[id.String()] = &engine.RefusedError{Err: errors.New("it is not to my taste")}
		}
	}
	last := b.create(`{}`)
	b.engine.started = nil
	for range 3 {
		_ = b.sweeper.StartPending(t.Context(), aMinuteAhead)
	}
	require.True(t, slices.ContainsFunc(b.engine.started, func(c engine.Command) bool { return c.RunID == last.String() }))
	require.Len(t, b.engine.started, 201, "each of the others is postponed after its attempt")
}

func TestARunThatTemporalRefusesIsParked(t *testing.T) {
	t.Parallel()
	b := newBench(t, policy.AllowKnown{})
	id := b.create(`{}`)
	b.engine.err = &engine.RefusedError{Err: errors.New("the summary is too long")}
	for range 12 {
		_ = b.sweeper.StartPending(t.Context(), aMinuteAhead)
		until(t, b, id)
	}
	d, err := b.Details(t.Context(), ada, id.String())
	require.NoError(t, err)
	require.Equal(t, run.PhaseParked, d.Phase)
	require.Equal(t, "NotStartedError", d.Failure.Name)
	require.Contains(t, d.Failure.Message, "the summary is too long")
	b.engine.err = nil
	require.NoError(t, b.Retry(t.Context(), ada, id.String(), scaffolder.Command{}), "a person may try again")
}

// until ends the pause before the next start of a run.
func until(t *testing.T, b bench, id uuid.UUID) {
	t.Helper()
	pending, err := b.runs.Unstarted(t.Context(), time.Now())
	require.NoError(t, err)
	if len(pending) > 0 {
		return
	}
	starts := 0
	for _, command := range b.engine.started {
		if command.RunID == id.String() {
			starts++
		}
	}
	require.NoError(t, b.runs.PostponeStart(t.Context(), id, time.Now().Add(-time.Second), starts-1))
}

func TestNoRunIsParkedWhileTemporalDoesNotAnswer(t *testing.T) {
	t.Parallel()
	b := newBench(t, policy.AllowKnown{})
	ids := []uuid.UUID{b.create(`{}`), b.create(`{}`), b.create(`{}`), b.create(`{}`), b.create(`{}`)}
	b.engine.err = errors.New("no route to Temporal")
	b.engine.started = nil
	for range 40 {
		require.ErrorContains(t, b.sweeper.StartPending(t.Context(), aMinuteAhead), "no route to Temporal")
	}
	require.Len(t, b.engine.started, 120, "a sweep soon ends")
	for _, id := range ids {
		got, err := b.Run(t.Context(), ada, id.String())
		require.NoError(t, err)
		require.Equal(t, run.StatusOpen, got.Status)
	}
}

func TestARunWhoseWorkflowIsGoneIsParkedAndCanBeReopened(t *testing.T) {
	t.Parallel()
	for name, decide := range map[string]func(b bench, id string) error{
		"retry":     func(b bench, id string) error { return b.Retry(b.t.Context(), ada, id, scaffolder.Command{}) },
		"roll back": func(b bench, id string) error { return b.RollBack(b.t.Context(), ada, id, scaffolder.Command{}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, policy.AllowKnown{})
			id := b.create(`{}`)
			b.record(id, run.Entry{WorkflowRunID: "execution-1", Steps: []run.StepChange{{Position: 0, Status: run.StatusProcessing}}})
			require.NoError(t, b.sweeper.Reconcile(t.Context(), aMinuteAhead, time.Minute))
			require.Equal(t, []run.Status{run.StatusProcessing, run.StatusOpen}, b.statuses(id), "its workflow is well")

			b.engine.condition = engine.Health{Gone: "its workflow was terminated"}
			require.NoError(t, b.sweeper.Reconcile(t.Context(), time.Minute, time.Minute))
			require.Equal(t, []run.Status{run.StatusProcessing, run.StatusOpen}, b.statuses(id), "it was written just now")
			require.NoError(t, b.sweeper.Reconcile(t.Context(), aMinuteAhead, time.Minute))
			d, err := b.Details(t.Context(), ada, id.String())
			require.NoError(t, err)
			require.Equal(t, run.StatusFailed, d.Status)
			require.Equal(t, run.PhaseParked, d.Phase)
			require.Equal(t, "one", d.FailedStep)
			require.Contains(t, d.Failure.Message, "its workflow was terminated")
			require.Equal(t, "retry", d.Operations()[0].Name)
			events, err := b.Events(t.Context(), ada, id.String(), 0)
			require.NoError(t, err)
			require.Equal(t, run.EventCompletion, events[len(events)-1].Type)

			require.NoError(t, decide(b, id.String()))
			require.Equal(t, 1, b.engine.started[1].Generation)
		})
	}
}

// TestARunThatCannotBeReconciledDoesNotBlockOthers: for some lost runs Temporal returns errors, and for one
// nothing.
func TestARunThatCannotBeReconciledDoesNotBlockOthers(t *testing.T) {
	t.Parallel()
	b := newBench(t, policy.AllowKnown{})
	b.engine.condition = engine.Health{Gone: "its workflow was terminated"}
	b.engine.refuse = map[string]error{}
	var ids []uuid.UUID
	for range 12 {
		id := b.create(`{}`)
		b.record(id, run.Entry{WorkflowRunID: "execution-1"})
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	for n, id := range ids[:5] {
		b.engine.refuse[id.String()] = &engine.RefusedError{Err: fmt.Errorf("history %d is damaged", n)}
	}
	b.engine.refuse[ids[7].String()] = errors.New("it took too long")

	err := b.sweeper.Reconcile(t.Context(), aMinuteAhead, time.Minute)
	for n := range 5 {
		require.ErrorContains(t, err, fmt.Sprintf("history %d is damaged", n))
	}
	require.ErrorContains(t, err, "it took too long")
	for n, id := range ids {
		got, err := b.Run(t.Context(), ada, id.String())
		require.NoError(t, err)
		require.Equal(t, b.engine.refuse[id.String()] == nil, got.Phase == run.PhaseParked, "run %d", n)
	}

	b.engine.asked, b.engine.refuse, b.engine.err = 0, nil, errors.New("no route to Temporal")
	require.ErrorContains(t, b.sweeper.Reconcile(t.Context(), aMinuteAhead, time.Minute), "no route to Temporal")
	require.Equal(t, 3, b.engine.asked, "a sweep without answers ends soon")
}

// TestAReopenedRunIsNotParked: it is reopened between the read of the record and the write.
func TestAReopenedRunIsNotParked(t *testing.T) {
	t.Parallel()
	b := newBench(t, policy.AllowKnown{})
	id := b.create(`{}`)
	require.NoError(t, b.sweeper.Reconcile(t.Context(), aMinuteAhead, time.Minute))
	require.Zero(t, b.engine.asked, "no workflow has taken it up: it is started, not parked")
	b.record(id, run.Entry{WorkflowRunID: "execution-1"})
	silent, err := b.runs.Stale(t.Context(), time.Now().Add(time.Minute), uuid.Nil)
	require.NoError(t, err)
	require.Len(t, silent, 1)
	b.record(id, run.Entry{Steps: []run.StepChange{{Position: 0, Status: run.StatusProcessing}}})
	parked, err := b.runs.Park(t.Context(), silent[0], fault.Failure{Name: "Error"})
	require.NoError(t, err)
	require.False(t, parked)
	require.Equal(t, []run.Status{run.StatusProcessing, run.StatusOpen}, b.statuses(id))
}

func TestARunWhoseWorkflowIsStuckIsParked(t *testing.T) {
	t.Parallel()
	b := newBench(t, policy.AllowKnown{})
	id := b.create(`{}`)
	b.record(id, run.Entry{WorkflowRunID: "execution-1"})
	b.engine.condition = engine.Health{Stuck: "non-determinism", StuckSince: time.Now().Add(-time.Minute)}
	require.NoError(t, b.sweeper.Reconcile(t.Context(), aMinuteAhead, time.Hour))
	require.Empty(t, b.engine.abandoned, "it may yet get on")
	require.NoError(t, b.sweeper.Reconcile(t.Context(), aMinuteAhead, time.Second))
	require.Equal(t, []string{"parked: non-determinism"}, b.engine.abandoned, "so that a retry begins a new one")
	got, err := b.Run(t.Context(), ada, id.String())
	require.NoError(t, err)
	require.Equal(t, run.PhaseParked, got.Phase)
	require.Contains(t, got.Failure.Message, "non-determinism")
}
