package bitbucketcloud_test

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
	"github.com/portico-dev/portico/catalog/provider/bitbucketcloud"
	"github.com/portico-dev/portico/catalog/provider/providertest"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	bitbuckethost "github.com/portico-dev/portico/integration/bitbucketcloud"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/hostevents"
	"github.com/portico-dev/portico/internal/testkit/bitbucketcloudtest"
)

const descriptor = "catalog-info.yaml"

// old is when the first repository of these tests was created and all have changed last.
var old = time.Date(2026, 1, 2, 3, 4, 5, 678_901_000, time.UTC)

var described = map[string]string{descriptor: "kind: System\n", "docs/c.yaml": "kind: API\n", "README.md": "# Shop"}

// add adds repositories that were created one after the other.
func add(server *bitbucketcloudtest.Server, number int, name string, change func(*bitbucketcloudtest.Listed)) {
	listed := bitbucketcloudtest.Listed{Files: described, Branch: "main", Project: "SHOP", Created: old.Add(time.Duration(number) * time.Hour), Updated: old}
	if change != nil {
		change(&listed)
	}
	server.AddListed(name, listed)
}

// hostsOf are the hosts of a configuration with the server.
func hostsOf(t *testing.T, server *bitbucketcloudtest.Server, budget integration.Budget) *integration.Set {
	t.Helper()
	hosts, err := forges.New(forges.Config{BitbucketCloud: []bitbuckethost.Config{{Host: server.Host, APIBaseURL: server.APIURL, BaseURL: server.URL,
		Username: bitbucketcloudtest.Username, AppPassword: bitbucketcloudtest.AppPassword, Budget: budget}}}, integration.Options{})
	require.NoError(t, err)
	return hosts
}

func newSource(t *testing.T, server *bitbucketcloudtest.Server, budget integration.Budget, change func(*config.BitbucketCloudProvider)) provider.Source {
	t.Helper()
	configured := config.BitbucketCloudProvider{Workspace: bitbucketcloudtest.Workspace, CatalogPath: "/" + descriptor}
	if change != nil {
		change(&configured)
	}
	sources, err := bitbucketcloud.Sources(map[string]config.BitbucketCloudProvider{"default": configured}, hostsOf(t, server, budget))
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
func targetsOf(server *bitbucketcloudtest.Server, pages []provider.Page) []string {
	targets := []string{}
	for _, page := range pages {
		for _, one := range page.Entities {
			targets = append(targets, strings.TrimPrefix(one.Location.Target, server.URL+"/acme/"))
		}
	}
	return targets
}

// inject puts the faults of a test in front of the server.
func inject(server *bitbucketcloudtest.Server) func(func(*http.Request) providertest.Fault) {
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
		server := bitbucketcloudtest.Start(t)
		refs := []string{}
		for n := range 7 {
			name := fmt.Sprint("repo-", n)
			if n == 3 {
				add(server, n, name, func(l *bitbucketcloudtest.Listed) { l.Files = map[string]string{"README.md": "# Nothing"} })
				continue
			}
			add(server, n, name, nil)
			target := fmt.Sprintf("%s/acme/%s/src/main/%s", server.URL, name, descriptor)
			refs = append(refs, "location:default/"+entity.LocationEntityName("url", target))
		}
		return providertest.Source{
			New: func() provider.Provider {
				source := newSource(t, server, nil, nil)
				bitbucketcloud.SetPageSize(source, 3)
				return source
			},
			Inject: inject(server),
			Refs:   refs, Pages: 3, // Each page has the last row of the page before.
			Remove: func() { server.RemoveListed("repo-2") }, // the last one of the first page
			Add:    func() { add(server, 10, "another", nil) },
			Rename: func() { server.RenameWorkspace("elsewhere") },
		}
	})
}

func TestWhatIsFound(t *testing.T) {
	t.Parallel()
	server := bitbucketcloudtest.Start(t)
	add(server, 0, "shop", nil)
	add(server, 1, "site", func(l *bitbucketcloudtest.Listed) { l.Project = "WEB" })
	add(server, 2, "bare", func(l *bitbucketcloudtest.Listed) { l.Files = map[string]string{"README.md": "# Bare"} })
	add(server, 3, "empty", func(l *bitbucketcloudtest.Listed) { l.Files = nil })
	add(server, 4, "shop-old", func(l *bitbucketcloudtest.Listed) { l.Branch = "release/1" })
	for name, test := range map[string]struct {
		change   func(*config.BitbucketCloudProvider)
		expected []string
	}{
		"the descriptors":                 {nil, []string{"shop/src/main/" + descriptor, "site/src/main/" + descriptor, "shop-old/src/release/1/" + descriptor}},
		"another file, deeper":            {func(c *config.BitbucketCloudProvider) { c.CatalogPath, c.Filters.RepoSlug = "docs/c.yaml", "s..." }, []string{"shop/src/main/docs/c.yaml", "site/src/main/docs/c.yaml"}},
		"a file where others have a file": {func(c *config.BitbucketCloudProvider) { c.CatalogPath = "README.md/x.yaml" }, []string{}},
		"a directory":                     {func(c *config.BitbucketCloudProvider) { c.CatalogPath = "docs" }, []string{}},
		"by the whole name":               {func(c *config.BitbucketCloudProvider) { c.Filters.RepoSlug = "shop" }, []string{"shop/src/main/" + descriptor}},
		"by one of two names":             {func(c *config.BitbucketCloudProvider) { c.Filters.RepoSlug = "^shop|site$" }, []string{"shop/src/main/" + descriptor, "site/src/main/" + descriptor}},
		"by the project":                  {func(c *config.BitbucketCloudProvider) { c.Filters.ProjectKey = "WEB" }, []string{"site/src/main/" + descriptor}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pages, err := readAll(t.Context(), newSource(t, server, nil, test.change))
			require.NoError(t, err)
			require.Equal(t, test.expected, targetsOf(server, pages))
			require.Equal(t, 5, pages[0].Total)
		})
	}
}

// TestEntitiesAreBackstages: the entity, and what was read along.
func TestEntitiesAreBackstages(t *testing.T) {
	t.Parallel()
	server := bitbucketcloudtest.Start(t)
	add(server, 0, "shop", nil)
	add(server, 1, "large", func(l *bitbucketcloudtest.Listed) {
		l.Files = map[string]string{descriptor: strings.Repeat("#", 300<<10)}
	})
	source := newSource(t, server, nil, nil)
	require.Equal(t, "bitbucketCloud-provider:default", source.Name())
	require.Equal(t, []string{"bitbucketCloud", server.Host + "/acme"}, []string{source.Kind, source.Place})
	page, err := source.ReadPage(t.Context(), "")
	require.NoError(t, err)
	target := server.URL + "/acme/shop/src/main/" + descriptor
	encoded, err := json.Marshal(page.Entities[0].Entity)
	require.NoError(t, err)
	require.JSONEq(t, `{"apiVersion": "backstage.io/v1alpha1", "kind": "Location", "metadata": {
		"name": "`+entity.LocationEntityName("url", target)+`", "annotations": {"bitbucket.org/repo-url": "`+server.URL+`/acme/shop",
			"backstage.io/managed-by-location": "url:`+target+`", "backstage.io/managed-by-origin-location": "url:`+target+`"}},
		"spec": {"type": "url", "target": "`+target+`", "presence": "required"}}`, string(encoded))
	require.Len(t, page.Entities, 2)
	require.Len(t, page.Files, 1, "what is large is not read along")
	require.Equal(t, described[descriptor], string(page.Files[0].Body))
}

// TestNothingVisibleIsNoEmptyWorkspace: Bitbucket answers an empty list to an account that has lost its access.
func TestNothingVisibleIsNoEmptyWorkspace(t *testing.T) {
	t.Parallel()
	server := bitbucketcloudtest.Start(t)
	_, err := newSource(t, server, nil, nil).ReadPage(t.Context(), "")
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	require.ErrorContains(t, err, "the account sees no repository of")
}

// TestAnotherWorkspaceOfTheName: a name that was given up can be taken.
func TestAnotherWorkspaceOfTheName(t *testing.T) {
	t.Parallel()
	server := bitbucketcloudtest.Start(t)
	for n := range 3 {
		add(server, n, fmt.Sprint("repo-", n), nil)
	}
	source := newSource(t, server, nil, nil)
	bitbucketcloud.SetPageSize(source, 2)
	page, err := source.ReadPage(t.Context(), "")
	require.NoError(t, err)
	server.ReplaceWorkspace()
	_, err = source.ReadPage(t.Context(), page.Next)
	require.Equal(t, fault.Conflict, fault.KindOf(err))
}

// TestRepositoriesOfOneSecond: the list is asked from a second on, in which others may have been created.
func TestRepositoriesOfOneSecond(t *testing.T) {
	t.Parallel()
	server := bitbucketcloudtest.Start(t)
	for n := range 6 {
		add(server, 0, fmt.Sprint("repo-", n), func(l *bitbucketcloudtest.Listed) { l.Created = old.Add(time.Duration(n) * time.Millisecond) })
	}
	add(server, 1, "repo-6", nil)
	source := newSource(t, server, nil, nil)
	pages, err := readAll(t.Context(), source)
	require.NoError(t, err)
	require.Len(t, targetsOf(server, pages), 7)
	bitbucketcloud.SetPageSize(source, 3)
	_, err = readAll(t.Context(), source)
	require.Equal(t, fault.Conflict, fault.KindOf(err), "more than a page: %v", err)
}

// TestThousandsOfRepositories counts the requests of sweeps: all is new, and nothing has changed. Half of the repositories have a
// descriptor.
func TestThousandsOfRepositories(t *testing.T) {
	t.Parallel()
	const repositories = 1000
	server := bitbucketcloudtest.Start(t)
	for n := range repositories {
		add(server, n, fmt.Sprint("repo-", n), func(l *bitbucketcloudtest.Listed) {
			if n%2 == 0 {
				l.Files = map[string]string{"README.md": ""}
			}
		})
	}
	source := newSource(t, server, nil, nil)
	again, is := source.Provider.(provider.Rereader)
	require.True(t, is)
	etags := map[string]string{}
	sweep := func() (entities, requests int) {
		stored := map[string]string{}
		for cursor, pages := "", 0; pages < 20; pages++ {
			page, err := again.Reread(t.Context(), cursor, func(context.Context, []string) (map[string]string, error) { return etags, nil })
			require.NoError(t, err)
			entities, requests = entities+len(page.Entities), requests+page.Requests
			for _, file := range page.Files {
				stored[file.URL] = file.ETag
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		etags = stored
		return entities, requests
	}
	entities, requests := sweep()
	require.Equal(t, []int{repositories / 2, 11 + repositories + repositories/2}, []int{entities, requests}, "new")
	entities, requests = sweep()
	require.Equal(t, []int{repositories / 2, 11}, []int{entities, requests}, "unchanged")
	server.ChangeListed("repo-1", func(l *bitbucketcloudtest.Listed) {
		l.Files, l.Updated = map[string]string{"README.md": ""}, old.Add(time.Second)
	})
	entities, requests = sweep()
	require.Equal(t, []int{repositories/2 - 1, 12}, []int{entities, requests}, "one has changed")
}

// budget is what processes share.
type budget struct {
	wait     time.Duration
	recorded atomic.Int64
}

func (b *budget) Wait(context.Context, string, string) (time.Duration, error) { return b.wait, nil }

func (b *budget) Record(context.Context, string, *http.Response) { b.recorded.Add(1) }

// TestTheRateLimitIsShared: a sweep waits as long as any process was asked to, and a run does not.
func TestTheRateLimitIsShared(t *testing.T) {
	t.Parallel()
	server := bitbucketcloudtest.Start(t)
	add(server, 0, "shop", nil)
	known := &budget{}
	source := newSource(t, server, known, nil)
	_, err := source.ReadPage(t.Context(), "")
	require.NoError(t, err)
	require.EqualValues(t, 3, known.recorded.Load())
	known.wait = 5 * time.Minute
	_, err = source.ReadPage(t.Context(), "")
	after, passes := integration.MayPass(err)
	require.True(t, passes)
	require.Equal(t, 5*time.Minute, after)
	require.EqualValues(t, 3, known.recorded.Load(), "nothing was sent")
	host, err := integration.HostOf[*bitbuckethost.Host](hostsOf(t, server, known), server.Host)
	require.NoError(t, err)
	var user any
	_, err = host.Account("").API.JSON(t.Context(), "/user", nil, &user)
	require.NoError(t, err, "a run goes on")
	require.EqualValues(t, 4, known.recorded.Load())
}

func TestConcernedByItsRepositories(t *testing.T) {
	t.Parallel()
	server := bitbucketcloudtest.Start(t)
	source, is := newSource(t, server, nil, func(c *config.BitbucketCloudProvider) { c.Filters.RepoSlug = "shop.*" }).Provider.(provider.Watcher)
	require.True(t, is)
	pushed := func(repository string) hostevents.Event {
		return hostevents.Event{Kind: hostevents.Pushed, Host: server.Host, Repository: repository, Push: hostevents.Push{Ref: "main", AllPaths: true}}
	}
	require.True(t, source.Concerned(pushed("acme/shop")))
	require.True(t, source.Concerned(hostevents.Event{Kind: hostevents.Transferred, Host: server.Host, Repository: "other/x", Former: "acme/shop"}))
	for name, event := range map[string]hostevents.Event{
		"another repository": pushed("acme/site"),
		"another workspace":  pushed("acmes/shop"),
		"another host":       {Kind: hostevents.Created, Host: "bitbucket.org", Repository: "acme/shop"},
	} {
		require.False(t, source.Concerned(event), name)
	}
}

func TestConfigurationsThatCannotWork(t *testing.T) {
	t.Parallel()
	hosts, err := forges.New(forges.Config{}, integration.Options{})
	require.NoError(t, err)
	for says, change := range map[string]func(*config.BitbucketCloudProvider){
		"is no name of a workspace":         func(c *config.BitbucketCloudProvider) { c.Workspace = "acme/shop" },
		"is no file of a repository":        func(c *config.BitbucketCloudProvider) { c.CatalogPath = "/../x.yaml" },
		"is a pattern":                      func(c *config.BitbucketCloudProvider) { c.CatalogPath = "**/x.yaml" },
		"filters.repoSlug is not a regular": func(c *config.BitbucketCloudProvider) { c.Filters.RepoSlug = "(?!a)" },
		"filters.projectKey is not":         func(c *config.BitbucketCloudProvider) { c.Filters.ProjectKey = "(" },
	} {
		configured := config.BitbucketCloudProvider{Workspace: "acme", CatalogPath: "/x.yaml"}
		change(&configured)
		_, err := bitbucketcloud.Sources(map[string]config.BitbucketCloudProvider{"shop": configured}, hosts)
		require.ErrorContains(t, err, "catalog.providers.bitbucketCloud.shop: ")
		require.ErrorContains(t, err, says)
		require.Equal(t, fault.Input, fault.KindOf(err))
	}
}
