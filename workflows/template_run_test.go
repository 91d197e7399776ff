package workflows_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/workflows"
)

// stage replaces the activities of the workflow: a script has the results of `advance run`, and all calls are
// recorded in order.
type stage struct {
	environment *testsuite.TestWorkflowEnvironment
	// script has the results of `advance run`; after the last one, the run has ended.
	script   []engine.Next
	advances []engine.AdvanceRequest
	// onAdvance replaces a result; nil uses the script.
	onAdvance func(engine.AdvanceRequest) error
	// act is the action; nil means that it succeeds.
	act  func(engine.ActionRequest) error
	undo func(engine.UndoRequest) error
	told []string
	// ended is how the last rollback ended; endFails is the error of recording that.
	ended    engine.RollbackResult
	endFails error
	// failsAs is the type of the workflow's error, "" when it completes.
	failsAs string
}

func newStage(script ...engine.Next) *stage {
	var suite testsuite.WorkflowTestSuite
	s := &stage{environment: newEnvironment(&suite), script: script}
	workflows.Register(s.environment, workflows.QueueRuns)
	s.register(engine.ActivityAdvance, s.advance)
	s.register(engine.ActivityExpireRun, func(engine.Command) error {
		s.tell("expire")
		return nil
	})
	s.register(engine.ActivityUndoEffect, func(undo engine.UndoRequest) error {
		s.tell("undo " + undo.EffectID)
		if s.undo != nil {
			return s.undo(undo)
		}
		return nil
	})
	s.register(engine.ActivityEndRollback, func(end engine.RollbackResult) error {
		s.ended = end
		s.tell(fmt.Sprintf("end rollback, %d left", end.Remaining))
		return s.endFails
	})
	s.register("act", func(request engine.ActionRequest) error {
		s.tell(fmt.Sprintf("act %d/%d", request.Position, request.Iteration))
		if s.act != nil {
			return s.act(request)
		}
		return nil
	})
	return s
}

func (s *stage) register(name string, function any) {
	s.environment.RegisterActivityWithOptions(function, activity.RegisterOptions{Name: name})
}

func (s *stage) tell(what string) { s.told = append(s.told, what) }

func (s *stage) advance(request engine.AdvanceRequest) (engine.Next, error) {
	s.advances = append(s.advances, request)
	if s.onAdvance != nil {
		if err := s.onAdvance(request); err != nil {
			return engine.Next{}, err
		}
	}
	next := engine.Next{Kind: engine.NextEnd}
	if len(s.script) > 0 {
		next, s.script = s.script[0], s.script[1:]
	}
	s.tell(string(next.Kind))
	next.Settings = engine.Settings{StepTimeout: time.Hour, HeartbeatTimeout: time.Minute, InitialInterval: time.Second,
		MaximumInterval: time.Minute, MaximumAttempts: 3, ParkedExpiry: 7 * 24 * time.Hour}
	return next, nil
}

func (s *stage) last() engine.AdvanceRequest { return s.advances[len(s.advances)-1] }

func (s *stage) run(t *testing.T) {
	t.Helper()
	s.environment.ExecuteWorkflow(engine.WorkflowTemplateRun, engine.Command{RunID: "run-1"})
	require.True(t, s.environment.IsWorkflowCompleted())
	if s.failsAs == "" {
		require.NoError(t, s.environment.GetWorkflowError())
		return
	}
	var failed *temporal.ApplicationError
	require.ErrorAs(t, s.environment.GetWorkflowError(), &failed)
	require.Equal(t, s.failsAs, failed.Type())
	require.True(t, failed.NonRetryable())
}

// signal sends a signal after some time.
func (s *stage) signal(after time.Duration, name string, argument any) {
	s.environment.RegisterDelayedCallback(func() { s.environment.SignalWorkflow(name, argument) }, after)
}

func act(position int) engine.Next {
	return engine.Next{Kind: engine.NextAction, Action: &engine.Action{ID: "act", Summary: "Act", Position: position}}
}

func (s *stage) waiting(duration time.Duration) engine.Next {
	return engine.Next{Kind: engine.NextWait, Wait: &engine.Wait{Until: s.environment.Now().Add(duration), Summary: "Wait"}}
}

var errTaken = temporal.NewNonRetryableApplicationError("the name is taken", "ConflictError", nil, "Choose another name.")

func TestARunOfQuickStepsIsOneActivity(t *testing.T) {
	t.Parallel()
	s := newStage()
	s.run(t)
	require.Equal(t, []string{"end"}, s.told)
	require.Equal(t, []engine.AdvanceRequest{{RunID: "run-1"}}, s.advances)
}

func TestActionsAreRunOneAfterAnother(t *testing.T) {
	t.Parallel()
	s := newStage(act(0), act(2))
	s.run(t)
	require.Equal(t, []string{"act", "act 0/0", "act", "act 2/0", "end"}, s.told)
	require.Nil(t, s.last().Failed)
}

func TestAdvanceGetsTheFailureOfTheAction(t *testing.T) {
	t.Parallel()
	s := newStage(act(1), engine.Next{Kind: engine.NextPark})
	s.act = func(engine.ActionRequest) error { return errTaken }
	s.run(t)
	require.Equal(t, []string{"act", "act 1/0", "park", "expire"}, s.told, "the run has expired")
	require.Equal(t, &engine.FailedAction{Position: 1, Failure: fault.Failure{
		Name: "ConflictError", Message: "the name is taken", Advice: "Choose another name."}}, s.last().Failed)
}

func TestTransientErrorsAreRetried(t *testing.T) {
	t.Parallel()
	s := newStage(act(0))
	left := 2
	s.act = func(engine.ActionRequest) error {
		if left--; left >= 0 {
			return temporal.NewApplicationError("502 from the forge", "Error")
		}
		return nil
	}
	s.run(t)
	require.Equal(t, []string{"act", "act 0/0", "act 0/0", "act 0/0", "end"}, s.told)
}

func TestAdvanceIsRetriedWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	s := newStage()
	s.onAdvance = func(engine.AdvanceRequest) error {
		if len(s.advances) < 3 {
			return errors.New("the database is starting up")
		}
		return nil
	}
	s.run(t)
	require.Len(t, s.advances, 3)
}

func TestADecisionContinuesAParkedRun(t *testing.T) {
	t.Parallel()
	s := newStage(engine.Next{Kind: engine.NextPark}, engine.Next{Kind: engine.NextEnd, Generation: 1})
	s.signal(3*24*time.Hour, engine.SignalContinue, engine.Command{RunID: "run-1", Generation: 1})
	s.run(t)
	require.Equal(t, []string{"park", "end"}, s.told)
}

func TestAnOutdatedDecisionIsIgnored(t *testing.T) {
	t.Parallel()
	s := newStage(engine.Next{Kind: engine.NextPark, Generation: 1})
	s.signal(time.Hour, engine.SignalContinue, engine.Command{RunID: "run-1", Generation: 1})
	s.run(t)
	require.Equal(t, []string{"park", "expire"}, s.told)
}

func TestADecisionWhileTheRunEndsIsNotLost(t *testing.T) {
	t.Parallel()
	s := newStage(engine.Next{Kind: engine.NextEnd}, engine.Next{Kind: engine.NextEnd, Generation: 1})
	s.onAdvance = func(engine.AdvanceRequest) error {
		// The signal is delivered twice, and the second time it is outdated.
		s.environment.SignalWorkflow(engine.SignalContinue, engine.Command{RunID: "run-1", Generation: 1})
		return nil
	}
	s.run(t)
	require.Equal(t, []string{"end", "end"}, s.told)
}

func TestAWaitIsATimer(t *testing.T) {
	t.Parallel()
	s := newStage()
	s.script = []engine.Next{s.waiting(48 * time.Hour)}
	before := s.environment.Now()
	s.run(t)
	require.Equal(t, []string{"wait", "end"}, s.told)
	require.GreaterOrEqual(t, s.environment.Now().Sub(before), 48*time.Hour)
	require.False(t, s.last().Cancelled)
}

func TestACancelEndsAWait(t *testing.T) {
	t.Parallel()
	s := newStage()
	s.script = []engine.Next{s.waiting(48 * time.Hour), {Kind: engine.NextPark}}
	s.signal(time.Minute, engine.SignalCancel, nil)
	s.run(t)
	require.Equal(t, []string{"wait", "park", "expire"}, s.told)
	require.True(t, s.last().Cancelled)
}

// TestAWakeEndsAWait: what the step waits for may have happened. A wake that comes before the wait is not lost.
func TestAWakeEndsAWait(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]time.Duration{"during the wait": time.Minute, "before the wait": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage()
			s.script = []engine.Next{s.waiting(48 * time.Hour)}
			before := s.environment.Now()
			s.signal(after, engine.SignalWake, nil)
			s.run(t)
			require.Equal(t, []string{"wait", "end"}, s.told)
			require.True(t, s.last().Woken)
			require.Less(t, s.environment.Now().Sub(before), time.Hour)
		})
	}
}

func TestACancellationEndsAnActionAndIsPassedOn(t *testing.T) {
	t.Parallel()
	s := newStage(act(0), act(1), engine.Next{Kind: engine.NextPark})
	s.act = func(request engine.ActionRequest) error {
		if request.Position == 0 {
			s.environment.SignalWorkflow(engine.SignalCancel, nil)
			return temporal.NewCanceledError()
		}
		return nil
	}
	s.run(t)
	require.Nil(t, s.advances[1].Failed, "a cancelled action has not failed")
	require.True(t, s.advances[1].Cancelled)
	require.True(t, s.advances[2].Cancelled)
}

func TestARetryOfACancelledRunIsNotCancelled(t *testing.T) {
	t.Parallel()
	s := newStage()
	s.script = []engine.Next{s.waiting(time.Hour), {Kind: engine.NextPark}}
	s.signal(time.Minute, engine.SignalCancel, nil)
	s.signal(2*time.Minute, engine.SignalContinue, engine.Command{RunID: "run-1", Generation: 1})
	s.run(t)
	require.Equal(t, []string{"wait", "park", "end"}, s.told)
	require.False(t, s.last().Cancelled)
}

func rollingBack() engine.Next {
	return engine.Next{Kind: engine.NextRollback, Generation: 1, Progress: engine.Progress{State: "rollingBack"}, Effects: []engine.EffectRef{{ID: "location"}, {ID: "repository"}}}
}

func TestARollbackUndoesEffectsInOrder(t *testing.T) {
	t.Parallel()
	s := newStage(engine.Next{Kind: engine.NextPark}, rollingBack())
	s.signal(time.Hour, engine.SignalContinue, engine.Command{RunID: "run-1", Generation: 1})
	s.failsAs = workflows.ErrorRolledBack
	s.run(t)
	require.Equal(t, []string{"park", "rollBack", "undo location", "undo repository", "end rollback, 0 left"}, s.told)
}

func TestAFailedUndoDoesNotStopARollback(t *testing.T) {
	t.Parallel()
	s := newStage(rollingBack(), rollingBack())
	s.undo = func(undo engine.UndoRequest) error {
		if undo.EffectID == "location" {
			return temporal.NewNonRetryableApplicationError("the catalog is gone", "Error", errors.New("gone"))
		}
		return nil
	}
	s.failsAs = workflows.ErrorExpired
	s.run(t)
	require.Equal(t, []string{"rollBack", "undo location", "undo repository", "end rollback, 1 left", "expire"}, s.told,
		"a rollback that failed is not begun again by itself")
}

// TestTheCauseOfAFailedRollbackIsBounded: Temporal refuses the result of a workflow that is too large.
func TestTheCauseOfAFailedRollbackIsBounded(t *testing.T) {
	t.Parallel()
	s := newStage(rollingBack())
	s.undo = func(engine.UndoRequest) error {
		return temporal.NewNonRetryableApplicationError("502: "+strings.Repeat("x", 3<<20), "Error", nil)
	}
	s.failsAs = workflows.ErrorExpired
	s.run(t)
	require.ErrorContains(t, s.environment.GetWorkflowError(), "it had failed with Error: 502: xxx")
	require.Less(t, len(s.environment.GetWorkflowError().Error()), 2*engine.MaxFailureText)
}

func TestARunThatIsParkedInsteadOfRolledBackWaitsForADecision(t *testing.T) {
	t.Parallel()
	s := newStage(rollingBack(), engine.Next{Kind: engine.NextEnd, Progress: engine.Progress{State: engine.StateRolledBack}})
	s.endFails = temporal.NewNonRetryableApplicationError("its record cannot be read", engine.ErrorStuck, nil)
	s.signal(time.Hour, engine.SignalContinue, engine.Command{RunID: "run-1", Generation: 2})
	s.failsAs = workflows.ErrorRolledBack
	s.run(t)
	require.Equal(t, []string{"rollBack", "undo location", "undo repository", "end rollback, 0 left", "end"}, s.told)

	s = newStage(rollingBack())
	s.endFails = temporal.NewNonRetryableApplicationError("its record cannot be read", engine.ErrorStuck, nil)
	s.failsAs = workflows.ErrorExpired
	s.run(t)
	require.Equal(t, []string{"rollBack", "undo location", "undo repository", "end rollback, 0 left", "expire"}, s.told)
	require.ErrorContains(t, s.environment.GetWorkflowError(), "it had failed with StuckError: its record cannot be read")
}

// continuing runs the workflow until it continues as new, and returns the input of the next execution.
func (s *stage) continuing(t *testing.T, command engine.Command) engine.Command {
	t.Helper()
	s.environment.ExecuteWorkflow(engine.WorkflowTemplateRun, command)
	require.True(t, s.environment.IsWorkflowCompleted())
	var asNew *workflow.ContinueAsNewError
	require.ErrorAs(t, s.environment.GetWorkflowError(), &asNew)
	require.Equal(t, engine.WorkflowTemplateRun, asNew.WorkflowType.Name)
	var next engine.Command
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(asNew.Input, &next))
	return next
}

func TestALongHistoryContinuesAsNew(t *testing.T) {
	t.Parallel()
	for what, lengthen := range map[string]func(*testsuite.TestWorkflowEnvironment){
		"suggested by Temporal": func(e *testsuite.TestWorkflowEnvironment) { e.SetContinueAsNewSuggested(true) },
		"long by itself":        func(e *testsuite.TestWorkflowEnvironment) { e.SetCurrentHistoryLength(20_000) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := newStage(act(0), act(1))
			s.act = func(request engine.ActionRequest) error {
				if request.Position == 0 {
					lengthen(s.environment)
					// A signal that arrives now is also in the record, which the next execution reads.
					s.environment.SignalWorkflow(engine.SignalContinue, engine.Command{RunID: "run-1"})
				}
				return nil
			}
			s.script[0].Generation = 3
			next := s.continuing(t, engine.Command{RunID: "run-1", Generation: 3, Summary: "Shop"})
			require.Equal(t, engine.Command{RunID: "run-1", Generation: 3, Summary: "Shop"}, next)
			require.Equal(t, []string{"act", "act 0/0"}, s.told)
		})
	}
}

func TestResultsAreRecordedBeforeContinueAsNew(t *testing.T) {
	t.Parallel()
	s := newStage(act(0), act(1))
	s.act = func(request engine.ActionRequest) error {
		s.environment.SetContinueAsNewSuggested(true)
		if request.Position == 0 {
			return errTaken
		}
		return nil
	}
	s.continuing(t, engine.Command{RunID: "run-1"})
	require.Equal(t, []string{"act", "act 0/0", "act", "act 1/0"}, s.told)
	require.NotNil(t, s.advances[1].Failed)
}

func TestACancelledRunDoesNotContinueAsNew(t *testing.T) {
	t.Parallel()
	s := newStage(act(0), engine.Next{Kind: engine.NextPark})
	s.act = func(engine.ActionRequest) error {
		s.environment.SetContinueAsNewSuggested(true)
		s.environment.SignalWorkflow(engine.SignalCancel, nil)
		return temporal.NewCanceledError()
	}
	s.run(t)
	require.Equal(t, []string{"act", "act 0/0", "park", "expire"}, s.told)
	require.True(t, s.last().Cancelled)
}

func undoing(more bool, ids ...string) engine.Next {
	next := engine.Next{Kind: engine.NextRollback, Generation: 1, Progress: engine.Progress{State: "rollingBack"}, More: more}
	for _, id := range ids {
		next.Effects = append(next.Effects, engine.EffectRef{ID: id})
	}
	return next
}

func TestALongRollbackRunsInParts(t *testing.T) {
	t.Parallel()
	s := newStage(undoing(true, "d", "c"), undoing(false, "b", "a"))
	s.undo = func(undo engine.UndoRequest) error {
		if undo.EffectID == "c" || undo.EffectID == "a" {
			return errTaken
		}
		return nil
	}
	s.failsAs = workflows.ErrorExpired
	s.run(t)
	require.Equal(t, []string{"rollBack", "undo d", "undo c", "rollBack", "undo b", "undo a", "end rollback, 2 left", "expire"}, s.told)
	require.Equal(t, "c", s.advances[1].Rollback.Last)
	require.Equal(t, "ConflictError", s.ended.Failure.Name)
}

func TestALongRollbackContinuesAsNew(t *testing.T) {
	t.Parallel()
	s := newStage(undoing(true, "d", "c"))
	s.undo = func(undo engine.UndoRequest) error {
		s.environment.SetContinueAsNewSuggested(true)
		if undo.EffectID == "c" {
			return errTaken
		}
		return nil
	}
	next := s.continuing(t, engine.Command{RunID: "run-1", Generation: 1})
	require.Equal(t, "c", next.Rollback.Last)
	require.Equal(t, 1, next.Rollback.Remaining)

	s = newStage(undoing(false, "b"))
	s.environment.ExecuteWorkflow(engine.WorkflowTemplateRun, next)
	require.ErrorContains(t, s.environment.GetWorkflowError(), "nobody decided about the failed run in time")
	require.Equal(t, []string{"rollBack", "undo b", "end rollback, 1 left", "expire"}, s.told)
	require.Equal(t, next.Rollback, s.advances[0].Rollback)
}
