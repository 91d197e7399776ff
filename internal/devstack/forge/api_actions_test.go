package forge_test

import (
	"net/http"
	"testing"

	"github.com/google/go-github/v60/github"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit/forgetest"
)

// workflows are the files of a repository with workflows of every kind of trigger.
var workflows = map[string]string{
	".github/workflows/name.yaml": "on: workflow_dispatch\njobs: {build: {}}\n",
	".github/workflows/list.yaml": "on: [push, workflow_dispatch]\njobs: {build: {}}\n",
	".github/workflows/map.yaml":  "name: Map\non:\n  push:\n  workflow_dispatch:\njobs: {build: {}, test: {}}\n",
	".github/workflows/in.yaml":   "on:\n  workflow_dispatch:\n    inputs:\n      a: {required: true}\n      b: {required: true, default: x}\n",
	".github/workflows/push.yaml": "on: push\n",
	".github/workflows/bad.yaml":  "on: [\n",
}

func startWithWorkflows(t *testing.T) (*forgetest.Server, *github.Client) {
	t.Helper()
	server := forgetest.Start(t)
	client := server.Client(t)
	_, _, err := client.Repositories.Create(t.Context(), "demo", &github.Repository{Name: new("shop")})
	require.NoError(t, err)
	server.Push(t, "demo/shop", "main", false, workflows)
	return server, client
}

func TestDispatchIsRefusedAsOnGitHub(t *testing.T) {
	t.Parallel()
	_, client := startWithWorkflows(t)
	for name, test := range map[string]struct {
		file, ref string
		inputs    map[string]any
		status    int
		says      string
	}{
		"by name":        {"name.yaml", "main", nil, http.StatusNoContent, ""},
		"by list":        {"list.yaml", "refs/heads/main", nil, http.StatusNoContent, ""},
		"by key":         {"map.yaml", "main", nil, http.StatusNoContent, ""},
		"with inputs":    {"in.yaml", "main", map[string]any{"a": "1"}, http.StatusNoContent, ""},
		"no workflow":    {"none.yaml", "main", nil, http.StatusNotFound, "Not Found"},
		"no branch":      {"name.yaml", "none", nil, http.StatusUnprocessableEntity, "No ref found for: none"},
		"no trigger":     {"push.yaml", "main", nil, http.StatusUnprocessableEntity, "Workflow does not have 'workflow_dispatch' trigger"},
		"not YAML":       {"bad.yaml", "main", nil, http.StatusUnprocessableEntity, "not valid YAML"},
		"input missing":  {"in.yaml", "main", nil, http.StatusUnprocessableEntity, "Required input 'a' not provided"},
		"input unknown":  {"in.yaml", "main", map[string]any{"a": "1", "c": "2"}, http.StatusUnprocessableEntity, `Unexpected inputs provided: ["c"]`},
		"inputs of none": {"map.yaml", "main", map[string]any{"a": "1"}, http.StatusUnprocessableEntity, "Unexpected inputs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer, err := client.Actions.CreateWorkflowDispatchEventByFileName(t.Context(), "demo", "shop", test.file,
				github.CreateWorkflowDispatchEventRequest{Ref: test.ref, Inputs: test.inputs})
			require.Equal(t, test.status, answer.StatusCode)
			if test.says != "" {
				require.ErrorContains(t, err, test.says)
			}
		})
	}
}

func TestWorkflowRunsAreRecorded(t *testing.T) {
	t.Parallel()
	server, client := startWithWorkflows(t)
	ctx := t.Context()
	for range 2 {
		_, err := client.Actions.CreateWorkflowDispatchEventByFileName(ctx, "demo", "shop", "map.yaml", github.CreateWorkflowDispatchEventRequest{Ref: "main"})
		require.NoError(t, err)
	}
	listed, _, err := client.Actions.ListWorkflowRunsByFileName(ctx, "demo", "shop", "map.yaml",
		&github.ListWorkflowRunsOptions{Event: "workflow_dispatch", Branch: "main", Actor: "portico", Status: "queued"})
	require.NoError(t, err)
	require.Equal(t, 2, listed.GetTotalCount())
	newest := listed.WorkflowRuns[0]
	require.Equal(t, 3, newest.GetRunNumber(), "the push has started the first one")
	require.Equal(t, "Map", newest.GetName())
	_, _, err = client.Actions.ListWorkflowRunsByID(ctx, "demo", "shop", newest.GetWorkflowID(), nil)
	require.NoError(t, err)
	status, _ := page(t, newest.GetHTMLURL())
	require.Equal(t, http.StatusOK, status)

	require.NoError(t, server.SettleRun("demo", "shop", newest.GetID(), "completed", "failure"))
	settled, _, err := client.Actions.GetWorkflowRunByID(ctx, "demo", "shop", newest.GetID())
	require.NoError(t, err)
	require.Equal(t, "failure", settled.GetConclusion())
	jobs, _, err := client.Actions.ListWorkflowJobs(ctx, "demo", "shop", newest.GetID(), nil)
	require.NoError(t, err)
	require.Equal(t, "build", jobs.Jobs[0].GetName())
	require.Equal(t, "failure", jobs.Jobs[1].GetConclusion())
	_, err = client.Actions.CancelWorkflowRunByID(ctx, "demo", "shop", newest.GetID())
	requireStatus(t, err, http.StatusConflict)
	_, err = client.Actions.RerunWorkflowByID(ctx, "demo", "shop", newest.GetID())
	require.NoError(t, err)
	again, _, err := client.Actions.GetWorkflowRunByID(ctx, "demo", "shop", newest.GetID())
	require.NoError(t, err)
	require.Equal(t, "queued", again.GetStatus())
	require.Equal(t, 2, again.GetRunAttempt())
	_, err = client.Actions.CancelWorkflowRunByID(ctx, "demo", "shop", newest.GetID())
	require.ErrorAs(t, err, new(*github.AcceptedError))
	cancelled, _, err := client.Actions.ListRepositoryWorkflowRuns(ctx, "demo", "shop", &github.ListWorkflowRunsOptions{Status: "cancelled"})
	require.NoError(t, err)
	require.Len(t, cancelled.WorkflowRuns, 1)
	require.Error(t, server.SettleRun("demo", "shop", 1, "completed", "success"))
}

// TestAPushStartsWorkflows with the trigger push, on the branches that the trigger names.
func TestAPushStartsWorkflows(t *testing.T) {
	t.Parallel()
	server := forgetest.Start(t)
	client := server.Client(t)
	_, _, err := client.Repositories.Create(t.Context(), "demo", &github.Repository{Name: new("shop")})
	require.NoError(t, err)
	started := func(branch string, onMain bool) []string {
		t.Helper()
		server.Push(t, "demo/shop", branch, onMain, map[string]string{
			".github/workflows/all.yaml":    "name: All\non: [push, pull_request]\njobs: {build: {}}\n",
			".github/workflows/main.yaml":   "name: Main\non: {push: {branches: [main, release/*]}}\njobs: {build: {}}\n",
			".github/workflows/other.yaml":  "name: Other\non: workflow_dispatch\njobs: {build: {}}\n",
			".github/workflows/broken.yaml": "on: [\n",
			branch + ".txt":                 branch,
		})
		listed, _, err := client.Actions.ListRepositoryWorkflowRuns(t.Context(), "demo", "shop", &github.ListWorkflowRunsOptions{Event: "push", Branch: branch})
		require.NoError(t, err)
		names := []string{}
		for _, run := range listed.WorkflowRuns {
			names = append(names, run.GetName())
		}
		return names
	}
	require.ElementsMatch(t, []string{"All", "Main"}, started("main", false))
	require.ElementsMatch(t, []string{"All", "Main"}, started("release/1", true))
	require.Equal(t, []string{"All"}, started("feature", true))
	listed, _, err := client.Actions.ListRepositoryWorkflowRuns(t.Context(), "demo", "shop", nil)
	require.NoError(t, err)
	require.Equal(t, 5, listed.GetTotalCount(), "a push starts nothing on the branches that it leaves")
}

func TestWorkflowRunsAreDeleted(t *testing.T) {
	t.Parallel()
	server, client := startWithWorkflows(t)
	_, err := client.Actions.CreateWorkflowDispatchEventByFileName(t.Context(), "demo", "shop", "name.yaml", github.CreateWorkflowDispatchEventRequest{Ref: "main"})
	require.NoError(t, err)
	listed, _, err := client.Actions.ListWorkflowRunsByFileName(t.Context(), "demo", "shop", "name.yaml", nil)
	require.NoError(t, err)
	id := listed.WorkflowRuns[0].GetID()
	_, err = client.Actions.DeleteWorkflowRun(t.Context(), "demo", "shop", id)
	requireStatus(t, err, http.StatusForbidden)
	require.NoError(t, server.SettleRun("demo", "shop", id, "completed", "success"))
	_, err = client.Actions.DeleteWorkflowRun(t.Context(), "demo", "shop", id)
	require.NoError(t, err)
	_, err = client.Actions.DeleteWorkflowRun(t.Context(), "demo", "shop", id)
	requireStatus(t, err, http.StatusNotFound)
}
