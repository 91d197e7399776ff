package kubernetes

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/portico-dev/portico/fault"
	clusters "github.com/portico-dev/portico/integration/kubernetes"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

//go:embed schema/create-namespace.input.json
var createNamespaceInput []byte

// createNamespace is kubernetes:create-namespace.
type createNamespace struct{ Options }

// Describe lists the action with Backstage's schema.
func (*createNamespace) Describe() action.Description {
	return action.Description{
		ID: "kubernetes:create-namespace", Description: "Creates a namespace in a Kubernetes cluster", InputSchema: createNamespaceInput,
		Examples: []action.Example{
			{Description: "Create a namespace in a cluster of the catalog", Example: `steps:
  - id: namespace
    name: Create the namespace
    action: kubernetes:create-namespace
    input:
      namespace: ${{ parameters.name }}
      clusterRef: resource:default/dev
      token: ${{ secrets.clusterToken }}
`},
			{Description: "Create a labelled namespace in the cluster at an address of the configuration", Example: `steps:
  - id: namespace
    name: Create the namespace
    action: kubernetes:create-namespace
    input:
      namespace: shop
      url: https://dev.k8s.example.com
      token: ${{ secrets.clusterToken }}
      labels: team=shop;stage=dev
`},
		},
		Undoes: "Deletes the namespace, unless it contains objects that the run did not create.",
		Needs: []string{"A cluster in `kubernetes.clusterLocatorMethods` at the url, or that the entity of clusterRef describes.",
			"A token that may create namespaces. For the rollback: the same as a secret of the run, or credentials of the cluster in the configuration."},
		Differences: []string{
			"The url has to be that of a known cluster, so that no template leads a token elsewhere. How the cluster's certificate is checked is configured with it: caData and skipTLSVerify are accepted and have no effect.",
			"A namespace that exists fails the step, unless an earlier attempt of this step created it.",
		},
	}
}

// namespaceInput is the input of kubernetes:create-namespace.
type namespaceInput struct {
	target

	Namespace string `json:"namespace"`
	Labels    string `json:"labels"`
}

// prepare reads the input and connects.
func (a *createNamespace) prepare(ctx context.Context, call *action.Call) (namespaceInput, *clusters.Client, error) {
	var input namespaceInput
	if err := call.Decode(&input); err != nil {
		return input, nil, err
	}
	switch {
	case input.ClusterRef != "" && input.URL != "":
		return input, nil, action.InputError("Cluster reference and url can't be specified at the same time")
	case input.ClusterRef == "" && input.URL == "":
		return input, nil, action.InputError("Cluster reference or url are required")
	}
	client, err := a.connect(ctx, call, input.target)
	return input, client, err
}

// Run creates the namespace.
func (a *createNamespace) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	input, client, err := a.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	_, _, err = resource.Ensure(ctx, call, a.spec(call, client, input))
	if errors.Is(err, resource.ErrTaken) {
		err = action.Advise(action.Refuse(fault.Conflict, fmt.Errorf("Failed to create kubernetes namespace, API code: 409 -- namespaces %q already exists", input.Namespace)), //nolint:staticcheck // Backstage's message.
			"It was left untouched: this run did not create it. Choose another name and start a new run.")
	}
	return nil, err
}

// Plan looks whether the name is free.
func (a *createNamespace) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	input, client, err := a.prepare(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	return resource.Plan(ctx, a.spec(call, client, input), fmt.Sprintf("create the namespace %s in the cluster %s", input.Namespace, client.Cluster.Name))
}

// namespaceItem is a Namespace.
func namespaceItem(name string) item {
	object := &unstructured.Unstructured{}
	object.SetAPIVersion("v1")
	object.SetKind("Namespace")
	object.SetName(name)
	return item{object: object, resource: schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}}
}

// spec describes the namespace. What Backstage sends has no room for a mark, so the mark is who created it: the server
// notes the client's name with the fields that it set.
func (a *createNamespace) spec(call *action.Call, client *clusters.Client, input namespaceInput) resource.Spec[*unstructured.Unstructured] {
	each := namespaceItem(input.Namespace)
	kept := newRecord(placeOf(client, call, input.token()), each)
	spec := kept.spec(client)
	spec.Intent = action.Intent{Kind: objectKind, Name: each.title(), Data: kept}
	find := spec.Find
	spec.Find = func(ctx context.Context, effect action.Effect) (*resource.Found[*unstructured.Unstructured], error) {
		if effect.Fresh {
			return nil, nil // the server refuses a name that is taken
		}
		return find(ctx, effect)
	}
	spec.Create = func(ctx context.Context, effect action.Effect) (*resource.Found[*unstructured.Unstructured], error) {
		as, err := a.Clusters.Connect(client.Cluster, clusters.Access{Token: input.token(), UserAgent: creatorFor(effect)})
		if err != nil {
			return nil, action.Classify(err)
		}
		made, err := as.CreateNamespace(ctx, input.Namespace, labelsOf(input.Labels))
		if err != nil {
			return nil, refusedNamespace(ctx, as, err, input.Namespace)
		}
		return found(made), nil
	}
	return spec
}

// creatorFor is the client's name for an effect.
func creatorFor(effect action.Effect) string { return "portico-" + effect.ID }

func isManagedBy(object *unstructured.Unstructured, name string) bool {
	for _, entry := range object.GetManagedFields() {
		if entry.Manager == name {
			return true
		}
	}
	return false
}

// refusedNamespace is the error for a namespace that was not created, in Backstage's words.
func refusedNamespace(ctx context.Context, client *clusters.Client, cause error, name string) error {
	err := action.Classify(client.Explain(ctx, cause, "creating the namespace "+name))
	status, answered := errors.AsType[*apierrors.StatusError](cause)
	if action.IsTransient(err) || !answered {
		return err
	}
	said := status.Status()
	refused := action.Advise(action.Refuse(fault.KindOf(err), fmt.Errorf("Failed to create kubernetes namespace, API code: %d -- %s", said.Code, said.Message)), //nolint:staticcheck // Backstage's message.
		"%s", action.Advice(err))
	if apierrors.IsAlreadyExists(cause) {
		return resource.Exists(refused)
	}
	return refused
}

// labelsOf reads labels as Backstage writes them in one text: a=b;c=d.
func labelsOf(text string) map[string]string {
	labels := map[string]string{}
	for pair := range strings.SplitSeq(text, ";") {
		if name, value, isPair := strings.Cut(pair, "="); isPair && strings.TrimSpace(name) != "" {
			labels[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return labels
}

// Undo deletes the namespace.
func (a *createNamespace) Undo(ctx context.Context, call *action.UndoCall) error {
	return a.undo(ctx, call)
}
