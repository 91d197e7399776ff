package workspace

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestWorkingDirectoriesAreSpreadOverTheDisk(t *testing.T) {
	t.Parallel()
	if err := unix.IoctlSetPointerInt(descriptor(t, t.TempDir()), unix.FS_IOC_SETFLAGS, topDirectory); err != nil {
		t.Skip("this file system takes no hints:", err)
	}
	made, err := newHome(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, made.remove()) })
	flags, err := unix.IoctlGetUint32(descriptor(t, made.path), unix.FS_IOC_GETFLAGS)
	require.NoError(t, err)
	require.NotZero(t, flags&topDirectory)
}

func descriptor(t *testing.T, directory string) int {
	t.Helper()
	opened, err := os.Open(directory)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, opened.Close()) })
	return int(opened.Fd())
}
