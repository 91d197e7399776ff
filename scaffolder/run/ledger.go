package run

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/plainjson"
	"github.com/portico-dev/portico/scaffolder/action"
)

// Ledger is the run's effects ledger for one step. Record must have been called with the claim before. The
// key of an effect is unique within the run. A worker that lost the run can record no new intent, but its
// confirmation of an effect that it made is kept.
func (s *Store) Ledger(claim Claim, stepID, actionID string) action.Ledger {
	return &ledger{store: s, claim: claim, step: stepID, action: actionID}
}

type ledger struct {
	store        *Store
	claim        Claim
	step, action string
}

func (l *ledger) Intend(ctx context.Context, intent action.Intent) (action.Effect, error) {
	data, err := plainjson.Marshal(intent.Data)
	if err != nil {
		return action.Effect{}, fmt.Errorf("effect %s %q: encode its data: %w", intent.Kind, intent.Name, err)
	}
	row, err := l.store.queries.IntendEffect(ctx, l.store.pool, db.IntendEffectParams{ID: uuid.New(), RunID: l.claim.RunID, Claim: &l.claim.id,
		StepID: l.step, Action: l.action, Kind: intent.Kind, Name: intent.Name, Key: intent.Key, Data: data})
	if errors.Is(err, pgx.ErrNoRows) {
		err = l.store.refused(ctx, l.claim, "")
	}
	if err != nil {
		return action.Effect{}, fmt.Errorf("record the intent of %s %q: %w", intent.Kind, intent.Name, err)
	}
	intended := effect(row)
	intended.Fresh = row.ChangedAt.Equal(row.IntendedAt)
	return intended, nil
}

func (l *ledger) Effects(ctx context.Context) ([]action.Effect, error) {
	return l.store.Effects(ctx, l.claim.RunID)
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
	confirmed, err := l.store.queries.ConfirmEffect(ctx, l.store.pool, db.ConfirmEffectParams{ID: id, RunID: l.claim.RunID, Claim: &l.claim.id,
		ExternalID: c.ExternalID, Url: c.URL, Data: data})
	if err == nil && confirmed == 0 {
		err = l.confirmLate(ctx, id, c, data)
	}
	if err != nil {
		return fmt.Errorf("confirm effect %s: %w", effectID, err)
	}
	return nil
}

// noteLate is the note on an effect that a worker made after it had lost the run.
const noteLate = "made by a worker that was slow, after another had gone on with the run"

// confirmLate records an effect of a worker that lost the run, and answers a RefusedError.
func (l *ledger) confirmLate(ctx context.Context, id uuid.UUID, c action.Confirmation, data []byte) error {
	err := l.store.queries.ConfirmEffectLate(ctx, l.store.pool, db.ConfirmEffectLateParams{ID: id, NewID: uuid.New(), ExternalID: c.ExternalID,
		Url: c.URL, Data: data, Note: noteLate})
	if err != nil {
		return err
	}
	return l.store.refused(ctx, l.claim, "")
}

func (l *ledger) Abandon(ctx context.Context, effectID, note string) error {
	id, err := uuid.Parse(effectID)
	if err != nil {
		return fmt.Errorf("effect %q: %w", effectID, err)
	}
	abandoned, err := l.store.queries.AbandonEffect(ctx, l.store.pool, db.AbandonEffectParams{ID: id, RunID: l.claim.RunID, Claim: &l.claim.id, Note: note})
	if err == nil && abandoned == 0 {
		err = l.store.refused(ctx, l.claim, "")
	}
	if err != nil {
		return fmt.Errorf("abandon effect %s: %w", effectID, err)
	}
	return nil
}

func (s *Store) changeEffect(ctx context.Context, tx db.DBTX, runID uuid.UUID, change EffectChange) error {
	id, err := uuid.Parse(change.ID)
	if err != nil {
		return fmt.Errorf("effect %q: %w", change.ID, err)
	}
	params := db.SetEffectStateParams{State: string(change.State), Note: change.Note, ID: id, RunID: runID}
	if err := s.queries.SetEffectState(ctx, tx, params); err != nil {
		return fmt.Errorf("set the state of effect %s: %w", change.ID, err)
	}
	return nil
}

// Effects are the run's effects, in the order of their intents.
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
