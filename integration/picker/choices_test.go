package picker_test

import (
	"fmt"
	"slices"
	"testing"

	gogithub "github.com/google/go-github/v60/github"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/azure"
	"github.com/portico-dev/portico/integration/bitbucketcloud"
	"github.com/portico-dev/portico/integration/bitbucketserver"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/gitea"
	"github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/integration/gitlab"
	"github.com/portico-dev/portico/integration/picker"
	"github.com/portico-dev/portico/internal/devstack/forge"
	"github.com/portico-dev/portico/internal/testkit/azuretest"
	"github.com/portico-dev/portico/internal/testkit/bitbucketcloudtest"
	"github.com/portico-dev/portico/internal/testkit/bitbucketservertest"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
	"github.com/portico-dev/portico/internal/testkit/giteatest"
	"github.com/portico-dev/portico/internal/testkit/gitlabtest"
	"github.com/portico-dev/portico/policy"
)

// serviceOn is a picker over some hosts.
func serviceOn(t *testing.T, config forges.Config) *picker.Service {
	t.Helper()
	hosts, err := forges.New(config, integration.Options{})
	require.NoError(t, err)
	return picker.New(picker.Options{Hosts: hosts, Decider: policy.AllowKnown{}})
}

// values are those of a part, in the order of the answer.
func values(t *testing.T, s *picker.Service, part integration.Part, in integration.Repo) []string {
	t.Helper()
	found, err := s.Choices(t.Context(), ann, part, in, "")
	require.NoError(t, err)
	require.Empty(t, found.Reason)
	var values []string
	for _, each := range found.Choices {
		values = append(values, each.Value)
	}
	return values
}

func branchNames(t *testing.T, s *picker.Service, in integration.Repo, prefix string) []string {
	t.Helper()
	found, err := s.Branches(t.Context(), ann, in, prefix, "")
	require.NoError(t, err)
	require.Empty(t, found.Reason)
	return found.Branches
}

func TestChoicesOnAzure(t *testing.T) {
	t.Parallel()
	server := azuretest.Start(t)
	server.AddRepository("shop")
	server.AddRepository("docs")
	server.Git.Commit("shop", "main", map[string]string{"README.md": "x"})
	server.Git.Commit("shop", "release/1", map[string]string{"README.md": "y"})
	s := serviceOn(t, forges.Config{Azure: []azure.Config{{Host: server.Host, BaseURL: server.URL, Credentials: []azure.Credential{
		{Organizations: []string{azuretest.Organization}, PersonalAccessToken: azuretest.Token}, {Organizations: []string{"Other"}, PersonalAccessToken: "x"},
	}}}})
	in := integration.Repo{Host: server.Host}
	require.Equal(t, []string{"acme", "Other"}, values(t, s, integration.PartOrganization, in))
	in.Organization = azuretest.Organization
	projects := values(t, s, integration.PartProject, in)
	require.Len(t, projects, 101, "of two pages")
	require.Contains(t, projects, azuretest.Project)
	in.Project = azuretest.Project
	require.Equal(t, []string{"docs", "shop"}, values(t, s, integration.PartRepo, in), "one is disabled")
	in.Repo = "shop"
	require.Equal(t, []string{"main", "release/1"}, branchNames(t, s, in, ""))
	require.Equal(t, []string{"release/1"}, branchNames(t, s, in, "rel"))
}

func TestChoicesOnBitbucketCloud(t *testing.T) {
	t.Parallel()
	server := bitbucketcloudtest.Start(t)
	server.AddRepository("shop")
	server.AddRepository("docs")
	server.Git.Commit("shop", "main", map[string]string{"README.md": "x"})
	server.Git.Commit("shop", "x/main", map[string]string{"README.md": "y"})
	config := bitbucketcloud.Config{Host: server.Host, APIBaseURL: server.APIURL, BaseURL: server.URL}
	user, token := config, config
	user.Username, user.AppPassword = bitbucketcloudtest.Username, bitbucketcloudtest.AppPassword
	token.Token = bitbucketcloudtest.AccessToken
	s := serviceOn(t, forges.Config{BitbucketCloud: []bitbucketcloud.Config{user}})
	in := integration.Repo{Host: server.Host}
	require.Equal(t, []string{"acme"}, values(t, s, integration.PartWorkspace, in))
	in.Workspace = bitbucketcloudtest.Workspace
	found, err := s.Choices(t.Context(), ann, integration.PartProject, in, "")
	require.NoError(t, err)
	require.Equal(t, []integration.Choice{{Value: "WEB", Title: "Web shop"}}, found.Choices)
	in.Project = bitbucketcloudtest.Project
	require.Equal(t, []string{"docs", "shop"}, values(t, s, integration.PartRepo, in))
	in.Repo = "shop"
	require.Equal(t, []string{"main"}, branchNames(t, s, in, "main"), "Bitbucket finds x/main, too")

	found, err = serviceOn(t, forges.Config{BitbucketCloud: []bitbucketcloud.Config{token}}).
		Choices(t.Context(), ann, integration.PartWorkspace, integration.Repo{Host: server.Host}, "")
	require.NoError(t, err)
	require.Contains(t, found.Reason, "403 Forbidden", "an access token has no user")
}

func TestChoicesOnBitbucketServer(t *testing.T) {
	t.Parallel()
	server := bitbucketservertest.Start(t)
	server.AddRepository("shop")
	server.AddRepository("docs")
	server.Git.Commit("shop", "main", map[string]string{"README.md": "x"})
	s := serviceOn(t, forges.Config{BitbucketServer: []bitbucketserver.Config{{Host: server.Host, APIBaseURL: server.APIURL, Token: bitbucketservertest.Token}}})
	in := integration.Repo{Host: server.Host}
	require.Equal(t, []string{"WEB"}, values(t, s, integration.PartProject, in))
	in.Project = bitbucketservertest.Project
	require.Equal(t, []string{"docs", "shop"}, values(t, s, integration.PartRepo, in), "of two pages")
	in.Repo = "shop"
	require.Equal(t, []string{"main"}, branchNames(t, s, in, ""))
	in.Project = "NONE"
	found, err := s.Choices(t.Context(), ann, integration.PartRepo, in, "")
	require.NoError(t, err)
	require.Equal(t, picker.Choices{Reason: "what it is in does not exist, or Portico may not read it"}, found)
}

func TestChoicesOnGitea(t *testing.T) {
	t.Parallel()
	server := giteatest.Start(t)
	server.Create(giteatest.Organization, "shop")
	server.Create(giteatest.Organization, "docs")
	server.Create(giteatest.Account, "notes")
	s := serviceOn(t, forges.Config{Gitea: []gitea.Config{{Host: server.Host, BaseURL: server.URL, Username: giteatest.Account, Password: giteatest.Password}}})
	in := integration.Repo{Host: server.Host}
	found, err := s.Choices(t.Context(), ann, integration.PartOwner, in, "")
	require.NoError(t, err)
	require.Equal(t, []integration.Choice{{Value: "demo", Kind: integration.OwnerOrganization}, {Value: "portico", Kind: integration.OwnerUser}}, found.Choices)
	in.Owner = giteatest.Organization
	require.Equal(t, []string{"docs", "shop"}, values(t, s, integration.PartRepo, in), "of two pages")
	in.Owner = giteatest.Account
	require.Equal(t, []string{"notes"}, values(t, s, integration.PartRepo, in))
}

func TestChoicesOnGitLab(t *testing.T) {
	t.Parallel()
	server := gitlabtest.Start(t)
	server.AddGroup("acme/team", gitlabtest.Portico)
	server.AddGroup("acme/team/backend", gitlabtest.Ben)
	server.AddGroup("others", gitlabtest.Ann)
	for number := range 100 { // A page has a hundred.
		server.AddGroup(fmt.Sprintf("acme/team-%02d", number), gitlabtest.Ben)
	}
	server.AddProject("acme/team/backend/shop", gitlabtest.Portico, nil)
	server.AddProject("acme/team/docs", gitlabtest.Portico, nil)
	server.AddProject("portico/notes", gitlabtest.Portico, nil)
	s := serviceOn(t, forges.Config{GitLab: []gitlab.Config{{Host: server.Host, BaseURL: server.URL, Token: gitlabtest.Token}}})
	in := integration.Repo{Host: server.Host}
	found, err := s.Choices(t.Context(), ann, integration.PartOwner, in, "")
	require.NoError(t, err)
	require.Len(t, found.Choices, 104, "of two pages")
	group := found.Choices[slices.IndexFunc(found.Choices, func(each integration.Choice) bool { return each.Value == "acme/team/backend" })]
	require.Equal(t, integration.OwnerGroup, group.Kind)
	require.Equal(t, integration.Choice{Value: "portico", Kind: integration.OwnerUser, ID: "1"}, found.Choices[103])
	for owner, projects := range map[string][]string{"acme/team/backend": {"shop"}, "acme/team": {"docs"}, "portico": {"notes"}, group.ID: {"shop"}} {
		in.Owner = owner
		require.Equal(t, projects, values(t, s, integration.PartRepo, in), owner)
	}
}

func TestChoicesOnGitHub(t *testing.T) {
	t.Parallel()
	asUser := setup(t, nil)
	asApp := setup(t, func(server *forgetest.Server, config *github.Config) {
		key := server.RegisterApp(t, 4711, map[string]string{"metadata": "read"})
		config.Token, config.Apps = "", []github.App{{ID: 4711, PrivateKey: key}}
		require.NoError(t, server.Install(forge.Installation{AppID: 4711, Owner: "demo"}))
	})
	for name, b := range map[string]*bundle{"user": asUser, "app": asApp} {
		for _, made := range []string{"web", "docs"} {
			_, _, err := b.forge.Client(t).Repositories.Create(t.Context(), "demo", &gogithub.Repository{Name: &made})
			require.NoError(t, err)
		}
		own := "notes"
		_, _, err := b.forge.Client(t).Repositories.Create(t.Context(), "", &gogithub.Repository{Name: &own})
		require.NoError(t, err)
		b.forge.Push(t, "demo/docs", "main", false, map[string]string{"README.md": "x"})
		listed := values(t, b.Service, integration.PartRepo, integration.Repo{Host: b.forge.Host, Owner: "DEMO"})
		require.ElementsMatch(t, []string{"docs", "shop", "web"}, listed, name)
	}
	found, err := asUser.Repositories(t.Context(), ann, asUser.forge.Host, asUser.forge.Token())
	require.NoError(t, err)
	require.Contains(t, found.Choices, integration.Choice{Value: "docs", ID: "demo/docs"})
	require.Len(t, found.Choices, 4, "of all owners")
}

func TestAnAnswerToATokenIsTheCallersAlone(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	in := integration.Repo{Host: b.forge.Host}
	own, err := b.Choices(t.Context(), ann, integration.PartOwner, in, b.forge.Token())
	require.NoError(t, err)
	require.Len(t, own.Choices, 2)
	before := b.asked.Load()
	refused, err := b.Choices(t.Context(), ann, integration.PartOwner, in, "not-a-token")
	require.NoError(t, err)
	require.Empty(t, refused.Choices)
	require.Contains(t, refused.Reason, "401 Unauthorized")
	require.Greater(t, b.asked.Load(), before)
}

func TestWhatCannotBeListed(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	for reason, asked := range map[string]struct {
		part integration.Part
		in   integration.Repo
	}{
		"Portico cannot ask gerrit.example.com for the values of project": {integration.PartProject, integration.Repo{Host: "gerrit.example.com"}},
		"there are no credentials for github.com":                         {integration.PartOwner, integration.Repo{Host: "github.com"}},
	} {
		found, err := b.Choices(t.Context(), ann, asked.part, asked.in, "")
		require.NoError(t, err)
		require.Equal(t, picker.Choices{Reason: reason}, found)
	}
	_, err := b.Choices(t.Context(), ann, integration.PartRepo, integration.Repo{Host: b.forge.Host}, "")
	require.Equal(t, fault.Input, fault.KindOf(err))
	require.ErrorContains(t, err, "missing owner")
	_, err = b.Choices(t.Context(), ann, integration.PartOwner, integration.Repo{Host: "nowhere.example.com"}, "")
	require.Equal(t, fault.NotFound, fault.KindOf(err))
}
