package api_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/job"
	"github.com/portico-dev/portico/techdocs/site"
)

// TestAPreviewIsShownAnew: when a file changes, the pages hear of it, and of what is wrong.
func TestAPreviewIsShownAnew(t *testing.T) {
	t.Parallel()
	source := t.TempDir()
	write := func(name, content string) {
		path := filepath.Join(source, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	write("mkdocs.yml", "site_name: Shop\nplugins: [techdocs-core]\n")
	write("docs/index.md", "# Shop\n\nIt [sells](sells.md).\n")
	write("docs/sells.md", "# Sells\n")
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	preview := &job.Preview{Source: source, Generator: site.New(site.Config{}), Options: techdocs.Options{SiteName: "Preview"}, Log: func(line string) { t.Log(line) }}
	ended := make(chan error, 1)
	go func() { ended <- api.ServeDocsPreview(ctx, listener, preview) }()
	base := "http://" + listener.Addr().String()

	_, stream := getPreview(t, base+"/.portico/changes", "")
	changes := bufio.NewScanner(stream)
	next := func() string {
		for changes.Scan() {
			if data, is := strings.CutPrefix(changes.Text(), "data: "); is {
				return data
			}
		}
		return "the stream has ended"
	}
	require.Eventually(t, func() bool { return next() != `{"version":0,"problems":null}` }, time.Minute, time.Millisecond)
	require.Contains(t, previewBody(t, base+"/"), "It <a href=\"sells/\">sells</a>")
	require.Contains(t, previewBody(t, base+"/sells"), "<script>// Shows the page anew")
	require.Contains(t, previewBody(t, base+"/techdocs_metadata.json"), `"site_name"`)
	for _, request := range []struct {
		path, host string
		status     int
	}{{"/nope", "", 404}, {"/..%2f..%2fetc%2fpasswd", "", 404}, {"/", "evil.example", 403}, {"/", "localhost:3000", 200}} {
		status, _ := getPreview(t, base+request.path, request.host)
		require.Equal(t, request.status, status, request)
	}

	write("docs/sells.md", "# Sells\n\nEverything, see [there](there.md).\n")
	require.Contains(t, next(), `"problems":["docs/sells.md:3: warning: `)
	require.Contains(t, previewBody(t, base+"/sells/"), "Everything")
	write("mkdocs.yml", "site_name: [\n")
	require.Contains(t, next(), `mkdocs.yml:`)
	require.Contains(t, previewBody(t, base+"/sells/"), "Everything", "the last good site stays")

	stop()
	require.NoError(t, <-ended)
	require.Equal(t, "the stream has ended", next())
}

// getPreview asks for a page, and returns the status and the body.
func getPreview(t *testing.T, url, host string) (int, io.Reader) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	require.NoError(t, err)
	request.Host = host
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	return response.StatusCode, response.Body
}

func previewBody(t *testing.T, url string) string {
	t.Helper()
	status, stream := getPreview(t, url, "")
	require.Equal(t, http.StatusOK, status, url)
	content, err := io.ReadAll(stream)
	require.NoError(t, err)
	return string(content)
}
