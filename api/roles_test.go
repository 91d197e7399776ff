package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/catalogtest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/authorize"
	"github.com/portico-dev/portico/policy/explain"
	"github.com/portico-dev/portico/policy/preview"
	"github.com/portico-dev/portico/policy/rbac"
)

// roles is the API under roles: ada is an admin, and grace has no role but the one that everybody has.
type roles struct{ *ownThings }

func newRoles(t *testing.T) roles {
	t.Helper()
	o := &ownThings{T: t, pool: testkit.Database(t)}
	log := slog.New(slog.DiscardHandler)
	decider := rbac.NewDecider(rbac.DeciderOptions{Log: log, GroupsOf: func(context.Context, string, int, int) ([]string, error) { return nil, nil }})
	service := rbac.New(rbac.Options{Log: log, Pool: o.pool, Decider: decider, Limits: rbac.DefaultLimits(),
		Conditional: []rbac.Conditional{{Plugin: "catalog", Rules: query.Rules}, {Plugin: "permission", Rules: rbac.Rules}},
		Configured: rbac.Configured{Admins: []string{"user:default/ada"}, Plugins: []string{"catalog", "permission"}, DefaultRole: "role:default/everyone",
			DefaultPolicies: []rbac.Policy{{Permission: "catalog.location.analyze", Action: "use", Effect: "allow"}}}})
	require.NoError(t, service.SyncFiles(t.Context()))
	entities := catalog.New(catalog.Options{Pool: o.pool, Decider: decider})
	match := map[policy.ResourceType]authorize.Match{policy.CatalogEntity: entities.MatchingEntities, policy.PolicyEntity: service.MatchingRoles}
	o.http = newServer(t, io.Discard, func(options *api.Options) {
		options.Authenticator = people{"ada": "group:default/group-19", "grace": "group:default/group-39"}
		options.Refusals = audit.NewAttempts(o.pool, log)
		options.Plugins[0] = api.NewCatalogPlugin(entities)
		options.Plugins = append(options.Plugins, api.NewRolesPlugin(service), api.NewRoleEditorPlugin(service), api.NewPermissionPlugin(authorize.New(authorize.Options{
			Decider: decider, Foreign: decider.DecideQuery, Match: match,
		})), api.NewExplainPlugin(explain.New(explain.Options{Decider: decider, Roles: decider, Match: match, MemberOf: o.groupsOf})),
			api.NewPreviewPlugin(preview.New(preview.Options{Roles: service, Decider: decider, People: rbac.CatalogPeople(o.pool, rbac.PeopleLevels{Ownership: 1, Owners: 10}),
				Count: map[policy.ResourceType]preview.Count{policy.CatalogEntity: entities.SampleEntities}})))
	})
	return roles{o}
}

// groupsOf are the groups that a user has at sign-in.
func (o *ownThings) groupsOf(_ context.Context, user string) ([]string, error) {
	return map[string][]string{"user:default/ada": {"group:default/group-19"}, "user:default/grace": {"group:default/group-39"}}[user], nil
}

// get is the JSON of a response to ada.
func (r roles) get(path string) string {
	r.Helper()
	var reply json.RawMessage
	r.send("ada", http.StatusOK, http.MethodGet, "/permission"+path, "", &reply)
	return string(reply)
}

// refused checks a refusal of a request of ada.
func (r roles) refused(status int, expected, method, path, body string) {
	r.Helper()
	answer := ask(r.T, r.http, method, "/api/permission"+path, body, "Authorization", "Bearer ada")
	require.Equal(r, status, answer.Code, "%s %s %s: %s", method, path, body, answer.Body)
	require.Contains(r, message(r.T, answer), expected, "%s %s %s", method, path, body)
}

const developers = "/roles/role/default/developers"

// TestARoleFromItsCreationToItsEnd follows a role: a member, a policy and a condition are added, count, and
// go with it.
func TestARoleFromItsCreationToItsEnd(t *testing.T) {
	t.Parallel()
	r := newRoles(t)
	catalogtest.Fill(t, r.pool, 180)
	shop := first(r.owned("group:default/group-39"))
	locations := func(who string) string { return r.decided(who, basic("catalog.location.create")) }
	reads := func(ref string) string { return r.decided("grace", on("catalog.entity.read", quoted(ref))) }
	require.Equal(t, `"DENY"`, locations("grace"))

	r.send("ada", http.StatusCreated, http.MethodPost, "/permission/roles",
		`{"name":"role:default/developers","memberReferences":["user:default/Grace"],"metadata":{"description":"Build things"}}`, nil)
	var listed []struct {
		Name             string
		MemberReferences []string
		Metadata         map[string]any
	}
	r.send("ada", http.StatusOK, http.MethodGet, "/permission"+developers, "", &listed)
	require.Equal(t, []string{"user:default/grace"}, listed[0].MemberReferences)
	require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`, listed[0].Metadata["createdAt"])
	delete(listed[0].Metadata, "createdAt")
	delete(listed[0].Metadata, "lastModified")
	require.Equal(t, map[string]any{"source": "rest", "description": "Build things", "owner": "user:default/ada", "author": "user:default/ada",
		"modifiedBy": "user:default/ada", "isDefault": false}, listed[0].Metadata)

	const policies = "/permission/policies"
	r.send("ada", http.StatusCreated, http.MethodPost, policies,
		`[{"entityReference":"role:default/developers","permission":"catalog.location.create","policy":"create","effect":"allow"}]`, nil)
	require.Equal(t, `"ALLOW"`, locations("grace"))
	const one = policies + "/role/default/developers"
	change := func(from, to string) string {
		policy := `[{"permission":"catalog.location.create","policy":"create","effect":"%s"}]`
		return `{"oldPolicy":` + strings.ReplaceAll(policy, "%s", from) + `,"newPolicy":` + strings.ReplaceAll(policy, "%s", to) + `}`
	}
	r.send("ada", http.StatusNoContent, http.MethodPut, one, change("allow", "allow"), nil)
	r.send("ada", http.StatusOK, http.MethodPut, one, change("allow", "deny"), nil)
	require.Equal(t, `"DENY"`, locations("grace"))
	require.JSONEq(t, `[{"entityReference":"role:default/developers","permission":"catalog.location.create","policy":"create","effect":"deny","metadata":{"source":"rest"}}]`,
		r.get("/policies?entityRef=role:default/developers&entityRef=role:default/other"))
	require.JSONEq(t, `[]`, r.get("/policies?permission=catalog.location.create"), "a filter without a role selects nothing")

	var id struct{ ID int64 }
	condition := `{"result":"CONDITIONAL","roleEntityRef":"role:default/developers","pluginId":"catalog","resourceType":"catalog-entity",
		"permissionMapping":[{"name":"catalog.entity.read","action":"read"}],
		"conditions":{"rule":"IS_ENTITY_OWNER","resourceType":"catalog-entity","params":{"claims":["$ownerRefs"]}}}`
	r.send("ada", http.StatusCreated, http.MethodPost, "/permission/roles/conditions", condition, &id)
	require.Equal(t, `"ALLOW"`, reads(shop))
	require.Equal(t, `"DENY"`, reads("component:default/none"))
	var stored map[string]any
	r.send("ada", http.StatusOK, http.MethodGet, "/permission/roles/conditions/1", "", &stored)
	require.Equal(t, []any{map[string]any{"name": "catalog.entity.read", "action": "read"}}, stored["permissionMapping"])
	require.JSONEq(t, `[]`, r.get("/roles/conditions?actions=read&actions=delete"), "only conditions about all of them")

	r.send("ada", http.StatusNoContent, http.MethodDelete, "/permission"+developers, "", nil)
	require.Equal(t, `"DENY"`, reads(shop))
	require.JSONEq(t, `[]`, r.get("/roles/conditions"), "a condition does not outlive its role")
	r.send("ada", http.StatusCreated, http.MethodPost, "/permission/roles", `{"name":"role:default/developers","memberReferences":["user:default/grace"]}`, nil)
	require.Equal(t, `"DENY"`, reads(shop), "nor does it come back with a role of that name")
}

// TestWhoMayNotChangeRolesIsRefusedFirst: without the permission, the answer is the same for every body.
func TestWhoMayNotChangeRolesIsRefusedFirst(t *testing.T) {
	t.Parallel()
	r := newRoles(t)
	for _, route := range []string{
		"GET /", "GET /roles", "POST /roles", "GET " + developers, "PUT " + developers, "DELETE " + developers,
		"GET /policies", "POST /policies", "GET /policies/role/default/x", "PUT /policies/role/default/x", "DELETE /policies/role/default/x",
		"GET /roles/conditions", "POST /roles/conditions", "GET /roles/conditions/x", "PUT /roles/conditions/1", "DELETE /roles/conditions/x",
		"GET /plugins/policies", "GET /plugins/condition-rules", "GET /plugins/id", "POST /plugins/id", "DELETE /plugins/id",
	} {
		method, path, _ := strings.Cut(route, " ")
		for _, body := range []string{"", "{}", "[7]", `"x"`} {
			if method == http.MethodGet && body != "" {
				continue
			}
			answer := ask(t, r.http, method, "/api/permission"+path, body, "Authorization", "Bearer grace")
			require.Equal(t, http.StatusForbidden, answer.Code, "%s %s", route, answer.Body)
			require.Equal(t, "NotAllowedError: ", message(t, answer), route)
			require.Regexp(t, `^Bearer error="insufficient_scope", scope="policy\.entity\.\w+", error_description="user:default/grace may not policy\.entity\.\w+`,
				answer.Header().Get("WWW-Authenticate"), route)
		}
		answer := ask(t, r.http, method, "/api/permission"+path, "{}", "Authorization", "")
		require.Equal(t, http.StatusUnauthorized, answer.Code, route)
	}
	service := ask(t, r.http, http.MethodPost, "/api/permission/roles", "{}", "Authorization", "Bearer service")
	require.Equal(t, "NotAllowedError: Only credential principal with type 'user' permitted to modify permissions", message(t, service))
	r.send("service", http.StatusOK, http.MethodGet, "/permission/roles", "", nil)
}

func TestARefusedChangeOfARoleIsRecordedUnderItsReference(t *testing.T) {
	t.Parallel()
	r := newRoles(t)
	r.send("grace", http.StatusForbidden, http.MethodDelete, "/permission"+developers, "", nil)
	found, err := audit.Find(t.Context(), r.pool, audit.Query{Resource: "role:default/developers"})
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, audit.RoleDelete, found[0].Action)
	require.Equal(t, audit.Denied, found[0].Outcome)
}

func TestInvalidRolesAreRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	r := newRoles(t)
	r.send("ada", http.StatusCreated, http.MethodPost, "/permission/roles", `{"name":"role:default/developers","memberReferences":["user:default/grace"]}`, nil)
	condition := func(role, conditions string) string {
		return `{"result":"CONDITIONAL","roleEntityRef":"role:default/` + role + `","pluginId":"catalog","resourceType":"catalog-entity",
			"permissionMapping":[{"name":"catalog.entity.read","action":"read"}],"conditions":` + conditions + `}`
	}
	const kinds = `{"rule":"IS_ENTITY_KIND","resourceType":"catalog-entity","params":{"kinds":%s}}`
	for _, refusal := range []struct {
		status                      int
		message, method, path, body string
	}{
		{http.StatusBadRequest, "'name' field must not be empty", "POST", "/roles", `{}`},
		{http.StatusBadRequest, "request/body is malformed", "POST", "/roles", `{"name":7}`},
		{http.StatusBadRequest, `Entity reference "dev" had missing or empty kind`, "POST", "/roles", `{"name":"dev","memberReferences":["user:default/grace"]}`},
		{http.StatusNotFound, "NotFoundError: ", "GET", "/roles/role/default/ghost", ""},
		{http.StatusNotFound, "NotFoundError: ", "GET", "/policies/role/default/ghost", ""},
		{http.StatusNotFound, "NotFoundError: ", "GET", "/roles/conditions/7", ""},
		{http.StatusBadRequest, "'oldRole' object must be present", "PUT", developers, `{"newRole":{}}`},
		{http.StatusForbidden, "consider making changes to the 'CONFIGURATION'", "DELETE", "/roles/role/default/rbac_admin", ""},
		{http.StatusNotFound, "role member 'user:default/nobody' was not found", "DELETE", developers + "?memberReferences=user:default/nobody", ""},
		// What means one member must not delete the whole role.
		{http.StatusBadRequest, "Empty value found for query parameter 'memberReferences'", "DELETE", developers + "?memberReferences=", ""},
		{http.StatusBadRequest, "Empty value found for query parameter 'memberReferences'", "DELETE", developers + "?memberReferences", ""},
		{http.StatusBadRequest, "request/query/memberReferences must be string", "DELETE", developers + "?memberReferences=user:default/grace&memberReferences=user:default/ada", ""},
		{http.StatusNotFound, "role member 'user:default/grace;x' was not found", "DELETE", developers + "?memberReferences=user:default/grace;x", ""},
		{http.StatusBadRequest, "permission policy must be provided as an array", "DELETE", "/policies/role/default/developers", ""},
		{http.StatusBadRequest, "permission policy must be provided as an array", "POST", "/policies", `{}`},
		{http.StatusBadRequest, "permission policy must be present", "POST", "/policies", `[]`},
		{http.StatusBadRequest, "'newPolicy' object must be present", "PUT", "/policies/role/default/developers", `{"oldPolicy":[{"permission":"x","policy":"read","effect":"allow"}]}`},
		{http.StatusBadRequest, "This api doesn't support nested query", "GET", "/policies?entityRef[a]=role:default/developers", ""},
		{http.StatusBadRequest, "Id is not a valid number.", "GET", "/roles/conditions/x", ""},
		{http.StatusBadRequest, "Id is not a valid number.", "DELETE", "/roles/conditions/x", ""},
		{http.StatusNotFound, "Condition with id 7 was not found", "PUT", "/roles/conditions/7", condition("developers", strings.ReplaceAll(kinds, "%s", `["API"]`))},
		// Backstage's plugin stores these, and they count when the role, the rule or the params exist one
		// day.
		{http.StatusNotFound, "Corresponding role role:default/ghost was not found", "POST", "/roles/conditions", condition("ghost", strings.ReplaceAll(kinds, "%s", `["API"]`))},
		{http.StatusBadRequest, "Permission rule 'IS_ODD' does not exist for resource type 'catalog-entity'", "POST", "/roles/conditions", condition("developers", `{"rule":"IS_ODD","resourceType":"catalog-entity","params":{}}`)},
		{http.StatusBadRequest, "Parameters to rule are invalid", "POST", "/roles/conditions", condition("developers", strings.ReplaceAll(kinds, "%s", `"API"`))},
		{http.StatusBadRequest, "'ids' must be an array of string plugin ID values", "POST", "/plugins/id", `{"ids":[1]}`},
		{http.StatusConflict, `Plugin IDs [\"catalog\"] already exist`, "POST", "/plugins/id", `{"ids":["search","catalog"]}`},
		{http.StatusForbidden, "can be removed only with help of configuration", "DELETE", "/plugins/id", `{"ids":["catalog"]}`},
		{http.StatusNotFound, "The RBAC provider keycloak was not found", "POST", "/refresh/keycloak", ""},
	} {
		r.refused(refusal.status, strings.ReplaceAll(refusal.message, `\"`, `"`), refusal.method, refusal.path, refusal.body)
	}
}

// TestPluginsAreDescribed: the plugins whose permissions roles are about, with Backstage's words.
func TestPluginsAreDescribed(t *testing.T) {
	t.Parallel()
	r := newRoles(t)
	var reply json.RawMessage
	r.send("ada", http.StatusOK, http.MethodPost, "/permission/plugins/id", `{"ids":["scaffolder","search"]}`, &reply)
	require.JSONEq(t, `{"ids":["catalog","permission","scaffolder","search"]}`, string(reply))
	var described []struct {
		PluginID string
		Policies []struct{ ResourceType, Name, Policy string }
		Rules    []struct{ Name string }
	}
	r.send("ada", http.StatusOK, http.MethodGet, "/permission/plugins/policies", "", &described)
	count := map[string]int{}
	for _, plugin := range described {
		count[plugin.PluginID] = len(plugin.Policies)
	}
	require.Equal(t, map[string]int{"catalog": 11, "permission": 4, "scaffolder": 8}, count, "search has no permissions of its own")
	require.Equal(t, "read", described[0].Policies[0].Policy)
	require.Equal(t, "use", described[0].Policies[4].Policy)
	r.send("ada", http.StatusOK, http.MethodGet, "/permission/plugins/condition-rules", "", &described)
	require.Equal(t, "HAS_ANNOTATION", described[0].Rules[0].Name)
	r.send("ada", http.StatusOK, http.MethodDelete, "/permission/plugins/id", `{"ids":["scaffolder","search"]}`, &reply)
	require.JSONEq(t, `{"ids":["catalog","permission"]}`, string(reply))
}

// TestOwnersOfRoles: who may read only the roles that they own learns nothing of others, here and by
// authorize.
func TestOwnersOfRoles(t *testing.T) {
	t.Parallel()
	r := newRoles(t)
	r.send("ada", http.StatusCreated, http.MethodPost, "/permission/roles", `{"name":"role:default/owners","memberReferences":["user:default/grace"],"metadata":{"owner":"user:default/grace"}}`, nil)
	r.send("ada", http.StatusCreated, http.MethodPost, "/permission/roles/conditions", `{"result":"CONDITIONAL","roleEntityRef":"role:default/owners",
		"pluginId":"permission","resourceType":"policy-entity","permissionMapping":[{"name":"policy.entity.read","action":"read"},
		{"name":"policy.entity.update","action":"update"},{"name":"policy.entity.delete","action":"delete"}],"conditions":{"rule":"IS_OWNER","resourceType":"policy-entity","params":{"owners":["$currentUser"]}}}`, nil)
	var listed []struct{ Name string }
	r.send("grace", http.StatusOK, http.MethodGet, "/permission/roles", "", &listed)
	require.Equal(t, []struct{ Name string }{{"role:default/everyone"}, {"role:default/owners"}}, listed)
	r.send("grace", http.StatusNotFound, http.MethodGet, "/permission/roles/role/default/rbac_admin", "", nil)
	require.Equal(t, `["ALLOW","DENY","DENY"]`, r.decided("grace", on("policy.entity.read", jsonList("role:default/owners", "role:default/rbac_admin", "role:default/none"))))

	const change = `{"oldPolicy":[{"permission":"x","policy":"read","effect":"allow"}],"newPolicy":[{"permission":"y","policy":"read","effect":"allow"}]}`
	for route, body := range map[string]string{
		"DELETE /roles/role/default/rbac_admin":    "",
		"DELETE /policies/role/default/rbac_admin": `[{"permission":"x","policy":"read","effect":"allow"}]`,
		"PUT /policies/role/default/rbac_admin":    change,
	} {
		method, path, _ := strings.Cut(route, " ")
		answer := ask(t, r.http, method, "/api/permission"+path, body, "Authorization", "Bearer grace")
		require.Equal(t, http.StatusForbidden, answer.Code, route)
		require.Equal(t, "NotAllowedError: ", message(t, answer), "%s tells nothing of a hidden role", route)
	}
	r.send("grace", http.StatusNoContent, http.MethodDelete, "/permission/roles/role/default/owners", "", nil)
}

// TestTheEditorRenamesARole: the path is the role as it is, and the body may have another name for it.
func TestTheEditorRenamesARole(t *testing.T) {
	t.Parallel()
	r := newRoles(t)
	const editor = "/portico/v1/policy/roles/default/"
	save := func(status int, path, name, version string) {
		r.send("ada", status, http.MethodPut, editor+path, fmt.Sprintf(`{"name":%q,"version":%q,"memberReferences":["user:default/grace"],"policies":[],"conditions":[]}`, name, version), nil)
	}
	var read struct{ Name, Version string }
	save(http.StatusNoContent, "builders", "", "")
	save(http.StatusBadRequest, "builders", "role:default/makers", "")
	r.send("ada", http.StatusOK, http.MethodGet, editor+"builders", "", &read)
	save(http.StatusConflict, "builders", "role:default/everyone", read.Version)
	save(http.StatusNoContent, "builders", "role:default/makers", read.Version)
	r.send("ada", http.StatusNotFound, http.MethodGet, editor+"builders", "", nil)
	r.send("ada", http.StatusOK, http.MethodGet, editor+"makers", "", &read)
	require.Equal(t, "role:default/makers", read.Name)
}
