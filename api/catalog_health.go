package api

import (
	"net/http"

	"github.com/portico-dev/portico/catalog/query"
)

// findingPageSize is the page size of the lists of what is wrong.
var findingPageSize = pageSize{preset: 50, most: 500}

// healthRoutes are Portico's own: what is wrong with the whole catalog.
func (r catalogRoutes) healthRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/health", access: authenticated,
			summary: "Counts what is wrong with the catalog", serve: ok("the numbers, of which those of what is wrong end at 10,000", r.health)},
		{method: http.MethodGet, path: "/health/conflicts", access: authenticated,
			query:   []parameter{text("cursor", "the nextCursor of the page before"), limit(findingPageSize)},
			summary: "Lists the entities that two locations claim", serve: ok("a page of conflicts", r.conflicts)},
		{method: http.MethodGet, path: "/health/entities/:finding", access: authenticated,
			query:   []parameter{text("after", "the reference after which the page begins"), limit(findingPageSize)},
			summary: "Lists the entities that are orphans, unowned, dangling or duplicates", serve: ok("a page of entities", r.wrongEntities), fails: missing},
	}
}

// catalogHealth is a catalog.Health.
type catalogHealth struct {
	Entities int `json:"entities"`
	// Ages are the entities by the time since their last change; each number is without the younger ones.
	Ages entityAges `json:"ages"`
	// Failed are entities that cannot be read, processed or served.
	Failed int `json:"failed"`
	// Conflicts are claims to an entity of another location.
	Conflicts int `json:"conflicts"`
	// Orphans are entities that no location lists any more.
	Orphans int `json:"orphans"`
	// Unowned are entities without an owner, or with one that is not in the catalog.
	Unowned int `json:"unowned"`
	// Dangling are entities with a relation to something that is not in the catalog.
	Dangling int `json:"dangling"`
	// Duplicates are repositories from which entities of several branches are served.
	Duplicates int `json:"duplicates"`
	// Due are entities that wait to be processed, the oldest for LagSeconds.
	Due        int     `json:"due"`
	LagSeconds float64 `json:"lagSeconds"`
}

// entityAges is a catalog.Ages.
type entityAges struct {
	Day   int `json:"day"`
	Week  int `json:"week"`
	Month int `json:"month"`
	Year  int `json:"year"`
	Older int `json:"older"`
}

func (r catalogRoutes) health(c *call) (catalogHealth, error) {
	found, err := r.service.Health(c.Request.Context(), c.principal)
	return catalogHealth{Entities: found.Entities, Ages: entityAges(found.Ages), Failed: found.Failed, Conflicts: found.Conflicts, Orphans: found.Orphans,
		Unowned: found.Unowned, Dangling: found.Dangling, Duplicates: found.Duplicates, Due: found.Due, LagSeconds: found.LagSeconds}, err
}

// conflictList is a part of the conflicts.
type conflictList struct {
	Items []conflict `json:"items"`
	// NextCursor is the cursor of the next page, if there is one.
	NextCursor string `json:"nextCursor,omitempty"`
}

func (r catalogRoutes) conflicts(c *call) (conflictList, error) {
	found, err := r.service.Conflicts(c.Request.Context(), c.principal, c.Query("cursor"), c.limit())
	return conflictList{shownConflicts(found.Items), found.Next}, err
}

// findingList is a part of the entities with which something is wrong.
type findingList struct {
	Items []foundEntity `json:"items"`
	// Next is the after of the next page, if there is one.
	Next string `json:"next,omitempty"`
}

// foundEntity is a catalog.Found.
type foundEntity struct {
	EntityRef  string `json:"entityRef"`
	Location   string `json:"location,omitempty"`
	Repository string `json:"repository,omitempty"`
	Branch     string `json:"branch,omitempty"`
	// Missing are some of the references that it has a relation to and that are not in the catalog.
	Missing []string `json:"missing"`
	// NextStep says what to do.
	NextStep      string `json:"nextStep"`
	Configuration string `json:"configuration,omitempty"`
}

func (r catalogRoutes) wrongEntities(c *call) (findingList, error) {
	found, err := r.service.WrongEntities(c.Request.Context(), c.principal, query.Finding(c.Param("finding")), c.Query("after"), c.limit())
	shown := findingList{Items: make([]foundEntity, len(found.Items)), Next: found.Next}
	for i, f := range found.Items {
		shown.Items[i] = foundEntity{f.EntityRef, f.Location, f.Repository, f.Branch, orEmpty(f.Missing), f.Next, f.Configuration}
	}
	return shown, err
}
