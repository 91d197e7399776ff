package rbac_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/rbac"
)

// TestTheOrderOfDecisions: conditions of any role, then policies that name the permission, then those on its
// type; a denial before an approval.
func TestTheOrderOfDecisions(t *testing.T) {
	t.Parallel()
	const (
		member    = "g, user:default/guest, role:default/a\n"
		other     = "g, user:default/guest, role:default/b\n"
		condition = goodConditionOfA
	)
	for name, test := range map[string]struct {
		policies, conditions string
		policiesFirst        bool
		result               policy.Result
	}{
		"nothing":                          {policies: member, result: policy.Denied},
		"allowed by name":                  {policies: member + "p, role:default/a, catalog.entity.delete, delete, allow\n", result: policy.Allowed},
		"allowed by type":                  {policies: member + "p, role:default/a, catalog-entity, delete, allow\n", result: policy.Allowed},
		"another action":                   {policies: member + "p, role:default/a, catalog-entity, update, allow\n", result: policy.Denied},
		"a role of somebody else":          {policies: "p, role:default/a, catalog-entity, delete, allow\ng, user:default/ada, role:default/a\n", result: policy.Denied},
		"one role denies":                  {policies: member + other + "p, role:default/a, catalog-entity, delete, allow\np, role:default/b, catalog-entity, delete, deny\n", result: policy.Denied},
		"by name before by type":           {policies: member + other + "p, role:default/a, catalog.entity.delete, delete, allow\np, role:default/b, catalog-entity, delete, deny\n", result: policy.Allowed},
		"a condition before a denial":      {policies: member + other + "p, role:default/b, catalog.entity.delete, delete, deny\n", conditions: condition, result: policy.Conditional},
		"policies first":                   {policies: member + other + "p, role:default/b, catalog.entity.delete, delete, deny\n", conditions: condition, policiesFirst: true, result: policy.Denied},
		"policies first, without policies": {policies: member, conditions: condition, policiesFirst: true, result: policy.Conditional},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			roles := newReplica(t, testkit.Database(t), withFiles(writeFiles(t, test.policies, test.conditions)),
				func(_ *rbac.Options, deciding *rbac.DeciderOptions) { deciding.PoliciesFirst = test.policiesFirst })
			require.NoError(t, roles.SyncFiles(t.Context()))
			require.Empty(t, roles.Problems())
			require.Equal(t, test.result, roles.result(t, policy.CatalogEntityDelete))
		})
	}
}

const goodConditionOfA = `result: CONDITIONAL
roleEntityRef: role:default/a
pluginId: catalog
resourceType: catalog-entity
permissionMapping: [{ name: catalog.entity.delete, action: delete }]
conditions: { rule: IS_ENTITY_OWNER, resourceType: catalog-entity, params: { claims: [group:default/x, $ownerRefs, $currentUser] } }
`

func TestConditionsOfSeveralRolesAreJoined(t *testing.T) {
	t.Parallel()
	second := "---\nresult: CONDITIONAL\nroleEntityRef: role:default/b\npluginId: catalog\nresourceType: catalog-entity\npermissionMapping: [delete]\nconditions: { not: { rule: HAS_SPEC, resourceType: catalog-entity, params: { key: owner, value: $ownerRefs } } }\n"
	roles := newReplica(t, testkit.Database(t), withFiles(writeFiles(t, "g, user:default/guest, role:default/a\ng, group:default/acme, role:default/b\n", goodConditionOfA+second)))
	require.NoError(t, roles.SyncFiles(t.Context()))
	decision, err := roles.decider.Decide(t.Context(), guest, policy.CatalogEntityDelete)
	require.NoError(t, err)
	require.JSONEq(t, `{"anyOf":[
		{"rule":"IS_ENTITY_OWNER","resourceType":"catalog-entity","params":{"claims":["group:default/x","user:default/guest","group:default/team-a","user:default/guest"]}},
		{"not":{"rule":"HAS_SPEC","resourceType":"catalog-entity","params":{"key":"owner","value":"$ownerRefs"}}}
	]}`, asJSON(t, decision.Conditions), "$ownerRefs counts in lists only")
	require.Equal(t, policy.Denied, roles.result(t, policy.CatalogEntityRefresh), "the conditions are about another permission")
}

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

// TestGroupsCountUpToADepth: maxDepth is the number of levels above the groups that a user is a member of.
func TestGroupsCountUpToADepth(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	relate(t, pool, "user:default/guest", "memberOf", "group:default/team-a")
	relate(t, pool, "group:default/team-a", "childOf", "group:default/acme")
	relate(t, pool, "group:default/acme", "childOf", "group:default/holding")
	relate(t, pool, "group:default/holding", "childOf", "group:default/team-a") // they contain each other
	files := writeFiles(t, `p, role:default/a, level.direct, use, allow
p, role:default/b, level.one, use, allow
p, role:default/c, level.two, use, allow
g, group:default/team-a, role:default/a
g, group:default/acme, role:default/b
g, group:default/holding, role:default/c
`, "")
	for depth, expected := range []string{"direct", "direct one", "direct one two"} {
		roles := newReplica(t, pool, withFiles(files), func(_ *rbac.Options, deciding *rbac.DeciderOptions) {
			deciding.Depth, deciding.GroupsOf = depth, rbac.CatalogGroups(pool)
		})
		require.NoError(t, roles.SyncFiles(t.Context()))
		var allowed string
		for _, level := range []string{"direct", "one", "two"} {
			decision, err := roles.decider.DecideQuery(t.Context(), guest, rbac.Query{Permission: "level." + level})
			require.NoError(t, err)
			if decision.Result == policy.Allowed {
				allowed += " " + level
			}
		}
		require.Equal(t, " "+expected, allowed, depth)
	}
}

func TestWhoNeedsNoRoles(t *testing.T) {
	t.Parallel()
	roles := newReplica(t, testkit.Database(t), func(_ *rbac.Options, deciding *rbac.DeciderOptions) {
		deciding.SuperUsers = []string{"user:default/root", "group:default/wheel"}
	})
	require.NoError(t, roles.SyncFiles(t.Context()))
	restricted := []identity.Restriction{{Plugin: "catalog", Permissions: []string{"catalog.entity.read"}}}
	for name, test := range map[string]struct {
		principal identity.Principal
		result    policy.Result
	}{
		"a super user":         {identity.Principal{Kind: identity.KindUser, Subject: "user:default/root"}, policy.Allowed},
		"of a super group":     {identity.Principal{Kind: identity.KindUser, Subject: "user:default/a", Ownership: []string{"group:default/wheel"}}, policy.Allowed},
		"another user":         {identity.Principal{Kind: identity.KindUser, Subject: "user:default/a"}, policy.Denied},
		"a service":            {identity.Principal{Kind: identity.KindService, Subject: "user:default/a"}, policy.Allowed},
		"a restricted service": {identity.Principal{Kind: identity.KindService, Subject: "ci", Restrictions: restricted}, policy.Denied},
		"Portico":              {identity.System("test"), policy.Allowed},
		"nobody":               {identity.Principal{}, policy.Denied},
	} {
		decision, err := roles.decider.Decide(t.Context(), test.principal, policy.CatalogEntityDelete)
		require.NoError(t, err)
		require.Equal(t, test.result, decision.Result, name)
	}
}

func TestOwnershipReferencesCanCountAsGroups(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	files := writeFiles(t, "p, role:default/a, scaffolder.task.create, create, allow\ng, group:default/elsewhere, role:default/a\n", "")
	principal := guest
	principal.Ownership = []string{guest.Subject, "group:default/elsewhere"}
	for counts, result := range map[bool]policy.Result{false: policy.Denied, true: policy.Allowed} {
		roles := newReplica(t, pool, withFiles(files), func(_ *rbac.Options, deciding *rbac.DeciderOptions) { deciding.ByOwnership = counts })
		require.NoError(t, roles.SyncFiles(t.Context()))
		decision, err := roles.decider.Decide(t.Context(), principal, policy.ScaffolderTaskCreate)
		require.NoError(t, err)
		require.Equal(t, result, decision.Result)
	}
}

// TestUnreadableGroupsAllowNothing: a group could have a role that denies.
func TestUnreadableGroupsAllowNothing(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	many := make([]string, 20_000)
	for i := range many {
		many[i] = fmt.Sprintf("group:default/g%d", i)
	}
	for message, groups := range map[string]rbac.GroupsOf{
		"groups of user:default/guest: the catalog does not answer": func(context.Context, string, int, int) ([]string, error) {
			return nil, errors.New("the catalog does not answer")
		},
		"user:default/guest is in more than 10000 groups, too many to decide what they may do": func(_ context.Context, _ string, _, limit int) ([]string, error) { return many[:limit], nil },
	} {
		roles := newReplica(t, pool, withFiles(writeFiles(t, goodPolicies+"g, user:default/guest, role:default/team\n", "")),
			func(_ *rbac.Options, deciding *rbac.DeciderOptions) { deciding.GroupsOf = groups })
		require.NoError(t, roles.SyncFiles(t.Context()))
		decision, err := roles.decider.Decide(t.Context(), guest, policy.CatalogEntityRead)
		require.EqualError(t, err, message)
		require.NotEqual(t, policy.Allowed, decision.Result)
	}
}

// TestEveryMethodAsks: no method of the service reads or changes roles without a permission.
func TestEveryMethodAsks(t *testing.T) {
	t.Parallel()
	refuser := &policytest.Refuser{}
	service := rbac.New(rbac.Options{Log: slog.New(slog.DiscardHandler), Pool: testkit.Database(t), Decider: rbac.NewDecider(rbac.DeciderOptions{}), Ask: refuser})
	// What a process does by itself.
	policytest.EveryMethodAsks(t, service, refuser, []string{"Load", "Follow", "SyncFiles", "WatchFiles", "Problems"})
}

// TestWhoMayChangeOnlyOwnRolesAddsToNoOther: such a caller could give any role to themselves otherwise.
func TestWhoMayChangeOnlyOwnRolesAddsToNoOther(t *testing.T) {
	t.Parallel()
	roles := newReplica(t, testkit.Database(t))
	require.NoError(t, roles.SyncFiles(t.Context()))
	ada := "user:default/ada"
	require.NoError(t, roles.CreateRole(t.Context(), guest, rbac.RoleSpec{Ref: "role:default/theirs", Members: []string{ada}, Metadata: &rbac.MetadataSpec{Owner: &ada}}))
	require.NoError(t, roles.CreateRole(t.Context(), guest, rbac.RoleSpec{Ref: "role:default/mine", Members: []string{guest.Subject}}))
	own := rbac.ConditionSpec{Result: policy.Conditional, Role: "role:default/mine", PluginID: "permission", ResourceType: policy.PolicyEntity,
		Permissions: []rbac.ConditionPermission{{Name: "policy.entity.update", Action: "update"}},
		Criteria:    []byte(`{"rule":"IS_OWNER","resourceType":"policy-entity","params":{"owners":["$currentUser"]}}`)}
	_, err := roles.CreateCondition(t.Context(), guest, own)
	require.NoError(t, err)

	for ref, kind := range map[string]fault.Kind{"role:default/theirs": fault.NotAllowed, "role:default/mine": ""} {
		policies := []rbac.Policy{{Role: ref, Permission: "catalog.entity.create", Action: "create", Effect: rbac.Allow}}
		require.Equal(t, kind, fault.KindOf(roles.CreatePolicies(t.Context(), guest, policies)), ref)
		require.Equal(t, kind, fault.KindOf(roles.CreateRole(t.Context(), guest, rbac.RoleSpec{Ref: ref, Members: []string{"user:default/bob"}})), ref)
		condition := own
		condition.Role, condition.Permissions = ref, []rbac.ConditionPermission{{Name: "policy.entity.delete", Action: "delete"}}
		_, err := roles.CreateCondition(t.Context(), guest, condition)
		require.Equal(t, kind, fault.KindOf(err), ref)
	}
}

// TestTwoAdminsWhoEditOneRole: the second one is told, because what they read is out of date.
func TestTwoAdminsWhoEditOneRole(t *testing.T) {
	t.Parallel()
	roles := newReplica(t, testkit.Database(t))
	require.NoError(t, roles.SyncFiles(t.Context()))
	const ref = "role:default/x"
	read := &rbac.RoleSpec{Ref: ref, Members: []string{"user:default/ada"}}
	require.NoError(t, roles.CreateRole(t.Context(), guest, *read))
	require.NoError(t, roles.UpdateRole(t.Context(), guest, ref, rbac.RoleUpdate{Old: read, New: &rbac.RoleSpec{Ref: ref, Members: []string{"user:default/bob"}}}))
	err := roles.UpdateRole(t.Context(), guest, ref, rbac.RoleUpdate{Old: read, New: &rbac.RoleSpec{Ref: ref, Members: []string{"user:default/carol"}}})
	require.EqualError(t, err, "Member reference: user:default/ada was not found for role role:default/x")
	role, err := roles.Role(t.Context(), guest, ref)
	require.NoError(t, err)
	require.Equal(t, []string{"user:default/bob"}, role.Members)
}

func TestConditionsGoWithTheirRole(t *testing.T) {
	t.Parallel()
	roles := newReplica(t, testkit.Database(t))
	require.NoError(t, roles.SyncFiles(t.Context()))
	spec := rbac.RoleSpec{Ref: "role:default/x", Members: []string{guest.Subject}}
	require.NoError(t, roles.CreateRole(t.Context(), guest, spec))
	id, err := roles.CreateCondition(t.Context(), guest, rbac.ConditionSpec{Result: policy.Conditional, Role: spec.Ref, PluginID: "scaffolder", ResourceType: policy.ScaffolderTask,
		Permissions: []rbac.ConditionPermission{{Name: "scaffolder.task.read", Action: "read"}},
		Criteria:    []byte(`{"rule":"IS_TASK_OWNER","resourceType":"scaffolder-task","params":{"createdBy":["$currentUser"]}}`)})
	require.NoError(t, err)
	require.Equal(t, policy.Conditional, roles.result(t, policy.ScaffolderTaskRead))
	require.NoError(t, roles.DeleteRole(t.Context(), guest, spec.Ref, nil))
	require.NoError(t, roles.CreateRole(t.Context(), guest, spec))
	require.Equal(t, policy.Denied, roles.result(t, policy.ScaffolderTaskRead))
	_, err = roles.Condition(t.Context(), guest, id)
	require.Equal(t, fault.NotFound, fault.KindOf(err))
}
