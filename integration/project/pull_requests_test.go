package project_test

import (
	"testing"

	gogithub "github.com/google/go-github/v60/github"
	"github.com/stretchr/testify/require"
	gogitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/internal/testkit/gitlabtest"
	"github.com/portico-dev/portico/policy"
)

// propose opens a pull request on the forge.
func (b *bundle) propose(t *testing.T, branch string, draft bool) int {
	t.Helper()
	b.forge.Push(t, "demo/shop", branch, true, map[string]string{branch + ".txt": branch})
	pull, _, err := b.client.PullRequests.Create(t.Context(), "demo", "shop", &gogithub.NewPullRequest{Title: new("Add " + branch), Head: &branch, Base: new("main"), Draft: &draft})
	require.NoError(t, err)
	return pull.GetNumber()
}

// TestWhatReviewersSay on GitHub: the last word of each counts, and one who requests changes outweighs the others.
func TestWhatReviewersSay(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		reviews [][2]string
		state   integration.ReviewState
	}{
		"nothing":             {nil, integration.ReviewPending},
		"a comment":           {[][2]string{{"ann", "COMMENTED"}}, integration.ReviewPending},
		"an approval":         {[][2]string{{"ann", "APPROVED"}, {"ann", "COMMENTED"}}, integration.ReviewApproved},
		"changes":             {[][2]string{{"ann", "CHANGES_REQUESTED"}, {"ben", "APPROVED"}}, integration.ReviewChangesRequested},
		"changes, then good":  {[][2]string{{"ann", "CHANGES_REQUESTED"}, {"ann", "APPROVED"}}, integration.ReviewApproved},
		"a dismissed request": {[][2]string{{"ann", "CHANGES_REQUESTED"}, {"ann", "DISMISSED"}}, integration.ReviewPending},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, annotations{"github.com/project-slug": "demo/shop"})
			require.NoError(t, b.forge.AddUser("ben", "Ben"))
			number := b.propose(t, "one", false)
			for _, review := range test.reviews {
				require.NoError(t, b.forge.Review("demo", "shop", number, review[0], review[1]))
			}
			found, err := b.PullRequests(t.Context(), ada, shop)
			require.NoError(t, err)
			require.Equal(t, test.state, found.PullRequests[0].Review)
		})
	}
}

func TestThePullRequestsOfARepositoryOnGitHub(t *testing.T) {
	t.Parallel()
	b := setup(t, annotations{"github.com/project-slug": "demo/shop"})
	b.propose(t, "one", false)
	b.propose(t, "two", true)
	closed := b.propose(t, "three", false)
	_, _, err := b.client.PullRequests.Edit(t.Context(), "demo", "shop", closed, &gogithub.PullRequest{State: new("closed")})
	require.NoError(t, err)
	found, err := b.PullRequests(t.Context(), ada, shop)
	require.NoError(t, err)
	require.Empty(t, found.Problems)
	require.Len(t, found.PullRequests, 2)
	newest := found.PullRequests[0]
	require.Equal(t, []string{b.forge.Host, "Add two", "portico", "two", "main"}, []string{newest.Source, newest.Title, newest.Author, newest.Branch, newest.Target})
	require.True(t, newest.Draft)
	require.False(t, found.PullRequests[1].Draft)
	require.Contains(t, newest.URL, "/demo/shop/pull/")

	asked := b.asked.Load()
	b.serve(annotations{"github.com/project-slug": "demo/shop"}, policy.AllowKnown{})
	_, err = b.PullRequests(t.Context(), ada, shop)
	require.NoError(t, err)
	require.Equal(t, asked+1, b.asked.Load(), "the reviews of what has not changed are not read again")
}

func TestTheMergeRequestsOfAProjectOnGitLab(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		review func(*gitlabtest.Server)
		state  integration.ReviewState
	}{
		"nobody":   {func(*gitlabtest.Server) {}, integration.ReviewPending},
		"approved": {func(s *gitlabtest.Server) { s.Approve("acme/shop", gitlabtest.Ann) }, integration.ReviewApproved},
		"changes":  {func(s *gitlabtest.Server) { s.Approve("acme/shop", gitlabtest.Ann); s.RequestChanges("acme/shop") }, integration.ReviewChangesRequested},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, annotations{"gitlab.com/project-slug": "acme/shop"})
			b.lab.Commit("acme/shop", "add", gitlabtest.Ann, map[string]string{"a": "b"})
			_, _, err := b.lab.Client(t, gitlabtest.Token).MergeRequests.CreateMergeRequest("acme/shop",
				&gogitlab.CreateMergeRequestOptions{Title: new("Add it"), SourceBranch: new("add"), TargetBranch: new("main")})
			require.NoError(t, err)
			test.review(b.lab)
			found, err := b.PullRequests(t.Context(), ada, shop)
			require.NoError(t, err)
			require.Empty(t, found.Problems)
			require.Len(t, found.PullRequests, 1)
			pull := found.PullRequests[0]
			require.Equal(t, []string{b.lab.Host, "Add it", "portico", "add", "main"}, []string{pull.Source, pull.Title, pull.Author, pull.Branch, pull.Target})
			require.EqualValues(t, 1, pull.Number)
			require.Equal(t, test.state, pull.Review)
		})
	}
}
