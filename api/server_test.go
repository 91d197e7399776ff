package api_test

import (
	"bytes"
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
	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/identity/signin"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/picker"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/scaffolder"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/run"
)

// tokens is an authenticator with the tokens of the recordings: a service's, one that is restricted to the
// plugin search, and a user's.
type tokens struct{}

func (tokens) Authenticate(_ context.Context, token string) (identity.Principal, error) {
	switch token {
	case "service":
		return identity.Principal{Kind: identity.KindService, Subject: "external:test"}, nil
	case "restricted":
		return identity.Principal{Kind: identity.KindService, Subject: "external:crawler", Restrictions: []identity.Restriction{{Plugin: "search"}}}, nil
	case "user":
		return identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada"}, nil
	case "broken":
		return identity.Principal{}, errors.New("the key server at 10.0.0.7 does not answer")
	default:
		return identity.Principal{}, fault.New(fault.Authentication, "Illegal token")
	}
}

// emptyCatalog has no entity.
type emptyCatalog struct{}

func (emptyCatalog) EntityJSON(_ context.Context, _ identity.Principal, ref entity.Ref) (json.RawMessage, error) {
	return nil, fault.New(fault.NotFound, "No entity %s", ref)
}

func (emptyCatalog) LocatedEntity(_ context.Context, _ identity.Principal, ref entity.Ref) (json.RawMessage, provenance.Place, error) {
	return nil, provenance.Place{}, fault.New(fault.NotFound, "No entity %s", ref)
}

func (emptyCatalog) EachOfKind(context.Context, identity.Principal, string, func(json.RawMessage) error) error {
	return nil
}

// newServer is the API without catalog and runs, for responses that do not need them.
func newServer(t *testing.T, log io.Writer, change func(*api.Options)) *api.Server {
	t.Helper()
	actions, err := action.NewRegistry()
	require.NoError(t, err)
	service := scaffolder.New(scaffolder.Options{Log: slog.New(slog.DiscardHandler), Catalog: emptyCatalog{}, Runs: &run.Store{}, Actions: actions,
		Decider: policy.AllowKnown{}})
	options := api.Options{
		Log: slog.New(slog.NewJSONHandler(log, nil)), Authenticator: tokens{}, Version: "1.2.3", Hosts: []string{"example.com"},
		Database: api.Database{Ping: func(context.Context) error { return nil }, Unreachable: db.Unreachable},
		Plugins: []api.Plugin{
			api.NewCatalogPlugin(catalog.New(catalog.Options{})), api.NewScaffolderPlugin(service, nil), api.NewAuthPlugin(api.AuthOptions{SignIn: signin.New(signin.Options{})}),
			api.NewPorticoPlugin(api.Info{Title: "Test"}, service, nil), api.NewAutocompletePlugin(picker.New(picker.Options{Hosts: &integration.Set{}, Decider: policy.AllowKnown{}})),
		},
	}
	if change != nil {
		change(&options)
	}
	server, err := api.NewServer(options)
	require.NoError(t, err)
	return server
}

// ask makes a request, and checks the response against the OpenAPI document; headers are pairs of name and
// value.
func ask(t *testing.T, handler http.Handler, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	request := newRequest(t.Context(), method, target, body, headers...)
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	requireDescribed(t, request, recorder.Code, recorder.Header().Get("Content-Type"), recorder.Body.Bytes())
	return recorder
}

func newRequest(ctx context.Context, method, target, body string, headers ...string) *http.Request {
	request := httptest.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	request.Header.Set("Authorization", "Bearer service")
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	return request
}

// message is the message of an error response.
func message(t *testing.T, answer *httptest.ResponseRecorder) string {
	t.Helper()
	var body struct {
		Error struct{ Name, Message string }
	}
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &body), answer.Body.String())
	return body.Error.Name + ": " + body.Error.Message
}

// TestErrorsEqualBackstages replays recordings of a real Backstage backend for which neither the catalog nor
// runs are needed.
func TestErrorsEqualBackstages(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/exchanges/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		if strings.Contains(name, "-task-") || strings.HasSuffix(name, "-secrets") || strings.HasSuffix(name, "-cancel-404") || strings.HasSuffix(name, "-retry-404") {
			continue // these ask the record of runs
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			replay(t, newServer(t, io.Discard, nil), file)
		})
	}
}

// recording is a recorded request and its answer.
type recording struct {
	Request struct {
		Method, Path, Auth string
		Body               json.RawMessage
	}
	Response struct {
		Status   int
		Headers  map[string]string
		Body     json.RawMessage
		BodyText string
	}
}

func readExchange(t *testing.T, file string) recording {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	var recorded recording
	require.NoError(t, json.Unmarshal(content, &recorded))
	return recorded
}

// replay makes the recorded request and compares the response with the recorded one.
func replay(t *testing.T, handler http.Handler, file string) {
	t.Helper()
	recorded := readExchange(t, file)
	headers := []string{"Authorization", "Bearer " + recorded.Request.Auth}
	if recorded.Request.Auth == "none" {
		headers[1] = ""
	}
	answer := ask(t, handler, recorded.Request.Method, recorded.Request.Path, string(recorded.Request.Body), headers...)
	require.Equal(t, recorded.Response.Status, answer.Code, answer.Body.String())
	require.Equal(t, recorded.Response.Headers["content-type"], answer.Header().Get("Content-Type"))
	if recorded.Response.Body == nil {
		require.Equal(t, recorded.Response.BodyText, answer.Body.String())
		return
	}
	var expected bytes.Buffer
	require.NoError(t, json.Compact(&expected, recorded.Response.Body))
	require.Equal(t, expected.String(), answer.Body.String())
}

func TestRequestsAreAuthenticated(t *testing.T) {
	t.Parallel()
	server := newServer(t, io.Discard, nil)
	for name, test := range map[string]struct {
		header, path string
		status       int
		message      string
	}{
		"no token":             {"", "/api/scaffolder/v2/actions", 401, "AuthenticationError: Missing credentials"},
		"a token of no scheme": {"service", "/api/scaffolder/v2/actions", 401, "AuthenticationError: Missing credentials"},
		"another scheme":       {"Basic c2VydmljZTo=", "/api/scaffolder/v2/actions", 401, "AuthenticationError: Missing credentials"},
		"an empty token":       {"Bearer ", "/api/scaffolder/v2/actions", 401, "AuthenticationError: Missing credentials"},
		"a bad token":          {"Bearer bad", "/api/scaffolder/v2/actions", 401, "AuthenticationError: Illegal token"},
		"a token for others":   {"Bearer restricted", "/api/scaffolder/v2/actions", 403, "NotAllowedError: This token's access is restricted to plugin(s) 'search'"},
		"authentication is checked before the query": {"", "/api/scaffolder/v2/tasks?wat=1", 401, "AuthenticationError: Missing credentials"},
		"any spelling of the scheme":                 {"bearer service", "/api/scaffolder/v2/actions", 200, ""},
		"an open route":                              {"", "/.backstage/health/v1/liveness", 200, ""},
		"an open route does not look at tokens":      {"Bearer bad", "/api/portico/v1/sign-in", 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := ask(t, server, http.MethodGet, test.path, "", "Authorization", test.header)
			require.Equal(t, test.status, answer.Code)
			if test.message != "" {
				require.Equal(t, test.message, message(t, answer))
			}
		})
	}
}

func TestInternalErrorsAreNotShown(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	answer := ask(t, newServer(t, &log, nil), http.MethodGet, "/api/scaffolder/v2/actions?x=y", "", "Authorization", "Bearer broken")
	require.Equal(t, http.StatusInternalServerError, answer.Code)
	require.Regexp(t, `^Error: An internal error occurred logId=[0-9a-f]{20}$`, message(t, answer))
	require.NotContains(t, answer.Body.String(), "10.0.0.7")
	var line struct{ Msg, LogID, Method, Path, Error string }
	require.NoError(t, json.Unmarshal(log.Bytes(), &line))
	require.Equal(t, "request failed", line.Msg)
	require.Contains(t, message(t, answer), line.LogID, "both sides can name it")
	require.Equal(t, "/api/scaffolder/v2/actions", line.Path)
	require.Equal(t, "the key server at 10.0.0.7 does not answer", line.Error)
}

func TestTemplatingExtensionsAreListed(t *testing.T) {
	t.Parallel()
	answer := ask(t, newServer(t, io.Discard, nil), http.MethodGet, "/api/scaffolder/v2/templating-extensions", "", "Authorization", "Bearer service")
	require.Equal(t, http.StatusOK, answer.Code)
	var listed struct {
		Filters map[string]struct{ Description string }
		Globals json.RawMessage
	}
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &listed))
	require.NotEmpty(t, listed.Filters["parseRepoUrl"].Description)
	require.JSONEq(t, `{"functions":{},"values":{}}`, string(listed.Globals))
}

func TestAPanicFailsOnlyItsRequest(t *testing.T) {
	t.Parallel()
	server := newServer(t, io.Discard, func(o *api.Options) {
		o.Portal = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("at the disco") })
	})
	answer := ask(t, server, http.MethodGet, "/", "")
	require.Equal(t, http.StatusInternalServerError, answer.Code)
	require.NotContains(t, answer.Body.String(), "disco")
	require.Equal(t, http.StatusOK, ask(t, server, http.MethodGet, "/api/scaffolder/v2/actions", "").Code)
}

func TestQueriesAreValidated(t *testing.T) {
	t.Parallel()
	server := newServer(t, io.Discard, nil)
	for query, expected := range map[string]string{
		"?wat=1":             "Unknown query parameter 'wat'",
		"?zzz=1&aaa=2":       "Unknown query parameter 'aaa'",
		"?status=":           "Empty value found for query parameter 'status'",
		"?limit":             "Empty value found for query parameter 'limit'",
		"?limit=x":           "request/query/limit must be integer",
		"?limit=1.5":         "request/query/limit must be integer",
		"?limit=-1":          "request/query/limit must be >= 0",
		"?limit=1&limit=2":   "request/query/limit must be integer",
		"?limit=x&offset=-2": "request/query/limit must be integer",
		"?order=sideways:x":  `Invalid order parameter "sideways:x", expected "<asc or desc>:<field name>"`,
		"?order=asc:spec":    `Invalid order parameter "asc:spec", expected "<asc or desc>:<field name>"`,
		"?a=%zz":             "Unknown query parameter 'a'",
		"?a;b":               "Unknown query parameter 'a;b'",
		"?limit[]=1":         "Unknown query parameter 'limit[]'",
	} {
		answer := ask(t, server, http.MethodGet, "/api/scaffolder/v2/tasks"+query, "")
		require.Equal(t, http.StatusBadRequest, answer.Code, query)
		require.Equal(t, "InputError: "+expected, message(t, answer), query)
	}
	require.Equal(t, http.StatusOK, ask(t, server, http.MethodGet, "/.backstage/health/v1/liveness?anything=goes&x=", "").Code)
}

// Whatever Backstage's readers of query strings and numbers accept.
func TestQueriesAreReadAsInBackstage(t *testing.T) {
	t.Parallel()
	server := newServer(t, io.Discard, nil)
	for query, want := range map[string]string{
		"limit=0x":                           "request/query/limit must be integer",
		"limit=1_0":                          "request/query/limit must be integer",
		"limit=Infinity":                     "request/query/limit must be integer",
		"limit=%201&order=wat":               `Invalid order parameter "wat", expected "<asc or desc>:<field name>"`,
		"limit=1e1&order=wat":                `Invalid order parameter "wat", expected "<asc or desc>:<field name>"`,
		"limit=0x1&order=wat":                `Invalid order parameter "wat", expected "<asc or desc>:<field name>"`,
		"limit=99999999999999999999&order=1": `Invalid order parameter "1", expected "<asc or desc>:<field name>"`,
		"order[]=wat;":                       `Invalid order parameter "wat;", expected "<asc or desc>:<field name>"`,
		"order%5B0%5D=50%":                   `Invalid order parameter "50%", expected "<asc or desc>:<field name>"`,
		"status=a&status=&order=1":           `Invalid order parameter "1", expected "<asc or desc>:<field name>"`,
		"order[a]=1":                         "Unknown query parameter 'order[a]'",
	} {
		answer := ask(t, server, http.MethodGet, "/api/scaffolder/v2/tasks?"+query, "")
		require.Equal(t, http.StatusBadRequest, answer.Code, query)
		require.Equal(t, "InputError: "+want, message(t, answer), query)
		require.Contains(t, answer.Body.String(), `"url":"/v2/tasks?`+query+`"`, "it names what was sent")
	}
}

// Express answers HEAD on every GET route, and a plugin looks at credentials before it looks for the route.
func TestRoutesAnswerAsExpressDoes(t *testing.T) {
	t.Parallel()
	server := newServer(t, io.Discard, nil)
	for _, test := range []struct {
		method, path, token string
		status              int
		body                string
	}{
		{http.MethodHead, "/.backstage/health/v1/liveness", "", http.StatusOK, ""},
		{http.MethodHead, "/api/scaffolder/v2/actions", "Bearer service", http.StatusOK, ""},
		{http.MethodHead, "/api/scaffolder/v2/actions", "", http.StatusUnauthorized, ""},
		{http.MethodHead, "/api/scaffolder/v2/tasks/x/eventstream", "Bearer service", http.StatusNotFound, ""},
		{http.MethodGet, "/api/catalog/nope", "Bearer service", http.StatusNotFound, ""},
		{http.MethodPut, "/api/catalog/entities", "Bearer service", http.StatusNotFound, ""},
		{http.MethodGet, "/api/catalog/nope", "", http.StatusUnauthorized, `{"error":{"name":"AuthenticationError","message":"Missing credentials"},` +
			`"request":{"method":"GET","url":"/nope"},"response":{"statusCode":401}}`},
		{http.MethodGet, "/api/nope/x", "", http.StatusNotFound, ""},
		{http.MethodGet, "/api/auth/nope/x", "", http.StatusNotFound, `{"error":{"name":"NotFoundError","message":"Unknown auth provider 'nope'"},` +
			`"request":{"method":"GET","url":"/nope/x"},"response":{"statusCode":404}}`},
		{http.MethodGet, "/api/catalog/.backstage/auth/v1/cookie", "", http.StatusUnauthorized, `{"error":{"name":"AuthenticationError","message":"Missing credentials"},` +
			`"request":{"method":"GET","url":"/.backstage/auth/v1/cookie"},"response":{"statusCode":401}}`},
	} {
		answer := httptest.NewRecorder()
		request := httptest.NewRequest(test.method, test.path, nil)
		if test.token != "" {
			request.Header.Set("Authorization", test.token)
		}
		server.ServeHTTP(answer, request)
		require.Equal(t, test.status, answer.Code, "%s %s", test.method, test.path)
		if test.method != http.MethodHead {
			require.Equal(t, test.body, answer.Body.String(), "%s %s", test.method, test.path)
		}
	}
}

func TestBodiesAreValidated(t *testing.T) {
	t.Parallel()
	server := newServer(t, io.Discard, nil)
	for name, test := range map[string]struct {
		path, body, mediaType string
		status                int
		message               string
	}{
		"no body":               {"/v2/tasks", "", "application/json", 400, "InputError: request must have required property 'body'"},
		"another media type":    {"/v2/tasks", "a=b", "application/x-www-form-urlencoded", 400, "InputError: unsupported media type application/x-www-form-urlencoded"},
		"no media type":         {"/v2/tasks", "{}", "", 400, "InputError: unsupported media type undefined"},
		"half a media type":     {"/v2/tasks", "{}", "multipart/form-data; boundary=x", 400, "InputError: unsupported media type multipart/form-data"},
		"no JSON":               {"/v2/tasks", "{", "application/json", 400, "InputError: Expected property name or '}' in JSON at position 1 (line 1 column 2)"},
		"more than one":         {"/v2/tasks", "{} {}", "application/json", 400, "InputError: Unexpected non-whitespace character after JSON at position 3 (line 1 column 4)"},
		"text":                  {"/v2/tasks", ` "x"`, "application/json", 400, `InputError: Unexpected token '"', " "x"" is not valid JSON`},
		"not an object":         {"/v2/tasks", "[]", "application/json", 400, "InputError: request/body must be object"},
		"everything is missing": {"/v2/tasks", "{}", "application/json; charset=utf-8", 400, "InputError: request/body must have required property 'templateRef'"},
		"wrong types":           {"/v2/tasks", `{"templateRef":1,"values":[]}`, "application/json", 400, "InputError: request/body/templateRef must be string"},
		"wrong types, deeper":   {"/v2/dry-run", `{"template":{},"values":{},"directoryContents":[{"path":"a","base64Content":""},{"path":1}]}`, "application/json", 400, "InputError: request/body/directoryContents/1 must have required property 'base64Content'"},
		"secrets that are not text": {"/v2/tasks", `{"templateRef":"a","values":{},"secrets":{"a":1}}`, "application/json", 400,
			"InputError: request/body/secrets/a must be string"},
		"far too much": {"/v2/tasks", `{"templateRef":"` + strings.Repeat("x", 10<<20) + `"}`, "application/json", 413, "PayloadTooLargeError: request entity too large"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := ask(t, server, http.MethodPost, "/api/scaffolder"+test.path, test.body, "Content-Type", test.mediaType)
			require.Equal(t, test.status, answer.Code)
			require.Equal(t, test.message, message(t, answer))
		})
	}
}

func TestUnknownRoutesHaveEmptyResponses(t *testing.T) {
	t.Parallel()
	server := newServer(t, io.Discard, nil)
	for _, request := range [][2]string{
		{"GET", "/api/nope/x"}, {"GET", "/api/catalog/nope"}, {"PUT", "/api/catalog/entities"}, {"DELETE", "/api/scaffolder/v2/actions"}, {"GET", "/nope"},
		{"GET", "/"}, {"GET", "/api"}, {"GET", "/.backstage/x"}, {"POST", "/"}, {"GET", "/api/scaffolder/v2/actions/x"}, {"GET", "//api/scaffolder/v2/actions"},
	} {
		answer := ask(t, server, request[0], request[1], "")
		require.Equal(t, http.StatusNotFound, answer.Code, request)
		require.Empty(t, answer.Body.String(), request)
	}
}

func TestStatusesOfRunsAreValidated(t *testing.T) {
	t.Parallel()
	server := newServer(t, io.Discard, nil)
	for query, expected := range map[string]string{
		"status=bogus":                 "request/query/status must be one of open, processing, completed, failed",
		"status=open&status=cancelled": "request/query/status must be one of open, processing, completed, failed",
		"phase=parked,Done":            "request/query/phase must be one of running, waiting, parked, rollingBack, rolledBack, done, cancelled",
		"status=open,&limit=x":         "request/query/status must be one of open, processing, completed, failed, request/query/limit must be integer",
	} {
		answer := ask(t, server, http.MethodGet, "/api/portico/v1/runs?"+query, "")
		require.Equal(t, http.StatusBadRequest, answer.Code, query)
		require.Equal(t, "InputError: "+expected, message(t, answer), query)
	}
}

func TestATrailingSlashChangesNothing(t *testing.T) {
	t.Parallel()
	server := newServer(t, io.Discard, nil)
	for _, path := range []string{"/api/scaffolder/v2/actions", "/.backstage/health/v1/readiness", "/api/portico/v1/info"} {
		plain, slashed := ask(t, server, http.MethodGet, path, ""), ask(t, server, http.MethodGet, path+"/", "")
		require.Equal(t, http.StatusOK, slashed.Code, path)
		require.Equal(t, plain.Body.String(), slashed.Body.String(), path)
	}
}

func TestOtherPathsAreServedByThePortal(t *testing.T) {
	t.Parallel()
	server := newServer(t, io.Discard, func(o *api.Options) {
		o.Portal = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "page "+r.URL.Path) })
	})
	for path, expected := range map[string]string{"/": "page /", "/runs/1": "page /runs/1", "/apis": "page /apis", "/api/nope": "", "/.backstage/nope": ""} {
		answer := ask(t, server, http.MethodGet, path, "", "Authorization", "")
		require.Equal(t, expected, answer.Body.String(), path)
		require.Equal(t, map[bool]int{true: 200, false: 404}[expected != ""], answer.Code, path)
	}
	require.Equal(t, http.StatusNotFound, ask(t, server, http.MethodPost, "/", "").Code)
}

func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	server := newServer(t, io.Discard, func(o *api.Options) {
		o.CORS = api.CORS{
			Origins: []string{"http://localhost:3000", "https://*.Example.org"}, Methods: []string{"GET", "DELETE"},
			ExposedHeaders: []string{"Link", "ETag"}, Credentials: true, MaxAge: 10 * time.Minute,
		}
	})
	const path = "/api/scaffolder/v2/tasks"

	preflight := ask(t, server, http.MethodOptions, path, "", "Authorization", "", "Origin", "http://localhost:3000", "Access-Control-Request-Method", "POST",
		"Access-Control-Request-Headers", "authorization,content-type")
	require.Equal(t, http.StatusNoContent, preflight.Code)
	require.Equal(t, "http://localhost:3000", preflight.Header().Get("Access-Control-Allow-Origin"))
	require.Equal(t, "authorization,content-type", preflight.Header().Get("Access-Control-Allow-Headers"))
	require.Equal(t, "true", preflight.Header().Get("Access-Control-Allow-Credentials"))
	require.Equal(t, "GET,DELETE", preflight.Header().Get("Access-Control-Allow-Methods"))
	require.Equal(t, "600", preflight.Header().Get("Access-Control-Max-Age"))

	refused := ask(t, server, http.MethodGet, path, "", "Authorization", "", "Origin", "https://portal.example.ORG")
	require.Equal(t, http.StatusUnauthorized, refused.Code)
	require.Equal(t, "https://portal.example.ORG", refused.Header().Get("Access-Control-Allow-Origin"), "a browser must be able to read the refusal")
	require.Equal(t, "Link,ETag", refused.Header().Get("Access-Control-Expose-Headers"))
	require.Contains(t, refused.Header().Get("Vary"), "Origin")

	for _, origin := range []string{"http://evil.example", "https://example.org.evil.example", "https://a/b.example.org", ""} {
		answer := ask(t, server, http.MethodOptions, path, "", "Origin", origin)
		require.Empty(t, answer.Header().Get("Access-Control-Allow-Origin"), origin)
		require.Equal(t, http.StatusNotFound, answer.Code, origin)
	}
}

func TestCrossOriginAllowsOnlyWhatIsConfigured(t *testing.T) {
	t.Parallel()
	server := newServer(t, io.Discard, func(o *api.Options) {
		o.CORS = api.CORS{Origins: []string{"http://localhost:*"}, Methods: []string{"GET"}, AllowedHeaders: []string{"Authorization"}}
	})
	header := ask(t, server, http.MethodOptions, "/api/scaffolder/v2/tasks", "", "Authorization", "", "Origin", "http://localhost:3000",
		"Access-Control-Request-Headers", "authorization,x-other").Header()
	require.Equal(t, "Authorization", header.Get("Access-Control-Allow-Headers"))
	for _, name := range []string{"Access-Control-Allow-Credentials", "Access-Control-Max-Age", "Access-Control-Expose-Headers"} {
		require.NotContains(t, header, name)
	}
}

func TestEveryResponseHasSecurityHeaders(t *testing.T) {
	t.Parallel()
	server := newServer(t, io.Discard, nil)
	for _, path := range []string{"/api/scaffolder/v2/actions", "/api/nope", "/nope", "/.backstage/health/v1/liveness"} {
		header := ask(t, server, http.MethodGet, path, "").Header()
		require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"), path)
		require.Equal(t, "SAMEORIGIN", header.Get("X-Frame-Options"), path)
		require.Equal(t, "no-referrer", header.Get("Referrer-Policy"), path)
		require.Equal(t, "default-src 'none'; frame-ancestors 'none'", header.Get("Content-Security-Policy"), path)
	}
}

func TestReadinessFailsWhileTheServerDrains(t *testing.T) {
	t.Parallel()
	server := newServer(t, io.Discard, nil)
	server.Drain()
	answer := ask(t, server, http.MethodGet, "/.backstage/health/v1/readiness", "")
	require.Equal(t, http.StatusServiceUnavailable, answer.Code)
	require.JSONEq(t, `{"message":"Backend is shutting down","status":"error"}`, answer.Body.String())
	require.Equal(t, http.StatusOK, ask(t, server, http.MethodGet, "/.backstage/health/v1/liveness", "").Code)
	require.Equal(t, http.StatusOK, ask(t, server, http.MethodGet, "/api/scaffolder/v2/actions", "").Code, "requests under way, and late ones, are served")
}

func TestReadinessSaysWhatAnOperatorShouldKnow(t *testing.T) {
	t.Parallel()
	server := newServer(t, io.Discard, func(o *api.Options) {
		o.Problems = func() []string { return []string{"policy.csv:3: the line is there twice"} }
	})
	answer := ask(t, server, http.MethodGet, "/.backstage/health/v1/readiness", "")
	require.Equal(t, http.StatusOK, answer.Code)
	require.JSONEq(t, `{"message":"policy.csv:3: the line is there twice","status":"ok"}`, answer.Body.String())
}

func TestReadinessFailsWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	asked := 0
	server := newServer(t, io.Discard, func(o *api.Options) {
		o.Database.Ping = func(ctx context.Context) error {
			asked++
			<-ctx.Done() // a database that hangs
			return ctx.Err()
		}
	})
	for range 5 {
		answer := ask(t, server, http.MethodGet, "/.backstage/health/v1/readiness", "")
		require.Equal(t, http.StatusServiceUnavailable, answer.Code)
		require.JSONEq(t, `{"message":"The database does not answer","status":"error"}`, answer.Body.String())
	}
	require.Less(t, asked, 5, "frequent probes share an answer")
	require.Equal(t, http.StatusOK, ask(t, server, http.MethodGet, "/.backstage/health/v1/liveness", "").Code)
}
