package api

import (
	"net/http"

	"github.com/portico-dev/portico/bookmarks"
	"github.com/portico-dev/portico/fault"
)

// NewBookmarksPlugin serves the part of /api/portico with the signed-in person's starred and recent entities.
// The service restricts each person to their own lists.
func NewBookmarksPlugin(service *bookmarks.Service) Plugin {
	ownLists := unrecorded("people change what only they see")
	var routes []route
	for _, kept := range []struct {
		list        bookmarks.List
		path, words string
	}{
		{bookmarks.Starred, "/v1/me/stars", "the caller's starred entities"},
		{bookmarks.Recent, "/v1/me/recent", "the caller's recent entities"},
	} {
		b := bookmarkRoutes{service, kept.list}
		routes = append(routes,
			route{method: http.MethodGet, path: kept.path, access: authenticated,
				summary: "Lists " + kept.words + ", the latest first", serve: ok("their references", b.references)},
			route{method: http.MethodPut, path: kept.path, access: authenticated, audit: ownLists, command: true, body: takes[bookmarkInput](),
				summary: "Adds an entity at the front of " + kept.words, serve: empty(http.StatusNoContent, "it is there", b.add),
				fails: []fault.Kind{fault.Conflict}},
			route{method: http.MethodDelete, path: kept.path, access: authenticated, audit: ownLists, command: true,
				query:   []parameter{required(text("entityRef", "the entity"))},
				summary: "Removes an entity from " + kept.words, serve: empty(http.StatusNoContent, "it is not there", b.remove)})
	}
	return plugin{id: "portico", routes: routes}
}

// bookmarkRoutes serves one of the lists.
type bookmarkRoutes struct {
	service *bookmarks.Service
	list    bookmarks.List
}

// bookmarkList is a list of entity references.
type bookmarkList struct {
	EntityRefs []string `json:"entityRefs"`
}

type bookmarkInput struct {
	closed

	EntityRef string `json:"entityRef" jsonschema_description:"the entity"`
}

func (b bookmarkRoutes) references(c *call) (bookmarkList, error) {
	refs, err := b.service.References(c.Request.Context(), c.principal, b.list)
	return bookmarkList{orEmpty(refs)}, err
}

func (b bookmarkRoutes) add(c *call) error {
	var input bookmarkInput
	if err := c.decode(&input); err != nil {
		return err
	}
	return b.service.Add(c.Request.Context(), c.principal, b.list, input.EntityRef)
}

func (b bookmarkRoutes) remove(c *call) error {
	return b.service.Remove(c.Request.Context(), c.principal, b.list, c.Query("entityRef"))
}
