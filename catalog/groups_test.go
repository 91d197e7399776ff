package catalog_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/policy"
)

// relate puts an entity into the catalog with relations, pairs of type and target.
func relate(t *testing.T, pool *pgxpool.Pool, ref string, relations ...string) {
	t.Helper()
	id := uuid.New()
	_, err := pool.Exec(t.Context(), `insert into catalog_states (entity_id, entity_ref, unprocessed, unprocessed_hash) values ($1, $2, '{}', '')`, id, ref)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `insert into catalog_entities (entity_id, entity_ref, hash, entity) values ($1, $2, '', '{}')`, id, ref)
	require.NoError(t, err)
	for i := 0; i < len(relations); i += 2 {
		_, err = pool.Exec(t.Context(), `insert into catalog_relations (origin_id, source_ref, type, target_ref) values ($1, $2, $3, $4)`,
			id, ref, relations[i], relations[i+1])
		require.NoError(t, err)
	}
}

// TestAUserOwnsWhatParentGroupsOwn: a member of a team is also a member of its parent groups.
func TestAUserOwnsWhatParentGroupsOwn(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	relate(t, pool, "user:default/ada", "memberOf", "group:default/team-b", "memberOf", "group:default/team-a", "ownerOf", "component:default/shop")
	relate(t, pool, "group:default/team-a", "childOf", "group:default/shop", "hasMember", "user:default/bob", "parentOf", "group:default/below")
	relate(t, pool, "group:default/team-b", "childOf", "group:default/shop", "childOf", "group:default/vanished")
	relate(t, pool, "group:default/shop", "childOf", "group:default/company")
	// These groups contain each other.
	relate(t, pool, "group:default/company", "childOf", "group:default/holding")
	relate(t, pool, "group:default/holding", "childOf", "group:default/company")
	relate(t, pool, "group:default/below", "childOf", "group:default/team-a")
	relate(t, pool, "group:default/other", "hasMember", "user:default/carol")
	_, err := pool.Exec(t.Context(), `insert into catalog_relations (origin_id, source_ref, type, target_ref)
		select entity_id, 'user:default/nobody', 'memberOf', 'group:default/team-a' from catalog_states limit 1`)
	require.NoError(t, err)

	service := catalog.New(catalog.Options{Pool: pool, Decider: policy.AllowKnown{}})
	groups := func(user string) []string {
		t.Helper()
		ref, err := entity.ParseRef(user, entity.Ref{Kind: "user", Namespace: "default"})
		require.NoError(t, err)
		found, err := service.GroupsOf(t.Context(), identity.System("test"), ref)
		require.NoError(t, err)
		return found
	}
	require.Equal(t, []string{"group:default/team-a", "group:default/team-b", "group:default/shop", "group:default/vanished",
		"group:default/company", "group:default/holding"}, groups("ada"))
	require.Equal(t, groups("ada"), groups("User:default/Ada"))
	require.Empty(t, groups("bob"), "a relation of the group alone is half a relation")
	require.Empty(t, groups("nobody"), "an unknown user has no groups")

	_, err = service.GroupsOf(t.Context(), identity.Principal{}, entity.Ref{Kind: "user", Namespace: "default", Name: "ada"})
	require.Error(t, err)
}

// TestAUserInThousandsOfGroups gets the nearest of them: what a user owns is sent and stored with each token.
func TestAUserInThousandsOfGroups(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	relate(t, pool, "user:default/ada", "memberOf", "group:default/own")
	_, err := pool.Exec(t.Context(), `insert into catalog_relations (origin_id, source_ref, type, target_ref)
		select s.entity_id, 'group:default/own', 'childOf', 'group:default/g' || n from catalog_states s, generate_series(1, 5000) n
		union all select s.entity_id, 'group:default/g' || n, 'childOf', 'group:default/g' || n % 5000 + 1 from catalog_states s, generate_series(1, 5000) n`)
	require.NoError(t, err)
	service := catalog.New(catalog.Options{Pool: pool, Decider: policy.AllowKnown{}})
	found, err := service.GroupsOf(t.Context(), identity.System("test"), entity.Ref{Kind: "user", Namespace: "default", Name: "ada"})
	require.NoError(t, err)
	require.Len(t, found, 500)
	require.Equal(t, "group:default/own", found[0])
}
