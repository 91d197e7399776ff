package gitlab_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	client "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/activities/gitlab"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/gitlabtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// conformance is what the suite needs to know of one action.
type conformance struct {
	id        string
	input     string
	files     map[string]string
	use, take func(b *bundle)
	// alwaysSeen says that the token's user sees what the action creates: they own it.
	alwaysSeen bool
	// prepare changes the server before the action runs.
	prepare func(b *bundle)
	// wrap replaces the action.
	wrap func(b *bundle, tested action.Action) action.Action
}

var workspace = map[string]string{"README.md": "# Shop, changed\n", "src/main.go": "package main\n"}

// conformances have HOST, PROJECT and so on in their inputs.
var conformances = []conformance{
	{
		id: "publish:gitlab",
		input: `{"repoUrl":"HOST?owner=acme&repo=cart","ownerUsername":"ann","settings":{"description":"A cart","topics":["go"]},
			"branches":[{"name":"dev","create":true,"protect":true},{"name":"master","protect":true}],
			"projectVariables":[{"key":"KEY","value":"hunter2","masked":true}]}`,
		files: workspace,
		use:   func(b *bundle) { b.server.Commit("acme/cart", "master", gitlabtest.Ann, map[string]string{"a": "b"}) },
		take:  func(b *bundle) { b.server.AddProject("acme/cart", gitlabtest.Portico, nil) },
	},
	{
		id:    "publish:gitlab:merge-request",
		input: `{"repoUrl":"HOST?owner=acme&repo=shop","branchName":"add","title":"Add it","description":"All","assignee":"ann","reviewers":["ben"],"labels":["x"]}`,
		files: workspace,
		use:   func(b *bundle) { b.server.Commit("acme/shop", "add", gitlabtest.Ann, map[string]string{"a": "b"}) },
		take:  func(b *bundle) { b.server.Commit("acme/shop", "add", gitlabtest.Ann, map[string]string{"a": "b"}) },
	},
	{
		id:    "gitlab:repo:push",
		input: `{"repoUrl":"HOST?owner=acme&repo=shop","branchName":"add/it","commitMessage":"Add it"}`,
		files: workspace,
		use:   func(b *bundle) { b.server.Commit("acme/shop", "add/it", gitlabtest.Ann, map[string]string{"a": "b"}) },
	},
	{
		id:    "gitlab:repo:push",
		input: `{"repoUrl":"HOST?owner=acme&repo=shop","branchName":"main","commitMessage":"Add it","targetPath":"deploy"}`,
		files: workspace,
		use:   func(b *bundle) { b.server.Commit("acme/shop", "main", gitlabtest.Ann, map[string]string{"a": "b"}) },
	},
	{
		id:    "gitlab:projectVariable:create",
		input: `{"repoUrl":"HOST?owner=acme&repo=shop","projectId":PROJECT,"key":"KEY","value":"hunter2","variableType":"env_var","environmentScope":"production"}`,
		take: func(b *bundle) {
			scope, key, value := "production", "KEY", "theirs"
			_, _, err := b.client(gitlabtest.Token).ProjectVariables.CreateVariable("acme/shop",
				&client.CreateProjectVariableOptions{Key: &key, Value: &value, EnvironmentScope: &scope})
			require.NoError(b.t, err)
		},
	},
	{
		id:    "gitlab:projectAccessToken:create",
		input: `{"repoUrl":"HOST?owner=acme&repo=shop","projectId":"acme/shop","name":"robot","scopes":["api"],"accessLevel":30}`,
		prepare: func(b *bundle) {
			name := "robot"
			_, _, err := b.client(gitlabtest.Token).ProjectAccessTokens.CreateProjectAccessToken("acme/shop",
				&client.CreateProjectAccessTokenOptions{Name: &name})
			require.NoError(b.t, err)
		},
		wrap: func(b *bundle, tested action.Action) action.Action { return tokenChecked{tested, b, "access_token"} },
	},
	{
		id:    "gitlab:projectDeployToken:create",
		input: `{"repoUrl":"HOST?owner=acme&repo=shop","projectId":"acme/shop","name":"cluster","scopes":["read_registry"],"username":"cluster"}`,
		wrap:  func(b *bundle, tested action.Action) action.Action { return tokenChecked{tested, b, "deploy_token"} },
	},
	{
		id:         "gitlab:group:ensureExists",
		input:      `{"repoUrl":"HOST","path":["acme","teams",{"name":"The shops","slug":"shops"}],"description":"Teams"}`,
		use:        func(b *bundle) { b.server.AddProject("acme/teams/shops/one", gitlabtest.Ann, nil) },
		alwaysSeen: true,
	},
	{
		id:      "gitlab:group:access",
		input:   `{"repoUrl":"HOST","path":"acme","userIds":[2,3],"accessLevel":"maintainer"}`,
		prepare: func(b *bundle) { b.server.SetMember("acme", gitlabtest.Ben, 10) },
		use:     func(b *bundle) { b.server.SetMember("acme", gitlabtest.Ben, 20) },
	},
	{
		id:    "gitlab:group:access",
		input: `{"repoUrl":"HOST","path":"acme","groupIds":[GROUP],"accessLevel":40}`,
	},
	{
		id:      "gitlab:group:access",
		input:   `{"repoUrl":"HOST","path":"acme","userIds":[2],"action":"remove"}`,
		prepare: func(b *bundle) { b.server.SetMember("acme", gitlabtest.Ann, 30) },
		use:     func(b *bundle) { b.server.SetMember("acme", gitlabtest.Ann, 20) },
	},
	{
		id: "gitlab:group:migrate",
		input: `{"destinationUrl":"HOST?owner=acme&repo=cart","destinationAccessToken":"token-of-portico","sourceUrl":"https://gitlab.example","sourceFullPath":"old/cart",
			"sourceAccessToken":"token-of-ann","wait":true}`,
		use:  func(b *bundle) { b.server.Commit("acme/cart", "main", gitlabtest.Ann, map[string]string{"a": "b"}) },
		take: func(b *bundle) { b.server.AddProject("acme/cart", gitlabtest.Portico, nil) },
	},
	{
		id:    "gitlab:pipeline:trigger",
		input: `{"repoUrl":"HOST?owner=acme&repo=shop","projectId":PROJECT,"tokenDescription":"portico","branch":"main","variables":{"A":"1"}}`,
		use:   func(b *bundle) { b.server.Finish("acme/shop") },
	},
	{
		id:      "gitlab:issues:create",
		input:   `{"repoUrl":"HOST?owner=acme&repo=shop","title":"Plan it","description":"All","labels":"a,b","assignees":[2]}`,
		prepare: func(b *bundle) { b.server.AddIssue("acme/shop", "Plan it", gitlabtest.Portico) },
		use:     func(b *bundle) { b.server.Discuss("acme/shop") },
	},
	{
		id: "gitlab:issue:edit",
		input: `{"repoUrl":"HOST?owner=acme&repo=shop","projectId":PROJECT,"issueIid":1,"title":"New","addLabels":"x,y","removeLabels":"old",
			"assignees":[2],"description":"Other","stateEvent":"reopen"}`,
		prepare: func(b *bundle) {
			b.server.AddIssue("acme/shop", "Old", gitlabtest.Ann)
			b.server.EditIssue("acme/shop", 1, func(one *client.Issue) { one.Labels = client.Labels{"old"} })
		},
		use: func(b *bundle) {
			b.server.EditIssue("acme/shop", 1, func(one *client.Issue) { one.Title = "Newest" })
		},
	},
	{id: "gitlab:user:info", input: `{"repoUrl":"HOST","userId":2}`},
}

func TestActionsConform(t *testing.T) {
	t.Parallel()
	for n, tested := range conformances {
		t.Run(fmt.Sprintf("%d %s", n, tested.id), func(t *testing.T) {
			t.Parallel()
			actiontest.Conform(t, tested.fixture)
		})
	}
}

func (c conformance) fixture(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
	t.Helper()
	b := setup(t)
	other := b.server.AddGroup("other", gitlabtest.Ben)
	if c.prepare != nil {
		c.prepare(b)
	}
	serve := func(*http.Request) gitlabtest.Fault { return gate.Serve }
	b.server.Inject(serve)
	fixture := actiontest.Fixture{
		Action: b.action(t, c.id), Files: c.files, Secrets: map[string]string{"destinationToken": gitlabtest.Token},
		Input: replace(c.input, "HOST", b.server.Host, "PROJECT", fmt.Sprint(b.project), "GROUP", fmt.Sprint(other)),
	}
	if c.wrap != nil {
		fixture.Action = c.wrap(b, fixture.Action)
	}
	if fixture.Action.Describe().Undoes == "" {
		return fixture
	}
	fixture.State = func(testing.TB) []string { return slices.Concat(b.server.Projects(), b.server.Groups()) }
	fixture.Digest = b.server.Digest
	if !c.alwaysSeen {
		fixture.Hide = func(testing.TB) (show func()) { return b.hide() }
	}
	if c.use != nil {
		fixture.Use = func(testing.TB) { c.use(b) }
	}
	if c.take != nil {
		fixture.Take = func(testing.TB) { c.take(b) }
	}
	return fixture
}

// hide takes the token's user out of the group: GitLab answers 404 to everything in it.
func (b *bundle) hide() (show func()) {
	b.server.SetMember("acme", gitlabtest.Portico, 0)
	return func() { b.server.SetMember("acme", gitlabtest.Portico, 50) }
}

func replace(text string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(text) }

// tokenChecked is an action whose output says whether the token that it has is valid, in place of the token:
// each attempt issues another one.
type tokenChecked struct {
	action.Action

	b      *bundle
	output string
}

// Run runs the action.
func (c tokenChecked) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	output, err := c.Action.Run(ctx, call)
	if err == nil {
		secret, _ := output[c.output].(string)
		output[c.output] = fmt.Sprintf("valid: %t", c.b.server.Accepts("acme/shop", secret))
	}
	return output, err
}

func TestActionsAreDescribed(t *testing.T) {
	t.Parallel()
	actiontest.RequireDescriptions(t, gitlab.Actions(gitlab.Options{}))
}
