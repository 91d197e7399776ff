package rbac_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/rbac"
)

// condition is a condition of role:default/a on runs.
func condition(permissions string) string {
	return "---\nresult: CONDITIONAL\nroleEntityRef: role:default/a\npluginId: scaffolder\nresourceType: scaffolder-task\npermissionMapping: [" + permissions +
		"]\nconditions: { rule: IS_TASK_OWNER, resourceType: scaffolder-task, params: { createdBy: [$currentUser] } }\n"
}

// TestRolesThatDoNotNameOwnPermissions: roles that were written for Backstage mean what they meant there. Who could
// start runs can retry them, and who could cancel them can roll them back. A role that names one of Portico's own
// permissions decides about it.
func TestRolesThatDoNotNameOwnPermissions(t *testing.T) {
	t.Parallel()
	const (
		create   = "p, role:default/a, scaffolder.task.create, create, allow\n"
		cancel   = "p, role:default/a, scaffolder.task.cancel, use, allow\n"
		byType   = "p, role:default/a, scaffolder-task, use, allow\n"
		notAType = "p, role:default/a, scaffolder-task, use, deny\n"
	)
	for name, test := range map[string]struct {
		policies, conditions    string
		retry, rollback, cancel policy.Result
	}{
		"nothing":                          {"", "", policy.Denied, policy.Denied, policy.Denied},
		"who may create":                   {create, "", policy.Allowed, policy.Denied, policy.Denied},
		"who may cancel":                   {cancel, "", policy.Denied, policy.Allowed, policy.Allowed},
		"by the type":                      {byType, "", policy.Denied, policy.Allowed, policy.Allowed},
		"a denial by the type":             {create + notAType, "", policy.Allowed, policy.Denied, policy.Denied},
		"a condition on the action":        {create, condition("use"), policy.Allowed, policy.Conditional, policy.Conditional},
		"a condition on cancel":            {create, condition("{name: scaffolder.task.cancel, action: use}"), policy.Allowed, policy.Conditional, policy.Conditional},
		"an approval by name":              {"p, role:default/a, scaffolder.task.retry, use, allow\n", "", policy.Allowed, policy.Denied, policy.Denied},
		"a denial by name":                 {create + cancel + "p, role:default/a, scaffolder.task.retry, use, deny\np, role:default/a, scaffolder.task.rollback, use, deny\n", "", policy.Denied, policy.Denied, policy.Allowed},
		"a denial of another role":         {create + "p, role:default/b, scaffolder.task.retry, use, deny\n", "", policy.Denied, policy.Denied, policy.Denied},
		"a condition by name":              {create + cancel, condition("{name: scaffolder.task.retry, action: use}"), policy.Conditional, policy.Allowed, policy.Allowed},
		"conditions by name and on others": {create, condition("use") + condition("{name: scaffolder.task.retry, action: use}"), policy.Conditional, policy.Conditional, policy.Conditional},
		"an action that it has not":        {"p, role:default/a, scaffolder.task.retry, update, allow\n", "", policy.Denied, policy.Denied, policy.Denied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			members := "g, user:default/guest, role:default/a\ng, user:default/guest, role:default/b\n"
			roles := newReplica(t, testkit.Database(t), withFiles(writeFiles(t, members+test.policies, test.conditions)))
			require.NoError(t, roles.SyncFiles(t.Context()))
			require.Empty(t, roles.Problems())
			for permission, result := range map[policy.Permission]policy.Result{policy.ScaffolderTaskRetry: test.retry,
				policy.ScaffolderTaskRollback: test.rollback, policy.ScaffolderTaskCancel: test.cancel} {
				require.Equal(t, result, roles.result(t, permission), permission)
			}
		})
	}
}

// TestExplanationsNameTheDeputy: the permission that decided is not the one that was asked for.
func TestExplanationsNameTheDeputy(t *testing.T) {
	t.Parallel()
	roles := newReplica(t, testkit.Database(t), withFiles(writeFiles(t, "g, user:default/guest, role:default/a\np, role:default/a, scaffolder.task.create, create, allow\n", "")))
	require.NoError(t, roles.SyncFiles(t.Context()))
	explained, err := roles.decider.Explain(t.Context(), guest, rbac.Query{Permission: string(policy.ScaffolderTaskRetry)})
	require.NoError(t, err)
	require.Equal(t, policy.ScaffolderTaskCreate, explained.DecidedAs)
	require.Equal(t, policy.Allowed, explained.Decision.Result)
	require.Equal(t, "scaffolder.task.create", explained.Policies[0].Permission)

	explained, err = roles.decider.Explain(t.Context(), guest, rbac.Query{Permission: string(policy.ScaffolderTaskCreate)})
	require.NoError(t, err)
	require.Empty(t, explained.DecidedAs)
}
