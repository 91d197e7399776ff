package api

import (
	"net/http"

	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/changes"
	"github.com/portico-dev/portico/catalog/processing"
)

// historyPageSize is the page size of the changes of an entity.
var historyPageSize = pageSize{preset: 20, most: 100}

// atParameter is the moment at which an entity is shown.
var atParameter = moment("at", "shows the entity as it was then")

// historyRoutes are Portico's own, below the paths of Backstage's entities.
func (r catalogRoutes) historyRoutes() []route {
	parameters := []parameter{text("cursor", "the nextCursor of the page before"), limit(historyPageSize)}
	return []route{
		{method: http.MethodGet, path: "/entities/by-name/:kind/:namespace/:name/history", access: authenticated, query: parameters,
			summary: "Lists the changes of an entity, the newest first", serve: ok("a page of changes", r.historyByName), fails: missing},
		{method: http.MethodGet, path: "/entities/by-uid/:uid/history", access: authenticated, query: parameters,
			summary: "Lists the changes of an entity by its uid, the newest first", serve: ok("a page of changes", r.historyByUID), fails: missing},
	}
}

// entityHistory is a part of the changes of an entity.
type entityHistory struct {
	Items []entityChange `json:"items"`
	// NextCursor is the cursor of the next page, if there is one.
	NextCursor string `json:"nextCursor,omitempty"`
}

// entityChange is a catalog.EntityChange.
type entityChange struct {
	Action  catalog.ChangeAction `json:"action"  jsonschema:"enum=created,enum=changed,enum=removed,enum=recorded"`
	At      string               `json:"at"      jsonschema:"format=date-time"`
	Cause   changeCause          `json:"cause"`
	UID     string               `json:"uid"`
	Version int                  `json:"version"`
	// Location is the file that the version is from, type:target.
	Location string `json:"location,omitempty"`
	// Changes are what differs from the version before, absent when that is not kept any more.
	Changes []difference `json:"changes,omitempty"`
	// MoreChanges says that there are further ones.
	MoreChanges bool `json:"moreChanges,omitempty"`
}

// changeCause is a processing.Cause.
type changeCause struct {
	Kind string `json:"kind" jsonschema:"enum=unknown,enum=schedule,enum=request,enum=configuration,enum=sweep,enum=event,enum=relations,enum=orphan,enum=release"`
	// By is the user, service, sweep or event.
	By string `json:"by,omitempty"`
}

// difference is a changes.Change.
type difference struct {
	Op   changes.Op `json:"op"   jsonschema:"enum=add,enum=remove,enum=replace"`
	Path string     `json:"path" jsonschema_description:"a JSON Pointer"`
	// Before and After are of any type, absent for a value that was not there.
	Before any `json:"before,omitempty"`
	After  any `json:"after,omitempty"`
}

func shownCause(cause processing.Cause) changeCause {
	if cause.Kind == processing.CauseUnknown {
		return changeCause{Kind: "unknown"}
	}
	return changeCause{string(cause.Kind), cause.By}
}

func (r catalogRoutes) historyByName(c *call) (entityHistory, error) {
	found, err := r.service.EntityHistory(c.Request.Context(), c.principal, c.entityRef(), c.historyQuery())
	return shownHistory(found), err
}

func (r catalogRoutes) historyByUID(c *call) (entityHistory, error) {
	found, err := r.service.EntityHistoryByUID(c.Request.Context(), c.principal, c.Param("uid"), c.historyQuery())
	return shownHistory(found), err
}

func (c *call) historyQuery() catalog.HistoryQuery {
	return catalog.HistoryQuery{Cursor: c.Query("cursor"), Limit: c.limit()}
}

func shownHistory(found catalog.HistoryPage) entityHistory {
	shown := entityHistory{Items: make([]entityChange, len(found.Items)), NextCursor: found.Next}
	for i, item := range found.Items {
		change := entityChange{Action: item.Action, At: isoTime(item.At), Cause: shownCause(item.Cause), UID: item.UID.String(), Version: item.Version,
			Location: item.Location, MoreChanges: item.More}
		for _, d := range item.Differences {
			shown := difference{Op: d.Op, Path: d.Path}
			if d.Before != nil {
				shown.Before = d.Before
			}
			if d.After != nil {
				shown.After = d.After
			}
			change.Changes = append(change.Changes, shown)
		}
		shown.Items[i] = change
	}
	return shown
}
