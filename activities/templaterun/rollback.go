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

// undoEffect asks the action that made an effect to remove it. One that no worker comes back from is left, and why is on the ledger.
func (a *Activities) undoEffect(ctx context.Context, undo engine.Undo) (err error) {
	defer fault.Recover(&err)
	ctx, opened, err := a.open(ctx, undo.RunID)
	if err != nil {
		return err
	}
	defer a.keepAlive(ctx)()
	effect, err := a.Runs.Effect(ctx, undo.EffectID)
	if err != nil {
		return err
	}
	if effect.State == action.EffectUndone {
		return nil
	}
	log := &effectLog{account: opened, effect: effect, prefix: fmt.Sprintf("%d/undo/%s/%d", undo.Generation, effect.ID, activity.GetInfo(ctx).Attempt)}
	if opened.Unreturned >= maxLost {
		cause := lost("the undoing of " + effect.Kind + " " + effect.Name)
		return cmp.Or(log.left(ctx, errors.New(cause.Message)), (&failedAttempt{failure: cause}).temporal(0))
	}
	attempt, err := a.takeUp(ctx, opened, opened.Unreturned, true)
	if err != nil {
		return err
	}
	defer attempt.comeBack(ctx)
	return a.undo(ctx, undo, log)
}

// undo lets the action undo the effect of the log, and records what came of it.
func (a *Activities) undo(ctx context.Context, undo engine.Undo, log *effectLog) error {
	opened, effect := log.account, log.effect
	does, err := a.Actions.Lookup(effect.ActionID)
	if err != nil {
		return opened.undoFailed(err)
	}
	err = a.callUndo(ctx, opened, does, &action.UndoCall{RunID: undo.RunID, Effect: effect, Secrets: opened.situation.Secrets, Log: log,
		User: action.User{Ref: opened.Spec.User.Ref, Entity: opened.Spec.User.Entity, Starter: opened.Starter}})
	changed := run.EffectChange{ID: effect.ID, State: action.EffectUndone}
	if inUse, is := errors.AsType[*action.InUseError](err); is {
		log.Warn("Kept %s %s: %s", effect.Kind, effect.Name, inUse.Reason)
		changed.State, changed.Note = action.EffectKept, opened.redact.Text(inUse.Reason)
	} else if err != nil {
		return cmp.Or(log.left(ctx, err), opened.undoFailed(err))
	} else {
		log.Info("Undid %s %s", effect.Kind, effect.Name)
	}
	return opened.tell(ctx, run.Entry{Events: log.events, Effects: []run.EffectChange{changed}})
}

// callUndo lets the action undo. One that panics has failed for good.
func (a *Activities) callUndo(ctx context.Context, opened *account, does action.Action, call *action.UndoCall) (err error) {
	step := template.Step{ID: call.Effect.StepID, Action: call.Effect.ActionID}
	ctx, observed := a.observe(telemetry.InStep(ctx, step.ID), "undo "+step.ID, step, attribute.String("portico.effect.kind", call.Effect.Kind))
	defer func() { observed.endUndo(err) }()
	defer func() { err = a.explainPanic(ctx, err, opened, step, "the undoing of action "+step.Action) }()
	defer fault.Recover(&err)
	return does.Undo(ctx, call)
}

// left records that the effect is still there, and why.
func (l *effectLog) left(ctx context.Context, cause error) error {
	l.Error("Could not undo %s %s: %s", l.effect.Kind, l.effect.Name, cause)
	open := run.EffectChange{ID: l.effect.ID, State: l.effect.State, Note: l.redact.Text(cause.Error())}
	return l.tell(ctx, run.Entry{Events: l.events, Effects: []run.EffectChange{open}, Unreturned: new(0)})
}

func (a *account) undoFailed(cause error) error {
	failed := failedAttempt{failure: a.describe(cause), again: action.IsTransient(cause), after: action.RetryAfter(cause)}
	return failed.temporal(failed.after)
}

// endRollback records how the rollback ended. On the wire the run has failed, with an error that says that it was
// rolled back: Backstage knows no better word.
func (a *Activities) endRollback(ctx context.Context, end engine.RollbackEnd) error {
	ctx, opened, err := a.open(ctx, end.RunID)
	if err == nil {
		err = a.recordRollback(ctx, opened, end)
	}
	_, err = a.orPark(ctx, end.RunID, engine.Next{}, err)
	return err
}

func (a *Activities) recordRollback(ctx context.Context, opened *account, end engine.RollbackEnd) (err error) {
	defer fault.Recover(&err)
	if opened.Generation != end.Generation {
		return nil // told before a crash, and somebody has decided since
	}
	effects, err := a.Runs.Effects(ctx, opened.ID)
	if err != nil {
		return err
	}
	failure, phase := rollbackOutcome(effects, end)
	ended := opened.completion(run.StatusFailed, nil, failure)
	if phase == run.PhaseRolledBack {
		ended.Body.Message = failure.Message // it succeeded: only its status on the wire is Backstage's
	}
	return opened.tell(ctx, run.Entry{
		Events: []run.NewEvent{ended},
		End: &run.Ending{Status: run.StatusFailed, Phase: phase, FailedStep: opened.FailedStep, Failure: failure,
			ForgetSecrets: phase == run.PhaseRolledBack},
	})
}

func rollbackOutcome(effects []action.Effect, end engine.RollbackEnd) (*run.Failure, run.Phase) {
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
		return &run.Failure{Name: "RolledBackError", Message: fmt.Sprintf("The run was rolled back: %d undone, %d kept because somebody else uses them", undone, kept),
			Next: "Look at what was kept, and remove it by hand if it is not needed."}, run.PhaseRolledBack
	}
	return &run.Failure{Name: "RolledBackError", Message: fmt.Sprintf("The run was rolled back: %d undone, nothing is left of it", undone)}, run.PhaseRolledBack
}

// incomplete says what a rollback left and why.
func incomplete(undone int, left []action.Effect, end engine.RollbackEnd) *run.Failure {
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
		if len(left) < 2 && end.Failure.Next != "" {
			next = end.Failure.Next
		}
	}
	message := fmt.Sprintf("The rollback undid %d; %s", undone, things)
	if len(reasons) > 0 {
		message += ", because " + strings.Join(reasons, "; ")
	}
	return &run.Failure{Name: "RollbackError", Message: message, Next: next}
}

// effectLog implements action.Log for the undoing of one effect.
type effectLog struct {
	*account
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
