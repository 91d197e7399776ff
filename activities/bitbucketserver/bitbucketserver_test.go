package bitbucketserver_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/bitbucketserver"
	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	serverhost "github.com/portico-dev/portico/integration/bitbucketserver"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/apitest"
	"github.com/portico-dev/portico/internal/testkit/bitbucketservertest"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

const (
	publish     = "publish:bitbucketServer"
	pullRequest = "publish:bitbucketServer:pull-request"
)

type values map[string]any

// bundle is a Bitbucket Server with the repository infrastructure, the actions connected to it, and a place to run them
// at.
type bundle struct {
	*actiontest.Harness

	server  *bitbucketservertest.Server
	options bitbucketserver.Options
}

func setup(t testing.TB) *bundle {
	t.Helper()
	b := &bundle{Harness: actiontest.NewHarness(t), server: bitbucketservertest.Start(t)}
	b.options = bitbucketserver.Options{Hosts: b.hosts(t, bitbucketservertest.Token), Author: gitpush.Author{Name: "Robot"}, CommitMessage: "first commit"}
	b.server.AddRepository("infrastructure")
	b.server.Git.Commit("infrastructure", "main", map[string]string{"README.md": "# Infrastructure", "old.txt": "old"})
	return b
}

func (b *bundle) hosts(t testing.TB, token string) *integration.Set {
	t.Helper()
	set, err := forges.New(forges.Config{BitbucketServer: []serverhost.Config{{Host: b.server.Host, APIBaseURL: b.server.APIURL, Token: token}}}, integration.Options{})
	require.NoError(t, err)
	return set
}

func (b *bundle) action(t testing.TB, id string) action.Action {
	t.Helper()
	return recordedtest.ByID(t, bitbucketserver.Actions(b.options), id)
}

// run runs an action with the later inputs over the earlier. HOST in them is the server.
func (b *bundle) run(t testing.TB, id string, inputs ...values) (action.Output, error) {
	t.Helper()
	return b.Run(t, b.action(t, id), b.encode(t, inputs...))
}

func (b *bundle) encode(t testing.TB, inputs ...values) string {
	t.Helper()
	return strings.ReplaceAll(actiontest.Input(t, inputs...), "HOST", b.server.Host)
}

var (
	workspace = map[string]string{"README.md": "# Shop\n", "src/main.go": "package main\n"}
	shop      = values{"repoUrl": "HOST?project=WEB&repo=shop", "defaultBranch": "trunk"}
	proposal  = values{"repoUrl": "HOST?project=WEB&repo=infrastructure", "title": "Add the shop", "sourceBranch": "add-shop"}
)

func TestActionsConform(t *testing.T) {
	t.Parallel()
	for id, test := range map[string]struct {
		input     values
		use, take func(*bitbucketservertest.Server)
	}{
		publish: {
			shop, func(s *bitbucketservertest.Server) { s.Git.Commit("shop", "hers", nil) },
			func(s *bitbucketservertest.Server) { s.AddRepository("shop") },
		},
		pullRequest: {proposal, func(s *bitbucketservertest.Server) { s.EachPull(false) }, nil},
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
				t.Helper()
				b := setup(t)
				b.server.Inject(gate.Handler)
				fixture := actiontest.Fixture{
					Action: b.action(t, id), Input: b.encode(t, test.input), Files: workspace,
					State:  func(testing.TB) []string { return append(b.server.Repositories(), b.server.Pulls()...) },
					Digest: func(testing.TB) string { return b.server.Digest() },
					Use:    func(testing.TB) { test.use(b.server) },
					Hide:   func(testing.TB) (show func()) { return b.server.Hide() },
				}
				if test.take != nil {
					fixture.Take = func(testing.TB) { test.take(b.server) }
				}
				return fixture
			})
		})
	}
}

func TestPublish(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		input values
		state string
	}{
		"all of the workspace": {nil, "shop (, public false, LFS false): trunk: README.md=# Shop | trunk: src/main.go=package main"},
		"everything": {
			values{
				"description": "A shop", "repoVisibility": "public", "defaultBranch": "master", "sourcePath": "./src", "enableLFS": true, "gitCommitMessage": "Begin",
				"gitAuthorName": "Ann", "gitAuthorEmail": "ann@example.com", "signCommit": false, "token": bitbucketservertest.Token,
			},
			"shop (A shop, public true, LFS true): master: main.go=package main",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.Write(t, workspace)
			output, err := b.run(t, publish, shop, test.input)
			require.NoError(t, err)
			require.Equal(t, b.server.URL+"/scm/WEB/shop.git", output["remoteUrl"])
			require.Equal(t, b.server.URL+"/projects/WEB/repos/shop/browse", output["repoContentsUrl"])
			require.Len(t, output["commitHash"], 40)
			require.Contains(t, b.server.Repositories(), test.state)
			require.NotContains(t, b.Log.Text(), bitbucketservertest.Token)
			require.NoError(t, b.RollBack(t.Context(), b.action(t, publish)))
			require.Len(t, b.server.Repositories(), 1)
		})
	}
}

func TestPullRequest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Write(t, workspace)
	output, err := b.run(t, pullRequest, proposal, values{"description": "Sells things", "reviewers": []string{"ann", "ben"}})
	require.NoError(t, err)
	require.Contains(t, output["pullRequestUrl"], b.server.URL+"/projects/WEB/repos/infrastructure/pull-requests/")
	require.Equal(t, []string{"infrastructure refs/heads/add-shop into refs/heads/main: Add the shop (Sells things) OPEN [ann ben]"}, b.server.Pulls())
	require.Equal(t, []string{
		"add-shop: README.md=# Shop", "add-shop: old.txt=old", "add-shop: src/main.go=package main", "main: README.md=# Infrastructure", "main: old.txt=old",
	}, b.server.Git.Files("infrastructure"))
	require.NoError(t, b.RollBack(t.Context(), b.action(t, pullRequest)))
	require.Empty(t, b.server.Pulls())
	require.Equal(t, []string{"main"}, b.server.Git.Branches("infrastructure"))
}

func TestPullRequestOfABranchThatIsThere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Write(t, workspace)
	hers := b.server.Git.Commit("infrastructure", "add-shop", map[string]string{"hers": "hers"})
	_, err := b.run(t, pullRequest, proposal)
	require.NoError(t, err)
	require.Len(t, b.server.Pulls(), 1)
	require.Equal(t, hers, b.server.Git.Tip("infrastructure", "add-shop"), "nothing is committed to it")
	require.NoError(t, b.RollBack(t.Context(), b.action(t, pullRequest)))
	require.Equal(t, hers, b.server.Git.Tip("infrastructure", "add-shop"))
}

func TestUndoKeepsWhatOthersUse(t *testing.T) {
	t.Parallel()
	for use, test := range map[string]struct {
		id    string
		input values
		begin func(*bitbucketservertest.Server)
	}{
		"it was forked":               {publish, shop, func(s *bitbucketservertest.Server) { s.Fork("shop") }},
		"it was moved to HERS/shop":   {publish, shop, func(s *bitbucketservertest.Server) { s.Move("shop", "HERS") }},
		"it was merged":               {pullRequest, proposal, func(s *bitbucketservertest.Server) { s.EachPull(true) }},
		"people have commented on it": {pullRequest, proposal, func(s *bitbucketservertest.Server) { s.EachPull(false) }},
		"somebody has committed on top of it": {
			pullRequest, proposal, func(s *bitbucketservertest.Server) { s.Git.Commit("infrastructure", "add-shop", nil) },
		},
	} {
		t.Run(use, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.Write(t, workspace)
			_, err := b.run(t, test.id, test.input)
			require.NoError(t, err)
			test.begin(b.server)
			var used *action.InUseError
			require.ErrorAs(t, b.RollBack(t.Context(), b.action(t, test.id)), &used)
			require.Contains(t, used.Reason, use)
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	answer := func(method string, status int) apitest.Wrap {
		return apitest.Refuse(method, "/rest/", status, `{"errors":[{"message":"no"}]}`)
	}
	for name, test := range map[string]struct {
		id          string
		input       values
		wrap        apitest.Wrap
		says        string
		kind        fault.Kind
		isTransient bool
	}{
		"another host":    {publish, values{"repoUrl": "git.example?project=p&repo=b"}, nil, "No matching integration configuration for host git.example", fault.Input, false},
		"no project":      {publish, values{"repoUrl": "HOST?repo=b"}, nil, "missing project", fault.Input, false},
		"another project": {publish, values{"repoUrl": "HOST?project=NO&repo=b"}, nil, "Unable to create repository, 404 Not Found, Project NO does not exist.", fault.NotFound, false},
		"a path":          {publish, values{"repoUrl": "HOST?project=WEB&repo=a/../b"}, nil, "is not a name", fault.Input, false},
		"signed":          {publish, values{"signCommit": true}, nil, "Signing commits is enabled but no signing key is provided in the configuration", fault.Input, false},
		"a wrong token":   {publish, values{"token": "wrong"}, nil, "HOST answered 401: Authentication failed.", fault.Authentication, false},
		"forbidden":       {publish, nil, answer(http.MethodPost, 403), "Unable to create repository, 403 Forbidden, no", fault.NotAllowed, false},
		"not well":        {publish, nil, answer(http.MethodPost, 503), "creating the repository WEB/shop: HOST answered 503: no", "", true},
		"no LFS":          {publish, values{"enableLFS": true}, answer(http.MethodPut, 404), "Failed to enable LFS in the repository, 404 Not Found, no", fault.NotFound, false},
		"no target":       {pullRequest, values{"targetBranch": "none"}, nil, "Target branch 'none' not found in repository WEB/infrastructure.", fault.Input, false},
		"no branches":     {pullRequest, nil, answer(http.MethodPost, 403), "Unable to create branch, 403 Forbidden, no", fault.NotAllowed, false},
		"no reviewer":     {pullRequest, values{"reviewers": []string{"nobody"}}, nil, "Unable to create pull requests, 409 Conflict, Errors encountered while adding some reviewers", fault.Conflict, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.Write(t, workspace)
			b.server.Inject(test.wrap)
			_, err := b.run(t, test.id, map[string]values{publish: shop, pullRequest: proposal}[test.id], test.input)
			require.ErrorContains(t, err, strings.ReplaceAll(test.says, "HOST", b.server.Host))
			require.Equal(t, test.kind, fault.KindOf(err))
			require.Equal(t, test.isTransient, action.IsTransient(err))
			require.NotContains(t, fmt.Sprint(err), bitbucketservertest.Token)
		})
	}
}

func TestCredentialsAreRequired(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.options.Hosts = b.hosts(t, "")
	_, err := b.run(t, publish, shop)
	require.ErrorContains(t, err, "Authorization has not been provided for "+b.server.Host)
	require.Contains(t, action.Advice(err), "integrations.bitbucketServer")
}
