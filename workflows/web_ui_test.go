package workflows_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/sdk/v1"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/devstack/temporal"
	"github.com/portico-dev/portico/internal/testkit/temporaltest"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/workflows"
)

const (
	queue    = "test"
	patience = time.Minute
)

// cluster is a real Temporal with a worker whose activities return results from a script.
type cluster struct {
	client.Client
	engine *workflows.Client
	log    strings.Builder
	// script has the results of `advance run` for each run.
	script map[string][]engine.Next
}

// newCluster runs a worker on a server whose namespace may have the search attributes.
func newCluster(t *testing.T, hasAttributes, searchable bool, script map[string][]engine.Next) *cluster {
	t.Helper()
	options := temporal.Options{}
	if hasAttributes {
		options.SearchAttributes = workflows.SearchAttributes()
	}
	c := &cluster{Client: temporaltest.Dial(t, temporaltest.Serve(t, options)), script: script}
	c.engine = workflows.NewClient(workflows.ClientOptions{Temporal: c.Client, TaskQueue: queue, PortalURL: "https://portal.example/",
		Searchable: searchable, Log: slog.New(slog.NewTextHandler(&c.log, nil))})
	running := worker.New(c.Client, queue, worker.Options{})
	workflows.Register(running, workflows.QueueRuns)
	for name, does := range map[string]any{
		engine.ActivityAdvance:     c.advance,
		engine.ActivityExpireRun:   func(context.Context, engine.Command) error { return nil },
		engine.ActivityUndoEffect:  func(context.Context, engine.UndoRequest) error { return nil },
		engine.ActivityEndRollback: func(context.Context, engine.RollbackResult) error { return nil },
		"act":                      func(context.Context, engine.ActionRequest) error { return nil },
	} {
		running.RegisterActivityWithOptions(does, activity.RegisterOptions{Name: name})
	}
	require.NoError(t, running.Start())
	t.Cleanup(running.Stop)
	return c
}

func (c *cluster) advance(_ context.Context, request engine.AdvanceRequest) (engine.Next, error) {
	script := c.script[request.RunID]
	next := script[0]
	c.script[request.RunID] = script[1:]
	next.Settings = engine.Settings{StepTimeout: time.Minute, HeartbeatTimeout: time.Minute, InitialInterval: time.Second, MaximumInterval: time.Second,
		ParkedExpiry: time.Hour}
	if strings.HasPrefix(request.RunID, "expiring") {
		next.Settings.ParkedExpiry = time.Millisecond
	}
	return next, nil
}

func (c *cluster) start(t *testing.T, id string) {
	t.Helper()
	require.NoError(t, c.engine.Start(t.Context(), engine.Command{RunID: id, Summary: "Golden path: shop", Details: "1. Publish (`publish:github`)",
		Labels: engine.Labels{Template: "template:default/golden-path", Subject: "shop", StartedBy: "user:default/ada"}}))
}

func (c *cluster) describe(t *testing.T, id string) *workflow.WorkflowExecutionInfo {
	t.Helper()
	described, err := c.DescribeWorkflowExecution(t.Context(), id, "")
	require.NoError(t, err)
	return described.GetWorkflowExecutionInfo()
}

// attributes are the search attributes of a run, without Temporal's own.
func attributes(t *testing.T, info *workflow.WorkflowExecutionInfo) map[string]string {
	t.Helper()
	found := map[string]string{}
	for name, payload := range info.GetSearchAttributes().GetIndexedFields() {
		if strings.HasPrefix(name, "Portico") {
			var text string
			require.NoError(t, converter.GetDefaultDataConverter().FromPayload(payload, &text))
			found[name] = text
		}
	}
	return found
}

// countEvents counts the events of a run's history by type.
func (c *cluster) countEvents(t *testing.T, id string) map[enums.EventType]int {
	t.Helper()
	counts := map[enums.EventType]int{}
	events := c.GetWorkflowHistory(t.Context(), id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(t, err)
		counts[event.GetEventType()]++
	}
	return counts
}

// currentDetails queries the worker for the current details of a run.
func (c *cluster) currentDetails(t *testing.T, id string) string {
	t.Helper()
	answer, err := c.QueryWorkflow(t.Context(), id, "", "__temporal_workflow_metadata")
	require.NoError(t, err)
	var metadata sdk.WorkflowMetadata
	require.NoError(t, answer.Get(&metadata))
	return metadata.GetCurrentDetails()
}

// awaitListed waits until a query finds exactly one run, because Temporal indexes a little later than it
// writes.
func (c *cluster) awaitListed(t *testing.T, query, id string) {
	t.Helper()
	require.Eventually(t, func() bool {
		listed, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: query})
		return err == nil && len(listed.GetExecutions()) == 1 && listed.GetExecutions()[0].GetExecution().GetWorkflowId() == id
	}, patience, 50*time.Millisecond, query)
}

func acting(details string) engine.Next {
	return engine.Next{Kind: engine.NextAction, Action: &engine.Action{ID: "act", Summary: "Publish"},
		Progress: engine.Progress{State: "running", Step: "publish", Details: details}}
}

func parking(state string) engine.Next {
	return engine.Next{Kind: engine.NextPark, Progress: engine.Progress{State: state, Step: "publish", Details: "1. Publish: failed\n",
		Failure: &fault.Failure{Name: "ConflictError", Message: "the name is taken"}}}
}

var ending = engine.Next{Kind: engine.NextEnd, Progress: engine.Progress{State: "done"}}

func TestRunsAreDistinguishedInTheTemporalWebUI(t *testing.T) {
	t.Parallel()
	rolling := engine.Next{Kind: engine.NextRollback, Progress: engine.Progress{State: "rollingBack", Step: "publish"}}
	c := newCluster(t, true, true, map[string][]engine.Next{
		"quick": {ending}, "golden": {acting("1. Publish: processing\n"), acting("1. Publish: processing\n"), ending},
		"parked": {acting(""), parking("parked"), ending}, "undone": {acting(""), rolling},
		"expiring": {parking("parked")}, "expiring-cancelled": {parking("cancelled")},
	})
	labels := map[string]string{"PorticoTemplate": "template:default/golden-path", "PorticoSubject": "shop", "PorticoStartedBy": "user:default/ada"}
	with := func(more ...string) map[string]string {
		all := maps.Clone(labels)
		for i := 0; i < len(more); i += 2 {
			all[more[i]] = more[i+1]
		}
		return all
	}
	for id := range c.script {
		c.start(t, id)
	}
	wait := func(id string) error {
		ctx, done := context.WithTimeout(t.Context(), patience)
		defer done()
		return c.GetWorkflow(ctx, id, "").Get(ctx, nil)
	}

	require.NoError(t, wait("quick"))
	require.Equal(t, labels, attributes(t, c.describe(t, "quick")))
	require.Zero(t, c.countEvents(t, "quick")[enums.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES], "a run of quick steps costs no event more")
	require.Equal(t, 1, c.countEvents(t, "quick")[enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED])

	require.NoError(t, wait("golden"))
	require.Equal(t, with("PorticoState", "done"), attributes(t, c.describe(t, "golden")))
	events := c.countEvents(t, "golden")
	require.Equal(t, 2, events[enums.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES], "only what changes is written")
	require.Equal(t, 3, events[enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED], "one for the start and one for each action, as without")

	c.awaitListed(t, `PorticoState = "parked" and PorticoSubject = "shop" and ExecutionStatus = "Running"`, "parked")
	parked := c.describe(t, "parked")
	require.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_RUNNING, parked.GetStatus())
	require.Equal(t, with("PorticoState", "parked", "PorticoStep", "publish", "PorticoCause", "ConflictError"), attributes(t, parked))
	require.Equal(t, "1. Publish: failed\n\n**ConflictError**: the name is taken\n\n[The run in the portal](https://portal.example/runs/parked)",
		c.currentDetails(t, "parked"))
	var url string
	require.NoError(t, converter.GetDefaultDataConverter().FromPayload(parked.GetMemo().GetFields()["url"], &url))
	require.Equal(t, "https://portal.example/runs/parked", url)

	require.NoError(t, c.engine.Start(t.Context(), engine.Command{RunID: "parked", Generation: 1}))
	require.NoError(t, wait("parked"))
	require.Equal(t, with("PorticoState", "done"), attributes(t, c.describe(t, "parked")), "a retry leaves no cause")

	for id, test := range map[string]struct {
		status enums.WorkflowExecutionStatus
		state  string
		gone   string
	}{
		"undone":             {enums.WORKFLOW_EXECUTION_STATUS_FAILED, "rolledBack", "failed (the run was rolled back)"},
		"expiring":           {enums.WORKFLOW_EXECUTION_STATUS_FAILED, "parked", "failed (nobody decided about the failed run in time; it had failed with ConflictError: the name is taken)"},
		"expiring-cancelled": {enums.WORKFLOW_EXECUTION_STATUS_CANCELED, "cancelled", "canceled"},
	} {
		require.Error(t, wait(id))
		info := c.describe(t, id)
		require.Equal(t, test.status, info.GetStatus(), id)
		require.Equal(t, test.state, attributes(t, info)["PorticoState"], id)
		health, err := c.engine.Health(t.Context(), id)
		require.NoError(t, err)
		require.Contains(t, health.Gone, test.gone, id)
	}
	require.Empty(t, c.log.String())
}

func TestRunsWorkWithoutSearchAttributes(t *testing.T) {
	t.Parallel()
	for name, searchable := range map[string]bool{"known to lack": false, "removed meanwhile": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, false, searchable, map[string][]engine.Next{"golden": {acting(""), ending}})
			c.start(t, "golden")
			ctx, done := context.WithTimeout(t.Context(), patience)
			defer done()
			require.NoError(t, c.GetWorkflow(ctx, "golden", "").Get(ctx, nil))
			require.Empty(t, attributes(t, c.describe(t, "golden")))
			require.Zero(t, c.countEvents(t, "golden")[enums.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES])
			require.Equal(t, searchable, strings.Contains(c.log.String(), "the run is started without"))
		})
	}
}

func TestSearchAttributesAreAddedOnce(t *testing.T) {
	t.Parallel()
	connected := temporaltest.Dial(t, temporaltest.Serve(t, temporal.Options{}))
	missing, err := workflows.MissingSearchAttributes(t.Context(), connected, "default")
	require.NoError(t, err)
	require.Equal(t, []string{"PorticoCause", "PorticoStartedBy", "PorticoState", "PorticoStep", "PorticoSubject", "PorticoTemplate"}, missing)
	for range 2 {
		require.NoError(t, workflows.AddSearchAttributes(t.Context(), connected, "default"))
	}
	require.Eventually(t, func() bool {
		missing, err := workflows.MissingSearchAttributes(t.Context(), connected, "default")
		return err == nil && len(missing) == 0
	}, patience, 50*time.Millisecond)
}

// TestSearchAttributesOfAnotherTypeAreNotUsed: a workflow task that writes one would fail again and again.
func TestSearchAttributesOfAnotherTypeAreNotUsed(t *testing.T) {
	t.Parallel()
	attributes := workflows.SearchAttributes()
	attributes["PorticoState"], attributes["PorticoStep"] = enums.INDEXED_VALUE_TYPE_INT, enums.INDEXED_VALUE_TYPE_KEYWORD_LIST
	connected := temporaltest.Dial(t, temporaltest.Serve(t, temporal.Options{SearchAttributes: attributes}))
	for name, err := range map[string]error{
		"missing": func() error {
			_, err := workflows.MissingSearchAttributes(t.Context(), connected, "default")
			return err
		}(),
		"add": workflows.AddSearchAttributes(t.Context(), connected, "default"),
	} {
		require.ErrorContains(t, err, `namespace "default"`, name)
		require.ErrorContains(t, err, "PorticoState is Int, not Keyword, PorticoStep is KeywordList, not Keyword", name)
	}
}

func TestLongLabelsAreTruncated(t *testing.T) {
	t.Parallel()
	c := newCluster(t, true, true, map[string][]engine.Next{"long": {ending}})
	require.NoError(t, c.engine.Start(t.Context(), engine.Command{RunID: "long", Labels: engine.Labels{Subject: strings.Repeat("é", 400)}}))
	ctx, done := context.WithTimeout(t.Context(), patience)
	defer done()
	require.NoError(t, c.GetWorkflow(ctx, "long", "").Get(ctx, nil))
	cut := strings.Repeat("é", 127)
	require.Equal(t, cut, attributes(t, c.describe(t, "long"))["PorticoSubject"])
	c.awaitListed(t, fmt.Sprintf("PorticoSubject = %q", cut), "long")
}
