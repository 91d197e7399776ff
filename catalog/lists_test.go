package catalog_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
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

// A slow reader must not block the database for others: this test has one connection for all.
func TestListsHoldNoConnectionForASlowReader(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	catalogtest.Fill(t, pool, 2400)
	_, err := pool.Exec(t.Context(), "update catalog_states set errors = '[{\"name\":\"Error\",\"message\":\"wrong\"}]' where entity_ref like 'component:%'")
	require.NoError(t, err)
	config := pool.Config()
	config.MaxConns = 1
	narrow, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(narrow.Close)
	service := catalog.New(catalog.Options{Pool: narrow, Decider: policy.AllowKnown{}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	count := func() (counted int, meanwhile func() error) {
		page, err := service.QueryEntities(ctx, somebody, catalog.EntityQuery{})
		require.NoError(t, err)
		return page.TotalItems, func() error {
			_, err := service.QueryEntities(ctx, somebody, catalog.EntityQuery{Limit: 1})
			return err
		}
	}
	all, meanwhile := count()
	require.Equal(t, 2400, all)

	handed := map[string]int{}
	for name, q := range map[string]catalog.ListQuery{
		"all": {}, "sorted": {Orders: []query.Order{{Key: "spec.type"}, {Key: "metadata.name"}}}, "a long page": {Paged: true, Limit: new(2000)},
		"a short page": {Paged: true, Limit: new(10)}, "the rest": {Paged: true, Offset: 2000},
	} {
		list, err := service.Entities(ctx, somebody, q)
		require.NoError(t, err)
		require.NoError(t, list.Each(ctx, func(json.RawMessage) error {
			handed[name]++
			return meanwhile()
		}))
		require.Equal(t, q.Limit != nil, list.Next != nil, name)
	}
	require.NoError(t, service.Locations(ctx, somebody, func(catalog.Location) error {
		handed["locations"]++
		return meanwhile()
	}))
	require.NoError(t, service.UnprocessedEntities(ctx, somebody, catalog.UnprocessedQuery{Which: catalog.Failed}, func(catalog.UnprocessedEntity) error {
		handed["failed"]++
		return meanwhile()
	}))
	for name, orders := range map[string][]query.CursorOrder{"exported": nil, "exported by name": {{Field: "metadata.name", Order: "desc"}}} {
		cursor, err := query.NewCursor(nil, query.FullText{}, orders)
		require.NoError(t, err)
		seen := map[string]bool{}
		require.NoError(t, service.ExportEntities(ctx, somebody, cursor, nil, func(document json.RawMessage) error {
			seen[string(document)] = true
			handed[name]++
			return meanwhile()
		}))
		require.Len(t, seen, 2400, name)
	}
	require.Equal(t, map[string]int{"exported": 2400, "exported by name": 2400, "all": 2400, "sorted": 2400, "a long page": 2000, "a short page": 10, "the rest": 400, "locations": 240, "failed": 1080}, handed)
}

func TestQueriesAreBounded(t *testing.T) {
	t.Parallel()
	service := catalog.New(catalog.Options{Pool: testkit.Database(t), Decider: policy.AllowKnown{}})
	many := func(format string, n int) []string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(format, i))
		}
		return all
	}
	predicate := func(conditions []string) error {
		_, err := query.ParsePredicate(json.RawMessage(`{"$any":[` + strings.Join(conditions, ",") + `]}`))
		return err
	}
	refused := map[string]func() error{
		"Invalid filter, it has more than the 500 conditions that are answered at once": func() error {
			_, err := query.ParseSets(many("a%d=1", 501))
			return err
		},
		"Invalid filter, it has more than the 10000 values that are answered at once": func() error {
			_, err := query.ParseSets([]string{strings.Join(many("a=%d", 10_001), ",")})
			return err
		},
		"Invalid query, it has more than the 500 conditions that are answered at once": func() error { return predicate(many(`{"a%d":"x"}`, 501)) },
		"Invalid query, it has more than the 10000 values that are answered at once": func() error {
			return predicate([]string{`{"a":{"$in":[` + strings.Join(many(`"%d"`, 10_001), ",") + `]}}`})
		},
		"Invalid fields, there are more than the 500 that are kept at once": func() error {
			_, err := query.ParseFields(many("a%d", 501))
			return err
		},
		"Invalid facet, there are more than the 100 that are counted at once": func() error {
			_, err := service.Facets(t.Context(), somebody, many("a%d", 101), nil)
			return err
		},
		"Invalid entityRefs, there are more than the 5000 that are answered at once": func() error {
			_, err := service.EntitiesByRefs(t.Context(), somebody, many("component:default/%d", 5001), nil, nil)
			return err
		},
		"Invalid order, there are more than the 10 fields that are sorted by at once": func() error {
			_, err := service.Entities(t.Context(), somebody, catalog.ListQuery{Orders: make([]query.Order, 11)})
			return err
		},
	}
	for message, ask := range refused {
		err := ask()
		require.EqualError(t, err, message)
		require.Equal(t, fault.Input, fault.KindOf(err))
	}
	filter, err := query.ParseSets(many("kind=component,metadata.name=%d", 250))
	require.NoError(t, err)
	_, err = service.Facets(t.Context(), somebody, many("a%d", 5), filter)
	require.EqualError(t, err, "Invalid facet, 5 facets under 500 conditions are more than are counted at once: ask for some at a time")
	together, err := query.ParseSets([]string{strings.Join(many("a%d=1", 500), ",")})
	require.NoError(t, err)
	within := func(what string, ask func(ctx context.Context) error) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begun := time.Now()
		require.NoError(t, ask(ctx), what)
		t.Logf("%s took %s", what, time.Since(begun))
	}
	within("500 conditions together", func(ctx context.Context) error {
		_, err = service.Entities(ctx, somebody, catalog.ListQuery{Filter: together})
		return err
	})
	within("250 sets", func(ctx context.Context) error {
		_, err = service.Entities(ctx, somebody, catalog.ListQuery{Filter: filter})
		return err
	})
	within("4 facets under 250 sets", func(ctx context.Context) error {
		_, err = service.Facets(ctx, somebody, many("a%d", 4), filter)
		return err
	})
	within("100 facets", func(ctx context.Context) error {
		_, err = service.Facets(ctx, somebody, many("a%d", 100), nil)
		return err
	})
	_, err = service.EntitiesByRefs(t.Context(), somebody, many("component:default/%d", 5000), filter, nil)
	require.NoError(t, err)
}

// A page of large entities ends before its limit, and its cursor continues there.
func TestPagesAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	catalogtest.Fill(t, pool, 100)
	_, err := pool.Exec(t.Context(), `update catalog_entities set entity = json_build_object('kind', 'X', 'spec', repeat('x', 1000000))`)
	require.NoError(t, err)
	service := catalog.New(catalog.Options{Pool: pool, Decider: policy.AllowKnown{}})
	var sizes []int
	for cursor := new(query.Cursor); cursor != nil; {
		page, err := service.QueryEntities(t.Context(), somebody, catalog.EntityQuery{Cursor: *cursor, Limit: 1000})
		require.NoError(t, err)
		sizes = append(sizes, len(page.Items))
		require.Equal(t, 100, page.TotalItems)
		if cursor = nil; page.Next != "" {
			next, err := query.DecodeCursor(page.Next)
			require.NoError(t, err)
			cursor = &next
		}
	}
	require.Equal(t, []int{34, 34, 32}, sizes)
	list, err := service.Entities(t.Context(), somebody, catalog.ListQuery{})
	require.NoError(t, err)
	listed := 0
	require.NoError(t, list.Each(t.Context(), func(json.RawMessage) error {
		listed++
		return nil
	}))
	require.Equal(t, 100, listed)
}

func TestUnprocessedEntitiesAreListed(t *testing.T) {
	t.Parallel()
	s := newSetting(t, nil)
	location := s.register("/none.yaml")
	s.register("/bad.yaml")
	s.await(location.EntityRef, func(e entity.Entity) bool { return e["status"] != nil })
	failed := func(q catalog.UnprocessedQuery) []catalog.UnprocessedEntity {
		var found []catalog.UnprocessedEntity
		q.Which = catalog.Failed
		require.NoError(t, s.service.UnprocessedEntities(t.Context(), somebody, q, func(e catalog.UnprocessedEntity) error {
			found = append(found, e)
			return nil
		}))
		return found
	}
	require.Eventually(t, func() bool { return len(failed(catalog.UnprocessedQuery{})) == 2 }, time.Minute, 10*time.Millisecond)
	bad, none := failed(catalog.UnprocessedQuery{})[0], failed(catalog.UnprocessedQuery{})[1]
	require.Equal(t, "component:default/bad", bad.EntityRef)
	require.Equal(t, "url:"+s.url+"/bad.yaml", bad.LocationKey)
	require.Equal(t, 2, bad.Line)
	require.Nil(t, bad.Processed)
	require.Contains(t, bad.Errors[0].Message, "/spec must have required property 'type'")
	require.Len(t, bad.ParentRefs, 1)
	require.Equal(t, location.EntityRef, none.EntityRef)
	require.NotNil(t, none.Processed)
	require.Equal(t, "Unable to read url, no matching files found for "+s.url+"/none.yaml", none.Errors[0].Message)

	require.Len(t, failed(catalog.UnprocessedQuery{Owner: "team-a"}), 1)
	require.Empty(t, failed(catalog.UnprocessedQuery{Owner: "team-b"}))
	require.Equal(t, []catalog.UnprocessedEntity{bad}, failed(catalog.UnprocessedQuery{Limit: 1}))
	require.Len(t, failed(catalog.UnprocessedQuery{After: bad.EntityRef}), 1)

	uid := bad.EntityID.String()
	var denied *policy.DeniedError
	require.ErrorAs(t, s.service.DeleteUnprocessed(t.Context(), identity.Principal{}, uid), &denied)
	require.EqualError(t, s.service.DeleteUnprocessed(t.Context(), somebody, none.EntityID.String()), "No unprocessed entity with uid "+none.EntityID.String())
	require.NoError(t, s.service.DeleteUnprocessed(t.Context(), somebody, uid))
	require.Eventually(t, func() bool {
		e := failed(catalog.UnprocessedQuery{})
		return len(e) == 2 && e[0].EntityID != bad.EntityID
	}, time.Minute, 10*time.Millisecond)
}

// A principal that sees a part of the catalog does not see entities of which it is unknown whether they
// belong to that part.
func TestUnprocessedEntitiesAreFilteredByPermission(t *testing.T) {
	t.Parallel()
	s := newSetting(t, func(o *catalog.Options) {
		o.Decider = policytest.Table{policy.CatalogEntityRead: `{"rule":"IS_ENTITY_KIND","resourceType":"catalog-entity","params":{"kinds":["Location"]}}`}
	})
	location := s.register("/none.yaml")
	s.register("/bad.yaml")
	s.await(location.EntityRef, func(e entity.Entity) bool { return e["status"] != nil })
	var found []string
	require.Eventually(t, func() bool {
		found = nil
		require.NoError(t, s.service.UnprocessedEntities(t.Context(), somebody, catalog.UnprocessedQuery{Which: catalog.Failed}, func(e catalog.UnprocessedEntity) error {
			found = append(found, e.EntityRef)
			return nil
		}))
		return len(found) > 0
	}, time.Minute, 10*time.Millisecond)
	require.Equal(t, []string{location.EntityRef}, found)
	require.NoError(t, s.service.UnprocessedEntities(t.Context(), identity.Principal{}, catalog.UnprocessedQuery{Which: catalog.Failed}, func(e catalog.UnprocessedEntity) error {
		require.Fail(t, "nobody is told", e)
		return nil
	}))
}

func TestALostLocationEntityIsRestored(t *testing.T) {
	t.Parallel()
	s := newSetting(t, nil)
	location := s.register("/shop.yaml")
	s.await("component:default/shop", func(entity.Entity) bool { return true })
	uid := ""
	s.await(location.EntityRef, func(e entity.Entity) bool { uid = e.UID(); return true })
	require.NoError(t, s.service.DeleteEntity(t.Context(), somebody, uid))
	s.await(location.EntityRef, func(e entity.Entity) bool { return e.UID() != uid })
	s.await("component:default/shop", func(entity.Entity) bool { return true })
}

func TestALocationWhoseEntityBelongsToAnotherIsRefused(t *testing.T) {
	t.Parallel()
	s := newSetting(t, nil)
	spec := entity.LocationSpec{Type: "url", Target: s.url + "/org.yaml"}
	other := entity.LocationSpec{Type: "url", Target: s.url + "/squatter.yaml"}
	squatted := s.register("/squatter.yaml?name=" + entity.LocationEntityName(spec.Type, spec.Target))
	ref := "location:default/" + entity.LocationEntityName(spec.Type, spec.Target)
	s.await(ref, func(entity.Entity) bool { return true })
	_, err := s.service.RegisterLocation(t.Context(), somebody, spec, "")
	require.Equal(t, fault.Conflict, fault.KindOf(err), "%v", err)
	require.EqualError(t, err, "Location "+spec.String()+" cannot be read: its entity "+ref+" is already provided by another location; remove it there first")
	require.NotEqual(t, other.Target, squatted.Target)
}

func TestLongDescriptionsAreFound(t *testing.T) {
	t.Parallel()
	s := newSetting(t, nil)
	s.register("/long.yaml")
	s.await("component:default/long", func(entity.Entity) bool { return true })
	for term, found := range map[string]int{"THE NEEDLE in the": 1, "nowhere": 0} {
		cursor, err := query.NewCursor(nil, query.FullText{Term: term, Fields: []string{"metadata.name", "metadata.description"}}, []query.CursorOrder{{Field: "metadata.name"}})
		require.NoError(t, err)
		page, err := s.service.QueryEntities(t.Context(), somebody, catalog.EntityQuery{Cursor: cursor, Limit: 10})
		require.NoError(t, err)
		require.Len(t, page.Items, found, term)
		require.Equal(t, found, page.TotalItems, term)
	}
	facets, err := s.service.Facets(t.Context(), somebody, []string{"metadata.description"}, nil)
	require.NoError(t, err)
	require.Empty(t, facets["metadata.description"])
}

// TestUnprocessedEntitiesWithNULAreListed: JSON can have that character, and no text can.
func TestUnprocessedEntitiesWithNULAreListed(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	_, err := pool.Exec(t.Context(), `
		insert into catalog_states (entity_id, entity_ref, unprocessed, unprocessed_hash, errors)
		select gen_random_uuid(), 'component:default/' || name, document::json, '', errors::json
		from (values ('nul-failed', '{"spec":{"owner":"team-a","\u0000":"\u0000"}}', '[]'), ('failed', '{"spec":{"owner":"team-a"}}', '[]'),
			('nul-pending', '{"spec":{"owner":"team-a","\u0000":"\u0000"}}', null), ('pending', '{"spec":{"owner":"team-a"}}', null),
			('other', '{"spec":{"owner":"team-b"}}', null)) as s (name, document, errors)`)
	require.NoError(t, err)
	service := catalog.New(catalog.Options{Pool: pool, Decider: policy.AllowKnown{}})
	for _, which := range []catalog.Unprocessed{catalog.Failed, catalog.Pending} {
		var found []string
		query := catalog.UnprocessedQuery{Which: which, Owner: "team-a"}
		require.NoError(t, service.UnprocessedEntities(t.Context(), somebody, query, func(e catalog.UnprocessedEntity) error {
			found = append(found, e.EntityRef)
			return nil
		}))
		require.ElementsMatch(t, []string{"component:default/" + string(which), "component:default/nul-" + string(which)}, found)
	}
}
