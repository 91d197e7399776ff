package gerrit_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/gerrit"
	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	gerrithost "github.com/portico-dev/portico/integration/gerrit"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/gerrittest"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

const (
	publish = "publish:gerrit"
	review  = "publish:gerrit:review"
)

type values map[string]any

// bundle is a Gerrit with the repository teams/infrastructure, the actions connected to it, and a place to run them at.
type bundle struct {
	*actiontest.Harness

	server  *gerrittest.Server
	options gerrit.Options
}

func setup(t testing.TB) *bundle {
	t.Helper()
	b := &bundle{Harness: actiontest.NewHarness(t), server: gerrittest.Start(t)}
	b.options = gerrit.Options{Hosts: b.hosts(t, gerrittest.Password), Author: gitpush.Author{Name: "Robot"}}
	b.server.AddRepository("teams/infrastructure")
	b.server.Git.Commit("teams/infrastructure", "master", map[string]string{"README.md": "# Infrastructure", "old.txt": "old"})
	return b
}

func (b *bundle) hosts(t testing.TB, password string) *integration.Set {
	t.Helper()
	set, err := forges.New(forges.Config{Gerrit: []gerrithost.Config{{
		Host: b.server.Host, BaseURL: b.server.URL, GitilesBaseURL: b.server.URL + "/plugins/gitiles", Username: gerrittest.Username, Password: password,
	}}}, integration.Options{})
	require.NoError(t, err)
	return set
}

func (b *bundle) action(t testing.TB, id string) action.Action {
	t.Helper()
	return recordedtest.ByID(t, gerrit.Actions(b.options), id)
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
	shop      = values{"repoUrl": "HOST?workspace=All-Projects&owner=shops&repo=teams%2Fshop", "description": "A shop"}
	proposal  = values{"repoUrl": "HOST?repo=teams%2Finfrastructure", "gitCommitMessage": "Add the shop"}
)

func TestActionsConform(t *testing.T) {
	t.Parallel()
	for id, test := range map[string]struct {
		input     values
		use, take func(*gerrittest.Server)
	}{
		publish: {
			shop, func(s *gerrittest.Server) { s.Git.Commit("teams/shop", "hers", nil) }, func(s *gerrittest.Server) { s.AddRepository("teams/shop") },
		},
		review: {proposal, func(s *gerrittest.Server) { s.EachChange(false) }, nil},
	} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
				t.Helper()
				b := setup(t)
				b.server.Inject(gate.Handler)
				fixture := actiontest.Fixture{
					Action: b.action(t, id), Input: b.encode(t, test.input), Files: workspace,
					State:  func(testing.TB) []string { return append(b.server.Repositories(), b.server.Changes()...) },
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
	b := setup(t)
	b.Write(t, workspace)
	output, err := b.run(t, publish, shop, values{"defaultBranch": "trunk", "sourcePath": "src", "gitCommitMessage": "Begin", "gitAuthorName": "Ann"})
	require.NoError(t, err)
	require.Equal(t, b.server.URL+"/a/teams/shop", output["remoteUrl"])
	require.Equal(t, b.server.URL+"/plugins/gitiles/teams/shop/+/refs/heads/trunk", output["repoContentsUrl"])
	require.Contains(t, b.server.Repositories(), "teams/shop (A shop, of All-Projects, by [shops]): trunk: main.go=package main")
	require.Regexp(t, `^Ann Begin\n\nChange-Id: I[0-9a-f]{40}$`, b.server.Git.Git("teams/shop", "log", "-1", "--format=%an %B", output["commitHash"].(string)))
	require.NotContains(t, b.Log.Text(), gerrittest.Password)

	b.server.RemovePlugin()
	var used *action.InUseError
	require.ErrorAs(t, b.RollBack(t.Context(), b.action(t, publish)), &used)
	require.Contains(t, used.Reason, "has no plugin delete-project")
}

func TestTheConfiguredMessageCountsFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.options.CommitMessage = "first commit"
	_, err := b.run(t, publish, shop, values{"gitCommitMessage": "Begin"})
	require.NoError(t, err)
	require.Equal(t, "first commit", b.server.Git.Git("teams/shop", "log", "-1", "--format=%s", "master"))
}

func TestReview(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Write(t, workspace)
	output, err := b.run(t, review, proposal)
	require.NoError(t, err)
	require.Regexp(t, `^`+b.server.URL+`/#/q/I[0-9a-f]{40}$`, output["reviewUrl"])
	require.Equal(t, b.server.URL+"/plugins/gitiles/teams/infrastructure/+/refs/heads/master", output["repoContentsUrl"])
	require.Equal(t, []string{"teams/infrastructure master: Add the shop NEW"}, b.server.Changes())
	require.Equal(t, "README.md\nold.txt\nsrc/main.go", b.server.Git.Git("teams/infrastructure", "ls-tree", "-r", "--name-only", "refs/changes/01/1/1"))
	require.NoError(t, b.RollBack(t.Context(), b.action(t, review)))
	require.Empty(t, b.server.Changes())
}

func TestAMergedChangeIsKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Write(t, workspace)
	_, err := b.run(t, review, proposal)
	require.NoError(t, err)
	b.server.EachChange(true)
	var used *action.InUseError
	require.ErrorAs(t, b.RollBack(t.Context(), b.action(t, review)), &used)
	require.Contains(t, used.Reason, "it was merged")
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		id    string
		input values
		says  string
		kind  fault.Kind
	}{
		"another host":  {publish, values{"repoUrl": "git.example?workspace=w&repo=b"}, "No matching integration configuration for host git.example", fault.Input},
		"no workspace":  {publish, values{"repoUrl": "HOST?repo=b"}, "missing workspace", fault.Input},
		"no such group": {publish, values{"repoUrl": "HOST?workspace=All-Projects&owner=nobody&repo=b"}, "Unable to create repository, 422 Unprocessable Entity, Group Not Found: nobody", fault.Input},
		"a path":        {publish, values{"repoUrl": "HOST?workspace=All-Projects&repo=a/../b"}, "is not a name", fault.Input},
		"signed":        {publish, values{"signCommit": true}, "Signing commits is enabled but no signing key is provided in the configuration", fault.Input},
		"no message":    {review, values{"gitCommitMessage": ""}, "Missing gitCommitMessage input", fault.Input},
		"no branch":     {review, values{"branch": "none"}, `branch "none" is not a branch of teams/infrastructure`, fault.Input},
		"no repository": {review, values{"repoUrl": "HOST?repo=none"}, "has no such repository, or hides it", fault.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			before := b.server.Digest()
			_, err := b.run(t, test.id, map[string]values{publish: shop, review: proposal}[test.id], test.input)
			require.ErrorContains(t, err, test.says)
			require.Equal(t, test.kind, fault.KindOf(err))
			require.False(t, action.IsTransient(err))
			require.NotContains(t, fmt.Sprint(err), gerrittest.Password)
			require.Equal(t, before, b.server.Digest())
		})
	}
}

func TestCredentialsAreRequired(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.options.Hosts = b.hosts(t, "")
	_, err := b.run(t, publish, shop)
	require.ErrorContains(t, err, "Credentials for Gerrit integration required for this action.")
	b.options.Hosts = b.hosts(t, "wrong")
	_, err = b.run(t, publish, shop)
	require.Equal(t, fault.Authentication, fault.KindOf(err))
}
