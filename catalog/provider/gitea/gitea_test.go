package gitea_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/gitea"
	"github.com/portico-dev/portico/catalog/provider/providertest"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	giteahost "github.com/portico-dev/portico/integration/gitea"
	"github.com/portico-dev/portico/integration/hostevents"
	"github.com/portico-dev/portico/internal/testkit/apitest"
	"github.com/portico-dev/portico/internal/testkit/giteatest"
)

const descriptor = "catalog-info.yaml"

// old is when the repositories of these tests have changed last.
var old = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func with(files map[string]string) giteatest.Listed {
	return giteatest.Listed{Files: files, Updated: old}
}

var described = map[string]string{descriptor: "kind: System\n", "docs/c.yaml": "kind: API\n", "README.md": "# Shop"}

func start(t *testing.T) *giteatest.Server {
	t.Helper()
	server := giteatest.Start(t)
	server.PageSize(50)
	return server
}

// hostsOf are the hosts of a configuration with the server.
func hostsOf(t *testing.T, server *giteatest.Server, budget integration.Budget) *integration.Set {
	t.Helper()
	hosts, err := forges.New(forges.Config{Gitea: []giteahost.Config{
		{Host: server.Host, BaseURL: server.URL, Username: giteatest.Account, Password: giteatest.Password, Budget: budget},
	}}, integration.Options{})
	require.NoError(t, err)
	return hosts
}

func standard(server *giteatest.Server, change func(*config.GiteaProvider)) config.GiteaProvider {
	configured := config.GiteaProvider{Host: server.Host, Organization: giteatest.Organization, CatalogPath: descriptor}
	if change != nil {
		change(&configured)
	}
	return configured
}

func newSource(t *testing.T, server *giteatest.Server, budget integration.Budget, change func(*config.GiteaProvider)) provider.Source {
	t.Helper()
	sources, err := gitea.Sources(map[string]config.GiteaProvider{"default": standard(server, change)}, hostsOf(t, server, budget))
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
func targetsOf(server *giteatest.Server, pages []provider.Page) []string {
	targets := []string{}
	for _, page := range pages {
		for _, one := range page.Entities {
			targets = append(targets, strings.TrimPrefix(one.Location.Target, server.URL+"/"+giteatest.Organization+"/"))
		}
	}
	return targets
}

// inject puts the faults of a test in front of the server.
func inject(server *apitest.Server) func(func(*http.Request) providertest.Fault) {
	return func(pick func(*http.Request) providertest.Fault) {
		server.Inject(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if pick != nil {
					if fault := pick(r); fault != nil {
						fault(w, r, next)
						return
					}
				}
				next.ServeHTTP(w, r)
			})
		})
	}
}

func TestItConforms(t *testing.T) {
	t.Parallel()
	providertest.Conform(t, func(t *testing.T) providertest.Source {
		t.Helper()
		server := start(t)
		refs := []string{}
		for n := range 7 {
			name := fmt.Sprint("repo-", n)
			server.AddListed(name, with(described))
			if n == 3 {
				server.ChangeListed(name, func(l *giteatest.Listed) { l.Files = map[string]string{"README.md": "# Nothing"} })
				continue
			}
			target := fmt.Sprintf("%s/demo/%s/src/branch/main/%s", server.URL, name, descriptor)
			refs = append(refs, "location:default/"+entity.LocationEntityName("url", target))
		}
		return providertest.Source{
			New: func() provider.Provider {
				source := newSource(t, server, nil, nil)
				gitea.SetPageSize(source, 3)
				return source
			},
			Inject: inject(server.Server),
			Refs:   refs, Pages: 3,
			Remove: func() { server.RemoveListed("repo-1") },
			Add:    func() { server.AddListed("another", with(described)) },
			Rename: func() { server.RenameOrganization("elsewhere") },
		}
	})
}

func TestWhatIsFound(t *testing.T) {
	t.Parallel()
	server := start(t)
	server.AddListed("shop", with(described))
	server.AddListed("site", with(map[string]string{descriptor: "kind: API\n"}))
	server.AddListed("bare", with(map[string]string{"README.md": "# Bare"}))
	server.AddListed("empty", with(nil))
	server.AddListed("closed", giteatest.Listed{Files: described, IsUnreadable: true})
	server.AddListed("hidden", with(described))
	server.HideListed("hidden")
	for name, test := range map[string]struct {
		change   func(*config.GiteaProvider)
		expected []string
	}{
		"the descriptors":                 {nil, []string{"shop/src/branch/main/" + descriptor, "site/src/branch/main/" + descriptor}},
		"another file, deeper":            {func(c *config.GiteaProvider) { c.CatalogPath = "/docs/c.yaml" }, []string{"shop/src/branch/main/docs/c.yaml"}},
		"a file where others have a file": {func(c *config.GiteaProvider) { c.CatalogPath = "README.md/x.yaml" }, []string{}},
		"a directory":                     {func(c *config.GiteaProvider) { c.CatalogPath = "docs" }, []string{}},
		"a branch that there is":          {func(c *config.GiteaProvider) { c.Branch = "main" }, []string{"shop/src/branch/main/" + descriptor, "site/src/branch/main/" + descriptor}},
		"a branch that there is not":      {func(c *config.GiteaProvider) { c.Branch = "release/1" }, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pages, err := readAll(t.Context(), newSource(t, server, nil, test.change))
			require.NoError(t, err)
			require.Equal(t, test.expected, targetsOf(server, pages))
			require.Equal(t, []string{"demo/closed is left out: the account may not read its files"}, pages[0].Remarks)
			require.Equal(t, 6, pages[0].Total)
		})
	}
}

// TestEntitiesAreBackstages: the entity, and what was read along.
func TestEntitiesAreBackstages(t *testing.T) {
	t.Parallel()
	server := start(t)
	server.AddListed("shop", with(described))
	server.AddListed("large", with(map[string]string{descriptor: strings.Repeat("#", 300<<10)}))
	source := newSource(t, server, nil, nil)
	require.Equal(t, "gitea-provider:default", source.Name())
	require.Equal(t, []string{"gitea", server.Host + "/demo"}, []string{source.Kind, source.Place})
	page, err := source.ReadPage(t.Context(), "")
	require.NoError(t, err)
	target := server.URL + "/demo/shop/src/branch/main/" + descriptor
	encoded, err := json.Marshal(page.Entities[0].Entity)
	require.NoError(t, err)
	require.JSONEq(t, `{"apiVersion": "backstage.io/v1alpha1", "kind": "Location", "metadata": {
		"name": "`+entity.LocationEntityName("url", target)+`",
		"annotations": {"backstage.io/managed-by-location": "url:`+target+`", "backstage.io/managed-by-origin-location": "url:`+target+`"}},
		"spec": {"type": "url", "target": "`+target+`"}}`, string(encoded))
	require.Len(t, page.Entities, 2)
	require.Equal(t, []provider.File{{URL: target, ETag: "2026-01-02T03:04:05Z@main 51033824fad357a01093928264df63e450a1c1f1", Body: []byte(described[descriptor])}},
		page.Files, "what is large is not read along")
}

// TestNothingVisibleIsNoEmptyOrganization: an account that has lost its access does not remove everything.
func TestNothingVisibleIsNoEmptyOrganization(t *testing.T) {
	t.Parallel()
	server := start(t)
	_, err := newSource(t, server, nil, nil).ReadPage(t.Context(), "")
	require.NoError(t, err, "an organization may have no repository")
	server.AddListed("shop", with(described))
	server.HideListed("shop")
	_, err = newSource(t, server, nil, nil).ReadPage(t.Context(), "")
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	require.ErrorContains(t, err, "the account may see none of the 1 repositories")
}

// TestAnotherOrganizationOfTheName: a name that was given up can be taken.
func TestAnotherOrganizationOfTheName(t *testing.T) {
	t.Parallel()
	server := start(t)
	for n := range 3 {
		server.AddListed(fmt.Sprint("repo-", n), with(described))
	}
	source := newSource(t, server, nil, nil)
	gitea.SetPageSize(source, 2)
	page, err := source.ReadPage(t.Context(), "")
	require.NoError(t, err)
	server.ReplaceOrganization()
	_, err = source.ReadPage(t.Context(), page.Next)
	require.Equal(t, fault.Conflict, fault.KindOf(err))
}

// TestARepositoryThatHasJustChangedIsReadAgain: hosts tell times to the second, and a copy has the times of commits.
func TestARepositoryThatHasJustChangedIsReadAgain(t *testing.T) {
	t.Parallel()
	server := start(t)
	server.AddListed("new", giteatest.Listed{Files: described, Updated: time.Now()})
	server.AddListed("copy", giteatest.Listed{Files: described, Updated: old, IsMirror: true})
	server.AddListed("old", giteatest.Listed{Files: described, Updated: old})
	source := newSource(t, server, nil, nil)
	page, err := source.ReadPage(t.Context(), "")
	require.NoError(t, err)
	again, is := source.Provider.(provider.Rereader)
	require.True(t, is)
	known := func(context.Context, []string) (map[string]string, error) {
		etags := map[string]string{}
		for _, file := range page.Files {
			etags[file.URL] = file.ETag
		}
		return etags, nil
	}
	reread, err := again.Reread(t.Context(), "", known)
	require.NoError(t, err)
	require.Equal(t, 3, reread.Requests)
	require.Nil(t, reread.Files[2].Body)
	server.ChangeListed("old", func(l *giteatest.Listed) {
		l.Files, l.Updated = map[string]string{descriptor: "kind: API\n"}, old.Add(time.Second)
	})
	reread, err = again.Reread(t.Context(), "", known)
	require.NoError(t, err)
	require.Equal(t, "kind: API\n", string(reread.Files[2].Body))
}

// TestThousandsOfRepositories counts the requests of a sweep in which nothing has changed. Half of the repositories have a descriptor.
func TestThousandsOfRepositories(t *testing.T) {
	t.Parallel()
	const repositories = 5000
	server := start(t)
	for n := range repositories {
		files := described
		if n%2 == 0 {
			files = map[string]string{"README.md": ""}
		}
		server.AddListed(fmt.Sprint("repo-", n), with(files))
	}
	source := newSource(t, server, nil, nil)
	again, is := source.Provider.(provider.Rereader)
	require.True(t, is)
	known := func(_ context.Context, urls []string) (map[string]string, error) {
		etags := map[string]string{}
		for n, url := range urls {
			if n%4 == 1 || n%4 == 2 { // an absent one, and the file of the next
				etags[url] = "2026-01-02T03:04:05Z@main"
				if !provider.IsAbsentURL(url) {
					etags[url] += " hash"
				}
			}
		}
		return etags, nil
	}
	entities, requests := 0, 0
	for cursor, pages := "", 0; pages < 200; pages++ {
		page, err := again.Reread(t.Context(), cursor, known)
		require.NoError(t, err)
		entities, requests = entities+len(page.Entities), requests+page.Requests
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	require.Equal(t, repositories/2, entities)
	require.Equal(t, 199, requests, "each page but the last is read twice, to notice repositories that go")
}

// budget is what processes share.
type budget struct {
	wait     time.Duration
	recorded atomic.Int64
}

func (b *budget) Wait(context.Context, string, string) (time.Duration, error) { return b.wait, nil }

func (b *budget) Record(context.Context, string, *http.Response) { b.recorded.Add(1) }

// TestTheRateLimitIsShared: a sweep leaves a part to runs, and both say what they hear.
func TestTheRateLimitIsShared(t *testing.T) {
	t.Parallel()
	server := start(t)
	server.AddListed("shop", with(described))
	known := &budget{}
	source := newSource(t, server, known, nil)
	_, err := source.ReadPage(t.Context(), "")
	require.NoError(t, err)
	require.EqualValues(t, 2, known.recorded.Load())
	known.wait = 5 * time.Minute
	_, err = source.ReadPage(t.Context(), "")
	after, passes := integration.MayPass(err)
	require.True(t, passes)
	require.Equal(t, 5*time.Minute, after)
	require.EqualValues(t, 2, known.recorded.Load(), "nothing was sent")
	host, err := integration.HostOf[*giteahost.Host](hostsOf(t, server, known), server.Host)
	require.NoError(t, err)
	var user any
	_, err = host.Account().API.JSON(t.Context(), "/user", nil, &user)
	require.NoError(t, err, "a run goes on")
	require.EqualValues(t, 3, known.recorded.Load())
}

func TestConcernedByItsRepositories(t *testing.T) {
	t.Parallel()
	server := start(t)
	source, is := newSource(t, server, nil, nil).Provider.(provider.Watcher)
	require.True(t, is)
	pushed := func(repository string, paths ...string) hostevents.Event {
		return hostevents.Event{Kind: hostevents.Pushed, Host: server.Host, Repository: repository, Push: hostevents.Push{Ref: "main", DefaultBranch: "main", Paths: paths}}
	}
	require.True(t, source.Concerned(pushed("demo/shop", descriptor)))
	require.True(t, source.Concerned(hostevents.Event{Kind: hostevents.Transferred, Host: server.Host, Repository: "other/x", Former: "demo/x"}))
	for name, event := range map[string]hostevents.Event{
		"another file":         pushed("demo/shop", "README.md"),
		"another organization": pushed("demos/shop", descriptor),
		"another host":         {Kind: hostevents.Created, Host: "gitea.com", Repository: "demo/x"},
		"people":               {Kind: hostevents.MembershipChanged, Host: server.Host, Owner: "demo"},
	} {
		require.False(t, source.Concerned(event), name)
	}
}

func TestConfigurationsThatCannotWork(t *testing.T) {
	t.Parallel()
	server := start(t)
	hosts := hostsOf(t, server, nil)
	for name, test := range map[string]struct {
		change func(*config.GiteaProvider)
		says   string
	}{
		"an unknown host":      {func(c *config.GiteaProvider) { c.Host = "gitea.example.com" }, "No matching integration configuration for host gitea.example.com"},
		"another kind of host": {func(c *config.GiteaProvider) { c.Host = "github.com" }, "No matching integration configuration for host github.com"},
		"a repository":         {func(c *config.GiteaProvider) { c.Organization = "acme/shop" }, "is no name of an organization"},
		"a way out":            {func(c *config.GiteaProvider) { c.CatalogPath = "../x.yaml" }, "is no file of a repository"},
		"a pattern":            {func(c *config.GiteaProvider) { c.CatalogPath = "**/catalog-info.yaml" }, "is a pattern"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := gitea.Sources(map[string]config.GiteaProvider{"shop": standard(server, test.change)}, hosts)
			require.ErrorContains(t, err, "catalog.providers.gitea.shop: ")
			require.ErrorContains(t, err, test.says)
			require.Equal(t, fault.Input, fault.KindOf(err))
		})
	}
}
