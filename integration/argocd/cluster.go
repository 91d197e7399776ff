package argocd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/kubernetes"
)

// version is the version of Argo CD's custom resources.
var version = schema.GroupVersion{Group: "argoproj.io", Version: "v1alpha1"}

// resourceKind is a kind of Argo CD's custom resources, and the word for it in messages.
type resourceKind struct{ kind, plural, word string }

var (
	projectKind     = resourceKind{"AppProject", "appprojects", "project"}
	applicationKind = resourceKind{"Application", "applications", "application"}
)

func (k resourceKind) resource() schema.GroupVersionResource { return version.WithResource(k.plural) }

// cluster asks an instance through the API server of the cluster in which it runs. Argo CD's own server is not asked, so
// neither its accounts nor its checks count: what it would refuse becomes a condition of the application.
type cluster struct {
	instance Instance
	client   *kubernetes.Client
}

// Instance implements Client.
func (c *cluster) Instance() Instance { return c.instance }

// KeepsMarks implements Client.
func (*cluster) KeepsMarks() bool { return true }

// Project implements Client.
func (c *cluster) Project(ctx context.Context, name string) (*Project, error) {
	return get[Project](ctx, c, projectKind, name)
}

// CreateProject implements Client.
func (c *cluster) CreateProject(ctx context.Context, wanted Project) (Project, error) {
	return create(ctx, c, projectKind, wanted.Metadata.Name, wanted)
}

// DeleteProject implements Client.
func (c *cluster) DeleteProject(ctx context.Context, project Project) error {
	return c.delete(ctx, projectKind, project.Metadata)
}

// Application implements Client. One of another project is returned too, for its names are one to a namespace.
func (c *cluster) Application(ctx context.Context, _, name string) (*Application, error) {
	return get[Application](ctx, c, applicationKind, name)
}

// pageSize is how many applications one request asks for, and maxListed how many are read at all.
const (
	pageSize  = 250
	maxListed = 5000
)

// Applications implements Client.
func (c *cluster) Applications(ctx context.Context, selected Selection) ([]Application, error) {
	options := metav1.ListOptions{LabelSelector: selected.Selector, Limit: pageSize}
	if selected.Name != "" {
		options.FieldSelector = metav1.ObjectNameField + "=" + selected.Name
	}
	namespace := selected.Namespace
	if namespace == "" {
		namespace = c.instance.Namespace
	}
	var all []Application
	for range maxListed / pageSize {
		listed, err := c.client.Objects(applicationKind.resource(), namespace).List(ctx, options)
		if err != nil {
			return nil, c.explain(ctx, err, "listing the applications")
		}
		for n := range listed.Items {
			each, err := decode[Application](&listed.Items[n])
			if err != nil {
				return nil, c.explain(ctx, err, "listing the applications")
			}
			if selected.Project == "" || each.Spec.Project == selected.Project {
				all = append(all, each)
			}
		}
		if options.Continue = listed.GetContinue(); options.Continue == "" {
			break
		}
	}
	return all, nil
}

// CreateApplication implements Client. As Argo CD's server does, it refuses an application of a project that does not
// exist.
func (c *cluster) CreateApplication(ctx context.Context, wanted Application) (Application, error) {
	project, err := c.Project(ctx, wanted.Spec.Project)
	if err != nil {
		return Application{}, err
	}
	if project == nil {
		said := fmt.Sprintf("application references project %s which does not exist", wanted.Spec.Project)
		return Application{}, &InstanceError{Kind: fault.Input, Said: said, Next: adviceOnInput,
			Message: fmt.Sprintf("creating the application %s on Argo CD %s: %s", wanted.Metadata.Name, c.instance.Name, said)}
	}
	return create(ctx, c, applicationKind, wanted.Metadata.Name, wanted)
}

// DeleteApplication implements Client. What it has deployed is deleted by the finalizer.
func (c *cluster) DeleteApplication(ctx context.Context, application Application) error {
	if err := c.cascade(ctx, application.Metadata); err != nil {
		return err
	}
	return c.delete(ctx, applicationKind, application.Metadata)
}

// cascade adds the finalizer to an application that has lost it.
func (c *cluster) cascade(ctx context.Context, of Metadata) error {
	if of.DeletionTimestamp != nil || slices.ContainsFunc(of.Finalizers, func(each string) bool { return strings.HasPrefix(each, Finalizer) }) {
		return nil
	}
	change, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": of.UID, "finalizers": append(slices.Clone(of.Finalizers), Finalizer)}})
	if err != nil {
		return err
	}
	_, err = c.objects(applicationKind).Patch(ctx, of.Name, types.MergePatchType, change, metav1.PatchOptions{FieldManager: kubernetes.Manager})
	return c.explain(ctx, err, "deleting the application "+of.Name)
}

func (c *cluster) objects(kind resourceKind) dynamic.ResourceInterface {
	return c.client.Objects(kind.resource(), c.instance.Namespace)
}

// get returns an object, nil when there is none.
func get[T any](ctx context.Context, c *cluster, kind resourceKind, name string) (*T, error) {
	found, err := c.objects(kind).Get(ctx, name, metav1.GetOptions{})
	if isGone(err) {
		return nil, nil
	}
	doing := fmt.Sprintf("looking for the %s %s", kind.word, name)
	if err != nil {
		return nil, c.explain(ctx, err, doing)
	}
	decoded, err := decode[T](found)
	return &decoded, c.explain(ctx, err, doing)
}

// isGone says that an object is not there. The answers for a kind or a namespace that the cluster does not have name no
// object of Argo CD.
func isGone(err error) bool {
	answered, is := errors.AsType[*apierrors.StatusError](err)
	return is && apierrors.IsNotFound(err) && answered.ErrStatus.Details != nil && answered.ErrStatus.Details.Group == version.Group
}

// create creates an object, in one request that fails if there is one of that name.
func create[T any](ctx context.Context, c *cluster, kind resourceKind, name string, wanted T) (T, error) {
	var none T
	doing := fmt.Sprintf("creating the %s %s", kind.word, name)
	object, err := encode(wanted)
	if err != nil {
		return none, c.explain(ctx, err, doing)
	}
	object.SetAPIVersion(version.String())
	object.SetKind(kind.kind)
	object.SetNamespace(c.instance.Namespace)
	created, err := c.objects(kind).Create(ctx, object, metav1.CreateOptions{FieldManager: kubernetes.Manager})
	if err != nil {
		return none, c.explain(ctx, err, doing)
	}
	made, err := decode[T](created)
	return made, c.explain(ctx, err, doing)
}

// delete asks for the deletion of an object, and of no later one of that name.
func (c *cluster) delete(ctx context.Context, kind resourceKind, of Metadata) error {
	uid := types.UID(of.UID)
	err := c.objects(kind).Delete(ctx, of.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
	return c.explain(ctx, err, fmt.Sprintf("deleting the %s %s", kind.word, of.Name))
}

// encode makes an object of what its JSON says.
func encode(object any) (*unstructured.Unstructured, error) {
	encoded, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	converted := &unstructured.Unstructured{}
	return converted, json.Unmarshal(encoded, &converted.Object)
}

// decode reads an object by its JSON.
func decode[T any](object *unstructured.Unstructured) (decoded T, err error) {
	encoded, err := json.Marshal(object.Object)
	if err != nil {
		return decoded, err
	}
	if err := json.Unmarshal(encoded, &decoded); err != nil {
		return decoded, &kubernetes.ClusterError{Kind: fault.BadGateway, Err: err,
			Message: fmt.Sprintf("the %s %s/%s is not as Argo CD defines it: %s", object.GetKind(), object.GetNamespace(), object.GetName(), err)}
	}
	return decoded, nil
}

// explain says what a failure means. Nil stays nil.
func (c *cluster) explain(ctx context.Context, err error, doing string) error {
	if err == nil {
		return nil
	}
	doing += " on Argo CD " + c.instance.Name
	if apierrors.IsNotFound(err) && !isGone(err) {
		return &InstanceError{Kind: fault.BadGateway, Err: err, Message: fmt.Sprintf("%s: the cluster %s has no Argo CD in the namespace %s", doing, c.instance.Cluster, c.instance.Namespace),
			Next: fmt.Sprintf("Install it there, or correct the cluster or the namespace of the instance '%s' in argocd.appLocatorMethods.", c.instance.Name)}
	}
	failure := asInstanceError(c.client.Explain(ctx, err, doing))
	if answered, is := errors.AsType[*apierrors.StatusError](err); is {
		failure.Said = answered.ErrStatus.Message
	}
	if failure.Kind == fault.Input {
		failure.Next = adviceOnInput
	}
	return failure
}

// asInstanceError converts the failure of a cluster.
func asInstanceError(err error) *InstanceError {
	failure := &InstanceError{Message: err.Error(), Err: err}
	if known, is := errors.AsType[*kubernetes.ClusterError](err); is {
		failure.Kind, failure.Next, failure.Transient, failure.RetryAfter = known.Kind, known.Next, known.Transient, known.RetryAfter
	}
	return failure
}
