package api

import (
	_ "embed"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/authorize"
	"github.com/portico-dev/portico/scaffolder"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/dryrun"
	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/parameters"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/template"
)

// scaffolderPermissions is the scaffolder's metadata about permissions and rules, with the same text as
// Backstage's.
//
//go:embed scaffolder_permissions.json
var scaffolderPermissions []byte

// Follower notifies the followers of a run, by its id, of new events. The caller calls stop when it is done.
type Follower interface {
	Follow(id string) (wake <-chan struct{}, stop func())
}

// NewScaffolderPlugin serves /api/scaffolder. events notifies the followers of runs.
func NewScaffolderPlugin(service *scaffolder.Service, events Follower) Plugin {
	s := &scaffolderAPI{service: service, events: events}
	const oneTask = "/v2/tasks/:taskId"
	after := integer("after", "only events with a larger id, and the completion")
	after.signed = true
	refused := asJSON[invalidValues](http.StatusBadRequest, "values or secrets that break the template's schemas, or another InputError")
	conditions := conditionRoutes{scaffolderPermissions, map[policy.ResourceType]authorize.Match{
		policy.ScaffolderTask: service.MatchingRuns, policy.ScaffolderAction: nil, policy.ScaffolderTemplate: nil,
	}}
	return plugin{id: "scaffolder", routes: append(conditions.routes(), []route{
		{method: http.MethodGet, path: "/v2/templates/:namespace/:kind/:name/parameter-schema", access: authenticated,
			summary: "Describes the form of a template", serve: ok("the parameter schema", s.parameterSchema), fails: missing},
		{method: http.MethodGet, path: "/v2/actions", access: authenticated,
			summary: "Lists the actions with their schemas and examples", serve: ok("the actions", s.actions)},
		{method: http.MethodGet, path: "/v2/templating-extensions", access: authenticated,
			summary: "Lists the filters, functions and values of templates",
			serve:   constant[templatingExtensions]("filters and globals", expression.Extensions)},
		{method: http.MethodPost, path: "/v2/tasks", access: authenticated, audit: records(audit.RunCreate), command: true, body: takes[taskInput](),
			summary: "Starts a run of a template", serve: created("the run's id", s.create), fails: missing, also: []answer{refused}},
		{method: http.MethodGet, path: "/v2/tasks", access: authenticated, query: []parameter{
			list("createdBy", "only runs of these users"), list("status", "only runs in these statuses"),
			limit(taskPageSize), integer("offset", "how many to pass over"),
			list("order", "asc or desc, a colon, and one of "+strings.Join(run.Orders, ", "))},
			summary: "Lists runs", serve: ok("a page of runs", s.list)},
		{method: http.MethodGet, path: oneTask, access: authenticated,
			summary: "Shows a run", serve: ok("the run", s.get), fails: missing},
		{method: http.MethodPost, path: oneTask + "/cancel", access: authenticated, audit: records(audit.RunCancel), command: true,
			summary: "Stops a run at its next safe point", serve: ok("cancelled", s.cancel), fails: missing},
		{method: http.MethodPost, path: oneTask + "/retry", access: authenticated, audit: records(audit.RunRetry), command: true, body: mayTake[retryInput](),
			summary: "Retries a run from its failed step", serve: created("the run's id", s.retry),
			fails: missingOrConflicting},
		{method: http.MethodGet, path: oneTask + "/events", access: authenticated, query: []parameter{after},
			summary: "Waits for events of a run", serve: ok("the events", s.pollEvents), fails: missing},
		{method: http.MethodGet, path: oneTask + "/eventstream", access: userCookie, query: []parameter{after},
			summary: "Streams the events of a run", serve: streams[taskEvent]("events until the run ends", s.streamEvents), fails: missing},
		{method: http.MethodPost, path: "/v2/dry-run", access: authenticated, audit: unrecorded("a dry run changes nothing"), body: takes[dryRunInput](),
			summary: "Does a dry run of a template", serve: ok("the result", s.dryRun), fails: []fault.Kind{fault.BadGateway}, also: []answer{refused}},
	}...)}
}

type scaffolderAPI struct {
	service *scaffolder.Service
	events  Follower
}

// parameterSchema is the response shape of a template.ParameterSchema.
type parameterSchema struct {
	Title          string                 `json:"title"`
	Presentation   document[presentation] `json:"presentation,omitzero"`
	Description    string                 `json:"description,omitempty"`
	UIOptions      json.RawMessage        `json:"ui:options,omitempty"`
	Steps          []parameterPage        `json:"steps"`
	FormDecorators json.RawMessage        `json:"formDecorators,omitempty" jsonschema:"type=array"`
}

// parameterPage is a template.Page.
type parameterPage struct {
	Title       string           `json:"title"`
	Description string           `json:"description,omitempty"`
	Schema      document[object] `json:"schema"`
}

func (s *scaffolderAPI) parameterSchema(c *call) (parameterSchema, error) {
	ref := entity.Ref{Kind: c.Param("kind"), Namespace: c.Param("namespace"), Name: c.Param("name")}
	t, err := s.service.Template(c.Request.Context(), c.principal, ref)
	if err != nil {
		return parameterSchema{}, err
	}
	form, err := t.ParameterSchema()
	if err != nil {
		return parameterSchema{}, err
	}
	pages := make([]parameterPage, len(form.Steps))
	for i, page := range form.Steps {
		pages[i] = parameterPage{page.Title, page.Description, document[object]{page.Schema}}
	}
	return parameterSchema{Title: form.Title, Presentation: document[presentation]{form.Presentation}, Description: form.Description,
		UIOptions: form.UIOptions, Steps: pages, FormDecorators: form.FormDecorators}, nil
}

// describedAction is an action's description, as Backstage lists it.
type describedAction struct {
	ID          string           `json:"id"`
	Description string           `json:"description,omitempty"`
	Examples    []action.Example `json:"examples,omitempty"`
	Schema      actionSchemas    `json:"schema"`
	// Portico is what Backstage does not tell of an action.
	Portico actionFacts `json:"portico,omitzero"`
}

// actionFacts are what a template's author has to know of an action beyond its schemas.
type actionFacts struct {
	// Undoes says what a rollback does with what the action created.
	Undoes string `json:"undoes,omitempty"`
	// Needs are what must be configured or granted before the action can run.
	Needs []string `json:"needs,omitempty"`
	// Differences are what the action does otherwise than Backstage's.
	Differences []string `json:"differences,omitempty"`
}

func (f actionFacts) IsZero() bool {
	return f.Undoes == "" && len(f.Needs) == 0 && len(f.Differences) == 0
}

type actionSchemas struct {
	Input  document[object] `json:"input,omitzero"`
	Output document[object] `json:"output,omitzero"`
}

func (s *scaffolderAPI) actions(*call) ([]describedAction, error) {
	described := []describedAction{}
	for _, d := range s.service.Actions() {
		described = append(described, describedAction{d.ID, d.Description, d.Examples,
			actionSchemas{document[object]{d.InputSchema}, document[object]{d.OutputSchema}}, actionFacts{d.Undoes, d.Needs, d.Differences}})
	}
	return described, nil
}

// templatingExtensions are the filters, functions and values that templates have in addition to the
// language's own.
type templatingExtensions struct {
	Filters map[string]templateFilter `json:"filters"`
	Globals templateGlobals           `json:"globals"`
}

type templateFilter struct {
	Description string `json:"description,omitempty"`
	// Schema has the JSON Schemas of input, arguments and output.
	Schema   document[object]  `json:"schema,omitzero"`
	Examples []templateExample `json:"examples,omitempty"`
}

type templateExample struct {
	Description string `json:"description,omitempty"`
	Example     string `json:"example"`
	Notes       string `json:"notes,omitempty"`
}

type templateGlobals struct {
	Functions map[string]templateFilter `json:"functions"`
	Values    map[string]templateValue  `json:"values"`
}

type templateValue struct {
	Description string          `json:"description,omitempty"`
	Value       json.RawMessage `json:"value"`
}

// runID is the response to a command on a run.
type runID struct {
	ID string `json:"id"`
}

type taskInput struct {
	TemplateRef string            `json:"templateRef"       jsonschema_description:"the template's entity reference"`
	Values      document[object]  `json:"values"            jsonschema_description:"what was filled in"`
	Secrets     map[string]string `json:"secrets,omitempty" jsonschema_description:"values that are never shown"`
}

func (s *scaffolderAPI) create(c *call) (runID, error) {
	var input taskInput
	if err := c.decode(&input); err != nil {
		return runID{}, err
	}
	id, err := s.service.Create(c.Request.Context(), c.principal,
		scaffolder.Request{ID: c.commandID, TemplateRef: input.TemplateRef, Values: input.Values.RawMessage, Secrets: input.Secrets})
	if err != nil {
		return runID{}, asValidationBody(err)
	}
	return runID{id.String()}, nil
}

// invalidValues is the response for invalid values, in the form that Backstage's clients know.
type invalidValues struct {
	Errors parameters.Violations `json:"errors"`
}

// asValidationBody gives validation errors their own response body.
func asValidationBody(err error) error {
	if invalid, is := errors.AsType[*scaffolder.InvalidValuesError](err); is {
		return &bodyError{status: http.StatusBadRequest, body: invalidValues{invalid.Violations}}
	}
	return err
}

// task is a run as Backstage returns it.
type task struct {
	ID              string             `json:"id"                        jsonschema:"format=uuid"`
	Spec            document[taskSpec] `json:"spec"`
	Status          run.Status         `json:"status"`
	CreatedAt       string             `json:"createdAt"                 jsonschema:"format=date-time"`
	LastHeartbeatAt string             `json:"lastHeartbeatAt,omitempty" jsonschema:"format=date-time"`
	CreatedBy       string             `json:"createdBy,omitempty"`
}

func toTask(r run.Run) task {
	return task{ID: r.ID.String(), Spec: document[taskSpec]{r.RawSpec}, Status: r.Status, CreatedAt: isoTime(r.CreatedAt),
		LastHeartbeatAt: isoTime(r.LastHeartbeatAt), CreatedBy: r.CreatedBy}
}

// isoTime formats a time as JavaScript's toISOString does; "" for the zero time.
func isoTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

func (s *scaffolderAPI) get(c *call) (task, error) {
	r, err := s.service.Run(c.Request.Context(), c.principal, c.Param("taskId"))
	return toTask(r), err
}

// taskPageSize is the page size of tasks, each of which contains its whole template.
var taskPageSize = pageSize{preset: 100, most: 500}

// taskPage is a part of a list of runs.
type taskPage struct {
	Tasks []task `json:"tasks"`
	// TotalTasks counts the runs of all pages.
	TotalTasks int `json:"totalTasks"`
}

func (s *scaffolderAPI) list(c *call) (taskPage, error) {
	limit := c.limit()
	query := run.Query{Statuses: c.QueryArray("status"), Creators: c.QueryArray("createdBy"),
		Limit: max(limit, 1), Offset: c.queryInt("offset", 0), Specs: true}
	if err := parseOrder(c.Query("order"), &query); err != nil {
		return taskPage{}, err
	}
	runs, total, err := s.service.List(c.Request.Context(), c.principal, query)
	if err != nil {
		return taskPage{}, err
	}
	tasks := make([]task, len(runs))
	for i, r := range runs {
		tasks[i] = toTask(r)
	}
	return taskPage{tasks[:min(limit, len(tasks))], total}, nil
}

func parseOrder(order string, query *run.Query) error {
	if order == "" {
		return nil
	}
	direction, field, _ := strings.Cut(order, ":")
	if !slices.Contains(run.Orders, field) || direction != "asc" && direction != "desc" {
		return fault.New(fault.Input, `Invalid order parameter "%s", expected "<asc or desc>:<field name>"`, order)
	}
	query.OrderBy, query.Ascending = field, direction == "asc"
	return nil
}

// cancelled is the response to a cancellation.
type cancelled struct {
	Status run.Status `json:"status"`
}

func (s *scaffolderAPI) cancel(c *call) (cancelled, error) {
	return cancelled{run.StatusCancelled}, s.service.Cancel(c.Request.Context(), c.principal, c.Param("taskId"), scaffolder.Command{ID: c.commandID})
}

type retryInput struct {
	Secrets map[string]string `json:"secrets,omitempty" jsonschema_description:"values that are never shown"`
	seenInput
}

// seenInput has the generation that the caller saw, so that a decision fails if somebody else has decided
// since.
type seenInput struct {
	Generation *int `json:"generation,omitempty" jsonschema_description:"the run's generation when it was seen"`
}

func (s *scaffolderAPI) retry(c *call) (runID, error) {
	var input retryInput
	if err := c.decode(&input); err != nil {
		return runID{}, err
	}
	id := c.Param("taskId")
	return runID{id}, s.service.Retry(c.Request.Context(), c.principal, id,
		scaffolder.Command{ID: c.commandID, Seen: input.Generation, Secrets: input.Secrets})
}

type dryRunInput struct {
	Template          json.RawMessage   `json:"template"          jsonschema_description:"the template entity"`
	Values            document[object]  `json:"values"            jsonschema_description:"what was filled in"`
	Secrets           map[string]string `json:"secrets,omitempty" jsonschema_description:"values that are never shown"`
	DirectoryContents []fileInput       `json:"directoryContents"`
}

// fileInput is a dryrun.File with optional fields.
type fileInput struct {
	Path          string `json:"path"                 jsonschema_description:"relative, with slashes"`
	Executable    bool   `json:"executable,omitempty"`
	Base64Content string `json:"base64Content"        jsonschema_description:"the file"`
}

func (s *scaffolderAPI) dryRun(c *call) (dryrun.Result, error) {
	var input dryRunInput
	if err := c.decode(&input); err != nil {
		return dryrun.Result{}, err
	}
	t, err := template.Parse(input.Template)
	if err != nil {
		return dryrun.Result{}, err
	}
	trial := scaffolder.Trial{Template: t, Values: input.Values.RawMessage, Secrets: input.Secrets}
	for _, file := range input.DirectoryContents {
		trial.Files = append(trial.Files, dryrun.File(file))
	}
	result, err := s.service.DryRun(c.Request.Context(), c.principal, trial)
	return result, asValidationBody(err)
}
