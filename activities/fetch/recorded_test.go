package fetch_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/fetch"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/expression"
)

// published are runs of the published packages, recorded for what the first recording does not show.
const published = "testdata/published.json"

// recordedAction is the action of a case, with GitHub as the only host.
func recordedAction(t testing.TB, recorded recordedtest.Case, stubs *recordedtest.Stubs) action.Action {
	t.Helper()
	hosts, err := forges.New(forges.Config{GitHub: []github.Config{{Host: "github.com"}}}, integration.Options{ReadingAllow: []integration.AllowRule{{Host: stubs.Host3}}})
	require.NoError(t, err)
	files, err := integration.NewFiles(nil, integration.Limits{})
	require.NoError(t, err)
	renderer := expression.New(expression.Options{IntegrationType: hosts.TypeOf})
	actions := fetch.Actions(fetch.Options{Sources: hosts, Files: files, Templates: renderer.Files})
	return recordedtest.ByID(t, actions, recorded.Action)
}

func TestActionsEqualThePublishedOnes(t *testing.T) {
	t.Parallel()
	recordedtest.Run(t, published, recordedtest.Suite{Action: recordedAction})
}

func TestActionsEqualBackstages(t *testing.T) {
	t.Parallel()
	recordedtest.Run(t, "testdata/recorded.json", recordedtest.Suite{
		ComparesLog: true,
		Action:      recordedAction,
		Deviations: map[string]recordedtest.Deviation{
			"fpf-basic":  {In: []string{"files", "status"}, Why: "a missing directory is made for a template on a local disk as for any other"},
			"wt-missing": {In: []string{"log"}, Why: "a directory that is not there is a warning"},
			"wt-no-list": {In: []string{"files", "status"}, Why: "copyWithoutTemplating may be left out"},
			"ft-error":   {In: []string{"error"}, Why: "the error names the file, and says it as it does elsewhere"},
		},
	})
}
