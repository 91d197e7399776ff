package fs_test

import (
	"testing"

	"github.com/portico-dev/portico/activities/fs"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// published are runs of the published packages, recorded for what the first recording does not show.
const published = "testdata/published.json"

func TestActionsEqualThePublishedOnes(t *testing.T) {
	t.Parallel()
	recordedtest.Run(t, published, recordedtest.Suite{
		Action: func(t testing.TB, recorded recordedtest.Case, _ *recordedtest.Stubs) action.Action {
			t.Helper()
			return recordedtest.ByID(t, fs.Actions(), recorded.Action)
		},
	})
}

func TestActionsEqualBackstages(t *testing.T) {
	t.Parallel()
	recordedtest.Run(t, "testdata/recorded.json", recordedtest.Suite{
		ComparesLog: true,
		Action: func(t testing.TB, recorded recordedtest.Case, _ *recordedtest.Stubs) action.Action {
			t.Helper()
			return recordedtest.ByID(t, fs.Actions(), recorded.Action)
		},
		Deviations: map[string]recordedtest.Deviation{
			"fsd-files":  {In: []string{"files"}, Why: "an empty directory that a deletion leaves goes too, as who names a directory expects"},
			"fsr-exists": {In: []string{"error"}, Why: "the error names the files and what to do"},
		},
	})
}
