package api

import (
	_ "embed"
	"net/http"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/run"
)

// porticoPermissions is the metadata about the permissions that no plugin of Backstage has.
//
//go:embed portico_permissions.json
var porticoPermissions []byte

// Info is what the portal needs to know about this installation. It holds no secret.
type Info struct {
	Title        string        `json:"title"`
	Version      string        `json:"version"`
	BaseURL      string        `json:"baseUrl"`
	TemporalUI   string        `json:"temporalUi,omitempty"`
	Integrations []Integration `json:"integrations"`
	SignIn       SignIn        `json:"signIn"`
	// Roles says that roles decide who may do what.
	Roles bool `json:"roles"`
	// Fields are the custom fields of forms.
	Fields []CustomField `json:"fields"`
	// Decorators are the form decorators that the portal runs.
	Decorators []FormDecorator `json:"decorators"`
	// Docs is what the reader of documentation needs to know.
	Docs DocsReader `json:"docs"`
}

// DocsReader is how the portal shows documentation.
type DocsReader struct {
	Sanitizer DocsSanitizer `json:"sanitizer"`
}

// DocsSanitizer permits more of the HTML of documentation than what is harmless, by Backstage's keys of techdocs.sanitizer.
type DocsSanitizer struct {
	AllowedIframeHosts                      []string `json:"allowedIframeHosts,omitempty"`
	AllowedCustomElementTagNameRegExp       string   `json:"allowedCustomElementTagNameRegExp,omitempty"`
	AllowedCustomElementAttributeNameRegExp string   `json:"allowedCustomElementAttributeNameRegExp,omitempty"`
	AdditionalAllowedURIProtocols           []string `json:"additionalAllowedURIProtocols,omitempty"`
}

// CustomField is a field that templates have as ui:field, and that the portal does not have itself.
type CustomField struct {
	Name string `json:"name"`
	// Module is the URL of the JavaScript module that defines the custom element Element.
	Module  string `json:"module"`
	Element string `json:"element"`
}

// FormDecorator makes the person's token at a sign-in provider a secret of the run, for templates that name it.
type FormDecorator struct {
	ID       string   `json:"id"`
	Provider string   `json:"provider"`
	Scopes   []string `json:"scopes"`
	// Secret is the name of the secret.
	Secret string `json:"secret"`
}

// SignIn says how to sign in.
type SignIn struct {
	// Environment is the env parameter of the providers' routes.
	Environment string `json:"environment"`
	// Redirect means that the whole page goes to the provider, instead of a popup window.
	Redirect bool `json:"redirect"`
	// Providers are the ids of the configured providers.
	Providers []string `json:"providers"`
}

// welcome is the information for callers who are not signed in.
type welcome struct {
	Title  string `json:"title"`
	SignIn SignIn `json:"signIn"`
}

// Integration is a host on which repositories can be created.
type Integration struct {
	Type string `json:"type"`
	Host string `json:"host"`
	// UserTokens is the sign-in provider whose tokens are those of the host's users, "" without one.
	UserTokens string `json:"userTokens,omitempty"`
}

// NewPorticoPlugin serves /api/portico: Portico's additions to Backstage's API of runs. workflowURL returns
// the link to a workflow in the Temporal Web UI; nil when there is none.
func NewPorticoPlugin(info Info, service *scaffolder.Service, workflowURL func(id string) string) Plugin {
	info.Integrations, info.SignIn.Providers, info.Fields = orEmpty(info.Integrations), orEmpty(info.SignIn.Providers), orEmpty(info.Fields)
	info.Decorators = orEmpty(info.Decorators)
	template, createdBy := list("template", "only runs of these templates"), list("createdBy", "only runs of these users")
	since, until := moment("since", "only runs that were started then or later"), moment("until", "only runs that were started before")
	p := &porticoAPI{info: info, service: service, workflowURL: workflowURL}
	return plugin{id: "portico", routes: []route{
		{method: http.MethodGet, path: "/v1/sign-in", access: open("one signs in before one has a token"),
			summary: "Says how to sign in", serve: ok("the title and the ways to sign in", p.welcome)},
		{method: http.MethodGet, path: "/v1/info", access: authenticated,
			summary: "Describes this installation", serve: ok("title, version, integrations", p.about)},
		{method: http.MethodGet, path: "/v1/runs", access: authenticated, query: []parameter{
			listOf("status", "only runs in these statuses", run.StatusOpen, run.StatusProcessing, run.StatusCompleted, run.StatusFailed),
			listOf("phase", "only runs in these phases", run.PhaseRunning, run.PhaseWaiting, run.PhaseParked, run.PhaseRollingBack,
				run.PhaseRolledBack, run.PhaseDone, run.PhaseCancelled),
			template, createdBy, since, until, list("cause", "only runs that failed for these causes, by their id"),
			text("id", "only runs whose id begins so"), limit(runPageSize), integer("offset", "how many to pass over")},
			summary: "Lists runs for a table", serve: ok("a page of runs", p.list)},
		{method: http.MethodGet, path: "/v1/run-causes", access: authenticated,
			query:   []parameter{template, createdBy, since, until, limit(causePageSize), integer("offset", "how many to pass over")},
			summary: "Groups failed runs by cause, the most frequent first", serve: ok("a page of causes", p.causes)},
		{method: http.MethodGet, path: "/v1/runs/:id", access: authenticated,
			summary: "Shows a run with its steps, its effects and the possible commands", serve: ok("the run", p.get), fails: missing},
		{method: http.MethodPost, path: "/v1/runs/:id/rollback", access: authenticated, audit: records(audit.RunRollback), command: true, body: mayTake[seenInput](),
			summary: "Rolls a run back", serve: accepted("the run's id", p.rollBack),
			fails: missingOrConflicting},
		{method: http.MethodGet, path: "/v1/template-findings", access: authenticated,
			query:   []parameter{list("template", "only these templates, by their references")},
			summary: "Checks templates and lists those with findings", serve: ok("the findings", p.findings), fails: missing},
		describesPermissions(porticoPermissions),
	}}
}

type porticoAPI struct {
	info        Info
	service     *scaffolder.Service
	workflowURL func(id string) string
}

func (p *porticoAPI) welcome(*call) (welcome, error) {
	return welcome{p.info.Title, p.info.SignIn}, nil
}

func (p *porticoAPI) about(*call) (Info, error) { return p.info, nil }

// runPageSize is the page size of runs.
var runPageSize = pageSize{preset: 200, most: 1000}

// runSummary is a run in a list.
type runSummary struct {
	ID          string     `json:"id"`
	TemplateRef string     `json:"templateRef"`
	Title       string     `json:"title"`
	Subject     string     `json:"subject"`
	Status      run.Status `json:"status"`
	Phase       run.Phase  `json:"phase"`
	CreatedBy   string     `json:"createdBy,omitempty"`
	CreatedAt   string     `json:"createdAt"            jsonschema:"format=date-time"`
	StartedAt   string     `json:"startedAt,omitempty"  jsonschema:"format=date-time"`
	FinishedAt  string     `json:"finishedAt,omitempty" jsonschema:"format=date-time"`
	// TimedFrom is the beginning of the run's duration, which ends at finishedAt or now. It is shifted by the
	// time for which the run was parked.
	TimedFrom  string `json:"timedFrom"            jsonschema:"format=date-time"`
	FailedStep string `json:"failedStep,omitempty"`
	// FailedStepName is the name of that step in the template.
	FailedStepName string    `json:"failedStepName,omitempty"`
	Error          *runError `json:"error,omitempty"`
	// Cause groups runs: it is equal for all runs that failed in the same way.
	Cause string `json:"cause,omitempty"`
}

// runError is the error of a failed run, with its step.
type runError struct {
	fault.Failure
	StepID string `json:"stepId,omitempty"`
}

func summarize(r run.Run) runSummary {
	s := runSummary{ID: r.ID.String(), TemplateRef: r.TemplateRef, Title: r.Title, Subject: r.Subject, Status: r.Status, Phase: r.Phase,
		CreatedBy: r.CreatedBy, CreatedAt: isoTime(r.CreatedAt), StartedAt: isoTime(r.StartedAt), FinishedAt: isoTime(r.FinishedAt),
		TimedFrom:  isoTime(r.TimedFrom),
		FailedStep: r.FailedStep, FailedStepName: r.FailedStepName(), Cause: r.Cause}
	if r.Failure != nil {
		s.Error = &runError{*r.Failure, r.FailedStep}
	}
	return s
}

// runPage is a part of a list of runs.
type runPage struct {
	Runs []runSummary `json:"runs"`
	// Total counts the runs of all pages.
	Total int `json:"total"`
}

func (p *porticoAPI) list(c *call) (runPage, error) {
	limit := c.limit()
	runs, total, err := p.service.List(c.Request.Context(), c.principal, run.Query{Statuses: c.queryList("status"),
		Phases: c.queryList("phase"), Templates: c.queryList("template"), Creators: c.queryList("createdBy"),
		Causes: c.queryList("cause"), IDPrefix: c.Query("id"), Since: c.queryTime("since"), Until: c.queryTime("until"),
		Limit: max(limit, 1), Offset: c.queryInt("offset", 0)})
	if err != nil {
		return runPage{}, err
	}
	summaries := make([]runSummary, len(runs))
	for i, r := range runs {
		summaries[i] = summarize(r)
	}
	return runPage{summaries[:min(limit, len(summaries))], total}, nil
}

// causePageSize is the page size of causes.
var causePageSize = pageSize{preset: 50, most: 500}

// runCause is a cause that some runs share.
type runCause struct {
	ID string `json:"id" jsonschema_description:"the cause of each of its runs"`
	// Count is the number of runs with this cause.
	Count int `json:"count"`
	// Message is the error of the newest of them.
	Message        string `json:"message"`
	TemplateRef    string `json:"templateRef"`
	Title          string `json:"title"`
	FailedStep     string `json:"failedStep,omitempty"`
	FailedStepName string `json:"failedStepName,omitempty"`
	// Runs are the newest few, the newest first.
	Runs []runSummary `json:"runs"`
}

// causePage is a part of a list of causes.
type causePage struct {
	Causes []runCause `json:"causes"`
	// Total counts the causes of all pages.
	Total int `json:"total"`
}

func (p *porticoAPI) causes(c *call) (causePage, error) {
	found, total, err := p.service.Causes(c.Request.Context(), c.principal, run.CauseQuery{Templates: c.queryList("template"),
		Creators: c.queryList("createdBy"), Since: c.queryTime("since"), Until: c.queryTime("until"), Limit: c.limit(), Offset: c.queryInt("offset", 0)})
	if err != nil {
		return causePage{}, err
	}
	page := causePage{Causes: make([]runCause, len(found)), Total: total}
	for i, cause := range found {
		newest := cause.Newest[0]
		page.Causes[i] = runCause{ID: cause.ID, Count: cause.Runs, TemplateRef: newest.TemplateRef, Title: newest.Title,
			FailedStep: newest.FailedStep, FailedStepName: newest.FailedStepName()}
		if newest.Failure != nil {
			page.Causes[i].Message = newest.Failure.Message
		}
		for _, r := range cause.Newest {
			page.Causes[i].Runs = append(page.Causes[i].Runs, summarize(r))
		}
	}
	return page, nil
}

// runDetails is a run for its page.
type runDetails struct {
	runSummary
	// Cancelling means that the run was cancelled and has not stopped yet.
	Cancelling bool `json:"cancelling,omitempty"`
	// Generation counts how often the run was reopened.
	Generation int              `json:"generation"`
	Moves      []move           `json:"moves"`
	Workflow   *workflowLink    `json:"workflow,omitempty"`
	Steps      []stepDetails    `json:"steps"`
	Output     document[object] `json:"output,omitzero"`
	// Warnings are about outputs that may not be what the template's author expects. Warnings about a step
	// are in the step.
	Warnings []string        `json:"warnings,omitempty"`
	Effects  []action.Effect `json:"effects"`
	// Commands are the commands that people gave to the run, in order, each with the attempt to which it
	// applied.
	Commands []givenCommand `json:"commands"`
	// LastEventID is the id of the newest event of the run's log, 0 when there is none.
	LastEventID int64 `json:"lastEventId"`
}

// givenCommand is a run.GivenCommand.
type givenCommand struct {
	Command string `json:"command" jsonschema:"enum=retry,enum=rollback,enum=cancel"`
	By      string `json:"by"`
	At      string `json:"at"      jsonschema:"format=date-time"`
	// Attempt is the number of that attempt, from 1.
	Attempt int `json:"attempt"`
	// Phase is the run's phase at that time, and FinishedAt the end of the attempt if it had ended.
	Phase          run.Phase `json:"phase"`
	FinishedAt     string    `json:"finishedAt,omitempty"     jsonschema:"format=date-time"`
	FailedStep     string    `json:"failedStep,omitempty"`
	FailedStepName string    `json:"failedStepName,omitempty"`
	Error          *runError `json:"error,omitempty"`
}

func commands(given []run.GivenCommand) []givenCommand {
	shown := make([]givenCommand, len(given))
	for i, c := range given {
		shown[i] = givenCommand{Command: string(c.Kind), By: c.By.Subject, At: isoTime(c.At), Attempt: c.Generation + 1, Phase: c.Phase,
			FinishedAt: isoTime(c.FinishedAt), FailedStep: c.FailedStep, FailedStepName: c.FailedStepName}
		if c.Failure != nil {
			shown[i].Error = &runError{*c.Failure, c.FailedStep}
		}
	}
	return shown
}

// move is a scaffolder.Operation on the wire.
type move struct {
	Name    string `json:"move"    jsonschema:"enum=retry,enum=rollback,enum=cancel"`
	Summary string `json:"summary"`
	// Denied says that the caller may not do it, which needs the permission scaffolder.task.<move>.
	Denied string `json:"denied,omitempty"`
}

type workflowLink struct {
	ID    string `json:"id"`
	RunID string `json:"runId"`
	URL   string `json:"url,omitempty"`
}

type stepDetails struct {
	ID           string     `json:"id"`
	Name         string     `json:"name"`
	Action       string     `json:"action"`
	Status       run.Status `json:"status"`
	StartedAt    string     `json:"startedAt,omitempty"    jsonschema:"format=date-time"`
	EndedAt      string     `json:"endedAt,omitempty"      jsonschema:"format=date-time"`
	WaitingUntil string     `json:"waitingUntil,omitempty" jsonschema:"format=date-time"`
	Attempts     int        `json:"attempts"`
	// Warnings are about inputs that may not be what the template's author expects.
	Warnings []string         `json:"warnings,omitempty"`
	Input    document[object] `json:"input,omitzero"`
	Output   document[object] `json:"output,omitzero"`
	Error    *fault.Failure   `json:"error,omitempty"`
}

func (p *porticoAPI) get(c *call) (runDetails, error) {
	details, err := p.service.Details(c.Request.Context(), c.principal, c.Param("id"))
	if err != nil {
		return runDetails{}, err
	}
	shown := runDetails{runSummary: summarize(details.Run), Cancelling: details.Cancelling(), Generation: details.Generation, LastEventID: details.LastEvent,
		Moves: []move{}, Workflow: p.workflow(details.Run), Output: document[object]{details.Output}, Warnings: details.Warnings,
		Effects: details.Effects, Commands: commands(details.Commands), Steps: make([]stepDetails, len(details.Steps))}
	for _, operation := range details.Operations() {
		shown.Moves = append(shown.Moves, move(operation))
	}
	for i, step := range details.Steps {
		shown.Steps[i] = stepDetails{ID: step.ID, Name: step.Name, Action: step.Action, Status: step.Status, StartedAt: isoTime(step.StartedAt),
			EndedAt: isoTime(step.EndedAt), WaitingUntil: isoTime(step.WaitingUntil), Attempts: attempts(step),
			Warnings: step.Warnings, Input: document[object]{step.Input}, Output: document[object]{step.Output}, Error: step.Failure}
	}
	return shown, nil
}

// workflow links to the run's workflow, nil before it was started.
func (p *porticoAPI) workflow(r run.Run) *workflowLink {
	if r.WorkflowRunID == "" {
		return nil
	}
	link := &workflowLink{ID: r.ID.String(), RunID: r.WorkflowRunID}
	if p.workflowURL != nil {
		link.URL = p.workflowURL(link.ID)
	}
	return link
}

// attempts is how often the step's action was started, as far as recorded.
func attempts(step run.Step) int {
	if step.StartedAt.IsZero() {
		return 0
	}
	return step.FailedAttempts + 1
}

func (p *porticoAPI) rollBack(c *call) (runID, error) {
	var input seenInput
	if err := c.decode(&input); err != nil {
		return runID{}, err
	}
	id := c.Param("id")
	return runID{id}, p.service.RollBack(c.Request.Context(), c.principal, id, scaffolder.Command{ID: c.commandID, Seen: input.Generation})
}
