package rbac_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/rbac"
)

// company has teams: ada's team below a department below the whole company.
func company(_ context.Context, user string, levels, _ int) ([]string, error) {
	if user != "user:default/ada" {
		return nil, nil
	}
	return []string{"group:default/team", "group:default/department", "group:default/company"}[:min(levels+1, 3)], nil
}

func companyLinks(context.Context, string, []string) ([]rbac.Link, error) {
	return []rbac.Link{{"user:default/ada", "group:default/team"}, {"group:default/team", "group:default/department"},
		{"group:default/department", "group:default/company"}, {"group:default/company", "group:default/team"}}, nil
}

var ada = identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada", Ownership: []string{"user:default/ada", "group:default/team"}}

// offline is a decider with files alone. Role everyone is the role of all users.
func offline(t *testing.T, policies, conditions string, change ...func(*rbac.DeciderOptions)) *rbac.Decider {
	t.Helper()
	deciding := rbac.DeciderOptions{Log: slog.New(slog.DiscardHandler), GroupsOf: company, LinksOf: companyLinks, Depth: 2}
	for _, each := range change {
		each(&deciding)
	}
	decider, problems, err := rbac.Offline(rbac.Options{Limits: rbac.DefaultLimits(), Files: writeFiles(t, policies, conditions),
		Conditional: []rbac.Conditional{{Plugin: "catalog", Rules: query.Rules}},
		Configured: rbac.Configured{DefaultRole: "role:default/everyone",
			DefaultPolicies: []rbac.Policy{{Permission: "catalog.location.analyze", Action: "use", Effect: rbac.Allow}}}}, deciding)
	require.NoError(t, err)
	require.Empty(t, problems)
	return decider
}

func explained(t *testing.T, decider *rbac.Decider, permission policy.Permission) rbac.Explanation {
	t.Helper()
	e, err := decider.Explain(t.Context(), ada, rbac.Query{Permission: string(permission), Action: permission.Action(), ResourceType: permission.ResourceType()})
	require.NoError(t, err)
	return e
}

const conditionOnDeletion = `result: CONDITIONAL
roleEntityRef: role:default/%s
pluginId: catalog
resourceType: catalog-entity
permissionMapping: [delete]
conditions: { rule: IS_ENTITY_OWNER, resourceType: catalog-entity, params: { claims: [$currentUser, group:default/%[1]s] } }
---
`

// TestAnExplanationNamesLinesAndGroups: the line that decides, and the way from the user by groups to its
// role.
func TestAnExplanationNamesLinesAndGroups(t *testing.T) {
	t.Parallel()
	decider := offline(t, `# roles
p, role:default/writers, catalog.location.create, create, allow
g, group:default/company, role:default/writers
g, user:default/ada, role:default/careful
p, role:default/careful, catalog.location.create, create, deny
`, fmt.Sprintf(conditionOnDeletion, "careful"))

	e := explained(t, decider, policy.CatalogLocationCreate)
	require.Equal(t, policy.Denied, e.Decision.Result)
	require.Equal(t, rbac.ByPolicies, e.Basis)
	lines := map[string]int{}
	for _, p := range e.Policies {
		lines[p.Role+" "+p.Effect] = p.Line
		require.Equal(t, "policy.csv", p.File[len(p.File)-len("policy.csv"):])
	}
	require.Equal(t, map[string]int{"role:default/writers allow": 2, "role:default/careful deny": 5}, lines)

	groups, at := map[string][]string{}, map[string]int{}
	for _, role := range e.Roles {
		groups[role.Role], at[role.Role] = role.Groups, role.Line
		require.Equal(t, role.Role == "role:default/everyone", role.Everybody)
	}
	require.Equal(t, map[string][]string{"role:default/careful": {}, "role:default/everyone": {},
		"role:default/writers": {"group:default/team", "group:default/department", "group:default/company"}}, groups)
	require.Equal(t, map[string]int{"role:default/careful": 4, "role:default/everyone": 0, "role:default/writers": 3}, at)
	require.Len(t, e.Changes, 1)
	require.Equal(t, rbac.Leave, e.Changes[0].Do)
	require.Equal(t, "role:default/careful", e.Changes[0].Role)

	e = explained(t, decider, policy.CatalogEntityDelete)
	require.Equal(t, rbac.ByConditions, e.Basis)
	require.Equal(t, 1, e.Conditions[0].Line)
}

// TestAnExplanationOfTheDatabase: roles of a file that the server has stored, and the groups of the catalog.
func TestAnExplanationOfTheDatabase(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	relate(t, pool, "user:default/ada", "memberOf", "group:default/team")
	relate(t, pool, "group:default/team", "childOf", "group:default/company")
	files := writeFiles(t, "# roles\ng, group:default/company, role:default/writers\np, role:default/writers, catalog.location.create, create, allow\n",
		"# conditions\n"+fmt.Sprintf(conditionOnDeletion, "writers"))
	roles := newReplica(t, pool, withFiles(files), func(_ *rbac.Options, deciding *rbac.DeciderOptions) {
		deciding.Depth, deciding.GroupsOf, deciding.LinksOf = 1, rbac.CatalogGroups(pool), rbac.CatalogLinks(pool)
	})
	require.NoError(t, roles.SyncFiles(t.Context()))
	require.Empty(t, roles.Problems())

	e := explained(t, roles.decider, policy.CatalogLocationCreate)
	require.Equal(t, policy.Allowed, e.Decision.Result)
	require.Equal(t, rbac.Place{File: files.Policies, Line: 3}, e.Policies[0].Place)
	require.Equal(t, rbac.FromFile, e.Policies[0].Source)
	held := e.Roles[slices.IndexFunc(e.Roles, func(r rbac.HeldRole) bool { return r.Role == "role:default/writers" })]
	require.Equal(t, []string{"group:default/team", "group:default/company"}, held.Groups)
	require.Equal(t, rbac.Place{File: files.Policies, Line: 2}, held.Place)
	e = explained(t, roles.decider, policy.CatalogEntityDelete)
	require.Equal(t, rbac.Place{File: files.Conditions, Line: 2}, e.Conditions[0].Place)

	// Another process loads the roles without reading the files.
	other := newReplica(t, pool)
	require.NoError(t, other.Load(t.Context()))
	e = explained(t, other.decider, policy.CatalogLocationCreate)
	require.Equal(t, rbac.ByNothing, e.Basis, "its groups are those of the recording")
	require.Equal(t, "role:default/writers", e.Changes[0].Role)
	require.Equal(t, rbac.FromFile, e.Changes[0].Source)
	require.Zero(t, e.Changes[0].Policies[0].Place)
}

// TestTheSmallestRoleIsFirst: a role that gives much besides is suggested after one that gives little.
func TestTheSmallestRoleIsFirst(t *testing.T) {
	t.Parallel()
	decider := offline(t, `p, role:default/admins, catalog.location.create, create, allow
p, role:default/admins, catalog.location.delete, delete, allow
p, role:default/admins, policy-entity, update, allow
g, user:default/root, role:default/admins
p, role:default/writers, catalog.location.create, create, allow
g, user:default/grace, role:default/writers
`, "", func(deciding *rbac.DeciderOptions) { deciding.SuperUsers = []string{"user:default/super"} })
	e := explained(t, decider, policy.CatalogLocationCreate)
	require.Equal(t, rbac.ByNothing, e.Basis)
	var roles []string
	for _, change := range e.Changes {
		require.Equal(t, rbac.Join, change.Do)
		require.Len(t, change.Policies, 1)
		roles = append(roles, fmt.Sprintf("%s:%d", change.Role, change.Policies[0].Line))
	}
	require.Equal(t, []string{"role:default/writers:5", "role:default/admins:1"}, roles)
	require.Equal(t, []string{"user:default/root", "user:default/super"}, e.Maintainers)
	require.Empty(t, explained(t, decider, "catalog.location.analyze").Changes, "it is allowed")
}

// generated are random files of five roles with policies and conditions, of which ada has some by groups.
type generated struct {
	policies, conditions string
	members              map[string][]string
}

func (g generated) csv() string {
	lines := g.policies
	for _, role := range []string{"a", "b", "c", "d", "e"} {
		for _, member := range g.members[role] {
			lines += "g, " + member + ", role:default/" + role + "\n"
		}
	}
	return lines
}

func generate(random *rand.Rand) generated {
	g := generated{members: map[string][]string{}}
	for _, role := range []string{"a", "b", "c", "d", "e"} {
		g.policies += "p, role:default/" + role + ", unrelated, use, allow\n"
		for _, line := range []string{"catalog.entity.delete, delete", "catalog-entity, delete", "catalog.location.create, create"} {
			switch random.IntN(5) {
			case 0:
				g.policies += "p, role:default/" + role + ", " + line + ", allow\n"
			case 1:
				g.policies += "p, role:default/" + role + ", " + line + ", deny\n"
			}
		}
		if random.IntN(4) == 0 {
			g.conditions += fmt.Sprintf(conditionOnDeletion, role)
		}
		for _, member := range []string{"user:default/ada", "group:default/team", "group:default/company", "user:default/grace"} {
			if random.IntN(4) == 0 {
				g.members[role] = append(g.members[role], member)
			}
		}
	}
	return g
}

// TestAnExplanationIsTheDecision generates roles. The explained decision is the one that is made, its lines
// agree with it, and each change that it suggests has the result that it says.
func TestAnExplanationIsTheDecision(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(10, 7))
	results := map[policy.Result]int{}
	for range 60 {
		g := generate(random)
		policiesFirst := random.IntN(2) == 0
		change := func(deciding *rbac.DeciderOptions) { deciding.PoliciesFirst = policiesFirst }
		decider := offline(t, g.csv(), g.conditions, change)
		for _, permission := range []policy.Permission{policy.CatalogEntityDelete, policy.CatalogLocationCreate, policy.CatalogLocationAnalyze} {
			decision, err := decider.Decide(t.Context(), ada, permission)
			require.NoError(t, err)
			e := explained(t, decider, permission)
			require.Equal(t, decision, e.Decision, "%s of\n%s", permission, g.csv())
			requireBasis(t, e)
			results[decision.Result]++
			for _, suggested := range e.Changes {
				after, err := offline(t, changed(g, suggested).csv(), g.conditions, change).Decide(t.Context(), ada, permission)
				require.NoError(t, err)
				require.Equal(t, suggested.Decision, after, "%s %s of\n%s", suggested.Do, suggested.Role, g.csv())
			}
		}
	}
	require.Len(t, results, 3, "there was every result")
}

// requireBasis checks that what an explanation names agrees with its decision.
func requireBasis(t *testing.T, e rbac.Explanation) {
	t.Helper()
	effect := func(effect string) bool {
		return slices.ContainsFunc(e.Policies, func(p rbac.PlacedPolicy) bool { return p.Effect == effect })
	}
	switch e.Basis {
	case rbac.ByConditions:
		require.Equal(t, policy.Conditional, e.Decision.Result)
		require.NotEmpty(t, e.Conditions)
	case rbac.ByPolicies:
		require.Equal(t, effect(rbac.Allow) && !effect(rbac.Deny), e.Decision.Result == policy.Allowed)
		require.NotEmpty(t, e.Policies)
	default:
		require.Equal(t, rbac.ByNothing, e.Basis)
		require.Equal(t, policy.Denied, e.Decision.Result)
	}
}

// changed makes ada a member of a role, or takes the role from her and her groups.
func changed(g generated, change rbac.Change) generated {
	role := strings.TrimPrefix(change.Role, "role:default/")
	members := maps.Clone(g.members)
	members[role] = []string{"user:default/ada"}
	if change.Do == rbac.Leave {
		members[role] = []string{"user:default/grace"}
	}
	return generated{g.policies, g.conditions, members}
}
