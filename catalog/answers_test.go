package catalog_test

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/catalogtest"
	"github.com/portico-dev/portico/internal/testkit/policytest"
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

// Pages and single entities are kept as counts are.
func TestPagesAndEntitiesAreKeptUntilAnEntityChanges(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	catalogtest.Fill(t, pool, 20)
	service := catalog.New(catalog.Options{Pool: pool, Decider: policy.AllowKnown{}})
	cursor, err := query.NewCursor(filter(t, "kind=component"), query.FullText{}, []query.CursorOrder{{Field: "metadata.name"}})
	require.NoError(t, err)
	page := func() []string {
		found, err := service.QueryEntities(t.Context(), somebody, catalog.EntityQuery{Cursor: cursor, Limit: 2})
		require.NoError(t, err)
		return names(t, found.Items)
	}
	document := func(find func() (json.RawMessage, error)) string {
		found, err := find()
		require.NoError(t, err)
		return string(found)
	}
	byName := func() (json.RawMessage, error) {
		return service.EntityJSON(t.Context(), somebody, entity.Ref{Kind: "component", Namespace: "default", Name: "component-1"})
	}
	var uid string
	require.NoError(t, pool.QueryRow(t.Context(), "select entity_id::text from catalog_entities where entity_ref = 'component:default/component-1'").Scan(&uid))
	byUID := func() (json.RawMessage, error) { return service.EntityByUID(t.Context(), somebody, uid) }
	execute := func(statements ...string) {
		require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
			for _, statement := range statements {
				if _, err := tx.Exec(t.Context(), statement); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	first := document(byName)
	require.Equal(t, first, document(byUID))
	require.Equal(t, []string{"component-1", "component-11"}, page())

	execute("set local session_replication_role = replica", // past the trigger
		`update catalog_entities set entity = '{"kind":"Component","metadata":{"name":"changed"}}' where entity_ref = 'component:default/component-1'`)
	require.Equal(t, []string{first, first}, []string{document(byName), document(byUID)})
	require.Equal(t, []string{"component-1", "component-11"}, page())
	execute("update catalog_entities set updated_at = now() where entity_ref = 'group:default/group-19'")
	require.NotEqual(t, first, document(byName))
	require.NotEqual(t, first, document(byUID))
	require.Equal(t, []string{"changed", "component-11"}, page())
	execute("delete from catalog_entities where entity_ref = 'component:default/component-1'")
	_, err = byName()
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	require.Equal(t, []string{"component-11", "component-12"}, page())
}

// What is kept for a caller who may read everything is not shown to one who may not, nor the other way round.
func TestKeptAnswersAreOfTheCallersGrant(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	catalogtest.Fill(t, pool, 60) // in three groups
	service := catalog.New(catalog.Options{Pool: pool, Decider: policytest.Table{policy.CatalogEntityRead: policytest.Owned}})
	inGroup := func(group string) identity.Principal {
		return identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada", Ownership: []string{"group:default/" + group}}
	}
	callers := []identity.Principal{identity.System("test"), inGroup("group-19"), inGroup("group-39"), inGroup("group-59"), {}}
	cursor, err := query.NewCursor(filter(t, "kind=component"), query.FullText{}, []query.CursorOrder{{Field: "metadata.name"}})
	require.NoError(t, err)
	ref := entity.Ref{Kind: "component", Namespace: "default", Name: "component-1"}
	for range 2 { // the second time, everything is kept
		var totals []int
		owners, found := 0, map[string]int{}
		for _, caller := range callers {
			page, err := service.QueryEntities(t.Context(), caller, catalog.EntityQuery{Cursor: cursor, Limit: 20})
			require.NoError(t, err)
			totals = append(totals, page.TotalItems)
			if caller.Kind == identity.KindUser {
				for _, name := range names(t, page.Items) {
					found[name]++
				}
			}
			if _, err := service.EntityJSON(t.Context(), caller, ref); err == nil {
				owners++
			}
		}
		require.Equal(t, []int{27, 9, 9, 9, 0}, totals)
		require.Len(t, found, 27, "each has an owner of its own")
		require.Equal(t, 2, owners, "the system and the members of one group")
	}
}

// Two pages in opposite directions can have the same statement, and differ all the same.
func TestKeptPagesAreOfADirectionAndOfFields(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	catalogtest.Fill(t, pool, 20)
	service := catalog.New(catalog.Options{Pool: pool, Decider: policy.AllowKnown{}})
	ask := func(order string, isPrevious bool, limit int, fields query.Fields) catalog.EntityPage {
		cursor, err := query.NewCursor(filter(t, "kind=component"), query.FullText{}, []query.CursorOrder{{Field: "metadata.name", Order: order}})
		require.NoError(t, err)
		cursor.OrderFieldValues, cursor.IsPrevious = []string{"component-5", uuid.Nil.String()}, isPrevious
		page, err := service.QueryEntities(t.Context(), somebody, catalog.EntityQuery{Cursor: cursor, Limit: limit, Fields: fields})
		require.NoError(t, err)
		return page
	}
	for range 2 {
		require.Equal(t, []string{"component-4", "component-3"}, names(t, ask("desc", false, 2, nil).Items))
		require.Equal(t, []string{"component-2", "component-3", "component-4"}, names(t, ask("asc", true, 3, nil).Items))
		require.JSONEq(t, `{"kind":"Component"}`, string(ask("desc", false, 2, query.Fields{{"kind"}}).Items[0]))
	}
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
