package gitea_test

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/gitea"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	giteahost "github.com/portico-dev/portico/integration/gitea"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/apitest"
	"github.com/portico-dev/portico/internal/testkit/giteatest"
	"github.com/portico-dev/portico/scaffolder/action"
)

type values map[string]any

// bundle is a Gitea, and a run of the action.
type bundle struct {
	*actiontest.Harness

	server *giteatest.Server
	action action.Action
	input  values
}

var workspace = map[string]string{"README.md": "# Shop\n", "src/main.go": "package main\n"}

func setup(t testing.TB, input values) *bundle {
	t.Helper()
	b := &bundle{Harness: actiontest.NewHarness(t), server: giteatest.Start(t)}
	b.action = connect(t, b.server, giteatest.Password)
	b.input = values{"repoUrl": b.server.Host + "?owner=demo&repo=shop", "description": "A shop"}
	maps.Copy(b.input, input)
	b.Write(t, workspace)
	return b
}

func connect(t testing.TB, server *giteatest.Server, password string) action.Action {
	t.Helper()
	hosts, err := forges.New(forges.Config{
		Gitea: []giteahost.Config{{Host: server.Host, BaseURL: server.URL, Username: giteatest.Account, Password: password}},
	}, integration.Options{})
	require.NoError(t, err)
	return gitea.Actions(gitea.Options{Hosts: hosts, Author: gitea.Author{Name: "Robot"}})[0]
}

func (b *bundle) run(t testing.TB) (action.Output, error) {
	t.Helper()
	return b.Run(t, b.action, actiontest.Input(t, b.input))
}

func TestPublishConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		b := setup(t, values{"repoVisibility": "private", "defaultBranch": "trunk"})
		b.server.Inject(gate.Handler)
		return actiontest.Fixture{
			Action: b.action, Input: actiontest.Input(t, b.input), Files: workspace,
			State:  func(testing.TB) []string { return b.server.Repositories() },
			Digest: func(testing.TB) string { return b.server.Digest() },
			Use:    func(testing.TB) { b.server.Open("demo", "shop", "It leaks") },
			Take:   func(testing.TB) { b.server.Create("demo", "shop") },
			Hide:   func(testing.TB) (show func()) { return b.server.Hide() },
		}
	})
}

func TestPublish(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		input         values
		remote, pages string
		state         string
	}{
		"defaults":    {nil, "/demo/shop.git", "/demo/shop/src/branch/main/", "demo/shop|A shop|public|main|1|"},
		"no owner":    {values{"repoUrl": "HOST?repo=mine"}, "/portico/mine.git", "/portico/mine/src/branch/main/", "portico/mine|A shop|public|main|1|"},
		"the account": {values{"repoUrl": "HOST?owner=portico&repo=mine"}, "/portico/mine.git", "/portico/mine/src/branch/main/", "portico/mine|A shop|public|main|1|"},
		"everything": {
			values{"repoVisibility": "private", "defaultBranch": "team/one", "sourcePath": "./src", "gitCommitMessage": "Begin", "gitAuthorName": "Ann",
				"gitAuthorEmail": "ann@example.com", "signCommit": false},
			"/demo/shop.git", "/demo/shop/src/branch/team/one/", "demo/shop|A shop|private|team/one|1|",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, test.input)
			b.input["repoUrl"] = strings.ReplaceAll(b.input["repoUrl"].(string), "HOST", b.server.Host)
			output, err := b.run(t)
			require.NoError(t, err)
			require.Equal(t, b.server.URL+test.remote, output["remoteUrl"])
			require.Equal(t, b.server.URL+test.pages, output["repoContentsUrl"])
			require.Len(t, output["commitHash"], 40)
			require.Equal(t, []string{test.state}, b.server.Repositories())
			require.NotContains(t, b.Log.Text(), giteatest.Password)
			require.NoError(t, b.RollBack(t.Context(), b.action))
			require.Empty(t, b.server.Repositories())
		})
	}
}

func TestUndoKeepsWhatOthersUse(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	_, err := b.run(t)
	require.NoError(t, err)
	b.server.Branch("demo", "shop", "hers")
	var used *action.InUseError
	require.ErrorAs(t, b.RollBack(t.Context(), b.action), &used)
	require.Contains(t, used.Reason, b.server.URL+"/demo/shop was left alone: it has the branch hers")
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	answer := func(status int) apitest.Wrap { return apitest.Refuse(http.MethodPost, "/", status, `{"message":"no"}`) }
	for name, test := range map[string]struct {
		input       values
		wrap        apitest.Wrap
		says        string
		kind        fault.Kind
		isTransient bool
	}{
		"unknown host":    {values{"repoUrl": "git.example?owner=a&repo=b"}, nil, "No matching integration configuration for host git.example", fault.Input, false},
		"no organization": {values{"repoUrl": "HOST?owner=none&repo=b"}, nil, "Organization none do not exist. Please create it first !", fault.NotFound, false},
		"branch":          {values{"defaultBranch": "a..b"}, nil, `defaultBranch "a..b"`, fault.Input, false},
		"signed":          {values{"signCommit": true}, nil, "Signing commits is enabled but no signing key is provided in the configuration", fault.Input, false},
		"source":          {values{"sourcePath": "../x"}, nil, `sourcePath "../x"`, fault.Input, false},
		"forbidden":       {nil, answer(403), "creating the repository demo/shop: HOST answered 403: no", fault.NotAllowed, false},
		"not well":        {nil, answer(500), "creating the repository demo/shop: HOST answered 500: no", "", true},
		"busy":            {nil, answer(429), "HOST answered 429", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, test.input)
			b.server.Inject(test.wrap)
			b.input["repoUrl"] = strings.ReplaceAll(b.input["repoUrl"].(string), "HOST", b.server.Host)
			_, err := b.run(t)
			require.ErrorContains(t, err, strings.ReplaceAll(test.says, "HOST", b.server.Host))
			require.Equal(t, test.kind, fault.KindOf(err))
			require.Equal(t, test.isTransient, action.IsTransient(err))
			require.NotContains(t, fmt.Sprint(err), giteatest.Password)
			require.Empty(t, b.server.Repositories())
		})
	}
}

func TestCredentialsAreRequired(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.action = connect(t, b.server, "")
	_, err := b.run(t)
	require.ErrorContains(t, err, "Credentials for Gitea integration required for this action.")
	require.Contains(t, action.Advice(err), "integrations.gitea")
	b.action = connect(t, b.server, "wrong")
	_, err = b.run(t)
	require.Equal(t, fault.Authentication, fault.KindOf(err))
}
