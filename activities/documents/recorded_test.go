package documents_test

import (
	"regexp"
	"testing"

	"github.com/portico-dev/portico/activities/documents"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// dryRunWorkspace finds the workspace of a dry run, which has its own.
var dryRunWorkspace = regexp.MustCompile(`[^" ]*/portico-dry-run-[^/"]+/dry-run-[^/"]+`)

// published are runs of the published packages, recorded for what the first recording does not show.
const published = "testdata/published.json"

func TestActionsEqualThePublishedOnes(t *testing.T) {
	t.Parallel()
	recordedtest.Run(t, published, recordedtest.Suite{
		Action: func(t testing.TB, recorded recordedtest.Case, _ *recordedtest.Stubs) action.Action {
			t.Helper()
			return recordedtest.ByID(t, documents.Actions(documents.Options{}), recorded.Action)
		},
	})
}

func TestActionsEqualBackstages(t *testing.T) {
	t.Parallel()
	const (
		lists     = "the result is a list, which Backstage's task runner refuses"
		theEngine = "the run engine logs that, not the action"
	)
	recordedtest.Run(t, "testdata/recorded.json", recordedtest.Suite{
		ComparesLog: true,
		Normalize:   func(text string) string { return dryRunWorkspace.ReplaceAllString(text, "WORKSPACE") },
		Action: func(t testing.TB, recorded recordedtest.Case, _ *recordedtest.Stubs) action.Action {
			t.Helper()
			return recordedtest.ByID(t, documents.Actions(documents.Options{}), recorded.Action)
		},
		Deviations: map[string]recordedtest.Deviation{
			"replace-dollar-literal": {In: []string{"files"}, Why: "a text that is no regular expression is taken literally"},
			"replace-empty-with":     {In: []string{"status", "files"}, Why: "an empty text may take the place of another"},
			"parse-yaml-merge":       {In: []string{"output"}, Why: "merge keys merge"},
			"jmerge-indent-tab":      {In: []string{"files"}, Why: "a file that is indented by tabs stays so"},
			"jsonata-path":           {In: []string{"status"}, Why: lists},
			"jsonata-keep-array":     {In: []string{"status"}, Why: lists},
			"jsonata-filter-fn":      {In: []string{"status"}, Why: lists},
			"jsonata-nested-array":   {In: []string{"status"}, Why: lists},
			"if-false":               {In: []string{"log"}, Why: theEngine},
			"each-obj":               {In: []string{"log"}, Why: theEngine},
			"each-write":             {In: []string{"log"}, Why: theEngine},
			"jmf-basic":              {In: []string{"log"}, Why: "the log names the file that is written"},
			"jmf-ops":                {In: []string{"log"}, Why: "the log names the file that is written"},
		},
	})
}
