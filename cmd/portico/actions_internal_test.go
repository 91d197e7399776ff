package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/rbac"
	"github.com/portico-dev/portico/scaffolder/access"
	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/template"
)

// Developers execute everything but registrations, and publish to one owner only.
const actionPolicies = `p, role:default/operators, scaffolder.action.execute, use, allow
g, user:default/operator, role:default/operators
g, user:default/developer, role:default/developers
p, role:default/guests, scaffolder-action, use, allow
p, role:default/guests, scaffolder.action.execute, use, deny
g, user:default/guest, role:default/guests
`

const actionConditions = `result: CONDITIONAL
roleEntityRef: role:default/developers
pluginId: scaffolder
resourceType: scaffolder-action
permissionMapping: [use]
conditions:
  anyOf:
    - not:
        anyOf:
          - { rule: HAS_ACTION_ID, resourceType: scaffolder-action, params: { actionId: publish:github } }
          - { rule: HAS_ACTION_ID, resourceType: scaffolder-action, params: { actionId: catalog:register } }
    - allOf:
        - { rule: HAS_ACTION_ID, resourceType: scaffolder-action, params: { actionId: publish:github } }
        - { rule: HAS_STRING_PROPERTY, resourceType: scaffolder-action, params: { key: repoUrl, value: "github.com?owner=acme&repo=shop" } }
`

// actionCallers are the columns of the table.
var actionCallers = []identity.Principal{
	{}, // nobody
	{Kind: identity.KindUser, Subject: "user:default/stranger"},
	{Kind: identity.KindUser, Subject: "user:default/guest"}, // a denial by name counts before an approval by type
	{Kind: identity.KindUser, Subject: "user:default/developer"},
	{Kind: identity.KindUser, Subject: "user:default/operator"},
	{Kind: identity.KindUser, Subject: "user:default/admin"}, // a super user
	{Kind: identity.KindService, Subject: "ci"},
	{Kind: identity.KindService, Subject: "ci", Restrictions: []identity.Restriction{{Plugin: "scaffolder", Permissions: []string{string(policy.ScaffolderTaskCreate)}}}},
	identity.System("test"),
}

// TestEveryActionAnswersEveryCaller: who may start a run, or a dry run, with an action, and who may execute it with an
// input. The answers are yes, no, and late for an action that is refused only when its input is known.
func TestEveryActionAnswersEveryCaller(t *testing.T) {
	t.Parallel()
	const some = "no no no yes yes yes yes no yes"
	table := map[string]map[string]string{
		//                                                    nobody stranger guest developer operator admin service restricted system
		"catalog:fetch":       {`{}`: some},
		"catalog:register":    {`{}`: "no no no no yes yes yes no yes"},
		"catalog:write":       {`{}`: some},
		"debug:log":           {`{}`: some},
		"debug:wait":          {`{}`: some},
		"fetch:plain":         {`{}`: some},
		"fetch:plain:file":    {`{}`: some},
		"fetch:template":      {`{}`: some},
		"fetch:template:file": {`{}`: some},
		"fs:delete":           {`{}`: some},
		"fs:readdir":          {`{}`: some},
		"fs:rename":           {`{}`: some},
		"publish:github": {
			`{"repoUrl":"github.com?owner=ACME&repo=shop"}`:  some,
			`{"repoUrl":"github.com?owner=other&repo=shop"}`: "no no no late yes yes yes no yes",
		},
	}
	actions, err := (&platform{config: &config.Config{}}).buildActions(expression.New(expression.Options{}))
	require.NoError(t, err)
	for _, each := range actions.All() {
		require.Contains(t, table, each.Describe().ID, "it has no row in the table of actions and callers")
	}
	decides := access.NewRuns(decidesActions(t))
	for id, inputs := range table {
		_, err := actions.Lookup(id)
		require.NoError(t, err)
		for input, expected := range inputs {
			var answers []string
			for _, caller := range actionCallers {
				answers = append(answers, executes(t, decides, caller, template.Step{ID: "s", Name: "S", Action: id}, input))
			}
			require.Equal(t, expected, strings.Join(answers, " "), "%s %s", id, input)
		}
	}
}

func decidesActions(t *testing.T) policy.Decider {
	t.Helper()
	files := rbac.Files{Policies: t.TempDir() + "/policy.csv", Conditions: t.TempDir() + "/conditions.yaml"}
	require.NoError(t, os.WriteFile(files.Policies, []byte(actionPolicies), 0o600))
	require.NoError(t, os.WriteFile(files.Conditions, []byte(actionConditions), 0o600))
	decider, problems, err := rbac.Offline(rbac.Options{Files: files, Limits: rbac.DefaultLimits(), Conditional: conditionalTypes()},
		rbac.DeciderOptions{SuperUsers: []string{"user:default/admin"}})
	require.NoError(t, err)
	require.Empty(t, problems)
	return decider
}

func executes(t *testing.T, decides *access.Runs, caller identity.Principal, step template.Step, input string) string {
	t.Helper()
	if err := decides.CheckSteps(t.Context(), caller, []template.Step{step}); err != nil {
		require.Equal(t, fault.NotAllowed, fault.KindOf(err))
		return "no"
	}
	permit, err := decides.Permit(t.Context(), caller, step)
	require.NoError(t, err)
	if permit == nil {
		return "yes"
	}
	if err := permit(t.Context(), json.RawMessage(input)); err != nil {
		require.Equal(t, fault.NotAllowed, fault.KindOf(err))
		return "late"
	}
	return "yes"
}
