package azure

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"

	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// permit is the action azure:pipeline:permit.
type permit struct{ options Options }

// Describe lists the action with the inputs of both public plugins that have it.
func (*permit) Describe() action.Description {
	return action.Description{
		ID:          "azure:pipeline:permit",
		Description: "Lets a pipeline of Azure DevOps use a resource such as a service connection, or forbids it.",
		InputSchema: schema("permit.input"),
		Examples:    permitExamples,
		Undoes:      "Gives the pipeline the permission back that it had before, unless somebody has changed it back already.",
		Needs:       needsToken("Build (read and execute) and Pipeline Resources (use and manage)"),
		Differences: []string{"The inputs of both public plugins with this ID are accepted."},
	}
}

var permitExamples = []action.Example{
	{
		Description: "Let a pipeline use a service connection",
		Example: `steps:
  - id: permit
    name: Permit the service connection
    action: azure:pipeline:permit
    input:
      organization: acme
      project: web
      pipelineId: ${{ steps.pipeline.output.pipelineId }}
      resourceType: endpoint
      resourceId: 0d1f2a3b-0000-4000-8000-000000000001
      authorized: true
`,
	},
	{
		Description: "Forbid a pipeline a variable group",
		Example: `steps:
  - id: forbid
    name: Forbid the variables
    action: azure:pipeline:permit
    input:
      organization: acme
      project: web
      pipelineId: "17"
      resourceType: variablegroup
      resourceId: "3"
      authorized: false
`,
	},
}

// permitInput is the input of azure:pipeline:permit, of either plugin.
type permitInput struct {
	target

	APIVersion        string `json:"apiVersion"`
	PermitsAPIVersion string `json:"permitsApiVersion"`
	Authorized        bool   `json:"authorized"`
	PipelineID        string `json:"pipelineId"`
	ResourceID        string `json:"resourceId"`
	ResourceType      string `json:"resourceType"`
}

var versionPattern = regexp.MustCompile(`^\d+\.\d+(-preview(\.\d+)?)?$`)

// permissionKind is the kind of effect that a changed permission is.
const permissionKind = "azure:pipeline-permission"

// permissionRecord is what the ledger keeps about a permission.
type permissionRecord struct {
	place

	Pipeline     int    `json:"pipeline"`
	ResourceType string `json:"resourceType"`
	ResourceID   string `json:"resourceId"`
	Version      string `json:"version"`
	// Wanted and Before are what the step asks for, and what was.
	Wanted bool `json:"wanted"`
	Before bool `json:"before"`
}

func (r permissionRecord) name() string {
	return fmt.Sprintf("%s/%s: pipeline %d, %s %s", r.Organization, r.Project, r.Pipeline, r.ResourceType, r.ResourceID)
}

// permission is whether a pipeline may use a resource.
type permission struct {
	ID         int  `json:"id"`
	Authorized bool `json:"authorized"`
}

// permissions describes a changed permission to package resource. It is there while the pipeline has what the step asks
// for.
func (c *connection) permissions(record permissionRecord) resource.Spec[bool] {
	return resource.Spec[bool]{
		Title:  fmt.Sprintf("the permission of %s on %s", record.name(), c.Host),
		Intent: action.Intent{Kind: permissionKind, Name: record.name(), Data: record},
		Find: func(ctx context.Context, effect action.Effect) (*resource.Found[bool], error) {
			if effect.Fresh || effect.ID == "" {
				return nil, nil // nothing was changed for it
			}
			is, err := c.isPermitted(ctx, record)
			if err != nil || is != record.Wanted {
				return nil, err
			}
			return foundPermission(is), nil
		},
		Create: func(ctx context.Context, _ action.Effect) (*resource.Found[bool], error) {
			return foundPermission(record.Wanted), c.setPermission(ctx, record, record.Wanted)
		},
		Delete: func(ctx context.Context, _ bool) error {
			if record.Before == record.Wanted {
				return nil
			}
			return c.setPermission(ctx, record, record.Before)
		},
		Hidden: c.hiddenBecause,
	}
}

func foundPermission(is bool) *resource.Found[bool] {
	return &resource.Found[bool]{Thing: is, MadeFor: func(action.Effect) bool { return true }}
}

// permissionPath is the API's path of the permissions of the record's resource.
func (c *connection) permissionPath(record permissionRecord) string {
	return c.path(url.Values{"api-version": {record.Version}}, "pipelines", "pipelinepermissions", record.ResourceType, record.ResourceID)
}

func (c *connection) isPermitted(ctx context.Context, record permissionRecord) (bool, error) {
	var found struct {
		Pipelines []permission `json:"pipelines"`
	}
	err := c.Send(ctx, "looking at the permission of "+record.name(), http.MethodGet, c.permissionPath(record), nil, &found)
	return slices.Contains(found.Pipelines, permission{ID: record.Pipeline, Authorized: true}), hostapi.Absent(err)
}

func (c *connection) setPermission(ctx context.Context, record permissionRecord, to bool) error {
	body := map[string]any{"pipelines": []permission{{ID: record.Pipeline, Authorized: to}}}
	err := c.Send(ctx, "changing the permission of "+record.name(), http.MethodPatch, c.permissionPath(record), body, nil)
	return hostapi.InWords(err, "Failed to authorize pipeline")
}

func (p *permit) prepare(ctx context.Context, call *action.Call) (*connection, permissionRecord, error) {
	input := permitInput{Authorized: true, ResourceType: "endpoint"}
	if err := call.Decode(&input); err != nil {
		return nil, permissionRecord{}, err
	}
	number, err := strconv.Atoi(input.PipelineID)
	if err != nil {
		return nil, permissionRecord{}, action.InputError("pipelineId %q is no number", input.PipelineID)
	}
	version := cmp.Or(input.APIVersion, input.PermitsAPIVersion, "7.1-preview.1")
	if !versionPattern.MatchString(version) {
		return nil, permissionRecord{}, action.InputError("apiVersion %q is no version of the API, as in 7.1-preview.1", version)
	}
	c, err := p.options.connect(call, input.place(), input.Token)
	if err != nil {
		return nil, permissionRecord{}, err
	}
	record := permissionRecord{
		place: c.place, Pipeline: number, ResourceType: input.ResourceType, ResourceID: input.ResourceID, Version: version, Wanted: input.Authorized,
	}
	if record.Before, err = c.isPermitted(ctx, record); err != nil {
		return nil, record, err
	}
	record, err = resource.Remembered(ctx, call, resource.KeyOf(call, permissionKind, record.name()), record)
	return c, record, err
}

// Run changes the permission.
func (p *permit) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	c, record, err := p.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	if _, _, err := resource.Ensure(ctx, call, c.permissions(record)); err != nil {
		return nil, err
	}
	call.Log.Info("Pipeline %d in project %s has been %s for resource %s of type %s.", record.Pipeline, record.Project,
		map[bool]string{true: "authorized", false: "unauthorized"}[record.Wanted], record.ResourceID, record.ResourceType)
	return nil, nil
}

// Plan says which permission Run would change.
func (p *permit) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	c, record, err := p.prepare(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	return resource.Plan(ctx, c.permissions(record), "change the permission of "+record.name()+" on "+c.Host)
}

// Undo gives the pipeline the permission back that it had before.
func (p *permit) Undo(ctx context.Context, call *action.UndoCall) error {
	connect := func(record permissionRecord) (*connection, error) { return p.options.reconnect(record.place, call) }
	return resource.Undo(ctx, call, connect, (*connection).permissions)
}
