package gitlab

import (
	"cmp"
	"context"
	"fmt"
	"net/http"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// variableBody is a variable as GitLab takes it. Its value may be a secret.
type variableBody struct {
	Key              string `json:"key"`
	Value            string `json:"value"`
	Description      string `json:"description,omitempty"`
	VariableType     string `json:"variable_type"`
	Protected        bool   `json:"protected"`
	Masked           bool   `json:"masked"`
	MaskedAndHidden  bool   `json:"masked_and_hidden"`
	Raw              bool   `json:"raw"`
	EnvironmentScope string `json:"environment_scope"`
}

func (v variableBody) withDefaults() variableBody {
	v.VariableType = cmp.Or(v.VariableType, "env_var")
	v.EnvironmentScope = cmp.Or(v.EnvironmentScope, "*")
	return v
}

// filter selects the variable of an environment scope among those with one key.
func (v variableBody) filter() *gitlab.VariableFilter {
	return &gitlab.VariableFilter{EnvironmentScope: v.EnvironmentScope}
}

func (c *connection) createVariable(ctx context.Context, pid string, variable variableBody) error {
	return c.send(ctx, fmt.Sprintf("creating the variable %s of project %s", variable.Key, pid), http.MethodPost,
		path("projects", pid, "variables"), variable, nil)
}

func (c *connection) updateVariable(ctx context.Context, pid string, variable variableBody) error {
	return c.ask(ctx, fmt.Sprintf("changing the variable %s of project %s", variable.Key, pid), func(within gitlab.RequestOptionFunc) error {
		_, _, err := c.client.ProjectVariables.UpdateVariable(pid, variable.Key, &gitlab.UpdateProjectVariableOptions{
			Value: &variable.Value, Description: &variable.Description, VariableType: (*gitlab.VariableTypeValue)(&variable.VariableType),
			Protected: &variable.Protected, Masked: &variable.Masked, Raw: &variable.Raw, Filter: variable.filter(),
		}, within)
		return err
	})
}

// variable is the action gitlab:projectVariable:create.
type variable struct{ options Options }

// Describe lists the action with Backstage's schemas.
func (*variable) Describe() action.Description {
	return action.Description{
		ID:          "gitlab:projectVariable:create",
		Description: "Creates a CI/CD variable of a GitLab project.",
		Examples: []action.Example{
			{
				Description: "Create a variable for all environments",
				Example: `steps:
  - id: variable
    name: Create a variable
    action: gitlab:projectVariable:create
    input:
      repoUrl: gitlab.com?owner=acme&repo=shop
      projectId: ${{ steps.publish.output.projectId }}
      key: REGION
      value: eu-west-1
      variableType: env_var
`,
			},
			{
				Description: "Create a masked variable for protected branches and one environment",
				Example: `steps:
  - id: variable
    name: Create a variable
    action: gitlab:projectVariable:create
    input:
      repoUrl: ${{ parameters.repoUrl }}
      projectId: acme/shop
      key: DEPLOY_TOKEN
      value: ${{ secrets.deployToken }}
      variableType: env_var
      masked: true
      variableProtected: true
      environmentScope: production
`,
			},
		},
		InputSchema: schema("variable.input"),
		Undoes:      "Deletes the variable, also when its value was changed since: GitLab does not say when that happened.",
		Needs:       needsToken("is a maintainer of the project."),
		Differences: []string{"A variable with this key and environment scope that exists already is left as it is, and fails the step."},
	}
}

// variableInput is the input of gitlab:projectVariable:create.
type variableInput struct {
	credentials
	ProjectID        projectID `json:"projectId"`
	Key              string    `json:"key"`
	Value            string    `json:"value"`
	VariableType     string    `json:"variableType"`
	Protected        bool      `json:"variableProtected"`
	Masked           bool      `json:"masked"`
	MaskedAndHidden  bool      `json:"maskedAndHidden"`
	Raw              bool      `json:"raw"`
	EnvironmentScope string    `json:"environmentScope"`
}

// variableKind is the kind of effect that a created variable is.
const variableKind = "gitlab:variable"

// variableRecord is what the ledger keeps about a variable: not its value.
type variableRecord struct {
	place
	Project string `json:"project"`
	Key     string `json:"key"`
	Scope   string `json:"scope"`
}

func (r variableRecord) name() string {
	if r.Scope == "*" {
		return r.Key + " of " + r.Project
	}
	return fmt.Sprintf("%s of %s for %s", r.Key, r.Project, r.Scope)
}

// variables describes a variable to package resource. GitLab gives it neither a number nor a time, so one is
// the run's if there was none when the intent was recorded.
func (c *connection) variables(record variableRecord) resource.Spec[*gitlab.ProjectVariable] {
	filter := &gitlab.VariableFilter{EnvironmentScope: record.Scope}
	return resource.Spec[*gitlab.ProjectVariable]{
		Title:  fmt.Sprintf("the variable %s on %s", record.name(), c.host),
		Intent: action.Intent{Kind: variableKind, Name: record.name(), Data: record},
		Find: func(ctx context.Context, _ action.Effect) (*resource.Found[*gitlab.ProjectVariable], error) {
			found, err := c.findVariable(ctx, record)
			if err != nil || found == nil {
				return nil, err
			}
			return &resource.Found[*gitlab.ProjectVariable]{Thing: found, MadeFor: wasAbsent}, nil
		},
		Delete: func(ctx context.Context, _ *gitlab.ProjectVariable) error {
			return gone(c.ask(ctx, "deleting the variable "+record.name(), func(within gitlab.RequestOptionFunc) error {
				_, err := c.client.ProjectVariables.RemoveVariable(record.Project, record.Key,
					&gitlab.RemoveProjectVariableOptions{Filter: filter}, within)
				return err
			}))
		},
		Hidden: func(ctx context.Context) (string, error) { return c.hiddenProject(ctx, record.Project) },
	}
}

func (c *connection) findVariable(ctx context.Context, record variableRecord) (found *gitlab.ProjectVariable, err error) {
	err = c.ask(ctx, "looking for the variable "+record.name(), func(within gitlab.RequestOptionFunc) error {
		one, _, err := c.client.ProjectVariables.GetVariable(record.Project, record.Key,
			&gitlab.GetProjectVariableOptions{Filter: &gitlab.VariableFilter{EnvironmentScope: record.Scope}}, within)
		if err == nil {
			found = one
		}
		return absent(err)
	})
	return found, err
}

// wasAbsent reports whether no such thing was there when the intent was recorded.
func wasAbsent(effect action.Effect) bool {
	record, err := resource.RecordOf[place](effect)
	return err == nil && record.Absent
}

// hiddenProject says why what belongs to a project may exist although the token does not see it: it does not
// see the project.
func (c *connection) hiddenProject(ctx context.Context, pid string) (string, error) {
	project, err := c.lookUp(ctx, pid)
	if err != nil || project != nil {
		return "", err
	}
	reason := fmt.Sprintf("the token does not see the project %s", pid)
	if c.lostToken {
		reason = "it was created with a token that the step passed and that is gone now, and " + reason
	}
	return reason, nil
}

func (v *variable) prepare(ctx context.Context, call *action.Call) (resource.Spec[*gitlab.ProjectVariable], error) {
	var none resource.Spec[*gitlab.ProjectVariable]
	var input variableInput
	if err := call.Decode(&input); err != nil {
		return none, err
	}
	connected, err := v.options.connectTo(input.credentials)
	if err != nil {
		return none, err
	}
	body := variableBody{
		Key: input.Key, Value: input.Value, VariableType: input.VariableType, Protected: input.Protected, Masked: input.Masked,
		MaskedAndHidden: input.MaskedAndHidden, Raw: input.Raw, EnvironmentScope: input.EnvironmentScope,
	}.withDefaults()
	record := variableRecord{Project: string(input.ProjectID), Key: body.Key, Scope: body.EnvironmentScope}
	there, err := connected.findVariable(ctx, record)
	if err != nil {
		return none, err
	}
	record.place = connected.place(input.Token, there == nil)
	if record, err = resource.Remembered(ctx, call, resource.KeyOf(call, variableKind, record.name()), record); err != nil {
		return none, err
	}
	spec := connected.variables(record)
	spec.Create = func(ctx context.Context, _ action.Effect) (*resource.Found[*gitlab.ProjectVariable], error) {
		err := connected.createVariable(ctx, record.Project, body)
		switch {
		case saysTaken(err):
			return nil, resource.Exists(err)
		case err != nil:
			return nil, err
		}
		return &resource.Found[*gitlab.ProjectVariable]{Thing: &gitlab.ProjectVariable{Key: body.Key}, MadeFor: wasAbsent}, nil
	}
	return spec, nil
}

// Run creates the variable.
func (v *variable) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	spec, err := v.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	_, _, err = resource.Ensure(ctx, call, spec)
	return nil, err
}

// Undo deletes the variable.
func (v *variable) Undo(ctx context.Context, call *action.UndoCall) error {
	record, err := resource.RecordOf[variableRecord](call.Effect)
	if err != nil {
		return err
	}
	connected, err := v.options.reconnect(record.place, call)
	if err != nil {
		return err
	}
	return resource.Remove(ctx, call, connected.variables(record))
}

// Plan says what Run would create.
func (v *variable) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	spec, err := v.prepare(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	return resource.Plan(ctx, spec, "create "+spec.Title)
}
