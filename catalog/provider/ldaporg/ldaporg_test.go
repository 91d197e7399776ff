package ldaporg_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/ldaporg"
	"github.com/portico-dev/portico/catalog/provider/providertest"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit/slapdtest"
)

// standard is the configuration with the defaults of the schema, in pages of two entries.
func standard(target string, change func(*config.LDAPProvider)) config.LDAPProvider {
	options := config.LDAPOptions{Scope: "one", Attributes: []string{"*", "+"}, Paged: config.LDAPPaged{Enabled: true, PageSize: 2, PagePause: true}}
	configured := config.LDAPProvider{
		Target: target, Bind: &config.LDAPBind{DN: slapdtest.Reader, Secret: slapdtest.Secret}, TLS: config.LDAPTLS{RejectUnauthorized: true},
		Users: []config.LDAPUsers{{
			LDAPSearch: config.LDAPSearch{DN: "ou=people," + slapdtest.Suffix, Options: options},
			Map:        config.LDAPNames{RDN: "uid", Name: "uid", DisplayName: "cn", Email: "mail", MemberOf: "memberOf"},
		}},
		Groups: []config.LDAPGroups{{
			LDAPSearch: config.LDAPSearch{DN: "ou=groups," + slapdtest.Suffix, Options: options},
			Map: config.LDAPGroupNames{LDAPNames: config.LDAPNames{RDN: "cn", Name: "cn", Description: "description", DisplayName: "cn", MemberOf: "memberOf"},
				Type: "groupType", Members: "member"},
		}},
	}
	if change != nil {
		change(&configured)
	}
	return configured
}

func newSource(t *testing.T, target string, change func(*config.LDAPProvider)) provider.Source {
	t.Helper()
	sources, err := ldaporg.Sources(map[string]config.LDAPProvider{"company": standard(target, change)})
	require.NoError(t, err)
	require.Len(t, sources, 1)
	return sources[0]
}

// company is a directory with four people, and the groups all, web and tools, of which the last two are in the first.
func company(t *testing.T) *slapdtest.Server {
	t.Helper()
	server := slapdtest.Start(t)
	people := []string{}
	for uid, name := range map[string]string{"ada": "Ada Lovelace", "bob": "Bob", "eve": "Eve", "kim": "Kim"} {
		people = append(people, server.Person(t, uid, name))
	}
	person := func(uid string) string { return "uid=" + uid + ",ou=people," + slapdtest.Suffix }
	require.Contains(t, people, person("ada"))
	web := server.Group(t, "web", person("ada"), person("bob"))
	tools := server.Group(t, "tools", person("eve"))
	// OpenLDAP compares names without regard to case and spaces.
	server.Group(t, "all", web, "CN=Tools, ou=Groups,dc=Example,dc=net", "uid=gone,ou=people,"+slapdtest.Suffix)
	require.NotEmpty(t, tools)
	return server
}

var everybody = []string{
	"user:default/ada", "user:default/bob", "user:default/eve", "user:default/kim", "group:default/all", "group:default/tools", "group:default/web",
}

func TestItConforms(t *testing.T) {
	t.Parallel()
	passes := func(fault func(http.ResponseWriter, *http.Request, http.Handler)) providertest.Case {
		return providertest.Case{Fault: fault, Passes: true}
	}
	stays := func(fault func(http.ResponseWriter, *http.Request, http.Handler)) providertest.Case {
		return providertest.Case{Fault: fault}
	}
	providertest.Conform(t, func(t *testing.T) providertest.Source {
		t.Helper()
		server := company(t)
		proxy := server.Proxy(t)
		return providertest.Source{
			New: func() provider.Provider {
				source := newSource(t, proxy.URL, nil)
				ldaporg.SetPageSize(source, 3)
				return source
			},
			Inject: func(pick func(*http.Request) providertest.Fault) {
				proxy.Inject(func(r *http.Request) slapdtest.Fault {
					if pick == nil {
						return nil
					}
					return slapdtest.Fault(pick(r))
				})
			},
			Faults: map[string]providertest.Case{
				"busy":               passes(slapdtest.Refuse(ldap.LDAPResultBusy)),
				"unavailable":        passes(slapdtest.Refuse(ldap.LDAPResultUnavailable)),
				"it takes too long":  passes(slapdtest.Refuse(ldap.LDAPResultTimeLimitExceeded)),
				"no answer":          passes(func(http.ResponseWriter, *http.Request, http.Handler) {}),
				"a truncated answer": passes(slapdtest.BreakOff),
				"something else": passes(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
					fmt.Fprint(w, "HTTP/1.1 400 Bad Request")
				}),
				"a wrong password":        stays(slapdtest.Refuse(ldap.LDAPResultInvalidCredentials)),
				"not permitted":           stays(slapdtest.Refuse(ldap.LDAPResultInsufficientAccessRights)),
				"not found":               stays(slapdtest.Refuse(ldap.LDAPResultNoSuchObject)),
				"more than it answers":    stays(slapdtest.Refuse(ldap.LDAPResultSizeLimitExceeded)),
				"another server is asked": stays(slapdtest.Refuse(ldap.LDAPResultReferral)),
			},
			Refs: everybody, Pages: 3,
			Remove: func() { server.Remove(t, "cn=all,ou=groups,"+slapdtest.Suffix) },
			Add:    func() { server.Person(t, "another", "Another") },
		}
	})
}

// found are the entities of a source of one page, by their references.
func found(t *testing.T, source provider.Source) (provider.Page, map[string]provider.Entity) {
	t.Helper()
	page, err := source.ReadPage(t.Context(), "")
	require.NoError(t, err)
	require.Empty(t, page.Next)
	entities := map[string]provider.Entity{}
	for _, one := range page.Entities {
		require.NoError(t, entity.Validate(one.Entity))
		entities[one.Ref().String()] = one
	}
	return page, entities
}

// TestEntitiesAreBackstages, from a server that shows membership at both ends.
func TestEntitiesAreBackstages(t *testing.T) {
	t.Parallel()
	server := company(t)
	source := newSource(t, server.URL, func(c *config.LDAPProvider) {
		c.Users[0].Set = map[string]any{"metadata.annotations": map[string]any{"example.net/kind": "person"}, "spec.profile.email": "overwritten"}
		c.Groups[0].Set = map[string]any{"spec.type": "team"}
	})
	require.Equal(t, "LdapOrgEntityProvider:company", source.Name())
	require.Equal(t, []string{ldaporg.Kind, server.URL}, []string{source.Kind, source.Place})
	page, entities := found(t, source)
	require.Len(t, entities, len(everybody))
	require.Equal(t, 7, page.Total)
	require.Empty(t, page.Remarks)

	shown := func(ref string) string {
		made := entities[ref].Entity.Clone()
		annotations, is := made.Metadata()["annotations"].(map[string]any)
		require.True(t, is)
		require.Regexp(t, "^[0-9a-f-]{36}$", annotations["backstage.io/ldap-uuid"])
		delete(annotations, "backstage.io/ldap-uuid")
		encoded, err := json.Marshal(made)
		require.NoError(t, err)
		return string(encoded)
	}
	require.JSONEq(t, `{"apiVersion": "backstage.io/v1beta1", "kind": "User", "metadata": {"name": "ada", "namespace": "default", "annotations": {
		"backstage.io/ldap-dn": "uid=ada,ou=people,dc=example,dc=net", "backstage.io/ldap-rdn": "ada", "example.net/kind": "person"}},
		"spec": {"profile": {"displayName": "Ada Lovelace", "email": "ada@example.net"}, "memberOf": ["group:default/web"]}}`, shown("user:default/ada"))
	require.JSONEq(t, `{"apiVersion": "backstage.io/v1beta1", "kind": "Group", "metadata": {"name": "tools", "namespace": "default",
		"description": "The group tools", "annotations": {"backstage.io/ldap-dn": "cn=tools,ou=groups,dc=example,dc=net", "backstage.io/ldap-rdn": "tools"}},
		"spec": {"type": "team", "profile": {"displayName": "tools"}, "children": [], "parent": "group:default/all"}}`, shown("group:default/tools"))
	require.Equal(t, []any{"group:default/tools", "group:default/web"}, entities["group:default/all"].Entity.Spec()["children"])
	require.Equal(t, "ldap://company/uid=ada%2Cou=people%2Cdc=example%2Cdc=net", entities["user:default/ada"].Location.String())
}

// TestMembershipIsReadFromEitherEnd: it is the same whether the users or the groups say it.
func TestMembershipIsReadFromEitherEnd(t *testing.T) {
	t.Parallel()
	server := company(t)
	_, both := found(t, newSource(t, server.URL, nil))
	for name, change := range map[string]func(*config.LDAPProvider){
		"the groups": func(c *config.LDAPProvider) { c.Users[0].Map.MemberOf, c.Groups[0].Map.MemberOf = "", "" },
		"the users":  func(c *config.LDAPProvider) { c.Groups[0].Map.Members = "" },
	} {
		_, one := found(t, newSource(t, server.URL, change))
		require.Equal(t, both, one, name)
	}
}

// TestSearches: filters, depths and pages.
func TestSearches(t *testing.T) {
	t.Parallel()
	server := company(t)
	server.Add(t, "ou=guests,ou=people,"+slapdtest.Suffix, "organizationalUnit", "ou=guests")
	server.Add(t, "uid=pat,ou=guests,ou=people,"+slapdtest.Suffix, "inetOrgPerson", "uid=pat", "cn=Pat", "sn=Pat")
	refs := func(change func(*config.LDAPProvider)) (page provider.Page, refs []string) {
		page, entities := found(t, newSource(t, server.URL, func(c *config.LDAPProvider) {
			c.Groups = nil
			c.Users[0].Options.Filter = "(uid=*)"
			change(c)
		}))
		for ref := range entities {
			refs = append(refs, ref)
		}
		return page, refs
	}
	_, one := refs(func(*config.LDAPProvider) {})
	require.ElementsMatch(t, everybody[:4], one, "four people, although the server answers three without pages")
	_, below := refs(func(c *config.LDAPProvider) { c.Users[0].Options.Scope = "sub" })
	require.ElementsMatch(t, append([]string{"user:default/pat"}, everybody[:4]...), below)
	_, some := refs(func(c *config.LDAPProvider) { c.Users[0].Options.Filter = "(|\n  (uid=ada)\n  (mail=eve@*)\n)" })
	require.ElementsMatch(t, []string{"user:default/ada", "user:default/eve"}, some)
	_, twice := refs(func(c *config.LDAPProvider) { c.Users = append(c.Users, c.Users[0]) })
	require.ElementsMatch(t, everybody[:4], twice, "an entry that two searches find is one entity")
	nameless, rest := refs(func(c *config.LDAPProvider) { c.Users[0].Options.Filter = "" })
	require.ElementsMatch(t, everybody[:4], rest)
	require.Len(t, nameless.Remarks, 1, "an entry without a name")
	require.Contains(t, nameless.Remarks[0], "ou=guests,ou=people,dc=example,dc=net is left out")
}

// TestReferralsAreNotFollowed, and the sweep says so.
func TestReferralsAreNotFollowed(t *testing.T) {
	t.Parallel()
	server := company(t)
	server.Add(t, "cn=elsewhere,ou=people,"+slapdtest.Suffix, "referral extensibleObject", "cn=elsewhere", "ref=ldap://elsewhere.example/ou=people")
	page, entities := found(t, newSource(t, server.URL, nil))
	require.Len(t, entities, len(everybody))
	require.Len(t, page.Remarks, 1)
	require.Contains(t, page.Remarks[0], "ldap://elsewhere.example")
	require.Contains(t, page.Remarks[0], "is not read")
}

// TestAPartIsAnError: a server that answers fewer entries than there are.
func TestAPartIsAnError(t *testing.T) {
	t.Parallel()
	server := company(t)
	page, err := newSource(t, server.URL, func(c *config.LDAPProvider) { c.Users[0].Options.Paged.Enabled = false }).ReadPage(t.Context(), "")
	require.Zero(t, page)
	require.Equal(t, fault.Input, fault.KindOf(err))
	require.ErrorContains(t, err, "The server answers no more entries")
}

func TestWhoMayRead(t *testing.T) {
	t.Parallel()
	server := company(t)
	_, err := newSource(t, server.URL, func(c *config.LDAPProvider) { c.Bind.Secret = "wrong-secret" }).ReadPage(t.Context(), "")
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	require.NotContains(t, err.Error(), "wrong-secret")
	_, err = newSource(t, server.URL, func(c *config.LDAPProvider) { c.Bind = nil }).ReadPage(t.Context(), "")
	require.Equal(t, fault.NotFound, fault.KindOf(err), "OpenLDAP does not say that there is something")
}

func TestEncryption(t *testing.T) {
	t.Parallel()
	server := company(t)
	for name, test := range map[string]struct {
		target string
		change func(*config.LDAPProvider)
		says   string
	}{
		"LDAPS with the CA":       {server.SecureURL, func(c *config.LDAPProvider) { c.TLS.CA = server.CA }, ""},
		"StartTLS with the CA":    {server.URL, func(c *config.LDAPProvider) { c.TLS.CA, c.TLS.StartTLS = server.CA, true }, ""},
		"LDAPS of anybody":        {server.SecureURL, func(c *config.LDAPProvider) { c.TLS.RejectUnauthorized = false }, ""},
		"LDAPS without the CA":    {server.SecureURL, nil, "Give the CA of the server in tls.ca"},
		"StartTLS without the CA": {server.URL, func(c *config.LDAPProvider) { c.TLS.StartTLS = true }, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page, err := newSource(t, test.target, test.change).ReadPage(t.Context(), "")
			if test.says == "" {
				require.NoError(t, err)
				require.Len(t, page.Entities, len(everybody))
				return
			}
			require.ErrorContains(t, err, test.says)
		})
	}
}

func TestConfigurationsThatCannotWork(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for name, test := range map[string]struct {
		change func(*config.LDAPProvider)
		says   string
	}{
		"no server":             {func(c *config.LDAPProvider) { c.Target = "ds.example.net" }, "target is not the address of a server"},
		"a password in it":      {func(c *config.LDAPProvider) { c.Target = "ldap://a:b@ds.example.net" }, "target is not the address of a server"},
		"another protocol":      {func(c *config.LDAPProvider) { c.Target = "https://ds.example.net" }, "neither ldap:// nor ldaps://"},
		"nothing to read":       {func(c *config.LDAPProvider) { c.Users, c.Groups = nil, nil }, "neither users nor groups"},
		"encrypted twice":       {func(c *config.LDAPProvider) { c.TLS.StartTLS = true }, "tls.startTLS is for ldap://"},
		"no authority":          {func(c *config.LDAPProvider) { c.TLS.CA = empty }, "has no certificate"},
		"a missing authority":   {func(c *config.LDAPProvider) { c.TLS.CA = empty + "x" }, "tls.ca"},
		"a key without its use": {func(c *config.LDAPProvider) { c.TLS.Keys = empty }, "only one of certs and keys"},
		"a broken filter":       {func(c *config.LDAPProvider) { c.Users[0].Options.Filter = "(uid=" }, "users[0]: options.filter is not a filter of LDAP"},
		"no distinguished name": {func(c *config.LDAPProvider) { c.Groups[0].DN = "groups" }, "groups[0]: dn is not a distinguished name"},
		"a path with brackets":  {func(c *config.LDAPProvider) { c.Users[0].Set = map[string]any{`metadata["x"]`: 1} }, "no brackets"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ldaporg.Sources(map[string]config.LDAPProvider{"company": standard("ldaps://ds.example.net", test.change)})
			require.ErrorContains(t, err, "catalog.providers.ldapOrg.company: ")
			require.ErrorContains(t, err, test.says)
		})
	}
}
