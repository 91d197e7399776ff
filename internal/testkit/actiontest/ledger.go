package actiontest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/action"
)

// Ledger is an effects ledger in memory, of one run. RequireLedger holds it to the rules of the real one. The
// zero value is empty.
type Ledger struct {
	// Gate is passed by every call, when it is set.
	Gate *Gate

	mutex   sync.Mutex
	effects []*action.Effect
}

// errUnknownEffect says that a caller names an effect that it cannot have from here.
var errUnknownEffect = errors.New("there is no such effect")

// For is the ledger as the engine hands it to one step's action.
func (l *Ledger) For(runID, stepID, actionID string) action.Ledger {
	return &stepLedger{ledger: l, run: runID, step: stepID, action: actionID}
}

// All are the effects so far, in the order of their intents.
func (l *Ledger) All() []action.Effect {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	all := make([]action.Effect, len(l.effects))
	for i, effect := range l.effects {
		all[i] = *effect
	}
	return all
}

// SetState is what a rollback records about an effect.
func (l *Ledger) SetState(id string, state action.EffectState, note string) error {
	return l.change(id, func(effect *action.Effect) { effect.State, effect.Note = state, note })
}

func (l *Ledger) change(id string, change func(*action.Effect)) error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	at := slices.IndexFunc(l.effects, func(effect *action.Effect) bool { return effect.ID == id })
	if at < 0 {
		return fmt.Errorf("effect %q: %w", id, errUnknownEffect)
	}
	change(l.effects[at])
	return nil
}

func (l *Ledger) intend(wanted action.Effect) action.Effect {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	at := slices.IndexFunc(l.effects, func(effect *action.Effect) bool { return effect.Key == wanted.Key })
	if at < 0 {
		at = len(l.effects)
		l.effects = append(l.effects, &action.Effect{ID: uuid.NewString(), State: action.EffectUndone})
	}
	intended := l.effects[at]
	fresh := intended.State == action.EffectUndone
	if fresh {
		wanted.ID = intended.ID
		*intended = wanted
	}
	answer := *intended
	answer.Fresh = fresh
	return answer
}

// stepLedger is the ledger of one step.
type stepLedger struct {
	ledger            *Ledger
	run, step, action string
}

func (l *stepLedger) Intend(_ context.Context, intent action.Intent) (effect action.Effect, err error) {
	data, err := json.Marshal(intent.Data)
	if err != nil {
		return action.Effect{}, fmt.Errorf("effect %s %q: %w", intent.Kind, intent.Name, err)
	}
	err = l.ledger.Gate.do(true, func() error {
		effect = l.ledger.intend(action.Effect{
			RunID: l.run, StepID: l.step, ActionID: l.action, Kind: intent.Kind, Name: intent.Name, Key: intent.Key, Data: data,
			State: action.EffectIntended, IntendedAt: time.Now(),
		})
		return nil
	})
	return effect, err
}

func (l *stepLedger) Confirm(_ context.Context, id string, confirmation action.Confirmation) error {
	data, err := json.Marshal(confirmation.Data)
	if err != nil {
		return fmt.Errorf("effect %q: %w", id, err)
	}
	return l.ledger.Gate.do(true, func() error {
		return l.ledger.change(id, func(effect *action.Effect) {
			effect.State, effect.Note = action.EffectCreated, ""
			effect.ExternalID, effect.URL = confirmation.ExternalID, confirmation.URL
			if confirmation.Data != nil {
				effect.Data = data
			}
		})
	})
}

func (l *stepLedger) Abandon(_ context.Context, id, note string) error {
	return l.ledger.Gate.do(true, func() error { return l.ledger.SetState(id, action.EffectUndone, note) })
}

func (l *stepLedger) Effects(context.Context) (effects []action.Effect, err error) {
	err = l.ledger.Gate.do(false, func() error {
		effects = l.ledger.All()
		return nil
	})
	return effects, err
}

// RequireLedger holds a ledger, which is empty, to the contract of action.Ledger.
func RequireLedger(t *testing.T, ledger action.Ledger) {
	t.Helper()
	ctx := t.Context()
	intent := action.Intent{Kind: "github:repository", Name: "acme/shop", Key: "repository:acme/shop", Data: map[string]any{"owner": "a<b"}}
	confirmation := action.Confirmation{ExternalID: "42", URL: "https://x/42"}

	first, err := ledger.Intend(ctx, intent)
	require.NoError(t, err)
	require.Equal(t, action.EffectIntended, first.State)
	require.Equal(t, []string{intent.Kind, intent.Name, intent.Key}, []string{first.Kind, first.Name, first.Key})
	require.JSONEq(t, `{"owner":"a<b"}`, string(first.Data))
	require.WithinDuration(t, time.Now(), first.IntendedAt, time.Minute)
	require.True(t, first.Fresh, "nothing can have been made yet")

	again, err := ledger.Intend(ctx, intent)
	require.NoError(t, err)
	require.Equal(t, first.ID, again.ID, "the same key is the same effect")
	require.False(t, again.Fresh, "an earlier attempt may have made the thing")
	require.Equal(t, first.IntendedAt, again.IntendedAt, "what was made since the first intent may be this run's")

	require.NoError(t, ledger.Confirm(ctx, first.ID, confirmation))
	require.NoError(t, ledger.Confirm(ctx, first.ID, confirmation))
	created, err := ledger.Intend(ctx, intent)
	require.NoError(t, err)
	require.Equal(t, action.EffectCreated, created.State)
	require.False(t, created.Fresh)
	require.Equal(t, []string{"42", "https://x/42"}, []string{created.ExternalID, created.URL})
	require.JSONEq(t, `{"owner":"a<b"}`, string(created.Data), "the confirmation brought none, so the intent's stays")

	require.NoError(t, ledger.Abandon(ctx, first.ID, "the name was taken"))
	abandoned := requireEffects(t, ledger, 1)[0]
	require.Equal(t, action.EffectUndone, abandoned.State)
	require.Equal(t, "the name was taken", abandoned.Note)

	anew, err := ledger.Intend(ctx, intent)
	require.NoError(t, err)
	require.Equal(t, first.ID, anew.ID)
	require.Equal(t, action.EffectIntended, anew.State)
	require.True(t, anew.IntendedAt.After(first.IntendedAt), "what was there before is not of this intent")
	require.True(t, anew.Fresh, "the old thing is gone, and nothing can have been made since")
	require.Equal(t, []string{"", "", ""}, []string{anew.Note, anew.ExternalID, anew.URL}, "nothing of the old thing holds")

	_, err = ledger.Intend(ctx, action.Intent{Kind: "thing", Name: "another", Key: "another"})
	require.NoError(t, err)
	effects := requireEffects(t, ledger, 2)
	require.Equal(t, []string{"acme/shop", "another"}, []string{effects[0].Name, effects[1].Name}, "in the order of the intents")
	require.Error(t, ledger.Confirm(ctx, "7", confirmation), "an effect that is not there")
	require.Error(t, ledger.Abandon(ctx, "7", ""))
}

func requireEffects(t *testing.T, ledger action.Ledger, count int) []action.Effect {
	t.Helper()
	effects, err := ledger.Effects(t.Context())
	require.NoError(t, err)
	require.Len(t, effects, count)
	return effects
}
