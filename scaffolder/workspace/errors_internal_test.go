package workspace

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/action"
)

func TestFullDiskIsNamed(t *testing.T) {
	t.Parallel()
	err := explain(fmt.Errorf("workspace: %w", &os.PathError{Op: "write", Path: "README.md", Err: syscall.ENOSPC}))
	require.ErrorContains(t, err, "the disk for workspaces is full (workspace: write README.md: no space left on device)")
	require.Contains(t, action.Advice(err), "Free some space")
	require.True(t, action.IsTransient(err))
	var full *DiskFullError
	require.ErrorAs(t, err, &full)
}
