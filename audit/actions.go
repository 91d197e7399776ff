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
	RunCallback Action = "run.callback"

	EntityDelete      Action = "entity.delete"
	EntityRefresh     Action = "entity.refresh"
	LocationCreate    Action = "location.create"
	LocationUpdate    Action = "location.update"
	LocationDelete    Action = "location.delete"
	LocationConfigure Action = "location.configure"
	CatalogProcess    Action = "catalog.process"
	CatalogClean      Action = "catalog.clean"
	SweepStart        Action = "sweep.start"
	SweepCommit       Action = "sweep.commit"
	SweepApprove      Action = "sweep.approve"
	SweepDrop         Action = "sweep.drop"
	SweepCancel       Action = "sweep.cancel"
	SourceConfigure   Action = "source.configure"
	SourcePause       Action = "source.pause"
	SourceResume      Action = "source.resume"
	ConflictResolve   Action = "conflict.resolve"

	RoleCreate      Action = "role.create"
	RoleUpdate      Action = "role.update"
	RoleDelete      Action = "role.delete"
	PolicyCreate    Action = "policy.create"
	PolicyDelete    Action = "policy.delete"
	ConditionCreate Action = "condition.create"
	ConditionUpdate Action = "condition.update"
	ConditionDelete Action = "condition.delete"
	PluginCreate    Action = "plugin.create"
	PluginDelete    Action = "plugin.delete"

	NotificationSend     Action = "notification.send"
	NotificationWithdraw Action = "notification.withdraw"

	ProxyRequest Action = "proxy.request"
	BuildRerun   Action = "build.rerun"
	DocsBuild    Action = "docs.build"
	SearchPush   Action = "search.push"
	SearchDelete Action = "search.delete"

	SearchRebuild Action = "search.rebuild"

	SessionStart  Action = "session.start"
	SessionRefuse Action = "session.refuse"
	SessionEnd    Action = "session.end"
	TokenExchange Action = "token.exchange"
	// Access is a denied attempt of anything that has no action of its own, such as reading.
	Access Action = "access"
)

// actions describes every action.
var actions = map[Action]string{ //nolint:gosec // names of actions, no credentials
	RunCreate:   "a run of a template was started",
	RunRetry:    "an ended run was continued from the step that failed",
	RunRollback: "what a run created was asked to be undone",
	RunCancel:   "a run was cancelled",
	RunCallback: "another system told a run how something ended, at an address that the run had given it",

	EntityDelete:      "an entity was deleted",
	EntityRefresh:     "an entity was scheduled to be read again",
	LocationCreate:    "a location was registered",
	LocationUpdate:    "a registered location got another target",
	LocationDelete:    "a location was unregistered",
	LocationConfigure: "the locations of the configuration changed",
	CatalogProcess:    "a location created or changed entities, or emits some no more",
	CatalogClean:      "entities were deleted because nothing emits them any more",
	SweepStart:        "somebody asked for a sweep of a source now",
	SweepCommit:       "a complete sweep added, changed or removed entities of a source",
	SweepApprove:      "somebody approved what a sweep removes",
	SweepDrop:         "somebody dropped a sweep that waited for a decision",
	SweepCancel:       "somebody cancelled a sweep",
	SourceConfigure:   "sources were added to the configuration or taken out of it",
	SourcePause:       "the schedule of a source was paused",
	SourceResume:      "the schedule of a source was resumed",
	ConflictResolve:   "an entity that two locations claim was given to the other one",

	RoleCreate:      "a role was created",
	RoleUpdate:      "a role got or lost members, or got another owner, description or name",
	RoleDelete:      "a role was deleted with its policies and conditions",
	PolicyCreate:    "a role got policies",
	PolicyDelete:    "a role lost policies",
	ConditionCreate: "a role got a condition",
	ConditionUpdate: "a condition of a role was replaced",
	ConditionDelete: "a role lost a condition",
	PluginCreate:    "plugins were added to those whose permissions are listed",
	PluginDelete:    "plugins were removed from those whose permissions are listed",

	NotificationSend:     "a run sent a notification",
	NotificationWithdraw: "a notification was withdrawn when its run was rolled back",

	ProxyRequest: "a request that may change something was passed on to a server behind the proxy",
	BuildRerun:   "a build of an entity was asked to run again",
	DocsBuild:    "somebody asked for a build of an entity's documentation",
	SearchPush:   "another system pushed documents to the search, or completed a full push",
	SearchDelete: "documents that another system had pushed to the search were deleted",

	SearchRebuild: "somebody had the index of the search written anew",

	SessionStart:  "a person signed in",
	SessionRefuse: "a session was not renewed, because of who the person is or is no more",
	SessionEnd:    "a session was ended, by signing out or in again, or by somebody else",
	TokenExchange: "a CI job exchanged its identity token for a token of Portico",
	Access:        "something else was tried, such as reading",
}

// Actions lists the actions in order.
func Actions() []Action { return slices.Sorted(maps.Keys(actions)) }

// Describe says in a few words what an action means, "" for an unknown one.
func (a Action) Describe() string { return actions[a] }
