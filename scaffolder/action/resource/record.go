package resource

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/portico-dev/portico/scaffolder/action"
)

// KeyOf is the key of a step's effect: that of an Intent without one.
func KeyOf(call *action.Call, kind, name string) string {
	return fmt.Sprintf("%s/%s/%s/%s", call.StepID, call.Iteration, kind, name)
}

// RecordOf decodes what the ledger keeps about an effect, its Intent's Data. An effect without data is a final
// error.
func RecordOf[T any](effect action.Effect) (T, error) {
	var record T
	if err := json.Unmarshal(effect.Data, &record); err != nil || len(effect.Data) == 0 {
		return record, action.Final(fmt.Errorf("effect %s %q: its record does not say which thing it is", effect.ID, effect.Name))
	}
	return record, nil
}

// Earlier is the effect that an earlier attempt has recorded under this key, and that Ledger.Intend would return: any but
// an undone one. One that a rollback has kept is still the run's. It is the zero value where there is none. A plan has no
// ledger.
func Earlier(ctx context.Context, call *action.Call, key string) (action.Effect, error) {
	if call.Ledger == nil {
		return action.Effect{}, nil
	}
	effects, err := call.Ledger.Effects(ctx)
	if err != nil {
		return action.Effect{}, action.Transient(fmt.Errorf("effects ledger: %w", err), 0)
	}
	for _, effect := range effects {
		if effect.Key == key && effect.State != action.EffectUndone {
			return effect, nil
		}
	}
	return action.Effect{}, nil
}

// Remembered is the record of an earlier attempt: what was there before its intent counts. Without one, it is
// the given record.
func Remembered[T any](ctx context.Context, call *action.Call, key string, record T) (T, error) {
	before, err := Earlier(ctx, call, key)
	if err != nil || before.ID == "" {
		return record, err
	}
	return RecordOf[T](before)
}
