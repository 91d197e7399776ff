package githuborg_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/githuborg"
	"github.com/portico-dev/portico/catalog/provider/providertest"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	githubhost "github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/internal/devstack/forge"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
)

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

func standard(server *forgetest.Server, change func(*config.GitHubOrgProvider)) config.GitHubOrgProvider {
	configured := config.GitHubOrgProvider{ID: "people", GitHubURL: server.URL, Orgs: []string{"acme"}}
	configured.PageSizes.Teams, configured.PageSizes.TeamMembers, configured.PageSizes.OrganizationMembers = 25, 50, 50
	if change != nil {
		change(&configured)
	}
	return configured
}

func newSource(t *testing.T, server *forgetest.Server, hosts *integration.Set, change func(*config.GitHubOrgProvider)) provider.Source {
	t.Helper()
	sources, err := githuborg.Sources([]config.GitHubOrgProvider{standard(server, change)}, hosts)
	require.NoError(t, err)
	require.Len(t, sources, 1)
	return sources[0]
}

// read reads all pages and returns the entities in JSON by reference, and their locations.
func read(t *testing.T, server *forgetest.Server, source provider.Provider) (entities, locations map[string]string) {
	t.Helper()
	entities, locations = map[string]string{}, map[string]string{}
	for cursor, number := "", 0; number == 0 || cursor != ""; number++ {
		require.Less(t, number, 1000)
		page, err := source.ReadPage(t.Context(), cursor)
		require.NoError(t, err)
		for _, one := range page.Entities {
			encoded, err := json.Marshal(one.Entity)
			require.NoError(t, err)
			entities[one.Ref().String()] = strings.ReplaceAll(string(encoded), server.URL, "http://forge")
			locations[one.Ref().String()] = strings.ReplaceAll(one.Location.String(), server.Host, "forge")
		}
		cursor = page.Next
	}
	return entities, locations
}

// start serves a forge with an organization of a few people and teams.
func start(t *testing.T) *forgetest.Server {
	t.Helper()
	server := forgetest.Start(t)
	require.NoError(t, server.AddOrganization("Acme", "Acme"))
	require.NoError(t, server.PutUser("Mia", forge.Person{Name: "Mia A.", Email: "mia@example.com", Bio: "Makes.", Emails: []string{"mia@acme.example", "m@acme.example"}}))
	require.NoError(t, server.PutUser("bob", forge.Person{Suspended: true}))
	require.NoError(t, server.SetMembers("Acme", "Mia", "bob"))
	require.NoError(t, server.AddTeam("Acme", "Everybody", "All of us"))
	require.NoError(t, server.AddTeam("Acme", "Web Shop", ""))
	require.NoError(t, server.SetTeam("Acme", "web-shop", "everybody", "Mia"))
	require.NoError(t, server.SetTeam("Acme", "everybody", "", "bob"))
	return server
}

func TestItConforms(t *testing.T) {
	t.Parallel()
	providertest.Conform(t, func(t *testing.T) providertest.Source {
		t.Helper()
		server := forgetest.Start(t)
		require.NoError(t, server.AddOrganization("acme", ""))
		members, refs := []string{}, []string{"user:default/portico"}
		for n := range 6 {
			login, team := fmt.Sprint("user-", n), fmt.Sprint("team-", n)
			require.NoError(t, server.PutUser(login, forge.Person{}))
			require.NoError(t, server.AddTeam("acme", team, ""))
			members, refs = append(members, login), append(refs, "user:default/"+login, "group:default/"+team)
		}
		require.NoError(t, server.SetMembers("acme", members...))
		require.NoError(t, server.SetTeam("acme", "team-4", "team-1", members...))
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
				return newSource(t, server, hosts, func(c *config.GitHubOrgProvider) {
					c.Orgs = []string{"acme"}
					c.PageSizes.Teams, c.PageSizes.TeamMembers, c.PageSizes.OrganizationMembers = 3, 4, 3
				})
			},
			Inject: inject, HasSecondaryLimits: true, Refs: refs, Pages: 6,
			Remove: func() {
				require.NoError(t, server.SetMembers("acme", members[1:]...))
				require.NoError(t, server.RemoveTeam("acme", "team-0"))
			},
			Add:    func() { require.NoError(t, server.AddTeam("acme", "a-team", "")) },
			Rename: func() { renamed.Store(true) },
		}
	})
}

// TestEntitiesAreBackstages: users and teams of the only organization are in the namespace default.
func TestEntitiesAreBackstages(t *testing.T) {
	t.Parallel()
	server := start(t)
	source := newSource(t, server, hostsOf(t, server), func(c *config.GitHubOrgProvider) { c.Orgs = []string{"Acme"} })
	require.Equal(t, "github-multi-org-provider:people", source.Name())
	require.Equal(t, server.Host+"/Acme", source.Place)
	entities, locations := read(t, server, source)
	require.Len(t, entities, 5)
	miaID := annotation(t, entities["user:default/mia"], "github.com/user-id")
	require.NotEmpty(t, miaID)
	require.JSONEq(t, `{"apiVersion": "backstage.io/v1alpha1", "kind": "User",
		"metadata": {"name": "Mia", "namespace": "default", "description": "Makes.", "annotations": {"github.com/user-login": "Mia", "github.com/user-id": "`+miaID+`"}},
		"spec": {"memberOf": [], "profile": {"displayName": "Mia A.", "email": "mia@example.com", "picture": "http://forge/assets/avatar.svg"}}}`,
		entities["user:default/mia"])
	require.JSONEq(t, `{"apiVersion": "backstage.io/v1alpha1", "kind": "Group",
		"metadata": {"name": "everybody", "namespace": "default", "description": "All of us", "annotations": {
			"github.com/team-slug": "Acme/everybody", "backstage.io/edit-url": "http://forge/orgs/Acme/teams/everybody/edit"}},
		"spec": {"type": "team", "children": ["web-shop"], "members": ["default/bob"],
			"profile": {"displayName": "Everybody", "picture": "http://forge/assets/avatar.svg"}}}`,
		entities["group:default/everybody"])
	require.JSONEq(t, `{"apiVersion": "backstage.io/v1alpha1", "kind": "Group",
		"metadata": {"name": "web-shop", "namespace": "default", "annotations": {
			"github.com/team-slug": "Acme/web-shop", "backstage.io/edit-url": "http://forge/orgs/Acme/teams/web-shop/edit"}},
		"spec": {"type": "team", "parent": "everybody", "children": [], "members": ["default/Mia"],
			"profile": {"displayName": "Web Shop", "picture": "http://forge/assets/avatar.svg"}}}`,
		entities["group:default/web-shop"])
	require.Equal(t, "url:https://forge/Mia", locations["user:default/mia"])
	require.Equal(t, "url:https://forge/orgs/Acme/teams/web-shop", locations["group:default/web-shop"])
}

func annotation(t *testing.T, encoded, name string) string {
	t.Helper()
	var decoded entity.Entity
	require.NoError(t, json.Unmarshal([]byte(encoded), &decoded))
	return decoded.Annotation(name)
}

func TestOptions(t *testing.T) {
	t.Parallel()
	server := start(t)
	require.NoError(t, server.AddTeam("demo", "Web Shop", ""))
	require.NoError(t, server.SetMembers("demo", "Mia"))
	key := server.RegisterApp(t, 4711, map[string]string{"members": "read"})
	for _, owner := range []string{"Acme", "demo", "ann"} {
		require.NoError(t, server.Install(forge.Installation{AppID: 4711, Owner: owner}))
	}
	byToken, byApp := hostsOf(t, server), hostsOf(t, server, githubhost.App{ID: 4711, PrivateKey: key})
	for name, test := range map[string]struct {
		hosts  *integration.Set
		change func(*config.GitHubOrgProvider)
		refs   []string
		email  string
	}{
		"several organizations": {
			byToken, func(c *config.GitHubOrgProvider) { c.Orgs = []string{"Acme", "demo"} },
			[]string{"user:default/mia", "user:default/bob", "user:default/portico", "group:acme/everybody", "group:acme/web-shop", "group:demo/makers", "group:demo/web-shop"},
			"mia@example.com",
		},
		"all organizations of an App": {
			byApp, func(c *config.GitHubOrgProvider) { c.Orgs = nil },
			[]string{"user:default/mia", "user:default/bob", "user:default/portico", "group:acme/everybody", "group:acme/web-shop", "group:demo/makers", "group:demo/web-shop"},
			"", // An App may not read it.
		},
		"without suspended users": {
			byToken, func(c *config.GitHubOrgProvider) { c.ExcludeSuspendedUsers = true },
			[]string{"user:default/mia", "user:default/portico", "group:default/everybody", "group:default/web-shop"},
			"mia@example.com",
		},
		"verified addresses": {
			byApp, func(c *config.GitHubOrgProvider) { c.DefaultUserTransformer.UseVerifiedEmails = true },
			[]string{"user:default/mia", "user:default/bob", "user:default/portico", "group:default/everybody", "group:default/web-shop"},
			"mia@acme.example",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entities, _ := read(t, server, newSource(t, server, test.hosts, test.change))
			var refs []string
			for ref := range entities {
				refs = append(refs, ref)
			}
			require.ElementsMatch(t, test.refs, refs)
			var mia struct {
				Spec struct {
					Profile struct{ Email string }
				}
			}
			require.NoError(t, json.Unmarshal([]byte(entities["user:default/mia"]), &mia))
			require.Equal(t, test.email, mia.Spec.Profile.Email)
			if group := entities["group:acme/web-shop"]; group != "" {
				require.Contains(t, group, `"members":["default/Mia"]`, "a member is not in the namespace of the group")
			}
		})
	}
}

// TestFailingCredentialsEndTheSweep: an organization that cannot be read any more is not an empty one.
func TestFailingCredentialsEndTheSweep(t *testing.T) {
	t.Parallel()
	server := start(t)
	key := server.RegisterApp(t, 4711, map[string]string{"contents": "read"})
	require.NoError(t, server.Install(forge.Installation{AppID: 4711, Owner: "Acme"}))
	for name, test := range map[string]struct {
		orgs []string
		says string
	}{
		"without the permission":   {[]string{"Acme"}, "lacks a permission for Acme"},
		"without the installation": {[]string{"demo"}, "requires you to be authenticated"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hosts := hostsOf(t, server, githubhost.App{ID: 4711, PrivateKey: key})
			page, err := newSource(t, server, hosts, func(c *config.GitHubOrgProvider) { c.Orgs = test.orgs }).ReadPage(t.Context(), "")
			require.ErrorContains(t, err, test.says)
			require.Zero(t, page)
			_, passes := integration.MayPass(err)
			require.False(t, passes)
		})
	}
}

func TestConfigurationsThatCannotWork(t *testing.T) {
	t.Parallel()
	server := start(t)
	hosts := hostsOf(t, server)
	other := standard(server, nil)
	other.GitHubURL = "https://ghe.example.com"
	for name, test := range map[string]struct {
		configured []config.GitHubOrgProvider
		says       string
	}{
		"an unknown host": {[]config.GitHubOrgProvider{other}, "No matching integration configuration for host ghe.example.com"},
		"the same id":     {[]config.GitHubOrgProvider{standard(server, nil), standard(server, nil)}, "another source has the same id"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := githuborg.Sources(test.configured, hosts)
			require.ErrorContains(t, err, "catalog.providers.githubOrg.people: ")
			require.ErrorContains(t, err, test.says)
		})
	}
}
