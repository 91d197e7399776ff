package api

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/audit/trail"
	"github.com/portico-dev/portico/fault"
)

// auditPageSize is the page size of the audit log.
var auditPageSize = pageSize{preset: 50, most: trail.MaxPage}

// NewAuditPlugin serves the part of /api/portico in which the audit log is searched.
func NewAuditPlugin(service *trail.Service) Plugin {
	a := &auditAPI{service}
	return plugin{id: "portico", routes: []route{
		{method: http.MethodGet, path: "/v1/audit", access: authenticated, query: []parameter{
			text("who", "only what this user or service did, or had a run do: a user's entity reference, or the name of a service"),
			listOf("action", "only these actions", audit.Actions()...),
			text("resource", "only what was done to this entity, run, location or role: its reference or id"),
			listOf("outcome", "only attempts that ended so", audit.Done, audit.Denied, audit.Failed),
			moment("since", "only what happened then or later"), moment("until", "only what happened before"),
			text("cursor", "the nextCursor of the page before"), limit(auditPageSize)},
			summary: "Searches the audit log, the newest first", serve: ok("a page of events", a.events)},
		{method: http.MethodGet, path: "/v1/audit/actions", access: authenticated,
			summary: "Lists the actions that the audit log has", serve: ok("the actions", a.actions)},
	}}
}

type auditAPI struct{ service *trail.Service }

// auditPage is a part of the audit log.
type auditPage struct {
	Events []auditEvent `json:"events"`
	// NextCursor is the cursor of the next page, if there may be one.
	NextCursor string `json:"nextCursor,omitempty"`
}

// auditEvent is an audit.Event.
type auditEvent struct {
	ID        string `json:"id"`
	At        string `json:"at"        jsonschema:"format=date-time"`
	Actor     string `json:"actor"`
	ActorKind string `json:"actorKind" jsonschema_description:"user, service or system; empty for a caller who is not signed in"`
	// OnBehalfOf is for whom the actor, a run or a plugin, acted.
	OnBehalfOf string        `json:"onBehalfOf,omitempty"`
	Action     string        `json:"action"`
	Resource   string        `json:"resource"`
	Outcome    string        `json:"outcome"              jsonschema:"enum=done,enum=denied,enum=failed"`
	Reason     string        `json:"reason,omitempty"`
	Changes    []auditChange `json:"changes"`
	Address    string        `json:"address,omitempty"`
	RequestID  string        `json:"requestId,omitempty"`
	TraceID    string        `json:"traceId,omitempty"`
}

// auditChange is an audit.Change. Its values are JSON as text, because they may be of any type.
type auditChange struct {
	Field  string `json:"field"`
	Old    string `json:"old,omitempty"`
	New    string `json:"new,omitempty"`
	Secret bool   `json:"secret,omitempty"`
}

func (a *auditAPI) events(c *call) (auditPage, error) {
	limit := max(c.limit(), 1)
	query := audit.Query{Who: c.Query("who"), Actions: typed[audit.Action](c.queryList("action")), Resource: c.Query("resource"),
		Outcomes: typed[audit.Outcome](c.queryList("outcome")), Since: c.queryTime("since"), Until: c.queryTime("until"), Limit: limit}
	if cursor := c.Query("cursor"); cursor != "" {
		var err error
		if query.Before, err = uuid.Parse(cursor); err != nil {
			return auditPage{}, fault.New(fault.Input, "Invalid cursor: it is not the nextCursor of a page")
		}
	}
	found, err := a.service.Events(c.Request.Context(), c.principal, query)
	if err != nil {
		return auditPage{}, err
	}
	page := auditPage{Events: make([]auditEvent, len(found))}
	for i, e := range found {
		if page.Events[i], err = shownEvent(e); err != nil {
			return auditPage{}, err
		}
	}
	if len(found) == limit {
		page.NextCursor = found[limit-1].ID.String()
	}
	return page, nil
}

func typed[T ~string](values []string) []T {
	all := make([]T, len(values))
	for i, value := range values {
		all[i] = T(value)
	}
	return all
}

func shownEvent(e audit.Event) (auditEvent, error) {
	shown := auditEvent{ID: e.ID.String(), At: isoTime(e.At), Actor: e.Actor.Subject, ActorKind: e.Actor.Kind, OnBehalfOf: e.OnBehalfOf,
		Action: string(e.Action), Resource: e.Resource, Outcome: string(e.Outcome), Reason: e.Reason, Changes: make([]auditChange, len(e.Changes)),
		Address: e.Address, RequestID: e.RequestID, TraceID: e.TraceID}
	for i, change := range e.Changes {
		shown.Changes[i] = auditChange{Field: change.Field, Secret: change.Secret}
		for _, side := range []struct {
			value any
			text  *string
		}{{change.Old, &shown.Changes[i].Old}, {change.New, &shown.Changes[i].New}} {
			var err error
			if *side.text, err = valueText(side.value); err != nil {
				return auditEvent{}, fmt.Errorf("audit event %s: %w", e.ID, err)
			}
		}
	}
	return shown, nil
}

// valueText is a text as it is, nothing for no value, and any other value as JSON.
func valueText(value any) (string, error) {
	switch typed := value.(type) {
	case nil:
		return "", nil
	case string:
		return typed, nil
	}
	encoded, err := json.Marshal(value)
	return string(encoded), err
}

// auditAction is an action that the audit log has.
type auditAction struct {
	Action      string `json:"action"`
	Description string `json:"description"`
}

// auditActions is the list of all.
type auditActions struct {
	Actions []auditAction `json:"actions"`
}

func (a *auditAPI) actions(c *call) (auditActions, error) {
	actions, err := a.service.Actions(c.Request.Context(), c.principal)
	list := auditActions{Actions: make([]auditAction, len(actions))}
	for i, action := range actions {
		list.Actions[i] = auditAction{string(action), action.Describe()}
	}
	return list, err
}
