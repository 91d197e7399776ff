package bitbucketcloud_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit/bitbucketcloudtest"
	"github.com/portico-dev/portico/scaffolder/action"
)

const pullRequest = "publish:bitbucketCloud:pull-request"

func TestPullRequest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Write(t, workspace)
	output, err := b.run(t, pullRequest, proposal, values{"description": "Sells things", "gitAuthorName": "Ann", "gitAuthorEmail": "ann@example.com"})
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(output["pullRequestUrl"].(string), b.server.APIURL+"/repositories/acme/infrastructure/pullrequests/"), "it is the link of the API")
	require.Equal(t, []string{"infrastructure team/add-shop into main: Add the shop (Sells things) OPEN"}, b.server.Pulls())
	require.Equal(t, []string{
		"main: README.md=# Infrastructure", "main: old.txt=old",
		"team/add-shop: .gitignore=*.log", "team/add-shop: README.md=# Shop", "team/add-shop: old.txt=old", "team/add-shop: src/main.go=package main",
	}, b.server.Git.Files("infrastructure"), "the files of the workspace are put over those of the target branch")
	require.Equal(t, "Ann <ann@example.com> Sells things", b.server.Git.Git("infrastructure", "log", "-1", "--format=%an <%ae> %s", "team/add-shop"))
	require.NoError(t, b.RollBack(t.Context(), b.action(t, pullRequest)))
	require.Empty(t, b.server.Pulls())
	require.Equal(t, []string{"main"}, b.server.Git.Branches("infrastructure"))
}

func TestPullRequestOfABranchThatIsThere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Write(t, workspace)
	hers := b.server.Git.Commit("infrastructure", "team/add-shop", map[string]string{"hers": "hers"})
	_, err := b.run(t, pullRequest, proposal, values{"targetBranch": "main"})
	require.NoError(t, err)
	require.Len(t, b.server.Pulls(), 1)
	require.Equal(t, hers, b.server.Git.Tip("infrastructure", "team/add-shop"), "nothing is committed to it")
	require.NoError(t, b.RollBack(t.Context(), b.action(t, pullRequest)))
	require.Equal(t, hers, b.server.Git.Tip("infrastructure", "team/add-shop"))
}

func TestPullRequestWithAnAccessTokenIsUndoneWithIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Write(t, workspace)
	b.Secrets = map[string]string{"token": bitbucketcloudtest.AccessToken}
	_, err := b.run(t, pullRequest, proposal, values{"token": bitbucketcloudtest.AccessToken})
	require.NoError(t, err)
	for _, effect := range b.Ledger.All() {
		require.NotContains(t, string(effect.Data), bitbucketcloudtest.AccessToken)
	}
	require.NoError(t, b.RollBack(t.Context(), b.action(t, pullRequest)))
	require.Empty(t, b.server.Pulls())
}

func TestUndoOfPullRequests(t *testing.T) {
	t.Parallel()
	for use, begin := range map[string]func(*bitbucketcloudtest.Server){
		"it was merged":                       func(s *bitbucketcloudtest.Server) { s.EachPull(true) },
		"people have commented on it":         func(s *bitbucketcloudtest.Server) { s.EachPull(false) },
		"somebody has committed on top of it": func(s *bitbucketcloudtest.Server) { s.Git.Commit("infrastructure", "team/add-shop", nil) },
	} {
		t.Run(use, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.Write(t, workspace)
			_, err := b.run(t, pullRequest, proposal)
			require.NoError(t, err)
			begin(b.server)
			var used *action.InUseError
			require.ErrorAs(t, b.RollBack(t.Context(), b.action(t, pullRequest)), &used)
			require.Contains(t, used.Reason, use)
			require.NotEmpty(t, b.server.Git.Tip("infrastructure", "team/add-shop"))
		})
	}
}

func TestTheCommitOfAnEarlierAttemptStays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Write(t, workspace)
	_, err := b.run(t, pullRequest, proposal)
	require.NoError(t, err)
	before := b.server.Digest()
	b.Write(t, map[string]string{"README.md": "# Corrected\n"})
	_, err = b.run(t, pullRequest, proposal)
	require.NoError(t, err)
	require.Equal(t, before, b.server.Digest())
}

func TestPipeline(t *testing.T) {
	t.Parallel()
	b := setup(t)
	output, err := b.run(t, "bitbucket:pipelines:run", build, values{"body": values{
		"target": values{"ref_name": "main"}, "variables": []any{values{"key": "K", "value": "hush", "secured": true}},
	}})
	require.NoError(t, err)
	require.Equal(t, b.server.URL+"/acme/infrastructure", output["repoUrl"])
	require.Equal(t, b.server.URL+"/acme/infrastructure/pipelines", output["pipelinesUrl"])
	require.Positive(t, output["buildNumber"])
	require.NotContains(t, string(b.Ledger.All()[0].Data), "hush", "values of variables are not recorded")
}

func TestBranchRestriction(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		input values
		made  string
	}{
		"the defaults":  {values{"kind": "force", "branchMatchKind": nil, "pattern": nil}, "force branching_model development 1 [] []"},
		"of a pattern":  {nil, "delete glob release/* 1 [] []"},
		"with a number": {values{"kind": "require_approvals_to_merge", "value": 2}, "require_approvals_to_merge glob release/* 2 [] []"},
		"of pushes, but for some": {
			values{"kind": "push", "users": []any{values{"uuid": "{a-b}"}}, "groups": []any{values{"slug": "leads"}}},
			"push glob release/* <nil> [map[type:user uuid:{a-b}]] [map[slug:leads type:group]]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			input := values{}
			maps.Copy(input, restrict)
			maps.Copy(input, test.input)
			maps.DeleteFunc(input, func(_ string, value any) bool { return value == nil })
			output, err := b.run(t, "bitbucketCloud:branchRestriction:create", input)
			require.NoError(t, err)
			require.Equal(t, []string{test.made}, b.server.Restrictions())
			require.EqualValues(t, 201, output["statusCode"])
			require.Contains(t, output["json"], `"kind":"`+input["kind"].(string)+`"`)
		})
	}
}
