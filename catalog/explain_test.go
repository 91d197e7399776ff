package catalog_test

import (
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
)

// explained waits until the explanation of an entity meets a condition.
func (s *setting) explained(ref entity.Ref, holds func(catalog.Explanation) bool) (found catalog.Explanation) {
	s.Helper()
	s.await(ref.String(), func(entity.Entity) bool {
		var err error
		found, err = s.service.Explain(s.Context(), identity.System("test"), ref)
		require.NoError(s, err)
		return holds(found)
	})
	return found
}

// TestAnEntitySaysWhereItIsFrom: the location and the way there, what changed it, and that nothing is wrong.
func TestAnEntitySaysWhereItIsFrom(t *testing.T) {
	t.Parallel()
	s := newSetting(t, nil)
	s.fill()
	found := s.explained(shop, func(e catalog.Explanation) bool { return !e.SeenAt.IsZero() })
	require.Equal(t, "url:"+s.url+"/shop.yaml", found.Location)
	require.Equal(t, 2, found.Line)
	require.Equal(t, []string{processing.SourceLocations}, found.Sources)
	require.Len(t, found.Path, 1)
	require.Equal(t, "url:"+s.url+"/shop.yaml", found.Path[0].Location)
	require.Equal(t, found.SeenAt, found.Path[0].SeenAt, "whoever reads its location finds it")
	require.Equal(t, processing.Cause{Kind: processing.CauseRequest, By: somebody.Subject}, found.ChangedBy)
	require.True(t, found.DueAt.After(found.ChangedAt))
	require.Equal(t, catalog.Owned, found.Owner)
	require.Empty(t, found.Errors)
	require.Empty(t, found.Conflicts)
	require.Empty(t, found.Missing)
}

// TestAnEntitySaysWhatIsWrong: an owner and relations that lead nowhere, and errors with their places.
func TestAnEntitySaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	var pool *pgxpool.Pool
	s := newSetting(t, func(o *catalog.Options) { pool = o.Pool })
	s.register("/shop.yaml")
	found := s.explained(shop, func(e catalog.Explanation) bool { return len(e.Missing) > 0 })
	require.Equal(t, []entity.Relation{{SourceRef: "component:default/shop", Type: "ownedBy", TargetRef: "group:default/team-a"}}, found.Missing)
	require.Equal(t, catalog.OwnerMissing, found.Owner)
	s.register("/org.yaml")
	found = s.explained(shop, func(e catalog.Explanation) bool { return len(e.Missing) == 0 })
	require.Equal(t, catalog.Owned, found.Owner)

	_, err := pool.Exec(t.Context(), `update catalog_states set errors = '[{"name":"InputError","message":"no type"},
		{"name":"NotFoundError","message":"no file","location":"url:https://example.com/docs.md","line":7}]' where entity_ref = 'component:default/shop'`)
	require.NoError(t, err)
	found, err = s.service.Explain(t.Context(), somebody, shop)
	require.NoError(t, err)
	require.Equal(t, []catalog.Problem{
		{Name: "InputError", Message: "no type", Location: "url:" + s.url + "/shop.yaml", Line: 2},
		{Name: "NotFoundError", Message: "no file", Location: "url:https://example.com/docs.md", Line: 7},
	}, found.Errors, "an error without a place of its own is in the entity's file")
}

// TestAConflictIsResolvedInFavourOfTheOther: both places say that there is a conflict, and whoever may gives the entity
// to the second, which is then from there.
func TestAConflictIsResolvedInFavourOfTheOther(t *testing.T) {
	t.Parallel()
	var pool *pgxpool.Pool
	s := newSetting(t, func(o *catalog.Options) { pool = o.Pool })
	s.register("/shop.yaml")
	s.await(shop.String(), func(entity.Entity) bool { return true })
	s.register("/shop.yaml?second")
	first, second := "url:"+s.url+"/shop.yaml", "url:"+s.url+"/shop.yaml?second"
	found := s.explained(shop, func(e catalog.Explanation) bool { return len(e.Conflicts) == 1 })
	require.Equal(t, []string{first, second}, []string{found.Conflicts[0].Holder, found.Conflicts[0].Claimant})
	require.Contains(t, found.Conflicts[0].Next, "Rename the entity in one of the two files")
	page, err := s.service.Conflicts(t.Context(), somebody, "", 2)
	require.NoError(t, err)
	require.Len(t, page.Items, 2)
	page, err = s.service.Conflicts(t.Context(), somebody, page.Next, 2)
	require.NoError(t, err)
	require.Len(t, page.Items, 1, "shop, till and prices are claimed twice")
	require.Empty(t, page.Next)

	err = s.service.ResolveConflict(t.Context(), somebody, shop, "url:https://example.com/none.yaml")
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	require.NoError(t, s.service.ResolveConflict(t.Context(), somebody, shop, second))
	s.await(shop.String(), func(e entity.Entity) bool { return e.Annotation(entity.AnnotationLocation) == second })
	events, err := audit.Find(t.Context(), pool, audit.Query{Actions: []audit.Action{audit.ConflictResolve}})
	require.NoError(t, err)
	require.Len(t, events, 1)
	require.Equal(t, shop.String(), events[0].Resource)
	history, err := s.service.EntityHistory(t.Context(), somebody, shop, catalog.HistoryQuery{})
	require.NoError(t, err)
	require.Equal(t, []catalog.ChangeAction{catalog.EntityCreated, catalog.EntityRemoved, catalog.EntityCreated},
		[]catalog.ChangeAction{history.Items[0].Action, history.Items[1].Action, history.Items[2].Action})
	require.Equal(t, processing.Cause{Kind: processing.CauseRequest, By: somebody.Subject}, history.Items[1].Cause)
}

// TestTheHealthOfTheCatalog: each number, and the list behind it with what to do, for what a principal may read.
func TestTheHealthOfTheCatalog(t *testing.T) {
	t.Parallel()
	p := newPast(t, policy.AllowKnown{})
	_, err := p.pool.Exec(t.Context(), `
		insert into catalog_states (entity_id, entity_ref, location_key, unprocessed, unprocessed_hash, next_update_at)
		select gen_random_uuid(), ref, 'url:https://example.com/' || ref, '{}', '', now() + interval '1 hour'
		from unnest(array['component:default/a', 'component:default/b', 'component:default/c', 'template:default/t', 'group:default/g']) ref;
		insert into catalog_entities (entity_id, entity_ref, hash, entity, repository, branch, updated_at)
		select entity_id, entity_ref, '', '{}', case when entity_ref in ('component:default/a', 'component:default/b') then 'github.com/acme/a' else 'github.com/acme/' || entity_ref end,
			case when entity_ref = 'component:default/b' then 'feature' else 'main' end, now() - case when entity_ref like 'group%' then interval '10 days' else interval '0' end
		from catalog_states;
		insert into catalog_search (entity_id, kind, key, value) select entity_id, split_part(entity_ref, ':', 1), 'kind', split_part(entity_ref, ':', 1) from catalog_states;
		insert into catalog_search (entity_id, kind, key, value)
		select entity_id, 'component', 'metadata.annotations.backstage.io/orphan', 'true' from catalog_states where entity_ref = 'component:default/c';
		insert into catalog_relations (origin_id, source_ref, type, target_ref)
		select entity_id, entity_ref, 'ownedBy', 'group:default/gone' from catalog_states where entity_ref = 'component:default/a'
		union all select entity_id, 'group:default/gone', 'ownerOf', entity_ref from catalog_states where entity_ref = 'component:default/a'
		union all select entity_id, entity_ref, 'ownedBy', 'group:default/g' from catalog_states where entity_ref = 'component:default/b'
		union all select entity_id, 'group:default/g', 'ownerOf', entity_ref from catalog_states where entity_ref = 'component:default/b';
		insert into catalog_missing values ('group:default/gone');`)
	require.NoError(t, err)
	health, err := p.service.Health(t.Context(), somebody)
	require.NoError(t, err)
	require.Equal(t, catalog.Health{Entities: 5, Ages: catalog.Ages{Day: 4, Month: 1}, Orphans: 1, Unowned: 2, Dangling: 1, Duplicates: 1}, health)

	for finding, want := range map[query.Finding]string{
		query.Orphans: "component:default/c", query.Unowned: "component:default/a template:default/t",
		query.Dangling: "component:default/a", query.Duplicates: "component:default/a component:default/b",
	} {
		var refs []string
		for after := ""; ; {
			page, err := p.service.WrongEntities(t.Context(), somebody, finding, after, 1)
			require.NoError(t, err)
			for _, item := range page.Items {
				refs = append(refs, item.EntityRef)
				require.NotEmpty(t, item.Next)
				require.Equal(t, "url:https://example.com/"+item.EntityRef, item.Location)
			}
			if after = page.Next; after == "" {
				break
			}
		}
		require.Equal(t, want, strings.Join(refs, " "), finding)
	}
	page, err := p.service.WrongEntities(t.Context(), somebody, query.Duplicates, "", 10)
	require.NoError(t, err)
	require.Equal(t, "filters:\n  branch: main", page.Items[1].Configuration)
	require.Contains(t, page.Items[1].Next, "Entities of github.com/acme/a are read from several branches, this one from feature")
	page, err = p.service.WrongEntities(t.Context(), somebody, query.Dangling, "", 10)
	require.NoError(t, err)
	require.Equal(t, []string{"group:default/gone"}, page.Items[0].Missing)
	_, err = p.service.WrongEntities(t.Context(), somebody, "none", "", 10)
	require.Equal(t, fault.NotFound, fault.KindOf(err))

	own := catalog.New(catalog.Options{Pool: p.pool, Decider: policytest.Table{policy.CatalogEntityRead: policytest.Owned}})
	page, err = own.WrongEntities(t.Context(), member, query.Duplicates, "", 10)
	require.NoError(t, err)
	require.Empty(t, page.Items, "none is the team's")

	samples, err := p.service.Wrong(t.Context())
	require.NoError(t, err)
	values := map[string]float64{}
	for _, sample := range samples {
		values[sample.Metric.Name] = sample.Value
	}
	require.Equal(t, map[string]float64{"portico_catalog_conflicts": 0, "portico_catalog_entities_orphaned": 1, "portico_catalog_entities_unowned": 2,
		"portico_catalog_entities_dangling": 1, "portico_catalog_repositories_duplicated": 1}, values)
}

// healthStatement is the text of the statement that counts what is wrong.
func healthStatement(t *testing.T) string {
	t.Helper()
	file, err := os.ReadFile("../db/queries/catalog_health.sql")
	require.NoError(t, err)
	_, statement, found := strings.Cut(string(file), "-- name: CatalogHealth :one")
	require.True(t, found)
	statement, _, found = strings.Cut(statement, "-- name:")
	require.True(t, found)
	return statement
}

// TestCountingWhatIsWrongReadsIndexes: on a large catalog, no table is read as a whole.
func TestCountingWhatIsWrongReadsIndexes(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	_, err := pool.Exec(t.Context(), `
		insert into catalog_entities (entity_id, entity_ref, hash, entity, repository, branch)
		select gen_random_uuid(), 'component:default/c-' || n, '', '{}', 'github.com/acme/' || n / 2, 'main' from generate_series(1, 100000) n;
		insert into catalog_states (entity_id, entity_ref, unprocessed, unprocessed_hash, processed) select entity_id, entity_ref, '{}', '', '{}' from catalog_entities;
		insert into catalog_search (entity_id, kind, key, value) select entity_id, 'component', 'kind', 'component' from catalog_entities;
		insert into catalog_relations (origin_id, source_ref, type, target_ref)
		select entity_id, entity_ref, 'ownedBy', 'group:default/g-' || hashtext(entity_ref) % 100 from catalog_entities
		union all select entity_id, 'group:default/g-' || hashtext(entity_ref) % 100, 'ownerOf', entity_ref from catalog_entities;
		insert into catalog_missing values ('group:default/g-7');`)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), "vacuum analyze catalog_entities, catalog_states, catalog_search, catalog_relations, catalog_missing")
	require.NoError(t, err)
	rows, err := pool.Query(t.Context(), "explain "+healthStatement(t))
	require.NoError(t, err)
	var line string
	for rows.Next() {
		require.NoError(t, rows.Scan(&line))
		for _, table := range []string{"catalog_entities", "catalog_states", "catalog_search", "catalog_relations"} {
			require.NotContains(t, line, "Seq Scan on "+table)
		}
	}
	require.NoError(t, rows.Err())
}
