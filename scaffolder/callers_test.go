package scaffolder_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/rbac"
	"github.com/portico-dev/portico/scaffolder"
	"github.com/portico-dev/portico/scaffolder/access"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/scaffolder/template"
)

const callerPolicies = `p, role:default/developers, scaffolder.task.create, create, allow
p, role:default/developers, scaffolder-action, use, allow
p, role:default/developers, scaffolder-template, read, allow
g, user:default/owner, role:default/developers
g, user:default/other, role:default/developers
p, role:default/readers, scaffolder.task.read, read, allow
g, user:default/reader, role:default/readers
p, role:default/operators, scaffolder.task.create, create, allow
p, role:default/operators, scaffolder-task, read, allow
p, role:default/operators, scaffolder-task, use, allow
p, role:default/operators, scaffolder-action, use, allow
p, role:default/operators, scaffolder-template, read, allow
p, role:default/operators, scaffolder.template.dry-run, use, allow
g, user:default/operator, role:default/operators
`

const callerConditions = `result: CONDITIONAL
roleEntityRef: role:default/developers
pluginId: scaffolder
resourceType: scaffolder-task
permissionMapping: [read, use]
conditions: { rule: IS_TASK_OWNER, resourceType: scaffolder-task, params: { createdBy: [$currentUser] } }
`

// callers are the columns of the table. The runs are the owner's.
var callers = []policytest.Caller{
	{Name: "nobody"},
	user("stranger"), // has no role
	user("reader"),   // reads all runs
	user("owner"),    // starts runs, and reads and cancels those
	user("other"),    // has the same role
	user("operator"),
	{Name: "service", Principal: identity.Principal{Kind: identity.KindService, Subject: "ci"}},
	{Name: "restricted", Principal: identity.Principal{Kind: identity.KindService, Subject: "ci",
		Restrictions: []identity.Restriction{{Plugin: "scaffolder", Permissions: []string{string(policy.ScaffolderTaskRead)}}}}},
	user("admin"), // is a super user
	{Name: "system", Principal: identity.System("test")},
}

func user(name string) policytest.Caller {
	ref := "user:default/" + name
	return policytest.Caller{Name: name, Principal: identity.Principal{Kind: identity.KindUser, Subject: ref, Ownership: []string{ref}}}
}

// rolesOfCallers is a decider with their roles.
func rolesOfCallers(t *testing.T) policy.Decider {
	t.Helper()
	files := rbac.Files{Policies: t.TempDir() + "/policy.csv", Conditions: t.TempDir() + "/conditions.yaml"}
	require.NoError(t, os.WriteFile(files.Policies, []byte(callerPolicies), 0o600))
	require.NoError(t, os.WriteFile(files.Conditions, []byte(callerConditions), 0o600))
	decider, problems, err := rbac.Offline(rbac.Options{Files: files, Limits: rbac.DefaultLimits(), Conditional: []rbac.Conditional{
		{Plugin: "scaffolder", Rules: run.Rules}, {Plugin: "scaffolder", Rules: access.ActionRules}, {Plugin: "scaffolder", Rules: access.TemplateRules}}},
		rbac.DeciderOptions{SuperUsers: []string{"user:default/admin"}})
	require.NoError(t, err)
	require.Empty(t, problems)
	return decider
}

// TestEveryMethodAnswersEveryCaller: what a caller gets from each method, with real roles.
func TestEveryMethodAnswersEveryCaller(t *testing.T) {
	t.Parallel()
	b := newBench(t, rolesOfCallers(t))
	ref := entity.Ref{Kind: "template", Namespace: "default", Name: "two-steps"}
	document, err := templates{}.EntityJSON(t.Context(), identity.Principal{}, ref)
	require.NoError(t, err)
	parsed, err := template.Parse(document)
	require.NoError(t, err)
	isOwners := policy.Criteria{Rule: "IS_TASK_OWNER", ResourceType: policy.ScaffolderTask, Params: json.RawMessage(`{"createdBy":["user:default/owner"]}`)}

	// about is a row about a run of the owner.
	about := func(call func(t *testing.T, by identity.Principal, id string) error, expected string) policytest.Method {
		return policytest.Method{Expected: expected, Call: func(t *testing.T, by identity.Principal) (int, error) {
			t.Helper()
			return 1, call(t, by, b.insert("user:default/owner").String())
		}}
	}
	policytest.EveryMethodAnswers(t, b.Service, []string{"Actions"}, callers, map[string]policytest.Method{
		//                                  nobody stranger reader owner other operator service restricted admin system
		"Template": {Expected: "no no no yes yes yes yes no yes yes", Call: func(t *testing.T, by identity.Principal) (int, error) {
			t.Helper()
			_, err := b.Template(t.Context(), by, ref)
			return 1, err
		}},
		"Findings": {Expected: "no no no none none none none no none none", Call: func(t *testing.T, by identity.Principal) (int, error) {
			t.Helper()
			found, err := b.Findings(t.Context(), by, nil)
			return len(found), err
		}},
		"Create": {Expected: "no no no yes yes yes yes no yes yes", Call: func(t *testing.T, by identity.Principal) (int, error) {
			t.Helper()
			_, err := b.Create(t.Context(), by, scaffolder.Request{TemplateRef: "two-steps", Values: json.RawMessage(`{}`)})
			return 1, err
		}},
		"DryRun": {Expected: "no no no no no yes yes no yes yes", Call: func(t *testing.T, by identity.Principal) (int, error) {
			t.Helper()
			_, err := b.DryRun(t.Context(), by, scaffolder.Trial{Template: parsed, Values: json.RawMessage(`{}`)})
			return 1, err
		}},
		"List": {Expected: "no no yes yes none yes yes yes yes yes", Call: func(t *testing.T, by identity.Principal) (int, error) {
			t.Helper()
			b.insert("user:default/owner")
			listed, total, err := b.List(t.Context(), by, run.Query{Creators: []string{"user:default/owner"}, Limit: 1})
			require.Len(t, listed, min(total, 1))
			return total, err
		}},
		"Causes": {Expected: "no no none none none none none none none none", Call: func(t *testing.T, by identity.Principal) (int, error) {
			t.Helper()
			_, total, err := b.Causes(t.Context(), by, run.CauseQuery{Limit: 1})
			return total, err
		}},
		"MatchingRuns": {Expected: "none none yes yes none yes yes yes yes yes", Call: func(t *testing.T, by identity.Principal) (int, error) {
			t.Helper()
			matching, err := b.MatchingRuns(t.Context(), by, isOwners, []string{b.insert("user:default/owner").String()})
			if err != nil || !matching[0] {
				return 0, err
			}
			return 1, nil
		}},
		"SampleRuns": {Expected: "none none yes yes none yes yes yes yes yes", Call: func(t *testing.T, by identity.Principal) (int, error) {
			t.Helper()
			b.insert("user:default/owner")
			count, _, err := b.SampleRuns(t.Context(), by, &isOwners, 1)
			return count, err
		}},
		"Run": about(func(t *testing.T, by identity.Principal, id string) error {
			t.Helper()
			_, err := b.Run(t.Context(), by, id)
			return err
		}, "no no yes yes no yes yes yes yes yes"),
		"Details": about(func(t *testing.T, by identity.Principal, id string) error {
			t.Helper()
			_, err := b.Details(t.Context(), by, id)
			return err
		}, "no no yes yes no yes yes yes yes yes"),
		"Events": about(func(t *testing.T, by identity.Principal, id string) error {
			t.Helper()
			_, err := b.Events(t.Context(), by, id, 0)
			return err
		}, "no no yes yes no yes yes yes yes yes"),
		"Retry": about(func(t *testing.T, by identity.Principal, id string) error {
			t.Helper()
			return b.Retry(t.Context(), by, id, scaffolder.Command{})
		}, "no no no yes no yes yes no yes yes"),
		"RollBack": about(func(t *testing.T, by identity.Principal, id string) error {
			t.Helper()
			return b.RollBack(t.Context(), by, id, scaffolder.Command{})
		}, "no no no yes no yes yes no yes yes"),
		"Cancel": about(func(t *testing.T, by identity.Principal, id string) error {
			t.Helper()
			return b.Cancel(t.Context(), by, id, scaffolder.Command{})
		}, "no no no yes no yes yes no yes yes"),
	})
}
