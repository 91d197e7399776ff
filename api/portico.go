package api

import (
	"encoding/json"
	"net/http"

	"github.com/portico-dev/portico/scaffolder"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/run"
)

// Info is what the portal needs to know before anybody signs in. It holds no secret.
type Info struct {
	Title        string        `json:"title"`
	Version      string        `json:"version"`
	BaseURL      string        `json:"baseUrl"`
	TemporalUI   string        `json:"temporalUi,omitempty"`
	Integrations []Integration `json:"integrations"`
	SignIn       []string      `json:"signIn"`
}

// Integration is a host that repositories can be made on.
type Integration struct {
	Type string `json:"type"`
	Host string `json:"host"`
}

// NewPorticoPlugin serves /api/portico: what Portico knows of runs beyond Backstage's words. workflowURL links to the
// workflow with an id in the Temporal Web UI; nil when there is none.
func NewPorticoPlugin(info Info, service *scaffolder.Service, workflowURL func(id string) string) Plugin {
	p := &porticoAPI{info: info, service: service, workflowURL: workflowURL}
	return plugin{id: "portico", routes: []route{
		{method: http.MethodGet, path: "/v1/info", access: open("the sign-in page needs it, and it holds no data"),
			summary: "Says what this Portico is", answers: ok("title, version, sign-in"), handle: p.about},
		{method: http.MethodGet, path: "/v1/runs", access: authenticated, query: []parameter{
			list("status", "only runs in these statuses"), list("phase", "only runs in these phases"),
			list("template", "only runs of these templates"), list("createdBy", "only runs of these users"),
			integer("limit", "how many at the most"), integer("offset", "how many to pass over")},
			summary: "Lists runs for a table", answers: ok("a page of runs"), handle: p.list},
		{method: http.MethodGet, path: "/v1/runs/:id", access: authenticated,
			summary: "Shows a run with its steps, its effects and what can be done", answers: ok("the run"), handle: p.get},
		{method: http.MethodPost, path: "/v1/runs/:id/rollback", access: authenticated,
			summary: "Undoes what a run created", answers: []answer{{http.StatusAccepted, "the run's id", "application/json"}}, handle: p.rollBack},
	}}
}

type porticoAPI struct {
	info        Info
	service     *scaffolder.Service
	workflowURL func(id string) string
}

func (p *porticoAPI) about(c *call) error { return c.json(http.StatusOK, p.info) }

// defaultRunLimit is how many runs a list has that was asked for without a limit.
const defaultRunLimit = 200

// runSummary is a run in a list.
type runSummary struct {
	ID          string      `json:"id"`
	TemplateRef string      `json:"templateRef"`
	Title       string      `json:"title"`
	Subject     string      `json:"subject"`
	Status      run.Status  `json:"status"`
	Phase       run.Phase   `json:"phase"`
	CreatedBy   string      `json:"createdBy,omitempty"`
	CreatedAt   string      `json:"createdAt"`
	StartedAt   string      `json:"startedAt,omitempty"`
	FinishedAt  string      `json:"finishedAt,omitempty"`
	FailedStep  string      `json:"failedStep,omitempty"`
	Error       *runFailure `json:"error,omitempty"`
}

type runFailure struct {
	run.Failure
	StepID string `json:"stepId,omitempty"`
}

func summarize(r run.Run) runSummary {
	s := runSummary{ID: r.ID.String(), TemplateRef: r.TemplateRef, Title: r.Title, Subject: r.Subject, Status: r.Status, Phase: r.Phase,
		CreatedBy: r.CreatedBy, CreatedAt: isoTime(r.CreatedAt), StartedAt: isoTime(r.StartedAt), FinishedAt: isoTime(r.FinishedAt),
		FailedStep: r.FailedStep}
	if r.Failure != nil {
		s.Error = &runFailure{*r.Failure, r.FailedStep}
	}
	return s
}

func (p *porticoAPI) list(c *call) error {
	runs, total, err := p.service.List(c.Request.Context(), c.principal, run.Query{Statuses: c.queryList("status"),
		Phases: c.queryList("phase"), Templates: c.queryList("template"), Creators: c.queryList("createdBy"),
		Limit: c.queryInt("limit", defaultRunLimit), Offset: c.queryInt("offset", 0)})
	if err != nil {
		return err
	}
	summaries := make([]runSummary, len(runs))
	for i, r := range runs {
		summaries[i] = summarize(r)
	}
	return c.json(http.StatusOK, map[string]any{"runs": summaries, "total": total})
}

// runDetails is a run as its page shows it.
type runDetails struct {
	runSummary
	Moves    []scaffolder.Move `json:"moves"`
	Workflow *workflowLink     `json:"workflow,omitempty"`
	Steps    []stepDetails     `json:"steps"`
	Output   json.RawMessage   `json:"output,omitempty"`
	Effects  []action.Effect   `json:"effects"`
}

type workflowLink struct {
	ID    string `json:"id"`
	RunID string `json:"runId"`
	URL   string `json:"url,omitempty"`
}

type stepDetails struct {
	ID           string          `json:"id"`
	Name         string          `json:"name"`
	Action       string          `json:"action"`
	Status       run.Status      `json:"status"`
	StartedAt    string          `json:"startedAt,omitempty"`
	EndedAt      string          `json:"endedAt,omitempty"`
	WaitingUntil string          `json:"waitingUntil,omitempty"`
	Attempts     int             `json:"attempts"`
	Input        json.RawMessage `json:"input,omitempty"`
	Output       json.RawMessage `json:"output,omitempty"`
	Error        *run.Failure    `json:"error,omitempty"`
}

func (p *porticoAPI) get(c *call) error {
	details, err := p.service.Details(c.Request.Context(), c.principal, c.Param("id"))
	if err != nil {
		return err
	}
	body := runDetails{runSummary: summarize(details.Run), Moves: details.Moves(), Output: details.Output, Effects: details.Effects,
		Steps: make([]stepDetails, len(details.Steps))}
	for i, step := range details.Steps {
		body.Steps[i] = stepDetails{ID: step.ID, Name: step.Name, Action: step.Action, Status: step.Status, StartedAt: isoTime(step.StartedAt),
			EndedAt: isoTime(step.EndedAt), WaitingUntil: isoTime(step.WaitingUntil), Attempts: attempts(step),
			Input: step.Input, Output: step.Output, Error: step.Failure}
	}
	if details.WorkflowRunID != "" {
		body.Workflow = &workflowLink{ID: body.ID, RunID: details.WorkflowRunID}
		if p.workflowURL != nil {
			body.Workflow.URL = p.workflowURL(body.ID)
		}
	}
	return c.json(http.StatusOK, body)
}

// attempts is how often the step's action was begun, as far as the record knows.
func attempts(step run.Step) int {
	if step.StartedAt.IsZero() {
		return 0
	}
	return step.FailedAttempts + 1
}

func (p *porticoAPI) rollBack(c *call) error {
	if err := p.service.RollBack(c.Request.Context(), c.principal, c.Param("id")); err != nil {
		return err
	}
	return c.json(http.StatusAccepted, map[string]string{"id": c.Param("id")})
}
