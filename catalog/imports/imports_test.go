package imports_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	gogithub "github.com/google/go-github/v60/github"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/imports"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/internal/devstack/forge"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
)

func hostsOf(t *testing.T, server *forgetest.Server) *integration.Set {
	t.Helper()
	hosts, err := forges.New(forges.Config{GitHub: []github.Config{{Host: server.Host, APIBaseURL: server.APIBaseURL, Token: server.Token()}}}, integration.Options{})
	require.NoError(t, err)
	return hosts
}

// looked is what an import finds, by the names of the repositories.
func looked(t *testing.T, options imports.Options) map[string]imports.Repository {
	t.Helper()
	found := map[string]imports.Repository{}
	require.NoError(t, imports.Run(t.Context(), options, func(one imports.Repository) error {
		require.NotContains(t, found, one.Name)
		found[one.Name] = one
		return nil
	}))
	return found
}

func TestRepositoriesWithoutDescriptorsGetDrafts(t *testing.T) {
	t.Parallel()
	server := forgetest.Start(t)
	require.NoError(t, server.AddOrganization("acme", "Acme"))
	for name, files := range map[string]map[string]string{
		"described": {"catalog-info.yaml": "kind: System"}, "deep": {"services/a/catalog-info.yml": "kind: System"},
		"shop":  {"Dockerfile": "FROM scratch", "main.go": "package main", "CODEOWNERS": "* @acme/makers", "openapi.yaml": "openapi: 3.0.0"},
		"notes": {"README.md": "# Notes", "mkdocs.yml": "site_name: Notes"},
	} {
		require.NoError(t, server.AddRepository("acme", name, forge.Content{Files: files}))
	}
	client := server.Client(t)
	_, _, err := client.Repositories.Create(t.Context(), "acme", &gogithub.Repository{Name: new("empty")})
	require.NoError(t, err)
	options := imports.Options{Hosts: hostsOf(t, server), Host: server.Host, Owner: "acme"}
	found := looked(t, options)
	states := map[string]imports.State{}
	for name, one := range found {
		states[name] = one.State
	}
	require.Equal(t, map[string]imports.State{"acme/described": imports.Described, "acme/deep": imports.Described, "acme/shop": imports.Drafted,
		"acme/notes": imports.Drafted, "acme/empty": imports.Skipped}, states)
	require.Equal(t, "it is empty", found["acme/empty"].Reason)
	shop := found["acme/shop"]
	require.Equal(t, server.URL+"/acme/shop/blob/main/catalog-info.yaml", shop.Target)
	require.Equal(t, server.Host+"?owner=acme&repo=shop", shop.RepoURL)
	require.Contains(t, shop.Descriptor, "  owner: group:makers\n")
	require.Contains(t, shop.Descriptor, "    $text: ./openapi.yaml\n")
	require.Contains(t, shop.Descriptor, "    github.com/project-slug: acme/shop\n")
	documents, err := entity.ParseYAML([]byte(shop.Descriptor), "f")
	require.NoError(t, err)
	require.Len(t, documents, 2)
	require.NoError(t, entity.Validate(documents[0].Entity))
	require.Contains(t, found["acme/notes"].Descriptor, "type: documentation")

	limited := options
	limited.Limit = 1
	drafted := 0
	for _, one := range looked(t, limited) {
		if one.State == imports.Drafted {
			drafted++
		}
	}
	require.Equal(t, 1, drafted)

	// A proposal that was closed without a merge is not made again.
	server.Push(t, "acme/shop", imports.Branch, true, map[string]string{"catalog-info.yaml": shop.Descriptor})
	request, _, err := client.PullRequests.Create(t.Context(), "acme", "shop", &gogithub.NewPullRequest{Title: new("x"), Head: new(imports.Branch), Base: new("main")})
	require.NoError(t, err)
	proposed := looked(t, options)["acme/shop"]
	require.Equal(t, imports.Proposed, proposed.State)
	require.Equal(t, request.GetHTMLURL(), proposed.Reason)
	_, _, err = client.PullRequests.Edit(t.Context(), "acme", "shop", request.GetNumber(), &gogithub.PullRequest{State: new("closed")})
	require.NoError(t, err)
	require.Equal(t, imports.Proposed, looked(t, options)["acme/shop"].State)
}

// TestOnlyDraftsCountTowardsTheLimit: repositories that turn out to have a descriptor in a folder take no draft from the others.
func TestOnlyDraftsCountTowardsTheLimit(t *testing.T) {
	t.Parallel()
	server := forgetest.Start(t)
	require.NoError(t, server.AddOrganization("acme", "Acme"))
	for i := range 6 {
		require.NoError(t, server.AddRepository("acme", fmt.Sprint("deep-", i), forge.Content{Files: map[string]string{"services/a/catalog-info.yml": "kind: System"}}))
	}
	require.NoError(t, server.AddRepository("acme", "shop", forge.Content{Files: map[string]string{"go.mod": "module shop"}}))
	found := looked(t, imports.Options{Hosts: hostsOf(t, server), Host: server.Host, Owner: "acme", Limit: 1})
	require.Equal(t, imports.Drafted, found["acme/shop"].State, found["acme/shop"].Reason)
	require.Equal(t, imports.Described, found["acme/deep-5"].State, found["acme/deep-5"].Reason)
}

// TestAnIncompleteListProposesNothing, and a repository that cannot be read does not keep it from the others.
func TestAnIncompleteListProposesNothing(t *testing.T) {
	t.Parallel()
	server := forgetest.Start(t)
	require.NoError(t, server.AddOrganization("acme", "Acme"))
	for i := range 3 {
		require.NoError(t, server.AddRepository("acme", fmt.Sprint("repo-", i), forge.Content{Files: map[string]string{"go.mod": "module x"}}))
	}
	none := func(imports.Repository) error { t.Error("nothing is to be handed"); return nil }
	options := imports.Options{Hosts: hostsOf(t, server), Host: server.Host, Owner: "nobody-here"}
	require.ErrorContains(t, imports.Run(t.Context(), options, none), "has no owner nobody-here")
	options.Host = "elsewhere"
	require.ErrorContains(t, imports.Run(t.Context(), options, none), "No matching integration configuration for host elsewhere")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	options.Host, options.Owner = server.Host, "acme"
	require.Error(t, imports.Run(ctx, options, none))
}

// TestNothingIsHandedAfterTheEnd: an import that was stopped proposes nothing more, and takes no request that it cancelled for a failure.
func TestNothingIsHandedAfterTheEnd(t *testing.T) {
	t.Parallel()
	server := forgetest.Start(t)
	require.NoError(t, server.AddOrganization("acme", "Acme"))
	for i := range 12 {
		require.NoError(t, server.AddRepository("acme", fmt.Sprint("repo-", i), forge.Content{Files: map[string]string{"go.mod": "module x"}}))
	}
	options := imports.Options{Hosts: hostsOf(t, server), Host: server.Host, Owner: "acme"}
	handed, enough := 0, errors.New("enough")
	require.ErrorIs(t, imports.Run(t.Context(), options, func(imports.Repository) error { handed++; return enough }), enough)
	require.Equal(t, 1, handed)

	handed = 0
	ctx, cancel := context.WithCancel(t.Context())
	require.ErrorIs(t, imports.Run(ctx, options, func(imports.Repository) error { handed++; cancel(); return nil }), context.Canceled)
	require.Equal(t, 1, handed)
}
