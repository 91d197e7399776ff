package msgraphorg_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/msgraphorg"
	"github.com/portico-dev/portico/catalog/provider/providertest"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
)

func newSource(t *testing.T, of *tenant, change func(*config.MicrosoftGraphProvider)) provider.Source {
	t.Helper()
	configured := of.configured()
	if change != nil {
		change(&configured)
	}
	sources, err := msgraphorg.Sources(map[string]config.MicrosoftGraphProvider{"default": configured}, integration.NewTransport(nil))
	require.NoError(t, err)
	require.Len(t, sources, 1)
	return sources[0]
}

func TestItConforms(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*config.MicrosoftGraphProvider){
		"all users":       nil,
		"users of groups": func(c *config.MicrosoftGraphProvider) { c.UserGroupMember.Filter = "displayName eq 'ALL'" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.Conform(t, func(t *testing.T) providertest.Source {
				t.Helper()
				made := start(t)
				made.addGroup("all")
				made.addGroup("web", "all")
				refs := []string{"group:default/acme_all", "group:default/all", "group:default/web"}
				for n := range 4 {
					name := fmt.Sprint("user-", n)
					made.addUser(name, "all", "web")
					refs = append(refs, "user:default/"+name+"_acme.example")
				}
				return providertest.Source{
					New: func() provider.Provider {
						source := newSource(t, made, change)
						msgraphorg.SetPageSize(source, 3)
						return source
					},
					Inject: made.inject, Refs: refs, Pages: 3,
					Remove: func() { made.removeUser("user-0") },
					Add:    func() { made.addUser("another", "all") },
				}
			})
		})
	}
}

// TestEntitiesAreBackstages: a tree of groups, and who is in them.
func TestEntitiesAreBackstages(t *testing.T) {
	t.Parallel()
	made := start(t)
	made.addGroup("tech")
	made.addGroup("web", "tech")
	made.addGroup("loop", "web")
	made.members["loop"] = append(made.members["loop"], "web") // in each other
	made.groups[0]["description"], made.groups[0]["mail"] = "Technology", "tech@acme.example"
	made.groups[1]["securityEnabled"] = true // then the name is that of the display name
	made.addUser("ann", "web")
	made.addUser("bob")
	made.users = append(made.users, map[string]any{"id": "robot", "displayName": "Robot"})
	source := newSource(t, made, nil)
	require.Equal(t, "MicrosoftGraphOrgEntityProvider:default", source.Name())
	require.Equal(t, []string{"microsoftGraphOrg", strings.TrimPrefix(made.URL, "http://") + "/tenant-1"}, []string{source.Kind, source.Place})
	page, err := source.ReadPage(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, []string{"1 users without displayName or mail are left out"}, page.Remarks)
	found := map[string]string{}
	for _, one := range page.Entities {
		encoded, err := json.Marshal(one.Entity)
		require.NoError(t, err)
		found[one.Ref().String()] = string(encoded)
		require.Equal(t, "msgraph", one.Location.Type)
	}
	require.Len(t, found, 6)
	require.JSONEq(t, `{"apiVersion": "backstage.io/v1alpha1", "kind": "Group", "metadata": {"namespace": "default", "name": "acme_all", "description": "Acme (all)",
		"annotations": {"graph.microsoft.com/tenant-id": "tenant-1"}},
		"spec": {"type": "root", "profile": {"displayName": "Acme (all)"}, "children": ["group:default/tech"]}}`, found["group:default/acme_all"])
	require.JSONEq(t, `{"apiVersion": "backstage.io/v1alpha1", "kind": "Group", "metadata": {"namespace": "default", "name": "tech", "description": "Technology",
		"annotations": {"graph.microsoft.com/group-id": "tech"}},
		"spec": {"type": "team", "profile": {"displayName": "TECH", "email": "tech@acme.example"}, "children": ["group:default/web"],
			"parent": "group:default/acme_all"}}`, found["group:default/tech"])
	require.JSONEq(t, `{"apiVersion": "backstage.io/v1alpha1", "kind": "User", "metadata": {"namespace": "default", "name": "ann_acme.example",
		"annotations": {"graph.microsoft.com/user-id": "id-ann", "microsoft.com/email": "ann@acme.example"}},
		"spec": {"profile": {"displayName": "ann", "email": "ann@acme.example"},
			"memberOf": ["group:default/acme_all", "group:default/loop", "group:default/tech", "group:default/web"]}}`, found["user:default/ann_acme.example"])
	require.Contains(t, found["user:default/bob_acme.example"], `"memberOf":[]`)
	require.Equal(t, "default/id-ann", page.Entities[slices.IndexFunc(page.Entities, func(one provider.Entity) bool { return one.Name() == "ann_acme.example" })].Location.Target)
}

// TestWhatIsAsked: the keys of the configuration are those of Microsoft Graph.
func TestWhatIsAsked(t *testing.T) {
	t.Parallel()
	made := start(t)
	made.addGroup("web")
	made.addGroup("sub", "web")
	made.addUser("ann", "web")
	made.addUser("bob", "sub")
	refs := func(change func(*config.MicrosoftGraphProvider)) (found []string) {
		page, err := newSource(t, made, change).ReadPage(t.Context(), "")
		require.NoError(t, err)
		for _, one := range page.Entities {
			found = append(found, strings.TrimSuffix(one.Name(), "_acme.example"))
		}
		return found
	}
	require.Equal(t, []string{"acme_all", "web", "ann", "bob"}, refs(func(c *config.MicrosoftGraphProvider) { c.Group.Filter = "displayName eq 'WEB'" }))
	require.Equal(t, []string{"acme_all", "sub", "web", "ann", "bob"}, refs(func(c *config.MicrosoftGraphProvider) {
		c.Group.Search, c.Group.IncludeSubGroups = `"displayName:WEB"`, true
	}))
	require.Equal(t, []string{"acme_all", "sub", "web", "bob"}, refs(func(c *config.MicrosoftGraphProvider) { c.UserGroupMember.Search = `"displayName:SUB"` }))
	made.asked = nil
	refs(func(c *config.MicrosoftGraphProvider) {
		c.QueryMode, c.User.Filter, c.User.Expand, c.User.Select = "advanced", "accountEnabled eq true", "manager", []string{"id", "jobTitle"}
	})
	require.Contains(t, made.asked, "/v1.0/users?%24count=true&%24expand=manager&%24filter=accountEnabled%20eq%20true&%24select=id%2CjobTitle%2CdisplayName%2Cmail&%24top=999")
}

// TestManyGroupsTakeFewRequests: members are asked for twenty groups at once.
func TestManyGroupsTakeFewRequests(t *testing.T) {
	t.Parallel()
	made := start(t)
	made.size = 999
	for n := range 200 {
		made.addGroup(fmt.Sprint("group-", n))
	}
	for n := range 2000 {
		made.addUser(fmt.Sprint("user-", n), fmt.Sprint("group-", n%200))
	}
	page, err := newSource(t, made, nil).ReadPage(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, page.Entities, 2201)
	require.Equal(t, 1+3+1+10, page.Requests, "the organization, users, groups and their members")
}

// TestAnswersThatAreNotWholeAreNoPages: a batch may lack an answer or have one that failed, and a list may name a next page elsewhere.
func TestAnswersThatAreNotWholeAreNoPages(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		path, body string
		passes     bool
	}{
		"a batch without an answer":   {"/v1.0/$batch", `{"responses": []}`, true},
		"a batch with a limit":        {"/v1.0/$batch", `{"responses": [{"id": "0", "status": 429, "headers": {"Retry-After": "7"}, "body": {}}]}`, true},
		"a batch without permission":  {"/v1.0/$batch", `{"responses": [{"id": "0", "status": 403, "body": {"error": {"code": "Authorization_RequestDenied"}}}]}`, false},
		"a batch without the members": {"/v1.0/$batch", `{"responses": [{"id": "0", "status": 200, "body": {}}]}`, true},
		"a group that went":           {"/v1.0/$batch", `{"responses": [{"id": "0", "status": 404, "body": {}}]}`, true},
		"a next page elsewhere":       {"/v1.0/users", `{"value": [{"id": "1"}], "@odata.nextLink": "https://elsewhere.example/v1.0/users"}`, false},
		"users without ids":           {"/v1.0/users", `{"value": [{"displayName": "x"}]}`, true},
		"an organization without id":  {"/v1.0/organization/tenant-1", `{}`, true},
	} {
		made := start(t)
		made.addGroup("web")
		made.inject(func(r *http.Request) providertest.Fault {
			if r.URL.Path != test.path {
				return nil
			}
			return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { fmt.Fprint(w, test.body) }
		})
		page, err := newSource(t, made, nil).ReadPage(t.Context(), "")
		require.Error(t, err, name)
		require.Zero(t, page, name)
		_, passes := integration.MayPass(err)
		require.Equal(t, test.passes, passes, "%s: %v", name, err)
	}
}

func TestErrorsSayWhatIsMissingAndNoSecret(t *testing.T) {
	t.Parallel()
	made := start(t)
	_, err := newSource(t, made, func(c *config.MicrosoftGraphProvider) { c.ClientSecret = "another-s3cret" }).ReadPage(t.Context(), "")
	require.ErrorContains(t, err, "could not get a token for clientId (invalid_client), 401")
	require.ErrorContains(t, err, "GroupMember.Read.All")
	require.NotContains(t, err.Error(), "another-s3cret")
	_, passes := integration.MayPass(err)
	require.False(t, passes)
}

func TestConfigurationsThatCannotWork(t *testing.T) {
	t.Parallel()
	made := &tenant{URL: "https://graph.example"}
	for says, change := range map[string]func(*config.MicrosoftGraphProvider){
		"it needs clientId and clientSecret": func(c *config.MicrosoftGraphProvider) { c.ClientSecret = "" },
		"exclude each other":                 func(c *config.MicrosoftGraphProvider) { c.User.Filter, c.UserGroupMember.Filter = "x", "y" },
		"is no id of a tenant":               func(c *config.MicrosoftGraphProvider) { c.TenantID = "../x" },
		"target is no address":               func(c *config.MicrosoftGraphProvider) { c.Target = "graph.microsoft.com" },
		"authority is no address":            func(c *config.MicrosoftGraphProvider) { c.Authority = "https://a:b@login.example" },
	} {
		configured := made.configured()
		change(&configured)
		_, err := msgraphorg.Sources(map[string]config.MicrosoftGraphProvider{"shop": configured}, nil)
		require.ErrorContains(t, err, "catalog.providers.microsoftGraphOrg.shop: ")
		require.ErrorContains(t, err, says)
		require.Equal(t, fault.Input, fault.KindOf(err))
	}
}
