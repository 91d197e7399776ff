package workflows

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc/codes"

	"github.com/portico-dev/portico/scaffolder/engine"
)

// callTimeout bounds the wait for Temporal: a run whose start it did not hear of is started later.
const callTimeout = 5 * time.Second

// ClientOptions are what a Client starts workflows with.
type ClientOptions struct {
	Temporal client.Client
	// TaskQueue is the configured name: see Queue.TaskQueue.
	TaskQueue string
	// PortalURL is the address of the portal, for links from the Temporal Web UI; "" makes none.
	PortalURL string
	// Searchable says that the namespace has the search attributes.
	Searchable bool
	Log        *slog.Logger
}

// Client implements engine.Engine on Temporal.
type Client struct{ ClientOptions }

var _ engine.Engine = (*Client)(nil)

// NewClient starts workflows on a task queue.
func NewClient(options ClientOptions) *Client {
	return &Client{options}
}

// Start implements engine.Engine. The workflow's id is the run's, so a run has one workflow at a time.
func (c *Client) Start(ctx context.Context, command engine.Command) error {
	ctx, done := context.WithTimeout(ctx, callTimeout)
	defer done()
	command.Searchable = c.Searchable
	if c.PortalURL != "" {
		command.URL = strings.TrimRight(c.PortalURL, "/") + "/runs/" + command.RunID
	}
	err := c.start(ctx, command)
	if command.Searchable && isUnknownAttribute(err) {
		c.Log.WarnContext(ctx, "Temporal does not know Portico's search attributes (yet): the run is started without", "run", command.RunID, "error", err)
		command.Searchable = false
		err = c.start(ctx, command)
	}
	if err != nil {
		return fmt.Errorf("start the workflow of run %s: %w", command.RunID, asRefusal(err))
	}
	return nil
}

func (c *Client) start(ctx context.Context, command engine.Command) error {
	options := templateRun.startOptions(command.RunID, c.TaskQueue)
	options.StaticSummary, options.StaticDetails = truncateSummary(command.Summary), details(engine.Progress{Details: command.Details}, command.URL)
	options.WorkflowIDReusePolicy = enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	options.WorkflowIDConflictPolicy = enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
	options.Memo = memo(command)
	if command.Searchable {
		options.TypedSearchAttributes = labelAttributes(command.Labels)
	}
	if command.Generation > 0 {
		_, err := c.Temporal.SignalWithStartWorkflow(ctx, command.RunID, engine.SignalContinue, command, options, templateRun.name, command)
		return err
	}
	// A worker in this process may run the first task at once.
	options.EnableEagerStart = true
	_, err := c.Temporal.ExecuteWorkflow(ctx, options, templateRun.name, command)
	return err
}

// memo is shown with a run where Temporal lists it, whether or not there are search attributes.
func memo(command engine.Command) map[string]any {
	shown := map[string]any{}
	for name, text := range map[string]string{
		"template": command.Labels.Template, "subject": command.Labels.Subject, "startedBy": command.Labels.StartedBy, "url": command.URL,
	} {
		if text != "" {
			shown[name] = text
		}
	}
	return shown
}

// isUnknownAttribute says whether a start failed because the namespace lacks a search attribute.
func isUnknownAttribute(err error) bool {
	invalid, is := errors.AsType[*serviceerror.InvalidArgument](err)
	return is && strings.Contains(strings.ToLower(invalid.Message), "search attribute")
}

// refusals are answers that Temporal would give again. What says that it, or its namespace, is not there for
// anybody is none.
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
	return c.signal(ctx, runID, engine.SignalCancel)
}

// Wake makes a run that waits for somebody look again at once. It does nothing to a run that is not active.
func (c *Client) Wake(ctx context.Context, runID string) error {
	return c.signal(ctx, runID, engine.SignalWake)
}

// signal sends a signal to the run's workflow, if it has one.
func (c *Client) signal(ctx context.Context, runID, signal string) error {
	ctx, done := context.WithTimeout(ctx, callTimeout)
	defer done()
	err := c.Temporal.SignalWorkflow(ctx, runID, "", signal, nil)
	if _, gone := errors.AsType[*serviceerror.NotFound](err); err != nil && !gone {
		return fmt.Errorf("send the signal %s to the workflow of run %s: %w", signal, runID, err)
	}
	return nil
}
