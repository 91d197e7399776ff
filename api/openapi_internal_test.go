package api

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/identity"
)

// everyPlugin is a server with every plugin that there is; none of them can be asked for anything.
func everyPlugin(t *testing.T) *Server {
	t.Helper()
	server, err := NewServer(Options{Version: "1.2.3", Plugins: []Plugin{NewCatalogPlugin(nil), NewScaffolderPlugin(nil, nil, nil),
		NewAuthPlugin(nil, nil), NewPorticoPlugin(Info{}, nil, nil)}})
	require.NoError(t, err)
	return server
}

func document(t *testing.T) *openapi3.T {
	t.Helper()
	answer := httptest.NewRecorder()
	everyPlugin(t).ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/openapi.json", nil))
	require.Equal(t, http.StatusOK, answer.Code)
	loaded, err := openapi3.NewLoader().LoadFromData(answer.Body.Bytes())
	require.NoError(t, err)
	return loaded
}

func TestTheDocumentIsValidOpenAPI31(t *testing.T) {
	t.Parallel()
	loaded := document(t)
	require.Equal(t, "3.1.0", loaded.OpenAPI)
	require.Equal(t, "1.2.3", loaded.Info.Version)
	require.NoError(t, loaded.Validate(t.Context()))
}

func TestEveryRouteIsInTheDocument(t *testing.T) {
	t.Parallel()
	loaded := document(t)
	engine, isEngine := everyPlugin(t).handler.(*gin.Engine)
	require.True(t, isEngine)
	routes := 0
	for _, mounted := range engine.Routes() {
		if strings.HasSuffix(mounted.Path, "/") {
			continue // the same route, as Express serves it
		}
		routes++
		item := loaded.Paths.Value(openAPIPath(mounted.Path))
		require.NotNil(t, item, mounted.Path)
		operation := item.GetOperation(mounted.Method)
		require.NotNil(t, operation, "%s %s", mounted.Method, mounted.Path)
		require.NotEmpty(t, operation.Summary, mounted.Path)
		require.NotEmpty(t, operation.OperationID, mounted.Path)
	}
	described := 0
	for _, item := range loaded.Paths.Map() {
		described += len(item.Operations())
	}
	require.Equal(t, routes, described, "and nothing else is")
}

func TestOperationsHaveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	var names []string
	for _, item := range document(t).Paths.Map() {
		for _, operation := range item.Operations() {
			names = append(names, operation.OperationID)
		}
	}
	slices.Sort(names)
	require.Equal(t, slices.Compact(slices.Clone(names)), names)
}

func TestOpenRoutesSayWhy(t *testing.T) {
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
		"GET /.backstage/health/v1/liveness", "GET /.backstage/health/v1/readiness", "GET /api/auth/.well-known/jwks.json", "GET /api/auth/guest/refresh",
		"GET /api/openapi.json", "GET /api/portico/v1/info", "POST /api/auth/guest/logout", "POST /api/auth/guest/refresh",
	}, openRoutes, "a new open door is a decision")
}

func TestARouteWithoutAPolicyDoesNotExist(t *testing.T) {
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
