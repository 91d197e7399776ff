package azure_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/azuretest"
	"github.com/portico-dev/portico/scaffolder/action"
)

const (
	createID = "azure:pipeline:create"
	permitID = "azure:pipeline:permit"
	runID    = "azure:pipeline:run"
)

var (
	there    = values{"host": "HOST", "organization": "acme", "project": "web"}
	pipeline = values{"host": "HOST", "organization": "acme", "project": "web", "repository": "shop", "pipelineName": "shop", "pipelineYamlFile": "ci.yml"}
)

// withPipeline is an input about a pipeline whose number is only known when the server has it.
func withPipeline(t *testing.T, id string, input values, complete func(*bundle, *actiontest.Fixture)) {
	t.Helper()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		b := setup(t)
		number := b.server.AddPipeline("shop")
		fixture := actiontest.Fixture{
			Action: b.action(t, id), Input: b.encode(t, there, input, values{"pipelineId": strconv.Itoa(number)}),
			Digest: func(testing.TB) string { return b.server.Digest() },
			Hide:   func(testing.TB) (show func()) { return b.server.Hide() },
		}
		complete(b, &fixture)
		b.server.Inject(gate.Handler)
		return fixture
	})
}

func TestPipelineActionsConform(t *testing.T) {
	t.Parallel()
	t.Run(createID, func(t *testing.T) {
		t.Parallel()
		conform(t, createID, pipeline, func(b *bundle, fixture *actiontest.Fixture) {
			b.server.AddRepository("shop")
			fixture.State = func(testing.TB) []string { return b.server.Pipelines() }
			fixture.Use = func(testing.TB) { b.server.ChangePipelines() }
			fixture.Take = func(testing.TB) { b.server.AddPipeline("shop") }
		})
	})
	t.Run(permitID, func(t *testing.T) {
		t.Parallel()
		withPipeline(t, permitID, values{"resourceId": "42", "resourceType": "endpoint"}, func(b *bundle, fixture *actiontest.Fixture) {
			fixture.State = func(testing.TB) []string { return b.server.Permissions() }
		})
	})
	t.Run(runID, func(t *testing.T) {
		t.Parallel()
		withPipeline(t, runID, values{"templateParameters": values{"a": "b"}}, func(b *bundle, fixture *actiontest.Fixture) {
			fixture.State = func(testing.TB) []string { return b.server.Runs() }
			fixture.Use = func(testing.TB) { b.server.EndRuns("succeeded") }
		})
	})
}

func TestCreatePipeline(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		input values
		made  string
	}{
		"by the repository's name": {values{}, `shop|\|ci.yml|shop|main|Azure Pipelines`},
		"in a folder, with a pool": {values{"pipelineFolder": "/services/web", "branch": "trunk", "pipelineAgentPoolName": "Mine"}, `shop|\services\web|ci.yml|shop|trunk|Mine`},
		"by the repository's id":   {values{"repositoryId": "ID", "repositoryName": "shop", "name": "shop", "folder": "services", "server": "HOST", "createApiVersion": "6.1"}, `shop|\services|/azure-pipelines.yaml|shop||`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.Write(t, workspace)
			published, err := b.run(t, "publish:azure", shop)
			require.NoError(t, err)
			input := b.encode(t, pipeline, test.input)
			output, err := b.Run(t, b.action(t, createID), strings.ReplaceAll(input, `"ID"`, strconv.Quote(published["repositoryId"].(string))))
			require.NoError(t, err)
			require.Equal(t, []string{test.made}, b.server.Pipelines())
			require.Contains(t, output["pipelineUrl"], "definitionId="+output["pipelineId"].(string))
		})
	}
}

func TestPermit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	number := strconv.Itoa(b.server.AddPipeline("shop"))
	permit := func(input values) error {
		_, err := b.Run(t, b.action(t, permitID), b.encode(t, there, values{"pipelineId": number, "resourceId": "7", "resourceType": "queue"}, input))
		return err
	}
	require.NoError(t, permit(nil))
	require.Equal(t, []string{number + " may use queue 7"}, b.server.Permissions())
	require.NoError(t, b.RollBack(t.Context(), b.action(t, permitID)))
	require.Empty(t, b.server.Permissions())
	require.ErrorContains(t, permit(values{"pipelineId": "x"}), `pipelineId "x" is no number`)
	require.ErrorContains(t, permit(values{"apiVersion": "7&x=y"}), "is no version of the API")
}

func TestRunPipelineWaits(t *testing.T) {
	t.Parallel()
	timeout := values{"pollingInterval": 5, "pipelineTimeout": 60}
	for name, test := range map[string]struct {
		input   values
		started time.Duration
		result  string
		status  string
		isLate  bool
		waits   time.Duration
		says    string
	}{
		"for nothing, unless asked": {nil, 0, "", "unknown", false, 0, ""},
		"for the end":               {timeout, 0, "", "", false, 5 * time.Second, ""},
		"for the end, with the inputs of the other one": {values{"pipelineParameters": values{"n": "1"}, "server": "HOST"}, 0, "", "", false, 10 * time.Second, ""},
		"until it comes":                {timeout, 0, "succeeded", "succeeded", false, 0, ""},
		"also for a failure":            {timeout, 0, "failed", "failed", false, 0, ""},
		"and fails with it if asked":    {values{"pollingInterval": 5, "failIfNotSuccessful": true}, 0, "failed", "", false, 0, "Pipeline run was not successful"},
		"for as long as it may":         {timeout, 2 * time.Minute, "", "unknown", true, 0, ""},
		"a week when it does not say":   {values{"pollingInterval": 5}, 8 * 24 * time.Hour, "", "unknown", true, 0, ""},
		"and never without a pause":     {values{"pollingInterval": 0.001}, 0, "", "", false, time.Second, ""},
		"never to fail without waiting": {values{"failIfNotSuccessful": true}, 0, "", "", false, 0, "The parameter failIfNotSuccessful option requires pollingInterval to be set"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			number := b.server.AddPipeline("shop")
			run := b.action(t, runID)
			input := b.encode(t, there, test.input, values{"pipelineId": strconv.Itoa(number)})
			attempt := func() (action.Output, error) {
				call := b.Call(input)
				call.StartedAt = time.Now().Add(-test.started)
				return run.Run(t.Context(), call)
			}
			output, err := attempt()
			if test.result != "" {
				b.server.EndRuns(test.result)
				output, err = attempt()
			}
			require.LessOrEqual(t, len(b.server.Runs()), 1, "it was started once")
			var notYet *action.NotYetError
			switch {
			case test.says != "":
				require.ErrorContains(t, err, test.says)
			case test.waits > 0:
				require.ErrorAs(t, err, &notYet)
				require.Equal(t, test.waits, notYet.After)
				require.Contains(t, notYet.Waiting, "buildId=")
			default:
				require.NoError(t, err)
				require.Equal(t, test.status, output["pipelineRunStatus"])
				require.Equal(t, test.isLate, output["pipelineTimeoutExceeded"])
				require.Contains(t, output["pipelineRunUrl"], "buildId=")
			}
		})
	}
}

func TestRefusalsOfPipelines(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		id    string
		input values
		says  string
		kind  fault.Kind
	}{
		"no name":          {createID, values{"repository": "shop", "pipelineYamlFile": "ci.yml"}, `instance requires property "pipelineName"`, fault.Input},
		"no repository":    {createID, pipeline, "Unable to retrieve repository information", fault.Input},
		"no such pipeline": {runID, values{"pipelineId": "99"}, "Pipeline 99 was not found.", fault.NotFound},
		"no such project":  {runID, values{"pipelineId": "99", "project": "none"}, "TF200016", fault.NotFound},
		"no number":        {runID, values{"pipelineId": "shop"}, `pipelineId "shop" is no number`, fault.Input},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			_, err := b.Run(t, b.action(t, test.id), b.encode(t, there, test.input))
			require.ErrorContains(t, err, test.says)
			require.Equal(t, test.kind, fault.KindOf(err))
			require.NotContains(t, err.Error(), azuretest.Token)
		})
	}
}
