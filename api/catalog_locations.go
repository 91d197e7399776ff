package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/plainjson"
)

func (r catalogRoutes) locationRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/locations", access: authenticated, summary: "Lists the registered locations",
			serve: writes[[]listedLocation]("the locations", r.locations)},
		{method: http.MethodPost, path: "/locations", access: authenticated, audit: records(audit.LocationCreate), command: true, summary: "Registers a location, or does a dry run",
			query: []parameter{text("dryRun", "read it now and store nothing"), text("onConflict", "refresh or reject a location that is registered")},
			body:  takes[registrationInput](),
			serve: created("the location, and what a dry run found", r.register), fails: []fault.Kind{fault.Conflict}},
		{method: http.MethodPost, path: "/locations/by-query", access: authenticated, audit: unrecorded("it reads"), summary: "Finds a page of the registered locations",
			body: mayTake[locationQueryInput](), serve: ok("the page", r.queryLocations)},
		{method: http.MethodGet, path: "/locations/:id", access: authenticated, summary: "Shows a registered location",
			serve: ok("the location", r.location), fails: missing},
		{method: http.MethodPut, path: "/locations/:id", access: authenticated, audit: records(audit.LocationUpdate), command: true, summary: "Changes the target of a registered location",
			body: takes[locationInput](), serve: ok("the location", r.updateLocation), fails: missingOrConflicting},
		{method: http.MethodDelete, path: "/locations/:id", access: authenticated, audit: records(audit.LocationDelete), command: true, summary: "Unregisters a location and deletes the entities that only it emits",
			serve: empty(http.StatusNoContent, "done", r.deleteLocation), fails: missing},
		{method: http.MethodGet, path: "/locations/by-entity/:kind/:namespace/:name", access: authenticated,
			summary: "Shows the registered location of an entity", serve: ok("the location", r.locationByEntity), fails: missing},
	}
}

type locationInput struct {
	closed

	Type   string `json:"type"`
	Target string `json:"target"`
}

func (l locationInput) spec() entity.LocationSpec {
	return entity.LocationSpec{Type: l.Type, Target: l.Target}
}

// listedLocation is a location in the list, where Backstage wraps it.
type listedLocation struct {
	Data catalog.Location `json:"data"`
}

func (r catalogRoutes) locations(c *call) error {
	out := newArrayWriter(c, "[", "]")
	err := r.service.Locations(c.Request.Context(), c.principal, func(location catalog.Location) error {
		document, err := plainjson.Marshal(listedLocation{location})
		if err != nil {
			return fmt.Errorf("encode a location: %w", err)
		}
		return out.add(document)
	})
	if err != nil {
		return err
	}
	return out.end()
}

// registrationInput accepts unknown members: the handler rejects them in Backstage's own form.
type registrationInput struct {
	Target   string `json:"target"`
	Type     string `json:"type"`
	Presence string `json:"presence,omitempty"`
}

// registration is the result of a registration.
type registration struct {
	// Exists reports, in a dry run, whether the location is registered already.
	Exists   *bool              `json:"exists,omitempty"`
	Location catalog.Location   `json:"location"`
	Entities []document[Entity] `json:"entities"`
}

func (r catalogRoutes) register(c *call) (registration, error) {
	spec, err := c.registration()
	if err != nil {
		return registration{}, err
	}
	onConflict := catalog.ConflictStrategy(c.Query("onConflict"))
	if !slices.Contains([]catalog.ConflictStrategy{"", catalog.ConflictRefresh, catalog.ConflictReject}, onConflict) {
		return registration{}, fault.New(fault.Input, "request/query/onConflict must be equal to one of the allowed values: refresh, reject")
	}
	if isYes(c.Query("dryRun")) {
		tried, err := r.service.TryLocation(c.Request.Context(), c.principal, spec)
		return registration{&tried.Exists, tried.Location, documents[Entity](tried.Entities)}, err
	}
	registered, err := r.service.RegisterLocation(c.Request.Context(), c.principal, spec, onConflict)
	return registration{Location: registered, Entities: []document[Entity]{}}, err
}

// registration reads the body of a registration, which may have no other keys. Errors have the form of
// Backstage's validator.
func (c *call) registration() (entity.LocationSpec, error) {
	var input registrationInput
	var keys map[string]json.RawMessage
	if err := c.decode(&keys); err != nil {
		return entity.LocationSpec{}, err
	}
	if err := c.decode(&input); err != nil {
		return entity.LocationSpec{}, err
	}
	strangers := slices.DeleteFunc(sortedKeys(keys), func(key string) bool {
		return slices.Contains([]string{"type", "target", "presence"}, key)
	})
	if len(strangers) > 0 {
		complaint, err := json.MarshalIndent([]any{struct {
			Code    string   `json:"code"`
			Keys    []string `json:"keys"`
			Path    []string `json:"path"`
			Message string   `json:"message"`
		}{"unrecognized_keys", strangers, []string{}, "Unrecognized key(s) in object: '" + strings.Join(strangers, "', '") + "'"}}, "", "  ")
		if err != nil {
			return entity.LocationSpec{}, err
		}
		return entity.LocationSpec{}, fault.New(fault.Input, "Malformed request: %s", complaint)
	}
	if !slices.Contains([]string{"", entity.PresenceRequired, entity.PresenceOptional}, input.Presence) {
		return entity.LocationSpec{}, fault.New(fault.Input, "Malformed request: presence must be required or optional")
	}
	return entity.LocationSpec{Type: input.Type, Target: input.Target, Presence: input.Presence}, nil
}

// isYes parses a boolean as loosely as Backstage does.
func isYes(s string) bool {
	return slices.Contains([]string{"y", "yes", "true", "1", "on"}, strings.ToLower(strings.TrimSpace(s)))
}

// locationPageSize is the page size of locations.
var locationPageSize = pageSize{preset: 1000, most: 1000}

type locationQueryInput struct {
	Cursor *string             `json:"cursor,omitempty"`
	Limit  *float64            `json:"limit,omitempty"`
	Query  document[predicate] `json:"query,omitzero"`
}

type locationPage page[catalog.Location]

func (r catalogRoutes) queryLocations(c *call) (locationPage, error) {
	var input locationQueryInput
	if err := c.decode(&input); err != nil {
		return locationPage{}, err
	}
	cursor := query.LocationCursor{Limit: locationPageSize.preset, Query: input.Query.RawMessage}
	if input.Cursor != nil {
		decoded, err := query.DecodeLocationCursor(*input.Cursor)
		if err != nil {
			return locationPage{}, err
		}
		cursor = decoded
	}
	if input.Limit != nil {
		cursor.Limit = int(*input.Limit)
		if cursor.Limit < 1 || float64(cursor.Limit) != *input.Limit {
			return locationPage{}, fault.New(fault.Input, "Limit must be a positive integer >= 1")
		}
	}
	cursor.Limit = locationPageSize.of(cursor.Limit)
	found, err := r.service.QueryLocations(c.Request.Context(), c.principal, cursor)
	return locationPage{Items: orEmpty(found.Items), TotalItems: found.TotalItems, PageInfo: pageInfo{NextCursor: found.Next}}, err
}

func (r catalogRoutes) location(c *call) (catalog.Location, error) {
	return r.service.LocationByID(c.Request.Context(), c.principal, c.Param("id"))
}

func (r catalogRoutes) locationByEntity(c *call) (catalog.Location, error) {
	return r.service.LocationByEntity(c.Request.Context(), c.principal, c.entityRef())
}

func (r catalogRoutes) updateLocation(c *call) (catalog.Location, error) {
	var input locationInput
	if err := c.decode(&input); err != nil {
		return catalog.Location{}, err
	}
	return r.service.UpdateLocation(c.Request.Context(), c.principal, c.Param("id"), input.spec())
}

func (r catalogRoutes) deleteLocation(c *call) error {
	return r.service.DeleteLocation(c.Request.Context(), c.principal, c.Param("id"))
}
