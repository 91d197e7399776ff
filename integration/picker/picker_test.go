package picker_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	gogithub "github.com/google/go-github/v60/github"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/gerrit"
	"github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/integration/picker"
	"github.com/portico-dev/portico/internal/devstack/forge"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
	"github.com/portico-dev/portico/policy"
)

var ann = identity.Principal{Kind: identity.KindUser, Subject: "user:default/ann"}

// bundle is a picker over a forge, on which demo has a repository shop.
type bundle struct {
	*picker.Service
	forge *forgetest.Server
	// asked counts the requests to the forge.
	asked atomic.Int64
}

func setup(t *testing.T, change func(*forgetest.Server, *github.Config)) *bundle {
	t.Helper()
	server := forgetest.Start(t)
	client := gogithub.NewClient(nil).WithAuthToken(server.Token())
	client.BaseURL.Scheme, client.BaseURL.Host, client.BaseURL.Path = "http", server.Host, "/api/v3/"
	name := "shop"
	_, _, err := client.Repositories.Create(t.Context(), "demo", &gogithub.Repository{Name: &name})
	require.NoError(t, err)
	config := github.Config{Host: server.Host, APIBaseURL: server.APIBaseURL, Token: server.Token()}
	if change != nil {
		change(server, &config)
	}
	hosts, err := forges.New(forges.Config{GitHub: []github.Config{config}, Gerrit: []gerrit.Config{{Host: "gerrit.example.com"}}},
		integration.Options{})
	require.NoError(t, err)
	b := &bundle{Service: picker.New(picker.Options{Hosts: hosts, Decider: policy.AllowKnown{}}), forge: server}
	server.Inject(func(*http.Request) forgetest.Fault {
		b.asked.Add(1)
		return nil
	})
	return b
}

// owners lists the owners on the forge.
func (b *bundle) owners(t *testing.T) picker.Choices {
	t.Helper()
	found, err := b.Choices(t.Context(), ann, integration.PartOwner, integration.Repo{Host: b.forge.Host}, "")
	require.NoError(t, err)
	return found
}

func (b *bundle) availability(t *testing.T, owner, name string) integration.Availability {
	t.Helper()
	found, err := b.Availability(t.Context(), ann, b.forge.Host, owner, name)
	require.NoError(t, err)
	return found
}

func TestHosts(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	hosts, err := b.Hosts(t.Context(), ann)
	require.NoError(t, err)
	lists := map[integration.Part][]integration.Part{integration.PartOwner: {}, integration.PartRepo: {integration.PartOwner}}
	nothing := map[integration.Part][]integration.Part{}
	require.Equal(t, picker.Host{Host: b.forge.Host, Type: "github", HasCredentials: true, Lists: lists, TellsNames: true, TellsBranches: true}, hosts[0])
	require.Equal(t, picker.Host{Host: "gerrit.example.com", Type: "gerrit", Lists: nothing}, hosts[1])
	require.Contains(t, hosts, picker.Host{Host: "github.com", Type: "github", Lists: lists, TellsNames: true, TellsBranches: true})
	require.Zero(t, b.asked.Load())
}

func TestOnlyCallersWhoMayStartRunsAreAnswered(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	stranger := identity.Principal{}
	_, hostsErr := b.Hosts(t.Context(), stranger)
	_, ownersErr := b.Choices(t.Context(), stranger, integration.PartOwner, integration.Repo{Host: b.forge.Host}, "")
	_, repositoriesErr := b.Repositories(t.Context(), stranger, b.forge.Host, "a-token")
	_, availabilityErr := b.Availability(t.Context(), stranger, b.forge.Host, "demo", "shop")
	for _, err := range []error{hostsErr, ownersErr, repositoriesErr, availabilityErr} {
		var denied *policy.DeniedError
		require.ErrorAs(t, err, &denied)
		require.Equal(t, policy.ScaffolderTaskCreate, denied.Permission)
	}
	require.Zero(t, b.asked.Load())
}

func TestOwnersOfAToken(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	for range 2 {
		require.Equal(t, picker.Choices{Choices: []integration.Choice{
			{Value: "demo", Kind: integration.OwnerOrganization}, {Value: forge.DefaultUser, Kind: integration.OwnerUser},
		}}, b.owners(t))
	}
	require.EqualValues(t, 2, b.asked.Load(), "the second answer is cached")
}

func TestOwnersOfApps(t *testing.T) {
	t.Parallel()
	for granted, expected := range map[string][]integration.Choice{
		"write": {{Value: "demo", Kind: integration.OwnerOrganization}}, "read": nil,
	} {
		b := setup(t, func(server *forgetest.Server, config *github.Config) {
			key := server.RegisterApp(t, 4711, map[string]string{"metadata": "read", "administration": granted})
			config.Token, config.Apps = "", []github.App{{ID: 4711, PrivateKey: key}}
			require.NoError(t, server.Install(forge.Installation{AppID: 4711, Owner: "demo"}))
			require.NoError(t, server.Install(forge.Installation{AppID: 4711, Owner: "ann"}))
		})
		require.Equal(t, picker.Choices{Choices: expected}, b.owners(t), granted)
		if granted == "write" {
			require.Equal(t, integration.Available, b.availability(t, "demo", "new").State)
			require.Equal(t, integration.Availability{State: integration.Refused,
				Reason: "ann is a user, and only users can create repositories for themselves, not Apps"}, b.availability(t, "ann", "new"))
			continue
		}
		require.Equal(t, integration.Refused, b.availability(t, "demo", "new").State)
		require.Equal(t, integration.Taken, b.availability(t, "demo", "shop").State)
	}
}

func TestAvailability(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	for at, expected := range map[[2]string]integration.Availability{
		{"demo", "shop"}:           {State: integration.Taken},
		{"DEMO", "Shop"}:           {State: integration.Taken},
		{"demo", "new"}:            {State: integration.Available},
		{forge.DefaultUser, "new"}: {State: integration.Available},
		{"nobody", "new"}:          {State: integration.Refused, Reason: b.forge.Host + " has no owner nobody"},
		{"ann", "new"}:             {State: integration.Refused, Reason: "ann is a user, and the configured token is of " + forge.DefaultUser},
		{"demo", "a/../b"}:         {State: integration.Refused, Reason: "owner and repo may hold letters, digits and any of [-_.]"},
		{"../../user", "new"}:      {State: integration.Refused, Reason: "owner and repo may hold letters, digits and any of [-_.]"},
	} {
		require.Equal(t, expected, b.availability(t, at[0], at[1]), at)
	}
	before := b.asked.Load()
	b.availability(t, "demo", "shop")
	require.Equal(t, before, b.asked.Load(), "an answer is kept")

	_, err := b.Availability(t.Context(), ann, "nowhere.example.com", "demo", "shop")
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	for host, reason := range map[string]string{
		"github.com": "there are no credentials for github.com", "gerrit.example.com": "Portico cannot ask gerrit.example.com whether a name is free",
	} {
		found, err := b.Availability(t.Context(), ann, host, "demo", "shop")
		require.NoError(t, err)
		require.Equal(t, integration.Availability{State: integration.Unknown, Reason: reason}, found)
	}
}

func TestAvailabilityIsUnknownWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault  forgetest.Fault
		reason string
	}{
		"limited": {forgetest.Limited(time.Minute), "429 Too Many Requests (rate limit exceeded)"},
		"ill":     {forgetest.Answer(http.StatusBadGateway, "ill", nil), "502 Bad Gateway"},
		"refused": {forgetest.Answer(http.StatusUnauthorized, "Bad credentials", nil), "401 Unauthorized"},
		"gone":    {forgetest.DropBefore, "does not answer"},
	} {
		b := setup(t, nil)
		b.forge.Inject(func(*http.Request) forgetest.Fault { return test.fault })
		found := b.availability(t, "demo", "shop")
		require.Equal(t, integration.Unknown, found.State, name)
		require.Contains(t, found.Reason, test.reason)
		require.Contains(t, b.owners(t).Reason, test.reason)
	}
}

func TestRequestsWhileTypingAreLimited(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	states := map[integration.Availability]int{}
	for n := range 60 {
		states[b.availability(t, "demo", fmt.Sprint("name-", n))]++
	}
	tooOften := integration.Availability{State: integration.Unknown, Reason: b.forge.Host + " was asked too often just now"}
	require.Positive(t, states[tooOften])
	require.GreaterOrEqual(t, states[integration.Availability{State: integration.Available}], 20)
	require.Len(t, states, 2)
}

func TestBranches(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	shop := integration.Repo{Host: b.forge.Host, Owner: "demo", Repo: "shop"}
	b.forge.Push(t, "demo/shop", "main", false, map[string]string{"README.md": "x"})
	b.forge.Push(t, "demo/shop", "release/1", false, map[string]string{"README.md": "y"})
	found, err := b.Branches(t.Context(), ann, shop, "", "")
	require.NoError(t, err)
	require.Equal(t, picker.Branches{Branches: []string{"main", "release/1"}}, found)
	found, err = b.Branches(t.Context(), ann, shop, "rel", "")
	require.NoError(t, err)
	require.Equal(t, picker.Branches{Branches: []string{"release/1"}}, found)

	for reason, repo := range map[string]integration.Repo{
		"the repository does not exist, or Portico may not read it": {Host: b.forge.Host, Owner: "demo", Repo: "none"},
		"Portico cannot ask gerrit.example.com for branches":        {Host: "gerrit.example.com", Repo: "shop"},
	} {
		found, err := b.Branches(t.Context(), ann, repo, "", "")
		require.NoError(t, err)
		require.Equal(t, picker.Branches{Reason: reason}, found)
	}
	for kind, repo := range map[fault.Kind]integration.Repo{
		fault.Input:    {Host: b.forge.Host, Repo: "shop"},
		fault.NotFound: {Host: "nowhere.example.com", Owner: "demo", Repo: "shop"},
	} {
		_, err := b.Branches(t.Context(), ann, repo, "", "")
		require.Equal(t, kind, fault.KindOf(err))
	}
	before := b.asked.Load()
	_, err = b.Branches(t.Context(), ann, shop, "", "")
	require.NoError(t, err)
	require.Equal(t, before, b.asked.Load(), "an answer is kept")
	var denied *policy.DeniedError
	_, err = b.Branches(t.Context(), identity.Principal{}, shop, "", "")
	require.ErrorAs(t, err, &denied)
}
