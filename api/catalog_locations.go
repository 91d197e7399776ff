package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/fault"
)

func (r catalogRoutes) locationRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/locations", access: authenticated, summary: "Lists the registered locations",
			answers: ok("the locations"), handle: r.locations},
		{method: http.MethodPost, path: "/locations", access: authenticated, summary: "Registers a location, or tries one",
			query:   []parameter{text("dryRun", "read it now and store nothing"), text("onConflict", "refresh or reject a location that is registered")},
			body:    registerBody,
			answers: created("the location, and what a dry run found"), handle: r.register},
		{method: http.MethodPost, path: "/locations/by-query", access: authenticated, summary: "Finds a page of the registered locations",
			body: locationsBody, answers: ok("the page"), handle: r.queryLocations},
		{method: http.MethodGet, path: "/locations/:id", access: authenticated, summary: "Shows a registered location",
			answers: ok("the location"), handle: r.location},
		{method: http.MethodPut, path: "/locations/:id", access: authenticated, summary: "Points a registered location elsewhere",
			body: locationBody, answers: ok("the location"), handle: r.updateLocation},
		{method: http.MethodDelete, path: "/locations/:id", access: authenticated, summary: "Unregisters a location and what only it led to",
			answers: noContent, handle: r.deleteLocation},
		{method: http.MethodGet, path: "/locations/by-entity/:kind/:namespace/:name", access: authenticated,
			summary: "Shows the location that led to an entity", answers: ok("the location"), handle: r.locationByEntity},
	}
}

// locationInput is a location as clients name it.
type locationInput struct {
	Type     string `json:"type"`
	Target   string `json:"target"`
	Presence string `json:"presence"`
}

func (l locationInput) spec() entity.LocationSpec {
	return entity.LocationSpec{Type: l.Type, Target: l.Target, Presence: l.Presence}
}

func (r catalogRoutes) locations(c *call) error {
	locations, err := r.service.Locations(c.Request.Context(), c.principal)
	if err != nil {
		return err
	}
	type wrapped struct {
		Data catalog.Location `json:"data"`
	}
	items := make([]wrapped, len(locations))
	for i, location := range locations {
		items[i] = wrapped{location}
	}
	return c.json(http.StatusOK, items)
}

func (r catalogRoutes) register(c *call) error {
	spec, err := c.registration()
	if err != nil {
		return err
	}
	onConflict := catalog.ConflictStrategy(c.Query("onConflict"))
	if !slices.Contains([]catalog.ConflictStrategy{"", catalog.ConflictRefresh, catalog.ConflictReject}, onConflict) {
		return fault.New(fault.Input, "request/query/onConflict must be equal to one of the allowed values")
	}
	type answer struct {
		Exists   *bool             `json:"exists,omitempty"`
		Location catalog.Location  `json:"location"`
		Entities []json.RawMessage `json:"entities"`
	}
	if isYes(c.Query("dryRun")) {
		tried, err := r.service.TryLocation(c.Request.Context(), c.principal, spec)
		if err != nil {
			return err
		}
		return c.json(http.StatusCreated, answer{&tried.Exists, tried.Location, tried.Entities})
	}
	registered, err := r.service.RegisterLocation(c.Request.Context(), c.principal, spec, onConflict)
	if err != nil {
		return err
	}
	return c.json(http.StatusCreated, answer{Location: registered, Entities: []json.RawMessage{}})
}

// registration reads the body of a registration, which takes no other keys. The complaint has the form of Backstage's
// validator.
func (c *call) registration() (entity.LocationSpec, error) {
	var input locationInput
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
	return input.spec(), nil
}

// isYes reads a switch as loosely as Backstage does.
func isYes(s string) bool {
	return slices.Contains([]string{"y", "yes", "true", "1", "on"}, strings.ToLower(strings.TrimSpace(s)))
}

// defaultLocationLimit is the size of a page of locations, when none is asked for.
const defaultLocationLimit = 1000

func (r catalogRoutes) queryLocations(c *call) error {
	var body struct {
		Cursor string          `json:"cursor"`
		Limit  *float64        `json:"limit"`
		Query  json.RawMessage `json:"query"`
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	cursor := query.LocationCursor{Limit: defaultLocationLimit, Query: body.Query}
	if body.Cursor != "" {
		decoded, err := query.DecodeLocationCursor(body.Cursor)
		if err != nil {
			return err
		}
		cursor = decoded
	}
	if body.Limit != nil {
		cursor.Limit = int(*body.Limit)
		if cursor.Limit < 1 || float64(cursor.Limit) != *body.Limit {
			return fault.New(fault.Input, "Invalid limit, must be an integer greater than zero")
		}
	}
	page, err := r.service.QueryLocations(c.Request.Context(), c.principal, cursor)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, pageBody[catalog.Location]{
		Items: orEmpty(page.Items), TotalItems: page.TotalItems, PageInfo: pageInfo{NextCursor: page.Next}})
}

func (r catalogRoutes) location(c *call) error {
	return c.answerLocation(r.service.LocationByID(c.Request.Context(), c.principal, c.Param("id")))
}

func (r catalogRoutes) locationByEntity(c *call) error {
	return c.answerLocation(r.service.LocationByEntity(c.Request.Context(), c.principal, c.entityRef()))
}

func (r catalogRoutes) updateLocation(c *call) error {
	var input locationInput
	if err := c.decode(&input); err != nil {
		return err
	}
	return c.answerLocation(r.service.UpdateLocation(c.Request.Context(), c.principal, c.Param("id"), input.spec()))
}

func (c *call) answerLocation(location catalog.Location, err error) error {
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, location)
}

func (r catalogRoutes) deleteLocation(c *call) error {
	if err := r.service.DeleteLocation(c.Request.Context(), c.principal, c.Param("id")); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	return nil
}
