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
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/template"
	"github.com/portico-dev/portico/seal"
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
		//                            nobody stranger guest developer operator admin service restricted system
		"catalog:register": {`{}`: "no no no no yes yes yes no yes"},
		"publish:github": {
			`{"repoUrl":"github.com?owner=ACME&repo=shop"}`:  some,
			`{"repoUrl":"github.com?owner=other&repo=shop"}`: "no no no late yes yes yes no yes",
		},
	}
	// The actions that no condition names.
	for id := range strings.FieldsSeq(`
		argocd:create-resources
		azure:pipeline:create azure:pipeline:permit azure:pipeline:run azure:pr:create
		azure:repo:clone azure:repo:pr azure:repo:push azure:repository:clone azure:repository:push
		bitbucket:pipelines:run bitbucketCloud:branchRestriction:create
		callback:create callback:wait
		catalog:annotate catalog:fetch catalog:scaffolded-from catalog:template:version catalog:timestamping
		catalog:write
		cnoe:create-argocd-app cnoe:kubernetes:apply
		debug:log debug:wait
		deploy:kubernetes
		fetch:cookiecutter fetch:plain fetch:plain:file fetch:template fetch:template:file
		fs:delete fs:readdir fs:rename
		github:actions:dispatch github:autolinks:create github:branch-protection:create github:deployKey:create
		github:environment:create github:issues:create github:issues:label github:pages:enable
		github:pull-request:wait github:repo:create github:repo:push github:webhook
		gitlab:group:access gitlab:group:ensureExists gitlab:group:migrate gitlab:issue:edit gitlab:issues:create gitlab:pipeline:trigger
		gitlab:projectAccessToken:create gitlab:projectDeployToken:create gitlab:projectVariable:create
		gitlab:repo:push gitlab:user:info
		http:backstage:request
		jenkins:job:build jenkins:job:copy jenkins:job:create jenkins:job:destroy jenkins:job:disable jenkins:job:enable
		jira:create-ticket
		json:merge-file json:merge-files
		kube:apply kube:delete kube:job:wait
		kubernetes:apply kubernetes:create-namespace kubernetes:delete
		ms-teams:sendMessage
		notification:send
		pagerduty:service:create
		publish:azure publish:bitbucketCloud publish:bitbucketCloud:pull-request
		publish:azure publish:bitbucketCloud publish:bitbucketCloud:pull-request publish:bitbucketServer publish:bitbucketServer:pull-request
		publish:gerrit publish:gerrit:review
		publish:gitea publish:github:pull-request publish:gitlab publish:gitlab:merge-request
		quay:create-repository
		regex:replace
		roadiehq:aws:ecr:create roadiehq:aws:s3:cp roadiehq:aws:secrets-manager:create
		roadiehq:utils:fs:append roadiehq:utils:fs:parse roadiehq:utils:fs:replace roadiehq:utils:fs:write
		roadiehq:utils:json:merge roadiehq:utils:jsonata roadiehq:utils:jsonata:json:transform
		roadiehq:utils:jsonata:yaml:transform roadiehq:utils:merge roadiehq:utils:serialize:json
		roadiehq:utils:serialize:yaml roadiehq:utils:sleep roadiehq:utils:zip
		sentry:fetch:dsn sentry:project:create
		servicenow:now:table:createRecord servicenow:now:table:deleteRecord servicenow:now:table:modifyRecord
		servicenow:now:table:retrieveRecord servicenow:now:table:retrieveRecords servicenow:now:table:updateRecord
		slack:sendMessage:conversation slack:sendMessage:webhook
		sonarqube:create-project
		terasky:catalog-info-cleaner terasky:claim-template terasky:crd-template
		vault:create-namespace vault:write-secret
		workspace:template workspace:template:file
		yaml:merge
	`) {
		table[id] = map[string]string{`{}`: some}
	}
	actions := unconnected(t)
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

// unconnected are all actions, without anything that they act on.
func unconnected(t *testing.T) *action.Registry {
	t.Helper()
	p := &platform{config: &config.Config{}, keys: []seal.Key{seal.GenerateKey("test")}}
	actions, err := p.buildActions(expression.New(expression.Options{}))
	require.NoError(t, err)
	return actions
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
