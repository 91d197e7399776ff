package integration_test

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
)

func openFiles(t *testing.T, limits integration.Limits) (*integration.Files, string) {
	t.Helper()
	outside := t.TempDir()
	base := filepath.Join(outside, "base")
	for name, content := range map[string]string{
		"base/all.yaml": "all", "base/a/x.yaml": "x", "base/a/b/y.yaml": "y", "base/.hidden/z.yaml": "z", "secret.yaml": "secret",
	} {
		path := filepath.Join(outside, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	require.NoError(t, os.Symlink(filepath.Join(outside, "secret.yaml"), filepath.Join(base, "link.yaml")))
	require.NoError(t, os.Symlink("all.yaml", filepath.Join(base, "inner.yaml")))
	files, err := integration.OpenFiles(base, limits)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, files.Close()) })
	return files, base
}

func TestReadFile(t *testing.T) {
	t.Parallel()
	files, base := openFiles(t, integration.Limits{})
	for _, name := range []string{"all.yaml", "./a/../all.yaml", filepath.Join(base, "all.yaml"), "inner.yaml"} {
		body, err := files.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, "all", string(body))
	}
	for name, kind := range map[string]fault.Kind{
		"none.yaml": fault.NotFound, "../secret.yaml": fault.NotAllowed, "/etc/passwd": fault.NotAllowed, "a": fault.Input, "link.yaml": "",
	} {
		_, err := files.ReadFile(name)
		require.Error(t, err)
		require.Equal(t, kind, fault.KindOf(err), name)
	}
	small, _ := openFiles(t, integration.Limits{FileBytes: 2})
	_, err := small.ReadFile("all.yaml")
	require.ErrorContains(t, err, "larger than 2 bytes")
}

func TestGlobFiles(t *testing.T) {
	t.Parallel()
	files, base := openFiles(t, integration.Limits{})
	for pattern, expected := range map[string][]integration.LocalFile{
		"all.yaml":                             {{Path: filepath.Join(base, "all.yaml"), Body: []byte("all")}},
		"./a/**/*.yaml":                        {{Path: filepath.Join(base, "a/b/y.yaml"), Body: []byte("y")}, {Path: filepath.Join(base, "a/x.yaml"), Body: []byte("x")}},
		filepath.Join(base, "{a,none}/x.yaml"): {{Path: filepath.Join(base, "a/x.yaml"), Body: []byte("x")}},
		"*/z.yaml":                             {},
		".hidden/*.yaml":                       {{Path: filepath.Join(base, ".hidden/z.yaml"), Body: []byte("z")}},
	} {
		found, err := files.GlobFiles(t.Context(), pattern)
		require.NoError(t, err)
		require.Equal(t, expected, found, pattern)
	}
	found, err := files.GlobFiles(t.Context(), "none.yaml")
	require.NoError(t, err)
	require.Empty(t, found)

	for _, pattern := range []string{"../*.yaml", "/etc/*", "link.yaml", "a/*[x"} {
		_, err := files.GlobFiles(t.Context(), pattern)
		require.Error(t, err, pattern)
	}
	few, _ := openFiles(t, integration.Limits{SearchFiles: 1})
	_, err = few.GlobFiles(t.Context(), "a/**/*.yaml")
	require.ErrorContains(t, err, "more than 1 files")
	small, _ := openFiles(t, integration.Limits{SearchBytes: 1})
	_, err = small.GlobFiles(t.Context(), "a/**/*.yaml")
	require.ErrorContains(t, err, "more than 1 bytes")

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = files.GlobFiles(ended, "**/*.yaml")
	require.ErrorIs(t, err, context.Canceled)
}

func TestOpenFilesNeedsADirectory(t *testing.T) {
	t.Parallel()
	_, err := integration.OpenFiles(filepath.Join(t.TempDir(), "none"), integration.Limits{})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestFilesAreReadThroughALinkedDirectory(t *testing.T) {
	t.Parallel()
	actual, link := t.TempDir(), filepath.Join(t.TempDir(), "home")
	require.NoError(t, os.WriteFile(filepath.Join(actual, "a.yaml"), []byte("a"), 0o600))
	require.NoError(t, os.Symlink(actual, link))
	files, err := integration.OpenFiles("/", integration.Limits{})
	require.NoError(t, err)
	defer files.Close()

	for _, pattern := range []string{"a.yaml", "*.yaml"} {
		found, err := files.GlobFiles(t.Context(), filepath.Join(link, pattern))
		require.NoError(t, err)
		require.Equal(t, []integration.LocalFile{{Path: filepath.Join(link, "a.yaml"), Body: []byte("a")}}, found, pattern)
	}
	confined, err := integration.OpenFiles(filepath.Dir(link), integration.Limits{})
	require.NoError(t, err)
	defer confined.Close()
	_, err = confined.ReadFile(filepath.Join(link, "a.yaml"))
	require.Equal(t, fault.NotAllowed, fault.KindOf(err), "a link does not lead out of the base")
}

func TestNobodyWaitsForAPipe(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	require.NoError(t, syscall.Mkfifo(filepath.Join(base, "pipe.yaml"), 0o600))
	files, err := integration.OpenFiles(base, integration.Limits{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, files.Close()) })
	_, err = files.ReadFile("pipe.yaml")
	require.ErrorContains(t, err, "it is no regular file")
	_, err = files.GlobFiles(t.Context(), filepath.Join(base, "*.yaml"))
	require.ErrorContains(t, err, "it is no regular file")
}
