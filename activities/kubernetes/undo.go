package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/portico-dev/portico/fault"
	clusters "github.com/portico-dev/portico/integration/kubernetes"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// deletionTimeout is how long a rollback waits until a deleted object is gone. Its finalizers may take longer: then
// the rollback looks again.
const deletionTimeout = 2 * time.Minute

// undo removes what an effect created, or takes back what it changed.
func (o Options) undo(ctx context.Context, call *action.UndoCall) error {
	kept, err := recordOf(call.Effect)
	if err != nil {
		return err
	}
	client, err := o.reconnect(ctx, call.Starter, call.Secrets, kept.place)
	if err != nil {
		return err
	}
	undoing := undoing{o, &kept, client, call}
	if call.Effect.Kind == changeKind {
		spec := kept.changeSpec(client)
		spec.Used, spec.Delete = undoing.overtaken, undoing.restore
		return resource.Remove(ctx, call, spec)
	}
	spec := kept.spec(client)
	spec.Used, spec.Delete = undoing.useOf, undoing.remove
	return resource.Remove(ctx, call, spec)
}

// spec describes an object that a run creates.
func (r *record) spec(client *clusters.Client) resource.Spec[*unstructured.Unstructured] {
	return resource.Spec[*unstructured.Unstructured]{
		Title: fmt.Sprintf("the %s in %s", r.title(), client.Cluster.Name),
		Find: func(ctx context.Context, _ action.Effect) (*resource.Found[*unstructured.Unstructured], error) {
			live, err := r.get(ctx, client)
			if err != nil || live == nil {
				return nil, err
			}
			return found(live), nil
		},
	}
}

// changeSpec describes a change of an object. It is there for as long as the object carries its mark.
func (r *record) changeSpec(client *clusters.Client) resource.Spec[*unstructured.Unstructured] {
	return resource.Spec[*unstructured.Unstructured]{
		Title: fmt.Sprintf("the change of %s in %s", r.title(), client.Cluster.Name),
		Find: func(ctx context.Context, effect action.Effect) (*resource.Found[*unstructured.Unstructured], error) {
			live, err := r.get(ctx, client)
			if err != nil || live == nil || live.GetAnnotations()[effectAnnotation] != effect.ID {
				return nil, err
			}
			return found(live), nil
		},
	}
}

// undoing is one undo of an effect.
type undoing struct {
	Options

	*record

	client *clusters.Client
	call   *action.UndoCall
}

// useOf says what others have done with an object that the run created, "" when nothing.
func (u undoing) useOf(ctx context.Context, _ action.Effect, live *unstructured.Unstructured) (string, error) {
	if run := live.GetLabels()[runLabel]; run != "" && run != clusters.LabelValue(u.call.RunID) {
		return fmt.Sprintf("the run %s has applied it since", run), nil
	}
	if use := u.takenFields(live); use != "" {
		return use, nil
	}
	switch {
	case u.Kind == "Namespace":
		return u.contentOf(ctx, live.GetName())
	case u.Kind == "CustomResourceDefinition":
		return u.instancesOf(ctx, live)
	}
	return "", nil
}

// takenFields says who else has changed the object.
func (u undoing) takenFields(live *unstructured.Unstructured) string {
	ours := fieldsOf(applied(live)).paths()
	for _, path := range fieldsOf(u.Fields).paths() {
		if !slices.Contains(ours, path) && !strings.HasPrefix(path, ".metadata.annotations."+effectAnnotation) {
			return fmt.Sprintf("%s has changed %s", ownerOf(live, path), path)
		}
	}
	if !isBuiltIn(u.identity().GroupVersionKind().Group) {
		return "" // its controller completes it
	}
	for _, entry := range live.GetManagedFields() {
		if isOurs(entry.Manager) || entry.Subresource != "" || isController(entry.Manager) {
			continue
		}
		for _, path := range fieldsOf(entry.FieldsV1).paths() {
			if !slices.Contains(ours, path) && !strings.HasPrefix(path, ".status") && !strings.HasPrefix(path, ".metadata.finalizers") {
				return fmt.Sprintf("%s has set %s", entry.Manager, path)
			}
		}
	}
	return ""
}

// ownerOf is who manages a field now.
func ownerOf(live *unstructured.Unstructured, path string) string {
	for _, entry := range live.GetManagedFields() {
		if slices.Contains(fieldsOf(entry.FieldsV1).paths(), path) {
			return entry.Manager
		}
	}
	return "somebody"
}

// isBuiltIn says that the objects of a group are completed by Kubernetes itself only.
func isBuiltIn(group string) bool {
	return !strings.Contains(group, ".") || strings.HasSuffix(group, ".k8s.io")
}

// isOurs says that a manager is a run: see creatorFor.
func isOurs(name string) bool { return name == manager || strings.HasPrefix(name, manager+"-") }

// isController says that a manager is a part of Kubernetes.
func isController(name string) bool {
	return strings.HasPrefix(name, "kube-") || name == "kubelet" || name == "cloud-controller-manager"
}

// contentOf says what others have put into a namespace, "" when only the run and Kubernetes itself have.
func (u undoing) contentOf(ctx context.Context, namespace string) (string, error) {
	resources, err := u.client.NamespacedResources(ctx)
	if err != nil {
		return "", action.Classify(u.client.Explain(ctx, err, "listing the kinds of objects"))
	}
	for _, each := range resources {
		if each.Resource == "events" || each.Resource == "endpoints" || each.Resource == "endpointslices" || each.Resource == "leases" {
			continue // they follow from others
		}
		foreign, err := u.foreign(ctx, each, namespace)
		if err != nil {
			return "", action.Classify(u.client.Explain(ctx, err, fmt.Sprintf("listing %s of the namespace %s", each.Resource, namespace)))
		}
		if foreign != nil {
			return "it contains " + titleOf(foreign), nil
		}
	}
	return "", nil
}

// foreign returns an object of a kind that others have made, nil when there is none.
func (u undoing) foreign(ctx context.Context, kind schema.GroupVersionResource, namespace string) (*unstructured.Unstructured, error) {
	options := metav1.ListOptions{Limit: 200, LabelSelector: runLabel + "!=" + clusters.LabelValue(u.call.RunID)}
	for {
		listed, err := u.client.Objects(kind, namespace).List(ctx, options)
		if err != nil {
			return nil, err
		}
		for _, object := range listed.Items {
			if !u.isOwn(&object) {
				return &object, nil
			}
		}
		if options.Continue = listed.GetContinue(); options.Continue == "" {
			return nil, nil
		}
	}
}

// isOwn says that an object is of this run, follows from others, or is in every namespace.
func (u undoing) isOwn(object *unstructured.Unstructured) bool {
	return len(object.GetOwnerReferences()) > 0 || object.GetDeletionTimestamp() != nil ||
		object.GetKind() == "ConfigMap" && object.GetName() == "kube-root-ca.crt" ||
		object.GetKind() == "ServiceAccount" && object.GetName() == "default" ||
		object.GetKind() == "Secret" && object.Object["type"] == "kubernetes.io/service-account-token"
}

// instancesOf says which objects of a kind others have made, "" when there are none. They would go with its definition.
func (u undoing) instancesOf(ctx context.Context, definition *unstructured.Unstructured) (string, error) {
	group, _, _ := unstructured.NestedString(definition.Object, "spec", "group")
	plural, _, _ := unstructured.NestedString(definition.Object, "spec", "names", "plural")
	versions, _, _ := unstructured.NestedSlice(definition.Object, "spec", "versions")
	for _, version := range versions {
		described, _ := version.(map[string]any)
		name, _ := described["name"].(string)
		if served, _ := described["served"].(bool); !served {
			continue
		}
		kind := (&record{APIVersion: group + "/" + name, Resource: plural}).resource()
		foreign, err := u.foreign(ctx, kind, "")
		if err != nil && !apierrors.IsNotFound(err) {
			return "", action.Classify(u.client.Explain(ctx, err, "listing "+plural))
		}
		if foreign != nil {
			return "there is " + titleOf(foreign), nil
		}
		return "", nil
	}
	return "", nil
}

// remove deletes an object in the state that was looked at, and waits until it is gone.
func (u undoing) remove(ctx context.Context, live *unstructured.Unstructured) error {
	if live.GetDeletionTimestamp() == nil {
		uid, version := live.GetUID(), live.GetResourceVersion()
		err := u.client.Objects(u.resource(), u.Namespace).Delete(ctx, u.Name, metav1.DeleteOptions{PropagationPolicy: new(metav1.DeletePropagationBackground),
			Preconditions: &metav1.Preconditions{UID: &uid, ResourceVersion: &version}})
		switch {
		case apierrors.IsNotFound(err):
			return resource.ErrNotExist
		case err != nil:
			return action.Classify(u.client.Explain(ctx, err, "deleting "+u.title()))
		}
	}
	return u.gone(ctx, live)
}

// gone waits until a deleted object is gone.
func (u undoing) gone(ctx context.Context, deleted *unstructured.Unstructured) error {
	var left *unstructured.Unstructured
	err := u.until(ctx, deletionTimeout, func() (bool, error) {
		var err error
		left, err = u.get(ctx, u.client)
		return err != nil || left == nil || left.GetUID() != deleted.GetUID(), err
	})
	if err != nil || left == nil || left.GetUID() != deleted.GetUID() {
		return err
	}
	return action.Advise(action.Transient(fmt.Errorf("%s in %s is being deleted: %s", u.title(), u.client.Cluster.Name, obstacle(left)), 0),
		"Look whether what removes the finalizers runs in the cluster, then try again.")
}

// overtaken says what others have done with an object since the run changed it, so that the change cannot be taken back.
func (u undoing) overtaken(ctx context.Context, effect action.Effect, live *unstructured.Unstructured) (string, error) {
	if effect.ExternalID != "" && string(live.GetUID()) != effect.ExternalID {
		return "it was deleted and made again", nil
	}
	if len(fieldsOf(u.Fields)) > 0 {
		ours := fieldsOf(applied(live)).paths()
		for _, path := range fieldsOf(u.Fields).paths() {
			if !slices.Contains(ours, path) {
				return fmt.Sprintf("%s has changed %s", ownerOf(live, path), path), nil
			}
		}
	}
	err := u.applyPrevious(ctx, true)
	if failure, is := errors.AsType[*clusters.ClusterError](err); is && len(failure.Conflicts) > 0 {
		return fmt.Sprintf("%s has changed %s", failure.Conflicts[0].Manager, failure.Conflicts[0].Field), nil
	}
	return "", err
}

// restore takes a change back: it applies what portico had applied before.
func (u undoing) restore(ctx context.Context, _ *unstructured.Unstructured) error {
	return u.applyPrevious(ctx, false)
}

func (u undoing) applyPrevious(ctx context.Context, dryRun bool) error {
	encoded, err := u.Keys.Open(u.Previous, sealedFor(u.call.RunID))
	if err != nil {
		return action.Advise(action.Refuse(fault.Conflict, fmt.Errorf("what %s was before the run changed it cannot be read: %w", u.title(), err)),
			"Add the encryption key of that time to portico.encryption.keys, then roll the run back again.")
	}
	previous := &unstructured.Unstructured{}
	if err := json.Unmarshal(encoded, &previous.Object); err != nil {
		return action.Final(fmt.Errorf("what %s was before: %w", u.title(), err))
	}
	_, _, err = u.client.Apply(ctx, u.resource(), previous, clusters.ApplyOptions{Manager: manager, DryRun: dryRun})
	return action.Classify(u.client.Explain(ctx, err, "taking back the change of "+u.title()))
}
