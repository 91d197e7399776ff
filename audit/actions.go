package audit

import (
	"maps"
	"slices"
)

// Action is what was done, or tried.
type Action string

// The actions.
const (
	RunCreate   Action = "run.create"
	RunRetry    Action = "run.retry"
	RunRollback Action = "run.rollback"
	RunCancel   Action = "run.cancel"

	EntityDelete      Action = "entity.delete"
	EntityRefresh     Action = "entity.refresh"
	LocationCreate    Action = "location.create"
	LocationUpdate    Action = "location.update"
	LocationDelete    Action = "location.delete"
	LocationConfigure Action = "location.configure"
	CatalogProcess    Action = "catalog.process"
	CatalogClean      Action = "catalog.clean"

	SessionStart Action = "session.start"
	// Access is a denied attempt of anything that has no action of its own, such as reading.
	Access Action = "access"
)

// actions describes every action.
var actions = map[Action]string{
	RunCreate:   "a run of a template was started",
	RunRetry:    "an ended run was continued from the step that failed",
	RunRollback: "what a run created was asked to be undone",
	RunCancel:   "a run was cancelled",

	EntityDelete:      "an entity was deleted",
	EntityRefresh:     "an entity was scheduled to be read again",
	LocationCreate:    "a location was registered",
	LocationUpdate:    "a registered location got another target",
	LocationDelete:    "a location was unregistered",
	LocationConfigure: "the locations of the configuration changed",
	CatalogProcess:    "entities were read from their sources and had changed",
	CatalogClean:      "entities were deleted because nothing emits them any more",

	SessionStart: "a person signed in",
	Access:       "something else was tried, such as reading",
}

// Actions lists the actions in order.
func Actions() []Action { return slices.Sorted(maps.Keys(actions)) }

// Describe says in a few words what an action means, "" for an unknown one.
func (a Action) Describe() string { return actions[a] }
