package run

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/plainjson"
	"github.com/portico-dev/portico/scaffolder/action"
)

// Ledger is the run's effects ledger for one step. The key of an effect is unique within the run.
func (s *Store) Ledger(id uuid.UUID, stepID, actionID string) action.Ledger {
	return &ledger{store: s, run: id, step: stepID, action: actionID}
}

type ledger struct {
	store        *Store
	run          uuid.UUID
	step, action string
}

func (l *ledger) Intend(ctx context.Context, intent action.Intent) (action.Effect, error) {
	data, err := plainjson.Marshal(intent.Data)
	if err != nil {
		return action.Effect{}, fmt.Errorf("effect %s %q: encode its data: %w", intent.Kind, intent.Name, err)
	}
	row, err := l.store.queries.IntendEffect(ctx, l.store.pool, db.IntendEffectParams{ID: uuid.New(), RunID: l.run, StepID: l.step,
		Action: l.action, Kind: intent.Kind, Name: intent.Name, Key: intent.Key, Data: data})
	if err != nil {
		return action.Effect{}, fmt.Errorf("record the intent of %s %q: %w", intent.Kind, intent.Name, err)
	}
	intended := effect(row)
	intended.Fresh = row.ChangedAt.Equal(row.IntendedAt)
	return intended, nil
}

func (l *ledger) Effects(ctx context.Context) ([]action.Effect, error) {
	return l.store.Effects(ctx, l.run)
}

func (l *ledger) Confirm(ctx context.Context, effectID string, c action.Confirmation) error {
	id, err := uuid.Parse(effectID)
	if err != nil {
		return fmt.Errorf("confirm effect %q: %w", effectID, err)
	}
	var data []byte
	if c.Data != nil {
		if data, err = plainjson.Marshal(c.Data); err != nil {
			return fmt.Errorf("confirm effect %s: encode its data: %w", effectID, err)
		}
	}
	err = l.store.queries.ConfirmEffect(ctx, l.store.pool, db.ConfirmEffectParams{ID: id, ExternalID: c.ExternalID, Url: c.URL, Data: data})
	if err != nil {
		return fmt.Errorf("confirm effect %s: %w", effectID, err)
	}
	return nil
}

func (l *ledger) Abandon(ctx context.Context, effectID, note string) error {
	return l.store.changeEffect(ctx, l.store.pool, EffectChange{ID: effectID, State: action.EffectUndone, Note: note})
}

func (s *Store) changeEffect(ctx context.Context, tx db.DBTX, change EffectChange) error {
	id, err := uuid.Parse(change.ID)
	if err != nil {
		return fmt.Errorf("effect %q: %w", change.ID, err)
	}
	if err := s.queries.SetEffectState(ctx, tx, string(change.State), change.Note, id); err != nil {
		return fmt.Errorf("set the state of effect %s: %w", change.ID, err)
	}
	return nil
}

// Effects are what the run created outside or was about to, in the order of their intents.
func (s *Store) Effects(ctx context.Context, id uuid.UUID) ([]action.Effect, error) {
	rows, err := s.queries.EffectsByRun(ctx, s.pool, id)
	if err != nil {
		return nil, fmt.Errorf("read the effects of run %s: %w", id, err)
	}
	effects := make([]action.Effect, len(rows))
	for i, row := range rows {
		effects[i] = effect(row)
	}
	return effects, nil
}

// Effect is one effect by its id.
func (s *Store) Effect(ctx context.Context, effectID string) (action.Effect, error) {
	id, err := uuid.Parse(effectID)
	if err != nil {
		return action.Effect{}, fmt.Errorf("effect %q: %w", effectID, err)
	}
	row, err := s.queries.EffectByID(ctx, s.pool, id)
	if err != nil {
		return action.Effect{}, fmt.Errorf("read effect %s: %w", effectID, err)
	}
	return effect(row), nil
}

func effect(row db.RunEffect) action.Effect {
	return action.Effect{ID: row.ID.String(), RunID: row.RunID.String(), StepID: row.StepID, ActionID: row.Action, Kind: row.Kind,
		Name: row.Name, Key: row.Key, State: action.EffectState(row.State), ExternalID: row.ExternalID, URL: row.Url,
		Data: row.Data, Note: row.Note, IntendedAt: row.IntendedAt}
}
