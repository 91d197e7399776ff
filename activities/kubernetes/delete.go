package kubernetes

import (
	"context"
	_ "embed"
	"encoding/json"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/portico-dev/portico/scaffolder/action"
)

var (
	//go:embed schema/delete.input.json
	deleteInputSchema []byte
	//go:embed schema/delete-kube.input.json
	deleteKubeInputSchema []byte
)

// deletion is one of the ids under which objects are deleted.
type deletion struct {
	id       string
	schema   json.RawMessage
	examples []action.Example
	// strict says that an object that is not there fails the step, unless the step says otherwise.
	strict bool
	// loose says that the namespace means nothing for an object of the whole cluster.
	loose bool
}

var (
	deleteKubernetes = deletion{id: "kubernetes:delete", schema: deleteInputSchema, examples: []action.Example{
		{Description: "Delete one object", Example: `steps:
  - id: remove
    name: Remove the old configuration
    action: kubernetes:delete
    input:
      clusterName: dev
      apiVersion: v1
      kind: ConfigMap
      namespace: shop
      name: settings
`},
		{Description: "Delete what a manifest of the workspace lists", Example: `steps:
  - id: remove
    name: Remove the preview
    action: kubernetes:delete
    input:
      clusterName: dev
      namespace: preview
      manifestPath: deploy/preview.yaml
      timeoutSeconds: 120
`},
	}}
	deleteKube = deletion{id: "kube:delete", schema: deleteKubeInputSchema, strict: true, loose: true, examples: []action.Example{
		{Description: "Delete one object", Example: `steps:
  - id: remove
    name: Remove the claim
    action: kube:delete
    input:
      apiVersion: example.org/v1
      kind: Database
      namespace: shop
      name: orders
`},
		{Description: "Delete an object in one of several clusters", Example: `steps:
  - id: remove
    name: Remove the job
    action: kube:delete
    input:
      clusterName: dev
      apiVersion: batch/v1
      kind: Job
      name: import
`},
	}}
)

// deleteAction is kubernetes:delete and kube:delete.
type deleteAction struct {
	Options

	form deletion
}

// deleteInput is the input of both forms: an object by its names, or manifests.
type deleteInput struct {
	target
	manifests

	APIVersion     string `json:"apiVersion"`
	Kind           string `json:"kind"`
	Name           string `json:"name"`
	Namespace      string `json:"namespace"`
	IgnoreMissing  *bool  `json:"ignoreMissing"`
	TimeoutSeconds int    `json:"timeoutSeconds"`
}

// Describe lists the action.
func (a *deleteAction) Describe() action.Description {
	return action.Description{
		ID: a.form.id, Description: "Deletes objects in a Kubernetes cluster, and waits until they are gone", InputSchema: a.form.schema, Examples: a.form.examples,
		UsesWorkspace: true, Undoes: "Brings nothing back: it says what the step has deleted.",
		Needs: []string{"A cluster in `kubernetes.clusterLocatorMethods`, with credentials that may get and delete the objects."},
	}
}

// NeedsWorkspace says that the manifests are files.
func (*deleteAction) NeedsWorkspace(call *action.Call) bool {
	var input deleteInput
	return call.Decode(&input) == nil && input.usesFiles()
}

// objects are what is to be deleted.
func (i deleteInput) objects(call *action.Call) ([]*unstructured.Unstructured, error) {
	if i.Kind == "" {
		return i.read(call.Workspace)
	}
	if i.APIVersion == "" || i.Name == "" {
		return nil, action.InputError("An object is named by apiVersion, kind and name, and one of them is missing.")
	}
	object := (&record{APIVersion: i.APIVersion, Kind: i.Kind, Name: i.Name}).identity()
	return []*unstructured.Unstructured{object}, nil
}

func (a *deleteAction) prepare(ctx context.Context, call *action.Call) (deleteInput, *application, []item, error) {
	var input deleteInput
	if err := call.Decode(&input); err != nil {
		return input, nil, nil, err
	}
	objects, err := input.objects(call)
	if err != nil {
		return input, nil, nil, err
	}
	client, err := a.connect(ctx, call, input.target)
	if err != nil {
		return input, nil, nil, err
	}
	namespace := input.Namespace
	if a.form.loose {
		namespace = ""
		objects[0].SetNamespace(input.Namespace)
	}
	items, err := locate(ctx, client, objects, namespace)
	return input, &application{Options: a.Options, call: call, client: client, place: placeOf(client, call, input.token()),
		timeout: timeoutOf(input.TimeoutSeconds)}, items, err
}

// Run deletes the objects, the last first, and looks whether they are gone. It is called again until they are.
func (a *deleteAction) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	input, doing, items, err := a.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	if err := doing.begin(ctx); err != nil {
		return nil, err
	}
	strict := a.form.strict
	if input.IgnoreMissing != nil {
		strict = !*input.IgnoreMissing
	}
	var said []string
	for _, stage := range slices.Backward(stages(items)) {
		for _, each := range slices.Backward(stage) {
			line, err := doing.delete(ctx, each, strict)
			if err != nil {
				return nil, err
			}
			said = append(said, line)
		}
	}
	for _, line := range said {
		call.Log.Info("%s", line)
	}
	return nil, nil
}

// Plan says which of the objects are there.
func (a *deleteAction) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	_, doing, items, err := a.prepare(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	var plan action.Plan
	lines := []string{"delete in the cluster " + doing.client.Cluster.Name + ":"}
	for _, each := range items {
		live, err := newRecord(doing.place, each).get(ctx, doing.client)
		if err != nil {
			return action.Plan{}, err
		}
		line := "- " + each.title()
		if live == nil {
			line += " (not there)"
		} else {
			plan.Creates = append(plan.Creates, action.PlannedEffect{Kind: deletionKind, Name: each.title()})
		}
		lines = append(lines, line)
	}
	plan.Summary = strings.Join(lines, "\n")
	return plan, nil
}
