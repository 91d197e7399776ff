// Package argocd knows the instances of Argo CD of the section argocd of the configuration, and reaches them: by their
// REST API, or through the custom resources behind it, in the cluster in which they run. It says in words for people
// what went wrong. It has no rules about what is done there: the actions are in activities/argocd, and what the page of
// an entity shows is in the package applications below.
package argocd

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/internal/cache"
	"github.com/portico-dev/portico/integration/kubernetes"
)

// Instance is an entry of argocd.appLocatorMethods[].instances.
type Instance struct {
	Name string
	// URL is the address, without a slash at its end: of the REST API, and of the pages that people see. An instance
	// with a Cluster may have none.
	URL string
	// Token is that of an account; without one, Username and Password sign in.
	Token, Username, Password string
	// Cluster is the Kubernetes cluster of the configuration in whose Namespace the custom resources of the instance
	// are. Without one, the instance is reached by its REST API.
	Cluster, Namespace string
}

// Page is where people see an application, "" for an instance without an address. The namespace is that of the
// application's resource; "" is the instance's own.
func (i Instance) Page(namespace, application string) string {
	if i.URL == "" {
		return ""
	}
	page := i.URL + "/applications/"
	if namespace != "" {
		page += url.PathEscape(namespace) + "/"
	}
	return page + url.PathEscape(application)
}

// Options are the dependencies of a Set.
type Options struct {
	Instances []Instance
	// Transport carries the requests to REST APIs.
	Transport http.RoundTripper
	// Clusters has the clusters of the instances that have one.
	Clusters *kubernetes.Set
}

// Set is the instances that are known. A nil Set has none. It is safe for concurrent use.
type Set struct {
	instances []Instance
	clusters  *kubernetes.Set
	http      *http.Client
	// sessions are the tokens of users, by instance.
	sessions cache.Cache[string]
}

// defaultNamespace is where Argo CD is installed unless somebody decides otherwise.
const defaultNamespace = "argocd"

// New checks the configuration. It connects to nothing.
func New(options Options) (*Set, error) {
	s := &Set{clusters: options.Clusters, http: &http.Client{Transport: options.Transport,
		// The API has no redirects, and the token must not go elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	for _, instance := range options.Instances {
		if instance.URL == "" && instance.Cluster == "" {
			return nil, fmt.Errorf("argocd.appLocatorMethods: the instance %q has neither a url nor a cluster", instance.Name)
		}
		if instance.Cluster != "" {
			if _, err := options.Clusters.Configured(instance.Cluster); err != nil {
				return nil, fmt.Errorf("argocd.appLocatorMethods: the instance %q: %w", instance.Name, err)
			}
			if instance.Namespace == "" {
				instance.Namespace = defaultNamespace
			}
		}
		s.instances = append(s.instances, instance)
	}
	return s, nil
}

// Names are the names of the instances, in the order of the configuration.
func (s *Set) Names() []string {
	if s == nil {
		return nil
	}
	names := make([]string, len(s.instances))
	for n, instance := range s.instances {
		names[n] = instance.Name
	}
	return names
}

// Connect returns a client for an instance. It makes no request. That there is no such instance, or that there are no
// credentials for its cluster, is an *InstanceError.
func (s *Set) Connect(name string) (Client, error) {
	at := slices.Index(s.Names(), name)
	if at < 0 {
		return nil, &InstanceError{Message: fmt.Sprintf("Unable to find Argo instance named '%s'", name),
			Next: "Correct the name in the template, or add the instance to argocd.appLocatorMethods."}
	}
	instance := s.instances[at]
	if instance.Cluster == "" {
		return &server{instance, s}, nil
	}
	found, err := s.clusters.Configured(instance.Cluster)
	if err != nil {
		return nil, asInstanceError(err)
	}
	client, err := s.clusters.Connect(found, kubernetes.Access{})
	if err != nil {
		return nil, asInstanceError(err)
	}
	return &cluster{instance, client}, nil
}

// Client asks one instance. Errors are *InstanceError; what they say begins with what was done.
type Client interface {
	// Instance is the instance that is asked.
	Instance() Instance
	// KeepsMarks says that what is created may have labels and annotations besides those of Backstage. By the REST API
	// it is created as Backstage does.
	KeepsMarks() bool
	// Project returns a project, nil when there is none.
	Project(ctx context.Context, name string) (*Project, error)
	// CreateProject creates a project. That there is another one of its name is a fault of kind Conflict.
	CreateProject(ctx context.Context, wanted Project) (Project, error)
	// DeleteProject asks for the deletion of a project. That there is none is a fault of kind NotFound.
	DeleteProject(ctx context.Context, project Project) error
	// Application returns an application of a project, nil when there is none.
	Application(ctx context.Context, project, name string) (*Application, error)
	// Applications returns those that are selected, in the instance's order.
	Applications(ctx context.Context, selected Selection) ([]Application, error)
	// CreateApplication creates an application. That there is another one of its name is a fault of kind Conflict.
	CreateApplication(ctx context.Context, wanted Application) (Application, error)
	// DeleteApplication asks for the deletion of an application with what it has deployed. That there is none is a
	// fault of kind NotFound.
	DeleteApplication(ctx context.Context, application Application) error
}

// Selection says which applications are meant. Everything that is not "" has to fit; the zero value is all of them.
type Selection struct {
	Name, Project string
	// Selector is about the labels, in Kubernetes' form: "app=shop,tier!=test".
	Selector string
	// Namespace is the namespace of the applications' resources; "" is the instance's own, and by the REST API all that
	// the account sees.
	Namespace string
}

// InstanceError is what went wrong with an instance, in words for people.
type InstanceError struct {
	// Kind is "" for a name that no instance has, as Backstage's error has none.
	Kind fault.Kind
	// Message says what happened, Said what Argo CD has said, and Next what to do.
	Message, Said, Next string
	// Transient failures may pass, not before RetryAfter.
	Transient  bool
	RetryAfter time.Duration
	// Err is the cause; nil when the instance was not asked.
	Err error
}

func (e *InstanceError) Error() string { return e.Message }

// Unwrap returns the fault of the error's kind, and the cause.
func (e *InstanceError) Unwrap() []error {
	var causes []error
	if e.Kind != "" {
		causes = append(causes, fault.New(e.Kind, "%s", e.Message))
	}
	if e.Err != nil {
		causes = append(causes, e.Err)
	}
	return causes
}

// MayPass says whether the same may succeed later, and not before when.
func (e *InstanceError) MayPass() (after time.Duration, may bool) { return e.RetryAfter, e.Transient }

// Advice says what to do, "" when there is nothing to add.
func (e *InstanceError) Advice() string { return e.Next }
