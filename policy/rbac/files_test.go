package rbac_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/rbac"
)

const (
	goodPolicies = `p, role:default/team, catalog.entity.read, read, allow
g, group:default/team-a, role:default/team
`
	goodConditions = `result: CONDITIONAL
roleEntityRef: role:default/team
pluginId: catalog
resourceType: catalog-entity
permissionMapping: [delete]
conditions: { rule: IS_ENTITY_OWNER, resourceType: catalog-entity, params: { claims: [$ownerRefs] } }
`
)

// problemsOf are the problems of a process, with the names of its files instead of their paths.
func problemsOf(r replica) []string {
	var texts []string
	for _, problem := range r.Problems() {
		problem.File = filepath.Base(problem.File)
		texts = append(texts, problem.String())
	}
	return texts
}

func (r replica) result(t *testing.T, permission policy.Permission) policy.Result {
	t.Helper()
	decision, err := r.decider.Decide(t.Context(), guest, permission)
	require.NoError(t, err)
	return decision.Result
}

// TestABrokenFileLeavesTheLastGoodRoles: each broken file is refused as a whole, with the file, the line and
// the reason.
func TestABrokenFileLeavesTheLastGoodRoles(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		policies, conditions string
		problems             []string
	}{
		"one wrong line": {
			policies: goodPolicies + "p, role:default/team, catalog.entity.refresh, write, allow\n",
			problems: []string{"policy.csv:3: 'policy' has invalid value: 'write'. It should be one of: create, read, update, delete, use"},
		},
		"no UTF-8": {
			policies: goodPolicies + "# caf\xe9\np, role:default/team, caf\xe9, use, allow\n",
			problems: []string{"policy.csv:4: the line is not UTF-8"},
		},
		"a line twice": {
			policies: goodPolicies + "\n# again\ng, group:default/team-a, role:default/team\n",
			problems: []string{"policy.csv:2: the line is there twice: see line 5", "policy.csv:5: the line is there twice: see line 2"},
		},
		"both effects": {
			policies: goodPolicies + "p, role:default/team, catalog.entity.read, read, deny\n",
			problems: []string{"policy.csv:1: the line contradicts line 3", "policy.csv:3: the line contradicts line 1"},
		},
		"no line of a policy": {
			policies: "u, role:default/team\n",
			problems: []string{"policy.csv:1: a line is either p, role, permission, action, effect or g, member, role"},
		},
		"a role of the configuration": {
			policies: goodPolicies + "g, user:default/ada, role:default/rbac_admin\n",
			problems: []string{"policy.csv:3: role:default/rbac_admin comes from the configuration"},
		},
		"a role of the API": {
			policies: goodPolicies + "g, user:default/ada, role:default/rest\n",
			problems: []string{"policy.csv:3: role:default/rest comes from the API"},
		},
		"an unknown rule": {
			conditions: "---\n" + goodConditions + "---\n" + `{result: CONDITIONAL, roleEntityRef: role:default/team, pluginId: catalog, resourceType: catalog-entity, permissionMapping: [read], conditions: {rule: IS_NICE, resourceType: catalog-entity}}`,
			problems:   []string{`conditional-policies.yaml:9: invalid conditions: Permission rule 'IS_NICE' does not exist for resource type 'catalog-entity'`},
		},
		"two conditions on one permission": {
			conditions: "---\n" + goodConditions + "---\n" + goodConditions,
			problems:   []string{"conditional-policies.yaml:9: the condition is about the same as the one of line 2: action 'delete'"},
		},
		"a condition of another role": {
			conditions: "result: CONDITIONAL\nroleEntityRef: role:default/other\npluginId: catalog\nresourceType: catalog-entity\npermissionMapping: [read]\nconditions: { rule: IS_ENTITY_KIND, resourceType: catalog-entity, params: { kinds: [API] } }\n",
			problems:   []string{"conditional-policies.yaml:1: role:default/other is not a role in the file of policies"},
		},
		"a NUL in params": {
			conditions: strings.Replace(goodConditions, "$ownerRefs", `"a\0"`, 1),
			problems:   []string{`conditional-policies.yaml:1: the conditions must not contain a NUL character (\u0000)`},
		},
		"no YAML": {
			conditions: "a: [\n  b: c\n",
			problems:   []string{"conditional-policies.yaml: yaml: line 2: did not find expected ',' or ']'"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := writeFiles(t, goodPolicies, goodConditions)
			roles := newReplica(t, testkit.Database(t), withFiles(files))
			require.NoError(t, roles.SyncFiles(t.Context()))
			require.Empty(t, roles.Problems())
			require.NoError(t, roles.CreateRole(t.Context(), guest, rbac.RoleSpec{Ref: "role:default/rest", Members: []string{"user:default/ada"}}))

			if test.policies != "" {
				require.NoError(t, os.WriteFile(files.Policies, []byte(test.policies), 0o600))
			}
			if test.conditions != "" {
				require.NoError(t, os.WriteFile(files.Conditions, []byte(test.conditions), 0o600))
			}
			require.NoError(t, roles.SyncFiles(t.Context()))
			require.Equal(t, test.problems, problemsOf(roles))
			require.Equal(t, policy.Allowed, roles.result(t, policy.CatalogEntityRead))
			require.Equal(t, policy.Conditional, roles.result(t, policy.CatalogEntityDelete))
			require.Equal(t, []string{"role:default/everyone", "role:default/rbac_admin", "role:default/rest", "role:default/team"}, refs(t, roles))

			require.NoError(t, os.WriteFile(files.Policies, nil, 0o600))
			require.NoError(t, os.WriteFile(files.Conditions, nil, 0o600))
			require.NoError(t, roles.SyncFiles(t.Context()))
			require.Empty(t, roles.Problems(), "a file that was repaired has no problems")
			require.Equal(t, []string{"role:default/everyone", "role:default/rbac_admin", "role:default/rest"}, refs(t, roles))
		})
	}
}

// TestNoRoleComesWithoutItsConditions: while the file of conditions cannot be used, a role that is new in the
// file of policies does not come, because it would have what its conditions restrict.
func TestNoRoleComesWithoutItsConditions(t *testing.T) {
	t.Parallel()
	const readAndDelete = goodPolicies + "p, role:default/team, catalog.entity.delete, delete, allow\n"
	for name, conditions := range map[string]string{
		"no YAML":                     "a: [\n",
		"one good, one wrong":         goodConditions + "---\nresult: CONDITIONAL\n",
		"a condition of another role": goodConditions + "---\n" + strings.ReplaceAll(goodConditions, "default/team", "default/other"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := writeFiles(t, "", "")
			roles := newReplica(t, testkit.Database(t), withFiles(files))
			require.NoError(t, roles.SyncFiles(t.Context()))
			require.NoError(t, os.WriteFile(files.Policies, []byte(readAndDelete), 0o600))
			require.NoError(t, os.WriteFile(files.Conditions, []byte(conditions), 0o600))
			require.NoError(t, roles.SyncFiles(t.Context()))
			require.NotEmpty(t, roles.Problems())
			require.Equal(t, policy.Denied, roles.result(t, policy.CatalogEntityDelete))
			require.NotContains(t, refs(t, roles), "role:default/team")

			require.NoError(t, os.WriteFile(files.Conditions, []byte(goodConditions), 0o600))
			require.NoError(t, roles.SyncFiles(t.Context()))
			require.Equal(t, policy.Conditional, roles.result(t, policy.CatalogEntityDelete))
		})
	}
}

// TestOnlyTheConfigurationGivesARoleToEverybody: a role that the API created under the name of the default role
// has its members only.
func TestOnlyTheConfigurationGivesARoleToEverybody(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	before := newReplica(t, pool)
	require.NoError(t, before.SyncFiles(t.Context()))
	require.NoError(t, before.CreateRole(t.Context(), guest, rbac.RoleSpec{Ref: "role:default/later", Members: []string{"user:default/ada"}}))
	require.NoError(t, before.CreatePolicies(t.Context(), guest, []rbac.Policy{{Role: "role:default/later", Permission: "scaffolder.task.create", Action: "create", Effect: rbac.Allow}}))

	after := newReplica(t, pool, func(options *rbac.Options, _ *rbac.DeciderOptions) {
		options.Configured.DefaultRole = "role:default/later"
	})
	require.NoError(t, after.SyncFiles(t.Context()))
	require.Equal(t, []string{"permission.rbac: role:default/later was created by the API; delete it there"}, problemsOf(after))
	require.Equal(t, policy.Denied, after.result(t, policy.ScaffolderTaskCreate))
	role, err := after.Role(t.Context(), guest, "role:default/later")
	require.NoError(t, err)
	require.False(t, role.Metadata.IsDefault)
}

// TestARoleOfTheAPIBlocksItsNameOnly: the rest of the files counts, and the role of the file comes when the API has
// deleted its own.
func TestARoleOfTheAPIBlocksItsNameOnly(t *testing.T) {
	t.Parallel()
	files := writeFiles(t, "", "")
	roles := newReplica(t, testkit.Database(t), withFiles(files))
	require.NoError(t, roles.SyncFiles(t.Context()))
	require.NoError(t, roles.CreateRole(t.Context(), guest, rbac.RoleSpec{Ref: "role:default/taken", Members: []string{"user:default/ada"}}))
	source := func() rbac.Source {
		role, err := roles.Role(t.Context(), guest, "role:default/taken")
		require.NoError(t, err)
		return role.Metadata.Source
	}

	taken := strings.NewReplacer("default/team\n", "default/taken\n", "default/team,", "default/taken,")
	require.NoError(t, os.WriteFile(files.Policies, []byte(goodPolicies+taken.Replace(goodPolicies)), 0o600))
	require.NoError(t, os.WriteFile(files.Conditions, []byte(goodConditions+"---\n"+taken.Replace(goodConditions)), 0o600))
	require.NoError(t, roles.SyncFiles(t.Context()))
	require.Equal(t, []string{"policy.csv:4: role:default/taken comes from the API"}, problemsOf(roles))
	require.Equal(t, rbac.FromREST, source())
	require.Equal(t, policy.Allowed, roles.result(t, policy.CatalogEntityRead))
	require.Equal(t, policy.Conditional, roles.result(t, policy.CatalogEntityDelete))

	during(t, roles.WatchFiles)
	require.NoError(t, roles.DeleteRole(t.Context(), guest, "role:default/taken", nil))
	require.Eventually(t, func() bool { return len(roles.Problems()) == 0 }, soon, often)
	require.Equal(t, rbac.FromFile, source())
}

func TestAMissingFileLeavesTheLastGoodRoles(t *testing.T) {
	t.Parallel()
	files := writeFiles(t, goodPolicies, goodConditions)
	roles := newReplica(t, testkit.Database(t), withFiles(files))
	require.NoError(t, roles.SyncFiles(t.Context()))
	require.NoError(t, os.Remove(files.Policies))
	require.NoError(t, roles.SyncFiles(t.Context()))
	require.Len(t, roles.Problems(), 1)
	require.Equal(t, policy.Allowed, roles.result(t, policy.CatalogEntityRead))
}

// during runs parts of a process until the test ends.
func during(t *testing.T, parts ...func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, len(parts))
	for _, part := range parts {
		go func() { ended <- part(ctx) }()
	}
	t.Cleanup(func() {
		cancel()
		for range parts {
			require.NoError(t, <-ended)
		}
	})
}

const soon, often = 20 * time.Second, 10 * time.Millisecond

func TestEveryProcessFollowsAChange(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	first, second := newReplica(t, pool), newReplica(t, pool)
	require.NoError(t, first.SyncFiles(t.Context()))
	during(t, second.Follow)
	require.NoError(t, first.CreateRole(t.Context(), guest, rbac.RoleSpec{Ref: "role:default/new", Members: []string{"group:default/team-a"}}))
	require.NoError(t, first.CreatePolicies(t.Context(), guest, []rbac.Policy{{Role: "role:default/new", Permission: "scaffolder.task.create", Action: "create", Effect: rbac.Allow}}))
	require.Equal(t, policy.Allowed, first.result(t, policy.ScaffolderTaskCreate), "the process itself has it at once")
	require.Eventually(t, func() bool { return second.result(t, policy.ScaffolderTaskCreate) == policy.Allowed }, soon, often)
	require.NoError(t, first.DeleteRole(t.Context(), guest, "role:default/new", nil))
	require.Eventually(t, func() bool { return second.result(t, policy.ScaffolderTaskCreate) == policy.Denied }, soon, often)
}

// TestUnchangedRolesAreReadOnce: loading them again asks for their revision alone.
func TestUnchangedRolesAreReadOnce(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	roles := newReplica(t, pool, withFiles(writeFiles(t, goodPolicies, goodConditions)))
	require.NoError(t, roles.SyncFiles(t.Context()))
	_, err := pool.Exec(t.Context(), "alter table rbac_members rename to rbac_members_hidden")
	require.NoError(t, err)
	require.NoError(t, roles.Load(t.Context()))
	require.Equal(t, policy.Allowed, roles.result(t, policy.CatalogEntityRead))
	_, err = pool.Exec(t.Context(), "update rbac_revision set revision = revision + 1")
	require.NoError(t, err)
	require.Error(t, roles.Load(t.Context()))
}

func TestAChangedFileIsReadAgain(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	files := writeFiles(t, "", "")
	files.Reload = true
	reader, other := newReplica(t, pool, withFiles(files)), newReplica(t, pool)
	require.NoError(t, reader.SyncFiles(t.Context()))
	during(t, reader.WatchFiles, other.Follow)
	require.Equal(t, policy.Denied, reader.result(t, policy.CatalogEntityDelete))
	require.NoError(t, os.WriteFile(files.Policies, []byte(goodPolicies), 0o600))
	require.NoError(t, os.WriteFile(files.Conditions, []byte(goodConditions), 0o600))
	for _, process := range []replica{reader, other} {
		require.Eventually(t, func() bool { return process.result(t, policy.CatalogEntityDelete) == policy.Conditional }, soon, often)
	}
}

// TestUnchangedFilesChangeNothing: a process that starts does not make the others load the roles.
func TestUnchangedFilesChangeNothing(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	files := writeFiles(t, goodPolicies, goodConditions)
	require.NoError(t, newReplica(t, pool, withFiles(files)).SyncFiles(t.Context()))
	before := testkit.Digest(t, pool)
	require.NoError(t, newReplica(t, pool, withFiles(files)).SyncFiles(t.Context()))
	require.Equal(t, before, testkit.Digest(t, pool))
}

// TestRolesMoveBetweenTheirSources: what the configuration takes over is no role of the file any more, and
// back.
func TestRolesMoveBetweenTheirSources(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	inFile := newReplica(t, pool, withFiles(writeFiles(t, goodPolicies, goodConditions)))
	inConfiguration := newReplica(t, pool, withFiles(writeFiles(t, "", "")), func(options *rbac.Options, _ *rbac.DeciderOptions) {
		options.Configured.DefaultRole = "role:default/team"
	})
	for _, process := range []replica{inFile, inConfiguration, inFile} {
		require.NoError(t, process.SyncFiles(t.Context()))
		require.Empty(t, process.Problems())
		role, err := process.Role(t.Context(), guest, "role:default/team")
		require.NoError(t, err)
		require.Equal(t, process == inConfiguration, role.Metadata.Source == rbac.FromConfiguration)
		require.Equal(t, process == inConfiguration, role.Metadata.IsDefault)
	}
}

func TestTheConfigurationIsChecked(t *testing.T) {
	t.Parallel()
	for message, configured := range map[string]rbac.Configured{
		`permission.rbac.admin.users: Unsupported kind role. List supported values ["user", "group"]`:                                                                                    {Admins: []string{"role:default/x"}},
		`permission.rbac.defaultPermissions.defaultRole: Unsupported kind user. List supported values ["role"]`:                                                                          {DefaultRole: "user:default/x"},
		"permission.rbac.defaultPermissions.defaultRole: role:default/rbac_admin is the role of the admins":                                                                              {Admins: []string{"user:default/x"}, DefaultRole: "role:default/rbac_admin"},
		"permission.rbac.defaultPermissions.basicPermissions: Invalid policy definition. Cause: 'policy' has invalid value: 'x'. It should be one of: create, read, update, delete, use": {DefaultRole: "role:default/x", DefaultPolicies: []rbac.Policy{{Permission: "y", Action: "x", Effect: rbac.Allow}}},
	} {
		require.EqualError(t, configured.Check(), message)
	}
}

// TestAConditionThatIsWrittenDifferentlyStays: the order of members in a condition means nothing, so reading the files
// again does not write it; another value does.
func TestAConditionThatIsWrittenDifferentlyStays(t *testing.T) {
	t.Parallel()
	named := strings.Replace(goodConditions, "[delete]", "[{name: catalog.entity.delete, action: delete}]", 1)
	roles := newReplica(t, testkit.Database(t), withFiles(writeFiles(t, goodPolicies, named)))
	criteria := func() string {
		require.NoError(t, roles.SyncFiles(t.Context()))
		require.Empty(t, roles.Problems())
		found, err := roles.Conditions(t.Context(), guest, rbac.ConditionFilter{Role: "role:default/team"})
		require.NoError(t, err)
		require.Len(t, found, 1)
		return string(found[0].Criteria)
	}
	fromFile := criteria()
	for text, want := range map[string]string{
		`{"rule": "IS_ENTITY_OWNER", "params": {"claims": ["$ownerRefs"]}, "resourceType": "catalog-entity"}`:       `{"rule": "IS_ENTITY_OWNER", "params": {"claims": ["$ownerRefs"]}, "resourceType": "catalog-entity"}`,
		`{"rule": "IS_ENTITY_OWNER", "params": {"claims": ["user:default/ada"]}, "resourceType": "catalog-entity"}`: fromFile,
	} {
		found, err := roles.Conditions(t.Context(), guest, rbac.ConditionFilter{Role: "role:default/team"})
		require.NoError(t, err)
		found[0].Criteria = json.RawMessage(text)
		require.NoError(t, roles.UpdateCondition(t.Context(), guest, found[0].ID, found[0].ConditionSpec, nil))
		require.Equal(t, want, criteria())
	}
}

// TestAnUnreachableDatabaseLeavesTheLastRoles: decisions go on without the database; changes fail.
func TestAnUnreachableDatabaseLeavesTheLastRoles(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	roles := newReplica(t, pool, withFiles(writeFiles(t, goodPolicies, goodConditions)))
	require.NoError(t, roles.SyncFiles(t.Context()))
	pool.Close()
	require.Error(t, roles.Load(t.Context()))
	require.Equal(t, policy.Allowed, roles.result(t, policy.CatalogEntityRead))
	require.Error(t, roles.DeleteRole(t.Context(), guest, "role:default/team", nil))
}

func TestReferencesOfOneCallAreBounded(t *testing.T) {
	t.Parallel()
	roles := newReplica(t, testkit.Database(t))
	require.NoError(t, roles.SyncFiles(t.Context()))
	criteria := policy.Criteria{Rule: "IS_OWNER", ResourceType: policy.PolicyEntity, Params: []byte(`{"owners":["user:default/ada"]}`)}
	matching, err := roles.MatchingRoles(t.Context(), guest, criteria, make([]string, 5000))
	require.NoError(t, err)
	require.Len(t, matching, 5000)
	_, err = roles.MatchingRoles(t.Context(), guest, criteria, make([]string, 5001))
	require.Equal(t, fault.Input, fault.KindOf(err))
}

func TestMachinesReadRolesAndChangeNone(t *testing.T) {
	t.Parallel()
	roles := newReplica(t, testkit.Database(t))
	require.NoError(t, roles.SyncFiles(t.Context()))
	machine := identity.Principal{Kind: identity.KindService, Subject: "ci"}
	listed, err := roles.Roles(t.Context(), machine)
	require.NoError(t, err)
	require.Len(t, listed, 2)
	err = roles.CreateRole(t.Context(), machine, rbac.RoleSpec{Ref: "role:default/x", Members: []string{"user:default/ada"}})
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	_, err = roles.Roles(t.Context(), identity.Principal{})
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
}
