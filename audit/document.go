package audit

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/plainjson"
)

// entry is an event as it is hashed and exported. Neither its fields nor their order may change: the hashes
// of stored events depend on them.
type entry struct {
	ID         uuid.UUID       `json:"id"`
	At         time.Time       `json:"at"`
	ActorKind  string          `json:"actorKind"`
	Actor      string          `json:"actor"`
	OnBehalfOf *string         `json:"onBehalfOf,omitempty"`
	Action     string          `json:"action"`
	Resource   string          `json:"resource"`
	Outcome    string          `json:"outcome"`
	Reason     *string         `json:"reason,omitempty"`
	Changes    json.RawMessage `json:"changes,omitempty"`
	Address    *string         `json:"address,omitempty"`
	RequestID  *string         `json:"requestId,omitempty"`
	TraceID    *string         `json:"traceId,omitempty"`
}

// document is the JSON of an event, the same whenever it is read: compact, with the keys in the order of
// entry, and the changes as they were stored.
func document(row db.AuditEvent) ([]byte, error) {
	encoded, err := plainjson.Marshal(entry{ID: row.ID, At: row.At.UTC(), ActorKind: row.ActorKind, Actor: row.Actor, OnBehalfOf: row.OnBehalfOf,
		Action: row.Action, Resource: row.Resource, Outcome: row.Outcome, Reason: row.Reason, Changes: row.Changes,
		Address: row.Address, RequestID: row.RequestID, TraceID: row.TraceID})
	if err != nil {
		return nil, fmt.Errorf("encode audit event %s: %w", row.ID, err)
	}
	return encoded, nil
}
