package workspace_test

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/workspace"
)

// bundle is a store with its own file bucket.
type bundle struct {
	store     *workspace.Store
	bucket    *blob.Bucket
	bucketDir string
	directory string
}

func setup(t testing.TB, change ...func(*workspace.Options)) bundle {
	t.Helper()
	made := bundle{bucketDir: filepath.Join(t.TempDir(), "bucket with space"), directory: t.TempDir()}
	var err error
	made.bucket, err = workspace.OpenBucket(t.Context(), "file://"+made.bucketDir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, made.bucket.Close()) })
	made.store = made.newStore(t, change...)
	return made
}

// newStore makes the store of another worker with the same bucket on the same machine.
func (b bundle) newStore(t testing.TB, change ...func(*workspace.Options)) *workspace.Store {
	t.Helper()
	options := workspace.Options{Bucket: b.bucket, Directory: b.directory}
	for _, apply := range change {
		apply(&options)
	}
	store, err := workspace.New(options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}

// archives lists the objects in the bucket.
func (b bundle) archives(t testing.TB) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(b.bucketDir, "workspaces", "*"))
	require.NoError(t, err)
	return found
}

// opened is a workspace that a step has opened.
type opened struct {
	store *workspace.Store
	*os.Root
	release func()
}

func open(t testing.TB, store *workspace.Store, digest string) opened {
	t.Helper()
	root, release, err := store.Open(t.Context(), digest)
	require.NoError(t, err)
	return opened{store, root, release}
}

func save(t testing.TB, o opened) string {
	t.Helper()
	digest, err := o.store.Save(t.Context(), o.Root)
	require.NoError(t, err)
	o.release()
	return digest
}

func write(t testing.TB, root *os.Root, path, content string) {
	t.Helper()
	require.NoError(t, root.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, root.WriteFile(path, []byte(content), 0o644))
}

// saved saves a workspace with the files.
func saved(t testing.TB, store *workspace.Store, files map[string]string) string {
	t.Helper()
	opened := open(t, store, workspace.Empty)
	for path, content := range files {
		write(t, opened.Root, path, content)
	}
	return save(t, opened)
}

func TestAnEmptyWorkspaceIsNotStored(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Empty(t, save(t, open(t, b.store, "")))
	require.Equal(t, workspace.Empty, save(t, open(t, b.store, workspace.Empty)))

	full := open(t, b.store, saved(t, b.store, map[string]string{"a": "1"}))
	require.NoError(t, full.Root.Remove("a"))
	require.Equal(t, workspace.Empty, save(t, full))
}

// TestASnapshotContainsModesAndLinks shows that another worker opens a saved directory unchanged.
func TestASnapshotContainsModesAndLinks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := open(t, b.store, workspace.Empty)
	long := strings.Repeat("directory-with-a-long-name/", 9) + "file.txt"
	for path, content := range map[string]string{
		"README.md": "# Hi\n", ".git/objects/ab/cd": "\x00\x01blob", "empty": "", long: "deep", "ünï/\n line": "odd name",
		"bad\xffname": "not UTF-8", "big": strings.Repeat("0123456789", 300_000),
	} {
		write(t, first.Root, path, content)
	}
	require.NoError(t, first.Root.WriteFile("run.sh", []byte("#!/bin/sh\n"), 0o755))
	require.NoError(t, first.Root.Chmod(".git/objects/ab/cd", 0o444))
	require.NoError(t, first.Root.Symlink("README.md", "link"))
	require.NoError(t, first.Root.Symlink("../../etc/passwd", "outside"))
	require.NoError(t, first.Root.MkdirAll("empty dir/inner", 0o700))
	require.NoError(t, first.Root.Mkdir("readonly", 0o700))
	write(t, first.Root, "readonly/file", "x")
	require.NoError(t, first.Root.Chmod("readonly", 0o555))
	want := tree(t, first.Root)
	digest := save(t, first)
	require.Len(t, b.archives(t), 1)

	second := open(t, b.newStore(t), digest)
	require.Equal(t, want, tree(t, second.Root))
	require.Equal(t, digest, save(t, second))
}

// tree describes the content of a directory.
func tree(t testing.TB, root *os.Root) map[string]string {
	t.Helper()
	found := map[string]string{}
	require.NoError(t, fs.WalkDir(root.FS(), ".", func(path string, item fs.DirEntry, err error) error {
		if err != nil || path == "." {
			return err
		}
		info, err := item.Info()
		require.NoError(t, err)
		content := []byte{}
		switch {
		case item.Type() == fs.ModeSymlink:
			link, err := root.Readlink(path)
			require.NoError(t, err)
			content = []byte(link)
		case item.Type().IsRegular():
			content, err = root.ReadFile(path)
			require.NoError(t, err)
		}
		found[path] = fmt.Sprintf("%s %q", info.Mode(), content)
		return nil
	}))
	return found
}

func TestDigestsFollowTheContent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	base := map[string]string{"a": "1", "d/b": "2"}
	digest := saved(t, b.store, base)
	require.Equal(t, digest, saved(t, b.store, base))
	require.Len(t, b.archives(t), 1)

	for name, change := range map[string]func(*os.Root) error{
		"content of one size": func(root *os.Root) error { return root.WriteFile("a", []byte("2"), 0o644) },
		"name":                func(root *os.Root) error { return root.Rename("a", "c") },
		"mode":                func(root *os.Root) error { return root.Chmod("a", 0o755) },
		"empty directory":     func(root *os.Root) error { return root.Mkdir("e", 0o755) },
		"link":                func(root *os.Root) error { return root.Symlink("a", "l") },
		"file into a link": func(root *os.Root) error {
			return cmp.Or(root.Remove("a"), root.Symlink("1", "a"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opened := open(t, b.store, digest)
			require.NoError(t, change(opened.Root))
			require.NotEqual(t, digest, save(t, opened))
		})
	}
}

func TestAnUnchangedDirectoryIsReused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	opened := open(t, b.store, workspace.Empty)
	write(t, opened.Root, "a", "1")
	path := opened.Root.Name()
	digest := save(t, opened)

	next := open(t, b.store, digest)
	require.Equal(t, path, next.Root.Name())
	other := open(t, b.store, digest)
	require.NotEqual(t, path, other.Root.Name())
	require.Equal(t, digest, save(t, next))
	other.release()
}

func TestAFailedStepLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	b := setup(t)
	digest := saved(t, b.store, map[string]string{"a": "1"})
	failed := open(t, b.store, digest)
	write(t, failed.Root, "half", "written")
	path := failed.Root.Name()
	failed.release()
	require.NoDirExists(t, path)

	again := open(t, b.store, digest)
	require.Equal(t, map[string]string{"a": `-rw-r--r-- "1"`}, tree(t, again.Root))
	again.release()
}

func TestAChangedDirectoryIsNotReused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	opened := open(t, b.store, workspace.Empty)
	write(t, opened.Root, "a", "1")
	path := opened.Root.Name()
	digest := save(t, opened)
	require.NoError(t, os.WriteFile(filepath.Join(path, "a"), []byte("2"), 0o644))

	next := open(t, b.store, digest)
	require.Equal(t, map[string]string{"a": `-rw-r--r-- "1"`}, tree(t, next.Root))
	next.release()
}

func TestCachedDirectoriesAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *workspace.Options) { o.KeepBytes = 10_000 })
	for n := range 10 {
		saved(t, b.store, map[string]string{"a": fmt.Sprint(n)})
	}
	kept, err := filepath.Glob(filepath.Join(b.directory, "store-*", "run-*"))
	require.NoError(t, err)
	require.Len(t, kept, 2)
}

func TestLimits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	digest := saved(t, b.store, map[string]string{"a": "1", "b": "22222"})
	for name, limit := range map[string]func(*workspace.Options){
		"the workspace holds more than 5 bytes":                 func(o *workspace.Options) { o.MaxBytes = 5 },
		"the workspace holds more than 1 files and directories": func(o *workspace.Options) { o.MaxFiles = 1 },
	} {
		store := b.newStore(t, limit)
		full := open(t, store, workspace.Empty)
		write(t, full.Root, "a", "1")
		write(t, full.Root, "b", "22222")
		_, err := store.Save(t.Context(), full.Root)
		requireFinal(t, err, name)
		full.release()

		_, _, err = store.Open(t.Context(), digest)
		requireFinal(t, err, name)
	}
}

func requireFinal(t *testing.T, err error, message string) {
	t.Helper()
	require.ErrorContains(t, err, message)
	var classified *action.Error
	require.ErrorAs(t, err, &classified)
	require.False(t, classified.Transient)
}

func TestSpecialFilesAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	opened := open(t, b.store, workspace.Empty)
	require.NoError(t, syscall.Mkfifo(filepath.Join(opened.Root.Name(), "pipe"), 0o600))
	_, err := b.store.Save(t.Context(), opened.Root)
	require.ErrorContains(t, err, "pipe is neither a file nor a directory nor a symbolic link")
	opened.release()
}

func TestSnapshotsThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	b := setup(t)
	digest := saved(t, b.store, map[string]string{"a": "1"})
	other := saved(t, b.store, map[string]string{"a": "2"})
	elsewhere := b.newStore(t)

	_, _, err := elsewhere.Open(t.Context(), "sha256:../../secrets")
	requireFinal(t, err, "is not the digest of a workspace")
	_, _, err = elsewhere.Open(t.Context(), "sha256:"+strings.Repeat("0", 64))
	requireFinal(t, err, "the snapshot is not in the bucket any more")

	archive, err := b.bucket.ReadAll(t.Context(), "workspaces/"+strings.TrimPrefix(other, "sha256:")+".tar.zst")
	require.NoError(t, err)
	require.NoError(t, b.bucket.WriteAll(t.Context(), "workspaces/"+strings.TrimPrefix(digest, "sha256:")+".tar.zst", archive, nil))
	_, _, err = elsewhere.Open(t.Context(), digest)
	requireFinal(t, err, "the snapshot in the bucket is damaged")
}

func TestABucketThatFailsIsTransient(t *testing.T) {
	t.Parallel()
	bucket, err := workspace.OpenBucket(t.Context(), "file://"+t.TempDir())
	require.NoError(t, err)
	require.NoError(t, bucket.Close())
	store := bundle{bucket: bucket, directory: t.TempDir()}.newStore(t)
	opened := open(t, store, workspace.Empty)
	write(t, opened.Root, "a", "1")
	_, err = store.Save(t.Context(), opened.Root)
	require.ErrorContains(t, err, "the bucket for workspaces")
	require.True(t, action.IsTransient(err))
	opened.release()
}

func TestDeleteKeepsSnapshotsOfTheLastHour(t *testing.T) {
	t.Parallel()
	b := setup(t)
	old, fresh := saved(t, b.store, map[string]string{"a": "1"}), saved(t, b.store, map[string]string{"a": "2"})
	past := time.Now().Add(-2 * time.Hour)
	require.NoError(t, os.Chtimes(archivePath(b, old), past, past))

	require.NoError(t, b.store.Delete(t.Context(), old, fresh, "", workspace.Empty, "sha256:"+strings.Repeat("0", 64)))
	require.NoFileExists(t, archivePath(b, old))
	require.FileExists(t, archivePath(b, fresh))
	require.ErrorContains(t, b.store.Delete(t.Context(), "sha256:../x"), "is not the digest")
}

// TestSavingAgainProtectsFromDelete shows that a run keeps a snapshot that an older run saved, too.
func TestSavingAgainProtectsFromDelete(t *testing.T) {
	t.Parallel()
	b := setup(t)
	digest := saved(t, b.store, map[string]string{"a": "1"})
	past := time.Now().Add(-2 * time.Hour)
	require.NoError(t, os.Chtimes(archivePath(b, digest), past, past))

	require.Equal(t, digest, saved(t, b.store, map[string]string{"a": "1"}))
	require.NoError(t, b.store.Delete(t.Context(), digest))
	require.FileExists(t, archivePath(b, digest))
}

func archivePath(b bundle, digest string) string {
	return filepath.Join(b.bucketDir, "workspaces", strings.TrimPrefix(digest, "sha256:")+".tar.zst")
}

func TestDirectoriesOfDeadProcessesAreRemoved(t *testing.T) {
	t.Parallel()
	b := setup(t)
	living := open(t, b.store, workspace.Empty)
	dead := filepath.Join(b.directory, "store-dead")
	require.NoError(t, os.MkdirAll(filepath.Join(dead, "run-1", "locked"), 0o755))
	require.NoError(t, os.Chmod(filepath.Join(dead, "run-1", "locked"), 0o500))
	require.NoError(t, os.WriteFile(dead+".lock", nil, 0o600))

	b.newStore(t)
	require.NoDirExists(t, dead)
	require.NoFileExists(t, dead+".lock")
	require.DirExists(t, living.Root.Name())
	living.release()
}

func TestOpenBucket(t *testing.T) {
	t.Parallel()
	_, err := workspace.OpenBucket(t.Context(), "file://relative/path")
	require.ErrorContains(t, err, "the path must be absolute")
	_, err = workspace.OpenBucket(t.Context(), "nope://x")
	require.ErrorContains(t, err, "nope")
}

// thousandFiles fills a workspace with 1,000 files of half a kilobyte in 50 directories.
func thousandFiles(t testing.TB, root *os.Root) {
	t.Helper()
	for n := range 1000 {
		write(t, root, fmt.Sprintf("d%02d/f%03d.txt", n%50, n), strings.Repeat(fmt.Sprintf("line %d\n", n), 60))
	}
}

func BenchmarkThousandFiles(b *testing.B) {
	bundle := setup(b)
	opened := open(b, bundle.store, workspace.Empty)
	thousandFiles(b, opened.Root)
	digest := save(b, opened)

	b.Run("hand on", func(b *testing.B) {
		for b.Loop() {
			save(b, open(b, bundle.store, digest))
		}
	})
	b.Run("unpack", func(b *testing.B) {
		for b.Loop() {
			opened := open(b, bundle.store, digest)
			b.StopTimer()
			opened.release()
			b.StartTimer()
		}
	})
	b.Run("pack", func(b *testing.B) {
		content := []byte("0")
		for b.Loop() {
			b.StopTimer()
			opened := open(b, bundle.store, digest)
			content = bytes.Repeat(content, 2)[:len(content)%1000+1]
			write(b, opened.Root, "changed", string(content))
			b.StartTimer()
			_, err := bundle.store.Save(b.Context(), opened.Root)
			b.StopTimer()
			require.NoError(b, err)
			require.NoError(b, opened.Root.Remove("changed"))
			opened.release()
			b.StartTimer()
		}
	})
}
