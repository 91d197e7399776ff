package api

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/catalog/sweep"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
)

// NewSourcesPlugin serves the part of /api/portico about the sources of the catalog and their sweeps.
func NewSourcesPlugin(service *sweep.Service) Plugin {
	s := sourceRoutes{service}
	const sources, sweeps = "/v1/catalog/sources", "/v1/catalog/sweeps"
	return plugin{id: "portico", routes: []route{
		{method: http.MethodGet, path: sources, access: authenticated,
			summary: "Lists the sources of the catalog with the latest sweep of each", serve: ok("the sources", s.list)},
		{method: http.MethodGet, path: sources + "/:name", access: authenticated,
			summary: "Gets a source with its sweeps, the latest first", serve: ok("the source", s.source), fails: missing},
		{method: http.MethodPost, path: sources + "/:name/sweep", access: authenticated, audit: records(audit.SweepStart), command: true,
			body: mayTake[sweepInput](), summary: "Sweeps a source now", serve: accepted("the sweep", s.start), fails: missingOrConflicting},
		{method: http.MethodPost, path: sources + "/:name/pause", access: authenticated, audit: records(audit.SourcePause), command: true,
			summary: "Pauses the schedule of a source", serve: empty(http.StatusNoContent, "it is paused", s.pause),
			fails: []fault.Kind{fault.NotFound, fault.Unavailable}},
		{method: http.MethodPost, path: sources + "/:name/resume", access: authenticated, audit: records(audit.SourceResume), command: true,
			summary: "Resumes the schedule of a source", serve: empty(http.StatusNoContent, "it is not paused", s.resume),
			fails: []fault.Kind{fault.NotFound, fault.Unavailable}},
		{method: http.MethodGet, path: sweeps + "/:id", access: authenticated,
			summary: "Gets a sweep, with what it removes", serve: ok("the sweep", s.sweep), fails: missing},
		{method: http.MethodPost, path: sweeps + "/:id/approve", access: authenticated, audit: records(audit.SweepApprove), command: true,
			summary: "Approves what a waiting sweep removes", serve: ok("the sweep", s.decides(service.Approve)), fails: missingOrConflicting},
		{method: http.MethodPost, path: sweeps + "/:id/drop", access: authenticated, audit: records(audit.SweepDrop), command: true,
			summary: "Drops a waiting sweep without a change of the catalog", serve: ok("the sweep", s.decides(service.Drop)), fails: missingOrConflicting},
		{method: http.MethodPost, path: sweeps + "/:id/cancel", access: authenticated, audit: records(audit.SweepCancel), command: true,
			summary: "Cancels a sweep without a change of the catalog", serve: ok("the sweep", s.decides(service.Cancel)), fails: missingOrConflicting},
	}}
}

type sourceRoutes struct{ service *sweep.Service }

// sweepInput is what a sweep is asked for with.
type sweepInput struct {
	closed

	MaxRemovals *int `json:"maxRemovals,omitempty" jsonschema:"minimum=0,maximum=1000000" jsonschema_description:"how many entities this sweep may remove without a decision"`
}

type catalogSource struct {
	Name string `json:"name"`
	// Kind is the key below catalog.providers that configures it.
	Kind  string `json:"kind"`
	Place string `json:"place"`
	// EverySeconds or Cron is the schedule; with neither, it is swept only when somebody asks for it.
	EverySeconds   float64 `json:"everySeconds,omitempty"`
	Cron           string  `json:"cron,omitempty"`
	TimeoutSeconds float64 `json:"timeoutSeconds"`
	Paused         bool    `json:"paused"`
	NextAt         string  `json:"nextAt,omitempty"       jsonschema:"format=date-time"`
	// LeftAt is since when the configuration has it no more.
	LeftAt string `json:"leftAt,omitempty" jsonschema:"format=date-time"`
	// Entities is how many entities it emits, without those below them.
	Entities int           `json:"entities"`
	Last     *catalogSweep `json:"last,omitempty"`
}

type catalogSources struct {
	Sources []catalogSource `json:"sources"`
}

type sourceWithSweeps struct {
	catalogSource

	Sweeps []catalogSweep `json:"sweeps"`
}

type catalogSweep struct {
	ID          string      `json:"id"`
	Source      string      `json:"source"`
	State       sweep.State `json:"state"                 jsonschema:"enum=requested,enum=reading,enum=complete,enum=waiting,enum=approved,enum=committed,enum=failed,enum=dropped,enum=cancelled"`
	Cause       sweep.Cause `json:"cause"                 jsonschema:"enum=schedule,enum=person,enum=event,enum=removal"`
	AskedBy     string      `json:"askedBy,omitempty"`
	MaxRemovals *int        `json:"maxRemovals,omitempty"`
	AskedAt     string      `json:"askedAt"               jsonschema:"format=date-time"`
	StartedAt   string      `json:"startedAt,omitempty"   jsonschema:"format=date-time"`
	// ReadAt is when it had read all pages.
	ReadAt   string `json:"readAt,omitempty"  jsonschema:"format=date-time"`
	EndedAt  string `json:"endedAt,omitempty" jsonschema:"format=date-time"`
	Pages    int    `json:"pages"`
	Requests int    `json:"requests"`
	Entities int    `json:"entities"`
	// Total is how many entities the source has, as far as it says.
	Total   int `json:"total,omitempty"`
	Added   int `json:"added"`
	Changed int `json:"changed"`
	Removed int `json:"removed"`
	// Removals are the first of the entities that it removed or, while it waits, would remove.
	Removals  []string       `json:"removals"`
	Remarks   []string       `json:"remarks"`
	Failure   *fault.Failure `json:"failure,omitempty"`
	DecidedBy string         `json:"decidedBy,omitempty"`
	DecidedAt string         `json:"decidedAt,omitempty" jsonschema:"format=date-time"`
	// WorkflowID is the id of its workflow in Temporal.
	WorkflowID string `json:"workflowId,omitempty"`
}

func (s sourceRoutes) list(c *call) (catalogSources, error) {
	found, err := s.service.Sources(c.Request.Context(), c.principal)
	listed := catalogSources{Sources: make([]catalogSource, len(found))}
	for i, source := range found {
		listed.Sources[i] = shownSource(source)
	}
	return listed, err
}

func (s sourceRoutes) source(c *call) (sourceWithSweeps, error) {
	source, found, err := s.service.Source(c.Request.Context(), c.principal, c.Param("name"))
	shown := sourceWithSweeps{catalogSource: shownSource(source), Sweeps: make([]catalogSweep, len(found))}
	for i, each := range found {
		shown.Sweeps[i] = shownSweep(each)
	}
	return shown, err
}

func (s sourceRoutes) start(c *call) (catalogSweep, error) {
	var input sweepInput
	if err := c.decode(&input); err != nil {
		return catalogSweep{}, err
	}
	started, err := s.service.Start(c.Request.Context(), c.principal, c.Param("name"), input.MaxRemovals)
	return shownSweep(started), err
}

func (s sourceRoutes) pause(c *call) error {
	return s.service.Pause(c.Request.Context(), c.principal, c.Param("name"))
}

func (s sourceRoutes) resume(c *call) error {
	return s.service.Resume(c.Request.Context(), c.principal, c.Param("name"))
}

func (s sourceRoutes) sweep(c *call) (catalogSweep, error) {
	id, err := sweepID(c)
	if err != nil {
		return catalogSweep{}, err
	}
	found, err := s.service.Sweep(c.Request.Context(), c.principal, id)
	return shownSweep(found), err
}

// decides serves a decision about the sweep of the path.
func (s sourceRoutes) decides(decide func(context.Context, identity.Principal, uuid.UUID) (sweep.Sweep, error)) func(*call) (catalogSweep, error) {
	return func(c *call) (catalogSweep, error) {
		id, err := sweepID(c)
		if err != nil {
			return catalogSweep{}, err
		}
		decided, err := decide(c.Request.Context(), c.principal, id)
		return shownSweep(decided), err
	}
}

func sweepID(c *call) (uuid.UUID, error) {
	id, err := uuid.Parse(c.Param("id"))
	if err != nil {
		return uuid.Nil, fault.New(fault.NotFound, "There is no sweep '%s'", c.Param("id"))
	}
	return id, nil
}

func shownSource(source sweep.Source) catalogSource {
	shown := catalogSource{Name: source.Name, Kind: source.Kind, Place: source.Place, EverySeconds: source.Every.Seconds(), Cron: source.Cron,
		TimeoutSeconds: source.Timeout.Seconds(), Paused: source.Paused, NextAt: isoTime(source.Next), LeftAt: isoTime(source.LeftAt), Entities: source.Entities}
	if source.Last != nil {
		shown.Last = new(shownSweep(*source.Last))
	}
	return shown
}

func shownSweep(found sweep.Sweep) catalogSweep {
	return catalogSweep{ID: found.ID.String(), Source: found.Source, State: found.State, Cause: found.Cause, AskedBy: found.AskedBy,
		MaxRemovals: found.MaxRemovals, AskedAt: isoTime(found.AskedAt), StartedAt: isoTime(found.StartedAt), ReadAt: isoTime(found.ReadAt),
		EndedAt: isoTime(found.EndedAt), Pages: found.Pages, Requests: found.Requests, Entities: found.Entities, Total: found.Total,
		Added: found.Added, Changed: found.Changed, Removed: found.Removed, Removals: orEmpty(found.Removals), Remarks: orEmpty(found.Remarks),
		Failure: found.Failure, DecidedBy: found.DecidedBy, DecidedAt: isoTime(found.DecidedAt), WorkflowID: found.WorkflowID}
}
