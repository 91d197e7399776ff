package templaterun_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc"

	"github.com/portico-dev/portico/activities/crash"
	"github.com/portico-dev/portico/activities/templaterun"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/seal"
)

// budgetAfter is the worker's crash budget after Temporal delivered a run's task.
func budgetAfter(t *testing.T, task *workflowservice.PollWorkflowTaskQueueResponse) *crash.Budget {
	t.Helper()
	budget := crash.NewBudget(slog.New(slog.DiscardHandler))
	require.NoError(t, budget.Intercept(t.Context(), "poll", nil, task, nil,
		func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return nil }))
	return budget
}

func task(runID string, attempt int32, events ...*history.HistoryEvent) *workflowservice.PollWorkflowTaskQueueResponse {
	return &workflowservice.PollWorkflowTaskQueueResponse{TaskToken: []byte("t"), Attempt: attempt,
		WorkflowExecution: &common.WorkflowExecution{WorkflowId: runID}, History: &history.History{Events: events}}
}

func event(kind enums.EventType) *history.HistoryEvent { return &history.HistoryEvent{EventType: kind} }

func ranOut(kind enums.TimeoutType) *history.HistoryEvent {
	return &history.HistoryEvent{EventType: enums.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT, Attributes: &history.HistoryEvent_WorkflowTaskTimedOutEventAttributes{
		WorkflowTaskTimedOutEventAttributes: &history.WorkflowTaskTimedOutEventAttributes{TimeoutType: kind}}}
}

func TestAStepThatLostThreeWorkersFails(t *testing.T) {
	t.Parallel()
	for name, quick := range map[string]bool{"quick": true, "outside": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runs := 0
			b := newBench(t, &act{description: action.Description{Quick: quick}, run: func(context.Context, *action.Call) (action.Output, error) {
				runs++
				return nil, nil
			}}, stepOne)
			b.record(run.Entry{LostWorkers: new(3)})
			if !quick {
				_, err := does[any](b, "test:act", b.request(0))
				require.ErrorContains(t, err, "3 workers in a row were lost over this step")
			}
			require.Equal(t, next(engine.NextPark), b.advance(engine.AdvanceRequest{}))
			require.Zero(t, runs)
			require.Equal(t, run.PhaseParked, b.get().Phase)
			require.Equal(t, "WorkerLostError", b.get().Failure.Name)
			require.Contains(t, b.get().Failure.Advice, "memory")
			require.Equal(t, run.StatusFailed, b.step(0).Status)

			_, err := b.runs.Reopen(t.Context(), b.id, run.Reopening{Status: run.StatusProcessing, Phase: run.PhaseRunning, Recovered: true})
			require.NoError(t, err)
			require.Zero(t, b.get().LostWorkers, "a retry has all attempts before it")
		})
	}
}

func TestARedeliveredAdvanceIsCountedWhileItRuns(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		attempt int32
		events  []*history.HistoryEvent
		counted int
	}{
		"the first":                  {1, []*history.HistoryEvent{event(enums.EVENT_TYPE_WORKFLOW_TASK_STARTED)}, 0},
		"counted by Temporal":        {2, nil, 2},
		"the first worker timed out": {1, []*history.HistoryEvent{ranOut(enums.TIMEOUT_TYPE_START_TO_CLOSE), event(enums.EVENT_TYPE_WORKFLOW_TASK_STARTED)}, 2},
		"the sticky worker did not answer": {1, []*history.HistoryEvent{ranOut(enums.TIMEOUT_TYPE_SCHEDULE_TO_START),
			event(enums.EVENT_TYPE_WORKFLOW_TASK_STARTED)}, 0},
		"long ago": {1, []*history.HistoryEvent{ranOut(enums.TIMEOUT_TYPE_START_TO_CLOSE), event(enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED),
			event(enums.EVENT_TYPE_WORKFLOW_TASK_STARTED)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b *bench
			var counted []int
			b = newBench(t, &act{description: action.Description{Quick: true}, run: func(context.Context, *action.Call) (action.Output, error) {
				counted = append(counted, b.get().LostWorkers)
				return nil, action.Transient(errors.New("passing"), 0)
			}, tune: func(b *bench, o *templaterun.Options) {
				o.CrashBudget = budgetAfter(t, task(b.id.String(), test.attempt, test.events...))
			}}, stepOne)
			for range 2 {
				_, err := b.tryTurn()
				require.Error(t, err)
				require.Zero(t, b.get().LostWorkers, "it has come back")
			}
			require.Equal(t, []int{test.counted, 0}, counted, "itself and the one before it; and the next is an ordinary one")
		})
	}
}

// tryTurn executes `advance run`, which may fail.
func (b *bench) tryTurn() (engine.Next, error) {
	b.Helper()
	return does[engine.Next](b, engine.ActivityAdvance, engine.AdvanceRequest{RunID: b.id.String()})
}

func TestALongActivityIsCountedWhileItRuns(t *testing.T) {
	t.Parallel()
	for name, quick := range map[string]bool{"quick": true, "outside": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b *bench
			b = newBench(t, &act{description: action.Description{Quick: quick}, run: func(context.Context, *action.Call) (action.Output, error) {
				require.Eventually(t, func() bool { return b.get().LostWorkers == 1 }, time.Minute, 10*time.Millisecond)
				return nil, nil
			}}, stepOne)
			if !quick {
				b.must("test:act", b.request(0))
			}
			require.Equal(t, next(engine.NextEnd), b.advance(engine.AdvanceRequest{}))
			require.Zero(t, b.get().LostWorkers)
		})
	}
}

// TestARunThatCannotContinueIsParked: the key is missing, the record cannot be read, or its reader fails.
func TestARunThatCannotContinueIsParked(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		tune      func(b *bench, o *templaterun.Options)
		sql, says string
	}{
		"its key was removed": {says: "secrets of run", tune: func(b *bench, o *templaterun.Options) {
			keys, err := seal.NewKeyring(seal.GenerateKey("another"))
			require.NoError(b, err)
			o.Runs = run.NewStore(b.pool, keys)
		}},
		"its record cannot be read": {sql: "update runs set spec = '[]'", says: "decode its spec"},
		"what reads it panics":      {says: "panic: ", tune: func(_ *bench, o *templaterun.Options) { o.Planner = nil }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, &act{tune: func(b *bench, o *templaterun.Options) {
				o.StuckTimeout = time.Nanosecond
				if test.tune != nil {
					test.tune(b, o)
				}
			}}, stepOne)
			if test.sql != "" {
				b.record(run.Entry{}) // so that nobody remembers what was there
				_, err := b.pool.Exec(t.Context(), test.sql)
				require.NoError(t, err)
			}
			_, err := b.tryTurn()
			require.ErrorContains(t, err, test.says)
			require.Equal(t, run.StatusOpen, b.get().Status, "it may pass")
			require.Equal(t, next(engine.NextPark), b.advance(engine.AdvanceRequest{}))
			got := b.get()
			require.Equal(t, run.StatusFailed, got.Status)
			require.Equal(t, run.PhaseParked, got.Phase)
			require.Contains(t, got.Failure.Message, test.says)
			require.Contains(t, got.Failure.Advice, "retry")
			require.Equal(t, []string{"Run completed with status: failed"}, b.told())
			listed, _, err := b.runs.List(t.Context(), run.Rules.Everything(), run.Query{})
			require.NoError(t, err)
			require.Equal(t, got.Failure, listed[0].Failure, "a person sees it")
			require.Equal(t, engine.NextPark, b.advance(engine.AdvanceRequest{}).Kind, "repeated after a crash")
		})
	}
}

// TestThePanicThatParksARunShowsNoSecret: a panic prints its value, which may be of any length.
func TestThePanicThatParksARunShowsNoSecret(t *testing.T) {
	t.Parallel()
	var logged strings.Builder
	b := newBench(t, &act{
		wait: func() (time.Duration, error) { panic("no pause for " + secret + strings.Repeat("!", 3<<20)) },
		tune: func(_ *bench, o *templaterun.Options) {
			o.StuckTimeout, o.Log = time.Nanosecond, slog.New(slog.NewTextHandler(&logged, nil))
		},
	}, stepOne)
	_, err := b.tryTurn()
	require.ErrorContains(t, err, "no pause for ***!")
	for ; err != nil; err = errors.Unwrap(err) {
		require.NotContains(t, err.Error(), secret)
	}
	require.Equal(t, next(engine.NextPark), b.advance(engine.AdvanceRequest{}))
	require.Contains(t, b.progress.Failure.Message, "no pause for ***!")
	require.Len(t, b.progress.Failure.Message, engine.MaxFailureText)
	require.Contains(t, b.get().Failure.Message, "no pause for ***!")
	require.Greater(t, len(b.get().Failure.Message), 3<<20, "the record has all of it")
	require.NotContains(t, b.get().Failure.Message, secret)
	require.NotContains(t, logged.String(), secret)
}

// TestAFailedEndOfARollbackParksTheRun: its workflow does not end as if it were rolled back.
func TestAFailedEndOfARollbackParksTheRun(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{tune: func(_ *bench, o *templaterun.Options) { o.StuckTimeout, o.Planner = time.Nanosecond, nil }}, stepOne)
	b.record(run.Entry{Rollback: &run.StepFailure{FailedStep: "one"}})
	end := func() error {
		_, err := does[any](b, engine.ActivityEndRollback, engine.RollbackResult{RunID: b.id.String()})
		return err
	}
	require.ErrorContains(t, end(), "panic: ")
	require.Equal(t, run.PhaseRollingBack, b.get().Phase, "it may pass")
	failed, is := errors.AsType[*temporal.ApplicationError](end())
	require.True(t, is)
	require.True(t, failed.NonRetryable())
	require.Equal(t, engine.ErrorStuck, failed.Type())
	require.Contains(t, failed.Message(), "panic: ")
	require.Equal(t, run.PhaseParked, b.get().Phase)
	require.Equal(t, engine.ErrorStuck, b.get().Failure.Name)
}

// TestARunThatWasParkedBeforeACrashStaysParked: by then, the end of its rollback could be recorded.
func TestARunThatWasParkedBeforeACrashStaysParked(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{}, stepOne)
	b.record(run.Entry{Rollback: &run.StepFailure{FailedStep: "one"}})
	seen, err := b.runs.Version(t.Context(), b.id)
	require.NoError(t, err)
	parked, err := b.runs.Park(t.Context(), seen, fault.Failure{Name: engine.ErrorStuck, Message: "It could not be continued.", Advice: "Look."})
	require.NoError(t, err)
	require.True(t, parked)
	_, err = does[any](b, engine.ActivityEndRollback, engine.RollbackResult{RunID: b.id.String()})
	failed, is := errors.AsType[*temporal.ApplicationError](err)
	require.True(t, is)
	require.True(t, failed.NonRetryable())
	require.Equal(t, engine.ErrorStuck, failed.Type())
	require.Equal(t, "It could not be continued.", failed.Message())
	require.Equal(t, run.PhaseParked, b.get().Phase)
}

func TestAPanicInAnExpressionFailsItsStep(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{description: action.Description{Quick: true}, tune: func(_ *bench, o *templaterun.Options) {
		o.Planner = plan.NewPlanner(expression.New(expression.Options{IntegrationType: func(string) (string, bool) { panic("no such host") }}), plan.Environment{})
	}}, `{"id":"one","name":"One","action":"test:act","input":{"repo":"${{ 'github.com?owner=o&repo=r' | parseRepoUrl }}"}}`)
	require.Equal(t, next(engine.NextPark), b.advance(engine.AdvanceRequest{}))
	require.Contains(t, b.get().Failure.Message, "panicked: no such host")
	require.Contains(t, b.get().Failure.Advice, "report it")
}

func TestALargeRollbackRunsInParts(t *testing.T) {
	t.Parallel()
	b := newBench(t, &act{}, stepOne)
	ledger := b.ledger()
	for n := range 450 {
		_, err := ledger.Intend(t.Context(), action.Intent{Kind: "thing", Name: fmt.Sprint(n), Key: fmt.Sprint(n)})
		require.NoError(t, err)
	}
	b.record(run.Entry{Rollback: &run.StepFailure{FailedStep: "one"}})
	var undoing *engine.RollbackProgress
	var parts []int
	names := map[string]bool{}
	for more := true; more; {
		next := b.advance(engine.AdvanceRequest{Rollback: undoing})
		parts, more = append(parts, len(next.Effects)), next.More
		for _, effect := range next.Effects {
			names[effect.Summary] = true
		}
		undoing = &engine.RollbackProgress{Last: next.Effects[len(next.Effects)-1].ID}
	}
	require.Equal(t, []int{200, 200, 50}, parts)
	require.Len(t, names, 450, "what could not be undone is not named again")
}

func TestAnUndoThatLostThreeWorkersFails(t *testing.T) {
	t.Parallel()
	undone := 0
	b := newBench(t, &act{undo: func(*action.UndoCall) error {
		undone++
		return nil
	}}, stepOne)
	effect, err := b.ledger().Intend(t.Context(), action.Intent{Kind: "thing", Name: "x", Key: "x"})
	require.NoError(t, err)
	b.record(run.Entry{Rollback: &run.StepFailure{FailedStep: "one"}})
	b.record(run.Entry{LostWorkers: new(3)})
	undo := engine.UndoRequest{RunID: b.id.String(), EffectID: effect.ID}
	_, err = does[any](b, engine.ActivityUndoEffect, undo)
	require.ErrorContains(t, err, "lost over the undoing of thing x")
	require.Zero(t, undone)
	effects, err := b.runs.Effects(t.Context(), b.id)
	require.NoError(t, err)
	require.Equal(t, action.EffectIntended, effects[0].State)
	require.Contains(t, effects[0].Note, "3 workers in a row")

	b.must(engine.ActivityUndoEffect, undo)
	require.Equal(t, 1, undone, "the next undo, and a requested rollback, have all their attempts")
}
