package templaterun

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/run"
)

// beginRollback takes a failed run up again to undo what it created: what onFailure: rollback asks for.
func (a *Activities) beginRollback(ctx context.Context, command engine.Command) error {
	id, err := uuid.Parse(command.RunID)
	if err != nil {
		return fmt.Errorf("run id %q: %w", command.RunID, err)
	}
	record, err := a.Runs.Get(ctx, id)
	if err != nil {
		return err
	}
	if record.Phase == run.PhaseRollingBack {
		return nil // told before a crash
	}
	_, err = a.Runs.Reopen(ctx, id, run.RollingBack)
	return err
}

// undoEffect asks the action that made an effect to remove it.
func (a *Activities) undoEffect(ctx context.Context, undo engine.Undo) error {
	l, err := a.load(ctx, undo.RunID, undo.Generation, 0)
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
	does, err := a.Actions.Lookup(effect.ActionID)
	if err != nil {
		return l.undoFailed(err)
	}
	log := &effectLog{loaded: l, effect: effect, prefix: fmt.Sprintf("%d/undo/%s/%d", undo.Generation, effect.ID, activity.GetInfo(ctx).Attempt)}
	err = does.Undo(ctx, &action.UndoCall{RunID: undo.RunID, Effect: effect, Secrets: l.situation.Secrets, Log: log,
		User: action.User{Ref: l.Spec.User.Ref, Entity: l.Spec.User.Entity}})
	var inUse *action.InUseError
	switch {
	case errors.As(err, &inUse):
		log.Warn("Kept %s %s: %s", effect.Kind, effect.Name, inUse.Reason)
		err = a.Runs.SetEffectState(ctx, effect.ID, action.EffectKept, l.redact.Text(inUse.Reason))
	case err != nil:
		log.Error("Could not undo %s %s: %s", effect.Kind, effect.Name, err)
		if err := a.tell(ctx, l, run.Entry{Events: log.events}); err != nil {
			return err
		}
		return l.undoFailed(err)
	default:
		log.Info("Undid %s %s", effect.Kind, effect.Name)
		err = a.Runs.SetEffectState(ctx, effect.ID, action.EffectUndone, "")
	}
	if err != nil {
		return err
	}
	return a.tell(ctx, l, run.Entry{Events: log.events})
}

func (l *loaded) undoFailed(cause error) error {
	failure := l.failure(cause)
	return temporal.NewApplicationErrorWithOptions(failure.Message, failure.Name, temporal.ApplicationErrorOptions{
		NonRetryable: !action.IsTransient(cause), NextRetryDelay: action.RetryAfter(cause), Details: []any{failure.Next}})
}

// endRollback records how the rollback ended. On the wire the run has failed, with an error that says that it was
// rolled back: Backstage knows no better word.
func (a *Activities) endRollback(ctx context.Context, end engine.RollbackEnd) error {
	l, err := a.load(ctx, end.RunID, end.Generation, 0)
	if err != nil {
		return err
	}
	effects, err := a.Runs.Effects(ctx, l.id)
	if err != nil {
		return err
	}
	failure, phase := rollbackOutcome(effects, end)
	return a.tell(ctx, l, run.Entry{
		Events: []run.NewEvent{completion(l.Generation, run.StatusFailed, nil, failure)},
		End: &run.Ending{Status: run.StatusFailed, Phase: phase, FailedStep: l.FailedStep, Failure: failure,
			ForgetSecrets: phase == run.PhaseRolledBack},
	})
}

func rollbackOutcome(effects []action.Effect, end engine.RollbackEnd) (*run.Failure, run.Phase) {
	undone, kept := 0, 0
	for _, effect := range effects {
		switch effect.State {
		case action.EffectUndone:
			undone++
		case action.EffectKept:
			kept++
		case action.EffectIntended, action.EffectCreated:
		}
	}
	if end.Remaining > 0 {
		message := fmt.Sprintf("The rollback undid %d of %d things; %d could not be undone", undone, len(effects), end.Remaining)
		if end.Failure != nil {
			message += ": " + end.Failure.Message
		}
		return &run.Failure{Name: "RollbackError", Message: message, Next: "Mend the cause and roll back again: what is undone stays undone."}, run.PhaseParked
	}
	if kept > 0 {
		return &run.Failure{Name: "RolledBackError", Message: fmt.Sprintf("The run was rolled back: %d undone, %d kept because somebody else uses them", undone, kept),
			Next: "Look at what was kept, and remove it by hand if it is not needed."}, run.PhaseRolledBack
	}
	return &run.Failure{Name: "RolledBackError", Message: fmt.Sprintf("The run was rolled back: %d undone, nothing is left of it", undone)}, run.PhaseRolledBack
}

// effectLog implements action.Log for the undoing of one effect.
type effectLog struct {
	*loaded
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
