package api

import (
	_ "embed"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/dryrun"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/template"
)

// scaffolderPermissions is what the scaffolder tells of its permissions and rules; the words are the contract.
//
//go:embed scaffolder_permissions.json
var scaffolderPermissions []byte

// Follower wakes those who follow a run, known by its id, when there is something new to read. The caller calls stop
// when it is done.
type Follower interface {
	Follow(id string) (wake <-chan struct{}, stop func())
}

// NewScaffolderPlugin serves /api/scaffolder. events wakes those who follow runs.
func NewScaffolderPlugin(service *scaffolder.Service, dryRuns *dryrun.Runner, events Follower) Plugin {
	s := &scaffolderAPI{service: service, dryRuns: dryRuns, events: events}
	task := "/v2/tasks/:taskId"
	after := integer("after", "only events with a larger id, and the completion")
	return plugin{id: "scaffolder", routes: []route{
		{method: http.MethodGet, path: "/v2/templates/:namespace/:kind/:name/parameter-schema", access: authenticated,
			summary: "Describes the form of a template", answers: ok("the parameter schema"), handle: s.parameterSchema},
		{method: http.MethodGet, path: "/v2/actions", access: authenticated,
			summary: "Lists the actions with their schemas and examples", answers: ok("the actions"), handle: s.actions},
		{method: http.MethodPost, path: "/v2/tasks", access: authenticated, body: taskBody,
			summary: "Starts a run of a template", answers: created("the run's id"), handle: s.create},
		{method: http.MethodGet, path: "/v2/tasks", access: authenticated, query: []parameter{
			list("createdBy", "only runs of these users"), list("status", "only runs in these statuses"),
			integer("limit", "how many at the most"), integer("offset", "how many to pass over"),
			list("order", "asc or desc, a colon, and created_at, status or created_by")},
			summary: "Lists runs", answers: ok("a page of runs"), handle: s.list},
		{method: http.MethodGet, path: task, access: authenticated,
			summary: "Shows a run", answers: ok("the run"), handle: s.get},
		{method: http.MethodPost, path: task + "/cancel", access: authenticated,
			summary: "Stops a run at its next safe point", answers: ok("cancelled"), handle: s.cancel},
		{method: http.MethodPost, path: task + "/retry", access: authenticated, body: retryBody,
			summary: "Takes an ended run up again at its failed step", answers: created("the run's id"), handle: s.retry},
		{method: http.MethodGet, path: task + "/events", access: authenticated, query: []parameter{after},
			summary: "Waits for events of a run", answers: ok("the events"), handle: s.pollEvents},
		{method: http.MethodGet, path: task + "/eventstream", access: authenticated, query: []parameter{after},
			summary: "Streams the events of a run", answers: []answer{{http.StatusOK, "events until the run ends", "text/event-stream"}}, handle: s.streamEvents},
		{method: http.MethodPost, path: "/v2/dry-run", access: authenticated, body: dryRunBody,
			summary: "Tries a template out", answers: ok("what came of it"), handle: s.dryRun},
		{method: http.MethodPost, path: "/v2/autocomplete/:provider/:resource", access: authenticated,
			body:    object([]string{"token"}, map[string]*schema{"token": value("string", "the user's token for the provider"), "context": anything("what is chosen so far")}),
			summary: "Completes what a person types", answers: ok("the completions"), handle: s.autocomplete},
		{method: http.MethodGet, path: "/.well-known/backstage/permissions/metadata", access: authenticated,
			summary: "Describes the scaffolder's permissions", answers: ok("permissions and rules"), handle: s.permissions},
	}}
}

var (
	taskBody = object([]string{"templateRef", "values"}, map[string]*schema{
		"templateRef": value("string", "the template's entity reference"),
		"values":      value("object", "what was filled in"),
		"secrets":     value("object", "values that are never shown"),
	})
	retryBody  = &schema{kind: "object", optional: true, properties: map[string]*schema{"secrets": value("object", "values that are never shown")}}
	dryRunBody = object([]string{"template", "values", "directoryContents"}, map[string]*schema{
		"template": anything("the template entity"),
		"values":   value("object", "what was filled in"),
		"secrets":  value("object", "values that are never shown"),
		"directoryContents": arrayOf(object([]string{"path", "base64Content"}, map[string]*schema{
			"path": value("string", "relative, with slashes"), "base64Content": value("string", "the file")})),
	})
)

type scaffolderAPI struct {
	service *scaffolder.Service
	dryRuns *dryrun.Runner
	events  Follower
}

func (s *scaffolderAPI) parameterSchema(c *call) error {
	ref := entity.Ref{Kind: c.Param("kind"), Namespace: c.Param("namespace"), Name: c.Param("name")}
	t, err := s.service.Template(c.Request.Context(), c.principal, ref)
	if err != nil {
		return err
	}
	schema, err := t.ParameterSchema()
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, schema)
}

type actionBody struct {
	ID          string           `json:"id"`
	Description string           `json:"description,omitempty"`
	Examples    []action.Example `json:"examples,omitempty"`
	Schema      actionSchemas    `json:"schema"`
}

type actionSchemas struct {
	Input  json.RawMessage `json:"input,omitempty"`
	Output json.RawMessage `json:"output,omitempty"`
}

func (s *scaffolderAPI) actions(c *call) error {
	bodies := []actionBody{}
	for _, each := range s.service.Actions.All() {
		d := each.Describe()
		bodies = append(bodies, actionBody{d.ID, d.Description, d.Examples, actionSchemas{d.InputSchema, d.OutputSchema}})
	}
	return c.json(http.StatusOK, bodies)
}

func (s *scaffolderAPI) create(c *call) error {
	var body struct {
		TemplateRef string            `json:"templateRef"`
		Values      json.RawMessage   `json:"values"`
		Secrets     map[string]string `json:"secrets"`
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	id, err := s.service.Create(c.Request.Context(), c.principal,
		scaffolder.Request{TemplateRef: body.TemplateRef, Values: body.Values, Secrets: body.Secrets})
	if err != nil {
		return asValidationBody(err)
	}
	return c.json(http.StatusCreated, map[string]string{"id": id.String()})
}

// asValidationBody gives refused values the body that Backstage's clients know.
func asValidationBody(err error) error {
	if invalid, is := errors.AsType[*scaffolder.InvalidValuesError](err); is {
		return &bodyError{status: http.StatusBadRequest, body: map[string]any{"errors": invalid.Violations}}
	}
	return err
}

// taskJSON is a run as Backstage shows it.
type taskJSON struct {
	ID              string          `json:"id"`
	Spec            json.RawMessage `json:"spec"`
	Status          run.Status      `json:"status"`
	CreatedAt       string          `json:"createdAt"`
	LastHeartbeatAt string          `json:"lastHeartbeatAt,omitempty"`
	CreatedBy       string          `json:"createdBy,omitempty"`
}

func toTask(r run.Run) taskJSON {
	return taskJSON{ID: r.ID.String(), Spec: r.RawSpec, Status: r.Status, CreatedAt: isoTime(r.CreatedAt),
		LastHeartbeatAt: isoTime(r.LastHeartbeatAt), CreatedBy: r.CreatedBy}
}

// isoTime is a time as JavaScript's toISOString prints it; "" for the zero time.
func isoTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

func (s *scaffolderAPI) get(c *call) error {
	r, err := s.service.Run(c.Request.Context(), c.principal, c.Param("taskId"))
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, toTask(r))
}

func (s *scaffolderAPI) list(c *call) error {
	query := run.Query{Statuses: c.QueryArray("status"), Creators: c.QueryArray("createdBy"),
		Limit: c.queryInt("limit", 0), Offset: c.queryInt("offset", 0)}
	if err := parseOrder(c.Query("order"), &query); err != nil {
		return err
	}
	runs, total, err := s.service.List(c.Request.Context(), c.principal, query)
	if err != nil {
		return err
	}
	tasks := make([]taskJSON, len(runs))
	for i, r := range runs {
		tasks[i] = toTask(r)
	}
	return c.json(http.StatusOK, map[string]any{"tasks": tasks, "totalTasks": total})
}

func parseOrder(order string, query *run.Query) error {
	if order == "" {
		return nil
	}
	direction, field, _ := strings.Cut(order, ":")
	known := field == "created_at" || field == "status" || field == "created_by"
	if !known || direction != "asc" && direction != "desc" {
		return fault.New(fault.Input, `Invalid order parameter "%s", expected "<asc or desc>:<field name>"`, order)
	}
	query.OrderBy, query.Ascending = field, direction == "asc"
	return nil
}

func (s *scaffolderAPI) cancel(c *call) error {
	if err := s.service.Cancel(c.Request.Context(), c.principal, c.Param("taskId")); err != nil {
		return err
	}
	return c.json(http.StatusOK, map[string]string{"status": "cancelled"})
}

func (s *scaffolderAPI) retry(c *call) error {
	var body struct {
		Secrets map[string]string `json:"secrets"`
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	id := c.Param("taskId")
	if err := s.service.Retry(c.Request.Context(), c.principal, id, body.Secrets); err != nil {
		return err
	}
	return c.json(http.StatusCreated, map[string]string{"id": id})
}

func (s *scaffolderAPI) dryRun(c *call) error {
	var body struct {
		Template          json.RawMessage   `json:"template"`
		Values            json.RawMessage   `json:"values"`
		Secrets           map[string]string `json:"secrets"`
		DirectoryContents []dryrun.File     `json:"directoryContents"`
	}
	if err := c.decode(&body); err != nil {
		return err
	}
	t, err := template.Parse(body.Template)
	if err != nil {
		return err
	}
	if err := s.service.MayDryRun(c.Request.Context(), c.principal); err != nil {
		return err
	}
	if err := scaffolder.CheckValues(t, body.Values, body.Secrets); err != nil {
		return asValidationBody(err)
	}
	result, err := s.dryRuns.Run(c.Request.Context(), dryrun.Request{Template: t, Values: body.Values, Secrets: body.Secrets,
		Files: body.DirectoryContents, User: template.User{Ref: c.principal.UserRef()}})
	if err != nil {
		return asInputFault(err)
	}
	return c.json(http.StatusOK, result)
}

// asInputFault makes what a template under trial did wrong the caller's to read.
func asInputFault(err error) error {
	if failed, is := errors.AsType[*action.Error](err); is && !failed.Transient {
		return fault.Wrap(fault.Input, err, "%s", err.Error())
	}
	return err
}

func (s *scaffolderAPI) autocomplete(c *call) error {
	return fault.New(fault.Input, "Unsupported provider: %s", c.Param("provider"))
}

func (s *scaffolderAPI) permissions(c *call) error {
	c.Data(http.StatusOK, "application/json; charset=utf-8", scaffolderPermissions)
	return nil
}
