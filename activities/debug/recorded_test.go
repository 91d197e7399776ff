package debug_test

import (
	"testing"

	"github.com/portico-dev/portico/activities/debug"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

func TestActionsEqualBackstages(t *testing.T) {
	t.Parallel()
	recordedtest.Run(t, "testdata/recorded.json", recordedtest.Suite{
		ComparesLog: true,
		Action: func(t testing.TB, recorded recordedtest.Case, _ *recordedtest.Stubs) action.Action {
			t.Helper()
			return recordedtest.ByID(t, debug.Actions(), recorded.Action)
		},
	})
}
