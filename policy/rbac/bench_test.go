package rbac_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/rbac"
)

// largeFiles has 500 roles with 5,000 policies on 40 permissions, 200 conditions, and 1,000 groups as
// members.
func largeFiles(b *testing.B) rbac.Files {
	b.Helper()
	var policies, conditions strings.Builder
	names := []policy.Permission{policy.CatalogEntityRead, policy.CatalogEntityDelete, policy.CatalogEntityRefresh, policy.ScaffolderTaskCreate, policy.CatalogLocationCreate}
	for r := range 500 {
		for p := range 10 {
			name, action := fmt.Sprintf("other.permission.%d", (r+p*3)%35), "read"
			if p < 2 {
				known := names[(r+p)%len(names)]
				name, action = string(known), known.Action()
			}
			fmt.Fprintf(&policies, "p, role:default/r%d, %s, %s, allow\n", r, name, action)
		}
		for m := range 2 {
			fmt.Fprintf(&policies, "g, group:default/g%d, role:default/r%d\n", r*2+m, r)
		}
		if r < 200 {
			fmt.Fprintf(&conditions, "---\nresult: CONDITIONAL\nroleEntityRef: role:default/r%d\npluginId: catalog\nresourceType: catalog-entity\npermissionMapping: [update]\nconditions: {rule: IS_ENTITY_OWNER, resourceType: catalog-entity, params: {claims: [$ownerRefs]}}\n", r)
		}
	}
	return writeFiles(b, policies.String(), conditions.String())
}

// BenchmarkDecisions decides for users in six groups, by policies and by conditions.
func BenchmarkDecisions(b *testing.B) {
	roles := largeReplica(b)
	for name, permission := range map[string]policy.Permission{"policies": policy.ScaffolderTaskCreate, "conditions": policy.CatalogEntityRefresh} {
		b.Run(name, func(b *testing.B) {
			user := 0
			for b.Loop() {
				user = (user + 1) % 10_000
				_, err := roles.decider.Decide(b.Context(), identity.Principal{Kind: identity.KindUser, Subject: fmt.Sprintf("user:default/u%d", user),
					Ownership: []string{"user:default/u", "group:default/g1"}}, permission)
				require.NoError(b, err)
			}
		})
	}
}

// BenchmarkLoad loads all roles, as every process does after a change.
func BenchmarkLoad(b *testing.B) {
	roles := largeReplica(b)
	for b.Loop() {
		require.NoError(b, roles.Load(b.Context()))
	}
}

func largeReplica(b *testing.B) replica {
	b.Helper()
	roles := newReplica(b, testkit.Database(b), withFiles(largeFiles(b)), func(_ *rbac.Options, deciding *rbac.DeciderOptions) {
		deciding.GroupsOf = func(_ context.Context, user string, _, _ int) ([]string, error) {
			var number int
			_, err := fmt.Sscanf(user, "user:default/u%d", &number)
			groups := make([]string, 6)
			for i := range groups {
				groups[i] = fmt.Sprintf("group:default/g%d", (number+i*i)%1000)
			}
			return groups, err
		}
	})
	require.NoError(b, roles.SyncFiles(b.Context()))
	require.Empty(b, roles.Problems())
	return roles
}
