package plan_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/plan"
)

// TestItemsOfAnEarlierDecision decides on each iteration with the items that the first decision found, and
// with an each that was evaluated anew. The first has nothing of what only the each needs.
func TestItemsOfAnEarlierDecision(t *testing.T) {
	t.Parallel()
	for name, document := range map[string]string{
		"a list":               `{"id":"x","action":"a","each":"${{ parameters.langs }}","input":{"v":"${{ each.key }}=${{ each.value }}"}}`,
		"an object":            `{"id":"x","action":"a","each":"${{ parameters.owners }}","input":{"v":"${{ each.key }}=${{ each.value }}"}}`,
		"an output":            `{"id":"x","action":"a","each":"${{ steps.fetch.output.files }}","input":{"v":"${{ each.value }}"}}`,
		"a masked output":      `{"id":"x","action":"a","each":"${{ steps.login.output.keys }}","input":{"v":"${{ each.value | upper }}"}}`,
		"a secret":             `{"id":"x","action":"a","each":["${{ secrets.token }}","plain"],"input":{"v":"${{ each.value | reverse }}"}}`,
		"a condition":          `{"id":"x","action":"a","each":"${{ parameters.langs }}","if":"${{ each.value == 'ts' }}","input":{"v":"${{ each.value }}"}}`,
		"values with members":  `{"id":"x","action":"a","each":[{"z":1,"a":[null,true,"<"]},{"z":2,"a":[]}],"input":{"v":"${{ each.value }}"}}`,
		"a change in place":    `{"id":"x","action":"a","each":[["p"],["q"]],"input":{"v":"${{ each.value.push('r') }}${{ each.value.length }}"}}`,
		"an input of its own":  `{"id":"x","action":"a","each":"${{ parameters.langs }}","input":{"v":"${{ parameters.name }}-${{ each.value }}"}}`,
		"nothing to go over":   `{"id":"x","action":"a","each":"${{ parameters.empty }}","input":{}}`,
		"a secret for each":    `{"id":"x","action":"a","each":"${{ parameters.langs }}","input":{"v":"${{ secrets.token }}${{ each.value }}"}}`,
		"broken input":         `{"id":"x","action":"a","each":"${{ parameters.langs }}","input":{"v":"${{ nope() }}"}}`,
		"an output and a name": `{"id":"x","action":"a","each":"${{ steps.fetch.output.files }}","input":{"v":"${{ steps.fetch.output.z }}"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			document := step(t, document)
			scope := scope()
			scope.Outputs = append(scope.Outputs, action.StepOutput{StepID: "login", Output: json.RawMessage(`{"keys":["alpha-key","beta"]}`),
				Shown: json.RawMessage(`{"keys":["***","beta"]}`)})
			first, err := planner().DecideNext(t.Context(), scope, document, 0)
			require.NoError(t, err)
			require.NotNil(t, first.Items)
			for done := range len(first.Iterations) + 1 {
				anew, err := planner().DecideNext(t.Context(), scope, document, done)
				require.NoError(t, err)
				known := scope
				known.Items = first.Items
				if !plan.UsesOutputs(document, known.Items) {
					known.Outputs = nil
				}
				kept, err := planner().DecideNext(t.Context(), known, document, done)
				require.NoError(t, err)
				require.Nil(t, kept.Items, "the each was not evaluated")
				require.Equal(t, inputs(anew), inputs(kept))
				require.Equal(t, anew.Derived, kept.Derived)
				require.Equal(t, anew.ExpressionErrors, kept.ExpressionErrors)
				for index := range anew.Iterations {
					require.Equal(t, anew.Runs(index), kept.Runs(index))
					require.Equal(t, anew.Iterations[index].Key, kept.Iterations[index].Key)
				}
			}
		})
	}
}

// TestItemsThatAreNotCached are evaluated for every iteration.
func TestItemsThatAreNotCached(t *testing.T) {
	t.Parallel()
	for name, each := range map[string]string{
		"not JSON":  `"${{ [parameters.nope, 'x'] }}"`,
		"no number": `"${{ [0 / 0, 1] }}"`,
		"too large": `["` + strings.Repeat("x", 300<<10) + `"]`,
		"long keys": `{"` + strings.Repeat("k", 150<<10) + `":1,"` + strings.Repeat("l", 150<<10) + `":2}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			decision, err := planner().DecideNext(t.Context(), scope(), step(t, `{"id":"x","action":"a","each":`+each+`}`), 0)
			require.NoError(t, err)
			require.Nil(t, decision.Items)
			require.NotEmpty(t, decision.Iterations)
		})
	}
}
