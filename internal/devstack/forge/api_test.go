package forge_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-github/v60/github"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/nacl/box"

	"github.com/portico-dev/portico/internal/devstack/forge"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
)

// clientOf is the client that Portico uses, with the forge's token unless token says otherwise.
func clientOf(t *testing.T, server *forgetest.Server, token string) *github.Client {
	t.Helper()
	client := github.NewClient(nil)
	if token != "" {
		client = client.WithAuthToken(token)
	}
	base, err := url.Parse(server.APIBaseURL + "/")
	require.NoError(t, err)
	client.BaseURL = base
	return client
}

func requireStatus(t *testing.T, err error, status int) {
	t.Helper()
	var answer *github.ErrorResponse
	require.ErrorAs(t, err, &answer)
	require.Equal(t, status, answer.Response.StatusCode)
}

func TestRepositories(t *testing.T) {
	t.Parallel()
	server := forgetest.Start(t)
	client, ctx := clientOf(t, server, server.Token()), t.Context()

	me, _, err := client.Users.Get(ctx, "")
	require.NoError(t, err)
	require.Equal(t, forge.DefaultUser, me.GetLogin())
	owner, _, err := client.Users.Get(ctx, "Demo")
	require.NoError(t, err)
	require.Equal(t, "Organization", owner.GetType())
	_, _, err = client.Users.Get(ctx, "nobody")
	requireStatus(t, err, http.StatusNotFound)
	member, _, err := client.Organizations.GetOrgMembership(ctx, "", "demo")
	require.NoError(t, err)
	require.Equal(t, "active", member.GetState())

	created, _, err := client.Repositories.Create(ctx, "demo", &github.Repository{
		Name: new("shop"), Private: new(true), Description: new("A shop"),
	})
	require.NoError(t, err)
	require.Equal(t, "private", created.GetVisibility())
	require.True(t, created.GetAllowSquashMerge())
	_, _, err = client.Repositories.Create(ctx, "demo", &github.Repository{Name: new("SHOP")})
	requireStatus(t, err, http.StatusUnprocessableEntity)
	require.ErrorContains(t, err, "name already exists on this account")
	mine, _, err := client.Repositories.Create(ctx, "", &github.Repository{Name: new("mine")})
	require.NoError(t, err)
	require.Equal(t, forge.DefaultUser+"/mine", mine.GetFullName())
	plain, _, err := client.Repositories.Create(ctx, "demo", &github.Repository{Name: new("plain.git")})
	require.NoError(t, err)
	require.Equal(t, "plain", plain.GetName())

	changed, _, err := client.Repositories.Edit(ctx, "demo", "shop", &github.Repository{
		Description: new(""), HasWiki: new(false), AllowUpdateBranch: new(true),
		SquashMergeCommitTitle: new("PR_TITLE"), SquashMergeCommitMessage: new("BLANK"),
	})
	require.NoError(t, err)
	require.Empty(t, changed.GetDescription())
	require.False(t, changed.GetHasWiki())
	require.True(t, changed.GetHasIssues(), "fields that are not in a change stay")
	_, _, err = client.Repositories.Edit(ctx, "demo", "shop", &github.Repository{DefaultBranch: new("none")})
	requireStatus(t, err, http.StatusUnprocessableEntity)

	topics, _, err := client.Repositories.ReplaceAllTopics(ctx, "demo", "shop", []string{"go", "app"})
	require.NoError(t, err)
	require.Equal(t, []string{"app", "go"}, topics)
	_, _, err = client.Repositories.ReplaceAllTopics(ctx, "demo", "shop", []string{"Go"})
	requireStatus(t, err, http.StatusUnprocessableEntity)

	_, err = client.Repositories.Delete(ctx, "demo", "shop")
	require.NoError(t, err)
	_, _, err = client.Repositories.Get(ctx, "demo", "shop")
	requireStatus(t, err, http.StatusNotFound)
	again, _, err := client.Repositories.Create(ctx, "demo", &github.Repository{Name: new("shop")})
	require.NoError(t, err)
	require.Greater(t, again.GetID(), created.GetID(), "an id is never given twice")
}

func TestRepositorySettings(t *testing.T) {
	t.Parallel()
	server := forgetest.Start(t)
	client, ctx := clientOf(t, server, server.Token()), t.Context()
	publishShop(t, server)

	_, _, err := client.Repositories.AddCollaborator(ctx, "demo", "shop", "ann", &github.RepositoryAddCollaboratorOptions{Permission: "push"})
	require.NoError(t, err)
	_, _, err = client.Repositories.AddCollaborator(ctx, "demo", "shop", "nobody", &github.RepositoryAddCollaboratorOptions{})
	require.Error(t, err)
	team, _, err := client.Teams.CreateTeam(ctx, "demo", github.NewTeam{Name: "Site Reliability"})
	require.NoError(t, err)
	require.Equal(t, "site-reliability", team.GetSlug())
	_, err = client.Teams.AddTeamRepoBySlug(ctx, "demo", team.GetSlug(), "demo", "shop", &github.TeamAddTeamRepoOptions{Permission: "maintain"})
	require.NoError(t, err)

	rules := &github.ProtectionRequest{
		EnforceAdmins:              true,
		RequiredStatusChecks:       &github.RequiredStatusChecks{Strict: true, Contexts: &[]string{"build"}},
		RequiredPullRequestReviews: &github.PullRequestReviewsEnforcementRequest{RequiredApprovingReviewCount: 2},
	}
	set, _, err := client.Repositories.UpdateBranchProtection(ctx, "demo", "shop", "main", rules)
	require.NoError(t, err)
	require.Equal(t, 2, set.GetRequiredPullRequestReviews().RequiredApprovingReviewCount)
	_, _, err = client.Repositories.RequireSignaturesOnProtectedBranch(ctx, "demo", "shop", "main")
	require.NoError(t, err)
	shown, _, err := client.Repositories.GetBranchProtection(ctx, "demo", "shop", "main")
	require.NoError(t, err)
	require.True(t, shown.GetEnforceAdmins().Enabled)
	require.True(t, shown.GetRequiredSignatures().GetEnabled())
	_, _, err = client.Repositories.UpdateBranchProtection(ctx, "demo", "shop", "none", rules)
	require.ErrorContains(t, err, "Branch not found")

	_, err = client.Actions.CreateRepoVariable(ctx, "demo", "shop", &github.ActionsVariable{Name: "REGION", Value: "eu"})
	require.NoError(t, err)
	_, err = client.Actions.UpdateRepoVariable(ctx, "demo", "shop", &github.ActionsVariable{Name: "REGION", Value: "us"})
	require.NoError(t, err)
	variables, _, err := client.Actions.ListRepoVariables(ctx, "demo", "shop", nil)
	require.NoError(t, err)
	require.Equal(t, "us", variables.Variables[0].Value)

	_, _, err = client.Activity.SetRepositorySubscription(ctx, "demo", "shop", &github.Subscription{Subscribed: new(true)})
	require.NoError(t, err)
	_, err = client.Actions.SetRepoOIDCSubjectClaimCustomTemplate(ctx, "demo", "shop", &github.OIDCSubjectClaimCustomTemplate{
		UseDefault: new(false), IncludeClaimKeys: []string{"repo"},
	})
	require.NoError(t, err)
	subject, _, err := client.Actions.GetRepoOIDCSubjectClaimCustomTemplate(ctx, "demo", "shop")
	require.NoError(t, err)
	require.Equal(t, []string{"repo"}, subject.IncludeClaimKeys)

	issue, _, err := client.Issues.Create(ctx, "demo", "shop", &github.IssueRequest{Title: new("It leaks")})
	require.NoError(t, err)
	require.Equal(t, 1, issue.GetNumber())
	issues, _, err := client.Issues.ListByRepo(ctx, "demo", "shop", &github.IssueListByRepoOptions{State: "all"})
	require.NoError(t, err)
	require.Len(t, issues, 1)
}

func TestSecretsAreSealed(t *testing.T) {
	t.Parallel()
	server := forgetest.Start(t)
	client, ctx := clientOf(t, server, server.Token()), t.Context()
	publishShop(t, server)
	key, _, err := client.Actions.GetRepoPublicKey(ctx, "demo", "shop")
	require.NoError(t, err)
	public := new([32]byte)
	_, err = base64.StdEncoding.Decode(public[:], []byte(key.GetKey()))
	require.NoError(t, err)
	sealed, err := box.SealAnonymous(nil, []byte("hunter2"), public, rand.Reader)
	require.NoError(t, err)
	put := func(value string) error {
		_, err := client.Actions.CreateOrUpdateRepoSecret(ctx, "demo", "shop", &github.EncryptedSecret{
			Name: "PASSWORD", KeyID: key.GetKeyID(), EncryptedValue: value,
		})
		return err
	}
	require.Error(t, put("aHVudGVyMg=="))
	require.NoError(t, put(base64.StdEncoding.EncodeToString(sealed)))
	require.NoError(t, put(base64.StdEncoding.EncodeToString(sealed)), "a second time replaces it")
	require.Equal(t, "hunter2", server.Secret(t, "demo", "shop", "PASSWORD"))
}

// publishShop creates the private repository demo/shop with a few files.
func publishShop(t *testing.T, server *forgetest.Server) {
	t.Helper()
	directory := t.TempDir()
	write := func(path, content string) {
		path = filepath.Join(directory, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	write("catalog-info.yaml", "kind: Component\n")
	write("docs/a b.md", "# Spaces\n")
	write("ignored.log", "noise\n")
	write(".gitignore", "*.log\n")
	_, _, err := clientOf(t, server, server.Token()).Repositories.Create(t.Context(), "demo", &github.Repository{Name: new("shop"), Private: new(true)})
	require.NoError(t, err)
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"}, {"add", "."}, {"commit", "--quiet", "-m", "first"},
		{"push", "--quiet", "http://x-access-token:" + server.Token() + "@" + server.Host + "/demo/shop.git", "main"},
	} {
		output, err := gitIn(t, directory, args...)
		require.NoError(t, err, output)
	}
}

func TestContents(t *testing.T) {
	t.Parallel()
	server := forgetest.Start(t)
	client, ctx := clientOf(t, server, server.Token()), t.Context()
	publishShop(t, server)

	file, _, _, err := client.Repositories.GetContents(ctx, "demo", "shop", "docs/a b.md", nil)
	require.NoError(t, err)
	content, err := file.GetContent()
	require.NoError(t, err)
	require.Equal(t, "# Spaces\n", content)
	status, raw := page(t, file.GetDownloadURL())
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, content, raw)
	status, _ = page(t, file.GetHTMLURL())
	require.Equal(t, http.StatusOK, status)
	_, listed, _, err := client.Repositories.GetContents(ctx, "demo", "shop", "docs", nil)
	require.NoError(t, err)
	require.Equal(t, "docs/a b.md", listed[0].GetPath())
	ignored, _, _, err := client.Repositories.GetContents(ctx, "demo", "shop", "ignored.log", nil)
	require.Nil(t, ignored)
	requireStatus(t, err, http.StatusNotFound)
	_, listed, _, err = client.Repositories.GetContents(ctx, "demo", "shop", "docs", &github.RepositoryContentGetOptions{Ref: "none"})
	require.Nil(t, listed)
	requireStatus(t, err, http.StatusNotFound)

	tree, _, err := client.Git.GetTree(ctx, "demo", "shop", "main", true)
	require.NoError(t, err)
	require.Len(t, tree.Entries, 4)
	blob, _, err := client.Git.GetBlobRaw(ctx, "demo", "shop", file.GetSHA())
	require.NoError(t, err)
	require.Equal(t, content, string(blob))
	_, _, err = client.Git.GetBlob(ctx, "demo", "shop", file.GetSHA())
	require.NoError(t, err)

	commits, _, err := client.Repositories.ListCommits(ctx, "demo", "shop", nil)
	require.NoError(t, err)
	require.Len(t, commits, 1)
	hash, _, err := client.Repositories.GetCommitSHA1(ctx, "demo", "shop", "main", "")
	require.NoError(t, err)
	require.Equal(t, commits[0].GetSHA(), hash)
	_, _, err = client.Repositories.GetCommit(ctx, "demo", "shop", "0123456789012345678901234567890123456789", nil)
	requireStatus(t, err, http.StatusUnprocessableEntity)
	status, _ = page(t, commits[0].GetHTMLURL())
	require.Equal(t, http.StatusOK, status)

	branches, _, err := client.Repositories.ListBranches(ctx, "demo", "shop", nil)
	require.NoError(t, err)
	require.Equal(t, "main", branches[0].GetName())
	_, _, err = client.Repositories.GetBranch(ctx, "demo", "shop", "main", 1)
	require.NoError(t, err)
	tags, _, err := client.Repositories.ListTags(ctx, "demo", "shop", nil)
	require.NoError(t, err)
	require.Empty(t, tags)
	reference, _, err := client.Git.GetRef(ctx, "demo", "shop", "heads/main")
	require.NoError(t, err)
	require.Equal(t, commits[0].GetSHA(), reference.GetObject().GetSHA())
	_, _, err = client.Git.ListMatchingRefs(ctx, "demo", "shop", &github.ReferenceListOptions{Ref: "heads/ma"})
	require.NoError(t, err)
}

func TestTarball(t *testing.T) {
	t.Parallel()
	server := forgetest.Start(t)
	publishShop(t, server)
	link, _, err := clientOf(t, server, server.Token()).Repositories.GetArchiveLink(t.Context(), "demo", "shop", github.Tarball, &github.RepositoryContentGetOptions{Ref: "main"}, 1)
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link.String(), nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	unzipped, err := gzip.NewReader(response.Body)
	require.NoError(t, err)
	names := 0
	for archive := tar.NewReader(unzipped); ; names++ {
		_, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
	}
	require.Greater(t, names, 3)
}

// TestAClientThatGoesIsNoFailure: one that looks for a directory reads only the beginning of a tarball.
func TestAClientThatGoesIsNoFailure(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	local, err := forge.New(t.Context(), forge.Options{DataDir: t.TempDir(), Log: slog.New(slog.NewTextHandler(&logged, nil))})
	require.NoError(t, err)
	ask := func(ctx context.Context, method, path, body string) int {
		request := httptest.NewRequestWithContext(ctx, method, "http://127.0.0.1"+path, strings.NewReader(body))
		request.Header.Set("Authorization", "token "+local.Token())
		answer := httptest.NewRecorder()
		local.Handler().ServeHTTP(answer, request)
		return answer.Code
	}
	require.Equal(t, http.StatusCreated, ask(t.Context(), http.MethodPost, "/api/v3/user/repos", `{"name":"shop","auto_init":true}`))
	gone, leave := context.WithCancel(t.Context())
	leave()
	ask(gone, http.MethodGet, "/portico/shop/legacy.tar.gz/main", "")
	require.Empty(t, logged.String())
}

func TestTokensAreNeededToReadAndWrite(t *testing.T) {
	t.Parallel()
	server := forgetest.Start(t)
	publishShop(t, server)
	ctx := t.Context()
	_, _, err := clientOf(t, server, "").Repositories.Get(ctx, "demo", "shop")
	requireStatus(t, err, http.StatusNotFound)
	_, _, err = clientOf(t, server, "wrong").Repositories.Get(ctx, "demo", "shop")
	requireStatus(t, err, http.StatusUnauthorized)
	_, err = clientOf(t, server, "").Repositories.Delete(ctx, "demo", "shop")
	requireStatus(t, err, http.StatusUnauthorized)

	_, _, err = clientOf(t, server, server.Token()).Repositories.Edit(ctx, "demo", "shop", &github.Repository{Private: new(false)})
	require.NoError(t, err)
	_, _, err = clientOf(t, server, "").Repositories.Get(ctx, "demo", "shop")
	require.NoError(t, err, "a public repository is open to read")

	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/demo/shop", nil)
	require.NoError(t, err)
	request.Host = "evil.example"
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusMisdirectedRequest, response.StatusCode)
}

func TestAnswersCarryAnETag(t *testing.T) {
	t.Parallel()
	server := forgetest.Start(t)
	publishShop(t, server)
	get := func(tag string) (int, string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.APIBaseURL+"/repos/demo/shop/contents/catalog-info.yaml", nil)
		require.NoError(t, err)
		request.Header.Set("Authorization", "token "+server.Token())
		request.Header.Set("Accept", "application/vnd.github.v3.raw")
		request.Header.Set("If-None-Match", tag)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode, response.Header.Get("ETag")
	}
	status, tag := get("")
	require.Equal(t, http.StatusOK, status)
	status, _ = get(tag)
	require.Equal(t, http.StatusNotModified, status)
}
