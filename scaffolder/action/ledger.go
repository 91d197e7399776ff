package action

import (
	"context"
	"encoding/json"
	"time"

	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/scaffolder/template"
)

// EffectState is the state of an effect.
type EffectState string

const (
	// EffectIntended: the run was about to create the thing. It may or may not exist.
	EffectIntended EffectState = "intended"
	// EffectCreated: the thing exists and this run created it. A thing that a rollback could not remove stays
	// in this state or in EffectIntended, and Note says why.
	EffectCreated EffectState = "created"
	// EffectUndone: a rollback removed the thing, or found that it was never created.
	EffectUndone EffectState = "undone"
	// EffectKept: a rollback did not remove the thing, because somebody else has used it since. Note says
	// how.
	EffectKept EffectState = "kept"
)

// Effect is one external thing that a run created or was about to create.
type Effect struct {
	ID       string `json:"id"`
	RunID    string `json:"runId"`
	StepID   string `json:"stepId"`
	ActionID string `json:"action"`
	// Kind is the kind of thing ("github:repository", "catalog:location"); Name is its name for people
	// ("acme/shop").
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Key makes the effect unique within its run: the same key twice is the same effect.
	Key        string      `json:"key"`
	State      EffectState `json:"state"`
	ExternalID string      `json:"externalId,omitempty"`
	URL        string      `json:"url,omitempty"`
	// Data is what Undo needs to know, as the action wrote it. It never holds a secret.
	Data json.RawMessage `json:"data,omitempty"`
	Note string          `json:"note,omitempty"`
	// IntendedAt is when the intent was recorded. Somebody else created the thing if it is older.
	IntendedAt time.Time `json:"intendedAt"`
	// Fresh is true in the result of Intend when no earlier attempt recorded the effect, so that nothing can
	// have been created yet.
	Fresh bool `json:"-"`
}

// Intent announces an external thing before it is created.
type Intent struct {
	Kind, Name, Key string
	Data            any
}

// Confirmation says that the thing exists.
type Confirmation struct {
	ExternalID, URL string
	Data            any
}

// Ledger is the run's list of effects, scoped to one step. The engine passes it to an action.
type Ledger interface {
	// Intend records that the thing is about to be created and returns its effect. If this run recorded an
	// effect with the same key before, Intend returns that one unchanged. In state EffectCreated there is
	// nothing left to do. In state EffectIntended the action must look for the thing. If this run created it
	// (it has a marker, or was created by our identity after IntendedAt), the action adopts it. If somebody
	// else created it, the action fails with a final error.
	Intend(ctx context.Context, intent Intent) (Effect, error)
	// Confirm sets the state EffectCreated. Confirming twice changes nothing.
	Confirm(ctx context.Context, effectID string, confirmation Confirmation) error
	// Abandon sets the state EffectUndone with a note: the thing was not created.
	Abandon(ctx context.Context, effectID, note string) error
	// Effects lists the effects of all steps of the run, in the order of the intents.
	Effects(ctx context.Context) ([]Effect, error)
}

// UndoCall asks an action to remove one effect.
type UndoCall struct {
	RunID  string
	Effect Effect
	// User and Starter are those of the run, as in a Call.
	User    template.User
	Starter identity.Principal
	// Secrets are the run's secrets, empty once the run's secrets were deleted.
	Secrets map[string]string
	Log     Log
}
