package api

import (
	"net/http"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
)

// NewCatalogExplanationPlugin serves the part of /api/portico that says where entities are from, what is wrong with
// them, and what they may be.
func NewCatalogExplanationPlugin(service *catalog.Service) Plugin {
	e := &explanationAPI{service}
	return plugin{id: "portico", routes: []route{
		{method: http.MethodGet, path: ofEntity + "/explain", access: authenticated,
			summary: "Says where an entity is from, what changed it, and what is wrong with it", serve: ok("the explanation", e.explain), fails: missing},
		{method: http.MethodPost, path: "/v1/catalog/conflicts/resolve", access: authenticated, command: true, audit: records(audit.ConflictResolve),
			summary: "Gives an entity that two locations claim to the other one", body: takes[resolveInput](),
			serve: empty(http.StatusAccepted, "the other location is read now", e.resolve), fails: missingOrConflicting},
		{method: http.MethodPost, path: "/v1/catalog/inspect", access: authenticated, audit: unrecorded("it reads"),
			summary: "Looks into a repository: which descriptors it has, and what its descriptor could be", body: takes[inspectInput](),
			serve: ok("what it has, and a draft", e.inspect), fails: []fault.Kind{fault.NotFound, fault.NotImplemented, fault.BadGateway}},
		{method: http.MethodGet, path: "/v1/catalog/model", access: authenticated,
			summary: "Describes the kinds of entities, and the relations and rules of layers", serve: ok("the model", e.model)},
	}}
}

type explanationAPI struct{ service *catalog.Service }

// explanation is a catalog.Explanation.
type explanation struct {
	EntityRef string `json:"entityRef"`
	// Location is the file that claims the entity, type:target.
	Location string `json:"location"`
	Line     int    `json:"line,omitempty"`
	// Sources emit the first of the path, or the entity itself.
	Sources []string `json:"sources"`
	// Path are the Locations that lead from the source to the entity.
	Path      []pathStep  `json:"path"`
	ChangedAt string      `json:"changedAt" jsonschema:"format=date-time"`
	ChangedBy changeCause `json:"changedBy"`
	Version   int         `json:"version"`
	// SeenAt is when it was last found at its place, absent when that is not known.
	SeenAt string `json:"seenAt,omitempty" jsonschema:"format=date-time"`
	DueAt  string `json:"dueAt"            jsonschema:"format=date-time"`

	Errors    []explainedError `json:"errors"`
	Conflicts []conflict       `json:"conflicts"`
	// Missing are relations that lead to no entity that the caller may read.
	Missing []missingTarget   `json:"missing"`
	Owner   catalog.Ownership `json:"owner"   jsonschema:"enum=owned,enum=missing,enum=none,enum=unneeded"`
}

// pathStep is a catalog.Origin.
type pathStep struct {
	EntityRef string `json:"entityRef"`
	Location  string `json:"location"`
	Line      int    `json:"line,omitempty"`
	SeenAt    string `json:"seenAt,omitempty" jsonschema:"format=date-time"`
	DueAt     string `json:"dueAt"            jsonschema:"format=date-time"`
}

// explainedError is a catalog.Problem.
type explainedError struct {
	Name     string `json:"name"`
	Message  string `json:"message"`
	Location string `json:"location,omitempty"`
	Line     int    `json:"line,omitempty"`
}

// conflict is a catalog.Conflict.
type conflict struct {
	EntityRef string `json:"entityRef"`
	// Holder is the location that has the entity, Claimant the one that wants it too.
	Holder      string `json:"holder"`
	Claimant    string `json:"claimant"`
	ClaimantRef string `json:"claimantRef"`
	FirstSeenAt string `json:"firstSeenAt" jsonschema:"format=date-time"`
	LastSeenAt  string `json:"lastSeenAt"  jsonschema:"format=date-time"`
	// Repository is that of both locations, if they are on two branches of one.
	Repository string `json:"repository,omitempty"`
	// Next says what to do.
	Next          string `json:"next"`
	Configuration string `json:"configuration,omitempty"`
}

// missingTarget is a relation that leads to nothing.
type missingTarget struct {
	Type      string `json:"type"`
	TargetRef string `json:"targetRef"`
}

func (e *explanationAPI) explain(c *call) (explanation, error) {
	found, err := e.service.Explain(c.Request.Context(), c.principal, c.entityRef())
	if err != nil {
		return explanation{}, err
	}
	shown := explanation{EntityRef: found.EntityRef, Location: found.Location, Line: found.Line, Sources: orEmpty(found.Sources), Path: []pathStep{},
		ChangedAt: isoTime(found.ChangedAt), ChangedBy: shownCause(found.ChangedBy), Version: found.Version,
		SeenAt: isoTime(found.SeenAt), DueAt: isoTime(found.DueAt),
		Errors: []explainedError{}, Conflicts: shownConflicts(found.Conflicts), Missing: []missingTarget{}, Owner: found.Owner}
	for _, o := range found.Path {
		shown.Path = append(shown.Path, pathStep{o.EntityRef, o.Location, o.Line, isoTime(o.SeenAt), isoTime(o.DueAt)})
	}
	for _, p := range found.Errors {
		shown.Errors = append(shown.Errors, explainedError(p))
	}
	for _, r := range found.Missing {
		shown.Missing = append(shown.Missing, missingTarget{r.Type, r.TargetRef})
	}
	return shown, nil
}

func shownConflicts(found []catalog.Conflict) []conflict {
	shown := make([]conflict, len(found))
	for i, c := range found {
		shown[i] = conflict{EntityRef: c.EntityRef, Holder: c.Holder, Claimant: c.Claimant, ClaimantRef: c.ClaimantRef, FirstSeenAt: isoTime(c.FirstSeenAt),
			LastSeenAt: isoTime(c.LastSeenAt), Repository: c.Repository, Next: c.Next, Configuration: c.Configuration}
	}
	return shown
}

type resolveInput struct {
	closed

	EntityRef string `json:"entityRef" jsonschema_description:"the entity that two locations claim"`
	Claimant  string `json:"claimant"  jsonschema_description:"the location that gets it, type:target"`
}

func (e *explanationAPI) resolve(c *call) error {
	var input resolveInput
	if err := c.decode(&input); err != nil {
		return err
	}
	ref, err := entity.ParseRef(input.EntityRef, entity.Ref{})
	if err != nil {
		return fault.New(fault.Input, "%s", err)
	}
	return e.service.ResolveConflict(c.Request.Context(), c.principal, ref, input.Claimant)
}
