package preview_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/preview"
	"github.com/portico-dev/portico/policy/rbac"
)

// largeFiles are 500 roles with 5,000 policies, 200 conditions, and 1,000 groups as members. The files of another
// generation have other permissions.
func largeFiles(generation int) rbac.FileTexts {
	var policies, conditions strings.Builder
	names := []policy.Permission{policy.CatalogEntityRead, policy.CatalogEntityDelete, policy.CatalogEntityRefresh, policy.ScaffolderTaskCreate, policy.CatalogLocationCreate}
	for r := range 500 {
		for p := range 10 {
			name, action := fmt.Sprintf("other.permission.%d", (r+p*3+generation)%35), "read"
			if p < 2 {
				known := names[(r+p+generation)%len(names)]
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
	return rbac.FileTexts{Policies: new(policies.String()), Conditions: new(conditions.String())}
}

// tenThousand are users in six of 1,000 groups.
func tenThousand(context.Context, int) ([]rbac.Person, bool, error) {
	people := make([]rbac.Person, 10_000)
	for i := range people {
		people[i].Ref = fmt.Sprintf("user:default/u%d", i)
		for g := range 6 {
			people[i].Groups = append(people[i].Groups, fmt.Sprintf("group:default/g%d", (i+g*g)%1000))
		}
		people[i].Ownership = append([]string{people[i].Ref}, people[i].Groups...)
	}
	return people, true, nil
}

// BenchmarkPreview compares 10,000 people for a change of one role, and of all lines of the files.
func BenchmarkPreview(b *testing.B) {
	first := largeFiles(0)
	decider := rbac.NewDecider(rbac.DeciderOptions{Log: slog.New(slog.DiscardHandler),
		GroupsOf: func(context.Context, string, int, int) ([]string, error) { return nil, nil }})
	options := rbac.Options{Log: slog.New(slog.DiscardHandler), Pool: testkit.Database(b), Decider: decider, Limits: rbac.DefaultLimits(),
		Conditional: []rbac.Conditional{{Plugin: "catalog", Rules: query.Rules}}, Configured: rbac.Configured{Admins: []string{admin.Subject}}}
	withFiles(b, *first.Policies, *first.Conditions)(&options, nil)
	roles := rbac.New(options)
	require.NoError(b, roles.SyncFiles(b.Context()))
	require.NoError(b, roles.CreateRole(b.Context(), admin, rbac.RoleSpec{Ref: "role:default/new", Members: []string{"user:default/u1"}}))
	service := preview.New(preview.Options{Roles: roles, Decider: decider, People: tenThousand})
	second := largeFiles(1)
	for name, request := range map[string]preview.Request{
		"one role": {Changes: []rbac.Proposal{{CreateRole: &rbac.RoleSpec{Ref: "role:default/new", Members: []string{"group:default/g1", "group:default/g500"}}},
			{AddPolicies: []rbac.Policy{{Role: "role:default/new", Permission: "catalog.ingestion.manage", Action: "update", Effect: rbac.Allow}}}}},
		"all lines": {Files: &second},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				found, err := service.Preview(b.Context(), admin, request, preview.Page{Limit: 20})
				require.NoError(b, err)
				require.Empty(b, found.Incomplete)
				require.Positive(b, found.People.Affected)
			}
		})
	}
}
