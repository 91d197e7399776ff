package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"
)

// namespaceRetention is how long a namespace that is created here keeps closed workflows.
const namespaceRetention = 7 * 24 * time.Hour

// Prepare connects like Dial, and creates the namespace where it does not exist.
func (t Target) Prepare(ctx context.Context, options DialOptions) (client.Client, error) {
	connected, err := t.Dial(ctx, options)
	if _, missing := errors.AsType[*NamespaceNotFoundError](err); !missing {
		return connected, err
	}
	if connected, err = t.lazyClient(options); err != nil {
		return nil, err
	}
	if err := t.createNamespace(ctx, options, connected); err != nil {
		connected.Close()
		return nil, err
	}
	options.Log.InfoContext(ctx, "created the namespace in Temporal", "address", t.Address, "namespace", t.Namespace, "retention", namespaceRetention)
	return connected, nil
}

func (t Target) createNamespace(ctx context.Context, options DialOptions, connected client.Client) error {
	creating, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	_, err := connected.WorkflowService().RegisterNamespace(creating, &workflowservice.RegisterNamespaceRequest{
		Namespace: t.Namespace, Description: "Runs of Portico", WorkflowExecutionRetentionPeriod: durationpb.New(namespaceRetention)})
	if _, exists := errors.AsType[*serviceerror.NamespaceAlreadyExists](err); err != nil && !exists {
		return fmt.Errorf("namespace %q does not exist in Temporal at %s, and this client may not create it: %w. Have it created "+
			"(`temporal operator namespace create --namespace %s`, or in Temporal Cloud), or name another in portico.temporal.namespace",
			t.Namespace, t.Address, err, t.Namespace)
	}
	// Frontends read the list of namespaces now and then: until then they know no such namespace.
	return t.awaitNamespace(ctx, options, connected)
}

// awaitNamespace waits until a new namespace can be used.
func (t Target) awaitNamespace(ctx context.Context, options DialOptions, connected client.Client) error {
	return t.await(ctx, options, func(ctx context.Context) error {
		_, err := connected.WorkflowService().ListWorkflowExecutions(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: t.Namespace, PageSize: 1})
		if _, unknown := errors.AsType[*serviceerror.NamespaceNotFound](err); unknown {
			return fmt.Errorf("the new namespace %q is not known to every frontend yet", t.Namespace)
		}
		return err
	})
}
