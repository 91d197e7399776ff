package workflows_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/workflows"
)

// stage is a run's record and its actions as the workflow sees them, in memory: what it was told, in order.
type stage struct {
	environment *testsuite.TestWorkflowEnvironment
	plan        engine.Plan
	// prepared are the answers to "prepare step", by position; a step that is missing runs the action "act" once.
	prepared map[int]engine.Prepared
	// act is the action; nil succeeds.
	act  func(engine.ActionRequest) (engine.ActionResult, error)
	undo func(engine.Undo) error
	told []string
	end  engine.Finish
}

func newStage(t *testing.T, steps ...string) *stage {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	s := &stage{environment: suite.NewTestWorkflowEnvironment(), prepared: map[int]engine.Prepared{}}
	s.plan = engine.Plan{Mode: engine.ModeExecute, Settings: engine.Settings{StepTimeout: time.Hour, HeartbeatTimeout: time.Minute,
		InitialInterval: time.Second, MaximumInterval: time.Minute, MaximumAttempts: 3, ParkedExpiry: 7 * 24 * time.Hour}}
	for _, step := range steps {
		s.plan.Steps = append(s.plan.Steps, engine.PlanStep{ID: step, Name: "Step " + step})
	}
	workflows.Register(s.environment)
	s.register(engine.ActivityBeginRun, func(engine.Command) (engine.Plan, error) {
		s.tell("begin")
		return s.plan, nil
	})
	s.register(engine.ActivityPrepareStep, s.prepare)
	s.register(engine.ActivityBeginWait, func(wait engine.Wait) error {
		s.tell("wait " + s.plan.Steps[wait.Position].ID)
		return nil
	})
	s.register(engine.ActivityFailStep, func(failed engine.FailedStep) error {
		s.tell("fail " + s.plan.Steps[failed.Position].ID + ": " + failed.Failure.Message)
		return nil
	})
	s.register(engine.ActivityFinishRun, func(finish engine.Finish) (engine.Finished, error) {
		s.end = finish
		s.tell("finish")
		return engine.Finished{}, nil
	})
	s.register(engine.ActivityExpireRun, func(engine.Command) error {
		s.tell("expire")
		return nil
	})
	s.register(engine.ActivityBeginRollback, func(engine.Command) error {
		s.tell("begin rollback")
		s.plan.Mode, s.plan.Generation = engine.ModeRollBack, s.plan.Generation+1
		return nil
	})
	s.register(engine.ActivityUndoEffect, func(undo engine.Undo) error {
		s.tell("undo " + undo.EffectID)
		if s.undo != nil {
			return s.undo(undo)
		}
		return nil
	})
	s.register(engine.ActivityEndRollback, func(end engine.RollbackEnd) error {
		s.tell("end rollback")
		return nil
	})
	s.register("act", func(request engine.ActionRequest) (engine.ActionResult, error) {
		s.tell("act " + s.plan.Steps[request.Position].ID)
		if s.act != nil {
			return s.act(request)
		}
		return engine.ActionResult{Workspace: "after " + s.plan.Steps[request.Position].ID}, nil
	})
	return s
}

func (s *stage) register(name string, function any) {
	s.environment.RegisterActivityWithOptions(function, activity.RegisterOptions{Name: name})
}

func (s *stage) prepare(request engine.StepRequest) (engine.Prepared, error) {
	if request.PreviousFailed {
		return engine.Prepared{Skip: true}, nil
	}
	if prepared, has := s.prepared[request.Position]; has {
		return prepared, nil
	}
	return engine.Prepared{Action: "act", Iterations: []engine.PreparedIteration{{}}}, nil
}

func (s *stage) tell(what string) { s.told = append(s.told, what) }

func (s *stage) run(t *testing.T) {
	t.Helper()
	s.environment.ExecuteWorkflow(engine.WorkflowTemplateRun, engine.Command{RunID: "run-1"})
	require.True(t, s.environment.IsWorkflowCompleted())
	require.NoError(t, s.environment.GetWorkflowError())
}

// decide sends a decision about the parked run after some time.
func (s *stage) decide(after time.Duration, change func()) {
	s.environment.RegisterDelayedCallback(func() {
		change()
		s.plan.Generation++
		s.environment.SignalWorkflow(engine.SignalContinue, engine.Command{RunID: "run-1", Generation: s.plan.Generation})
	}, after)
}

func TestStepsRunInOrderAndHandTheWorkspaceOn(t *testing.T) {
	t.Parallel()
	s := newStage(t, "fetch", "publish")
	s.prepared[0] = engine.Prepared{Action: "act", Quick: true, Iterations: []engine.PreparedIteration{{Index: 0}, {Index: 1}}}
	var seen []string
	s.act = func(request engine.ActionRequest) (engine.ActionResult, error) {
		seen = append(seen, request.Workspace)
		return engine.ActionResult{Workspace: request.Workspace + "+"}, nil
	}
	s.run(t)
	require.Equal(t, []string{"begin", "act fetch", "act fetch", "act publish", "finish"}, s.told)
	require.Equal(t, []string{"", "+", "++"}, seen)
	require.Nil(t, s.end.Failure)
}

func TestASkippedStepRunsNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t, "maybe", "always")
	s.prepared[0] = engine.Prepared{Skip: true}
	s.run(t)
	require.Equal(t, []string{"begin", "act always", "finish"}, s.told)
}

func TestAFailedRunIsParkedUntilItsTimeIsOver(t *testing.T) {
	t.Parallel()
	s := newStage(t, "one", "two", "three")
	s.act = failAt(s, "two", temporal.NewNonRetryableApplicationError("the name is taken", "ConflictError", nil))
	s.run(t)
	require.Equal(t, []string{"begin", "act one", "act two", "fail two: the name is taken", "finish", "expire"}, s.told)
	require.Equal(t, "two", s.end.FailedStep)
	require.Equal(t, &engine.Failure{Name: "ConflictError", Message: "the name is taken"}, s.end.Failure)
}

func failAt(s *stage, step string, err error) func(engine.ActionRequest) (engine.ActionResult, error) {
	return func(request engine.ActionRequest) (engine.ActionResult, error) {
		if s.plan.Steps[request.Position].ID == step {
			return engine.ActionResult{}, err
		}
		return engine.ActionResult{}, nil
	}
}

func TestARetryGoesOnFromTheFailedStep(t *testing.T) {
	t.Parallel()
	s := newStage(t, "one", "two")
	s.act = failAt(s, "two", temporal.NewNonRetryableApplicationError("no", "Error", nil))
	s.decide(3*24*time.Hour, func() {
		s.act = nil
		s.plan.Steps[0].Done = true
	})
	s.run(t)
	require.Equal(t, []string{"begin", "act one", "act two", "fail two: no", "finish", "begin", "act two", "finish"}, s.told)
}

func TestATransientErrorIsRetriedByItself(t *testing.T) {
	t.Parallel()
	s := newStage(t, "one")
	left := 2
	s.act = func(engine.ActionRequest) (engine.ActionResult, error) {
		if left--; left >= 0 {
			return engine.ActionResult{}, temporal.NewApplicationError("502 from the forge", "Error")
		}
		return engine.ActionResult{}, nil
	}
	s.run(t)
	require.Equal(t, []string{"begin", "act one", "act one", "act one", "finish"}, s.told)
}

func TestAnOldDecisionIsNotObeyedTwice(t *testing.T) {
	t.Parallel()
	s := newStage(t, "one")
	s.act = failAt(s, "one", temporal.NewNonRetryableApplicationError("no", "Error", nil))
	s.environment.RegisterDelayedCallback(func() {
		s.environment.SignalWorkflow(engine.SignalContinue, engine.Command{RunID: "run-1", Generation: 0})
	}, time.Hour)
	s.run(t)
	require.Equal(t, []string{"begin", "act one", "fail one: no", "finish", "expire"}, s.told)
}

func TestAWaitHoldsATimerAndNoWorker(t *testing.T) {
	t.Parallel()
	s := newStage(t, "wait")
	s.prepared[0] = engine.Prepared{Action: "act", Iterations: []engine.PreparedIteration{{Wait: 48 * time.Hour}}}
	before := s.environment.Now()
	s.run(t)
	require.Equal(t, []string{"begin", "wait wait", "act wait", "finish"}, s.told)
	require.GreaterOrEqual(t, s.environment.Now().Sub(before), 48*time.Hour)
}

func TestACancelEndsTheWaitAndSkipsTheRest(t *testing.T) {
	t.Parallel()
	s := newStage(t, "wait", "after")
	s.prepared[0] = engine.Prepared{Action: "act", Iterations: []engine.PreparedIteration{{Wait: 48 * time.Hour}}}
	s.environment.RegisterDelayedCallback(func() { s.environment.SignalWorkflow(engine.SignalCancel, nil) }, time.Minute)
	s.run(t)
	require.Equal(t, []string{"begin", "wait wait", "fail wait: Step wait (Step wait) of task run-1 has been cancelled.", "finish", "expire"}, s.told)
	require.True(t, s.end.Cancelled)
}

func TestARollbackUndoesTheLastThingFirstAndStopsAtNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t, "one")
	s.act = failAt(s, "one", temporal.NewNonRetryableApplicationError("no", "Error", nil))
	s.undo = func(undo engine.Undo) error {
		if undo.EffectID == "location" {
			return temporal.NewNonRetryableApplicationError("the catalog is gone", "Error", errors.New("gone"))
		}
		return nil
	}
	s.decide(time.Hour, func() {
		s.plan.Mode = engine.ModeRollBack
		s.plan.Effects = []engine.PlanEffect{{ID: "location"}, {ID: "repository"}}
	})
	s.run(t)
	require.Equal(t, []string{"begin", "undo location", "undo repository", "end rollback", "expire"}, s.told[slices.Index(s.told, "finish")+1:],
		"what could not be undone leaves the run parked")
}

func TestATemplateMayAskToBeRolledBackWhenItFails(t *testing.T) {
	t.Parallel()
	s := newStage(t, "one")
	s.plan.RollBackOnFailure = true
	s.plan.Effects = []engine.PlanEffect{{ID: "repository"}}
	s.act = failAt(s, "one", temporal.NewNonRetryableApplicationError("no", "Error", nil))
	s.run(t)
	require.Equal(t, []string{"begin", "act one", "fail one: no", "finish", "begin rollback", "begin", "undo repository", "end rollback"}, s.told)
}

func TestARunThatHasEndedRests(t *testing.T) {
	t.Parallel()
	s := newStage(t, "one")
	s.plan.Mode = engine.ModeRest
	s.run(t)
	require.Equal(t, []string{"begin"}, s.told)
}
