package api_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit/catalogtest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/explain"
	"github.com/portico-dev/portico/policy/rbac"
)

// explained asks as somebody why a user may do something on a resource. An empty user is the caller.
func (r roles) explained(who, user string, permission policy.Permission, resource string) explain.Explanation {
	r.Helper()
	var e explain.Explanation
	query := url.Values{"permission": {string(permission)}}
	for name, value := range map[string]string{"user": user, "resource": resource} {
		if value != "" {
			query.Set(name, value)
		}
	}
	r.send(who, http.StatusOK, http.MethodGet, "/portico/v1/policy/explain?"+query.Encode(), "", &e)
	return e
}

// TestEverybodyExplainsThemselves: who is denied learns which role would allow it, and who can change roles.
func TestEverybodyExplainsThemselves(t *testing.T) {
	t.Parallel()
	r := newRoles(t)
	e := r.explained("grace", "", policy.CatalogLocationCreate, "")
	require.Equal(t, "user:default/grace", e.User)
	require.Equal(t, policy.Denied, e.Result)
	require.Equal(t, rbac.ByNothing, e.Basis)
	require.Empty(t, e.Changes)
	require.Equal(t, []string{"user:default/ada"}, e.Maintainers)

	r.send("ada", http.StatusCreated, http.MethodPost, "/permission/roles",
		`{"name":"role:default/writers","memberReferences":["user:default/ada"],"metadata":{"owner":"group:default/group-19"}}`, nil)
	r.send("ada", http.StatusCreated, http.MethodPost, "/permission/policies",
		`[{"entityReference":"role:default/writers","permission":"catalog.location.create","policy":"create","effect":"allow"}]`, nil)
	e = r.explained("grace", "Grace", policy.CatalogLocationCreate, "")
	require.Len(t, e.Changes, 1)
	require.Equal(t, rbac.NamedRole{Role: "role:default/writers", Source: rbac.FromREST, Owner: "group:default/group-19"}, e.Changes[0].NamedRole)
	require.Contains(t, e.Text(), "Ask group:default/group-19, who owns the role.")
	require.Equal(t, policy.Allowed, r.explained("ada", "", policy.CatalogLocationCreate, "").Result)
	require.Equal(t, rbac.ByToken, r.explained("service", "", policy.CatalogLocationCreate, "").Basis)

	for query, expected := range map[string]string{
		"permission=catalog.location.create&resource=component:default/x": "catalog.location.create is not about single resources",
		"user=grace": "permission", "permission=catalog.entity.read&resource=x": "resource: ", "permission=x&user=:": "user: ",
	} {
		answer := ask(t, r.http, http.MethodGet, "/api/portico/v1/policy/explain?"+query, "", "Authorization", "Bearer ada")
		require.Equal(t, http.StatusBadRequest, answer.Code, query)
		require.Contains(t, message(t, answer), expected, query)
	}
}

// TestOthersAreExplainedToWhoReadsRoles: roles and groups of others are not for everybody.
func TestOthersAreExplainedToWhoReadsRoles(t *testing.T) {
	t.Parallel()
	r := newRoles(t)
	answer := ask(t, r.http, http.MethodGet, "/api/portico/v1/policy/explain?user=ada&permission=catalog.entity.read", "", "Authorization", "Bearer grace")
	require.Equal(t, http.StatusForbidden, answer.Code)
	require.Contains(t, answer.Header().Get("WWW-Authenticate"), `scope="policy.entity.read"`)
	require.Equal(t, "user:default/grace", r.explained("ada", "user:default/grace", policy.CatalogEntityRead, "").User)
}

// TestAnExplanationNamesTheRulesThatFail: with the answer of authorize, and to nobody who may not read the resource.
func TestAnExplanationNamesTheRulesThatFail(t *testing.T) {
	t.Parallel()
	r := newRoles(t)
	catalogtest.Fill(t, r.pool, 180)
	own, others := first(r.owned("group:default/group-39")), first(r.owned("group:default/group-19"))
	r.send("ada", http.StatusCreated, http.MethodPost, "/permission/roles", `{"name":"role:default/developers","memberReferences":["user:default/grace"]}`, nil)
	r.send("ada", http.StatusCreated, http.MethodPost, "/permission/roles/conditions",
		`{"result":"CONDITIONAL","roleEntityRef":"role:default/developers","pluginId":"catalog","resourceType":"catalog-entity",
		"permissionMapping":[{"name":"catalog.entity.delete","action":"delete"}],"conditions":{"allOf":[
		{"rule":"IS_ENTITY_OWNER","resourceType":"catalog-entity","params":{"claims":["$ownerRefs"]}},
		{"not":{"rule":"HAS_LABEL","resourceType":"catalog-entity","params":{"label":"protected"}}}]}}`, nil)

	require.Equal(t, policy.Conditional, r.explained("ada", "grace", policy.CatalogEntityDelete, "").Result)
	for resource, result := range map[string]policy.Result{own: policy.Allowed, others: policy.Denied, "component:default/none": policy.Denied} {
		require.Equal(t, quoted(string(result)), r.decided("grace", on("catalog.entity.delete", quoted(resource))))
		require.Equal(t, result, r.explained("ada", "grace", policy.CatalogEntityDelete, resource).Result)
		mine := r.explained("grace", "", policy.CatalogEntityDelete, resource)
		require.Equal(t, result, mine.Result)
		for _, rule := range mine.Rules {
			require.Equal(t, explain.Unknown, rule.Verdict, "grace may not read entities")
		}
	}
	rules := r.explained("ada", "grace", policy.CatalogEntityDelete, others).Rules
	require.Len(t, rules, 1, "only the rule that fails")
	require.Equal(t, "IS_ENTITY_OWNER", rules[0].Rule)
	require.Equal(t, explain.Fails, rules[0].Verdict)
	require.JSONEq(t, `{"claims":["user:default/grace","group:default/group-39"]}`, string(rules[0].Params))
	require.Len(t, r.explained("ada", "grace", policy.CatalogEntityDelete, own).Rules, 2)
}

// TestEverybodySeesWhoTheyAre: groups with the way to them, and roles with what they permit.
func TestEverybodySeesWhoTheyAre(t *testing.T) {
	t.Parallel()
	r := newRoles(t)
	r.send("ada", http.StatusCreated, http.MethodPost, "/permission/roles", `{"name":"role:default/writers","memberReferences":["user:default/grace"]}`, nil)
	r.send("ada", http.StatusCreated, http.MethodPost, "/permission/policies",
		`[{"entityReference":"role:default/writers","permission":"catalog.location.create","policy":"create","effect":"allow"}]`, nil)
	var self explain.Self
	r.send("grace", http.StatusOK, http.MethodGet, "/portico/v1/me", "", &self)
	require.Equal(t, "user:default/grace", self.User)
	require.True(t, self.ByRoles)
	require.Len(t, self.Roles, 2)
	require.True(t, self.Roles[0].Everybody)
	require.Equal(t, "role:default/writers", self.Roles[1].Role)
	require.Equal(t, []rbac.Permit{{Name: "catalog.location.create", Action: "create", Effect: "allow"}}, self.Roles[1].Permits)
	r.send("service", http.StatusForbidden, http.MethodGet, "/portico/v1/me", "", nil)
}
