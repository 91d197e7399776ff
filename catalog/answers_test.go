package catalog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/catalogtest"
	"github.com/portico-dev/portico/policy"
)

// A count is kept until a served entity changes, in any process. Rows that the test writes past the entities show
// which answers were kept.
func TestCountsAreKeptUntilAnEntityChanges(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	catalogtest.Fill(t, pool, 20)
	service := catalog.New(catalog.Options{Pool: pool, Decider: policy.AllowKnown{}})
	components := query.And(query.Match{Key: "kind", Values: []string{"component"}}, query.Exists{Key: "spec.type"})
	count := func() int {
		cursor, err := query.NewCursor(components, query.FullText{}, nil)
		require.NoError(t, err)
		page, err := service.QueryEntities(t.Context(), somebody, catalog.EntityQuery{Cursor: cursor})
		require.NoError(t, err)
		return page.TotalItems
	}
	facet := func() int {
		facets, err := service.Facets(t.Context(), somebody, []string{"kind"}, components)
		require.NoError(t, err)
		require.Len(t, facets["kind"], 1)
		return facets["kind"][0].Count
	}
	execute := func(statement string) {
		_, err := pool.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	require.Equal(t, []int{9, 9}, []int{count(), facet()})

	execute("delete from catalog_search s using catalog_entities e where e.entity_id = s.entity_id and e.entity_ref = 'component:default/component-1'")
	require.Equal(t, []int{9, 9}, []int{count(), facet()})
	execute("update catalog_entities set updated_at = now() where entity_ref = 'group:default/group-19'")
	require.Equal(t, []int{8, 8}, []int{count(), facet()})
	execute("delete from catalog_entities where entity_ref in ('component:default/component-2', 'component:default/component-3')")
	require.Equal(t, []int{6, 6}, []int{count(), facet()})
}

// A transaction raises the revision once, whatever it changes, and only if it is committed.
func TestTheRevisionCountsTransactions(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	catalogtest.Fill(t, pool, 20)
	revision := func() (current int) {
		require.NoError(t, pool.QueryRow(t.Context(), "select revision from catalog_revision").Scan(&current))
		return current
	}
	before := revision()
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	for _, statement := range []string{"update catalog_entities set hash = ''", "delete from catalog_entities where entity_ref like 'user:%'"} {
		_, err := tx.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	require.Equal(t, before, revision())
	require.NoError(t, tx.Commit(t.Context()))
	require.Equal(t, before+1, revision())

	tx, err = pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "delete from catalog_entities")
	require.NoError(t, err)
	require.NoError(t, tx.Rollback(t.Context()))
	require.Equal(t, before+1, revision())
}
