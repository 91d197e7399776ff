package main

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/page"
)

// conformancePage is beside the pages of actions.
const conformancePage = "conformance.md"

// proofs are what the tests of all packages of actions have shown: actiontest.Main compares each file with the tests.
func proofs(t *testing.T) actiontest.Proofs {
	t.Helper()
	files, err := filepath.Glob("../../activities/*/testdata/conformance.json")
	require.NoError(t, err)
	all := actiontest.Proofs{}
	for _, file := range files {
		read, err := actiontest.ReadProofs(filepath.Dir(filepath.Dir(file)))
		require.NoError(t, err)
		for id, tests := range read {
			require.NotContains(t, all, id, "two packages test it")
			all[id] = tests
		}
	}
	return all
}

// TestEveryActionConforms: each action that can be used was held to the contract by a test.
func TestEveryActionConforms(t *testing.T) {
	t.Parallel()
	shown := proofs(t)
	for _, each := range unconnected(t).All() {
		id := each.Describe().ID
		require.NotEmpty(t, shown[id], "no test calls actiontest.Conform with %s, in a package whose TestMain is actiontest.Main", id)
		delete(shown, id)
	}
	require.Empty(t, shown, "tests of actions that nobody can use")
}

// conformance is the page of what the tests have shown.
func conformance(all []action.Action, shown actiontest.Proofs) string {
	var out strings.Builder
	out.WriteString("# What tests have shown of each action\n\nEach action is held to one contract by the suite of `internal/testkit/actiontest`, " +
		"on servers that are as real as possible. It is *planned*, which changes nothing and names what a run then creates. It is *run and run again*, " +
		"with the same result. Its process *crashes* before its first call, and after each call that may have changed something: another attempt " +
		"completes the run with each thing there once, or a rollback leaves nothing. Its effects are *undone twice*, and the process of the rollback crashes at " +
		"each of its calls as well. *Kept* is what others have since used, what they had created before, and what is only hidden from Portico.\n\n" +
		"The tests of each package compare what they have shown with `testdata/conformance.json`, from which `make generate` writes this page.\n\n" +
		"| Action | Planned | Run, and run again | Crashed at each call | Undone twice | Kept |\n|---|---|---|---|---|---|\n")
	points := 0
	for _, each := range all {
		id := each.Describe().ID
		fmt.Fprintf(&out, "| [%s](%s) | yes | yes | %s | %s | %s |\n", id, page.Name(id), crashed(shown[id]), undone(shown[id]), kept(shown[id]))
		for _, proof := range shown[id] {
			points += proof.Crashes + proof.RolledBack + proof.UndoCrashes
		}
	}
	fmt.Fprintf(&out, "\n%d actions, and %d crashes.\n", len(all), points)
	return out.String()
}

func crashed(tests map[string]actiontest.Proof) string {
	least, most := reach(tests, func(proof actiontest.Proof) int { return proof.Crashes })
	if most == 0 {
		return "no calls"
	}
	return pointsOf(least, most)
}

func undone(tests map[string]actiontest.Proof) string {
	least, most := reach(tests, func(proof actiontest.Proof) int { return proof.UndoCrashes })
	switch reason := ""; {
	case has(tests, func(proof actiontest.Proof) bool { return proof.Undo == actiontest.UndoRemoves }):
		return "yes, crashed at " + pointsOf(least, most)
	case has(tests, func(proof actiontest.Proof) bool { return proof.Undo == actiontest.UndoKeeps }):
		return "nobody can undo it; the rollback says so each time"
	default:
		for _, proof := range tests {
			reason = cmp.Or(reason, proof.NoUndo)
		}
		_, calls := reach(tests, func(proof actiontest.Proof) int { return proof.Crashes })
		if calls == 0 {
			reason = cmp.Or(reason, "it changes its workspace only")
		}
		return "no undo, because " + cmp.Or(reason, "it only reads")
	}
}

func kept(tests map[string]actiontest.Proof) string {
	var all []string
	for _, each := range []struct {
		name string
		is   func(actiontest.Proof) bool
	}{
		{"used", func(proof actiontest.Proof) bool { return proof.Used }},
		{"created before", func(proof actiontest.Proof) bool { return proof.Taken }},
		{"hidden", func(proof actiontest.Proof) bool { return proof.Hidden }},
	} {
		if has(tests, each.is) {
			all = append(all, each.name)
		}
	}
	return strings.Join(all, ", ")
}

func has(tests map[string]actiontest.Proof, is func(actiontest.Proof) bool) bool {
	for _, proof := range tests {
		if is(proof) {
			return true
		}
	}
	return false
}

// reach is the least and the most of a number among the tests of an action.
func reach(tests map[string]actiontest.Proof, number func(actiontest.Proof) int) (least, most int) {
	least = math.MaxInt
	for _, proof := range tests {
		least, most = min(least, number(proof)), max(most, number(proof))
	}
	return least, most
}

func pointsOf(least, most int) string {
	switch {
	case most == 1:
		return "1 point"
	case least == most:
		return fmt.Sprintf("%d points", most)
	default:
		return fmt.Sprintf("%d to %d points", least, most)
	}
}
