package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	clusters "github.com/portico-dev/portico/integration/kubernetes"
	"github.com/portico-dev/portico/scaffolder/action"
)

// The kinds of effects: an object that the run created, a change that it made to another, and a deletion.
const (
	objectKind   = "kubernetes:object"
	changeKind   = "kubernetes:change"
	deletionKind = "kubernetes:deletion"
)

// record is what the ledger keeps about an effect, so that it can be undone.
type record struct {
	place

	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Resource is the kind's name in URLs.
	Resource  string `json:"resource"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// Fields are those that were applied, without their values.
	Fields *metav1.FieldsV1 `json:"fields,omitempty"`
	// Previous is what portico had applied before, and what else a change has replaced. It is sealed.
	Previous []byte `json:"previous,omitempty"`
	// UID is the server's identifier of the object that a deletion is about: another of its name is not meant.
	UID types.UID `json:"uid,omitempty"`
	// Began is when the step began that applied the object: see Call.StartedAt. It is zero outside a run.
	Began time.Time `json:"began,omitzero"`
}

func recordOf(effect action.Effect) (record, error) {
	var kept record
	if err := json.Unmarshal(effect.Data, &kept); err != nil || kept.Resource == "" || kept.Name == "" {
		return record{}, action.Final(fmt.Errorf("effect %s %q: its record does not say which object it is", effect.ID, effect.Name))
	}
	return kept, nil
}

func newRecord(at place, each item) *record {
	object := each.object
	return &record{place: at, APIVersion: object.GetAPIVersion(), Kind: object.GetKind(), Resource: each.resource.Resource,
		Namespace: object.GetNamespace(), Name: object.GetName()}
}

// identity is an object with the record's names, and nothing else.
func (r *record) identity() *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetAPIVersion(r.APIVersion)
	object.SetKind(r.Kind)
	object.SetNamespace(r.Namespace)
	object.SetName(r.Name)
	return object
}

func (r *record) title() string { return titleOf(r.identity()) }

func (r *record) resource() schema.GroupVersionResource {
	return r.identity().GroupVersionKind().GroupVersion().WithResource(r.Resource)
}

// get returns the object, nil when there is none.
func (r *record) get(ctx context.Context, client *clusters.Client) (*unstructured.Unstructured, error) {
	found, err := client.Objects(r.resource(), r.Namespace).Get(ctx, r.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, action.Classify(client.Explain(ctx, err, "looking for "+r.title()))
	}
	return found, nil
}
