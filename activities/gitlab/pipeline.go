package gitlab

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// pipeline is the action gitlab:pipeline:trigger.
type pipeline struct{ options Options }

// Describe lists the action with Backstage's schemas.
func (*pipeline) Describe() action.Description {
	return action.Description{
		ID:          "gitlab:pipeline:trigger",
		Description: "Starts a pipeline of a GitLab project.",
		Examples: []action.Example{
			{
				Description: "Start a pipeline on the default branch",
				Example: `steps:
  - id: pipeline
    name: Start the pipeline
    action: gitlab:pipeline:trigger
    input:
      repoUrl: gitlab.com?owner=acme&repo=shop
      projectId: 42
      tokenDescription: Portico
      branch: main
`,
			},
			{
				Description: "Start a pipeline with variables",
				Example: `steps:
  - id: pipeline
    name: Start the pipeline
    action: gitlab:pipeline:trigger
    input:
      repoUrl: ${{ parameters.repoUrl }}
      projectId: 43
      tokenDescription: Portico
      branch: main
      variables:
        ENVIRONMENT: staging
`,
			},
		},
		InputSchema:  schema("pipeline.input"),
		OutputSchema: schema("pipeline.output"),
		Undoes: "Cancels the pipeline if it has not ended. One that has ended is deleted if the same run has created its project. " +
			"In any other project it is kept, because it shows what it did, which a rollback cannot take back.",
		Needs: needsToken("is a maintainer of the project, who may create triggers."),
		Differences: []string{
			"The trigger's token and the variables are sent in the body of the request, not in its URL, which servers log.",
			"The trigger of an attempt that crashed is deleted by the next attempt, or by the rollback.",
		},
	}
}

// pipelineInput is the input of gitlab:pipeline:trigger.
type pipelineInput struct {
	credentials
	ProjectID        int64             `json:"projectId"`
	TokenDescription string            `json:"tokenDescription"`
	Branch           string            `json:"branch"`
	Variables        map[string]string `json:"variables"`
}

// pipelineKind is the kind of effect that a pipeline is.
const pipelineKind = "gitlab:pipeline"

// pipelineRecord is what the ledger keeps about a pipeline.
type pipelineRecord struct {
	place
	Project string `json:"project"`
	Branch  string `json:"branch"`
	// After is the number of the project's newest pipeline before, TriggersAfter that of its newest trigger.
	After         int64 `json:"after"`
	TriggersAfter int64 `json:"triggersAfter"`
	// Description is that of the trigger.
	Description string `json:"description"`
	// InOwnProject says that the same run has created the project.
	InOwnProject bool `json:"inOwnProject,omitempty"`
}

func (r pipelineRecord) name() string { return fmt.Sprintf("on %s of project %s", r.Branch, r.Project) }

// ended are the states of a pipeline that has ended.
var ended = []string{"success", "failed", "canceled", "skipped"}

// pipelines describes a pipeline to package resource. Pipelines are numbered, so the run's is one of the token's
// user that was triggered after the intent.
func (c *connection) pipelines(record pipelineRecord) resource.Spec[*gitlab.Pipeline] {
	return resource.Spec[*gitlab.Pipeline]{
		Title:  fmt.Sprintf("the pipeline %s on %s", record.name(), c.host),
		Intent: action.Intent{Kind: pipelineKind, Name: record.name(), Data: record},
		Find: func(ctx context.Context, effect action.Effect) (*resource.Found[*gitlab.Pipeline], error) {
			return c.findPipeline(ctx, record, effect)
		},
		Delete: func(ctx context.Context, started *gitlab.Pipeline) error {
			return c.takeBackPipeline(ctx, record, started)
		},
		Hidden: func(ctx context.Context) (string, error) { return c.hiddenProject(ctx, record.Project) },
	}
}

// takeBackPipeline cancels a pipeline that goes on. One that has ended is deleted or kept: see Undoes.
func (c *connection) takeBackPipeline(ctx context.Context, record pipelineRecord, started *gitlab.Pipeline) error {
	switch {
	case !slices.Contains(ended, started.Status):
		return c.ask(ctx, "cancelling the pipeline "+record.name(), func(within gitlab.RequestOptionFunc) error {
			_, _, err := c.client.Pipelines.CancelPipelineBuild(record.Project, started.ID, within)
			return err
		})
	case record.InOwnProject:
		return gone(c.ask(ctx, "deleting the pipeline "+record.name(), func(within gitlab.RequestOptionFunc) error {
			_, err := c.client.Pipelines.DeletePipeline(record.Project, started.ID, within)
			return err
		}))
	}
	return &action.InUseError{Reason: fmt.Sprintf("%s ended with %s and was kept: it shows what the pipeline did, which a rollback cannot take back.",
		started.WebURL, started.Status)}
}

// hasCreatedProject reports whether this run has created the project with a number.
func hasCreatedProject(ctx context.Context, call *action.Call, number string) (bool, error) {
	effects, err := call.Ledger.Effects(ctx)
	if err != nil {
		return false, action.Transient(fmt.Errorf("effects ledger: %w", err), 0)
	}
	return slices.ContainsFunc(effects, func(effect action.Effect) bool {
		return effect.Kind == projectKind && effect.State == action.EffectCreated && effect.ExternalID == number
	}), nil
}

// findPipeline finds the pipeline of the effect.
func (c *connection) findPipeline(ctx context.Context, record pipelineRecord, effect action.Effect) (*resource.Found[*gitlab.Pipeline], error) {
	if effect.Fresh || effect.ID == "" {
		return nil, nil // nothing can have been started for it
	}
	listed, err := c.listPipelines(ctx, record.Project, &gitlab.ListProjectPipelinesOptions{
		ListOptions: gitlab.ListOptions{PerPage: pageSize}, Ref: &record.Branch, Source: new("trigger"), OrderBy: new("id"), Sort: new("desc"),
	})
	if err != nil {
		return nil, err
	}
	me, err := c.whoAmI(ctx)
	if err != nil {
		return nil, err
	}
	for _, one := range slices.Backward(listed) {
		if one.ID <= record.After || effect.ExternalID != "" && effect.ExternalID != id(one.ID) {
			continue
		}
		var found *gitlab.Pipeline
		err := c.ask(ctx, "looking at the pipeline "+record.name(), func(within gitlab.RequestOptionFunc) (err error) {
			found, _, err = c.client.Pipelines.GetPipeline(record.Project, one.ID, within)
			return err
		})
		if err != nil {
			return nil, err
		}
		if found.User != nil && found.User.ID == me.ID {
			return foundPipeline(found), nil
		}
	}
	return nil, nil
}

// foundPipeline belongs to the effect: findPipeline has left out the others.
func foundPipeline(started *gitlab.Pipeline) *resource.Found[*gitlab.Pipeline] {
	return &resource.Found[*gitlab.Pipeline]{
		Thing: started, ID: id(started.ID), URL: started.WebURL, MadeFor: func(action.Effect) bool { return true },
	}
}

func (c *connection) listPipelines(ctx context.Context, pid string, options *gitlab.ListProjectPipelinesOptions) (listed []*gitlab.PipelineInfo, err error) {
	err = c.ask(ctx, "listing the pipelines of project "+pid, func(within gitlab.RequestOptionFunc) error {
		var err error
		listed, _, err = c.client.Pipelines.ListProjectPipelines(pid, options, within)
		return absent(err)
	})
	return listed, err
}

func (c *connection) listTriggers(ctx context.Context, pid string) ([]*gitlab.PipelineTrigger, error) {
	return all(ctx, c, "listing the triggers of project "+pid,
		func(page gitlab.ListOptions, within gitlab.RequestOptionFunc) ([]*gitlab.PipelineTrigger, *gitlab.Response, error) {
			found, answer, err := c.client.PipelineTriggers.ListPipelineTriggers(pid, &gitlab.ListPipelineTriggersOptions{ListOptions: page}, within)
			return found, answer, absent(err)
		})
}

func (p *pipeline) prepare(ctx context.Context, call *action.Call) (*connection, pipelineInput, pipelineRecord, error) {
	var input pipelineInput
	if err := call.Decode(&input); err != nil {
		return nil, input, pipelineRecord{}, err
	}
	connected, err := p.options.connectTo(input.credentials)
	if err != nil {
		return nil, input, pipelineRecord{}, err
	}
	record := pipelineRecord{
		place: connected.place(input.Token, true), Project: id(input.ProjectID), Branch: input.Branch, Description: input.TokenDescription,
	}
	newest, err := connected.listPipelines(ctx, record.Project, &gitlab.ListProjectPipelinesOptions{
		ListOptions: gitlab.ListOptions{PerPage: 1}, OrderBy: new("id"), Sort: new("desc"),
	})
	if err != nil {
		return nil, input, pipelineRecord{}, err
	}
	for _, one := range newest {
		record.After = one.ID
	}
	triggers, err := connected.listTriggers(ctx, record.Project)
	for _, one := range triggers {
		record.TriggersAfter = max(record.TriggersAfter, one.ID)
	}
	if err == nil {
		record, err = resource.Remembered(ctx, call, resource.KeyOf(call, pipelineKind, record.name()), record)
	}
	return connected, input, record, err
}

// Run starts the pipeline.
func (p *pipeline) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	connected, input, record, err := p.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	if record.InOwnProject, err = hasCreatedProject(ctx, call, record.Project); err != nil {
		return nil, err
	}
	spec := connected.pipelines(record)
	spec.Create = func(ctx context.Context, _ action.Effect) (*resource.Found[*gitlab.Pipeline], error) {
		started, err := connected.trigger(ctx, record, input)
		if err != nil {
			return nil, err
		}
		return foundPipeline(started), nil
	}
	started, effect, err := resource.Ensure(ctx, call, spec)
	if err != nil {
		return nil, err
	}
	if !effect.Fresh {
		if err := connected.dropTriggers(ctx, effect); err != nil {
			return nil, err
		}
	}
	return action.Output{"pipelineUrl": started.WebURL}, nil
}

// trigger starts the pipeline with a trigger that it creates and deletes.
func (c *connection) trigger(ctx context.Context, record pipelineRecord, input pipelineInput) (*gitlab.Pipeline, error) {
	var trigger gitlab.PipelineTrigger
	err := c.send(ctx, "creating a trigger of project "+record.Project, http.MethodPost, path("projects", record.Project, "triggers"),
		map[string]any{"description": input.TokenDescription}, &trigger)
	if err != nil {
		return nil, err
	}
	var started *gitlab.Pipeline
	err = c.ask(ctx, "starting the pipeline "+record.name(), func(within gitlab.RequestOptionFunc) (err error) {
		started, _, err = c.client.PipelineTriggers.RunPipelineTrigger(record.Project, &gitlab.RunPipelineTriggerOptions{
			Ref: &input.Branch, Token: &trigger.Token, Variables: input.Variables,
		}, within)
		return err
	})
	if dropped := c.dropTrigger(ctx, record.Project, trigger.ID); err == nil {
		err = dropped
	}
	return started, err
}

func (c *connection) dropTrigger(ctx context.Context, pid string, number int64) error {
	return absent(c.ask(ctx, "deleting a trigger of project "+pid, func(within gitlab.RequestOptionFunc) error {
		_, err := c.client.PipelineTriggers.DeletePipelineTrigger(pid, number, within)
		return err
	}))
}

// dropTriggers deletes the triggers that crashed attempts left: of the token's user, with the step's description,
// and newer than the intent.
func (c *connection) dropTriggers(ctx context.Context, effect action.Effect) error {
	record, err := resource.RecordOf[pipelineRecord](effect)
	if err != nil {
		return err
	}
	triggers, err := c.listTriggers(ctx, record.Project)
	if err != nil {
		return err
	}
	me, err := c.whoAmI(ctx)
	if err != nil {
		return err
	}
	for _, one := range triggers {
		if one.ID <= record.TriggersAfter || one.Description != record.Description || one.Owner == nil || one.Owner.ID != me.ID {
			continue
		}
		if err := c.dropTrigger(ctx, record.Project, one.ID); err != nil {
			return err
		}
	}
	return nil
}

// Undo cancels the pipeline.
func (p *pipeline) Undo(ctx context.Context, call *action.UndoCall) error {
	record, err := resource.RecordOf[pipelineRecord](call.Effect)
	if err != nil {
		return err
	}
	connected, err := p.options.reconnect(record.place, call)
	if err != nil {
		return err
	}
	if err := connected.dropTriggers(ctx, call.Effect); err != nil {
		return err
	}
	spec := connected.pipelines(record)
	find := spec.Find
	spec.Find = func(ctx context.Context, effect action.Effect) (*resource.Found[*gitlab.Pipeline], error) {
		found, err := find(ctx, effect)
		if found != nil && found.Thing.Status == "canceled" {
			return nil, err
		}
		return found, err
	}
	return resource.Remove(ctx, call, spec)
}

// Plan says what Run would start.
func (p *pipeline) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	connected, _, record, err := p.prepare(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	return resource.Plan(ctx, connected.pipelines(record), "start the pipeline "+record.name()+" on "+connected.host)
}
