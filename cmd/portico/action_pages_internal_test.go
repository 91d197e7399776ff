package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/action/page"
)

//go:generate go test -run TestThePagesOfActionsAreUpToDate . -update

var update = flag.Bool("update", false, "write the generated files")

const pagesOfActions = "../../docs/actions"

func TestThePagesOfActionsAreUpToDate(t *testing.T) {
	t.Parallel()
	actions := unconnected(t)
	pages := map[string]string{"README.md": page.Index(actions.All()), conformancePage: conformance(actions.All(), proofs(t))}
	for _, each := range actions.All() {
		text, err := page.Of(each.Describe())
		require.NoError(t, err)
		pages[page.Name(each.Describe().ID)] = text
	}
	for _, absent := range page.AbsentActions() {
		for _, id := range absent.IDs {
			_, err := actions.Lookup(id)
			require.Error(t, err, "%s is here", id)
		}
	}
	if *update {
		require.NoError(t, os.RemoveAll(pagesOfActions))
		require.NoError(t, os.MkdirAll(pagesOfActions, 0o755))
		for name, text := range pages {
			require.NoError(t, os.WriteFile(filepath.Join(pagesOfActions, name), []byte(text), 0o644))
		}
	}
	stored, err := os.ReadDir(pagesOfActions)
	require.NoError(t, err)
	require.Len(t, stored, len(pages), "a page for each action, the index, and what tests have shown; `make generate` writes them")
	for name, text := range pages {
		content, err := os.ReadFile(filepath.Join(pagesOfActions, name))
		require.NoError(t, err)
		require.Equal(t, text, string(content), "%s is not up to date; `make generate` writes it", name)
	}
}
