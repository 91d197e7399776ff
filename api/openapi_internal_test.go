package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gin-gonic/gin"
	"github.com/invopop/jsonschema"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/techdocs/build"
)

// everyPlugin is a server with every plugin. Their services are nil.
func everyPlugin(t *testing.T) *Server {
	t.Helper()
	server, err := NewServer(Options{Version: "0.0.0", Plugins: []Plugin{NewCatalogPlugin(nil), NewCatalogExplanationPlugin(nil), NewScaffolderPlugin(nil, nil),
		NewAuthPlugin(AuthOptions{}), NewPorticoPlugin(Info{}, nil, nil), NewCallbacksPlugin(nil), NewEventsPlugin(nil), NewBookmarksPlugin(nil), NewSearchPlugin(nil), NewSearchEverythingPlugin(nil), NewSearchSourcesPlugin(nil), NewSessionsPlugin(nil), NewSourcesPlugin(nil), NewHostsPlugin(nil), NewAutocompletePlugin(nil),
		NewKubernetesPlugin(nil), NewProjectPlugin(nil), NewVaultPlugin(nil),
		NewArgoCDPlugin(nil), NewArgoCDMetadataPlugin(),
		NewDocsBuildsPlugin(nil, nil),
		NewPermissionPlugin(nil), NewRolesPlugin(nil), NewRoleEditorPlugin(nil), NewAuditPlugin(nil), NewExplainPlugin(nil),
		NewPreviewPlugin(nil), NewProxyPlugin(nil), NewTechDocsPlugin(TechDocsOptions{}), NewTemporalPlugin(TemporalOptions{Log: slog.Default()})}})
	require.NoError(t, err)
	return server
}

// served is the document in the response to a client.
func served(t *testing.T) []byte {
	t.Helper()
	answer := httptest.NewRecorder()
	everyPlugin(t).ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/api/openapi.json", nil))
	require.Equal(t, http.StatusOK, answer.Code)
	return answer.Body.Bytes()
}

func loaded(t *testing.T) *openapi3.T {
	t.Helper()
	document, err := openapi3.NewLoader().LoadFromData(served(t))
	require.NoError(t, err)
	return document
}

var update = flag.Bool("update", false, "write openapi.json anew")

// TestTheStoredDocumentIsUpToDate checks openapi.json, from which the portal's types are generated.
func TestTheStoredDocumentIsUpToDate(t *testing.T) {
	t.Parallel()
	var indented bytes.Buffer
	require.NoError(t, json.Indent(&indented, append(served(t), '\n'), "", "  "))
	if *update {
		require.NoError(t, os.WriteFile("openapi.json", indented.Bytes(), 0o644))
	}
	written, err := os.ReadFile("openapi.json")
	require.NoError(t, err)
	require.Equal(t, string(written), indented.String(), "run go generate ./api")
}

func TestTheDocumentIsValidOpenAPI31(t *testing.T) {
	t.Parallel()
	document := loaded(t)
	require.Equal(t, "3.1.0", document.OpenAPI)
	require.Equal(t, "0.0.0", document.Info.Version)
	require.NoError(t, document.Validate(t.Context()))
}

func TestEveryRouteIsInTheDocument(t *testing.T) {
	t.Parallel()
	document := loaded(t)
	engine, isEngine := everyPlugin(t).handler.(*gin.Engine)
	require.True(t, isEngine)
	routes := 0
	for _, mounted := range engine.Routes() {
		if strings.HasSuffix(mounted.Path, "/") {
			continue // the same route, as Express serves it
		}
		if mounted.Method == http.MethodHead && document.Paths.Value(openAPIPath(mounted.Path)).Head == nil {
			continue // GET without the body
		}
		routes++
		item := document.Paths.Value(openAPIPath(mounted.Path))
		require.NotNil(t, item, mounted.Path)
		operation := item.GetOperation(mounted.Method)
		require.NotNil(t, operation, "%s %s", mounted.Method, mounted.Path)
		require.NotEmpty(t, operation.Summary, mounted.Path)
		require.NotEmpty(t, operation.OperationID, mounted.Path)
	}
	described := 0
	for _, item := range document.Paths.Map() {
		described += len(item.Operations())
	}
	require.Equal(t, routes, described, "and nothing else is")
}

// TestEveryCommandTakesAnIdempotencyKey checks every request that is not a GET, except for queries.
func TestEveryCommandTakesAnIdempotencyKey(t *testing.T) {
	t.Parallel()
	onlyAsk := []string{"/entities/by-query", "/entities/export", "/v1/catalog/inspect", "/entities/by-refs", "/entity-facets", "/validate-entity", "/analyze-location", "/locations/by-query",
		"/v2/dry-run", "/v2/autocomplete/:provider/:resource", "/:provider/refresh", "/:provider/logout",
		"/authorize", "/.well-known/backstage/permissions/apply-conditions",
		"/services/:serviceId", "/resources/workloads/query", "/resources/custom/query",
		// These store nothing: a cookie, a token that is exchanged once, and a preview.
		"/api/:plugin/.backstage/auth/v1/cookie", "/v1/token", "/v1/policy/preview",
		// The same answer to a callback changes nothing, whatever its key.
		"/v1/callbacks/:secret", "/v1/callbacks/:secret/failure",
		// An event has the id of its delivery.
		"/http/:topic",
		// The server behind the proxy gets the key.
		"/*path",
		// It is read, also by HEAD.
		"/static/docs/*path"}
	for _, p := range everyPlugin(t).plugins {
		for _, r := range p.routes {
			changes := r.method != http.MethodGet && !slices.Contains(onlyAsk, r.path)
			require.Equal(t, changes, r.command, "%s %s%s", r.method, p.mount(), r.path)
		}
	}
	cancel := loaded(t).Paths.Value("/api/scaffolder/v2/tasks/{taskId}/cancel").Post
	require.NotNil(t, cancel.Parameters.GetByInAndName("header", "Idempotency-Key"))
	for _, status := range []int{http.StatusConflict, http.StatusUnprocessableEntity} {
		require.NotNil(t, cancel.Responses.Status(status), status)
	}
}

func TestOperationIDsAreUnique(t *testing.T) {
	t.Parallel()
	var names []string
	for _, item := range loaded(t).Paths.Map() {
		for _, operation := range item.Operations() {
			names = append(names, operation.OperationID)
		}
	}
	slices.Sort(names)
	require.Equal(t, slices.Compact(slices.Clone(names)), names)
}

func TestEveryResponseIsDescribed(t *testing.T) {
	t.Parallel()
	for path, item := range loaded(t).Paths.Map() {
		for method, operation := range item.Operations() {
			for status, response := range operation.Responses.Map() {
				at := fmt.Sprintf("%s %s answers %s", method, path, status)
				require.NotEmpty(t, response.Value.Description, at)
				for mediaType, content := range response.Value.Content {
					require.NotNil(t, content.Schema, at)
					require.False(t, content.Schema.Ref == "" && content.Schema.Value.IsEmpty(), "%s with any %s", at, mediaType)
				}
			}
			require.Contains(t, operation.Responses.Map(), "400", path)
			if len(*operation.Security) > 0 {
				require.Contains(t, operation.Responses.Map(), "401", path)
				require.Contains(t, operation.Responses.Map(), "403", path)
			}
		}
	}
}

// TestEnumerationsAreComplete compares the words that the document lists with the constants of their types.
func TestEnumerationsAreComplete(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		described *jsonschema.Schema
		folder    string
	}{
		"Status":      {known(reflect.TypeFor[run.Status]()), "../scaffolder/run"},
		"Phase":       {known(reflect.TypeFor[run.Phase]()), "../scaffolder/run"},
		"EffectState": {known(reflect.TypeFor[action.EffectState]()), "../scaffolder/action"},
		"State":       {known(reflect.TypeFor[build.State]()), "../techdocs/build"},
		"Cause":       {known(reflect.TypeFor[build.Cause]()), "../techdocs/build"},
	} {
		require.ElementsMatch(t, constants(t, test.folder, name), test.described.Enum, name)
	}
}

// constants are the values of a package's constants of one type.
func constants(t *testing.T, folder, typeName string) []any {
	t.Helper()
	files, err := filepath.Glob(folder + "/*.go")
	require.NoError(t, err)
	var values []any
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		ast.Inspect(parsed, func(node ast.Node) bool {
			spec, is := node.(*ast.ValueSpec)
			if !is || len(spec.Values) != 1 {
				return true
			}
			name, isNamed := spec.Type.(*ast.Ident)
			literal, isLiteral := spec.Values[0].(*ast.BasicLit)
			if isNamed && isLiteral && name.Name == typeName {
				value, err := strconv.Unquote(literal.Value)
				require.NoError(t, err)
				values = append(values, value)
			}
			return true
		})
	}
	return values
}

func TestOpenRoutesHaveReasons(t *testing.T) {
	t.Parallel()
	server := everyPlugin(t)
	var openRoutes []string
	for _, p := range server.plugins {
		for _, r := range p.routes {
			require.NotEqual(t, accessUnstated, r.access.kind)
			if r.access.kind == accessOpen {
				require.NotEmpty(t, r.access.reason)
				openRoutes = append(openRoutes, r.method+" "+p.mount()+r.path)
			}
		}
	}
	slices.Sort(openRoutes)
	require.Equal(t, []string{
		"DELETE /api/:plugin/.backstage/auth/v1/cookie", "GET /.backstage/health/v1/liveness", "GET /.backstage/health/v1/readiness",
		"GET /api/:plugin/.backstage/auth/v1/jwks.json", "GET /api/auth/.well-known/jwks.json",
		"GET /api/auth/.well-known/openid-configuration", "GET /api/auth/:provider/handler/frame", "GET /api/auth/:provider/refresh",
		"GET /api/auth/:provider/start", "GET /api/openapi.json", "GET /api/permission/health", "GET /api/portico/v1/sign-in", "POST /api/auth/:provider/logout", "POST /api/auth/:provider/refresh",
		"POST /api/auth/v1/token", "POST /api/events/http/:topic",
		"POST /api/portico/v1/callbacks/:secret", "POST /api/portico/v1/callbacks/:secret/failure",
	}, openRoutes, "a new open door is a decision")
}

// TestWritingRoutesWithoutAuditingAreRefused: every route but a GET states it.
func TestWritingRoutesWithoutAuditingAreRefused(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]route{
		"nothing stated":    {method: http.MethodPost, path: "/x", access: open("a test")},
		"no reason":         {method: http.MethodPost, path: "/x", access: open("a test"), audit: unrecorded("")},
		"an unknown action": {method: http.MethodPost, path: "/x", access: open("a test"), audit: records("x.frobnicate")},
		"an unusual method": {method: "PURGE", path: "/x", access: open("a test")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := NewServer(Options{Plugins: []Plugin{plugin{id: "test", routes: []route{r}}}})
			require.ErrorContains(t, err, "/api/test/x does not state what the audit log gets of it")
		})
	}
}

func TestRoutesWithoutAPolicyAreRefused(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]route{
		"nothing stated":  {method: http.MethodGet, path: "/x"},
		"open, but why":   {method: http.MethodGet, path: "/x", access: open("")},
		"an unnamed kind": {method: http.MethodGet, path: "/x", access: access{reason: "because"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := NewServer(Options{Authenticator: identity.NewAuthenticator(nil, nil), Plugins: []Plugin{plugin{id: "test", routes: []route{r}}}})
			require.EqualError(t, err, "route GET /api/test/x states no policy")
		})
	}
}
