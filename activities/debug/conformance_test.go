package debug_test

import (
	"testing"

	"github.com/portico-dev/portico/activities/debug"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/scaffolder/action"
)

func TestActionsConform(t *testing.T) {
	t.Parallel()
	inputs := map[string]string{
		"debug:log":  `{"message":"hello","listWorkspace":"with-contents"}`,
		"debug:wait": `{"seconds":1}`,
	}
	for _, tested := range debug.Actions() {
		t.Run(tested.Describe().ID, func(t *testing.T) {
			t.Parallel()
			actiontest.Conform(t, func(testing.TB, *actiontest.Gate) actiontest.Fixture {
				return fixture(tested, inputs[tested.Describe().ID])
			})
		})
	}
}

func fixture(tested action.Action, input string) actiontest.Fixture {
	return actiontest.Fixture{Action: tested, Input: input, Files: map[string]string{"a.txt": "a", "deep/b.txt": "b"}}
}
