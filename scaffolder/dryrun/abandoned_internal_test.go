package dryrun

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDirectoriesOfKilledDryRunsAreRemoved(t *testing.T) {
	t.Parallel()
	temporary, elsewhere := t.TempDir(), t.TempDir()
	leave := func(name string, age time.Duration) {
		path := filepath.Join(temporary, name)
		require.NoError(t, os.MkdirAll(filepath.Join(path, "template"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(path, "template", "secret.txt"), []byte("x"), 0o600))
		require.NoError(t, os.Chtimes(path, time.Now(), time.Now().Add(-age)))
	}
	leave("portico-dry-run-1", time.Hour)
	leave("portico-dry-run-2", time.Minute)
	leave("another-program", time.Hour)
	require.NoError(t, os.WriteFile(filepath.Join(elsewhere, "kept"), nil, 0o600))
	require.NoError(t, os.Symlink(elsewhere, filepath.Join(temporary, "portico-dry-run-link")))

	require.NoError(t, removeAbandoned(temporary, time.Now().Add(-abandonedAfter)))
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	var names []string
	for _, entry := range left {
		names = append(names, entry.Name())
	}
	require.Equal(t, []string{"another-program", "portico-dry-run-2", "portico-dry-run-link"}, names)
	require.FileExists(t, filepath.Join(elsewhere, "kept"))
	require.ErrorIs(t, removeAbandoned(filepath.Join(temporary, "none"), time.Now()), os.ErrNotExist)
}
