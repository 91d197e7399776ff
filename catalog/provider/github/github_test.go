package github_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/github"
	"github.com/portico-dev/portico/catalog/provider/providertest"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	githubhost "github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/internal/devstack/forge"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
)

// descriptor is the file catalog-info.yaml.
const descriptor = "catalog-info.yaml"

// start serves a forge with an organization acme.
func start(t *testing.T) *forgetest.Server {
	t.Helper()
	server := forgetest.Start(t)
	require.NoError(t, server.AddOrganization("acme", "Acme"))
	return server
}

// hostsOf are the hosts of a configuration with the forge, by its token or by Apps.
func hostsOf(t *testing.T, server *forgetest.Server, apps ...githubhost.App) *integration.Set {
	t.Helper()
	configured := githubhost.Config{Host: server.Host, APIBaseURL: server.APIBaseURL, Apps: apps}
	if len(apps) == 0 {
		configured.Token = server.Token()
	}
	hosts, err := forges.New(forges.Config{GitHub: []githubhost.Config{configured}}, integration.Options{})
	require.NoError(t, err)
	return hosts
}

// standard is the configuration with the defaults of the schema.
func standard(server *forgetest.Server, change func(*config.GitHubProvider)) config.GitHubProvider {
	configured := config.GitHubProvider{Host: server.Host, Organization: "acme", CatalogPath: "/" + descriptor}
	configured.Filters.AllowForks = true
	configured.PageSizes.Repositories = 100
	if change != nil {
		change(&configured)
	}
	return configured
}

func newSource(t *testing.T, server *forgetest.Server, hosts *integration.Set, change func(*config.GitHubProvider)) provider.Source {
	t.Helper()
	sources, err := github.Sources(map[string]config.GitHubProvider{"default": standard(server, change)}, hosts)
	require.NoError(t, err)
	require.Len(t, sources, 1)
	return sources[0]
}

// readAll reads all pages of a source.
func readAll(ctx context.Context, source provider.Provider) (pages []provider.Page, err error) {
	for cursor := ""; len(pages) < 1000; {
		page, err := source.ReadPage(ctx, cursor)
		if err != nil {
			return pages, err
		}
		pages = append(pages, page)
		if cursor = page.Next; cursor == "" {
			return pages, nil
		}
	}
	return nil, fmt.Errorf("the pages have no end")
}

// targetsOf are the paths of the targets of all Locations.
func targetsOf(server *forgetest.Server, pages []provider.Page) []string {
	targets := []string{}
	for _, page := range pages {
		for _, one := range page.Entities {
			targets = append(targets, strings.TrimPrefix(one.Location.Target, server.URL))
		}
	}
	slices.Sort(targets)
	return slices.Compact(targets)
}

func TestItConforms(t *testing.T) {
	t.Parallel()
	providertest.Conform(t, func(t *testing.T) providertest.Source {
		t.Helper()
		server := start(t)
		refs := []string{}
		target := func(n int) string { return fmt.Sprintf("%s/acme/repo-%d/blob/main/%s", server.URL, n, descriptor) }
		for n := range 7 {
			require.NoError(t, server.AddRepository("acme", fmt.Sprint("repo-", n), forge.Content{Files: map[string]string{descriptor: "kind: System"}}))
			refs = append(refs, "location:default/"+entity.LocationEntityName("url", target(n)))
		}
		hosts := hostsOf(t, server)
		var renamed atomic.Bool
		inject := func(pick func(*http.Request) providertest.Fault) {
			server.Inject(func(r *http.Request) forgetest.Fault {
				if pick != nil {
					if fault := pick(r); fault != nil {
						return forgetest.Fault(fault)
					}
				}
				if renamed.Load() {
					return forgetest.AskFor("acme-gone")
				}
				return nil
			})
		}
		inject(nil)
		return providertest.Source{
			New: func() provider.Provider {
				return newSource(t, server, hosts, func(c *config.GitHubProvider) { c.PageSizes.Repositories = 3 })
			},
			Inject: inject, HasSecondaryLimits: true, Refs: refs, Pages: 3, // Each page has the last row of the page before.
			Remove: func() { require.NoError(t, server.RemoveRepository("acme", "repo-0")) },
			Add: func() {
				require.NoError(t, server.AddRepository("acme", "another", forge.Content{Files: map[string]string{descriptor: ""}}))
			},
			Rename: func() { renamed.Store(true) },
		}
	})
}

func TestWhatIsFound(t *testing.T) {
	t.Parallel()
	server := start(t)
	file := map[string]string{descriptor: "kind: Component\n"}
	for name, content := range map[string]forge.Content{
		"shop":     {Files: file, Topics: []string{"web", "go"}},
		"shop-api": {Files: file, Topics: []string{"web", "hidden"}, Visibility: "private"},
		"inside":   {Files: file, Visibility: "internal"},
		"old":      {Files: file, Archived: true},
		"copy":     {Files: file, Parent: "demo/copy"},
		"bare":     {Files: map[string]string{"README.md": ""}},
		"empty":    {},
	} {
		require.NoError(t, server.AddRepository("acme", name, content))
	}
	require.NoError(t, server.AddRepository("ann", "dots", forge.Content{Files: file}))
	hosts := hostsOf(t, server)
	at := func(names ...string) []string {
		for i, name := range names {
			names[i] = "/acme/" + name + "/blob/main/" + descriptor
		}
		slices.Sort(names)
		return names
	}
	for name, test := range map[string]struct {
		change   func(*config.GitHubProvider)
		expected []string
	}{
		"an organization":           {nil, at("bare", "copy", "inside", "shop", "shop-api")},
		"only what has the file":    {func(c *config.GitHubProvider) { c.ValidateLocationsExist = true }, at("copy", "inside", "shop", "shop-api")},
		"without forks":             {func(c *config.GitHubProvider) { c.Filters.AllowForks = false }, at("bare", "inside", "shop", "shop-api")},
		"with archived":             {func(c *config.GitHubProvider) { c.Filters.AllowArchived = true }, at("bare", "copy", "inside", "old", "shop", "shop-api")},
		"a whole name":              {func(c *config.GitHubProvider) { c.Filters.Repository = "shop" }, at("shop")},
		"alternatives are anchored": {func(c *config.GitHubProvider) { c.Filters.Repository = "shop|bar" }, at("shop")},
		"a pattern":                 {func(c *config.GitHubProvider) { c.Filters.Repository = "shop.*" }, at("shop", "shop-api")},
		"a topic":                   {func(c *config.GitHubProvider) { c.Filters.Topic.Include = []string{"go", "web"} }, at("shop", "shop-api")},
		"exclusion wins": {func(c *config.GitHubProvider) {
			c.Filters.Topic.Include, c.Filters.Topic.Exclude = []string{"web"}, []string{"hidden"}
		}, at("shop")},
		"visibilities":       {func(c *config.GitHubProvider) { c.Filters.Visibility = []string{"Private", "INTERNAL"} }, at("inside", "shop-api")},
		"a branch":           {func(c *config.GitHubProvider) { c.Filters.Branch, c.Filters.Repository = "next", "shop" }, []string{"/acme/shop/blob/next/" + descriptor}},
		"a pattern of files": {func(c *config.GitHubProvider) { c.CatalogPath, c.Filters.Repository = "/**/*.yaml", "shop" }, []string{"/acme/shop/blob/main/**/*.yaml"}},
		"a user":             {func(c *config.GitHubProvider) { c.Organization = "ann" }, []string{"/ann/dots/blob/main/" + descriptor}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pages, err := readAll(t.Context(), newSource(t, server, hosts, test.change))
			require.NoError(t, err)
			require.Equal(t, test.expected, targetsOf(server, pages))
		})
	}
	t.Run("an archived repository with a descriptor is remarked", func(t *testing.T) {
		t.Parallel()
		pages, err := readAll(t.Context(), newSource(t, server, hosts, nil))
		require.NoError(t, err)
		require.Equal(t, []string{"acme/old is archived and is left out, although it has catalog-info.yaml (filters.allowArchived)"}, pages[0].Remarks)
	})
}

// TestEntitiesAreBackstages: the entity, and what was read along. What an author writes decides about no place.
func TestEntitiesAreBackstages(t *testing.T) {
	t.Parallel()
	server := start(t)
	const forged = "kind: Component\nmetadata: {annotations: {backstage.io/managed-by-location: 'url:https://elsewhere.example'}}\n"
	require.NoError(t, server.AddRepository("acme", "shop", forge.Content{Files: map[string]string{descriptor: forged}}))
	require.NoError(t, server.AddRepository("acme", "bare", forge.Content{Files: map[string]string{"README.md": ""}}))
	require.NoError(t, server.AddRepository("acme", "binary", forge.Content{Files: map[string]string{descriptor: "\xff\xfe"}}))
	require.NoError(t, server.AddRepository("acme", "large", forge.Content{Files: map[string]string{descriptor: strings.Repeat("#", 300<<10)}}))
	source := newSource(t, server, hostsOf(t, server), nil)
	require.Equal(t, "github-provider:default", source.Name())
	require.Equal(t, github.Kind, source.Kind)
	require.Equal(t, server.Host+"/acme", source.Place)

	page, err := source.ReadPage(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, page.Entities, 4)
	target := server.URL + "/acme/shop/blob/main/" + descriptor
	encoded, err := json.Marshal(page.Entities[0].Entity)
	require.NoError(t, err)
	require.JSONEq(t, `{"apiVersion": "backstage.io/v1alpha1", "kind": "Location", "metadata": {
		"name": "`+entity.LocationEntityName("url", target)+`",
		"annotations": {"backstage.io/managed-by-location": "url:`+target+`", "backstage.io/managed-by-origin-location": "url:`+target+`"}},
		"spec": {"type": "url", "target": "`+target+`", "presence": "optional"}}`, string(encoded))
	require.Equal(t, "url:"+target, page.Entities[0].Location.String())
	require.Equal(t, []provider.File{
		{URL: target, ETag: "5c9e86e1e2d0d19328e158bd9636fbaaeedfc8c7", Body: []byte(forged)},
		{URL: server.URL + "/acme/bare/blob/main/" + descriptor, ETag: "absent", Body: []byte{}},
	}, page.Files, "neither what is no text nor what is large is read along")
	require.Equal(t, 4, page.Total)
}

func TestAllInstallationsOfAnApp(t *testing.T) {
	t.Parallel()
	server := start(t)
	for _, owner := range []string{"acme", "demo", "ann"} {
		require.NoError(t, server.AddRepository(owner, "one", forge.Content{Files: map[string]string{descriptor: ""}, Visibility: "private"}))
		require.NoError(t, server.AddRepository(owner, "two", forge.Content{Files: map[string]string{descriptor: ""}, Visibility: "private"}))
	}
	key := server.RegisterApp(t, 4711, map[string]string{"contents": "read"})
	require.NoError(t, server.Install(forge.Installation{AppID: 4711, Owner: "acme"}))
	require.NoError(t, server.Install(forge.Installation{AppID: 4711, Owner: "ann", Repositories: []string{"two"}}))
	hosts := hostsOf(t, server, githubhost.App{ID: 4711, PrivateKey: key})
	source := newSource(t, server, hosts, func(c *config.GitHubProvider) { c.Organization, c.App = "", 4711 })
	require.Equal(t, server.Host+", App 4711", source.Place)

	pages, err := readAll(t.Context(), source)
	require.NoError(t, err)
	require.Equal(t, []string{
		"/acme/one/blob/main/" + descriptor, "/acme/two/blob/main/" + descriptor, "/ann/two/blob/main/" + descriptor,
	}, targetsOf(server, pages))

	// An App that is removed while its owners are read ends the sweep: what it could read must not be removed.
	page, err := source.ReadPage(t.Context(), "")
	require.NoError(t, err)
	require.NoError(t, server.Uninstall(4711, "ann"))
	_, err = source.ReadPage(t.Context(), page.Next)
	require.Error(t, err)
	_, passes := integration.MayPass(err)
	require.False(t, passes)

	// So does one that an owner has suspended.
	require.NoError(t, server.Install(forge.Installation{AppID: 4711, Owner: "demo", Suspended: true}))
	_, err = source.ReadPage(t.Context(), "")
	require.ErrorContains(t, err, "GitHub App 4711 is suspended by demo")
}

// TestRowsThatMove: a source that pages by number moves rows when one is removed. The list is then read anew.
func TestRowsThatMove(t *testing.T) {
	t.Parallel()
	server := start(t)
	for n := range 6 {
		require.NoError(t, server.AddRepository("acme", fmt.Sprint("repo-", n), forge.Content{Files: map[string]string{descriptor: ""}}))
	}
	source := newSource(t, server, hostsOf(t, server), func(c *config.GitHubProvider) { c.PageSizes.Repositories = 3 })
	first, err := source.ReadPage(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, first.Entities, 3)

	// The row with which the next page has to begin is gone.
	require.NoError(t, server.RemoveRepository("acme", "repo-2"))
	second, err := source.ReadPage(t.Context(), first.Next)
	require.NoError(t, err)
	require.Empty(t, second.Entities)
	require.NotEmpty(t, second.Next)
	var rest []provider.Page
	for cursor := second.Next; cursor != ""; cursor = rest[len(rest)-1].Next {
		page, err := source.ReadPage(t.Context(), cursor)
		require.NoError(t, err)
		rest = append(rest, page)
	}
	require.Len(t, targetsOf(server, rest), 5)
}

// TestALargePageIsAskedForInParts: GitHub does not answer large queries in time.
func TestALargePageIsAskedForInParts(t *testing.T) {
	t.Parallel()
	server := start(t)
	for n := range 20 {
		require.NoError(t, server.AddRepository("acme", fmt.Sprint("repo-", n), forge.Content{Files: map[string]string{descriptor: ""}}))
	}
	server.Inject(func(r *http.Request) forgetest.Fault {
		body, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		var asked struct{ Variables struct{ Size int } }
		if err != nil || json.Unmarshal(body, &asked) != nil || asked.Variables.Size <= 5 {
			return nil
		}
		return forgetest.Answer(http.StatusBadGateway, "Something went wrong while executing your query.", nil)
	})
	source := newSource(t, server, hostsOf(t, server), func(c *config.GitHubProvider) { c.PageSizes.Repositories = 10 })
	pages, err := readAll(t.Context(), source)
	require.NoError(t, err)
	require.Len(t, targetsOf(server, pages), 20)
	require.Equal(t, 2, pages[0].Requests, "a large and a small one")
	require.Equal(t, 1, pages[1].Requests, "the size is kept")
}

// TestThousandsOfRepositories counts the requests that a sweep takes, with every descriptor read along.
func TestThousandsOfRepositories(t *testing.T) {
	t.Parallel()
	const repositories, allowed = 5000, 60
	server := start(t)
	for n := range repositories {
		content := fmt.Sprintf("apiVersion: backstage.io/v1alpha1\nkind: System\nmetadata: {name: system-%d}\nspec: {owner: ann}\n", n)
		require.NoError(t, server.AddRepository("acme", fmt.Sprint("repo-", n), forge.Content{Files: map[string]string{descriptor: content}}))
	}
	var asked atomic.Int64
	server.Inject(func(*http.Request) forgetest.Fault {
		asked.Add(1)
		return nil
	})
	pages, err := readAll(t.Context(), newSource(t, server, hostsOf(t, server), nil))
	require.NoError(t, err)
	entities, files := 0, 0
	for _, page := range pages {
		entities, files = entities+len(page.Entities), files+len(page.Files)
	}
	require.Equal(t, repositories, entities)
	require.Equal(t, repositories, files)
	require.LessOrEqual(t, asked.Load(), int64(allowed))
	t.Logf("%d repositories with their descriptors: %d requests", repositories, asked.Load())
}

func TestConfigurationsThatCannotWork(t *testing.T) {
	t.Parallel()
	server := start(t)
	hosts := hostsOf(t, server)
	for name, test := range map[string]struct {
		change func(*config.GitHubProvider)
		says   string
	}{
		"nothing to read":       {func(c *config.GitHubProvider) { c.Organization = "" }, "give either organization or app"},
		"two things to read":    {func(c *config.GitHubProvider) { c.App = 1 }, "give either organization or app"},
		"an unknown host":       {func(c *config.GitHubProvider) { c.Host = "ghe.example.com" }, "No matching integration configuration for host ghe.example.com"},
		"another kind of host":  {func(c *config.GitHubProvider) { c.Host = "gitlab.com" }, "No matching integration configuration for host gitlab.com"},
		"a branch with a slash": {func(c *config.GitHubProvider) { c.Filters.Branch = "release/1" }, "filters.branch"},
		"a glob that must exist": {func(c *config.GitHubProvider) {
			c.CatalogPath, c.ValidateLocationsExist = "/**/catalog-info.yaml", true
		}, "validateLocationsExist needs a catalogPath without wildcards"},
		"a way out":             {func(c *config.GitHubProvider) { c.CatalogPath = "/../x.yaml" }, "leads out of the repository"},
		"a broken pattern":      {func(c *config.GitHubProvider) { c.Filters.Repository = "(" }, "filters.repository is not a regular expression"},
		"an unknown visibility": {func(c *config.GitHubProvider) { c.Filters.Visibility = []string{"secret"} }, "filters.visibility"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := github.Sources(map[string]config.GitHubProvider{"shop": standard(server, test.change)}, hosts)
			require.ErrorContains(t, err, "catalog.providers.github.shop: ")
			require.ErrorContains(t, err, test.says)
		})
	}
}
