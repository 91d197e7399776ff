package argocd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/argocd"
	"github.com/portico-dev/portico/integration/kubernetes"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

const (
	projectKind     = "argocd:project"
	applicationKind = "argocd:application"

	// nameLabel is by what entities find their applications.
	nameLabel = "backstage-name"
)

// syncPolicy has Argo CD keep what is deployed as the repository says. It is Backstage's.
var syncPolicy = json.RawMessage(`{"automated":{"allowEmpty":true,"prune":true,"selfHeal":true},` +
	`"retry":{"backoff":{"duration":"5s","factor":2,"maxDuration":"5m"},"limit":10},` +
	`"syncOptions":["CreateNamespace=false","FailOnSharedResource=true","ServerSideApply=true"]}`)

// record is what the ledger keeps of a project or an application, by which it is found and compared.
type record struct {
	Instance  string `json:"instance"`
	Name      string `json:"name"`
	Project   string `json:"project"`
	Namespace string `json:"namespace"`
	RepoURL   string `json:"repoUrl"`
	Path      string `json:"path,omitempty"`
}

// instance is the instance of a step or of an effect.
type instance struct {
	argocd.Client

	options *Options
}

func (o *Options) connect(name string) (*instance, error) {
	client, err := o.Instances.Connect(name)
	return &instance{client, o}, action.Classify(err)
}

func (i *instance) name() string { return i.Instance().Name }

// isMadeFor says that what an instance has was created for an effect. Its mark says so; where there is none, its content
// and its time of creation do, which are whole seconds. Nothing was created for a fresh effect.
func (i *instance) isMadeFor(effect action.Effect, found argocd.Metadata, isUnchanged bool) bool {
	if i.KeepsMarks() {
		return found.Annotations[kubernetes.EffectAnnotation] == effect.ID
	}
	return isUnchanged && !effect.Fresh && !effect.IntendedAt.IsZero() && !found.CreationTimestamp.Before(effect.IntendedAt.Truncate(time.Second))
}

// metadata is that of what a step creates for an effect.
func (d *deployment) metadata(name string, labels map[string]string, effect action.Effect) argocd.Metadata {
	made := argocd.Metadata{Name: name, Labels: labels, Finalizers: []string{argocd.Finalizer}}
	if !d.KeepsMarks() {
		return made
	}
	made.Labels = map[string]string{kubernetes.RunLabel: kubernetes.LabelValue(d.call.RunID), kubernetes.StepLabel: kubernetes.LabelValue(d.call.StepID)}
	maps.Copy(made.Labels, labels)
	made.Annotations = map[string]string{kubernetes.EffectAnnotation: effect.ID}
	return made
}

// newProject is the project that is created.
func newProject(made record) argocd.Project {
	var wanted argocd.Project
	wanted.Spec.Destinations = []argocd.Destination{{Name: "local", Namespace: made.Namespace, Server: argocd.InCluster}}
	wanted.Spec.SourceRepos = []string{made.RepoURL}
	return wanted
}

// fits reports whether a project has the destinations and repositories of a record.
func fits(project argocd.Project, made record) bool {
	return reflect.DeepEqual(project.Spec, newProject(made).Spec)
}

func (d *deployment) projectRecord() record {
	return record{Instance: d.name(), Name: d.input.ProjectName, Project: d.input.ProjectName, Namespace: d.input.Namespace, RepoURL: d.input.RepoURL}
}

func (d *deployment) applicationRecord() record {
	return record{Instance: d.name(), Name: d.input.AppName, Project: d.input.ProjectName, Namespace: d.input.Namespace, RepoURL: d.input.RepoURL, Path: d.input.Path}
}

// errDuplicate is Backstage's error for a project that exists with another content.
func errDuplicate(name string) error {
	return action.Advise(action.Final(errors.New("Duplicate project detected. Cannot overwrite existing.")), //nolint:revive,staticcheck // The error of the real action, word for word: people search for it.
		"The project %s allows other repositories or destinations. Choose another projectName, or add them to the project and use cnoe:create-argocd-app.", name)
}

// ensureProject creates the project, or uses the one that is there with the same content.
func (d *deployment) ensureProject(ctx context.Context) error {
	found, _, err := resource.Ensure(ctx, d.call, d.projectSpec())
	if !errors.Is(err, resource.ErrTaken) {
		return err
	}
	if !fits(found, d.projectRecord()) {
		return errDuplicate(d.input.ProjectName)
	}
	d.call.Log.Info("The project %s exists already, and is used", d.input.ProjectName)
	return nil
}

// lookForProject reports whether there is a project that can be used.
func (d *deployment) lookForProject(ctx context.Context) (bool, error) {
	found, err := d.Project(ctx, d.input.ProjectName)
	switch {
	case err != nil || found == nil:
		return false, action.Classify(err)
	case !fits(*found, d.projectRecord()):
		return true, errDuplicate(d.input.ProjectName)
	}
	return true, nil
}

// projectSpec describes the project to package resource, for creating it.
func (d *deployment) projectSpec() resource.Spec[argocd.Project] {
	made := d.projectRecord()
	spec := d.projectThing(made)
	spec.Intent = action.Intent{Kind: projectKind, Name: d.name() + "/" + made.Name, Data: made}
	spec.Create = func(ctx context.Context, effect action.Effect) (*resource.Found[argocd.Project], error) {
		d.call.Log.Info("Creating the project %s on %s", made.Name, d.name())
		wanted := newProject(made)
		wanted.Metadata = d.metadata(made.Name, nil, effect)
		created, err := d.CreateProject(ctx, wanted)
		if err != nil {
			return nil, refused(action.Classify(err))
		}
		return d.foundProject(created, made), nil
	}
	return spec
}

// refused tells package resource that a name is taken.
func refused(err error) error {
	if fault.KindOf(err) == fault.Conflict && !action.IsTransient(err) {
		return resource.Exists(err)
	}
	return err
}

func (i *instance) foundProject(project argocd.Project, made record) *resource.Found[argocd.Project] {
	return &resource.Found[argocd.Project]{Thing: project, ID: project.Metadata.UID, MadeFor: func(effect action.Effect) bool {
		return i.isMadeFor(effect, project.Metadata, fits(project, made))
	}}
}

// projectThing describes the project to package resource, for finding and deleting it.
func (i *instance) projectThing(made record) resource.Spec[argocd.Project] {
	return resource.Spec[argocd.Project]{
		Title: fmt.Sprintf("the project %s on Argo CD %s", made.Name, i.name()),
		Find: func(ctx context.Context, _ action.Effect) (*resource.Found[argocd.Project], error) {
			found, err := i.Project(ctx, made.Name)
			if err != nil || found == nil {
				return nil, action.Classify(err)
			}
			return i.foundProject(*found, made), nil
		},
		Delete: func(ctx context.Context, project argocd.Project) error {
			return i.remove(ctx, "the project "+made.Name, i.DeleteProject(ctx, project), func(ctx context.Context) (bool, error) {
				left, err := i.Project(ctx, made.Name)
				return left == nil || left.Metadata.UID != project.Metadata.UID, err
			})
		},
		Used: func(ctx context.Context, _ action.Effect, project argocd.Project) (string, error) {
			if !fits(project, made) {
				return "its repositories or destinations were changed", nil
			}
			return i.otherApplications(ctx, made.Name)
		},
	}
}

// otherApplications names an application of a project; those of the run are deleted before.
func (i *instance) otherApplications(ctx context.Context, project string) (string, error) {
	listed, err := i.Applications(ctx, argocd.Selection{Project: project})
	if err != nil || len(listed) == 0 {
		return "", action.Classify(err)
	}
	return "the application " + listed[0].Metadata.Name + " is in it", nil
}

// applicationSpec describes the application to package resource, for creating it.
func (d *deployment) applicationSpec() resource.Spec[argocd.Application] {
	made := d.applicationRecord()
	spec := d.applicationThing(made)
	spec.Intent = action.Intent{Kind: applicationKind, Name: d.name() + "/" + made.Name, Data: made}
	spec.Create = func(ctx context.Context, effect action.Effect) (*resource.Found[argocd.Application], error) {
		d.call.Log.Info("Creating the application %s on %s", made.Name, d.name())
		wanted := argocd.Application{Metadata: d.metadata(made.Name, map[string]string{nameLabel: d.input.LabelValue}, effect),
			Spec: argocd.ApplicationSpec{Destination: argocd.Destination{Namespace: made.Namespace, Server: argocd.InCluster}, Project: made.Project,
				RevisionHistoryLimit: 10, Source: argocd.Source{Path: made.Path, RepoURL: made.RepoURL}, SyncPolicy: syncPolicy}}
		created, err := d.CreateApplication(ctx, wanted)
		if err != nil {
			return nil, createFailed(err)
		}
		return d.foundApplication(created, made), nil
	}
	return spec
}

// createFailed says in Backstage's words that an application was refused.
func createFailed(cause error) error {
	err := action.Classify(cause)
	failure, is := errors.AsType[*argocd.InstanceError](cause)
	if !is || failure.Said == "" || failure.Transient {
		return err
	}
	said := action.Final(fault.Wrap(failure.Kind, cause, "Error creating argo app: %s", failure.Said))
	return refused(action.Advise(said, "%s", failure.Next))
}

func (i *instance) foundApplication(application argocd.Application, made record) *resource.Found[argocd.Application] {
	return &resource.Found[argocd.Application]{Thing: application, ID: application.Metadata.UID, URL: i.Instance().Page("", made.Name),
		MadeFor: func(effect action.Effect) bool {
			return i.isMadeFor(effect, application.Metadata, changeOf(application, made) == "")
		}}
}

// changeOf says what differs from the application that was created.
func changeOf(application argocd.Application, made record) string {
	spec := application.Spec
	switch {
	case spec.Source != argocd.Source{Path: made.Path, RepoURL: made.RepoURL} || len(spec.Sources) > 0:
		return "its source was changed"
	case spec.Destination.Namespace != made.Namespace || spec.Destination.Server != argocd.InCluster:
		return "its destination was changed"
	case spec.Project != made.Project:
		return "it was moved to the project " + spec.Project
	}
	return ""
}

// applicationThing describes the application to package resource, for finding and deleting it.
func (i *instance) applicationThing(made record) resource.Spec[argocd.Application] {
	return resource.Spec[argocd.Application]{
		Title: fmt.Sprintf("the application %s on Argo CD %s", made.Name, i.name()),
		Find: func(ctx context.Context, _ action.Effect) (*resource.Found[argocd.Application], error) {
			found, err := i.Application(ctx, made.Project, made.Name)
			if err != nil || found == nil {
				return nil, action.Classify(err)
			}
			return i.foundApplication(*found, made), nil
		},
		Delete: func(ctx context.Context, application argocd.Application) error {
			return i.remove(ctx, "the application "+made.Name, i.DeleteApplication(ctx, application), func(ctx context.Context) (bool, error) {
				left, err := i.Application(ctx, made.Project, made.Name)
				return left == nil || left.Metadata.UID != application.Metadata.UID, err
			})
		},
		Used: func(_ context.Context, _ action.Effect, application argocd.Application) (string, error) {
			return changeOf(application, made), nil
		},
	}
}

// remove waits until something is gone whose deletion was asked for: Argo CD deletes what was deployed first, and a
// project cannot be deleted before its applications are.
func (i *instance) remove(ctx context.Context, title string, asked error, isGone func(context.Context) (bool, error)) error {
	if fault.KindOf(asked) == fault.NotFound {
		return resource.ErrNotExist
	}
	if asked != nil {
		return action.Classify(asked)
	}
	bounded, cancel := context.WithTimeout(ctx, i.options.DeleteWithin)
	defer cancel()
	for {
		gone, err := isGone(bounded)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case bounded.Err() != nil:
			return action.Advise(action.Transient(errors.New(title+" is still being deleted by Argo CD"), 0),
				"Look at Argo CD %s for what cannot be deleted, then roll the run back again.", i.name())
		case err != nil || gone:
			return action.Classify(err)
		}
		select {
		case <-bounded.Done():
		case <-time.After(i.options.Interval):
		}
	}
}
