package catalog_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/catalogtest"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
)

// A list under a condition is kept until a served entity changes, in any process. Rows that the test writes past the
// entities show which lists were kept. Nobody gets the list of somebody else, or another list.
func TestListsUnderAConditionAreKeptUntilAnEntityChanges(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	catalogtest.Fill(t, pool, 40)
	service := catalog.New(catalog.Options{Pool: pool, Decider: policytest.Table{policy.CatalogEntityRead: policytest.Owned}})
	list := func(orders []query.Order, groups ...string) string {
		principal := identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada", Ownership: groups}
		found, err := service.Entities(t.Context(), principal, catalog.ListQuery{Paged: true, Limit: new(3), Orders: orders})
		require.NoError(t, err)
		var names []string
		require.NoError(t, found.Each(t.Context(), func(document json.RawMessage) error {
			var e entity.Entity
			err := json.Unmarshal(document, &e)
			names = append(names, e.Name())
			return err
		}))
		return strings.Join(names, " ") + fmt.Sprint(" more:", found.Next != nil)
	}
	execute := func(statement string) {
		_, err := pool.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	const first, second = "group:default/group-19", "group:default/group-39"
	downwards := []query.Order{{Key: "metadata.name", Descending: true}}
	all := func() []string {
		return []string{list(nil, first), list(nil, second), list(nil, first, second), list(downwards, first), list(nil, "group:default/none")}
	}
	before := all()
	require.Equal(t, []string{"api-26 api-6 component-12 more:true", "api-15 api-27 api-35 more:true", "api-15 api-26 api-27 more:true",
		"resource-8 resource-36 resource-28 more:true", " more:false"}, before)
	execute("delete from catalog_search where key = 'relations.ownedby' and value = '" + first + "'")
	require.Equal(t, before, all(), "the catalog has not changed")

	execute("update catalog_entities set updated_at = now() where entity_ref = 'group:default/group-19'")
	require.Equal(t, []string{" more:false", before[1], before[1], " more:false", " more:false"}, all())
	execute("update catalog_entities set entity = jsonb_set(entity::jsonb, '{metadata,name}', '\"renamed\"') where entity_ref like 'api:%'")
	require.Contains(t, list(nil, second), "renamed")
}
