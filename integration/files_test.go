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
	"github.com/portico-dev/portico/integration/provenance"
)

// newFiles creates files in a configured directory, and one next to it that is not configured.
func newFiles(t *testing.T, limits integration.Limits) (*integration.Files, string) {
	t.Helper()
	outside := t.TempDir()
	base := filepath.Join(outside, "base")
	for name, content := range map[string]string{
		"base/all.yaml": "all", "base/a/x.yaml": "x", "base/a/b/y.yaml": "y", "base/.hidden/z.yaml": "z", "secret.yaml": "secret",
		"basement/secret.yaml": "secret",
	} {
		path := filepath.Join(outside, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	require.NoError(t, os.Symlink(filepath.Join(outside, "secret.yaml"), filepath.Join(base, "link.yaml")))
	require.NoError(t, os.Symlink("../secret.yaml", filepath.Join(base, "up.yaml")))
	require.NoError(t, os.Symlink("all.yaml", filepath.Join(base, "inner.yaml")))
	require.NoError(t, os.Symlink(outside, filepath.Join(base, "away")))
	require.NoError(t, os.Symlink("/", filepath.Join(base, "root")))
	files, err := integration.NewFiles([]string{base}, limits)
	require.NoError(t, err)
	return files, base
}

func file(path string) provenance.Place { return provenance.At(provenance.File, path) }

func TestGlob(t *testing.T) {
	t.Parallel()
	files, base := newFiles(t, integration.Limits{})
	for pattern, expected := range map[string][]integration.LocalFile{
		"all.yaml":        {{Path: filepath.Join(base, "all.yaml"), Body: []byte("all")}},
		"a/../all.yaml":   {{Path: filepath.Join(base, "all.yaml"), Body: []byte("all")}},
		"inner.yaml":      {{Path: filepath.Join(base, "inner.yaml"), Body: []byte("all")}},
		"a/**/*.yaml":     {{Path: filepath.Join(base, "a/b/y.yaml"), Body: []byte("y")}, {Path: filepath.Join(base, "a/x.yaml"), Body: []byte("x")}},
		"{a,none}/x.yaml": {{Path: filepath.Join(base, "a/x.yaml"), Body: []byte("x")}},
		"*/z.yaml":        {},
		".hidden/*.yaml":  {{Path: filepath.Join(base, ".hidden/z.yaml"), Body: []byte("z")}},
		"none.yaml":       {},
		"none/none.yaml":  {},
		"*/secret.yaml":   {},
		"**/secret.yaml":  {},
	} {
		found, err := files.Glob(t.Context(), file(base+"/"+pattern))
		require.NoError(t, err, pattern)
		require.Equal(t, expected, append([]integration.LocalFile{}, found...), pattern)
	}
	_, err := files.Glob(t.Context(), file(base+"/a"))
	require.ErrorContains(t, err, "it is not a regular file")
	_, err = files.Glob(t.Context(), file(base+"/a/*[x"))
	require.Error(t, err)
	few, base := newFiles(t, integration.Limits{SearchFiles: 1})
	_, err = few.Glob(t.Context(), file(base+"/a/**/*.yaml"))
	require.ErrorContains(t, err, "more than 1 files")
	small, base := newFiles(t, integration.Limits{SearchBytes: 1, FileBytes: 2})
	_, err = small.Glob(t.Context(), file(base+"/a/**/*.yaml"))
	require.ErrorContains(t, err, "more than 1 bytes")
	_, err = small.Glob(t.Context(), file(base+"/all.yaml"))
	require.ErrorContains(t, err, "larger than 2 bytes")

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = files.Glob(ended, file(filepath.Dir(base)+"/base/**/*.yaml"))
	require.Error(t, err)
}

// TestNothingOutsideTheConfiguredDirectoriesIsRead tries all known ways out, with and without files there.
func TestNothingOutsideTheConfiguredDirectoriesIsRead(t *testing.T) {
	t.Parallel()
	files, base := newFiles(t, integration.Limits{})
	for _, path := range []string{
		"../secret.yaml", "../none.yaml", "../basement/secret.yaml", "../*.yaml", "a/../../secret.yaml", "link.yaml", "up.yaml",
		"away/secret.yaml", "away/*.yaml", "away/base/all.yaml/../../secret.yaml", "root/etc/passwd", "root/proc/self/environ", "{..,a}/secret.yaml",
		"*/../../secret.yaml", "a/{../..,b}/secret.yaml",
	} {
		found, _ := files.Glob(t.Context(), file(base+"/"+path)) // nothing is found, or there is an error
		require.Empty(t, found, path)
	}
	for _, at := range []provenance.Place{
		file("/etc/passwd"), file("/proc/self/environ"), file(base + "ment/secret.yaml"), file(""), file("all.yaml"), file("../../../../etc/passwd"),
		provenance.At(provenance.URL, base+"/all.yaml"), provenance.Sent(base + "/all.yaml"), {},
	} {
		_, err := files.Glob(t.Context(), at)
		require.Equal(t, fault.NotAllowed, fault.KindOf(err), at)
	}
}

func TestFilesAreReadRelativeToAFile(t *testing.T) {
	t.Parallel()
	files, base := newFiles(t, integration.Limits{})
	for path, expected := range map[string]string{
		base + "/template.yaml": "all.yaml", base + "/": "all.yaml", base + "/a/template.yaml": "x.yaml", base + "/a/b/": "y.yaml", base + "/a/../none": "all.yaml",
	} {
		root, err := files.OpenParent(file(path))
		require.NoError(t, err, path)
		_, err = root.Stat(expected)
		require.NoError(t, err, path)
		require.NoError(t, root.Close())
	}
	for _, path := range []string{"/etc/template.yaml", "/proc/self/x", base + "/../x", base + "ment/x", base + "/away/x", base + "/root/etc/x",
		base + "/root/proc/self/x", "relative", ""} {
		_, err := files.OpenParent(file(path))
		require.Error(t, err, path)
		require.NotContains(t, err.Error(), base, "users see this message")
	}
	_, err := files.OpenParent(provenance.At(provenance.URL, base+"/template.yaml"))
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	_, err = files.OpenParent(provenance.Place{})
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	_, err = files.OpenParent(file(base + "/none/template.yaml"))
	require.ErrorIs(t, err, os.ErrNotExist)

	sent := t.TempDir()
	root, err := files.OpenParent(provenance.Sent(filepath.Join(sent, "template.yaml")))
	require.NoError(t, err)
	require.Equal(t, sent, root.Name())
	require.NoError(t, root.Close())
}

// TestALinkThatIsSwappedInWhileFilesAreRead tests the race between checking a path and opening it.
func TestALinkThatIsSwappedInWhileFilesAreRead(t *testing.T) {
	t.Parallel()
	files, base := newFiles(t, integration.Limits{})
	swapped, aside := filepath.Join(base, "swapped"), filepath.Join(base, "aside")
	require.NoError(t, os.Mkdir(swapped, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(swapped, "secret.yaml"), []byte("ours"), 0o600))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				_ = os.Rename(swapped, aside) // any of these may fail for the reader's sake
				_ = os.Symlink(filepath.Dir(base), swapped)
				_ = os.Remove(swapped)
				_ = os.Rename(aside, swapped)
			}
		}
	}()
	for range 500 {
		found, err := files.Glob(t.Context(), file(filepath.Join(swapped, "secret.yaml")))
		if err == nil && len(found) > 0 {
			require.Equal(t, "ours", string(found[0].Body))
		}
		if root, err := files.OpenParent(file(filepath.Join(swapped, "template.yaml"))); err == nil {
			content, err := root.ReadFile("secret.yaml")
			if err == nil {
				require.Equal(t, "ours", string(content))
			}
			require.NoError(t, root.Close())
		}
	}
	close(stop)
	<-stopped
}

func TestRootAndSystemDirectoriesAreRefused(t *testing.T) {
	t.Parallel()
	for _, directory := range []string{"/", "/.", "//", "/x/..", "/proc", "/proc/self", "/sys/x", "/dev/", "relative", ""} {
		_, err := integration.NewFiles([]string{directory}, integration.Limits{})
		require.ErrorContains(t, err, "local files are not read from "+directory+": give them a directory of their own")
	}
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink("/", link))
	files, err := integration.NewFiles([]string{link}, integration.Limits{})
	require.NoError(t, err)
	_, err = files.Glob(t.Context(), file(link+"/etc/passwd"))
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
}

func TestFilesAreReadThroughALinkedDirectory(t *testing.T) {
	t.Parallel()
	actual, link := t.TempDir(), filepath.Join(t.TempDir(), "home")
	require.NoError(t, os.MkdirAll(filepath.Join(actual, "b"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(actual, "a.yaml"), []byte("a"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(actual, "b", "c.yaml"), []byte("c"), 0o600))
	require.NoError(t, os.Symlink(filepath.Join(actual, "b"), filepath.Join(actual, "d")))
	require.NoError(t, os.Symlink(actual, link))
	files, err := integration.NewFiles([]string{link}, integration.Limits{})
	require.NoError(t, err)
	for pattern, found := range map[string]integration.LocalFile{
		"a.yaml": {Path: "a.yaml", Body: []byte("a")}, "*.yaml": {Path: "a.yaml", Body: []byte("a")}, "b/*.yaml": {Path: "b/c.yaml", Body: []byte("c")},
		"d/c.yaml": {Path: "d/c.yaml", Body: []byte("c")}, "d/*.yaml": {Path: "d/c.yaml", Body: []byte("c")},
	} {
		read, err := files.Glob(t.Context(), file(filepath.Join(link, pattern)))
		require.NoError(t, err)
		found.Path = filepath.Join(link, found.Path)
		require.Equal(t, []integration.LocalFile{found}, read, pattern)
	}
	confined, err := integration.NewFiles([]string{filepath.Dir(link)}, integration.Limits{})
	require.NoError(t, err)
	_, err = confined.Glob(t.Context(), file(filepath.Join(link, "a.yaml")))
	require.Equal(t, fault.NotAllowed, fault.KindOf(err), "a link does not lead out of the directory")
}

func TestDirectoriesOfGlobs(t *testing.T) {
	t.Parallel()
	for path, directory := range map[string]string{
		"/srv/c/all.yaml": "/srv/c", "/srv/c/*.yaml": "/srv/c", "/srv/*/c/all.yaml": "/srv", "/srv/{a,b}/**/x.yaml": "/srv", "/srv/[ab]/x": "/srv", "/x.yaml": "/",
		"/**/x.yaml": "/",
	} {
		require.Equal(t, directory, integration.FixedDirectory(path), path)
	}
}

func TestPipesAreNotRead(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	require.NoError(t, syscall.Mkfifo(filepath.Join(base, "pipe.yaml"), 0o600))
	files, err := integration.NewFiles([]string{base}, integration.Limits{})
	require.NoError(t, err)
	for _, pattern := range []string{"pipe.yaml", "*.yaml"} {
		_, err = files.Glob(t.Context(), file(filepath.Join(base, pattern)))
		require.ErrorContains(t, err, "it is not a regular file")
	}
}
