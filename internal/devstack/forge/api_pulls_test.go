package forge_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-github/v60/github"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit/forgetest"
)

// commitOn makes a commit of one file on top of main by the API, and a branch that leads to it.
func commitOn(t *testing.T, client *github.Client, branch, path, content string) string {
	t.Helper()
	ctx := t.Context()
	main, _, err := client.Git.GetRef(ctx, "demo", "shop", "heads/main")
	require.NoError(t, err)
	parent, _, err := client.Git.GetCommit(ctx, "demo", "shop", main.GetObject().GetSHA())
	require.NoError(t, err)
	tree, _, err := client.Git.CreateTree(ctx, "demo", "shop", parent.GetTree().GetSHA(), []*github.TreeEntry{
		{Path: &path, Mode: new("100644"), Content: &content},
	})
	require.NoError(t, err)
	made, _, err := client.Git.CreateCommit(ctx, "demo", "shop", &github.Commit{
		Message: new("Add " + path), Tree: tree, Parents: []*github.Commit{{SHA: parent.SHA}},
		Author: &github.CommitAuthor{Name: new("Ann"), Email: new("ann@example.com")},
	}, nil)
	require.NoError(t, err)
	_, _, err = client.Git.CreateRef(ctx, "demo", "shop", &github.Reference{
		Ref: new("refs/heads/" + branch), Object: &github.GitObject{SHA: made.SHA},
	})
	require.NoError(t, err)
	return made.GetSHA()
}

func TestGitDataOfARepository(t *testing.T) {
	t.Parallel()
	server := forgetest.Start(t)
	client, ctx := clientOf(t, server, server.Token()), t.Context()
	publishShop(t, server)

	blob, _, err := client.Git.CreateBlob(ctx, "demo", "shop", &github.Blob{Content: new("/wA="), Encoding: new("base64")})
	require.NoError(t, err)
	raw, _, err := client.Git.GetBlobRaw(ctx, "demo", "shop", blob.GetSHA())
	require.NoError(t, err)
	require.Equal(t, "\xff\x00", string(raw))
	base, _, err := client.Git.GetTree(ctx, "demo", "shop", "main", false)
	require.NoError(t, err)
	tree, _, err := client.Git.CreateTree(ctx, "demo", "shop", base.GetSHA(), []*github.TreeEntry{
		{Path: new("bin/run"), Mode: new("100755"), SHA: blob.SHA}, {Path: new("link"), Mode: new("120000"), Content: new("bin/run")},
		{Path: new("docs/a b.md"), Mode: new("100644")},
	})
	require.NoError(t, err)
	whole, _, err := client.Git.GetTree(ctx, "demo", "shop", tree.GetSHA(), true)
	require.NoError(t, err)
	modes := map[string]string{}
	for _, entry := range whole.Entries {
		modes[entry.GetPath()] = entry.GetMode()
	}
	require.Equal(t, map[string]string{
		".gitignore": "100644", "bin": "040000", "bin/run": "100755", "catalog-info.yaml": "100644", "link": "120000",
	}, modes)
	for name, entry := range map[string]*github.TreeEntry{
		"tree.path cannot start":        {Path: new("/a"), Mode: new("100644"), SHA: blob.SHA},
		"malformed path component":      {Path: new("../a"), Mode: new("100644"), SHA: blob.SHA},
		"is not one that this forge":    {Path: new("a"), Mode: new("160000"), SHA: blob.SHA},
		"is not a valid blob":           {Path: new("a"), Mode: new("100644"), SHA: base.SHA},
		"malformed path component .git": {Path: new(".git/config"), Mode: new("100644"), SHA: blob.SHA},
	} {
		_, _, err := client.Git.CreateTree(ctx, "demo", "shop", "", []*github.TreeEntry{entry})
		require.ErrorContains(t, err, strings.TrimSuffix(name, " .git"))
	}

	hash := commitOn(t, client, "feature/one", "one.txt", "1\n")
	_, _, err = client.Git.CreateRef(ctx, "demo", "shop", &github.Reference{Ref: new("refs/heads/feature/one"), Object: &github.GitObject{SHA: &hash}})
	require.ErrorContains(t, err, "Reference already exists")
	_, _, err = client.Git.UpdateRef(ctx, "demo", "shop", &github.Reference{Ref: new("refs/heads/main"), Object: &github.GitObject{SHA: &hash}}, false)
	require.NoError(t, err)
	other := commitOn(t, client, "other", "two.txt", "2\n")
	_, _, err = client.Git.UpdateRef(ctx, "demo", "shop", &github.Reference{Ref: new("refs/heads/other"), Object: &github.GitObject{SHA: &hash}}, false)
	require.ErrorContains(t, err, "not a fast forward")
	_, _, err = client.Git.UpdateRef(ctx, "demo", "shop", &github.Reference{Ref: new("refs/heads/other"), Object: &github.GitObject{SHA: &hash}}, true)
	require.NoError(t, err)
	compared, _, err := client.Repositories.CompareCommits(ctx, "demo", "shop", hash, other, nil)
	require.NoError(t, err)
	require.Equal(t, "ahead", compared.GetStatus())
	require.Equal(t, "two.txt", compared.Files[0].GetFilename())
	require.Equal(t, 1, compared.Files[0].GetAdditions())
	_, err = client.Git.DeleteRef(ctx, "demo", "shop", "heads/other")
	require.NoError(t, err)
	_, err = client.Git.DeleteRef(ctx, "demo", "shop", "heads/other")
	require.ErrorContains(t, err, "Reference does not exist")
	_, err = client.Git.DeleteRef(ctx, "demo", "shop", "heads/main")
	require.ErrorContains(t, err, "Cannot delete the default branch")
	_, _, err = clientOf(t, server, "").Git.CreateBlob(ctx, "demo", "shop", &github.Blob{Content: new("x"), Encoding: new("utf-8")})
	requireStatus(t, err, http.StatusUnauthorized)
}

func TestPullRequests(t *testing.T) {
	t.Parallel()
	server := forgetest.Start(t)
	client, ctx := clientOf(t, server, server.Token()), t.Context()
	publishShop(t, server)
	hash := commitOn(t, client, "feature", "one.txt", "1\n")

	wanted := &github.NewPullRequest{Title: new("One"), Head: new("demo:feature"), Base: new("main"), Body: new("A file")}
	opened, _, err := client.PullRequests.Create(ctx, "demo", "shop", wanted)
	require.NoError(t, err)
	require.Equal(t, 1, opened.GetNumber())
	require.Equal(t, hash, opened.GetHead().GetSHA())
	_, _, err = client.PullRequests.Create(ctx, "demo", "shop", wanted)
	require.ErrorContains(t, err, "A pull request already exists for demo:feature.")
	_, _, err = client.PullRequests.Create(ctx, "demo", "shop", &github.NewPullRequest{Title: new("None"), Head: new("main"), Base: new("main")})
	require.ErrorContains(t, err, "No commits between main and main")
	issue, _, err := client.Issues.Create(ctx, "demo", "shop", &github.IssueRequest{Title: new("It leaks")})
	require.NoError(t, err)
	require.Equal(t, 2, issue.GetNumber(), "issues and pull requests count together")

	_, _, err = client.PullRequests.RequestReviewers(ctx, "demo", "shop", 1, github.ReviewersRequest{Reviewers: []string{"ann"}, TeamReviewers: []string{"makers"}})
	require.NoError(t, err)
	_, _, err = client.PullRequests.RequestReviewers(ctx, "demo", "shop", 1, github.ReviewersRequest{Reviewers: []string{"nobody"}})
	require.ErrorContains(t, err, "not a collaborator")
	_, _, err = client.Issues.AddAssignees(ctx, "demo", "shop", 1, []string{"ann", "nobody"})
	require.NoError(t, err)
	edited, _, err := client.PullRequests.Edit(ctx, "demo", "shop", 1, &github.PullRequest{Title: new("First")})
	require.NoError(t, err)
	require.Equal(t, "First", edited.GetTitle())
	shown, _, err := client.PullRequests.Get(ctx, "demo", "shop", 1)
	require.NoError(t, err)
	require.Equal(t, []string{"ann", "makers", "ann"}, []string{
		shown.RequestedReviewers[0].GetLogin(), shown.RequestedTeams[0].GetSlug(), shown.Assignees[0].GetLogin(),
	})
	files, _, err := client.PullRequests.ListFiles(ctx, "demo", "shop", 1, nil)
	require.NoError(t, err)
	require.Equal(t, "one.txt", files[0].GetFilename())
	issues, _, err := client.Issues.ListByRepo(ctx, "demo", "shop", nil)
	require.NoError(t, err)
	require.Len(t, issues, 2, "GitHub lists pull requests among issues")
	merged, _, err := client.PullRequests.IsMerged(ctx, "demo", "shop", 1)
	require.NoError(t, err)
	require.False(t, merged)

	_, _, err = client.PullRequests.Merge(ctx, "demo", "shop", 1, "", nil)
	require.NoError(t, err)
	_, _, err = client.PullRequests.Merge(ctx, "demo", "shop", 1, "", nil)
	requireStatus(t, err, http.StatusMethodNotAllowed)
	shown, _, err = client.PullRequests.Get(ctx, "demo", "shop", 1)
	require.NoError(t, err)
	require.True(t, shown.GetMerged())
	require.Equal(t, "closed", shown.GetState())
	content, _, _, err := client.Repositories.GetContents(ctx, "demo", "shop", "one.txt", nil)
	require.NoError(t, err)
	require.Equal(t, "one.txt", content.GetPath())
}

func TestPullRequestsEnd(t *testing.T) {
	t.Parallel()
	server := forgetest.Start(t)
	client, ctx := clientOf(t, server, server.Token()), t.Context()
	publishShop(t, server)
	open := func(branch, path, content string, draft bool) int {
		commitOn(t, client, branch, path, content)
		opened, _, err := client.PullRequests.Create(ctx, "demo", "shop", &github.NewPullRequest{Title: &branch, Head: &branch, Base: new("main"), Draft: &draft})
		require.NoError(t, err)
		return opened.GetNumber()
	}
	deleted, closed, draft, first, second := open("deleted", "1", "", false), open("closed", "2", "", false), open("draft", "3", "", true),
		open("first", "same", "a\n", false), open("second", "same", "b\n", false)

	_, err := client.Git.DeleteRef(ctx, "demo", "shop", "heads/deleted")
	require.NoError(t, err)
	shown, _, err := client.PullRequests.Get(ctx, "demo", "shop", deleted)
	require.NoError(t, err)
	require.Equal(t, "closed", shown.GetState())
	require.False(t, shown.GetMerged())
	_, _, err = client.PullRequests.Edit(ctx, "demo", "shop", closed, &github.PullRequest{State: new("closed")})
	require.NoError(t, err)
	_, _, err = client.PullRequests.Merge(ctx, "demo", "shop", draft, "", nil)
	require.ErrorContains(t, err, "not mergeable")

	_, _, err = client.Repositories.Edit(ctx, "demo", "shop", &github.Repository{DeleteBranchOnMerge: new(true)})
	require.NoError(t, err)
	_, _, err = client.PullRequests.Merge(ctx, "demo", "shop", first, "", &github.PullRequestOptions{MergeMethod: "squash"})
	require.NoError(t, err)
	_, _, err = client.Git.GetRef(ctx, "demo", "shop", "heads/first")
	requireStatus(t, err, http.StatusNotFound)
	_, _, err = client.PullRequests.Merge(ctx, "demo", "shop", second, "", nil)
	require.ErrorContains(t, err, "not mergeable", "both add one file, with other content")
	open2, _, err := client.PullRequests.List(ctx, "demo", "shop", &github.PullRequestListOptions{Head: "demo:second"})
	require.NoError(t, err)
	require.Len(t, open2, 1)
	all, _, err := client.PullRequests.List(ctx, "demo", "shop", &github.PullRequestListOptions{State: "all"})
	require.NoError(t, err)
	require.Len(t, all, 5)
}

func TestThePageOfAPullRequestMergesIt(t *testing.T) {
	t.Parallel()
	server := forgetest.Start(t)
	client, ctx := clientOf(t, server, server.Token()), t.Context()
	publishShop(t, server)
	commitOn(t, client, "feature", "one.txt", "<b>1</b>\n")
	opened, _, err := client.PullRequests.Create(ctx, "demo", "shop", &github.NewPullRequest{Title: new("One"), Head: new("feature"), Base: new("main")})
	require.NoError(t, err)
	status, text := page(t, server.URL+"/demo/shop/pulls")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, "#1 One")
	status, text = page(t, opened.GetHTMLURL())
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, "&lt;b&gt;1&lt;/b&gt;")
	post := func(token string) int {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, opened.GetHTMLURL(), strings.NewReader(url.Values{"token": {token}}.Encode()))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode
	}
	require.Equal(t, http.StatusUnauthorized, post("guess"))
	require.Equal(t, http.StatusOK, post(server.Token()))
	require.Equal(t, http.StatusConflict, post(server.Token()), "it is merged")
	status, text = page(t, opened.GetHTMLURL())
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, "merged")
	status, _ = page(t, server.URL+"/demo/shop/pull/9")
	require.Equal(t, http.StatusNotFound, status)
}

func TestForks(t *testing.T) {
	t.Parallel()
	server := forgetest.Start(t)
	client, ctx := clientOf(t, server, server.Token()), t.Context()
	publishShop(t, server)
	fork, _, err := client.Repositories.CreateFork(ctx, "demo", "shop", nil)
	if _, accepted := err.(*github.AcceptedError); !accepted { //nolint:errorlint // It is what go-github returns for 202.
		require.NoError(t, err)
	}
	require.Equal(t, "portico/shop", fork.GetFullName())
	forks, _, err := client.Repositories.ListForks(ctx, "demo", "shop", nil)
	require.NoError(t, err)
	require.Len(t, forks, 1)
	server.Push(t, "portico/shop", "feature", true, map[string]string{"new.txt": "new\n"})
	opened, _, err := client.PullRequests.Create(ctx, "demo", "shop", &github.NewPullRequest{Title: new("New"), Head: new("portico:feature"), Base: new("main")})
	require.NoError(t, err)
	require.Equal(t, "portico/shop", opened.GetHead().GetRepo().GetFullName())
	require.Equal(t, 1, opened.GetChangedFiles())
	_, _, err = client.PullRequests.Merge(ctx, "demo", "shop", opened.GetNumber(), "", nil)
	require.NoError(t, err)
}
