package fetch_test

import (
	"archive/tar"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/fetch"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/hosttest"
	"github.com/portico-dev/portico/scaffolder/action"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

// newHost is a server with the part of GitHub's API that is needed to read the repository acme/shop with
// these files. Requests for any other repository get 503. It returns a harness whose template is in the
// repository.
func newHost(t *testing.T, files map[string]string) (*actiontest.Harness, *integration.Set) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v3/repos/acme/shop/commits/main", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, commit) })
	mux.HandleFunc("GET /api/v3/repos/acme/shop/contents/{path...}", func(w http.ResponseWriter, r *http.Request) {
		content, ok := files[r.PathValue("path")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, "%s read with %s", content, r.Header.Get("Authorization"))
	})
	mux.HandleFunc("GET /api/v3/repos/acme/shop/git/matching-refs/{ref...}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "[]") })
	mux.HandleFunc("GET /api/v3/repos/acme/shop/tarball/"+commit, func(w http.ResponseWriter, _ *http.Request) { pack(t, w, files) })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	set, err := forges.New(forges.Config{
		GitHub: []github.Config{{Host: server.Listener.Addr().String(), APIBaseURL: server.URL + "/api/v3", Token: "configured"}},
	}, integration.Options{})
	require.NoError(t, err)
	harness := actiontest.NewHarness(t)
	harness.Template.Base = provenance.At(provenance.URL, server.URL+"/acme/shop/tree/main/templates/service/template.yaml")
	return harness, set
}

// pack writes a tarball like GitHub's: everything is below one directory.
func pack(t *testing.T, w http.ResponseWriter, files map[string]string) {
	t.Helper()
	compressed := gzip.NewWriter(w)
	archive := tar.NewWriter(compressed)
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		header := &tar.Header{Name: "acme-shop-0123456/" + name, Mode: 0o644, Size: int64(len(files[name])), Typeflag: tar.TypeReg}
		if name == "templates/service/skeleton/link" {
			header.Typeflag, header.Linkname, header.Size = tar.TypeSymlink, files[name], 0
		}
		if err := archive.WriteHeader(header); err != nil {
			return
		}
		if header.Typeflag == tar.TypeReg {
			_, _ = archive.Write([]byte(files[name]))
		}
	}
	_ = archive.Close()
	_ = compressed.Close()
}

var repository = map[string]string{
	"README.md": "root", "templates/service/skeleton/a/${{ values.x }}": "${{ values.x }}", "templates/service/skeleton/b.bin": "\x00",
	"templates/service/skeleton/link": "b.bin", "templates/service/README.njk": "# ${{ values.x }}",
}

func TestRemoteTemplate(t *testing.T) {
	t.Parallel()
	harness, set := newHost(t, repository)
	_, err := harness.Run(t, actions(t, fetch.Options{Sources: set})["fetch:template"], `{"url":"./skeleton","values":{"x":"y"}}`)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a/": "", "a/y": "y", "b.bin": "\x00", "link": "->b.bin"}, tree(t, harness.Workspace))
	require.Equal(t, `Processing 4 template files/directories with input values {"x":"y"}`, harness.Log.Lines()[2])
}

func TestRemotePlain(t *testing.T) {
	t.Parallel()
	harness, set := newHost(t, repository)
	_, err := harness.Run(t, actions(t, fetch.Options{Sources: set})["fetch:plain"], `{"url":"./skeleton","targetPath":"t"}`)
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"t/": "", "t/a/": "", "t/a/${{ values.x }}": "${{ values.x }}", "t/b.bin": "\x00", "t/link": "->b.bin",
	}, tree(t, harness.Workspace))
}

func TestRemoteFiles(t *testing.T) {
	t.Parallel()
	harness, set := newHost(t, repository)
	tested := actions(t, fetch.Options{Sources: set})
	_, err := harness.Run(t, tested["fetch:plain:file"], `{"url":"/README.md","targetPath":"a","token":"given"}`)
	require.NoError(t, err)
	_, err = harness.Run(t, tested["fetch:template:file"], `{"url":"README.njk","targetPath":"b","values":{"x":"y"}}`)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"a": "root read with Bearer given", "b": "# y read with Bearer configured"}, tree(t, harness.Workspace))
}

func TestRemoteFailures(t *testing.T) {
	t.Parallel()
	harness, set := newHost(t, repository)
	tested := actions(t, fetch.Options{Sources: set})
	away := strings.TrimSuffix(harness.Template.Base.Target(), "acme/shop/tree/main/templates/service/template.yaml") + "acme/away/blob/main/x"
	for name, test := range map[string]struct {
		id, input, kind string
		transient       bool
	}{
		"no such file":      {"fetch:plain:file", `{"url":"nope","targetPath":"a"}`, "NotFoundError", false},
		"no such directory": {"fetch:template", `{"url":"nope"}`, "NotFoundError", false},
		"away":              {"fetch:plain:file", `{"url":"` + away + `","targetPath":"a"}`, "", true},
		"tree away":         {"fetch:plain", `{"url":"` + away + `"}`, "", true},
		"not allowed":       {"fetch:plain:file", `{"url":"http://127.0.0.1:1/x","targetPath":"a"}`, "NotAllowedError", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			harness := *harness
			harness.Workspace = actiontest.NewHarness(t).Workspace
			_, err := harness.Run(t, tested[test.id], test.input)
			require.EqualValues(t, test.kind, fault.KindOf(err))
			require.Equal(t, test.transient, action.IsTransient(err))
			require.Empty(t, tree(t, harness.Workspace))
		})
	}
}

// TestGitLabIsFetchedLikeGitHub fetches the same files from GitLab as the tests above from GitHub.
func TestGitLabIsFetchedLikeGitHub(t *testing.T) {
	t.Parallel()
	server := hosttest.Start(t, hosttest.GitLab)
	harness := actiontest.NewHarness(t)
	harness.Template.Base = provenance.At(provenance.URL, server.At("main", "services/one/template.yaml"))
	tested := actions(t, fetch.Options{Sources: server.Set(t, hosttest.Token, integration.Limits{})})
	for id, input := range map[string]string{
		"fetch:plain": `{"url":"../../skeleton","targetPath":"p"}`, "fetch:template": `{"url":"/skeleton","targetPath":"t","values":{"name":"x"}}`,
		"fetch:plain:file": `{"url":"/catalog-info.yaml","targetPath":"c"}`,
	} {
		_, err := harness.Run(t, tested[id], input)
		require.NoError(t, err)
	}
	require.Equal(t, map[string]string{
		"p/": "", "p/${{ values.name }}.go": "package x", "p/link.yaml": "->../catalog-info.yaml", "p/run.sh": "#!/bin/sh",
		"t/": "", "t/x.go": "package x", "t/run.sh": "#!/bin/sh", "c": "kind: Component",
	}, tree(t, harness.Workspace))
	_, err := harness.Run(t, actions(t, fetch.Options{Sources: server.Set(t, hosttest.Token, integration.Limits{}), RequireUserCredentials: true})["fetch:plain"],
		`{"url":"/skeleton"}`)
	requireFinal(t, err, "InputError", "but scaffolder.requireScmUserCredentials is enabled")
}

func TestRelativeURLNeedsATemplate(t *testing.T) {
	t.Parallel()
	_, err := actiontest.NewHarness(t).Run(t, actions(t, fetch.Options{})["fetch:plain"], `{"url":"./x"}`)
	requireFinal(t, err, "InputError", "Failed to fetch, template location could not be determined and the fetch URL is relative, ./x")
}

func TestUserCredentialsCanBeRequired(t *testing.T) {
	t.Parallel()
	harness, set := newHost(t, repository)
	tested := actions(t, fetch.Options{Sources: set, RequireUserCredentials: true})
	_, err := harness.Run(t, tested["fetch:template"], `{"url":"./skeleton"}`)
	requireFinal(t, err, "InputError", "but scaffolder.requireScmUserCredentials is enabled")
	_, err = harness.Run(t, tested["fetch:template"], `{"url":"./skeleton","token":"given","values":{"x":"y"}}`)
	require.NoError(t, err)
}

// TestUserCredentialsAreRequiredForTheHostThatIsRead reads with a template on a host without an integration,
// whose URL without a scheme names the host of one.
func TestUserCredentialsAreRequiredForTheHostThatIsRead(t *testing.T) {
	t.Parallel()
	harness, set := newHost(t, repository)
	host, _ := set.ByURL(harness.Template.Base.Target())
	harness.Template.Base = provenance.At(provenance.URL, "http://plain.example.com/template.yaml")
	tested := actions(t, fetch.Options{Sources: set, RequireUserCredentials: true})
	for id, input := range map[string]string{
		"fetch:plain:file": `{"url":"//` + host.Name() + `/acme/shop/blob/main/README.md","targetPath":"a"`,
		"fetch:plain":      `{"url":"//` + host.Name() + `/acme/shop/tree/main/templates/service/skeleton","targetPath":"b"`,
	} {
		_, err := harness.Run(t, tested[id], input+`}`)
		requireFinal(t, err, "InputError", "No user credentials provided for host "+host.Name()+", but scaffolder.requireScmUserCredentials is enabled")
		_, err = harness.Run(t, tested[id], input+`,"token":"given"}`)
		require.NoError(t, err)
	}
}

// BenchmarkThousandFiles renders a skeleton of 1,000 files, half of which have tags.
func BenchmarkThousandFiles(b *testing.B) {
	files := map[string]string{}
	for n := range 1000 {
		content := "package main\n\n// plain text without a tag\n"
		if n%2 == 0 {
			content = "# ${{ values.name | title }}\n{% for l in values.languages %}- ${{ l | upper }}\n{% endfor %}{% if values.count > 1 %}many{% endif %}\n"
		}
		files[fmt.Sprintf("s/d%02d/${{ values.name }}-%03d.txt", n%50, n)] = content
	}
	harness := newHarness(b, files)
	tested := actions(b, fetch.Options{})["fetch:template"]
	b.ResetTimer()
	for n := range b.N {
		_, err := tested.Run(b.Context(), harness.Call(fmt.Sprintf(`{"url":"s","targetPath":"out%d","values":{"name":"svc","count":2,"languages":["go","ts"]}}`, n)))
		require.NoError(b, err)
	}
}
