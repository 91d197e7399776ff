package build_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/techdocs"
	render "github.com/portico-dev/portico/techdocs/site"
	"github.com/portico-dev/portico/techdocs/store"
)

// BenchmarkFiftyVersions of a site of a hundred pages that Portico renders. Each version changes two pages, and every tenth adds one, which
// changes the nav of all pages. It reports what they take in folders of their own, and by content.
func BenchmarkFiftyVersions(b *testing.B) {
	for b.Loop() {
		publishFifty(b)
	}
}

func publishFifty(b *testing.B) {
	b.Helper()
	source, stored := b.TempDir(), b.TempDir()
	sites, err := store.NewFolder(stored, store.Options{})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, sites.Close()) })
	write := func(name, text string) {
		path := filepath.Join(source, name)
		require.NoError(b, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(b, os.WriteFile(path, []byte(text), 0o600))
	}
	page := func(n, version int) {
		text := fmt.Sprintf("# Page %d\n\nSince version %d.\n", n, version)
		for section := range 8 {
			text += fmt.Sprintf("\n## Section %d of page %d\n\n%s\n\n```go\nfunc page%d() int { return %d }\n```\n", section, n,
				strings.Repeat(fmt.Sprintf("The service of page %d keeps its orders in section %d. ", n, section), 8), n, section)
		}
		write(fmt.Sprintf("docs/part-%d/page-%d.md", n%10, n), text)
	}
	write("mkdocs.yml", "site_name: Shop\nplugins: [techdocs-core]\n")
	write("docs/index.md", "# Shop\n")
	for n := range 100 {
		page(n, 0)
	}
	generator := render.New(render.Config{})
	var whole int64
	var rendering, publishing time.Duration
	for version := range 50 {
		page(version, version)
		page(50+version, version)
		if version%10 == 9 {
			page(100+version, version)
		}
		output := b.TempDir()
		began := time.Now()
		_, err := generator.Generate(b.Context(), source, output, techdocs.Options{ETag: fmt.Sprint(version), Log: func(string) {}})
		require.NoError(b, err)
		rendering += time.Since(began)
		whole += sizeOf(b, output)
		began = time.Now()
		require.NoError(b, sites.Publish(b.Context(), refOf(fmt.Sprintf("v1.%d", version)), output))
		publishing += time.Since(began)
	}
	b.ReportMetric(float64(whole)/1e6, "MB-in-folders")
	b.ReportMetric(float64(sizeOf(b, stored))/1e6, "MB-by-content")
	b.ReportMetric(rendering.Seconds(), "s-rendering")
	b.ReportMetric(publishing.Seconds(), "s-publishing")
}

func sizeOf(b *testing.B, directory string) (size int64) {
	b.Helper()
	require.NoError(b, filepath.WalkDir(directory, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	}))
	return size
}
