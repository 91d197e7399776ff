package azuredevops_test

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
	"github.com/portico-dev/portico/catalog/provider/azuredevops"
	"github.com/portico-dev/portico/catalog/provider/providertest"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	azurehost "github.com/portico-dev/portico/integration/azure"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/hostevents"
	"github.com/portico-dev/portico/internal/testkit/azuretest"
)

const descriptor = "catalog-info.yaml"

var described = map[string]string{descriptor: "kind: System\n", "docs/c.yaml": "kind: API\n", "README.md": "# Shop"}

// hostsOf are the hosts of a configuration with the server.
func hostsOf(t *testing.T, server *azuretest.Server, budget integration.Budget) *integration.Set {
	t.Helper()
	hosts, err := forges.New(forges.Config{Azure: []azurehost.Config{{Host: server.Host, BaseURL: server.URL, Budget: budget,
		Credentials: []azurehost.Credential{{PersonalAccessToken: azuretest.Token}}}}}, integration.Options{})
	require.NoError(t, err)
	return hosts
}

func standard(server *azuretest.Server, change func(*config.AzureDevOpsProvider)) config.AzureDevOpsProvider {
	configured := config.AzureDevOpsProvider{Host: server.Host, Organization: azuretest.Organization, Project: azuretest.Project, Repository: "*", Path: "/" + descriptor}
	if change != nil {
		change(&configured)
	}
	return configured
}

func newSource(t *testing.T, server *azuretest.Server, budget integration.Budget, change func(*config.AzureDevOpsProvider)) provider.Source {
	t.Helper()
	sources, err := azuredevops.Sources(map[string]config.AzureDevOpsProvider{"default": standard(server, change)}, hostsOf(t, server, budget))
	require.NoError(t, err)
	require.Len(t, sources, 1)
	return sources[0]
}

// targetsOf are the ends of the targets of all Locations of a page.
func targetsOf(server *azuretest.Server, page provider.Page) []string {
	targets := []string{}
	for _, one := range page.Entities {
		targets = append(targets, strings.TrimPrefix(one.Location.Target, server.URL+"/acme/web/_git/"))
	}
	return targets
}

func TestItConforms(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*config.AzureDevOpsProvider){
		"one file": nil,
		"a glob":   func(c *config.AzureDevOpsProvider) { c.Project, c.Path = "*", "/*.yaml" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.Conform(t, func(t *testing.T) providertest.Source {
				t.Helper()
				server := azuretest.Start(t)
				refs := []string{}
				for n := range 7 {
					name := fmt.Sprint("repo-", n)
					if n == 3 {
						server.AddListed(name, map[string]string{"README.md": "# Nothing"})
						continue
					}
					server.AddListed(name, described)
					target := fmt.Sprintf("%s/acme/web/_git/%s?path=/%s", server.URL, name, descriptor)
					refs = append(refs, "location:default/"+entity.LocationEntityName("url", target))
				}
				return providertest.Source{
					New: func() provider.Provider {
						source := newSource(t, server, nil, change)
						azuredevops.SetPageSize(source, 3)
						return source
					},
					Inject: func(pick func(*http.Request) providertest.Fault) {
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
					},
					Refs: refs, Pages: 3,
					Remove: func() { server.RemoveListed("repo-1") },
					Add:    func() { server.AddListed("another", described) },
				}
			})
		})
	}
}

func TestWhatIsFound(t *testing.T) {
	t.Parallel()
	server := azuretest.Start(t)
	server.AddListed("shop", described)
	server.AddListed("my site", map[string]string{descriptor: "kind: API\n", "src/a/x.yaml": "", "src/b/x.yaml": "", "src/a&b.yaml": ""})
	server.AddListed("bare", map[string]string{"README.md": "# Bare"})
	server.AddListed("empty", nil)
	for name, test := range map[string]struct {
		change   func(*config.AzureDevOpsProvider)
		expected []string
	}{
		"the descriptors":            {nil, []string{"shop?path=/" + descriptor, "my%20site?path=/" + descriptor}},
		"another file, deeper":       {func(c *config.AzureDevOpsProvider) { c.Path = "docs/c.yaml" }, []string{"shop?path=/docs/c.yaml"}},
		"a directory":                {func(c *config.AzureDevOpsProvider) { c.Path = "docs" }, []string{}},
		"a branch that there is":     {func(c *config.AzureDevOpsProvider) { c.Branch = "main" }, []string{"shop?path=/" + descriptor + "&version=GBmain", "my%20site?path=/" + descriptor + "&version=GBmain"}},
		"a branch that there is not": {func(c *config.AzureDevOpsProvider) { c.Branch = "release/1" }, []string{}},
		"a repository":               {func(c *config.AzureDevOpsProvider) { c.Repository = "SHOP" }, []string{"shop?path=/" + descriptor}},
		"repositories by a pattern":  {func(c *config.AzureDevOpsProvider) { c.Repository = "my*" }, []string{"my%20site?path=/" + descriptor}},
		"all projects":               {func(c *config.AzureDevOpsProvider) { c.Project = "*" }, []string{"shop?path=/" + descriptor, "my%20site?path=/" + descriptor}},
		"projects by a pattern":      {func(c *config.AzureDevOpsProvider) { c.Project = "api-*" }, []string{}},
		"files by a glob":            {func(c *config.AzureDevOpsProvider) { c.Path = "/src/*/x.yaml" }, []string{"my%20site?path=/src/a/x.yaml", "my%20site?path=/src/b/x.yaml"}},
		"a file with a mark of queries": {func(c *config.AzureDevOpsProvider) { c.Path = "/src/a*.yaml" },
			[]string{"my%20site?path=/src/a%26b.yaml"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page, err := newSource(t, server, nil, test.change).ReadPage(t.Context(), "")
			require.NoError(t, err)
			require.Equal(t, test.expected, targetsOf(server, page))
			require.Empty(t, page.Next)
		})
	}
}

// TestEntitiesAreBackstages: the entity, and what was read along.
func TestEntitiesAreBackstages(t *testing.T) {
	t.Parallel()
	server := azuretest.Start(t)
	server.AddListed("shop", described)
	server.AddListed("large", map[string]string{descriptor: strings.Repeat("#", 300<<10)})
	source := newSource(t, server, nil, nil)
	require.Equal(t, "AzureDevOpsEntityProvider:default", source.Name())
	require.Equal(t, []string{"azureDevOps", server.Host + "/acme/web"}, []string{source.Kind, source.Place})
	page, err := source.ReadPage(t.Context(), "")
	require.NoError(t, err)
	target := server.URL + "/acme/web/_git/shop?path=/" + descriptor
	encoded, err := json.Marshal(page.Entities[0].Entity)
	require.NoError(t, err)
	require.JSONEq(t, `{"apiVersion": "backstage.io/v1alpha1", "kind": "Location", "metadata": {"name": "`+entity.LocationEntityName("url", target)+`",
		"annotations": {"backstage.io/managed-by-location": "url:`+target+`", "backstage.io/managed-by-origin-location": "url:`+target+`"}},
		"spec": {"type": "url", "target": "`+target+`", "presence": "required"}}`, string(encoded))
	require.Len(t, page.Entities, 2)
	require.Equal(t, []provider.File{{URL: target, ETag: "51033824fad357a01093928264df63e450a1c1f1", Body: []byte(described[descriptor])}}, page.Files,
		"what is large is not read along")
	require.Equal(t, 3, page.Requests)
}

// TestAnAnswerThatIsNotAzuresRemovesNothing: it is not Azure DevOps that says that a file does not exist, or a list is cut off.
func TestAnAnswerThatIsNotAzuresRemovesNothing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		path   string
		status int
		body   string
	}{
		"a proxy finds no file":         {"/items", http.StatusNotFound, `{"message": "no route"}`},
		"the repository is not found":   {"/items", http.StatusNotFound, `{"typeKey": "GitRepositoryNotFoundException"}`},
		"the project was renamed":       {"/repositories", http.StatusNotFound, `{"typeKey": "ProjectDoesNotExistWithNameException"}`},
		"no repository is visible":      {"/repositories", http.StatusOK, `{"count": 0, "value": []}`},
		"the list is shorter than said": {"/repositories", http.StatusOK, `{"count": 2, "value": [{"id": "1", "name": "a", "project": {"name": "web"}}]}`},
		"the list has no names":         {"/repositories", http.StatusOK, `{"count": 1, "value": [{"id": "1"}]}`},
		"another file":                  {"/items", http.StatusOK, `{"objectId": "1", "gitObjectType": "blob", "path": "/README.md"}`},
		"a page to sign in":             {"/repositories", http.StatusNonAuthoritativeInfo, `<html>`},
	} {
		server := azuretest.Start(t)
		server.AddListed("shop", described)
		server.Inject(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, test.path) {
					w.WriteHeader(test.status)
					fmt.Fprint(w, test.body)
					return
				}
				next.ServeHTTP(w, r)
			})
		})
		page, err := newSource(t, server, nil, nil).ReadPage(t.Context(), "")
		require.Error(t, err, name)
		require.Zero(t, page, name)
	}
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
	server := azuretest.Start(t)
	server.AddListed("shop", described)
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
	host, err := integration.HostOf[*azurehost.Host](hostsOf(t, server, known), server.Host)
	require.NoError(t, err)
	var user any
	_, err = host.Account(azuretest.Organization, "").API.JSON(t.Context(), "/_apis/connectionData?api-version=6.0", nil, &user)
	require.NoError(t, err, "a run goes on")
	require.EqualValues(t, 3, known.recorded.Load())
}

func TestConcernedByItsRepositories(t *testing.T) {
	t.Parallel()
	server := azuretest.Start(t)
	source, is := newSource(t, server, nil, func(c *config.AzureDevOpsProvider) { c.Repository = "shop*" }).Provider.(provider.Watcher)
	require.True(t, is)
	pushed := func(repository, ref string) hostevents.Event {
		return hostevents.Event{Kind: hostevents.Pushed, Host: server.Host, Repository: repository, Push: hostevents.Push{Ref: ref, DefaultBranch: "main", AllPaths: true}}
	}
	require.True(t, source.Concerned(pushed("acme/web/shop-a", "main")))
	require.True(t, source.Concerned(hostevents.Event{Kind: hostevents.Renamed, Host: server.Host, Repository: "acme/web/x", Former: "acme/web/shop"}))
	for name, event := range map[string]hostevents.Event{
		"another branch":       pushed("acme/web/shop", "feature"),
		"another repository":   pushed("acme/web/site", "main"),
		"another project":      pushed("acme/api/shop", "main"),
		"another organization": pushed("other/web/shop", "main"),
		"another host":         {Kind: hostevents.Created, Host: "dev.azure.com", Repository: "acme/web/shop"},
	} {
		require.False(t, source.Concerned(event), name)
	}
}

func TestConfigurationsThatCannotWork(t *testing.T) {
	t.Parallel()
	server := azuretest.Start(t)
	hosts := hostsOf(t, server, nil)
	for says, change := range map[string]func(*config.AzureDevOpsProvider){
		"No matching integration configuration for host azure.acme.example": func(c *config.AzureDevOpsProvider) { c.Host = "azure.acme.example" },
		"is no name of an organization":                                     func(c *config.AzureDevOpsProvider) { c.Organization = "../acme" },
		"is no name of a project":                                           func(c *config.AzureDevOpsProvider) { c.Project = "a/b" },
		"is no file of a repository":                                        func(c *config.AzureDevOpsProvider) { c.Path = "/../x.yaml" },
		"is no glob":                                                        func(c *config.AzureDevOpsProvider) { c.Path = "/{a.yaml" },
	} {
		_, err := azuredevops.Sources(map[string]config.AzureDevOpsProvider{"shop": standard(server, change)}, hosts)
		require.ErrorContains(t, err, "catalog.providers.azureDevOps.shop: ")
		require.ErrorContains(t, err, says)
		require.Equal(t, fault.Input, fault.KindOf(err))
	}
}
