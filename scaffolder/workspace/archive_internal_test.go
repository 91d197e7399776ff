package workspace

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
)

// FuzzReadArchive reads arbitrary archives and shows that nothing outside the directory changes.
func FuzzReadArchive(f *testing.F) {
	for _, seed := range [][]tar.Header{
		{{Name: "a", Typeflag: tar.TypeReg, Mode: 0o644}, {Name: "d", Typeflag: tar.TypeDir, Mode: 0o755}},
		{{Name: "../escaped", Typeflag: tar.TypeReg}},
		{{Name: "/escaped", Typeflag: tar.TypeReg}},
		{{Name: "link", Linkname: "..", Typeflag: tar.TypeSymlink}, {Name: "link/escaped", Typeflag: tar.TypeReg}},
		{{Name: "link", Linkname: "../sentinel", Typeflag: tar.TypeSymlink}, {Name: "link", Typeflag: tar.TypeReg}},
		{{Name: "hard", Linkname: "../sentinel", Typeflag: tar.TypeLink}},
		{{Name: "device", Typeflag: tar.TypeChar}},
	} {
		f.Add(tarOf(f, seed))
	}
	encoder, err := zstd.NewWriter(nil)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, archive []byte) {
		outside := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(outside, "sentinel"), []byte("untouched"), 0o600))
		require.NoError(t, os.Mkdir(filepath.Join(outside, "inside"), 0o700))
		root, err := os.OpenRoot(filepath.Join(outside, "inside"))
		require.NoError(t, err)
		limits := Options{MaxBytes: 1 << 16, MaxFiles: 16}
		_, _ = readArchive(bytes.NewReader(encoder.EncodeAll(archive, nil)), root, limits)
		require.NoError(t, root.Close())

		beside, err := os.ReadDir(outside)
		require.NoError(t, err)
		require.Len(t, beside, 2)
		content, err := os.ReadFile(filepath.Join(outside, "sentinel"))
		require.NoError(t, err)
		require.Equal(t, "untouched", string(content))
		require.NoError(t, removeTree(filepath.Join(outside, "inside")))
	})
}

func tarOf(f *testing.F, headers []tar.Header) []byte {
	f.Helper()
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	for _, header := range headers {
		require.NoError(f, writer.WriteHeader(&header))
	}
	require.NoError(f, writer.Close())
	return archive.Bytes()
}
