package templaterun

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.temporal.io/sdk/activity"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/template"
	"github.com/portico-dev/portico/telemetry"
)

// undoEffect asks the action that made an effect to remove it. An effect whose removal killed several workers
// is left as it is, with the reason on the ledger.
func (a *Activities) undoEffect(ctx context.Context, undo engine.UndoRequest) error {
	ctx, state, err := a.load(ctx, undo.RunID)
	if err == nil {
		err = a.undoOnce(ctx, state, undo)
	}
	if err != nil && isStuckCause(ctx, err) {
		return state.maskCause(err)
	}
	return err
}

func (a *Activities) undoOnce(ctx context.Context, state *runState, undo engine.UndoRequest) (err error) {
	defer fault.Recover(&err)
	defer keepAlive(ctx)()
	effect, err := a.Runs.Effect(ctx, undo.EffectID)
	if err != nil {
		return err
	}
	if effect.State == action.EffectUndone {
		return nil
	}
	log := &effectLog{runState: state, effect: effect, prefix: fmt.Sprintf("%d/undo/%s/%d", undo.Generation, effect.ID, activity.GetInfo(ctx).Attempt)}
	if state.hasLostAllWorkers() {
		cause := workerLost("the undoing of " + state.redact.Text(effect.Kind+" "+effect.Name))
		return cmp.Or(log.recordLeft(ctx, errors.New(cause.Message)), (&failedAttempt{failure: cause}).temporal(0))
	}
	guard, err := a.guard(ctx, state, false, true)
	if err != nil {
		return err
	}
	defer guard.Release(ctx)
	return a.undo(ctx, undo, log)
}

// undo calls the action's Undo for the effect of the log, and records the result.
func (a *Activities) undo(ctx context.Context, undo engine.UndoRequest, log *effectLog) error {
	state, effect := log.runState, log.effect
	does, err := a.Actions.Lookup(effect.ActionID)
	if err != nil {
		return state.undoFailed(err)
	}
	err = a.callUndo(ctx, does, &action.UndoCall{RunID: undo.RunID, Effect: effect, Secrets: state.scope.Secrets, Log: log,
		User: state.Spec.User, Starter: state.Starter})
	changed := run.EffectChange{ID: effect.ID, State: action.EffectUndone}
	if inUse, is := errors.AsType[*action.InUseError](err); is {
		log.Warn("Kept %s %s: %s", effect.Kind, effect.Name, inUse.Reason)
		changed.State, changed.Note = action.EffectKept, state.redact.Text(inUse.Reason)
	} else if err != nil {
		return cmp.Or(log.recordLeft(ctx, err), state.undoFailed(err))
	} else {
		log.Info("Undid %s %s", effect.Kind, effect.Name)
	}
	return state.record(ctx, run.Entry{Events: log.events, Effects: []run.EffectChange{changed}})
}

// callUndo calls the action's Undo. A panic is a final error.
func (a *Activities) callUndo(ctx context.Context, does action.Action, call *action.UndoCall) (err error) {
	step := template.Step{ID: call.Effect.StepID, Action: call.Effect.ActionID}
	ctx, observed := a.observe(telemetry.InStep(ctx, step.ID), "undo "+step.ID, step,
		attribute.String("portico.run.id", call.RunID), attribute.String("portico.effect.kind", call.Effect.Kind))
	defer func() { observed.endUndo(err) }()
	defer func() { err = a.explainPanic(ctx, err, step, "the undoing of action "+step.Action) }()
	defer fault.Recover(&err)
	return does.Undo(ctx, call)
}

// recordLeft records that the effect still exists, and why.
func (l *effectLog) recordLeft(ctx context.Context, cause error) error {
	l.Error("Could not undo %s %s: %s", l.effect.Kind, l.effect.Name, cause)
	open := run.EffectChange{ID: l.effect.ID, State: l.effect.State, Note: l.redact.Text(cause.Error())}
	return l.record(ctx, run.Entry{Events: l.events, Effects: []run.EffectChange{open}, LostWorkers: new(0)})
}

func (s *runState) undoFailed(cause error) error {
	failed := failedAttempt{failure: s.failure(cause), again: action.IsTransient(cause), after: action.RetryAfter(cause)}
	return failed.temporal(failed.after)
}

// endRollback records how the rollback ended. On the wire the run has failed, with an error that says that it
// was rolled back: Backstage knows no better word. It fails for good when the run was parked instead, because
// that could not be recorded.
func (a *Activities) endRollback(ctx context.Context, end engine.RollbackResult) error {
	ctx, state, err := a.load(ctx, end.RunID)
	if err == nil {
		err = a.recordRollback(ctx, state, end)
	}
	next, err := a.parkIfStuck(ctx, end.RunID, state, engine.Next{}, err)
	if err != nil || next.Kind != engine.NextPark {
		return err
	}
	return parkedInstead(next.Progress.Failure)
}

// parkedInstead is the final error of endRollback for a run that was parked with this failure.
func parkedInstead(failure *fault.Failure) error {
	stuck := failure.Cut(engine.MaxFailureText)
	stuck.Name = engine.ErrorStuck
	return (&failedAttempt{failure: *stuck}).temporal(0)
}

func (a *Activities) recordRollback(ctx context.Context, state *runState, end engine.RollbackResult) (err error) {
	defer fault.Recover(&err)
	switch {
	case state.Generation != end.Generation:
		return nil // recorded before a crash, and the run was reopened since
	case state.Phase == run.PhaseParked && end.Remaining == 0:
		return parkedInstead(state.Failure) // parked before a crash
	case state.Status.Ended():
		return nil // recorded before a crash
	}
	effects, err := a.Runs.Effects(ctx, state.ID)
	if err != nil {
		return err
	}
	failure, phase := rollbackOutcome(effects, end)
	ended := state.runCompleted(run.StatusFailed, nil, failure)
	if phase == run.PhaseRolledBack {
		ended.Body.Message = failure.Message // it succeeded: only its status on the wire is Backstage's
	}
	return state.record(ctx, run.Entry{
		Events: []run.NewEvent{ended},
		End: &run.Ending{Status: run.StatusFailed, Phase: phase, FailedStep: state.FailedStep, Failure: failure,
			ForgetSecrets: phase == run.PhaseRolledBack},
	})
}

func rollbackOutcome(effects []action.Effect, end engine.RollbackResult) (*fault.Failure, run.Phase) {
	undone, kept := 0, 0
	var left []action.Effect
	for _, effect := range effects {
		switch effect.State {
		case action.EffectUndone:
			undone++
		case action.EffectKept:
			kept++
		case action.EffectIntended, action.EffectCreated:
			left = append(left, effect)
		}
	}
	if end.Remaining > 0 {
		return incomplete(undone, left, end), run.PhaseParked
	}
	if kept > 0 {
		return &fault.Failure{Name: "RolledBackError", Message: fmt.Sprintf("The run was rolled back: %d undone, %d kept", undone, kept),
			Advice: "Look at what was kept, and remove it by hand if it is not needed."}, run.PhaseRolledBack
	}
	return &fault.Failure{Name: "RolledBackError", Message: fmt.Sprintf("The run was rolled back: %d undone, nothing is left of it", undone)}, run.PhaseRolledBack
}

// incomplete is the failure of a rollback that could not undo everything.
func incomplete(undone int, left []action.Effect, end engine.RollbackResult) *fault.Failure {
	things := "1 thing is left"
	if end.Remaining != 1 {
		things = fmt.Sprintf("%d things are left", end.Remaining)
	}
	var reasons []string
	for _, effect := range left {
		if effect.Note != "" {
			reasons = append(reasons, effect.Note)
		}
	}
	next := "Mend the cause and roll back again: what is undone stays undone."
	if end.Failure != nil {
		if len(reasons) == 0 {
			reasons = []string{end.Failure.Message}
		}
		if len(left) < 2 && end.Failure.Advice != "" {
			next = end.Failure.Advice
		}
	}
	message := fmt.Sprintf("The rollback undid %d; %s", undone, things)
	if len(reasons) > 0 {
		message += ", because " + strings.Join(reasons, "; ")
	}
	return &fault.Failure{Name: "RollbackError", Message: message, Advice: next}
}

// effectLog implements action.Log for the undoing of one effect.
type effectLog struct {
	*runState
	effect action.Effect
	// prefix begins the keys of this attempt's lines.
	prefix string
	events []run.NewEvent
}

func (l *effectLog) Info(format string, args ...any)  { l.line(run.InfoLevel, format, args) }
func (l *effectLog) Warn(format string, args ...any)  { l.line(run.WarnLevel, format, args) }
func (l *effectLog) Error(format string, args ...any) { l.line(run.ErrorLevel, format, args) }

func (l *effectLog) line(level, format string, args []any) {
	l.events = append(l.events, run.NewEvent{
		Type: run.EventLog, Key: fmt.Sprintf("%s/%d", l.prefix, len(l.events)),
		Body: run.EventBody{Message: level + l.redact.Text(fmt.Sprintf(format, args...)), StepID: l.effect.StepID},
	})
}
