package web_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/web"
)

const browser = "text/html,application/xhtml+xml,*/*;q=0.8"

func built() fstest.MapFS {
	return fstest.MapFS{
		".gitkeep":                {},
		"index.html":              {Data: []byte("<title>Portico</title>")},
		"theme.js":                {Data: []byte("paint()")},
		"assets/index-a1b2.js":    {Data: []byte("start()")},
		"assets/index-a1b2.js.gz": {Data: []byte("compressed start()")},
		"assets/index-c3d4.css":   {Data: []byte("body{}")},
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		method, path, accept, encoding string
		status                         int
		body, contentType, cache       string
		contentEncoding                string
	}{
		"root": {path: "/", accept: browser, status: 200, body: "<title>Portico</title>", contentType: "text/html; charset=utf-8", cache: "no-store"},
		"index by name": {path: "/index.html", accept: browser, status: 200, body: "<title>Portico</title>",
			contentType: "text/html; charset=utf-8", cache: "no-store"},
		"a page of the application": {path: "/catalog/default/component/web", accept: browser, status: 200, body: "<title>Portico</title>",
			contentType: "text/html; charset=utf-8", cache: "no-store"},
		"an unknown path, not a navigation": {path: "/nope", status: 404},
		"an unknown asset":                  {path: "/assets/gone-9999.js", accept: browser, status: 404},
		"an asset": {path: "/assets/index-c3d4.css", status: 200, body: "body{}", contentType: "text/css; charset=utf-8",
			cache: "public, max-age=31536000, immutable"},
		"an asset, compressed": {path: "/assets/index-a1b2.js", encoding: "br, gzip", status: 200, body: "compressed start()",
			contentType: "text/javascript; charset=utf-8", cache: "public, max-age=31536000, immutable", contentEncoding: "gzip"},
		"an asset, gzip refused": {path: "/assets/index-a1b2.js", encoding: "gzip;q=0", status: 200, body: "start()",
			contentType: "text/javascript; charset=utf-8", cache: "public, max-age=31536000, immutable"},
		"the compressed twin by name": {path: "/assets/index-a1b2.js.gz", status: 404},
		"a file without a hash":       {path: "/theme.js", status: 200, body: "paint()", contentType: "text/javascript; charset=utf-8", cache: "no-cache"},
		"a dotfile":                   {path: "/.gitkeep", status: 404},
		"a path that climbs":          {path: "/assets/../../handler.go", status: 404},
		"head":                        {method: http.MethodHead, path: "/theme.js", status: 200, contentType: "text/javascript; charset=utf-8", cache: "no-cache"},
		"another method":              {method: http.MethodPost, path: "/", accept: browser, status: 404},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := httptest.NewRequest(tc.method, "http://portico.test"+tc.path, nil)
			request.Header.Set("Accept", tc.accept)
			request.Header.Set("Accept-Encoding", tc.encoding)
			recorder := httptest.NewRecorder()
			web.Serve(built(), web.Sources{Images: []string{"'self'", "https://img.example.com"}, Scripts: []string{"https://fields.example.com/f.js"},
				Frames: []string{"video.example.com"}}).ServeHTTP(recorder, request)

			require.Equal(t, tc.status, recorder.Code)
			require.Equal(t, tc.body, recorder.Body.String())
			require.Equal(t, tc.contentType, recorder.Header().Get("Content-Type"))
			require.Equal(t, tc.cache, recorder.Header().Get("Cache-Control"))
			require.Equal(t, tc.contentEncoding, recorder.Header().Get("Content-Encoding"))
			require.NotContains(t, recorder.Header().Get("Content-Security-Policy"), "unsafe-eval")
			require.Contains(t, recorder.Header().Get("Content-Security-Policy"),
				"; script-src 'self' https://fields.example.com/f.js; frame-src 'self' video.example.com; img-src 'self' https://img.example.com", "and nowhere else")
			require.Equal(t, "nosniff", recorder.Header().Get("X-Content-Type-Options"))
		})
	}
}

func TestServeExplainsHowToBuildThePortal(t *testing.T) {
	t.Parallel()
	request := httptest.NewRequest(http.MethodGet, "http://portico.test/runs", nil)
	request.Header.Set("Accept", browser)
	recorder := httptest.NewRecorder()
	web.Serve(fstest.MapFS{".gitkeep": {}}, web.Sources{}).ServeHTTP(recorder, request)

	require.Equal(t, http.StatusServiceUnavailable, recorder.Code)
	require.Contains(t, recorder.Body.String(), "make build")
}

func TestHandlerServesTheEmbeddedFiles(t *testing.T) {
	t.Parallel()
	request := httptest.NewRequest(http.MethodGet, "http://portico.test/", nil)
	request.Header.Set("Accept", browser)
	recorder := httptest.NewRecorder()
	web.Handler(web.Sources{}).ServeHTTP(recorder, request)

	require.Contains(t, []int{http.StatusOK, http.StatusServiceUnavailable}, recorder.Code, "built, or says how to build")
	require.Contains(t, recorder.Body.String(), "Portico")
}
