package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/internal/testkit/s3test"
	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/store"
)

// docsOf is a folder with the site of a component.
func docsOf(t *testing.T, name string) *store.Store {
	t.Helper()
	sites, err := store.NewFolder(t.TempDir(), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sites.Close()) })
	publishSite(t, sites, name)
	return sites
}

func publishSite(t *testing.T, sites *store.Store, name string) {
	t.Helper()
	made := t.TempDir()
	for path, content := range map[string]string{"index.html": "<h1>Shop</h1><script>alert(1)</script>", "guide/index.html": "<h1>Guide</h1>", "assets/main.01234567.min.css": "h1 {}",
		"logo.svg": "<svg onload='alert(1)'/>", "logo.png": "png", "app.js": "alert(1)", "evil.XHTML": "<html/>", "LICENSE": "free", "a b/ä.txt": "umlaut",
		"techdocs_metadata.json": `{"site_name":"Shop","site_description":"None","etag":"one","build_timestamp":1700000000000,"files":["index.html"],"engine":"portico"}`} {
		at := filepath.Join(made, filepath.FromSlash(path))
		require.NoError(t, os.MkdirAll(filepath.Dir(at), 0o755))
		require.NoError(t, os.WriteFile(at, []byte(content), 0o600))
	}
	require.NoError(t, sites.Publish(t.Context(), techdocs.Ref{Kind: "Component", Name: name}, made))
}

// located finds the source of documentation where an annotation says it.
func located(e entity.Entity, _ provenance.Place) (kind, target string, err error) {
	if e.Annotation("backstage.io/techdocs-ref") == "none" {
		return "", "", fault.New(fault.Input, "No backstage.io/techdocs-ref annotation provided in entity: %s", e.Name())
	}
	return "url", "https://example.com/acme/shop/", nil
}

// documented is a catalog of components that everybody may read but nobody: shop, and bare without a site.
type documented struct{}

func (documented) LocatedEntity(_ context.Context, _ identity.Principal, ref entity.Ref) (json.RawMessage, provenance.Place, error) {
	switch ref.String() {
	case "component:default/shop":
		return json.RawMessage(`{"metadata":{"name":"shop"},"kind":"Component","apiVersion":"backstage.io/v1alpha1"}`), provenance.Place{}, nil
	case "component:default/bare":
		return json.RawMessage(`{"metadata":{"name":"bare","annotations":{"backstage.io/techdocs-ref":"none"}},"kind":"Component"}`), provenance.Place{}, nil
	}
	return nil, provenance.Place{}, fault.New(fault.NotFound, "No entity named '%s'", ref)
}

func docsServer(t *testing.T, change func(*api.TechDocsOptions)) http.Handler {
	t.Helper()
	options := api.TechDocsOptions{Log: slog.New(slog.DiscardHandler), Catalog: documented{}, Store: docsOf(t, "Shop"), Locate: located}
	if change != nil {
		change(&options)
	}
	return newServer(t, io.Discard, func(o *api.Options) { o.Plugins = append(o.Plugins, api.NewTechDocsPlugin(options)) })
}

const staticDocs = "/api/techdocs/static/docs/default/component/shop"

// TestFilesOfAuthorsAreNeverPages: they are the author's, and have the address of the portal.
func TestFilesOfAuthorsAreNeverPages(t *testing.T) {
	t.Parallel()
	server := docsServer(t, nil)
	for path, contentType := range map[string]string{
		"/index.html": "text/plain; charset=utf-8", "/": "text/plain; charset=utf-8", "/guide/": "text/plain; charset=utf-8", "/logo.svg": "text/plain; charset=utf-8",
		"/evil.XHTML": "text/plain; charset=utf-8", "/LICENSE": "text/plain; charset=utf-8", "/logo.png": "image/png", "/assets/main.01234567.min.css": "text/css; charset=utf-8",
		"/techdocs_metadata.json": "application/json; charset=utf-8", "/app.js": "application/javascript; charset=utf-8", "/a%20b/%C3%A4.txt": "text/plain; charset=utf-8",
	} {
		answer := ask(t, server, http.MethodGet, staticDocs+path, "")
		require.Equal(t, http.StatusOK, answer.Code, path)
		require.Equal(t, contentType, answer.Header().Get("Content-Type"), path)
		require.Equal(t, "default-src 'none'; sandbox", answer.Header().Get("Content-Security-Policy"), path)
		require.Equal(t, "nosniff", answer.Header().Get("X-Content-Type-Options"), path)
		require.Equal(t, "private, max-age=0", answer.Header().Get("Cache-Control"), path)
	}
	for _, as := range []string{"script", "worker", "serviceworker"} {
		require.Equal(t, http.StatusForbidden, ask(t, server, http.MethodGet, staticDocs+"/app.js", "", "Sec-Fetch-Dest", as).Code, as)
	}
	require.Equal(t, http.StatusOK, ask(t, server, http.MethodGet, staticDocs+"/app.js", "", "Sec-Fetch-Dest", "empty").Code)
}

func TestFilesHavePartsAndValidators(t *testing.T) {
	t.Parallel()
	server := docsServer(t, nil)
	whole := ask(t, server, http.MethodGet, staticDocs+"/guide/index.html", "")
	require.Equal(t, "<h1>Guide</h1>", whole.Body.String())
	etag, modified := whole.Header().Get("ETag"), whole.Header().Get("Last-Modified")
	require.NotEmpty(t, etag)
	require.NotEmpty(t, modified)
	for _, test := range []struct {
		method, name, value string
		status              int
		body                string
	}{
		{http.MethodHead, "", "", http.StatusOK, ""},
		{http.MethodGet, "Range", "bytes=4-8", http.StatusPartialContent, "Guide"},
		{http.MethodGet, "Range", "bytes=-5", http.StatusPartialContent, "</h1>"},
		{http.MethodGet, "Range", "bytes=99-", http.StatusRequestedRangeNotSatisfiable, "invalid range: failed to overlap\n"},
		{http.MethodGet, "If-None-Match", etag, http.StatusNotModified, ""},
		{http.MethodGet, "If-None-Match", `"other"`, http.StatusOK, "<h1>Guide</h1>"},
		{http.MethodGet, "If-Modified-Since", modified, http.StatusNotModified, ""},
		{http.MethodGet, "If-Match", `"other"`, http.StatusPreconditionFailed, ""},
	} {
		answer := ask(t, server, test.method, staticDocs+"/guide/index.html", "", test.name, test.value)
		require.Equal(t, test.status, answer.Code, "%s: %s", test.name, test.value)
		require.Equal(t, test.body, answer.Body.String(), "%s: %s", test.name, test.value)
	}
	require.Equal(t, "14", ask(t, server, http.MethodHead, staticDocs+"/guide/index.html", "").Header().Get("Content-Length"))
}

// TestVersionsAreServedAsTheirEntity: with its permissions, types, parts and validators, and never what is not theirs.
func TestVersionsAreServedAsTheirEntity(t *testing.T) {
	t.Parallel()
	sites := docsOf(t, "Shop")
	for version, text := range map[string]string{"v1": "<h1>One</h1>", "release/V2": "<h1>Two</h1>"} {
		made := t.TempDir()
		for path, content := range map[string]string{"index.html": text, "guide/index.html": "<h1>Same</h1>", "logo.svg": "<svg/>", "techdocs_metadata.json": `{"site_name":"Shop ` + version + `"}`} {
			at := filepath.Join(made, filepath.FromSlash(path))
			require.NoError(t, os.MkdirAll(filepath.Dir(at), 0o755))
			require.NoError(t, os.WriteFile(at, []byte(content), 0o600))
		}
		for _, name := range []string{"shop", "secret"} {
			require.NoError(t, sites.Publish(t.Context(), techdocs.Ref{Kind: "component", Name: name, Version: version}, made))
		}
	}
	server := docsServer(t, func(o *api.TechDocsOptions) { o.Store = sites })
	for path, body := range map[string]string{"@v1/index.html": "<h1>One</h1>", "@v1/": "<h1>One</h1>", "%40v1/index.html": "<h1>One</h1>", "@release~V2/index.html": "<h1>Two</h1>",
		"@v1/guide/": "<h1>Same</h1>", "/guide/": "<h1>Guide</h1>"} {
		answer := ask(t, server, http.MethodGet, staticDocs+path, "")
		require.Equal(t, http.StatusOK, answer.Code, path)
		require.Equal(t, body, answer.Body.String(), path)
		require.Equal(t, "text/plain; charset=utf-8", answer.Header().Get("Content-Type"), path)
		require.Equal(t, "default-src 'none'; sandbox", answer.Header().Get("Content-Security-Policy"), path)
	}
	for path, status := range map[string]int{"@v9/index.html": 404, "@/index.html": 404, "@../index.html": 404, "@..~../index.html": 404, "@release%2FV2/index.html": 404,
		"@release~v2/index.html": 404, "@v1/logo.png": 404, "@v1/guide": 301, "@v1/../index.html": 404, "@" + strings.Repeat("v", 200) + "/index.html": 404} {
		require.Equal(t, status, ask(t, server, http.MethodGet, staticDocs+path, "").Code, path)
	}
	require.Equal(t, http.StatusNotFound, ask(t, server, http.MethodGet, "/api/techdocs/static/docs/default/component/secret@v1/index.html", "").Code, "nobody may read the entity")
	require.Equal(t, http.StatusNotFound, ask(t, server, http.MethodGet, "/api/techdocs/static/docs/.versions/default/component/shop/sites/v1.json", "").Code)
	moved := ask(t, server, http.MethodGet, "/api/techdocs/static/docs/default/Component/SHOP@release~V2/index.html", "")
	require.Equal(t, http.StatusMovedPermanently, moved.Code)
	require.Equal(t, staticDocs+"@release~V2/index.html", moved.Header().Get("Location"), "branches and tags keep their case")

	one := ask(t, server, http.MethodGet, staticDocs+"@v1/guide/index.html", "")
	require.Equal(t, http.StatusNotModified, ask(t, server, http.MethodGet, staticDocs+"@release~V2/guide/index.html", "", "If-None-Match", one.Header().Get("ETag")).Code)
	require.Equal(t, "Same", ask(t, server, http.MethodGet, staticDocs+"@v1/guide/index.html", "", "Range", "bytes=4-7").Body.String())
	require.JSONEq(t, `{"site_name":"Shop v1"}`, ask(t, server, http.MethodGet, "/api/techdocs/metadata/techdocs/default/component/shop@v1", "").Body.String())
	require.Equal(t, http.StatusForbidden, ask(t, server, http.MethodGet, staticDocs+"@v1/index.html", "", "Sec-Fetch-Dest", "script").Code)
}

// TestARequestForThousandsOfPartsGetsTheWhole: each part would be a request to the bucket.
func TestARequestForThousandsOfPartsGetsTheWhole(t *testing.T) {
	t.Parallel()
	server := docsServer(t, nil)
	few := ask(t, server, http.MethodGet, staticDocs+"/guide/index.html", "", "Range", "bytes=0-1,4-5")
	require.Equal(t, http.StatusPartialContent, few.Code)
	many := ask(t, server, http.MethodGet, staticDocs+"/guide/index.html", "", "Range", "bytes=0-0"+strings.Repeat(",0-0", 16))
	require.Equal(t, http.StatusOK, many.Code)
	require.Equal(t, "<h1>Guide</h1>", many.Body.String())
}

func TestAFolderHasOneAddressForEachFile(t *testing.T) {
	t.Parallel()
	server := docsServer(t, nil)
	for from, to := range map[string]string{
		"Default/Component/Shop/index.html":  "default/component/shop/index.html",
		"default/component/SHOP/LICENSE":     "default/component/shop/LICENSE",
		"default/component/%53hop/a%20b/X":   "",
		"default/component/shop":             "default/component/shop/",
		"default/component/shop/guide":       "default/component/shop/guide/",
		"default/component/shop/a%20b":       "default/component/shop/a%20b/",
		"Default/component/shop/%C3%A4?x=//": "default/component/shop/%C3%A4",
	} {
		const at = "/api/techdocs/static/docs/"
		answer := ask(t, server, http.MethodGet, at+from, "")
		if to == "" {
			require.Equal(t, http.StatusNotFound, answer.Code, from)
			continue
		}
		require.Equal(t, http.StatusMovedPermanently, answer.Code, from)
		require.Equal(t, at+to, answer.Header().Get("Location"), from)
	}
}

func TestNothingOutsideASiteIsServed(t *testing.T) {
	t.Parallel()
	server := docsServer(t, nil)
	for _, path := range []string{"/nope.html", "/%2e%2e/%2e%2e/%2e%2e/secret", "/..%2f..%2f..%2fetc%2fpasswd", "/%2e%2e%2fshop%2findex.html", `/..%5cshop`, "/guide/../index.html",
		"/index.html%2f..", "//index.html", "/./index.html", "/%00", "/" + strings.Repeat("a/", 2000)} {
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, newRequest(t.Context(), http.MethodGet, staticDocs+path, ""))
		require.Contains(t, []int{http.StatusNotFound, http.StatusBadRequest}, answer.Code, path)
		require.NotContains(t, answer.Body.String(), "Shop", path)
	}
	for path, message := range map[string]string{
		"/static/docs/default/component/shop/%2e%2e/x":     "Content not found for component:default/shop",
		"/static/docs/default/component/shop/a/../../shop": "Content not found for component:default/shop",
		"/static/docs/default/component/nope/a%5cb":        "Content not found for component:default/nope",
		"/static/docs/default/component/nope/index.html":   "Entity not found for component:default/nope",
		"/static/docs/Default/API/Nope/index.html":         "Entity not found for api:default/nope",
		"/metadata/techdocs/default/component/nope":        "Unable to get metadata for 'component:default/nope'",
		"/metadata/entity/default/component/nope":          "Unable to get metadata for 'component:default/nope'",
		"/metadata/entity/default/component/bare":          "Unable to get metadata for 'component:default/bare'; caused by InputError: No backstage.io/techdocs-ref annotation provided in entity: bare",
		"/sync/default/component/nope":                     "Entity metadata UID missing",
	} {
		answer := ask(t, server, http.MethodGet, "/api/techdocs"+path, "")
		require.Equal(t, http.StatusNotFound, answer.Code, path)
		var body struct {
			Error struct{ Name, Message string }
		}
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &body))
		require.Equal(t, "NotFoundError", body.Error.Name)
		require.Equal(t, message, body.Error.Message, path)
	}
	require.Equal(t, http.StatusNotFound, ask(t, server, http.MethodGet, "/api/techdocs/static/docs/default/component", "").Code)
	require.Empty(t, ask(t, server, http.MethodGet, staticDocs+"/..%2f..%2fetc%2fpasswd", "").Body.String(), "there is no such file, whatever it is called")
}

// TestABucketIsServedAsBackstageServesIt: with another 404 than a folder, and without redirects.
func TestABucketIsServedAsBackstageServesIt(t *testing.T) {
	t.Parallel()
	s3 := s3test.Start(t)
	bucket := s3.Bucket(t)
	sites, err := store.Open(t.Context(), config.TechDocs{Publisher: config.TechDocsPublisher{Type: config.DocsInS3, AWSS3: config.DocsS3{BucketName: bucket.Name, BucketRootPath: "docs",
		Region: "eu-west-1", Endpoint: s3.URL, ForcePathStyle: true, Credentials: config.DocsS3Credentials{AccessKeyID: s3test.AccessKeyID, SecretAccessKey: s3test.SecretAccessKey}}}},
		store.Settings{})
	require.NoError(t, err)
	publishSite(t, sites, "shop")
	server := docsServer(t, func(o *api.TechDocsOptions) { o.Store = sites })
	answer := ask(t, server, http.MethodGet, "/api/techdocs/static/docs/Default/Component/Shop/guide/index.html", "")
	require.Equal(t, http.StatusOK, answer.Code)
	require.Equal(t, "<h1>Guide</h1>", answer.Body.String())
	require.Equal(t, "text/plain; charset=utf-8", answer.Header().Get("Content-Type"))
	require.NotEmpty(t, answer.Header().Get("ETag"))
	part := ask(t, server, http.MethodGet, staticDocs+"/guide/index.html", "", "Range", "bytes=4-8")
	require.Equal(t, http.StatusPartialContent, part.Code)
	require.Equal(t, "Guide", part.Body.String())
	require.Equal(t, http.StatusNotModified, ask(t, server, http.MethodGet, staticDocs+"/guide/index.html", "", "If-None-Match", answer.Header().Get("ETag")).Code)
	missing := ask(t, server, http.MethodGet, staticDocs+"/nope.html", "")
	require.Equal(t, http.StatusNotFound, missing.Code)
	require.Equal(t, "File Not Found", missing.Body.String())
	unpublished := ask(t, server, http.MethodGet, "/api/techdocs/metadata/techdocs/default/component/bare", "")
	require.Equal(t, http.StatusNotFound, unpublished.Code)
	require.Contains(t, unpublished.Body.String(), "Unable to get metadata for 'component:default/bare'; caused by Error: TechDocs metadata fetch failed; caused by Error: The specified key does not exist.")

	// What techdocs-cli has published has no content types, and is served all the same.
	bucket.Put(t, "docs/default/component/bare/index.html", "<h1>Bare</h1>")
	bucket.Put(t, "docs/default/component/bare/techdocs_metadata.json", `{"site_name":"Bare","build_timestamp":1}`)
	page := ask(t, server, http.MethodGet, "/api/techdocs/static/docs/default/component/bare/index.html", "")
	require.Equal(t, "<h1>Bare</h1>", page.Body.String())
	require.Equal(t, "text/plain; charset=utf-8", page.Header().Get("Content-Type"))
	require.JSONEq(t, `{"site_name":"Bare","build_timestamp":1}`, ask(t, server, http.MethodGet, "/api/techdocs/metadata/techdocs/default/component/bare", "").Body.String())

	// A bucket that does not answer is no missing page.
	gone, err := store.Open(t.Context(), config.TechDocs{Publisher: config.TechDocsPublisher{Type: config.DocsInS3, AWSS3: config.DocsS3{BucketName: "gone", Region: "eu-west-1",
		Endpoint: "http://127.0.0.1:1", ForcePathStyle: true, Credentials: config.DocsS3Credentials{AccessKeyID: "x", SecretAccessKey: "y"}}}}, store.Settings{})
	require.NoError(t, err)
	server = docsServer(t, func(o *api.TechDocsOptions) { o.Store = gone })
	for _, path := range []string{staticDocs + "/index.html", "/api/techdocs/metadata/techdocs/default/component/shop"} {
		require.Equal(t, http.StatusBadGateway, ask(t, server, http.MethodGet, path, "").Code, path)
	}
}

// building is a Syncer that writes lines, and ends as it is told.
type building struct {
	lines   []string
	updated bool
	err     error
	// began is closed when it waits for its reader to leave, nil not to wait.
	began chan struct{}
	ended chan error
}

func (b building) Sync(ctx context.Context, _ identity.Principal, ref techdocs.Ref, log func(string)) (bool, error) {
	for _, line := range b.lines {
		log(line + " " + ref.Path())
	}
	if b.began != nil {
		close(b.began)
		<-ctx.Done()
		b.ended <- ctx.Err()
	}
	return b.updated, b.err
}

func TestAReaderFollowsTheBuild(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		syncer techdocs.Syncer
		events string
	}{
		{nil, "event: finish\ndata: {\"updated\":false}\n\n"},
		{building{}, "event: finish\ndata: {\"updated\":false}\n\n"},
		{building{lines: []string{"Step 1 of 3: <Preparing>", "two\n"}, updated: true}, "event: log\ndata: \"Step 1 of 3: <Preparing> default/component/shop\"\n\n" +
			"event: log\ndata: \"two\\n default/component/shop\"\n\nevent: finish\ndata: {\"updated\":true}\n\n"},
		{building{err: fault.New(fault.Input, "docs/index.md:3: no such page")}, "event: error\ndata: \"docs/index.md:3: no such page\"\n\n"},
		{building{err: errors.New("password=secret")}, "event: error\ndata: \"The documentation could not be built, for a reason that is not yours. The log of the server has it\"\n\n"},
	} {
		answer := ask(t, docsServer(t, func(o *api.TechDocsOptions) { o.Syncer = test.syncer }), http.MethodGet, "/api/techdocs/sync/default/component/shop", "")
		require.Equal(t, http.StatusOK, answer.Code)
		require.Equal(t, "text/event-stream", answer.Header().Get("Content-Type"))
		require.Equal(t, test.events, answer.Body.String())
	}
}

// TestABuildIsNotFollowedByThoseWhoLeft: nor by the server when it stops.
func TestABuildIsNotFollowedByThoseWhoLeft(t *testing.T) {
	t.Parallel()
	for _, leave := range []string{"reader", "server"} {
		slow := building{lines: []string{"one"}, began: make(chan struct{}), ended: make(chan error, 1)}
		handler := docsServer(t, func(o *api.TechDocsOptions) { o.Syncer = slow })
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		t.Cleanup(cancel)
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/api/techdocs/sync/default/component/shop", nil)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer service")
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, response.Body.Close()) })
		lines := bufio.NewScanner(response.Body)
		require.True(t, lines.Scan())
		require.Equal(t, "event: log", lines.Text())
		<-slow.began
		if leave == "reader" {
			cancel()
		} else {
			stopping, is := handler.(interface{ Dismiss() })
			require.True(t, is)
			stopping.Dismiss()
		}
		require.ErrorIs(t, <-slow.ended, context.Canceled, leave)
		if leave == "server" {
			rest, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.Contains(t, string(rest), "event: error")
		}
	}
}

// TestEntityMetadataKeepTheOrderOfTheEntity: and that of the site are as they are stored.
func TestEntityMetadataKeepTheOrderOfTheEntity(t *testing.T) {
	t.Parallel()
	server := docsServer(t, nil)
	for path, written := range map[string]string{
		"entity/default/component/shop":   `{"metadata":{"name":"shop"},"kind":"Component","apiVersion":"backstage.io/v1alpha1","locationMetadata":{"type":"url","target":"https://example.com/acme/shop/"}}`,
		"techdocs/Default/Component/Shop": `{"site_name":"Shop","site_description":"None","etag":"one","build_timestamp":1700000000000,"files":["index.html"],"engine":"portico"}`,
	} {
		require.Equal(t, written, ask(t, server, http.MethodGet, "/api/techdocs/metadata/"+path, "").Body.String())
	}
}
