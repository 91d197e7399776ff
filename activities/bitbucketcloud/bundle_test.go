package bitbucketcloud_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/bitbucketcloud"
	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/integration"
	cloudhost "github.com/portico-dev/portico/integration/bitbucketcloud"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/bitbucketcloudtest"
	"github.com/portico-dev/portico/internal/testkit/recordedtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

type values map[string]any

// bundle is a Bitbucket with the repository infrastructure, the actions connected to it, and a place to run them at.
type bundle struct {
	*actiontest.Harness

	server  *bitbucketcloudtest.Server
	options bitbucketcloud.Options
}

func setup(t testing.TB) *bundle {
	t.Helper()
	server := bitbucketcloudtest.Start(t)
	b := &bundle{Harness: actiontest.NewHarness(t), server: server}
	b.options = bitbucketcloud.Options{
		Hosts:  b.hosts(t, cloudhost.Config{Username: bitbucketcloudtest.Username, AppPassword: bitbucketcloudtest.AppPassword}),
		Author: gitpush.Author{Name: "Robot"}, CommitMessage: "first commit",
	}
	server.AddRepository("infrastructure")
	server.Git.Commit("infrastructure", "main", map[string]string{"README.md": "# Infrastructure", "old.txt": "old"})
	return b
}

// hosts is the server as bitbucket.org, where pipelines run, and by its own name.
func (b *bundle) hosts(t testing.TB, credentials cloudhost.Config) *integration.Set {
	t.Helper()
	credentials.BaseURL, credentials.APIBaseURL = b.server.URL, b.server.APIURL
	set, err := forges.New(forges.Config{BitbucketCloud: []cloudhost.Config{credentials}}, integration.Options{})
	require.NoError(t, err)
	return set
}

func (b *bundle) action(t testing.TB, id string) action.Action {
	t.Helper()
	return recordedtest.ByID(t, bitbucketcloud.Actions(b.options), id)
}

func (b *bundle) run(t testing.TB, id string, inputs ...values) (action.Output, error) {
	t.Helper()
	return b.Run(t, b.action(t, id), actiontest.Input(t, inputs...))
}

// state is what the actions create: repositories, pull requests, pipelines and restrictions.
func (b *bundle) state(testing.TB) []string {
	listed := b.server.Repositories()
	for _, more := range [][]string{b.server.Pulls(), b.server.Pipelines(), b.server.Restrictions()} {
		listed = append(listed, more...)
	}
	return listed
}

// conform holds an action to the contract of package action.
func conform(t *testing.T, id string, input values, complete func(*bundle, *actiontest.Fixture)) {
	t.Helper()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		b := setup(t)
		fixture := actiontest.Fixture{
			Action: b.action(t, id), Input: actiontest.Input(t, input), State: b.state,
			Digest: func(testing.TB) string { return b.server.Digest() },
			Hide:   func(testing.TB) (show func()) { return b.server.Hide() },
		}
		complete(b, &fixture)
		b.server.Inject(gate.Handler)
		return fixture
	})
}

var (
	workspace = map[string]string{"README.md": "# Shop\n", "src/main.go": "package main\n", ".gitignore": "*.log\n", "a.log": "noise"}
	shop      = values{"repoUrl": "bitbucket.org?workspace=acme&project=WEB&repo=shop", "defaultBranch": "trunk"}
	proposal  = values{"repoUrl": "bitbucket.org?workspace=acme&project=WEB&repo=infrastructure", "title": "Add the shop", "sourceBranch": "team/add-shop"}
	build     = values{"workspace": "acme", "repo_slug": "infrastructure", "body": values{"target": values{"ref_name": "main"}}}
	restrict  = values{
		"repoUrl": "bitbucket.org?workspace=acme&project=WEB&repo=infrastructure", "kind": "delete", "branchMatchKind": "glob", "pattern": "release/*",
	}
)

func TestActionsConform(t *testing.T) {
	t.Parallel()
	t.Run("publish:bitbucketCloud", func(t *testing.T) {
		t.Parallel()
		conform(t, "publish:bitbucketCloud", shop, func(b *bundle, fixture *actiontest.Fixture) {
			fixture.Files = workspace
			fixture.Use = func(testing.TB) { b.server.Git.Commit("shop", "hers", map[string]string{"a": "b"}) }
			fixture.Take = func(testing.TB) { b.server.AddRepository("shop") }
		})
	})
	t.Run("publish:bitbucketCloud:pull-request", func(t *testing.T) {
		t.Parallel()
		conform(t, "publish:bitbucketCloud:pull-request", proposal, func(b *bundle, fixture *actiontest.Fixture) {
			fixture.Files = workspace
			fixture.Use = func(testing.TB) { b.server.EachPull(false) }
		})
	})
	t.Run("bitbucket:pipelines:run", func(t *testing.T) {
		t.Parallel()
		conform(t, "bitbucket:pipelines:run", build, func(b *bundle, fixture *actiontest.Fixture) {
			b.server.RunPipeline("infrastructure")
			fixture.Use = func(testing.TB) { b.server.EndPipelines("SUCCESSFUL") }
		})
	})
	t.Run("bitbucketCloud:branchRestriction:create", func(t *testing.T) {
		t.Parallel()
		conform(t, "bitbucketCloud:branchRestriction:create", restrict, func(b *bundle, fixture *actiontest.Fixture) {
			b.server.AddRestriction("other/*")
			fixture.Use = func(testing.TB) { b.server.ChangeRestrictions("interns") }
			fixture.Take = func(testing.TB) { b.server.AddRestriction("release/*") }
		})
	})
}

// beginning is the first of the texts that begins with a prefix, "" when none does.
func beginning(texts []string, prefix string) string {
	for _, text := range texts {
		if strings.HasPrefix(text, prefix) {
			return text
		}
	}
	return ""
}
