package azure

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// runPipeline is the action azure:pipeline:run. Two plugins have one of this ID: the inputs of both are accepted.
type runPipeline struct{ options Options }

// Describe lists the action with the inputs of both plugins.
func (*runPipeline) Describe() action.Description {
	return action.Description{
		ID:           "azure:pipeline:run",
		Description:  "Runs a pipeline of Azure DevOps, and waits for its end if asked. No worker is held meanwhile.",
		InputSchema:  schema("run.input"),
		OutputSchema: schema("run.output"),
		Examples:     runPipelineExamples,
		Undoes:       "Cancels the run if it has not ended. What it has done by then stays, and so does a run that has ended.",
		Needs:        needsToken("Build (read and execute)"),
		Differences: []string{
			"The inputs of both public plugins with this ID are accepted. `pipelineParameters` waits for the end, as there.",
			"The time of `pipelineTimeout` counts from the beginning of the step.",
			"The versions of the API in the input have no effect.",
		},
	}
}

var runPipelineExamples = []action.Example{
	{
		Description: "Run a pipeline and go on",
		Example: `steps:
  - id: run
    name: Run the pipeline
    action: azure:pipeline:run
    input:
      organization: acme
      project: web
      pipelineId: ${{ steps.pipeline.output.pipelineId }}
`,
	},
	{
		Description: "Run a pipeline with parameters, wait for its end for an hour at most, and fail with it",
		Example: `steps:
  - id: run
    name: Run the pipeline
    action: azure:pipeline:run
    input:
      organization: acme
      project: web
      pipelineId: "17"
      branch: develop
      templateParameters:
        environment: staging
      pollingInterval: 10
      pipelineTimeout: 3600
      failIfNotSuccessful: true
`,
	},
}

// runPipelineInput is the input of azure:pipeline:run, of either plugin.
type runPipelineInput struct {
	target

	PipelineID          string            `json:"pipelineId"`
	Branch              string            `json:"branch"`
	PollingInterval     float64           `json:"pollingInterval"`
	PipelineTimeout     *float64          `json:"pipelineTimeout"`
	TemplateParameters  map[string]string `json:"templateParameters"`
	FailIfNotSuccessful bool              `json:"failIfNotSuccessful"`
	PipelineParameters  map[string]any    `json:"pipelineParameters"`
}

// defaultPoll is how many seconds the plugin with pipelineParameters waits between two looks.
const defaultPoll = 10

// runKind is the kind of effect that a run is.
const runKind = "azure:pipeline-run"

// runRecord is what the ledger keeps about a run.
type runRecord struct {
	place

	Pipeline int `json:"pipeline"`
	// After is the number of the newest run before.
	After int `json:"after"`
}

func (r runRecord) name() string {
	return fmt.Sprintf("%s/%s: pipeline %d", r.Organization, r.Project, r.Pipeline)
}

// build is a run as the API of builds returns it.
type build struct {
	ID          int       `json:"id"`
	Status      string    `json:"status"`
	Result      string    `json:"result"`
	QueueTime   time.Time `json:"queueTime"`
	RequestedBy identity  `json:"requestedBy"`
}

// runs describes a run to package resource. Runs are numbered, so the step's is one of the token's user that was queued
// after the intent.
func (c *connection) runs(record runRecord) resource.Spec[*build] {
	return resource.Spec[*build]{
		Title:  fmt.Sprintf("the run of %s on %s", record.name(), c.Host),
		Intent: action.Intent{Kind: runKind, Name: record.name(), Data: record},
		Find: func(ctx context.Context, effect action.Effect) (*resource.Found[*build], error) {
			return c.findRun(ctx, record, effect)
		},
		Delete: func(ctx context.Context, one *build) error {
			return c.Send(ctx, "cancelling the run of "+record.name(), http.MethodPatch,
				c.path(nil, "build", "builds", strconv.Itoa(one.ID)), map[string]string{"status": "cancelling"}, nil)
		},
		Hidden: c.hiddenBecause,
		Used: func(_ context.Context, _ action.Effect, one *build) (string, error) {
			if one.Status == "completed" {
				return "it has ended with " + one.Result, nil
			}
			return "", nil
		},
	}
}

// findRun finds the run of the effect. A cancelled one is gone.
func (c *connection) findRun(ctx context.Context, record runRecord, effect action.Effect) (*resource.Found[*build], error) {
	if effect.Fresh || effect.ID == "" {
		return nil, nil // nothing can have been started for it
	}
	listed, err := c.listRuns(ctx, record)
	if err != nil {
		return nil, err
	}
	me, err := c.whoAmI(ctx)
	if err != nil {
		return nil, err
	}
	for _, one := range slices.Backward(listed) {
		isOurs := strconv.Itoa(one.ID) == effect.ExternalID || effect.ExternalID == "" && one.RequestedBy.ID == me.ID && resource.MadeSince(effect, one.QueueTime)
		if one.ID > record.After && isOurs && one.Status != "cancelling" && one.Result != "canceled" {
			return foundRun(&one), nil
		}
	}
	return nil, nil
}

// foundRun belongs to the effect: findRun has left out the others.
func foundRun(one *build) *resource.Found[*build] {
	return &resource.Found[*build]{Thing: one, ID: strconv.Itoa(one.ID), MadeFor: func(action.Effect) bool { return true }}
}

// listRuns lists the newest runs of the pipeline, the newest first.
func (c *connection) listRuns(ctx context.Context, record runRecord) ([]build, error) {
	var found struct {
		Value []build `json:"value"`
	}
	query := url.Values{"definitions": {strconv.Itoa(record.Pipeline)}, "queryOrder": {"queueTimeDescending"}, "$top": {"100"}}
	err := c.Send(ctx, "listing the runs of "+record.name(), http.MethodGet, c.path(query, "build", "builds"), nil, &found)
	return found.Value, hostapi.Absent(err)
}

func (r *runPipeline) prepare(ctx context.Context, call *action.Call) (*connection, runPipelineInput, runRecord, error) {
	input := runPipelineInput{Branch: "main"}
	if err := call.Decode(&input); err != nil {
		return nil, input, runRecord{}, err
	}
	if input.FailIfNotSuccessful && input.PollingInterval == 0 {
		return nil, input, runRecord{}, action.InputError("The parameter failIfNotSuccessful option requires pollingInterval to be set")
	}
	if input.PipelineParameters != nil {
		input.PollingInterval = cmp.Or(input.PollingInterval, defaultPoll)
	}
	number, err := strconv.Atoi(input.PipelineID)
	if err != nil {
		return nil, input, runRecord{}, action.InputError("pipelineId %q is no number", input.PipelineID)
	}
	c, err := r.options.connect(call, input.place(), input.Token)
	if err != nil {
		return nil, input, runRecord{}, err
	}
	record := runRecord{place: c.place, Pipeline: number}
	listed, err := c.listRuns(ctx, record)
	if err != nil {
		return nil, input, record, err
	}
	for _, one := range listed {
		record.After = max(record.After, one.ID)
	}
	record, err = resource.Remembered(ctx, call, resource.KeyOf(call, runKind, record.name()), record)
	return c, input, record, err
}

// Run starts the pipeline, and looks whether the run has ended if the step waits for that.
func (r *runPipeline) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	c, input, record, err := r.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	spec := c.runs(record)
	spec.Create = func(ctx context.Context, _ action.Effect) (*resource.Found[*build], error) {
		return c.start(ctx, record, input)
	}
	one, effect, err := resource.Ensure(ctx, call, spec)
	if err != nil {
		return nil, err
	}
	seen, err := c.look(ctx, record, one.ID)
	if err != nil {
		return nil, err
	}
	if effect.Fresh {
		call.Log.Info("Pipeline run URL: %s", seen.Links.Web.Href)
	}
	isLate := input.isLate(call)
	if input.PollingInterval > 0 && seen.State == "inProgress" && !isLate {
		return nil, action.NotYet(max(seconds(input.PollingInterval), leastPause), "Waiting for the end of the run %s", seen.Links.Web.Href)
	}
	isLate = isLate && seen.State == "inProgress"
	call.Log.Info("Pipeline run result: %s", seen.result())
	if input.FailIfNotSuccessful && seen.Result != "succeeded" {
		return nil, action.Advise(fault.New(fault.Conflict, "Pipeline run was not successful"),
			"See %s for what it says. Correct that, roll the run back and start a new one.", seen.Links.Web.Href)
	}
	return seen.output(one.ID, isLate), nil
}

const (
	// longestWait is how long a step waits that says nothing else.
	longestWait = 7 * 24 * time.Hour
	leastPause  = time.Second
)

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

// isLate reports whether the step has waited for as long as it may.
func (i runPipelineInput) isLate(call *action.Call) bool {
	limit := longestWait
	if i.PipelineTimeout != nil {
		limit = min(limit, seconds(*i.PipelineTimeout))
	}
	return !call.StartedAt.IsZero() && time.Since(call.StartedAt) > limit
}

// start starts the pipeline.
func (c *connection) start(ctx context.Context, record runRecord, input runPipelineInput) (*resource.Found[*build], error) {
	body := map[string]any{"resources": map[string]any{"repositories": map[string]any{"self": map[string]string{"refName": heads + input.Branch}}}}
	if input.TemplateParameters != nil {
		body["templateParameters"] = input.TemplateParameters
	}
	if input.PipelineParameters != nil {
		body["templateParameters"] = input.PipelineParameters
	}
	one := &build{}
	path := c.path(url.Values{"api-version": {"7.0"}}, "pipelines", strconv.Itoa(record.Pipeline), "runs")
	err := c.Send(ctx, "running "+record.name(), http.MethodPost, path, body, one)
	return foundRun(one), err
}

// seenRun is a run as the API of pipelines returns it.
type seenRun struct {
	State     string          `json:"state"`
	Result    string          `json:"result"`
	Variables json.RawMessage `json:"variables"`
	Links     struct {
		Web struct {
			Href string `json:"href"`
		} `json:"web"`
	} `json:"_links"`
}

// look looks at a run.
func (c *connection) look(ctx context.Context, record runRecord, number int) (*seenRun, error) {
	seen := &seenRun{}
	path := c.path(url.Values{"api-version": {"7.0"}}, "pipelines", strconv.Itoa(record.Pipeline), "runs", strconv.Itoa(number))
	return seen, c.Send(ctx, "looking at the run of "+record.name(), http.MethodGet, path, nil, seen)
}

// result is how the run has ended, unknown where it has not.
func (s *seenRun) result() string { return cmp.Or(s.Result, "unknown") }

func (s *seenRun) output(number int, isLate bool) action.Output {
	output := action.Output{
		"pipelineRunUrl": s.Links.Web.Href, "pipelineRunId": number, "pipelineRunStatus": s.result(), "pipelineTimeoutExceeded": isLate,
	}
	if len(s.Variables) > 0 {
		output["pipelineOutput"] = s.Variables
	}
	return output
}

// Plan says what Run would start.
func (r *runPipeline) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	c, _, record, err := r.prepare(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	return resource.Plan(ctx, c.runs(record), "run "+record.name()+" on "+c.Host)
}

// Undo cancels the run.
func (r *runPipeline) Undo(ctx context.Context, call *action.UndoCall) error {
	connect := func(record runRecord) (*connection, error) { return r.options.reconnect(record.place, call) }
	return resource.Undo(ctx, call, connect, (*connection).runs)
}
