package api

import (
	"net/http"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/search/external"
)

// NewSearchSourcesPlugin serves the part of /api/portico to which other systems push what is found.
func NewSearchSourcesPlugin(store *external.Store) Plugin {
	s := searchSourceRoutes{store}
	const sources = "/v1/search/sources"
	return plugin{id: "portico", routes: []route{
		{method: http.MethodGet, path: sources, access: authenticated, summary: "Lists the sources of the search that the caller may read",
			serve: ok("the sources; how many documents they have is for those with the permission portico.search.source.read", s.list)},
		{method: http.MethodPut, path: sources + "/:source/documents", access: authenticated, audit: records(audit.SearchPush), command: true,
			summary: "Pushes documents of another system, all or none: new ones, and newer versions of those that are there",
			query: []parameter{text("replace", "the name of a full push: several requests with one name replace everything, when the last of them has complete=true"),
				{name: "complete", kind: textParameter, description: "true with the last request of a full push: what was pushed before it began, and is no part of it, is deleted", allowed: []string{"true", "false"}}},
			body: takesLines[[]external.Document](), serve: ok("what the push did", s.push), fails: missingOrConflicting},
		{method: http.MethodDelete, path: sources + "/:source/documents", access: authenticated, audit: records(audit.SearchDelete), command: true,
			summary: "Deletes documents that were pushed", body: takes[searchDeletion](), serve: ok("what was deleted", s.delete), fails: missingOrConflicting},
	}}
}

type searchSourceRoutes struct{ store *external.Store }

// searchSource is a source of the search.
type searchSource struct {
	Name  string `json:"name"`
	Type  string `json:"type"  jsonschema_description:"the type of its group in GET /v1/search"`
	Title string `json:"title"`
	// IsLive says that it is another server, which is asked only when types has it.
	IsLive       bool `json:"isLive"       jsonschema_description:"another server, which is asked only when types has its type"`
	IsConfigured bool `json:"isConfigured" jsonschema_description:"whether the configuration has it: what another one has is found by nobody"`
	// Documents and the rest are absent before the first push, and without the permission.
	Documents  *int   `json:"documents,omitempty"`
	PushedAt   string `json:"pushedAt,omitempty"   jsonschema:"format=date-time"`
	PushedBy   string `json:"pushedBy,omitempty"`
	Incomplete string `json:"incomplete,omitempty" jsonschema_description:"the name of a full push that was not completed"`
}

type searchSources struct {
	Sources []searchSource `json:"sources"`
}

// searchPush is what a push did.
type searchPush struct {
	Received  int `json:"received"`
	Written   int `json:"written"`
	Unchanged int `json:"unchanged"`
	Outdated  int `json:"outdated"  jsonschema_description:"documents of which a newer version is there, or was deleted"`
	Removed   int `json:"removed"   jsonschema_description:"documents that are no part of the full push that was completed, or were deleted"`
	Documents int `json:"documents" jsonschema_description:"how many the source has now"`
}

// searchDeletion is what is deleted: some documents, or all.
type searchDeletion struct {
	closed

	IDs     []string `json:"ids,omitempty"`
	Version *int64   `json:"version,omitempty" jsonschema:"minimum=0"                                                                             jsonschema_description:"newer versions stay, and older pushes do not bring back what was deleted"`
	All     bool     `json:"all,omitempty"     jsonschema_description:"everything of the source, which need not be in the configuration any more"`
}

func (s searchSourceRoutes) list(c *call) (searchSources, error) {
	found, err := s.store.List(c.Request.Context(), c.principal)
	listed := searchSources{Sources: make([]searchSource, len(found))}
	for i, source := range found {
		shown := searchSource{Name: source.Name, Type: source.Type(), Title: source.Title, IsLive: source.IsLive, IsConfigured: source.IsConfigured}
		if pushed := source.Pushed; pushed != nil {
			shown.Documents, shown.PushedAt, shown.PushedBy, shown.Incomplete = &pushed.Documents, isoTime(pushed.At), pushed.By, pushed.Incomplete
		}
		listed.Sources[i] = shown
	}
	return listed, err
}

func (s searchSourceRoutes) push(c *call) (searchPush, error) {
	outcome, err := s.store.Push(c.Request.Context(), c.principal, c.Param("source"), c.body,
		external.Push{Generation: c.Query("replace"), IsComplete: c.Query("complete") == "true"})
	return searchPush(outcome), err
}

func (s searchSourceRoutes) delete(c *call) (searchPush, error) {
	var input searchDeletion
	if err := c.decode(&input); err != nil {
		return searchPush{}, err
	}
	if input.All {
		if len(input.IDs) > 0 || input.Version != nil {
			return searchPush{}, fault.New(fault.Input, "all deletes everything: leave out ids and version")
		}
		outcome, err := s.store.DeleteAll(c.Request.Context(), c.principal, c.Param("source"))
		return searchPush(outcome), err
	}
	outcome, err := s.store.Delete(c.Request.Context(), c.principal, c.Param("source"), input.IDs, input.Version)
	return searchPush(outcome), err
}
