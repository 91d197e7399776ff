// Package argocd holds the actions that create projects and applications of Argo CD: argocd:create-resources of Roadie's
// plugin, and cnoe:create-argocd-app. Package integration/argocd knows the instances, and how each is reached. What Argo CD
// deploys is not here.
//
// By the REST API there is no place for a mark of ours that Backstage's action would not write too. So what an attempt has
// created that crashed is known by its content and its time of creation. Custom resources carry the marks of all objects
// in Kubernetes.
package argocd

import (
	"context"
	_ "embed" // for the schemas
	"fmt"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/argocd"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

var (
	//go:embed schema/resources.input.json
	resourcesInputSchema []byte
	//go:embed schema/app.input.json
	appInputSchema []byte
	//go:embed schema/output.json
	outputSchema []byte
)

// Options are what the actions need.
type Options struct {
	Instances *argocd.Set
	// Interval is the time between two looks at an application that is waited for or deleted; 0 is five seconds.
	Interval time.Duration
	// DeleteWithin is how long a rollback waits until an application is gone; 0 is two minutes.
	DeleteWithin time.Duration
}

// Actions are the actions of this package.
func Actions(options Options) []action.Action {
	if options.Interval == 0 {
		options.Interval = 5 * time.Second
	}
	if options.DeleteWithin == 0 {
		options.DeleteWithin = 2 * time.Minute
	}
	return []action.Action{&createResources{options}, &createApp{options}}
}

// createResources is argocd:create-resources.
type createResources struct{ Options }

// createApp is cnoe:create-argocd-app.
type createApp struct{ Options }

const (
	undoesApplication = "Deletes the application with what it has deployed, unless somebody has changed its source or its destination."
	needsInstance     = "An instance in `argocd.appLocatorMethods`, with a token or a user who may create and delete %s; " +
		"or with a cluster whose credentials may create, get, list, patch and delete %s of `argoproj.io`."
)

// Describe lists the action with the schema of Roadie's.
func (*createResources) Describe() action.Description {
	return action.Description{
		ID:           "argocd:create-resources",
		Description:  "Creates a project and an application in Argo CD, which deploys a directory of a Git repository and keeps it in sync.",
		Examples:     resourcesExamples,
		InputSchema:  resourcesInputSchema,
		OutputSchema: outputSchema,
		Undoes:       undoesApplication + " Then deletes the project, unless other applications are in it.",
		Needs:        []string{fmt.Sprintf(needsInstance, "projects and applications", "`appprojects` and `applications`")},
		Differences: []string{
			"A project that exists with the same repositories and destinations is used as it is. It is not sent to Argo CD again.",
			"An application that exists already is left untouched and fails the step. An attempt after a crash adopts the one of the attempt before.",
			"`waitForSync`, `waitTimeout` and the outputs are Portico's own.",
		},
	}
}

var resourcesExamples = []action.Example{
	{
		Description: "Deploy what the run has published",
		Example: `steps:
  - id: argocd
    name: Create the Argo CD application
    action: argocd:create-resources
    input:
      appName: ${{ parameters.name }}
      argoInstance: main
      namespace: ${{ parameters.name }}
      repoUrl: ${{ steps.publish.output.remoteUrl }}
      path: deploy
`,
	},
	{
		Description: "Add an application to a project, and wait until it is healthy",
		Example: `steps:
  - id: argocd
    name: Deploy to production
    action: argocd:create-resources
    input:
      appName: ${{ parameters.name }}-prod
      projectName: ${{ parameters.team }}
      argoInstance: main
      namespace: ${{ parameters.name }}
      repoUrl: https://github.com/acme/${{ parameters.name }}.git
      path: deploy/prod
      labelValue: ${{ parameters.name }}
      waitForSync: true
      waitTimeout: 900
`,
	},
}

// Describe lists the action with the schema of CNOE's.
func (*createApp) Describe() action.Description {
	return action.Description{
		ID:           "cnoe:create-argocd-app",
		Description:  "Creates an application in a project of Argo CD, which deploys a directory of a Git repository and keeps it in sync.",
		Examples:     appExamples,
		InputSchema:  appInputSchema,
		OutputSchema: outputSchema,
		Undoes:       undoesApplication,
		Needs:        []string{fmt.Sprintf(needsInstance, "applications", "`applications`")},
		Differences: []string{
			"An application that exists already is left untouched and fails the step. An attempt after a crash adopts the one of the attempt before.",
			"`waitForSync`, `waitTimeout` and the outputs are Portico's own.",
		},
	}
}

var appExamples = []action.Example{
	{
		Description: "Deploy what the run has published, in the default project",
		Example: `steps:
  - id: argocd
    name: Create the Argo CD application
    action: cnoe:create-argocd-app
    input:
      appName: ${{ parameters.name }}
      appNamespace: ${{ parameters.name }}
      argoInstance: in-cluster
      projectName: default
      repoUrl: ${{ steps.publish.output.remoteUrl }}
      path: manifests
`,
	},
	{
		Description: "Deploy under another label, and wait until it is healthy",
		Example: `steps:
  - id: argocd
    name: Deploy to the test cluster
    action: cnoe:create-argocd-app
    input:
      appName: ${{ parameters.name }}-test
      appNamespace: ${{ parameters.name }}
      argoInstance: test
      projectName: ${{ parameters.team }}
      repoUrl: https://github.com/acme/${{ parameters.name }}.git
      path: deploy/test
      labelValue: ${{ parameters.name }}
      waitForSync: true
`,
	},
}

// input is what both actions take.
type input struct {
	AppName      string  `json:"appName"`
	ArgoInstance string  `json:"argoInstance"`
	Namespace    string  `json:"namespace"`
	AppNamespace string  `json:"appNamespace"`
	RepoURL      string  `json:"repoUrl"`
	Path         string  `json:"path"`
	LabelValue   string  `json:"labelValue"`
	ProjectName  string  `json:"projectName"`
	WaitForSync  bool    `json:"waitForSync"`
	WaitTimeout  float64 `json:"waitTimeout"`
}

// deployment is one execution of an action.
type deployment struct {
	*instance

	call  *action.Call
	input input
}

func (o *Options) read(call *action.Call) (*deployment, error) {
	d := &deployment{call: call}
	if err := call.Decode(&d.input); err != nil {
		return nil, err
	}
	if d.input.Namespace == "" {
		d.input.Namespace = d.input.AppNamespace
	}
	if d.input.ProjectName == "" {
		d.input.ProjectName = d.input.AppName
	}
	if d.input.LabelValue == "" {
		d.input.LabelValue = d.input.AppName
	}
	if d.input.WaitTimeout == 0 {
		d.input.WaitTimeout = 600
	}
	var err error
	d.instance, err = o.connect(d.input.ArgoInstance)
	return d, err
}

// Run creates the project, unless there is one that fits, and the application.
func (a *createResources) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	d, err := a.read(call)
	if err != nil {
		return nil, err
	}
	if waiting, err := d.isWaiting(ctx); err != nil || waiting {
		return d.outputAfter(ctx, err)
	}
	if err := d.ensureProject(ctx); err != nil {
		return nil, err
	}
	return d.deploy(ctx)
}

// Run creates the application.
func (a *createApp) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	d, err := a.read(call)
	if err != nil {
		return nil, err
	}
	if waiting, err := d.isWaiting(ctx); err != nil || waiting {
		return d.outputAfter(ctx, err)
	}
	return d.deploy(ctx)
}

// outputAfter is the output, unless something failed.
func (d *deployment) outputAfter(ctx context.Context, err error) (action.Output, error) {
	if err != nil {
		return nil, err
	}
	return d.output(ctx)
}

// deploy creates the application, and waits for it if that is asked.
func (d *deployment) deploy(ctx context.Context) (action.Output, error) {
	if _, _, err := resource.Ensure(ctx, d.call, d.applicationSpec()); err != nil {
		return nil, err
	}
	return d.output(ctx)
}

// output is the output of the step, once the application is as the step asks.
func (d *deployment) output(ctx context.Context) (action.Output, error) {
	output := action.Output{}
	if page := d.Instance().Page("", d.input.AppName); page != "" {
		output["applicationUrl"] = page
	}
	if !d.input.WaitForSync {
		return output, nil
	}
	settled, err := d.settled(ctx)
	if err != nil {
		return nil, err
	}
	output["syncStatus"], output["healthStatus"] = settled.Status.Sync.Status, settled.Status.Health.Status
	return output, nil
}

// Plan looks whether the names are free.
func (a *createResources) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	d, err := a.read(call)
	if err != nil {
		return action.Plan{}, err
	}
	exists, err := d.lookForProject(ctx)
	if err != nil {
		return action.Plan{}, err
	}
	plan, err := d.planApplication(ctx)
	if err != nil || exists {
		return plan, err
	}
	plan.Summary = fmt.Sprintf("create the project %s and the application %s on %s", d.input.ProjectName, d.input.AppName, d.name())
	plan.Creates = append([]action.PlannedEffect{{Kind: projectKind, Name: d.name() + "/" + d.input.ProjectName}}, plan.Creates...)
	return plan, nil
}

// Plan looks whether the name is free.
func (a *createApp) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	d, err := a.read(call)
	if err != nil {
		return action.Plan{}, err
	}
	return d.planApplication(ctx)
}

func (d *deployment) planApplication(ctx context.Context) (action.Plan, error) {
	return resource.Plan(ctx, d.applicationSpec(), fmt.Sprintf("create the application %s in the project %s on %s", d.input.AppName, d.input.ProjectName, d.name()))
}

// Undo deletes what the step has created.
func (a *createResources) Undo(ctx context.Context, call *action.UndoCall) error {
	return a.undo(ctx, call)
}

// Undo deletes the application.
func (a *createApp) Undo(ctx context.Context, call *action.UndoCall) error { return a.undo(ctx, call) }

func (o *Options) undo(ctx context.Context, call *action.UndoCall) error {
	made, err := resource.RecordOf[record](call.Effect)
	if err != nil {
		return err
	}
	at, err := o.connect(made.Instance)
	if err != nil {
		return err
	}
	switch call.Effect.Kind {
	case projectKind:
		return resource.Remove(ctx, call, at.projectThing(made))
	case applicationKind:
		return resource.Remove(ctx, call, at.applicationThing(made))
	default:
		return action.Final(fault.New(fault.Input, "effect %s %q: it is none of Argo CD", call.Effect.Kind, call.Effect.Name))
	}
}
