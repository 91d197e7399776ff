package kubernetes

import (
	"context"
	_ "embed"
	"encoding/json"
	"slices"

	"github.com/portico-dev/portico/scaffolder/action"
)

var (
	//go:embed schema/apply.input.json
	applyInputSchema []byte
	//go:embed schema/apply-cnoe.input.json
	cnoeInputSchema []byte
	//go:embed schema/apply-kube.input.json
	kubeInputSchema []byte
	//go:embed schema/deploy.input.json
	deployInputSchema []byte
	//go:embed schema/apply.output.json
	applyOutputSchema []byte
)

// form is one of the ids under which objects are applied. They differ in their inputs only.
type form struct {
	id, description string
	schema          json.RawMessage
	examples        []action.Example
	// waits says that the step waits until the objects are ready, unless it says otherwise.
	waits       bool
	differences []string
}

// apply is kubernetes:apply and its other names.
type apply struct {
	Options

	form form
}

// applyInput is the input of all forms.
type applyInput struct {
	target
	manifests

	Namespace string `json:"namespace"`
	// Existing says whether a Namespace may exist already: "refuse" or "update".
	Existing       string `json:"existing"`
	Force          bool   `json:"force"`
	Wait           *bool  `json:"wait"`
	TimeoutSeconds int    `json:"timeoutSeconds"`
}

// Describe lists the action.
func (a *apply) Describe() action.Description {
	return action.Description{
		ID: a.form.id, Description: a.form.description, Examples: a.form.examples, InputSchema: a.form.schema, OutputSchema: applyOutputSchema,
		UsesWorkspace: true,
		Undoes: "Deletes the objects that it created and takes back what it changed, unless somebody else has changed or used them since. " +
			"A namespace that contains objects of others stays.",
		Needs: []string{"A cluster in `kubernetes.clusterLocatorMethods`, with credentials that may get, create, patch and delete the objects; " +
			"the rollback of a namespace also lists what is in it."},
		Differences: a.form.differences,
	}
}

// NeedsWorkspace says that the manifests are files.
func (*apply) NeedsWorkspace(call *action.Call) bool {
	var input applyInput
	return call.Decode(&input) == nil && input.usesFiles()
}

// prepare reads the input, and finds out where the objects are in the cluster. It changes nothing.
func (a *apply) prepare(ctx context.Context, call *action.Call) (*application, applyInput, []item, error) {
	var input applyInput
	if err := call.Decode(&input); err != nil {
		return nil, input, nil, err
	}
	objects, err := input.read(call.Workspace)
	if err != nil {
		return nil, input, nil, err
	}
	client, err := a.connect(ctx, call, input.target)
	if err != nil {
		return nil, input, nil, err
	}
	items, err := locate(ctx, client, objects, input.Namespace)
	if err != nil {
		return nil, input, nil, err
	}
	doing := &application{Options: a.Options, call: call, client: client, place: placeOf(client, call, input.token()), force: input.Force,
		update: input.Existing == "update", timeout: timeoutOf(input.TimeoutSeconds)}
	return doing, input, items, nil
}

// Run applies the objects in stages, and looks whether they are ready. It is called again until they are: what it has
// applied by then it does not apply again.
func (a *apply) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	doing, input, items, err := a.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	if err := doing.begin(ctx); err != nil {
		return nil, err
	}
	waits := a.form.waits
	if input.Wait != nil {
		waits = *input.Wait
	}
	for _, stage := range stages(items) {
		if err := doing.putAll(ctx, stage); err != nil {
			return nil, err
		}
	}
	if waits {
		seen, err := doing.ready(ctx, doing.records(items))
		if err != nil {
			return nil, err
		}
		doing.tell(seen)
	}
	return outputOf(doing, input.Namespace, items), nil
}

// putAll applies a stage. What others of the step need is waited for.
func (a *application) putAll(ctx context.Context, stage []item) error {
	for _, each := range stage {
		if err := a.put(ctx, each); err != nil {
			return err
		}
	}
	basis := slices.DeleteFunc(slices.Clone(stage), func(each item) bool { return !isBasis(each.object.GetKind()) })
	_, err := a.ready(ctx, a.records(basis))
	return err
}

// tell logs what is ready, but for what has nothing to say about that.
func (a *application) tell(seen []sight) {
	for _, each := range seen {
		if each.why != isThere {
			a.call.Log.Info("%s is ready: %s", each.title, each.why)
		}
	}
}

func (a *application) records(items []item) []*record {
	kept := make([]*record, len(items))
	for n, each := range items {
		kept[n] = newRecord(a.place, each)
	}
	return kept
}

func outputOf(doing *application, namespace string, items []item) action.Output {
	resources := make([]map[string]any, len(items))
	for n, each := range items {
		object := each.object
		resources[n] = map[string]any{"apiVersion": object.GetAPIVersion(), "kind": object.GetKind(), "name": object.GetName()}
		if object.GetNamespace() != "" {
			resources[n]["namespace"] = object.GetNamespace()
		}
		if namespace == "" {
			namespace = object.GetNamespace()
		}
		if namespace == "" && object.GetKind() == "Namespace" {
			namespace = object.GetName()
		}
	}
	output := action.Output{"resources": resources, "clusterName": doing.client.Cluster.Name}
	if namespace != "" {
		output["namespace"] = namespace
	}
	return output
}

// Undo removes or takes back one object.
func (a *apply) Undo(ctx context.Context, call *action.UndoCall) error { return a.undo(ctx, call) }
