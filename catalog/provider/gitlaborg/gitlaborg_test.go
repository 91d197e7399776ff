package gitlaborg_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	client "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/gitlaborg"
	"github.com/portico-dev/portico/catalog/provider/providertest"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	gitlabhost "github.com/portico-dev/portico/integration/gitlab"
	"github.com/portico-dev/portico/integration/hostevents"
	"github.com/portico-dev/portico/internal/testkit/gitlabtest"
)

// hostsOf are the hosts of a configuration with the server. On gitlab.com, the API is the server's.
func hostsOf(t *testing.T, server *gitlabtest.Server, host string) *integration.Set {
	t.Helper()
	hosts, err := forges.New(forges.Config{GitLab: []gitlabhost.Config{
		{Host: host, APIBaseURL: server.APIBaseURL, BaseURL: server.URL, Token: gitlabtest.Token},
	}}, integration.Options{})
	require.NoError(t, err)
	return hosts
}

// standard is the configuration with the defaults of the schema.
func standard(host string, change func(*config.GitLabProvider)) config.GitLabProvider {
	configured := config.GitLabProvider{Host: host, OrgEnabled: true, UserPattern: `[\s\S]*`, GroupPattern: []string{`[\s\S]*`}}
	if change != nil {
		change(&configured)
	}
	return configured
}

func newSource(t *testing.T, hosts *integration.Set, host string, change func(*config.GitLabProvider)) provider.Source {
	t.Helper()
	sources, err := gitlaborg.Sources(map[string]config.GitLabProvider{"people": standard(host, change), "off": {Host: host}}, hosts)
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

// refsOf are the references of all entities, each once, and the entities by them.
func refsOf(pages []provider.Page) ([]string, map[string]provider.Entity) {
	refs, entities := []string{}, map[string]provider.Entity{}
	for _, page := range pages {
		for _, one := range page.Entities {
			refs = append(refs, one.Ref().String())
			entities[one.Ref().String()] = one
		}
	}
	slices.Sort(refs)
	return slices.Compact(refs), entities
}

// company is a server with groups and people: acme (ann), acme/web (ben, and a blocked one), acme/web/team (eve), acme/empty, and others.
func company(t *testing.T) *gitlabtest.Server {
	t.Helper()
	server := gitlabtest.Start(t)
	eve, gone, token := server.AddUser("eve"), server.AddUser("gone"), server.AddUser("group_42_bot_0a1b")
	server.WithUser(gone, func(u *client.User) { u.State = "blocked" })
	for _, path := range []string{"acme/web", "acme/web/team", "acme/empty", "other"} {
		server.AddGroup(path, gitlabtest.Portico)
		server.SetMember(path, gitlabtest.Portico, 0)
	}
	server.SetMember("acme", gitlabtest.Ann, 10)
	server.SetMember("acme/web", gitlabtest.Ben, 30)
	server.SetMember("acme/web", gone, 30)
	server.SetMember("acme/web", token, 30)
	server.SetMember("acme/web/team", eve, 50)
	server.SetMember("other", gitlabtest.Portico, 50)
	server.SetMember("other", eve, 30)
	return server
}

func TestItConforms(t *testing.T) {
	t.Parallel()
	for name, restricted := range map[string]bool{"all users": false, "the members of a group": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.Conform(t, func(t *testing.T) providertest.Source { t.Helper(); return conforming(t, restricted) })
		})
	}
}

// conforming is a source with seven users and six groups.
func conforming(t *testing.T, restricted bool) providertest.Source {
	t.Helper()
	server := gitlabtest.Start(t)
	refs := []string{"user:default/portico", "user:default/ann", "user:default/ben", "group:default/acme"}
	server.SetMember("acme", gitlabtest.Ann, 30)
	server.SetMember("acme", gitlabtest.Ben, 30)
	for n := range 4 {
		number := server.AddUser(fmt.Sprint("user-", n))
		server.SetMember("acme", number, 30)
		server.AddGroup(fmt.Sprint("acme/team-", n), number)
		refs = append(refs, fmt.Sprint("user:default/user-", n), fmt.Sprint("group:default/team-", n))
	}
	hosts := hostsOf(t, server, server.Host)
	return providertest.Source{
		New: func() provider.Provider {
			source := newSource(t, hosts, server.Host, func(c *config.GitLabProvider) { c.Group, c.RestrictUsersToGroup = "acme", restricted })
			gitlaborg.SetPageSizes(source, 3, 2)
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
		Refs: refs, Pages: 5,
		Remove: func() {
			server.RemoveUser(gitlabtest.Ann)
			server.RemoveGroup("acme/team-0")
		},
		Add: func() {
			number := server.AddUser("another")
			server.SetMember("acme", number, 30)
			server.AddGroup("acme/another", number)
		},
		Rename: func() { server.RenameGroup("acme", "acme-gone") },
	}
}

func TestWhoIsRead(t *testing.T) {
	t.Parallel()
	server := company(t)
	for name, test := range map[string]struct {
		host     string
		change   func(*config.GitLabProvider)
		expected []string
	}{
		"the whole host": {server.Host, nil, []string{
			"group:default/acme", "group:default/acme-web", "group:default/acme-web-team", "group:default/other",
			"user:default/ann", "user:default/ben", "user:default/eve", "user:default/portico"}},
		"the groups below a group, with all users": {server.Host, func(c *config.GitLabProvider) { c.Group = "acme/web" }, []string{
			"group:default/acme-web", "group:default/team", "user:default/ann", "user:default/ben", "user:default/eve", "user:default/portico"}},
		"members of a group and above it": {server.Host, func(c *config.GitLabProvider) { c.Group, c.RestrictUsersToGroup = "acme/web", true }, []string{
			"group:default/acme-web", "group:default/team", "user:default/ann", "user:default/ben", "user:default/portico"}},
		"groups with inherited members": {server.Host, func(c *config.GitLabProvider) { c.Group, c.AllowInherited = "acme", true }, []string{
			"group:default/acme", "group:default/empty", "group:default/web", "group:default/web-team",
			"user:default/ann", "user:default/ben", "user:default/eve", "user:default/portico"}},
		"patterns": {server.Host, func(c *config.GitLabProvider) {
			c.GroupPattern, c.UserPattern = []string{"web$", "^oth"}, "^(ann|eve)@"
		}, []string{
			"group:default/acme-web", "group:default/other", "user:default/ann", "user:default/eve"}},
		"only groups": {server.Host, func(c *config.GitLabProvider) { c.Rules = []config.KindRule{{Allow: []string{"group"}}} }, []string{
			"group:default/acme", "group:default/acme-web", "group:default/acme-web-team", "group:default/other"}},
		"only users": {server.Host, func(c *config.GitLabProvider) { c.Rules = []config.KindRule{{Allow: []string{"User"}}} }, []string{
			"user:default/ann", "user:default/ben", "user:default/eve", "user:default/portico"}},
		"gitlab.com: members of the topmost group with a seat": {"gitlab.com", func(c *config.GitLabProvider) { c.Group = "acme/web" }, []string{
			"group:default/acme-web", "group:default/team", "user:default/portico"}},
		"gitlab.com: without a seat, too": {"gitlab.com", func(c *config.GitLabProvider) { c.Group, c.IncludeUsersWithoutSeat = "acme/web", true }, []string{
			"group:default/acme-web", "group:default/team", "user:default/ann", "user:default/portico"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pages, err := readAll(t.Context(), newSource(t, hostsOf(t, server, test.host), test.host, test.change))
			require.NoError(t, err)
			refs, _ := refsOf(pages)
			require.Equal(t, test.expected, refs)
		})
	}
}

// TestEntitiesAreBackstages, but for the members, which the group names.
func TestEntitiesAreBackstages(t *testing.T) {
	t.Parallel()
	server := company(t)
	source := newSource(t, hostsOf(t, server, server.Host), server.Host, func(c *config.GitLabProvider) { c.Group = "acme" })
	require.Equal(t, "GitlabOrgDiscoveryEntityProvider:people", source.Name())
	require.Equal(t, []string{gitlaborg.Kind, server.Host + "/acme"}, []string{source.Kind, source.Place})
	pages, err := readAll(t.Context(), source)
	require.NoError(t, err)
	_, found := refsOf(pages)
	shown := func(ref string) string {
		encoded, err := json.Marshal(found[ref].Entity)
		require.NoError(t, err)
		return string(encoded)
	}
	require.JSONEq(t, `{"apiVersion": "backstage.io/v1alpha1", "kind": "User", "metadata": {"name": "ann", "namespace": "default", "annotations": {
		"127.0.0.1/user-login": "https://gitlab.example/ann", "127.0.0.1/user-id": "2"}},
		"spec": {"profile": {"displayName": "Ann", "email": "ann@example.com"}, "memberOf": []}}`, shown("user:default/ann"))
	require.JSONEq(t, `{"apiVersion": "backstage.io/v1alpha1", "kind": "Group", "metadata": {"name": "web", "namespace": "default", "annotations": {
		"127.0.0.1/team-path": "acme/web"}}, "spec": {"type": "team", "children": [], "profile": {"displayName": "web"},
		"parent": "acme", "members": ["ben"]}}`, shown("group:default/web"))
	require.Equal(t, "url:"+server.URL+"/acme/web", found["group:default/web"].Location.String())
	require.Equal(t, "url:"+server.URL+"/ann", found["user:default/ann"].Location.String())
	require.NotContains(t, shown("group:default/acme"), "parent", "it is the topmost one")
	for _, one := range found {
		require.NoError(t, entity.Validate(one.Entity))
	}
}

// TestAParentWithoutMembersIsNoParent, because it is no entity.
func TestAParentWithoutMembersIsNoParent(t *testing.T) {
	t.Parallel()
	server := company(t)
	server.SetMember("acme/web", gitlabtest.Ben, 0)
	pages, err := readAll(t.Context(), newSource(t, hostsOf(t, server, server.Host), server.Host, nil))
	require.NoError(t, err)
	refs, found := refsOf(pages)
	require.NotContains(t, refs, "group:default/acme-web")
	spec, is := found["group:default/acme-web-team"].Entity["spec"].(map[string]any)
	require.True(t, is)
	require.NotContains(t, spec, "parent")
}

// TestAllMembersOfALargeGroup are read in several requests.
func TestAllMembersOfALargeGroup(t *testing.T) {
	t.Parallel()
	server := gitlabtest.Start(t)
	for n := range 230 {
		server.SetMember("acme", server.AddUser(fmt.Sprintf("user-%03d", n)), 30)
	}
	source := newSource(t, hostsOf(t, server, server.Host), server.Host, func(c *config.GitLabProvider) {
		c.Group, c.Rules = "acme", []config.KindRule{{Allow: []string{"Group"}}}
	})
	page, err := source.ReadPage(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, page.Entities, 1)
	spec, is := page.Entities[0].Entity["spec"].(map[string]any)
	require.True(t, is)
	require.Len(t, spec["members"], 231)
	require.Equal(t, 5, page.Requests, "the group, those below it, and three for the members")
}

// TestWhatIsHiddenIsNoPart: members that the token may not read would look as if they had left.
func TestWhatIsHiddenIsNoPart(t *testing.T) {
	t.Parallel()
	server := company(t)
	server.HideMembers("acme/web")
	hosts := hostsOf(t, server, server.Host)
	_, err := readAll(t.Context(), newSource(t, hosts, server.Host, func(c *config.GitLabProvider) { c.Group = "acme" }))
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	require.ErrorContains(t, err, "the token may not read the members of acme/web")

	pages, err := readAll(t.Context(), newSource(t, hosts, server.Host, nil))
	require.NoError(t, err)
	require.Equal(t, []string{"the group acme/web is left out: the token may not read its members"}, pages[len(pages)-1].Remarks)
}

// TestAnOldGitLabIsRefused: it moves users between pages, and nobody would notice.
func TestAnOldGitLabIsRefused(t *testing.T) {
	t.Parallel()
	server := company(t)
	source := newSource(t, hostsOf(t, server, server.Host), server.Host, nil)
	server.Inject(func(r *http.Request) gitlabtest.Fault {
		return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			w.Header().Set("Link", `<`+server.URL+`/api/v4/users?page=2&per_page=100>; rel="next"`)
			fmt.Fprint(w, `[]`)
		}
	})
	_, err := source.ReadPage(t.Context(), "")
	require.Equal(t, fault.Input, fault.KindOf(err))
	require.ErrorContains(t, err, "GitLab 16.5 or later is needed")
}

// TestRowsThatMove: the list of groups has numbers for pages, so that one that is removed moves the others.
func TestRowsThatMove(t *testing.T) {
	t.Parallel()
	server := gitlabtest.Start(t)
	for n := range 6 {
		server.AddGroup(fmt.Sprint("acme/team-", n), gitlabtest.Portico)
	}
	source := newSource(t, hostsOf(t, server, server.Host), server.Host, func(c *config.GitLabProvider) {
		c.Group, c.Rules = "acme", []config.KindRule{{Allow: []string{"Group"}}}
	})
	gitlaborg.SetPageSizes(source, 3, 3)
	first, err := source.ReadPage(t.Context(), "")
	require.NoError(t, err)
	server.RemoveGroup("acme/team-0")
	second, err := source.ReadPage(t.Context(), first.Next)
	require.NoError(t, err)
	require.Empty(t, second.Entities, "the list is begun anew")
	var rest []provider.Page
	for cursor := second.Next; cursor != ""; cursor = rest[len(rest)-1].Next {
		page, err := source.ReadPage(t.Context(), cursor)
		require.NoError(t, err)
		rest = append(rest, page)
	}
	refs, _ := refsOf(rest)
	require.Len(t, refs, 6, "five teams and the group itself")
}

// TestAnotherGroupAtThePath: a path that was given up can be taken by another group, whose people are others.
func TestAnotherGroupAtThePath(t *testing.T) {
	t.Parallel()
	server := gitlabtest.Start(t)
	for n := range 3 {
		server.AddGroup(fmt.Sprint("acme/team-", n), gitlabtest.Portico)
	}
	source := newSource(t, hostsOf(t, server, server.Host), server.Host, func(c *config.GitLabProvider) {
		c.Group, c.Rules = "acme", []config.KindRule{{Allow: []string{"Group"}}}
	})
	gitlaborg.SetPageSizes(source, 3, 2)
	page, err := source.ReadPage(t.Context(), "")
	require.NoError(t, err)
	server.RenameGroup("acme", "acme-gone")
	server.AddGroup("acme", gitlabtest.Portico)
	_, err = source.ReadPage(t.Context(), page.Next)
	require.Equal(t, fault.Conflict, fault.KindOf(err))
}

func TestConcernedByPeople(t *testing.T) {
	t.Parallel()
	server := company(t)
	source, is := newSource(t, hostsOf(t, server, server.Host), server.Host, func(c *config.GitLabProvider) { c.Group = "acme/web" }).Provider.(provider.Watcher)
	require.True(t, is)
	about := func(host, owner string) hostevents.Event {
		return hostevents.Event{Kind: hostevents.MembershipChanged, Host: host, Owner: owner}
	}
	for _, owner := range []string{"acme/web", "acme/web/team", "acme"} {
		require.True(t, source.Concerned(about(server.Host, owner)), owner)
	}
	require.False(t, source.Concerned(about(server.Host, "acme/webs")))
	require.False(t, source.Concerned(about("gitlab.com", "acme/web")))
	require.False(t, source.Concerned(hostevents.Event{Kind: hostevents.Pushed, Host: server.Host, Owner: "acme", Repository: "acme/web/x"}))
}

func TestConfigurationsThatCannotWork(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*config.GitLabProvider)
		says   string
	}{
		"an unknown host":        {func(c *config.GitLabProvider) { c.Host = "gitlab.example.com" }, "No matching integration configuration for host gitlab.example.com"},
		"no group on gitlab.com": {nil, "group is missing, which orgEnabled needs on gitlab.com"},
		"a group with a slash":   {func(c *config.GitLabProvider) { c.Group = "/acme" }, "begins or ends with a slash"},
		"a lookahead for users":  {func(c *config.GitLabProvider) { c.Group, c.UserPattern = "acme", "(?=x)" }, "userPattern is not a regular expression of RE2"},
		"a broken group":         {func(c *config.GitLabProvider) { c.Group, c.GroupPattern = "acme", []string{"("} }, "groupPattern is not a regular expression of RE2"},
		"a kind that nothing has": {func(c *config.GitLabProvider) {
			c.Group, c.Rules = "acme", []config.KindRule{{Allow: []string{"Component"}}}
		}, "only users and groups"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hosts, err := forges.New(forges.Config{}, integration.Options{})
			require.NoError(t, err)
			_, err = gitlaborg.Sources(map[string]config.GitLabProvider{"people": standard("gitlab.com", test.change)}, hosts)
			require.ErrorContains(t, err, "catalog.providers.gitlab.people: ")
			require.ErrorContains(t, err, test.says)
		})
	}
	server := company(t)
	hosts := hostsOf(t, server, server.Host)
	_, err := gitlaborg.Sources(map[string]config.GitLabProvider{"people": standard(server.Host, func(c *config.GitLabProvider) { c.RestrictUsersToGroup = true })}, hosts)
	require.ErrorContains(t, err, "restrictUsersToGroup needs a group")
}
