package rbac_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/policy/rbac"
)

// TestHoldingsAreTheRolesThatDecide: each with the way to it and what it permits.
func TestHoldingsAreTheRolesThatDecide(t *testing.T) {
	t.Parallel()
	decider := offline(t, `g, group:default/company, role:default/writers
p, role:default/writers, catalog.location.create, create, allow
p, role:default/writers, catalog-entity, read, deny
g, user:default/other, role:default/others
p, role:default/others, catalog-entity, read, allow
g, user:default/ada, role:default/careful
`, fmt.Sprintf(conditionOnDeletion, "careful"))
	held, err := decider.Holdings(t.Context(), ada)
	require.NoError(t, err)
	require.Empty(t, held.SuperUser)
	require.Len(t, held.Roles, 3)
	careful, everyone, writers := held.Roles[0], held.Roles[1], held.Roles[2]
	require.Equal(t, "role:default/careful", careful.Role)
	require.Empty(t, careful.Groups)
	require.Equal(t, []rbac.Permit{{"catalog-entity", "delete", "conditional"}}, careful.Permits)
	require.True(t, everyone.Everybody)
	require.Equal(t, []rbac.Permit{{"catalog.location.analyze", "use", "allow"}}, everyone.Permits)
	require.Equal(t, []string{"group:default/team", "group:default/department", "group:default/company"}, writers.Groups)
	require.Equal(t, []rbac.Permit{{"catalog-entity", "read", "deny"}, {"catalog.location.create", "create", "allow"}}, writers.Permits)
}

func TestASuperUserNeedsNoRoles(t *testing.T) {
	t.Parallel()
	decider := offline(t, "g, user:default/ada, role:default/writers\np, role:default/writers, catalog-entity, read, allow\n", "",
		func(o *rbac.DeciderOptions) { o.SuperUsers = []string{"group:default/team"} })
	held, err := decider.Holdings(t.Context(), ada)
	require.NoError(t, err)
	require.Equal(t, rbac.Holdings{SuperUser: "group:default/team", Roles: []rbac.Holding{}}, held)
}

// TestHoldingsAreBounded: a role may have a hundred thousand policies.
func TestHoldingsAreBounded(t *testing.T) {
	t.Parallel()
	var lines strings.Builder
	lines.WriteString("g, user:default/ada, role:default/writers\n")
	for i := range 300 {
		fmt.Fprintf(&lines, "p, role:default/writers, plugin.thing%03d, use, allow\n", i)
	}
	held, err := offline(t, lines.String(), "").Holdings(t.Context(), ada)
	require.NoError(t, err)
	require.Len(t, held.Roles[1].Permits, 200)
	require.Equal(t, 300, held.Roles[1].Total)
}
