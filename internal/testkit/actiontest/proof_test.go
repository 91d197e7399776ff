package actiontest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit/actiontest"
)

func TestProofsAreComparedWithTheFile(t *testing.T) {
	t.Parallel()
	note := func(crashes int) actiontest.Proofs {
		return actiontest.Proofs{"note:create": {"TestNote": {Crashes: crashes, Undo: actiontest.UndoRemoves}}}
	}
	other := actiontest.Proofs{"note:drop": {"TestDrop": {Crashes: 3, Undo: actiontest.UndoKeeps}}}
	directory := t.TempDir()
	require.ErrorContains(t, actiontest.Settle(note(5), directory, true, false), "note:create", "it has no entry")
	require.NoError(t, actiontest.Settle(note(5), directory, true, true))
	require.NoError(t, actiontest.Settle(note(5), directory, true, false))
	require.ErrorContains(t, actiontest.Settle(note(6), directory, false, false), "Crashes:6", "its entry differs")
	require.ErrorContains(t, actiontest.Settle(other, directory, false, false), "note:drop")

	require.NoError(t, actiontest.Settle(other, directory, false, true), "the results of a part of the tests are added")
	require.NoError(t, actiontest.Settle(note(5), directory, false, false))
	require.ErrorContains(t, actiontest.Settle(note(5), directory, true, false), "note:drop, of which no test has shown anything")
	require.NoError(t, actiontest.Settle(note(5), directory, true, true), "the results of all tests replace the file")
	stored, err := actiontest.ReadProofs(directory)
	require.NoError(t, err)
	require.Equal(t, note(5), stored)
}
