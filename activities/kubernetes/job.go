package kubernetes

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/portico-dev/portico/fault"
	clusters "github.com/portico-dev/portico/integration/kubernetes"
	"github.com/portico-dev/portico/scaffolder/action"
)

//go:embed schema/job-wait.input.json
var jobWaitInput []byte

// jobWait is kube:job:wait.
type jobWait struct {
	Options
}

// Describe lists the action.
func (*jobWait) Describe() action.Description {
	return action.Description{
		ID: "kube:job:wait", Description: "Waits until a Job of a Kubernetes cluster is complete", InputSchema: jobWaitInput,
		Examples: []action.Example{
			{Description: "Wait for the Job of a name", Example: `steps:
  - id: wait
    name: Wait for the import
    action: kube:job:wait
    input:
      namespace: shop
      labels:
        job-name: import
`},
			{Description: "Wait up to ten minutes in one of several clusters", Example: `steps:
  - id: wait
    name: Wait for the migration
    action: kube:job:wait
    input:
      clusterName: dev
      namespace: shop
      labels:
        app: shop
        task: migrate
      timeoutSeconds: 600
`},
		},
		Needs: []string{"A cluster in `kubernetes.clusterLocatorMethods`, with credentials that may list jobs."},
		Differences: []string{"A Job that has failed, that is not complete in time, or that is not there at the end of the time fails the step. " +
			"The original logs it and goes on."},
	}
}

// Undo fails: the engine never calls it, because nothing is recorded.
func (*jobWait) Undo(ctx context.Context, call *action.UndoCall) error {
	return action.NoEffects{}.Undo(ctx, call)
}

// Plan is empty.
func (*jobWait) Plan(context.Context, *action.Call) (action.Plan, error) { return action.Plan{}, nil }

// jobWaitInputs are the inputs of kube:job:wait.
type jobWaitInputs struct {
	target

	Labels         map[string]string `json:"labels"`
	Namespace      string            `json:"namespace"`
	TimeoutSeconds float64           `json:"timeoutSeconds"`
}

// Run looks once.
func (a *jobWait) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	input := jobWaitInputs{Namespace: "default", TimeoutSeconds: 60}
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	if len(input.Labels) == 0 {
		return nil, action.InputError("labels is empty: it says which Job is meant.")
	}
	client, err := a.connect(ctx, call, input.target)
	if err != nil {
		return nil, err
	}
	selector := labels.SelectorFromSet(input.Labels).String()
	found, err := oneJob(ctx, client, input.Namespace, selector)
	if err != nil {
		return nil, err
	}
	seen := sight{fmt.Sprintf("the Job with the labels %s in the namespace %s", selector, input.Namespace), underWay, "it is not there"}
	if found != nil {
		seen.state, seen.why = readiness(found)
	}
	switch seen.state {
	case ready:
		call.Log.Info("The Job is complete")
		return nil, nil
	case failed:
		return nil, action.Advise(action.Refuse(fault.Conflict, fmt.Errorf("%s has failed: %s", seen.title, seen.why)),
			"Look at its pods in the cluster %s. When it is repaired, retry.", client.Cluster.Name)
	default:
		return nil, a.notYet(call, input, seen)
	}
}

// notYet looks again later, or gives up.
func (a *jobWait) notYet(call *action.Call, input jobWaitInputs, seen sight) error {
	timeout := time.Duration(input.TimeoutSeconds * float64(time.Second))
	waited := waitedFor(call, call.StartedAt)
	if waited >= timeout {
		return action.Advise(action.Final(fault.New(fault.Unavailable, "Timed out waiting for job to complete after %g seconds: %s: %s",
			input.TimeoutSeconds, seen.title, seen.why)), "A retry waits again, and timeoutSeconds waits longer.")
	}
	return action.NotYet(a.pause(waited, timeout), "Waiting for %s", seen)
}

// oneJob finds the Job, nil when there is none.
func oneJob(ctx context.Context, client *clusters.Client, namespace, selector string) (*unstructured.Unstructured, error) {
	jobs := schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}
	listed, err := client.Objects(jobs, namespace).List(ctx, metav1.ListOptions{LabelSelector: selector, Limit: 2})
	switch {
	case err != nil:
		return nil, action.Classify(client.Explain(ctx, err, "looking for jobs in the namespace "+namespace))
	case len(listed.Items) > 1:
		return nil, action.InputError("Several Jobs of the namespace %s have the labels %s. Add labels that only one has.", namespace, selector)
	case len(listed.Items) == 0:
		return nil, nil
	}
	return &listed.Items[0], nil
}
