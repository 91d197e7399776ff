package site_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/diagrams"
	"github.com/portico-dev/portico/techdocs/site"
)

// TestPermittedServersDrawDiagrams: a site names a server, which draws once, and whose drawing is cleaned. Another server is not asked.
func TestPermittedServersDrawDiagrams(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if !strings.HasPrefix(r.URL.Path, "/plantuml/svg/") {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = io.WriteString(w, `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(2)</script><text>drawn</text></svg>`)
	}))
	t.Cleanup(server.Close)
	client, err := diagrams.New(diagrams.Options{Servers: []string{server.URL}, Transport: http.DefaultTransport})
	require.NoError(t, err)
	generator := site.New(site.Config{Fetch: client.Fetch})
	build := func(generator *site.Generator, address string) (string, techdocs.Report, error) {
		source, output := t.TempDir(), t.TempDir()
		write := func(name, content string) {
			full := filepath.Join(source, name)
			require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o755))
			require.NoError(t, os.WriteFile(full, []byte(content), 0o600))
		}
		write("mkdocs.yml", "site_name: x\nmarkdown_extensions:\n  - plantuml_markdown:\n      server: "+address+"\n      format: svg_inline\n")
		write("docs/index.md", "# Home\n\n```plantuml\nA -> B\n```\n")
		report, err := generator.Generate(t.Context(), source, output, techdocs.Options{})
		page, _ := os.ReadFile(filepath.Join(output, "index.html"))
		return string(page), report, err
	}
	for range 2 {
		page, _, err := build(generator, server.URL+"/plantuml")
		require.NoError(t, err)
		require.Contains(t, page, "<text>drawn</text>")
		require.NotContains(t, page, "alert")
	}
	require.Equal(t, int32(1), asked.Load())

	page, report, err := build(generator, "http://169.254.169.254/plantuml")
	require.NoError(t, err)
	require.Contains(t, page, "the server of diagrams 169.254.169.254 is not permitted")
	require.Len(t, report.Problems, 1)
	require.Contains(t, report.Problems[0].Message, "portico.techdocs.diagrams.servers")
	require.Equal(t, 3, report.Problems[0].Line)

	nobody, err := diagrams.New(diagrams.Options{Transport: http.DefaultTransport})
	require.NoError(t, err)
	page, report, err = build(site.New(site.Config{Fetch: nobody.Fetch}), server.URL)
	require.NoError(t, err, "a site with a diagram that nobody draws is built")
	require.Contains(t, page, "no server of diagrams is permitted here")
	require.Len(t, report.Problems, 1)

	_, report, err = build(site.New(site.Config{}), server.URL)
	require.Error(t, err)
	require.Contains(t, report.Problems[0].Message, "adds "+server.URL+" to portico.techdocs.diagrams.servers")
	require.Equal(t, int32(1), asked.Load())
}
