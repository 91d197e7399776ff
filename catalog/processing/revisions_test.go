package processing_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
)

// versions are the versions of an entity that are served no more and, as the last, the one that is: what made each,
// and what removed it.
func (b *bench) versions(ref string) (all []string) {
	b.Helper()
	rows, err := b.pool.Query(b.Context(), `
		select version || ' ' || changed_by || coalesce(', removed by ' || removed_by, '') from (
			select id, version, changed_by, removed_by from catalog_versions where entity_ref = $1
			union all select 9223372036854775807, version, changed_by, null from catalog_entities where entity_ref = $1
		) v order by id`, ref)
	require.NoError(b, err)
	all, err = pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(b, err)
	return all
}

// longAgo makes the served versions older than the time in which relations settle.
func (b *bench) longAgo() {
	b.Helper()
	_, err := b.pool.Exec(b.Context(), "update catalog_entities set updated_at = updated_at - interval '2 minutes'")
	require.NoError(b, err)
}

// TestEachChangeOfAServedEntityIsKept: the version before each change is kept with what made it, and a read that finds
// nothing new keeps nothing.
func TestEachChangeOfAServedEntityIsKept(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"a.yaml": fmt.Sprintf(component, "shop", "first", "team-a")}, processing.Options{})
	const shop = "component:default/shop"
	registered := b.bringFor("user:default/ada", "a.yaml")[0].Ref
	b.awaitServed(shop)
	b.settled()
	require.Equal(t, []string{"0 request:user:default/ada"}, b.versions(shop), "the registration is passed on to what it brought")

	b.site.set("a.yaml", fmt.Sprintf(component, "shop", "second", "team-a"))
	b.refresh(registered)
	b.eventually("it is read", func() bool { return b.served(shop).Description() == "second" })
	b.settled()
	require.Equal(t, []string{"0 request:user:default/ada", "1 schedule"}, b.versions(shop), "nobody is known to have asked")

	b.refresh(shop)
	b.settled()
	require.Len(t, b.versions(shop), 2, "nothing was new")

	b.change(func(ctx context.Context, tx pgx.Tx) error {
		return b.state.Drop(requestedBy(ctx, "user:default/grace"), tx, processing.SourceLocations, []string{registered})
	})
	require.Equal(t, []string{"0 request:user:default/ada", "1 schedule, removed by request:user:default/grace"}, b.versions(shop))

	b.bring("a.yaml")
	b.awaitServed(shop)
	require.Equal(t, []string{"0 request:user:default/ada", "1 schedule, removed by request:user:default/grace", "0 schedule"}, b.versions(shop),
		"it is another entity with a first version of its own")
}

func requestedBy(ctx context.Context, who string) context.Context {
	return processing.CausedBy(ctx, processing.Cause{Kind: processing.CauseRequest, By: who})
}

// TestRelationsAreVersionsOnceTheEntityHasSettled: what others say about an entity right after it changed belongs to
// that change, and later it is a change of its own.
func TestRelationsAreVersionsOnceTheEntityHasSettled(t *testing.T) {
	t.Parallel()
	group := "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: team-a}\nspec: {type: team, children: []}\n"
	b := newBench(t, map[string]string{
		"g.yaml": group, "a.yaml": fmt.Sprintf(component, "a", "", "team-a"), "b.yaml": fmt.Sprintf(component, "b", "", "team-a"),
	}, processing.Options{})
	const team = "group:default/team-a"
	b.bring("g.yaml")
	b.awaitServed(team)
	b.bring("a.yaml")
	b.eventually("the team owns something", func() bool { return len(relationsOf(b.served(team))) == 1 })
	require.Equal(t, []string{"0 schedule"}, b.versions(team))
	b.longAgo()
	b.bring("b.yaml")
	b.eventually("the team owns more", func() bool { return len(relationsOf(b.served(team))) == 2 })
	require.Equal(t, []string{"0 schedule", "1 relations"}, b.versions(team))
}

// TestVersionsAreBounded: of each entity the newest versions are kept, and those that ended before a moment are
// deleted in batches.
func TestVersionsAreBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"a.yaml": fmt.Sprintf(component, "shop", "first", "team-a")}, processing.Options{})
	location := b.bring("a.yaml")[0].Ref
	b.awaitServed("component:default/shop")
	b.settled()
	_, err := b.pool.Exec(t.Context(), `insert into catalog_versions (entity_ref, entity_id, version, since, until, changed_by, hash, entity)
		select e.entity_ref, e.entity_id, n, now() - interval '1 day', now() - interval '1 hour', '', '', e.entity
		from catalog_entities e, generate_series(1, 1200) n where e.entity_ref = 'component:default/shop'`)
	require.NoError(t, err)
	b.site.set("a.yaml", fmt.Sprintf(component, "shop", "second", "team-a"))
	b.refresh(location)
	b.eventually("the newest are kept", func() bool { return b.count("select count(*) from catalog_versions") == 100 })
	require.Equal(t, 1, b.count("select count(*) from catalog_versions where until > now() - interval '1 minute'"), "and the version that was just replaced")

	more, err := processing.DeleteRevisions(t.Context(), b.pool, time.Now().Add(-time.Minute))
	require.NoError(t, err)
	require.False(t, more)
	require.Equal(t, 1, b.count("select count(*) from catalog_versions"))
	_, err = b.pool.Exec(t.Context(), `insert into catalog_versions (entity_ref, entity_id, version, since, until, changed_by, hash, entity)
		select entity_ref, entity_id, n, since, now() - interval '1 hour', '', '', entity from catalog_versions, generate_series(1, 700) n`)
	require.NoError(t, err)
	more, err = processing.DeleteRevisions(t.Context(), b.pool, time.Now().Add(-time.Minute))
	require.NoError(t, err)
	require.True(t, more, "a batch is small")
}

// TestMissingEntitiesAreKnown: a reference that relations lead to and that no entity has is missing until there is
// one, and again once it is gone.
func TestMissingEntitiesAreKnown(t *testing.T) {
	t.Parallel()
	group := "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: team-a}\nspec: {type: team, children: []}\n"
	b := newBench(t, map[string]string{"a.yaml": fmt.Sprintf(component, "a", "", "team-a"), "g.yaml": group}, processing.Options{})
	missing := func(n int) func() bool {
		return func() bool {
			return b.count("select count(*) from catalog_missing where entity_ref = 'group:default/team-a'") == n
		}
	}
	components := b.bring("a.yaml")[0].Ref
	b.eventually("the owner is missing", missing(1))
	groups := b.bring("g.yaml")[0].Ref
	b.eventually("the owner is there", missing(0))
	drop := func(ref string) {
		b.change(func(ctx context.Context, tx pgx.Tx) error {
			return b.state.Drop(ctx, tx, processing.SourceLocations, []string{ref})
		})
	}
	drop(groups)
	b.eventually("the owner is gone", missing(1))
	drop(components)
	b.eventually("nothing leads to it", missing(0))
	require.Equal(t, 0, b.count("select count(*) from catalog_missing"))
}

// TestTheRepositoryOfALocation: what the branches of one repository have in common.
func TestTheRepositoryOfALocation(t *testing.T) {
	t.Parallel()
	reader, err := forges.New(forges.Config{}, integration.Options{})
	require.NoError(t, err)
	p := &processing.Pipeline{Reader: reader}
	for location, want := range map[string][2]string{
		"url:https://github.com/acme/shop/blob/main/catalog-info.yaml":      {"github.com/acme/shop", "main"},
		"url:https://github.com/acme/shop/tree/feature/x/catalog-info.yaml": {"github.com/acme/shop", "feature"},
		"url:https://example.com/catalog-info.yaml":                         {},
		"file:/catalog-info.yaml":                                           {},
		"":                                                                  {},
	} {
		repository, branch := p.RepositoryOf(location)
		require.Equal(t, want, [2]string{repository, branch}, location)
	}
	repository, _ := (*processing.Pipeline)(nil).RepositoryOf("url:https://github.com/acme/shop")
	require.Empty(t, repository)
}
