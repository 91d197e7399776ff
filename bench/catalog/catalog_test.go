package catalog_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/catalogtest"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
)

// sizes are those of the catalogs; one entity in ten is a location.
var sizes = []int{10_000, 100_000, 250_000}

// requests has every route that reads the catalog, with the most frequent and the most expensive queries of
// portals.
var requests = []struct{ name, method, path, body string }{
	{"list/page", http.MethodGet, "/entities?limit=20", ""},
	{"list/page-offset", http.MethodGet, "/entities?limit=20&offset=50000", ""},
	{"list/filtered", http.MethodGet, "/entities?limit=20&filter=kind=api,spec.type=service", ""},
	{"list/filtered-all", http.MethodGet, "/entities?filter=kind=group&fields=metadata.name", ""},
	{"list/owned", http.MethodGet, "/entities?filter=relations.ownedby=group:default/group-19", ""},
	{"list/ordered", http.MethodGet, "/entities?limit=20&order=asc:metadata.name", ""},
	{"list/ordered-filtered", http.MethodGet, "/entities?limit=20&filter=kind=component&order=asc:metadata.name", ""},
	{"list/ordered-two", http.MethodGet, "/entities?limit=20&filter=kind=component&order=desc:spec.type&order=asc:metadata.name", ""},
	{"by-query/all", http.MethodGet, "/entities/by-query?limit=20", ""},
	{"by-query/count", http.MethodGet, "/entities/by-query?limit=0", ""},
	{"by-query/count-kind", http.MethodGet, "/entities/by-query?limit=0&filter=kind=component", ""},
	{"by-query/count-owned", http.MethodGet, "/entities/by-query?limit=0&filter=kind=component,relations.ownedby=group:default/group-19", ""},
	{"by-query/kind", http.MethodGet, "/entities/by-query?limit=20&filter=kind=component&orderField=metadata.name,asc", ""},
	{"by-query/kind-title", http.MethodGet, "/entities/by-query?limit=20&filter=kind=component&orderField=metadata.title,desc", ""},
	{"by-query/kind-offset", http.MethodGet, "/entities/by-query?limit=20&offset=40000&filter=kind=component&orderField=metadata.name,asc", ""},
	{"by-query/kind-type", http.MethodGet, "/entities/by-query?limit=20&filter=kind=component,spec.type=service&orderField=metadata.name,asc", ""},
	{"by-query/rare-kind", http.MethodGet, "/entities/by-query?limit=20&filter=kind=template&orderField=metadata.name,asc", ""},
	{"by-query/owned", http.MethodGet, "/entities/by-query?limit=20&filter=kind=component,relations.ownedby=group:default/group-19&orderField=metadata.name,asc", ""},
	{"by-query/owned-by-many", http.MethodGet, "/entities/by-query?limit=20&filter=kind=component" + repeat(",relations.ownedby=group:default/group-%d", 20) + "&orderField=metadata.name,asc", ""},
	{"by-query/tags", http.MethodGet, "/entities/by-query?limit=20&filter=kind=component,metadata.tags=tag-1&filter=kind=api,metadata.tags=tag-2", ""},
	{"by-query/text", http.MethodGet, "/entities/by-query?limit=20&filter=kind=component&orderField=metadata.name,asc&fullTextFilterTerm=-777&fullTextFilterFields=metadata.name,metadata.title", ""},
	{"by-query/text-all", http.MethodGet, "/entities/by-query?limit=20&orderField=metadata.name,asc&fullTextFilterTerm=777", ""},
	{"by-query/text-none", http.MethodGet, "/entities/by-query?limit=20&filter=kind=component&orderField=metadata.name,asc&fullTextFilterTerm=nowhere&fullTextFilterFields=metadata.name,metadata.title,spec.profile.displayname", ""},
	{"by-query/predicate-not", http.MethodPost, "/entities/by-query", `{"limit":20,"query":{"$all":[{"kind":"component"},{"$not":{"spec.lifecycle":"experimental"}}]}}`},
	{"by-query/predicate-missing", http.MethodPost, "/entities/by-query", `{"limit":20,"query":{"metadata.annotations.backstage.io/orphan":{"$exists":false},"kind":{"$in":["component","api"]}},"orderBy":[{"field":"metadata.name","order":"asc"}]}`},
	{"by-query/predicate-prefix", http.MethodPost, "/entities/by-query", `{"limit":20,"query":{"kind":"component","metadata.name":{"$hasPrefix":"component-77"}}}`},
	{"by-refs", http.MethodPost, "/entities/by-refs", `{"entityRefs":["component:default/component-1","group:default/group-19","api:default/none"]}`},
	{"by-refs/hundred", http.MethodPost, "/entities/by-refs", `{"entityRefs":[` + strings.TrimPrefix(repeat(`,"component:default/component-%d"`, 100), ",") + `],"fields":["metadata.name"]}`},
	{"by-name", http.MethodGet, "/entities/by-name/component/default/component-1", ""},
	{"ancestry", http.MethodGet, "/entities/by-name/component/default/component-1/ancestry", ""},
	{"facets/kind", http.MethodGet, "/entity-facets?facet=kind", ""},
	{"facets/kinds-types", http.MethodGet, "/entity-facets?facet=kind&facet=spec.type&facet=spec.lifecycle", ""},
	{"facets/of-components", http.MethodGet, "/entity-facets?facet=spec.type&facet=spec.lifecycle&filter=kind=component", ""},
	{"facets/tags-of-components", http.MethodGet, "/entity-facets?facet=metadata.tags&filter=kind=component", ""},
	{"facets/owners-of-apis", http.MethodGet, "/entity-facets?facet=relations.ownedBy&filter=kind=api", ""},
	{"facets/owned", http.MethodGet, "/entity-facets?facet=kind&filter=relations.ownedby=group:default/group-19", ""},
	{"locations/page", http.MethodPost, "/locations/by-query", `{"limit":20}`},
	{"locations/found", http.MethodPost, "/locations/by-query", `{"limit":20,"query":{"target":"https://example.com/770.yaml"}}`},
	{"locations/prefix", http.MethodPost, "/locations/by-query", `{"limit":20,"query":{"target":{"$hasPrefix":"https://example.com/77"}}}`},
	{"locations/all", http.MethodGet, "/locations", ""},
	{"locations/by-entity", http.MethodGet, "/locations/by-entity/component/default/component-1", ""},
	{"refresh", http.MethodPost, "/refresh", `{"entityRef":"component:default/component-1"}`},
}

func repeat(format string, times int) string {
	var out strings.Builder
	for i := range times {
		fmt.Fprintf(&out, format, 20*i+19)
	}
	return out.String()
}

// anybody accepts every token.
type anybody struct{}

func (anybody) Authenticate(context.Context, string) (identity.Principal, error) {
	return identity.Principal{Kind: identity.KindService, Subject: "bench"}, nil
}

// BenchmarkRoutes measures each route on catalogs of several sizes: for somebody who may read everything (all),
// and for a member of eight groups who may read what they own (owned).
func BenchmarkRoutes(b *testing.B) {
	for _, size := range sizes {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			pool := testkit.Database(b)
			catalogtest.Fill(b, pool, size)
			for _, readers := range []struct {
				name    string
				decider policy.Decider
			}{{"all", policy.AllowKnown{}}, {"owned", owners(8)}} {
				server := serve(b, pool, readers.decider)
				b.Run(readers.name, func(b *testing.B) { measureRoutes(b, pool, server+"/api/catalog") })
			}
		})
	}
}

// owners decides that entities may be read by the members of the first groups that own some.
func owners(groups int) policy.Decider {
	claims := make([]string, groups)
	for i := range claims {
		claims[i] = fmt.Sprintf("group:default/group-%d", 20*i+19)
	}
	encoded, err := json.Marshal(claims)
	if err != nil {
		panic(err) // texts are always encoded
	}
	return policytest.Table{policy.CatalogEntityRead: `{"rule":"IS_ENTITY_OWNER","resourceType":"catalog-entity","params":{"claims":` + string(encoded) + `}}`}
}

// serve answers the catalog's routes, and returns the address.
func serve(b *testing.B, pool *pgxpool.Pool, decider policy.Decider) string {
	b.Helper()
	reader, err := forges.New(forges.Config{}, integration.Options{})
	require.NoError(b, err)
	pipeline := &processing.Pipeline{Reader: reader, Rules: entity.DefaultRules(), LocationTypes: []string{"url"}}
	service := catalog.New(catalog.Options{Pool: pool, Decider: decider, Pipeline: pipeline})
	handler, err := api.NewServer(api.Options{Hosts: []string{"example.com"}, Log: slog.New(slog.DiscardHandler), Authenticator: anybody{},
		Plugins: []api.Plugin{api.NewCatalogPlugin(service)}})
	require.NoError(b, err)
	server := httptest.NewServer(handler)
	b.Cleanup(server.Close)
	return server.URL
}

func measureRoutes(b *testing.B, pool *pgxpool.Pool, base string) {
	b.Helper()
	for _, request := range requests {
		b.Run(request.name, func(b *testing.B) { measure(b, pool, base, request.method, request.path, request.body) })
	}
	b.Run("by-query/next-page", func(b *testing.B) {
		page := send(b, base, http.MethodGet, "/entities/by-query?limit=20&filter=kind=component&orderField=metadata.name,asc", "")
		var found struct{ PageInfo struct{ NextCursor string } }
		require.NoError(b, json.Unmarshal(page, &found))
		measure(b, pool, base, http.MethodGet, "/entities/by-query?limit=20&cursor="+url.QueryEscape(found.PageInfo.NextCursor), "")
	})
}

// measure reports the best time, the median and the 95th percentile, in milliseconds, and the CPU time of this
// process and of PostgreSQL for one request. Other work on the machine affects the CPU time least. Postgres may
// change its plan for a statement at the sixth execution, so the first ones are not counted.
func measure(b *testing.B, pool *pgxpool.Pool, base, method, path, body string) {
	b.Helper()
	for range 7 {
		send(b, base, method, path, body)
	}
	var took []time.Duration
	own, postgres := ownCPU(b), postgresCPU(b, pool)
	for b.Loop() {
		begun := time.Now()
		send(b, base, method, path, body)
		took = append(took, time.Since(begun))
	}
	b.ReportMetric((ownCPU(b)-own).Seconds()*1000/float64(len(took)), "own-ms")
	b.ReportMetric((postgresCPU(b, pool)-postgres).Seconds()*1000/float64(len(took)), "postgres-ms")
	slices.Sort(took)
	milliseconds := func(share float64) float64 { return took[int(share*float64(len(took)-1))].Seconds() * 1000 }
	b.ReportMetric(milliseconds(0), "best-ms")
	b.ReportMetric(milliseconds(0.5), "p50-ms")
	b.ReportMetric(milliseconds(0.95), "p95-ms")
	b.ReportMetric(0, "ns/op")
}

func send(b *testing.B, base, method, path, body string) []byte {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), method, base+path, strings.NewReader(body))
	require.NoError(b, err)
	request.Header.Set("Authorization", "Bearer any")
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(b, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(b, err)
	require.Less(b, response.StatusCode, http.StatusBadRequest, string(content))
	return content
}
