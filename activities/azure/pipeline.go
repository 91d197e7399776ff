package azure

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// createPipeline is the action azure:pipeline:create. Two plugins have one of this ID, with inputs of their own: both
// are accepted.
type createPipeline struct{ options Options }

// Describe lists the action with the inputs of both plugins.
func (*createPipeline) Describe() action.Description {
	return action.Description{
		ID:           "azure:pipeline:create",
		Description:  "Creates a pipeline in a project of Azure DevOps from a file of a repository.",
		InputSchema:  schema("pipeline.input"),
		OutputSchema: schema("pipeline.output"),
		Examples:     createPipelineExamples,
		Undoes:       "Deletes the pipeline with its runs, unless somebody has changed it since.",
		Needs:        needsToken("Build (read and execute) and Code (read)"),
		Differences: []string{
			"The inputs of both public plugins with this ID are accepted: with `repositoryId`, those of `folder`, `name`, `repositoryName` and `yamlPath`, otherwise " +
				"those of `repository`, `pipelineName`, `pipelineYamlFile`, `pipelineFolder` and `pipelineAgentPoolName`.",
			"A pipeline of this name in the folder is left untouched and fails the step.",
			"The versions of the API in the input have no effect.",
		},
	}
}

var createPipelineExamples = []action.Example{
	{
		Description: "Create a pipeline from the repository that a step before has published",
		Example: `steps:
  - id: pipeline
    name: Create the pipeline
    action: azure:pipeline:create
    input:
      organization: acme
      project: web
      repository: ${{ parameters.name }}
      pipelineName: ${{ parameters.name }}
      pipelineYamlFile: azure-pipelines.yml
`,
	},
	{
		Description: "Create it in a folder, by the repository's id",
		Example: `steps:
  - id: pipeline
    name: Create the pipeline
    action: azure:pipeline:create
    input:
      organization: acme
      project: web
      folder: services
      name: shop
      repositoryId: ${{ steps.publish.output.repositoryId }}
      repositoryName: shop
      yamlPath: /ci/azure-pipelines.yml
`,
	},
}

// createPipelineInput is the input of azure:pipeline:create, of either plugin.
type createPipelineInput struct {
	target

	PipelineYamlFile      string `json:"pipelineYamlFile"`
	Repository            string `json:"repository"`
	PipelineName          string `json:"pipelineName"`
	Branch                string `json:"branch"`
	PipelineFolder        string `json:"pipelineFolder"`
	PipelineAgentPoolName string `json:"pipelineAgentPoolName"`

	Folder         string `json:"folder"`
	Name           string `json:"name"`
	RepositoryID   string `json:"repositoryId"`
	RepositoryName string `json:"repositoryName"`
	YamlPath       string `json:"yamlPath"`
}

// target is the part of an input that says where a pipeline is.
type target struct {
	Host         string `json:"host"`
	Server       string `json:"server"`
	Organization string `json:"organization"`
	Project      string `json:"project"`
	Token        string `json:"token"`
}

func (t target) place() place {
	return place{Host: cmp.Or(t.Host, t.Server, publicHost), Organization: t.Organization, Project: t.Project}
}

// byID reports whether the inputs are those that name the repository by its id.
func (i createPipelineInput) byID() bool { return i.RepositoryID != "" }

func (i createPipelineInput) check() error {
	required := map[string]string{"repository": i.Repository, "pipelineName": i.PipelineName, "pipelineYamlFile": i.PipelineYamlFile}
	if i.byID() {
		required = map[string]string{"name": i.Name, "repositoryName": i.RepositoryName}
	}
	for name, value := range required {
		if value == "" {
			return action.InputError("Invalid input passed to action azure:pipeline:create, instance requires property %q", name)
		}
	}
	return nil
}

// definitionKind is the kind of effect that a pipeline is.
const definitionKind = "azure:pipeline"

// definitionRecord is what the ledger keeps about a pipeline.
type definitionRecord struct {
	place

	// Folder begins with a backslash, as Azure DevOps writes it.
	Folder string `json:"folder"`
	Name   string `json:"name"`
}

func (r definitionRecord) name() string {
	return fmt.Sprintf("%s/%s: %s", r.Organization, r.Project, strings.TrimPrefix(strings.TrimSuffix(r.Folder, `\`)+`\`+r.Name, `\`))
}

// definition is a pipeline as the API returns it.
type definition struct {
	ID        int       `json:"id"`
	Revision  int       `json:"revision"`
	CreatedAt time.Time `json:"createdDate"`
	Author    identity  `json:"authoredBy"`
	Links     struct {
		Web struct {
			Href string `json:"href"`
		} `json:"web"`
	} `json:"_links"`
}

// definitions describes a pipeline to package resource. A folder has one of a name.
func (c *connection) definitions(record definitionRecord) resource.Spec[*definition] {
	return resource.Spec[*definition]{
		Title:  fmt.Sprintf("the pipeline %s on %s", record.name(), c.Host),
		Intent: action.Intent{Kind: definitionKind, Name: record.name(), Data: record},
		Find: func(ctx context.Context, _ action.Effect) (*resource.Found[*definition], error) {
			one, err := c.findDefinition(ctx, record)
			if err != nil || one == nil {
				return nil, err
			}
			me, err := c.whoAmI(ctx)
			return foundDefinition(one, me), err
		},
		Delete: func(ctx context.Context, one *definition) error {
			return c.Delete(ctx, "deleting the pipeline "+record.name(), c.path(nil, "build", "definitions", strconv.Itoa(one.ID)))
		},
		Hidden: c.hiddenBecause,
		Used: func(_ context.Context, _ action.Effect, one *definition) (string, error) {
			if one.Revision > 1 {
				return "somebody has changed it", nil
			}
			return "", nil
		},
	}
}

// foundDefinition belongs to an effect whose record says that there was none before, if the token's user has made it
// since.
func foundDefinition(one *definition, me identity) *resource.Found[*definition] {
	return &resource.Found[*definition]{
		Thing: one, ID: strconv.Itoa(one.ID), URL: one.Links.Web.Href,
		MadeFor: func(effect action.Effect) bool {
			record, err := resource.RecordOf[definitionRecord](effect)
			return err == nil && record.Absent && one.Author.ID == me.ID && resource.MadeSince(effect, one.CreatedAt)
		},
	}
}

// findDefinition finds a pipeline by its folder and its name, nil when there is none.
func (c *connection) findDefinition(ctx context.Context, record definitionRecord) (*definition, error) {
	var found struct {
		Value []definition `json:"value"`
	}
	query := url.Values{"name": {record.Name}, "path": {record.Folder}}
	err := c.Send(ctx, "looking for the pipeline "+record.name(), http.MethodGet, c.path(query, "build", "definitions"), nil, &found)
	if err != nil || len(found.Value) == 0 {
		return nil, hostapi.Absent(err)
	}
	one := &definition{}
	err = c.Send(ctx, "looking at the pipeline "+record.name(), http.MethodGet, c.path(nil, "build", "definitions", strconv.Itoa(found.Value[0].ID)), nil, one)
	return one, err
}

// folderOf is a folder as Azure DevOps writes it.
func folderOf(path string) string { return `\` + strings.Trim(strings.ReplaceAll(path, "/", `\`), `\`) }

func (p *createPipeline) prepare(ctx context.Context, call *action.Call) (*connection, createPipelineInput, definitionRecord, error) {
	input := createPipelineInput{Branch: "main", PipelineFolder: "/", PipelineAgentPoolName: "Azure Pipelines", YamlPath: "/azure-pipelines.yaml"}
	if err := call.Decode(&input); err != nil {
		return nil, input, definitionRecord{}, err
	}
	if err := input.check(); err != nil {
		return nil, input, definitionRecord{}, err
	}
	c, err := p.options.connect(call, input.place(), input.Token)
	if err != nil {
		return nil, input, definitionRecord{}, err
	}
	record := definitionRecord{place: c.place, Folder: folderOf(input.PipelineFolder), Name: input.PipelineName}
	if input.byID() {
		record.Folder, record.Name = folderOf(input.Folder), input.Name
	}
	there, err := c.findDefinition(ctx, record)
	if err != nil {
		return nil, input, record, err
	}
	record.Absent = there == nil
	record, err = resource.Remembered(ctx, call, resource.KeyOf(call, definitionKind, record.name()), record)
	return c, input, record, err
}

// Run creates the pipeline.
func (p *createPipeline) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	c, input, record, err := p.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	spec := c.definitions(record)
	spec.Create = func(ctx context.Context, _ action.Effect) (*resource.Found[*definition], error) {
		path, body := input.request(c)
		one := &definition{}
		err := c.Send(ctx, "creating the pipeline "+record.name(), http.MethodPost, path, body, one)
		if rest.IsStatus(err, http.StatusConflict) {
			return nil, resource.Exists(err)
		}
		return foundDefinition(one, identity{}), err
	}
	one, _, err := resource.Ensure(ctx, call, spec)
	if err != nil {
		return nil, err
	}
	call.Log.Info("The Azure pipeline ID is %d.", one.ID)
	return action.Output{"pipelineId": strconv.Itoa(one.ID), "pipelineUrl": one.Links.Web.Href}, nil
}

// request is the request of the plugin whose inputs they are.
func (i createPipelineInput) request(c *connection) (path string, body any) {
	if i.byID() {
		return c.path(url.Values{"api-version": {"6.1-preview.1"}}, "pipelines"), map[string]any{
			"folder": i.Folder, "name": i.Name,
			"configuration": map[string]any{
				"type": "yaml", "path": i.YamlPath, "repository": map[string]string{"id": i.RepositoryID, "name": i.RepositoryName, "type": "azureReposGit"},
			},
		}
	}
	// The trigger takes its settings from the file (settingsSourceType 2), and 2 is the type of a process from one.
	trigger := map[string]any{
		"branchFilters": []string{}, "batchChanges": false, "maxConcurrentBuildsPerBranch": 1, "pathFilters": []string{}, "pollingInterval": 0,
		"triggerType": "continuousIntegration", "settingsSourceType": 2,
	}
	return c.path(nil, "build", "definitions"), map[string]any{
		"path": i.PipelineFolder, "name": i.PipelineName, "process": map[string]any{"yamlFilename": i.PipelineYamlFile, "type": 2},
		"repository": map[string]string{"name": i.Repository, "type": "TfsGit", "defaultBranch": i.Branch},
		"triggers":   []any{trigger},
		"queue":      map[string]any{"name": i.PipelineAgentPoolName, "pool": map[string]string{"name": i.PipelineAgentPoolName}},
	}
}

// Plan says which pipeline Run would create.
func (p *createPipeline) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	c, _, record, err := p.prepare(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	return resource.Plan(ctx, c.definitions(record), "create the pipeline "+record.name()+" on "+c.Host)
}

// Undo deletes the pipeline, unless somebody has changed it since.
func (p *createPipeline) Undo(ctx context.Context, call *action.UndoCall) error {
	connect := func(record definitionRecord) (*connection, error) { return p.options.reconnect(record.place, call) }
	return resource.Undo(ctx, call, connect, (*connection).definitions)
}
