package forge_test

import (
	"net/http"
	"testing"

	"github.com/google/go-github/v60/github"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit/forgetest"
)

func TestIssuesHaveLabelsAndEnd(t *testing.T) {
	t.Parallel()
	server := forgetest.Start(t)
	client, ctx := clientOf(t, server, server.Token()), t.Context()
	publishShop(t, server)
	created, _, err := client.Issues.Create(ctx, "demo", "shop", &github.IssueRequest{
		Title: new("It leaks"), Labels: &[]string{"bug"}, Assignees: &[]string{"ann", "nobody"},
	})
	require.NoError(t, err)
	require.Equal(t, "ann", created.GetAssignee().GetLogin())
	status, _ := page(t, created.GetHTMLURL())
	require.Equal(t, http.StatusOK, status)
	// go-github sends a list; the description knows an object only.
	request, err := client.NewRequest(http.MethodPost, "repos/demo/shop/issues/1/labels", map[string]any{"labels": []string{"bug", "to do"}})
	require.NoError(t, err)
	var labels []*github.Label
	_, err = client.Do(ctx, request, &labels)
	require.NoError(t, err)
	require.Len(t, labels, 2)
	_, err = client.Issues.RemoveLabelForIssue(ctx, "demo", "shop", created.GetNumber(), "none")
	requireStatus(t, err, http.StatusNotFound)
	_, err = client.Issues.RemoveLabelForIssue(ctx, "demo", "shop", created.GetNumber(), "BUG")
	require.NoError(t, err)
	closed, _, err := client.Issues.Edit(ctx, "demo", "shop", created.GetNumber(), &github.IssueRequest{State: new("closed"), StateReason: new("not_planned")})
	require.NoError(t, err)
	require.Equal(t, "not_planned", closed.GetStateReason())
	open, _, err := client.Issues.ListByRepo(ctx, "demo", "shop", nil)
	require.NoError(t, err)
	require.Empty(t, open)
	_, _, err = client.Issues.Get(ctx, "demo", "shop", 7)
	requireStatus(t, err, http.StatusNotFound)
}

func TestHooksKeysAndLinksAreUnique(t *testing.T) {
	t.Parallel()
	server := forgetest.Start(t)
	client, ctx := clientOf(t, server, server.Token()), t.Context()
	publishShop(t, server)
	hook := &github.Hook{Config: &github.HookConfig{URL: new("https://ci.example/hook"), Secret: new("hunter2"), ContentType: new("json")}}
	created, _, err := client.Repositories.CreateHook(ctx, "demo", "shop", hook)
	require.NoError(t, err)
	require.Equal(t, "********", created.GetConfig().GetSecret())
	_, _, err = client.Repositories.CreateHook(ctx, "demo", "shop", hook)
	require.ErrorContains(t, err, "Hook already exists on this repository")
	_, _, err = client.Repositories.CreateHook(ctx, "demo", "shop", &github.Hook{Config: &github.HookConfig{URL: new("ci.example")}})
	require.ErrorContains(t, err, "url is missing a scheme")
	_, err = client.Repositories.DeleteHook(ctx, "demo", "shop", created.GetID())
	require.NoError(t, err)
	_, err = client.Repositories.DeleteHook(ctx, "demo", "shop", created.GetID())
	requireStatus(t, err, http.StatusNotFound)

	link := &github.AutolinkOptions{KeyPrefix: new("T-"), URLTemplate: new("https://t.example/<num>")}
	added, _, err := client.Repositories.AddAutolink(ctx, "demo", "shop", link)
	require.NoError(t, err)
	require.True(t, added.GetIsAlphanumeric())
	_, _, err = client.Repositories.AddAutolink(ctx, "demo", "shop", link)
	require.ErrorContains(t, err, "already_exists")
	_, _, err = client.Repositories.AddAutolink(ctx, "demo", "shop", &github.AutolinkOptions{KeyPrefix: new("U-"), URLTemplate: new("https://t.example")})
	require.ErrorContains(t, err, "must contain <num>")

	key := &github.Key{Title: new("bot"), Key: new("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl bot@example")}
	kept, _, err := client.Repositories.CreateKey(ctx, "demo", "shop", key)
	require.NoError(t, err)
	require.NotContains(t, kept.GetKey(), "bot@example")
	_, _, err = client.Repositories.CreateKey(ctx, "demo", "shop", key)
	require.ErrorContains(t, err, "key is already in use")
	_, _, err = client.Repositories.CreateKey(ctx, "demo", "shop", &github.Key{Title: new("bot"), Key: new("ssh-ed25519 AAAA")})
	require.ErrorContains(t, err, "key is invalid")
}

func TestPagesNeedTheirBranch(t *testing.T) {
	t.Parallel()
	server := forgetest.Start(t)
	client, ctx := clientOf(t, server, server.Token()), t.Context()
	publishShop(t, server)
	enable := func(kind, branch string) error {
		_, _, err := client.Repositories.EnablePages(ctx, "demo", "shop", &github.Pages{BuildType: &kind, Source: &github.PagesSource{Branch: &branch}})
		return err
	}
	require.ErrorContains(t, enable("legacy", "gh-pages"), "must exist before GitHub Pages can be built")
	require.NoError(t, enable("workflow", "gh-pages"))
	requireStatus(t, enable("legacy", "main"), http.StatusConflict)
	repository, _, err := client.Repositories.Get(ctx, "demo", "shop")
	require.NoError(t, err)
	require.True(t, repository.GetHasPages())
	_, err = client.Repositories.DisablePages(ctx, "demo", "shop")
	require.NoError(t, err)
	_, _, err = client.Repositories.GetPagesInfo(ctx, "demo", "shop")
	requireStatus(t, err, http.StatusNotFound)
}

func TestRefusalsOfAppsNameThePermission(t *testing.T) {
	t.Parallel()
	server, app := startWithApp(t, map[string]string{"issues": "read"})
	publishShop(t, server)
	_, answer, err := clientOf(t, server, tokenFor(t, app, &github.InstallationTokenOptions{})).Issues.Create(t.Context(), "demo", "shop", &github.IssueRequest{Title: new("x")})
	requireStatus(t, err, http.StatusForbidden)
	require.Equal(t, "issues=write", answer.Header.Get("X-Accepted-Github-Permissions"))
}
