package workflows

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/grpc/codes"

	"github.com/portico-dev/portico/scaffolder/engine"
)

// taskTimeout is how soon a workflow task of a worker that died is given to another.
const taskTimeout = 5 * time.Second

// callTimeout bounds the wait for Temporal: a run whose start it did not hear of is started later.
const callTimeout = 5 * time.Second

// Client implements engine.Engine on Temporal.
type Client struct {
	temporal  client.Client
	taskQueue string
}

var _ engine.Engine = (*Client)(nil)

// NewClient starts workflows on a task queue.
func NewClient(temporal client.Client, taskQueue string) *Client {
	return &Client{temporal: temporal, taskQueue: taskQueue}
}

// Start implements engine.Engine. The workflow's id is the run's, so a run has one workflow at a time.
func (c *Client) Start(ctx context.Context, command engine.Command) error {
	ctx, done := context.WithTimeout(ctx, callTimeout)
	defer done()
	options := client.StartWorkflowOptions{
		ID: command.RunID, TaskQueue: c.taskQueue, WorkflowTaskTimeout: taskTimeout, StaticSummary: brief(command.Summary),
		StaticDetails:            command.Details,
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
	}
	var err error
	if command.Generation == 0 {
		// A worker in this process may run the first task at once.
		options.EnableEagerStart = true
		_, err = c.temporal.ExecuteWorkflow(ctx, options, engine.WorkflowTemplateRun, command)
	} else {
		_, err = c.temporal.SignalWithStartWorkflow(ctx, command.RunID, engine.SignalContinue, command, options,
			engine.WorkflowTemplateRun, command)
	}
	if err != nil {
		return fmt.Errorf("start the workflow of run %s: %w", command.RunID, asRefusal(err))
	}
	return nil
}

// refusals are answers that Temporal would give again. What says that it, or its namespace, is not there for anybody is none.
var refusals = []codes.Code{codes.InvalidArgument, codes.FailedPrecondition, codes.OutOfRange, codes.Internal, codes.DataLoss,
	codes.Unimplemented, codes.AlreadyExists}

func asRefusal(err error) error {
	if slices.Contains(refusals, serviceerror.ToStatus(err).Code()) {
		return &engine.RefusedError{Err: err}
	}
	return err
}

// Cancel implements engine.Engine.
func (c *Client) Cancel(ctx context.Context, runID string) error {
	ctx, done := context.WithTimeout(ctx, callTimeout)
	defer done()
	err := c.temporal.SignalWorkflow(ctx, runID, "", engine.SignalCancel, nil)
	var gone *serviceerror.NotFound
	if err != nil && !errors.As(err, &gone) {
		return fmt.Errorf("cancel the workflow of run %s: %w", runID, err)
	}
	return nil
}

// Register makes a worker run Portico's workflows.
func Register(registry worker.WorkflowRegistry) {
	registry.RegisterWorkflowWithOptions(TemplateRun, workflow.RegisterOptions{Name: engine.WorkflowTemplateRun})
}
