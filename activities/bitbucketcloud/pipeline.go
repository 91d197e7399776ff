package bitbucketcloud

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// pipelineHost is where Backstage's action runs pipelines: it has no input for the host.
const pipelineHost = "bitbucket.org"

// pipeline is the action bitbucket:pipelines:run.
type pipeline struct{ options Options }

// Describe lists the action with Backstage's schemas.
func (*pipeline) Describe() action.Description {
	return action.Description{
		ID:           "bitbucket:pipelines:run",
		Description:  "Runs a pipeline of a Bitbucket Cloud repository.",
		Examples:     pipelineExamples,
		InputSchema:  schema("pipeline.input"),
		OutputSchema: schema("pipeline.output"),
		Undoes:       "Stops the pipeline if it has not ended. What it has done by then stays, and so does a pipeline that has ended.",
		Needs:        needsAccount("It may run pipelines of the repository, and pipelines are enabled there."),
	}
}

var pipelineExamples = []action.Example{
	{
		Description: "Run the pipeline of a branch",
		Example: `steps:
  - id: build
    name: Run the pipeline
    action: bitbucket:pipelines:run
    input:
      workspace: acme
      repo_slug: shop
      body:
        target:
          type: pipeline_ref_target
          ref_type: branch
          ref_name: main
`,
	},
	{
		Description: "Run a custom pipeline with a variable",
		Example: `steps:
  - id: build
    name: Run the pipeline
    action: bitbucket:pipelines:run
    input:
      workspace: acme
      repo_slug: ${{ parameters.name }}
      body:
        target:
          type: pipeline_ref_target
          ref_type: branch
          ref_name: main
          selector:
            type: custom
            pattern: deploy
        variables:
          - key: ENVIRONMENT
            value: staging
            secured: false
`,
	},
}

// pipelineInput is the input of bitbucket:pipelines:run.
type pipelineInput struct {
	Workspace string          `json:"workspace"`
	Repo      string          `json:"repo_slug"`
	Body      json.RawMessage `json:"body"`
	Token     string          `json:"token"`
}

// pipelineKind is the kind of effect that a pipeline is.
const pipelineKind = "bitbucketCloud:pipeline"

// pipelineRecord is what the ledger keeps about a pipeline. It has no variables: their values may be secrets.
type pipelineRecord struct {
	place

	// After is the number of the newest pipeline of the repository before.
	After int `json:"after"`
}

// started is a pipeline as the API returns it.
type started struct {
	UUID        string    `json:"uuid"`
	BuildNumber int       `json:"build_number"`
	CreatedOn   time.Time `json:"created_on"`
	Creator     user      `json:"creator"`
	State       struct {
		Name   string `json:"name"`
		Result struct {
			Name string `json:"name"`
		} `json:"result"`
	} `json:"state"`
	Repository struct {
		Links struct {
			HTML link `json:"html"`
		} `json:"links"`
	} `json:"repository"`
}

// pages is the page of the repository's pipelines.
func (s *started) pages() string { return s.Repository.Links.HTML.Href + "/pipelines" }

// pipelines describes a pipeline to package resource.
func (c *connection) pipelines(record pipelineRecord) resource.Spec[*started] {
	return resource.Spec[*started]{
		Title:  fmt.Sprintf("the pipeline of %s on %s", c.fullName(), c.Host),
		Intent: action.Intent{Kind: pipelineKind, Name: c.fullName(), Data: record},
		Find: func(ctx context.Context, effect action.Effect) (*resource.Found[*started], error) {
			return c.findPipeline(ctx, record, effect)
		},
		Delete: func(ctx context.Context, one *started) error {
			return c.Send(ctx, "stopping the pipeline of "+c.fullName(), http.MethodPost, c.path(nil, "pipelines", one.UUID, "stopPipeline"), nil, nil)
		},
		Hidden: c.hiddenBecause,
		Used: func(_ context.Context, _ action.Effect, one *started) (string, error) {
			if one.State.Name == "COMPLETED" {
				return "it has ended with " + one.State.Result.Name, nil
			}
			return "", nil
		},
	}
}

// findPipeline finds the pipeline of the effect: the one with its UUID, or the first that the same user has started
// since. A stopped one is gone.
func (c *connection) findPipeline(ctx context.Context, record pipelineRecord, effect action.Effect) (*resource.Found[*started], error) {
	if effect.Fresh || effect.ID == "" {
		return nil, nil // nothing can have been started for it
	}
	listed, err := c.listPipelines(ctx)
	if err != nil {
		return nil, err
	}
	me, err := c.whoAmI(ctx)
	if err != nil {
		return nil, err
	}
	for _, one := range slices.Backward(listed) {
		isOurs := one.UUID == effect.ExternalID || effect.ExternalID == "" && me.isBy(one.Creator) && resource.MadeSince(effect, one.CreatedOn)
		if one.BuildNumber > record.After && isOurs && one.State.Result.Name != "STOPPED" {
			return foundPipeline(&one), nil
		}
	}
	return nil, nil
}

// foundPipeline belongs to the effect: findPipeline has left out the others.
func foundPipeline(one *started) *resource.Found[*started] {
	return &resource.Found[*started]{
		Thing: one, ID: one.UUID, URL: one.pages() + "/results/" + strconv.Itoa(one.BuildNumber), MadeFor: func(action.Effect) bool { return true },
	}
}

// listPipelines lists the newest pipelines of the repository, the newest first.
func (c *connection) listPipelines(ctx context.Context) ([]started, error) {
	var found page[started]
	query := url.Values{"sort": {"-created_on"}, "pagelen": {"100"}}
	err := c.Send(ctx, "listing the pipelines of "+c.fullName(), http.MethodGet, c.path(query, "pipelines"), nil, &found)
	return found.Values, hostapi.Absent(err)
}

func (p *pipeline) prepare(ctx context.Context, call *action.Call) (*connection, pipelineInput, pipelineRecord, error) {
	var input pipelineInput
	if err := call.Decode(&input); err != nil {
		return nil, input, pipelineRecord{}, err
	}
	c, err := p.options.connect(call, place{Host: pipelineHost, Workspace: input.Workspace, Repo: input.Repo}, input.Token)
	if err != nil {
		return nil, input, pipelineRecord{}, err
	}
	record := pipelineRecord{place: c.place}
	listed, err := c.listPipelines(ctx)
	if err != nil {
		return nil, input, record, err
	}
	for _, one := range listed {
		record.After = max(record.After, one.BuildNumber)
	}
	record, err = resource.Remembered(ctx, call, resource.KeyOf(call, pipelineKind, c.fullName()), record)
	return c, input, record, err
}

// Run starts the pipeline.
func (p *pipeline) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	c, input, record, err := p.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	spec := c.pipelines(record)
	spec.Create = func(ctx context.Context, _ action.Effect) (*resource.Found[*started], error) {
		var body any = map[string]any{}
		if len(input.Body) > 0 {
			body = input.Body
		}
		one := &started{}
		err := c.Send(ctx, "running a pipeline of "+c.fullName(), http.MethodPost, c.path(nil, "pipelines"), body, one)
		if err != nil {
			return nil, hostapi.InWords(err, "Unable to run pipeline")
		}
		return foundPipeline(one), nil
	}
	one, _, err := resource.Ensure(ctx, call, spec)
	if err != nil {
		return nil, err
	}
	return action.Output{"buildNumber": one.BuildNumber, "repoUrl": one.Repository.Links.HTML.Href, "pipelinesUrl": one.pages()}, nil
}

// Plan says what Run would start.
func (p *pipeline) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	c, _, record, err := p.prepare(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	return resource.Plan(ctx, c.pipelines(record), "run a pipeline of "+c.fullName()+" on "+c.Host)
}

// Undo stops the pipeline.
func (p *pipeline) Undo(ctx context.Context, call *action.UndoCall) error {
	connect := func(record pipelineRecord) (*connection, error) { return p.options.reconnect(record.place, call) }
	return resource.Undo(ctx, call, connect, (*connection).pipelines)
}
