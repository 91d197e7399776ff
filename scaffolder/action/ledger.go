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
	// EffectIntended: the run was about to create the thing; whether it exists must be looked up.
	EffectIntended EffectState = "intended"
	// EffectCreated: the thing exists and this run made it. What a rollback could not remove stays in this
	// state or in EffectIntended, and Note says why.
	EffectCreated EffectState = "created"
	// EffectUndone: the thing was removed again by a rollback, or was found never to have been made.
	EffectUndone EffectState = "undone"
	// EffectKept: a rollback refused to remove the thing, because somebody else has used it since; Note says
	// why.
	EffectKept EffectState = "kept"
)

// Effect is one external thing that a run created or was about to create.
type Effect struct {
	ID       string `json:"id"`
	RunID    string `json:"runId"`
	StepID   string `json:"stepId"`
	ActionID string `json:"action"`
	// Kind is the sort of thing ("github:repository", "catalog:location"); Name is what a person calls it
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
	// IntendedAt is when the intent was recorded: a thing created before it was made by somebody else.
	IntendedAt time.Time `json:"intendedAt"`
	// Fresh says, of what Intend returned, that no earlier attempt recorded it: nothing can have been made
	// yet.
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

// Ledger is the run's list of effects, scoped to one step. The engine hands it to an action.
type Ledger interface {
	// Intend records that the thing is about to be created and returns its effect. An effect with the same
	// key that this run recorded before is returned as it stands: in state EffectCreated there is nothing
	// left to do, in EffectIntended the action must look whether the thing is there and was made by this run
	// (a marker, or created by our identity after IntendedAt) and adopt it, and fail finally if it was made
	// by somebody else.
	Intend(ctx context.Context, intent Intent) (Effect, error)
	// Confirm moves the effect to EffectCreated. Confirming twice changes nothing.
	Confirm(ctx context.Context, effectID string, confirmation Confirmation) error
	// Abandon moves the effect to EffectUndone with a note: the thing was not created after all.
	Abandon(ctx context.Context, effectID, note string) error
	// Effects lists what the run has recorded, of all its steps, in the order of the intents.
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
