package catalog_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	activities "github.com/portico-dev/portico/activities/catalog"
	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/catalogtest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/scaffolder/template"
)

const descriptor = `
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: shop}
spec: {type: service, owner: guest, lifecycle: production}
`

// site serves the descriptor, behind the gate.
func site(t testing.TB, gate *actiontest.Gate) (url string, sources *integration.Set) {
	t.Helper()
	server := httptest.NewServer(gate.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, descriptor) })))
	t.Cleanup(server.Close)
	sources, err := forges.New(forges.Config{}, integration.Options{
		ReadingAllow: []integration.AllowRule{{Host: strings.TrimPrefix(server.URL, "http://")}},
	})
	require.NoError(t, err)
	return server.URL, sources
}

// realCatalog is a catalog and its own database, whose statements all pass the gate.
func realCatalog(t testing.TB, gate *actiontest.Gate, sources *integration.Set) (*catalog.Service, *pgxpool.Pool) {
	t.Helper()
	pool := testkit.Database(t)
	config := pool.Config()
	config.ConnConfig.Tracer = gate
	gated, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(gated.Close)
	return catalogOn(t, gated, sources), pool
}

func catalogOn(t testing.TB, pool *pgxpool.Pool, sources *integration.Set) *catalog.Service {
	t.Helper()
	rules, err := catalog.ConfiguredRules([]entity.Rule{{Allow: []entity.AllowedKind{{Kind: "Component"}, {Kind: "Location"}}}}, nil)
	require.NoError(t, err)
	pipeline := &processing.Pipeline{Reader: sources, Rules: rules, LocationTypes: []string{"url"}}
	return catalog.New(catalog.Options{Pool: pool, Decider: policy.AllowKnown{}, Pipeline: pipeline})
}

// conform runs the conformance suite on one action of the package, with the real catalog.
func conform(t *testing.T, id string, fixture func(testing.TB, *actiontest.Fixture, *pgxpool.Pool, string)) {
	t.Helper()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		url, sources := site(t, gate)
		service, pool := realCatalog(t, gate, sources)
		made := actiontest.Fixture{User: template.User{Ref: "user:default/guest"}}
		for _, each := range activities.Actions(service, sources) {
			if each.Describe().ID == id {
				made.Action = each
			}
		}
		fixture(t, &made, pool, url)
		return made
	})
}

func TestRegisterConforms(t *testing.T) {
	t.Parallel()
	conform(t, "catalog:register", func(t testing.TB, fixture *actiontest.Fixture, pool *pgxpool.Pool, url string) {
		t.Helper()
		_, sources := site(t, &actiontest.Gate{})
		others := catalogOn(t, pool, sources)
		other := identity.Principal{Kind: identity.KindUser, Subject: "user:default/ann"}
		spec := entity.LocationSpec{Type: "url", Target: url + "/catalog-info.yaml"}
		fixture.Input = fmt.Sprintf(`{"catalogInfoUrl":%q}`, spec.Target)
		fixture.State = func(t testing.TB) []string {
			t.Helper()
			rows, err := pool.Query(t.Context(), "select target || ' by ' || created_by from catalog_locations order by 1")
			require.NoError(t, err)
			locations, err := pgx.CollectRows(rows, pgx.RowTo[string])
			require.NoError(t, err)
			return locations
		}
		fixture.Digest = func(t testing.TB) string { t.Helper(); return testkit.Digest(t, pool) }
		fixture.Take = func(t testing.TB) {
			t.Helper()
			_, err := others.RegisterLocation(t.Context(), other, spec, catalog.ConflictReject)
			require.NoError(t, err)
		}
		fixture.Use = func(t testing.TB) {
			t.Helper()
			registered, err := others.RegistrationOf(t.Context(), other, spec)
			require.NoError(t, err)
			_, err = others.UpdateLocation(t.Context(), other, registered.ID, entity.LocationSpec{Type: "url", Target: spec.Target + "?v=2"})
			require.NoError(t, err)
		}
	})
}

func TestFetchConforms(t *testing.T) {
	t.Parallel()
	conform(t, "catalog:fetch", func(t testing.TB, fixture *actiontest.Fixture, pool *pgxpool.Pool, _ string) {
		t.Helper()
		catalogtest.Fill(t, pool, 20)
		fixture.Input = `{"entityRef":"component:default/component-1","entityRefs":["api:default/api-6","group:nobody"],"optional":true}`
		fixture.NoUndo = "it only reads"
	})
}

func TestWriteConforms(t *testing.T) {
	t.Parallel()
	conform(t, "catalog:write", func(_ testing.TB, fixture *actiontest.Fixture, _ *pgxpool.Pool, _ string) {
		fixture.Input = `{"filePath":"deep/catalog-info.yaml","entity":{"kind":"Component","metadata":{"name":"shop"}}}`
	})
}
