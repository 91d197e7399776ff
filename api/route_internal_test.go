package api

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPageSizesAreBounded: without bounds, a client could request a list of any size.
func TestPageSizesAreBounded(t *testing.T) {
	t.Parallel()
	server, err := NewServer(Options{Log: slog.New(slog.DiscardHandler), Plugins: []Plugin{plugin{id: "x", routes: []route{
		{method: http.MethodGet, path: "/list", access: open("a test"), summary: "Lists", query: []parameter{limit(pageSize{preset: 20, most: 50})},
			serve: ok("how many", func(c *call) (int, error) { return c.limit(), nil })}}}}})
	require.NoError(t, err)
	for query, size := range map[string]string{"": "20", "?limit=0": "0", "?limit=7": "7", "?limit=50": "50", "?limit=51": "50", "?limit=2147483648": "50"} {
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "http://localhost/api/x/list"+query, nil))
		require.Equal(t, http.StatusOK, answer.Code)
		require.Equal(t, size, answer.Body.String(), query)
	}
}

// TestEveryLimitHasBounds: every parameter limit must have bounds.
func TestEveryLimitHasBounds(t *testing.T) {
	t.Parallel()
	for _, p := range []Plugin{NewCatalogPlugin(nil), NewCatalogExplanationPlugin(nil), NewScaffolderPlugin(nil, nil), NewPorticoPlugin(Info{}, nil, nil), NewCallbacksPlugin(nil), NewEventsPlugin(nil), NewBookmarksPlugin(nil), NewSearchPlugin(nil), NewSearchEverythingPlugin(nil), NewSearchSourcesPlugin(nil), NewSessionsPlugin(nil), NewSourcesPlugin(nil), NewHostsPlugin(nil), NewAutocompletePlugin(nil), NewProjectPlugin(nil), NewAuthPlugin(AuthOptions{}), NewAuditPlugin(nil), NewExplainPlugin(nil)} {
		for _, r := range p.group().routes {
			for _, q := range r.query {
				require.Equal(t, q.name == "limit", q.page != nil, "%s %s", r.path, q.name)
			}
		}
	}
}
