package gitlab_test

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
	"time"

	"github.com/stretchr/testify/require"
	client "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/gitlab"
	"github.com/portico-dev/portico/catalog/provider/providertest"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	gitlabhost "github.com/portico-dev/portico/integration/gitlab"
	"github.com/portico-dev/portico/integration/hostevents"
	"github.com/portico-dev/portico/internal/testkit/gitlabtest"
)

// descriptor is the file catalog-info.yaml.
const descriptor = "catalog-info.yaml"

var file = map[string]string{descriptor: "kind: System\n"}

// hostsOf are the hosts of a configuration with the server.
func hostsOf(t *testing.T, server *gitlabtest.Server, budget integration.Budget) *integration.Set {
	t.Helper()
	hosts, err := forges.New(forges.Config{GitLab: []gitlabhost.Config{
		{Host: server.Host, APIBaseURL: server.APIBaseURL, BaseURL: server.URL, Token: gitlabtest.Token, Budget: budget},
	}}, integration.Options{})
	require.NoError(t, err)
	return hosts
}

// standard is the configuration with the defaults of the schema.
func standard(server *gitlabtest.Server, change func(*config.GitLabProvider)) config.GitLabProvider {
	configured := config.GitLabProvider{Host: server.Host, Group: "acme", EntityFilename: descriptor, FallbackBranch: "master",
		ProjectPattern: `[\s\S]*`, GroupPattern: []string{`[\s\S]*`}}
	if change != nil {
		change(&configured)
	}
	return configured
}

func newSource(t *testing.T, server *gitlabtest.Server, hosts *integration.Set, change func(*config.GitLabProvider)) provider.Source {
	t.Helper()
	sources, err := gitlab.Sources(map[string]config.GitLabProvider{"default": standard(server, change)}, hosts)
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
func targetsOf(server *gitlabtest.Server, pages []provider.Page) []string {
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
		server := gitlabtest.Start(t)
		refs := []string{}
		target := func(n int) string { return fmt.Sprintf("%s/acme/repo-%d/-/blob/main/%s", server.URL, n, descriptor) }
		for n := range 7 {
			server.AddListed(fmt.Sprint("acme/repo-", n), file)
			refs = append(refs, "location:default/"+entity.LocationEntityName("url", target(n)))
		}
		hosts := hostsOf(t, server, nil)
		return providertest.Source{
			New: func() provider.Provider {
				source := newSource(t, server, hosts, nil)
				gitlab.SetPageSize(source, 3)
				return source
			},
			Inject: func(pick func(*http.Request) providertest.Fault) {
				server.Inject(func(r *http.Request) gitlabtest.Fault {
					if pick == nil {
						return nil
					}
					return gitlabtest.Fault(pick(r))
				})
			},
			Refs: refs, Pages: 3, // Each page has the last row of the page before.
			Remove: func() { server.RemoveProject("acme/repo-6") },
			Add:    func() { server.AddListed("acme/another", file) },
			Rename: func() { server.RenameGroup("acme", "acme-gone") },
		}
	})
}

func TestWhatIsFound(t *testing.T) {
	t.Parallel()
	server := gitlabtest.Start(t)
	server.AddGroup("acme/web", gitlabtest.Portico)
	server.AddGroup("acme/web/team", gitlabtest.Portico)
	server.AddGroup("other", gitlabtest.Portico)
	server.AddProject("acme/shop", gitlabtest.Portico, map[string]string{descriptor: "kind: System\n", "docs/c.yaml": "kind: API\n"})
	server.Commit("acme/shop", "release/1", gitlabtest.Portico, map[string]string{"README.md": "# Shop"})
	for _, path := range []string{"acme/web/site", "acme/web/team/tool", "acme/old", "acme/copy", "other/x", "portico/mine", "ann/dots"} {
		server.AddListed(path, file)
	}
	server.AddListed("acme/bare", map[string]string{"README.md": ""})
	server.AddProject("acme/empty", gitlabtest.Portico, nil)
	server.With("acme/shop", func(p *client.Project) { p.Topics = []string{"Web", "go"} })
	server.With("acme/web/site", func(p *client.Project) { p.Topics = []string{"web"} })
	server.With("acme/old", func(p *client.Project) { p.Archived = true })
	server.With("acme/copy", func(p *client.Project) { p.ForkedFromProject = &client.ForkParent{ID: 1} })
	server.With("ann/dots", func(p *client.Project) { p.Visibility = "public" })
	hosts := hostsOf(t, server, nil)
	at := func(paths ...string) []string {
		for i, path := range paths {
			paths[i] = "/" + path + "/-/blob/main/" + descriptor
		}
		slices.Sort(paths)
		return paths
	}
	for name, test := range map[string]struct {
		change   func(*config.GitLabProvider)
		expected []string
	}{
		"a group with its subgroups": {nil, at("acme/copy", "acme/shop", "acme/web/site", "acme/web/team/tool")},
		"a subgroup":                 {func(c *config.GitLabProvider) { c.Group = "acme/web" }, at("acme/web/site", "acme/web/team/tool")},
		"the whole host": {func(c *config.GitLabProvider) { c.Group = "" },
			at("acme/copy", "acme/shop", "acme/web/site", "acme/web/team/tool", "other/x", "portico/mine", "ann/dots")},
		"what the user is a member of": {func(c *config.GitLabProvider) { c.Group, c.Membership = "", true },
			at("acme/copy", "acme/shop", "acme/web/site", "acme/web/team/tool", "other/x")},
		"groups by a pattern, with what is below": {func(c *config.GitLabProvider) { c.Group, c.GroupPattern = "", []string{"^acme/web$", "^oth"} },
			at("acme/web/site", "acme/web/team/tool", "other/x")},
		"all groups but no users": {func(c *config.GitLabProvider) { c.Group, c.GroupPattern = "", []string{"."} },
			at("acme/copy", "acme/shop", "acme/web/site", "acme/web/team/tool", "other/x")},
		"a pattern at any place of the path": {func(c *config.GitLabProvider) { c.ProjectPattern = "we?b?/(site|to)" }, at("acme/web/site")},
		"without forks":                      {func(c *config.GitLabProvider) { c.SkipForkedRepos = true }, at("acme/shop", "acme/web/site", "acme/web/team/tool")},
		"with archived":                      {func(c *config.GitLabProvider) { c.IncludeArchivedRepos = true }, at("acme/copy", "acme/old", "acme/shop", "acme/web/site", "acme/web/team/tool")},
		"all topics":                         {func(c *config.GitLabProvider) { c.Topics = "go, web" }, at("acme/shop")},
		"without projects and groups": {func(c *config.GitLabProvider) {
			c.ExcludeRepos, c.ExcludeGroups = []string{"acme/copy"}, []string{"acme/web"}
		}, at("acme/shop")},
		"another file": {func(c *config.GitLabProvider) { c.EntityFilename = "docs/c.yaml" }, []string{"/acme/shop/-/blob/main/docs/c.yaml"}},
		"a branch":     {func(c *config.GitLabProvider) { c.Branch = "release/1" }, []string{"/acme/shop/-/blob/release/1/" + descriptor}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pages, err := readAll(t.Context(), newSource(t, server, hosts, test.change))
			require.NoError(t, err)
			require.Equal(t, test.expected, targetsOf(server, pages))
		})
	}
	t.Run("an archived project with a descriptor is remarked", func(t *testing.T) {
		t.Parallel()
		pages, err := readAll(t.Context(), newSource(t, server, hosts, nil))
		require.NoError(t, err)
		require.Equal(t, []string{"acme/old is archived and is left out, although it has catalog-info.yaml (includeArchivedRepos)"}, pages[0].Remarks)
	})
}

// TestEntitiesAreBackstages: the entity, and what was read along.
func TestEntitiesAreBackstages(t *testing.T) {
	t.Parallel()
	server := gitlabtest.Start(t)
	server.AddListed("acme/closed", file)
	server.With("acme/closed", func(p *client.Project) { p.RepositoryAccessLevel = "disabled" })
	server.AddListed("acme/large", map[string]string{descriptor: strings.Repeat("#", 300<<10)})
	server.AddListed("acme/binary", map[string]string{descriptor: "\xff\xfe"})
	server.AddProject("acme/shop", gitlabtest.Portico, file)
	source := newSource(t, server, hostsOf(t, server, nil), nil)
	require.Equal(t, "GitlabDiscoveryEntityProvider:default", source.Name())
	require.Equal(t, []string{gitlab.Kind, server.Host + "/acme"}, []string{source.Kind, source.Place})

	page, err := source.ReadPage(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, page.Entities, 3)
	target := server.URL + "/acme/shop/-/blob/main/" + descriptor
	encoded, err := json.Marshal(page.Entities[0].Entity)
	require.NoError(t, err)
	require.JSONEq(t, `{"apiVersion": "backstage.io/v1alpha1", "kind": "Location", "metadata": {
		"name": "`+entity.LocationEntityName("url", target)+`",
		"annotations": {"backstage.io/managed-by-location": "url:`+target+`", "backstage.io/managed-by-origin-location": "url:`+target+`"}},
		"spec": {"type": "url", "target": "`+target+`", "presence": "optional"}}`, string(encoded))
	require.Equal(t, "url:"+target, page.Entities[0].Location.String())
	require.Equal(t, []provider.File{{URL: target, ETag: "51033824fad357a01093928264df63e450a1c1f1", Body: []byte(file[descriptor])}}, page.Files,
		"neither what is no text nor what is large is read along")
	require.Equal(t, 4, page.Total)
	require.Equal(t, []string{"acme/closed is left out: it has no repository, or the token may not read it"}, page.Remarks)
}

// TestAnotherGroupAtThePath: a path that was given up can be taken by another group, whose projects are others.
func TestAnotherGroupAtThePath(t *testing.T) {
	t.Parallel()
	server := gitlabtest.Start(t)
	for n := range 4 {
		server.AddListed(fmt.Sprint("acme/repo-", n), file)
	}
	source := newSource(t, server, hostsOf(t, server, nil), nil)
	gitlab.SetPageSize(source, 3)
	page, err := source.ReadPage(t.Context(), "")
	require.NoError(t, err)
	server.RenameGroup("acme", "acme-gone")
	server.AddGroup("acme", gitlabtest.Portico)
	_, err = source.ReadPage(t.Context(), page.Next)
	require.Equal(t, fault.Conflict, fault.KindOf(err))
}

// TestTheLastRowOfAPageGoes: the list is read anew, whatever GitLab's cursors mean.
func TestTheLastRowOfAPageGoes(t *testing.T) {
	t.Parallel()
	server := gitlabtest.Start(t)
	for n := range 5 {
		server.AddListed(fmt.Sprint("acme/repo-", n), file)
	}
	source := newSource(t, server, hostsOf(t, server, nil), nil)
	gitlab.SetPageSize(source, 3)
	first, err := source.ReadPage(t.Context(), "")
	require.NoError(t, err)
	server.RemoveProject("acme/repo-2") // GitLab lists the newest first.
	second, err := source.ReadPage(t.Context(), first.Next)
	require.NoError(t, err)
	require.Empty(t, second.Entities)
	rest := []provider.Page{second}
	for cursor := second.Next; cursor != ""; cursor = rest[len(rest)-1].Next {
		page, err := source.ReadPage(t.Context(), cursor)
		require.NoError(t, err)
		rest = append(rest, page)
	}
	require.Len(t, targetsOf(server, rest), 4)
}

// TestALargePageIsAskedForInParts: GitLab bounds the complexity of a query and the time that it takes.
func TestALargePageIsAskedForInParts(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]gitlabtest.Fault{
		"it is too complex": answer(http.StatusOK, `{"errors": [{"message": "Query has complexity of 410, which exceeds max complexity of 250"}]}`),
		"it takes too long": answer(http.StatusServiceUnavailable, `{"errors": [{"message": "Request timed out. Please try a less complex query or a smaller set of records."}]}`),
		"a proxy gives up":  answer(http.StatusGatewayTimeout, `<html>`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := gitlabtest.Start(t)
			for n := range 60 {
				server.AddListed(fmt.Sprint("acme/repo-", n), file)
			}
			server.Inject(func(r *http.Request) gitlabtest.Fault {
				body, err := io.ReadAll(r.Body)
				r.Body = io.NopCloser(bytes.NewReader(body))
				var asked struct{ Variables struct{ Size int } }
				if err != nil || json.Unmarshal(body, &asked) != nil || asked.Variables.Size <= 50 {
					return nil
				}
				return refusal
			})
			pages, err := readAll(t.Context(), newSource(t, server, hostsOf(t, server, nil), nil))
			require.NoError(t, err)
			require.Len(t, targetsOf(server, pages), 60)
			require.Equal(t, 2, pages[0].Requests, "a large and a small one")
			require.Equal(t, 1, pages[1].Requests, "the size is kept")
		})
	}
}

func answer(status int, body string) gitlabtest.Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		io.WriteString(w, body) //nolint:errcheck // A test's caller may be gone.
	}
}

// TestAnswersWithErrorsAreNoPages: data that comes with an error may be a part.
func TestAnswersWithErrorsAreNoPages(t *testing.T) {
	t.Parallel()
	server := gitlabtest.Start(t)
	source := newSource(t, server, hostsOf(t, server, nil), nil)
	for name, body := range map[string]string{
		"data and an error":       `{"data": {"group": {"id": "1", "projects": {"count": 0, "pageInfo": {"hasNextPage": false}, "edges": []}}}, "errors": [{"message": "oh"}]}`,
		"no list":                 `{"data": {"group": {"id": "1", "projects": null}}}`,
		"a hidden project":        `{"data": {"group": {"id": "1", "projects": {"count": 1, "pageInfo": {"hasNextPage": false}, "edges": [{"cursor": "x", "node": null}]}}}}`,
		"no group":                `{"data": {"group": null}}`,
		"a project of elsewhere":  `{"data": {"group": {"id": "1", "projects": {"count": 1, "pageInfo": {"hasNextPage": false}, "edges": [{"cursor": "x", "node": {"id": "2", "fullPath": "acme/x", "webUrl": "https://elsewhere.example/acme/x", "repository": {"rootRef": "main", "blobs": {"nodes": [{"oid": "1"}]}}}}]}}}}`,
		"an empty page, and more": `{"data": {"group": {"id": "1", "projects": {"count": 1, "pageInfo": {"hasNextPage": true}, "edges": []}}}}`,
	} {
		server.Inject(func(*http.Request) gitlabtest.Fault { return answer(http.StatusOK, body) })
		page, err := source.ReadPage(t.Context(), "")
		require.Error(t, err, name)
		require.Zero(t, page, name)
	}
}

// TestThousandsOfProjects counts the requests that a sweep takes, with every descriptor read along.
func TestThousandsOfProjects(t *testing.T) {
	t.Parallel()
	const projects, allowed = 5000, 60
	server := gitlabtest.Start(t)
	for n := range projects {
		content := fmt.Sprintf("apiVersion: backstage.io/v1alpha1\nkind: System\nmetadata: {name: system-%d}\nspec: {owner: ann}\n", n)
		server.AddListed(fmt.Sprint("acme/repo-", n), map[string]string{descriptor: content})
	}
	var asked atomic.Int64
	server.Inject(func(*http.Request) gitlabtest.Fault {
		asked.Add(1)
		return nil
	})
	pages, err := readAll(t.Context(), newSource(t, server, hostsOf(t, server, nil), nil))
	require.NoError(t, err)
	entities, files := 0, 0
	for _, page := range pages {
		entities, files = entities+len(page.Entities), files+len(page.Files)
	}
	require.Equal(t, projects, entities)
	require.Equal(t, projects, files)
	require.LessOrEqual(t, asked.Load(), int64(allowed))
	t.Logf("%d projects with their descriptors: %d requests", projects, asked.Load())
}

// budget is what processes share.
type budget struct {
	wait     time.Duration
	recorded atomic.Int64
}

func (b *budget) Wait(_ context.Context, credential, resource string) (time.Duration, error) {
	if !strings.HasSuffix(credential, "/token") || resource != "throttle_authenticated_api" {
		return 0, fmt.Errorf("asked for %s of %s", resource, credential)
	}
	return b.wait, nil
}

func (b *budget) Record(context.Context, string, *http.Response) { b.recorded.Add(1) }

// TestTheRateLimitIsShared: a sweep leaves a part to runs, and both say what they hear.
func TestTheRateLimitIsShared(t *testing.T) {
	t.Parallel()
	server := gitlabtest.Start(t)
	server.AddProject("acme/shop", gitlabtest.Portico, file)
	known := &budget{}
	hosts := hostsOf(t, server, known)
	source := newSource(t, server, hosts, nil)
	_, err := source.ReadPage(t.Context(), "")
	require.NoError(t, err)
	require.EqualValues(t, 1, known.recorded.Load())

	known.wait = 5 * time.Minute
	_, err = source.ReadPage(t.Context(), "")
	after, passes := integration.MayPass(err)
	require.True(t, passes)
	require.Equal(t, 5*time.Minute, after)
	require.EqualValues(t, 1, known.recorded.Load(), "nothing was sent")

	connected, err := gitlabhost.ClientFor(hosts, server.Host, "")
	require.NoError(t, err)
	_, _, err = connected.Users.CurrentUser()
	require.NoError(t, err, "a run goes on")
	require.EqualValues(t, 2, known.recorded.Load())
	of, err := gitlabhost.ClientFor(hosts, server.Host, gitlabtest.AnnToken)
	require.NoError(t, err)
	_, _, err = of.Users.CurrentUser()
	require.NoError(t, err)
	require.EqualValues(t, 2, known.recorded.Load(), "a person's token has a limit of its own")
}

func TestConcernedByItsProjects(t *testing.T) {
	t.Parallel()
	server := gitlabtest.Start(t)
	source, is := newSource(t, server, hostsOf(t, server, nil), nil).Provider.(provider.Watcher)
	require.True(t, is)
	pushed := func(repository string, paths ...string) hostevents.Event {
		return hostevents.Event{Kind: hostevents.Pushed, Host: server.Host, Repository: repository, Push: hostevents.Push{Ref: "main", DefaultBranch: "main", Paths: paths}}
	}
	require.True(t, source.Concerned(pushed("acme/web/shop", descriptor)))
	require.True(t, source.Concerned(hostevents.Event{Kind: hostevents.Transferred, Host: server.Host, Repository: "other/x", Former: "acme/x"}))
	for name, event := range map[string]hostevents.Event{
		"another file":  pushed("acme/shop", "README.md"),
		"another group": pushed("acmes/shop", descriptor),
		"another host":  {Kind: hostevents.Created, Host: "gitlab.com", Repository: "acme/x"},
		"people":        {Kind: hostevents.MembershipChanged, Host: server.Host, Owner: "acme"},
	} {
		require.False(t, source.Concerned(event), name)
	}
}

func TestConfigurationsThatCannotWork(t *testing.T) {
	t.Parallel()
	server := gitlabtest.Start(t)
	hosts := hostsOf(t, server, nil)
	for name, test := range map[string]struct {
		change func(*config.GitLabProvider)
		says   string
	}{
		"an unknown host":      {func(c *config.GitLabProvider) { c.Host = "gitlab.example.com" }, "No matching integration configuration for host gitlab.example.com"},
		"another kind of host": {func(c *config.GitLabProvider) { c.Host = "github.com" }, "No matching integration configuration for host github.com"},
		"a group with a slash": {func(c *config.GitLabProvider) { c.Group = "acme/" }, "begins or ends with a slash"},
		"members of a group":   {func(c *config.GitLabProvider) { c.Membership = true }, "membership needs a source without group"},
		"a way out":            {func(c *config.GitLabProvider) { c.EntityFilename = "../x.yaml" }, "leads out of the repository"},
		"a lookahead":          {func(c *config.GitLabProvider) { c.ProjectPattern = "^(?!acme)" }, "projectPattern is not a regular expression of RE2"},
		"a broken group":       {func(c *config.GitLabProvider) { c.GroupPattern = []string{"a", "("} }, "groupPattern is not a regular expression of RE2"},
		"rules without an org": {func(c *config.GitLabProvider) { c.Rules = []config.KindRule{{Allow: []string{"User"}}} }, "rules are for a source with orgEnabled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := gitlab.Sources(map[string]config.GitLabProvider{"shop": standard(server, test.change)}, hosts)
			require.ErrorContains(t, err, "catalog.providers.gitlab.shop: ")
			require.ErrorContains(t, err, test.says)
		})
	}
}
