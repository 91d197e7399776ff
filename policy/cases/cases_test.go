package cases_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/cases"
	"github.com/portico-dev/portico/policy/rbac"
	"github.com/portico-dev/portico/scaffolder/access"
)

const policies = `g, group:default/company, role:default/owners
p, role:default/owners, catalog.location.create, create, allow
`

const conditions = `result: CONDITIONAL
roleEntityRef: role:default/owners
pluginId: permission
resourceType: policy-entity
permissionMapping: [update]
conditions: { rule: IS_OWNER, resourceType: policy-entity, params: { owners: [$ownerRefs] } }
---
result: CONDITIONAL
roleEntityRef: role:default/owners
pluginId: scaffolder
resourceType: scaffolder-action
permissionMapping: [use]
conditions: { not: { rule: HAS_STRING_PROPERTY, resourceType: scaffolder-action, params: { key: to.env, value: prod } } }
---
result: CONDITIONAL
roleEntityRef: role:default/owners
pluginId: scaffolder
resourceType: scaffolder-template
permissionMapping: [read]
conditions: { rule: HAS_TAG, resourceType: scaffolder-template, params: { tag: open } }
`

// run decides the cases in a text, with groups up to a depth.
func run(t *testing.T, text string, depth int) ([]cases.Result, error) {
	t.Helper()
	directory := t.TempDir()
	in := func(name, content string) string {
		file := filepath.Join(directory, name)
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		return file
	}
	file, err := cases.Read(in("cases.yaml", text))
	require.NoError(t, err)
	results, problems, err := file.Run(t.Context(), rbac.Options{Limits: rbac.DefaultLimits(),
		Conditional: []rbac.Conditional{{Plugin: "permission", Rules: rbac.Rules},
			{Plugin: "scaffolder", Rules: access.ActionRules}, {Plugin: "scaffolder", Rules: access.TemplateRules}},
		Files: rbac.Files{Policies: in("policy.csv", policies), Conditions: in("conditions.yaml", conditions)}}, rbac.DeciderOptions{Depth: depth})
	require.Empty(t, problems)
	return results, err
}

// TestGroupsOfCases: roles of groups above count up to the depth, also if groups contain each other.
func TestGroupsOfCases(t *testing.T) {
	t.Parallel()
	const text = `
groups: { Ada: [team], group:team: [company], group:default/company: [team] }
cases: [{ user: ada, permission: catalog.location.create, expect: allow }]
`
	for depth, result := range map[int]policy.Result{0: policy.Denied, 1: policy.Allowed, 32: policy.Allowed} {
		results, err := run(t, text, depth)
		require.NoError(t, err)
		require.Equal(t, result, results[0].Explanation.Result, depth)
		require.Equal(t, result == policy.Allowed, results[0].Passed)
	}
}

// TestRolesAreResourcesOfCases: the owner of a role decides.
func TestRolesAreResourcesOfCases(t *testing.T) {
	t.Parallel()
	results, err := run(t, `
groups: { ada: [company] }
resources: { mine: { owner: user:default/ada }, ours: { owner: group:default/company }, theirs: { owner: group:default/others } }
cases:
- { user: ada, permission: policy.entity.update, expect: conditional }
- { user: ada, permission: policy.entity.update, resource: mine, expect: allow }
- { user: ada, permission: policy.entity.update, resource: ours, expect: allow }
- { user: ada, permission: policy.entity.update, resource: theirs, expect: deny }
`, 1)
	require.NoError(t, err)
	for _, result := range results {
		require.True(t, result.Passed, result.Explanation.Text())
	}
	_, err = run(t, `
groups: { ada: [company] }
resources: { wrong: { owner: [] } }
cases:

- { user: ada, permission: policy.entity.update, resource: wrong, expect: allow }
`, 1)
	require.ErrorContains(t, err, "line 6: the resource wrong: ")
}

// TestActionsAndPartsOfTemplatesAreResourcesOfCases: an action with its input, and the tags of a page or step.
func TestActionsAndPartsOfTemplatesAreResourcesOfCases(t *testing.T) {
	t.Parallel()
	results, err := run(t, `
groups: { ada: [company] }
resources:
  to-prod: { action: deploy, input: { to: { env: prod } } }
  to-dev: { action: deploy, input: { to: { env: dev } } }
  without-input: { action: deploy }
  open: { tags: [open, other] }
  hidden: { tags: [] }
cases:
- { user: ada, permission: scaffolder.action.execute, resource: to-prod, expect: deny }
- { user: ada, permission: scaffolder.action.execute, resource: to-dev, expect: allow }
- { user: ada, permission: scaffolder.action.execute, resource: without-input, expect: allow }
- { user: ada, permission: scaffolder.template.step.read, resource: open, expect: allow }
- { user: ada, permission: scaffolder.template.parameter.read, resource: hidden, expect: deny }
`, 1)
	require.NoError(t, err)
	for _, result := range results {
		require.True(t, result.Passed, result.Explanation.Text())
	}
}
