package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/internal/testkit/catalogtest"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/authorize"
)

// basic is a request for a permission without resources, as a frontend sends it.
func basic(name string) string {
	return fmt.Sprintf(`{"id":"1","permission":{"type":"basic","name":%q,"attributes":{"action":"read"}}}`, name)
}

// on is a request for a permission on resources; refs is JSON.
func on(name, refs string) string {
	return fmt.Sprintf(`{"id":"1","permission":{"type":"resource","name":%q,"attributes":{},"resourceType":"x"},"resourceRef":%s}`, name, refs)
}

// authorized is the decision about one item of ada, as JSON.
func (o *ownThings) authorized(item string) string {
	o.Helper()
	return o.decided("ada", item)
}

// decided is the decision about one item of a user, as JSON.
func (o *ownThings) decided(who, item string) string {
	o.Helper()
	var reply struct {
		Items []struct {
			ID     string
			Result json.RawMessage
		}
	}
	o.send(who, http.StatusOK, http.MethodPost, "/permission/authorize", `{"items":[`+item+`]}`, &reply)
	require.Len(o, reply.Items, 1)
	require.Equal(o, "1", reply.Items[0].ID)
	return string(reply.Items[0].Result)
}

func TestClientsCanReadTheirPermissions(t *testing.T) {
	t.Parallel()
	o := newOwnThings(t)
	catalogtest.Fill(t, o.pool, 180)
	own, others := first(o.owned("group:default/group-19")), first(o.owned("group:default/group-39"))
	started, grace := o.start("ada"), o.start("grace")
	const entity, missing = "catalog.entity.delete", "component:default/none"
	for item, expected := range map[string]string{
		basic("catalog.location.create"): `"ALLOW"`,
		basic("catalog.location.delete"): `"DENY"`,
		basic("no.such.permission"):      `"DENY"`,

		on(entity, quoted(own)):                                  `"ALLOW"`,
		on(entity, quoted(strings.ToUpper(own))):                 `"ALLOW"`,
		on(entity, quoted(others)):                               `"DENY"`,
		on(entity, quoted(missing)):                              `"DENY"`,
		on(entity, quoted(":::")):                                `"DENY"`,
		on(entity, jsonList(others, own, missing, own)):          `["DENY","ALLOW","DENY","ALLOW"]`,
		on(entity, jsonList(own)):                                `["ALLOW"]`,
		on("catalog.entity.read", quoted(own)):                   `"ALLOW"`,
		on("scaffolder.task.cancel", quoted(started)):            `"ALLOW"`,
		on("scaffolder.task.cancel", quoted(grace)):              `"DENY"`,
		on("scaffolder.task.cancel", quoted(uuid.NewString())):   `"DENY"`,
		on("scaffolder.task.cancel", jsonList("no-id", started)): `["DENY","ALLOW"]`,
		// Without conditions, the one result holds for the whole list, as in Backstage.
		on("scaffolder.template.step.read", jsonList(own, others)): `"ALLOW"`,
		on("no.such.permission", jsonList(own, others)):            `"DENY"`,
		// The attributes and the type are Portico's own, whatever the caller says.
		strings.Replace(on(entity, quoted(others)), `"resource"`, `"basic"`, 1): `"DENY"`,
	} {
		require.Equal(t, expected, o.authorized(item), item)
	}
}

func quoted(text string) string { return fmt.Sprintf("%q", text) }

func jsonList(refs ...string) string {
	elements := make([]string, len(refs))
	for i, ref := range refs {
		elements[i] = quoted(ref)
	}
	return "[" + strings.Join(elements, ",") + "]"
}

// TestABatchIsAnsweredByItsIds checks that decisions of mixed permissions belong to their items.
func TestABatchIsAnsweredByItsIds(t *testing.T) {
	t.Parallel()
	o := newOwnThings(t)
	catalogtest.Fill(t, o.pool, 180)
	own, others := first(o.owned("group:default/group-19")), first(o.owned("group:default/group-39"))
	var items []string
	expected := `{"items":[`
	for i := range 50 {
		ref, result := own, "ALLOW"
		if i%3 == 0 {
			ref, result = others, "DENY"
		}
		permission := []string{"catalog.entity.delete", "catalog.entity.refresh"}[i%2]
		items = append(items, strings.Replace(on(permission, quoted(ref)), `"1"`, fmt.Sprintf(`"item-%d"`, i), 1))
		expected += fmt.Sprintf(`{"id":"item-%d","result":%q},`, i, result)
	}
	var reply json.RawMessage
	o.send("ada", http.StatusOK, http.MethodPost, "/permission/authorize", `{"items":[`+strings.Join(items, ",")+`]}`, &reply)
	require.JSONEq(t, strings.TrimSuffix(expected, ",")+`]}`, string(reply))
	o.send("ada", http.StatusOK, http.MethodPost, "/permission/authorize", `{"items":[]}`, &reply)
	require.JSONEq(t, `{"items":[]}`, string(reply))
}

func TestPermissionRequestsThatAreRefused(t *testing.T) {
	t.Parallel()
	o := newOwnThings(t)
	tooMany := strings.Repeat(on("catalog.entity.read", quoted("component:default/none"))+",", 2501)
	for name, refused := range map[string]struct {
		who, items string
		status     int
		message    string
	}{
		"nobody":          {"mallory", basic("catalog.location.read"), http.StatusUnauthorized, "AuthenticationError: Illegal token"},
		"a service":       {"service", basic("catalog.location.read"), http.StatusForbidden, "NotAllowedError: This endpoint does not allow 'service' credentials"},
		"no resource":     {"ada", on("no.such.permission", "[]"), http.StatusBadRequest, "InputError: " + authorize.ErrNoResource.Error()},
		"basic by name":   {"ada", basic("catalog.entity.read"), http.StatusBadRequest, "InputError: " + authorize.ErrNoResource.Error()},
		"no permission":   {"ada", `{"id":"1"}`, http.StatusBadRequest, "InputError: request/body/items/0 must have required property 'permission'"},
		"a wrong ref":     {"ada", on("catalog.entity.read", "7"), http.StatusBadRequest, ""},
		"too many":        {"ada", strings.TrimSuffix(tooMany, ","), http.StatusBadRequest, "InputError: There are more permissions and resources than the 5000 that are answered at once"},
		"about an action": {"ada", on("scaffolder.action.execute", quoted("debug:log")), http.StatusNotImplemented, "NotImplementedError: This plugin does not expose any permission rule or can't evaluate the conditions request for scaffolder-action"},
	} {
		answer := ask(t, o.http, http.MethodPost, "/api/permission/authorize", `{"items":[`+refused.items+`]}`, "Authorization", "Bearer "+refused.who)
		require.Equal(t, refused.status, answer.Code, name)
		require.Contains(t, message(t, answer), refused.message, name)
	}
	require.Equal(t, http.StatusUnauthorized, ask(t, o.http, http.MethodPost, "/api/permission/authorize", `{"items":[]}`, "Authorization", "").Code)
	require.JSONEq(t, `{"status":"ok"}`, ask(t, o.http, http.MethodGet, "/api/permission/health", "", "Authorization", "").Body.String())
}

// TestWithoutAPolicyEveryPermissionIsGranted: the buttons of a Backstage frontend work for every user when
// permissions are not configured.
func TestWithoutAPolicyEveryPermissionIsGranted(t *testing.T) {
	t.Parallel()
	server := newServer(t, io.Discard, func(o *api.Options) {
		o.Plugins = append(o.Plugins, api.NewPermissionPlugin(authorize.New(authorize.Options{Decider: policy.AllowKnown{}})))
	})
	granted := 0
	for _, plugin := range []string{"catalog", "scaffolder"} {
		var metadata struct {
			Permissions []struct{ Type, Name string }
		}
		answer := ask(t, server, http.MethodGet, "/api/"+plugin+"/.well-known/backstage/permissions/metadata", "")
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &metadata))
		for _, permission := range metadata.Permissions {
			item := basic(permission.Name)
			if permission.Type == "resource" {
				item = on(permission.Name, quoted("component:default/shop"))
			}
			answer := ask(t, server, http.MethodPost, "/api/permission/authorize", `{"items":[`+item+`]}`, "Authorization", "Bearer user")
			require.JSONEq(t, `{"items":[{"id":"1","result":"ALLOW"}]}`, answer.Body.String(), permission.Name)
			granted++
		}
	}
	require.Equal(t, 19, granted)
}

// TestOtherProgramsEvaluateConditions: apply-conditions is for services, which get results about what they
// may read.
func TestOtherProgramsEvaluateConditions(t *testing.T) {
	t.Parallel()
	o := newDecidedThings(t, policy.AllowKnown{})
	catalogtest.Fill(t, o.pool, 180)
	own := first(o.owned("group:default/group-19"))
	started := o.start("ada")
	const path = "/.well-known/backstage/permissions/apply-conditions"
	const owner = `{"rule":"IS_ENTITY_OWNER","resourceType":"catalog-entity","params":{"claims":["group:default/group-19"]}}`
	item := func(resourceType, refs, conditions string) string {
		return fmt.Sprintf(`{"items":[{"id":"7","resourceRef":%s,"resourceType":%q,"conditions":%s}]}`, refs, resourceType, conditions)
	}
	for body, expected := range map[string]string{
		item("catalog-entity", quoted(own), owner):                                    `"ALLOW"`,
		item("catalog-entity", quoted(own), `{"not":`+owner+`}`):                      `"DENY"`,
		item("catalog-entity", jsonList("component:default/none", own), owner):        `["DENY","ALLOW"]`,
		item("catalog-entity", quoted("component:default/none"), `{"not":`+owner+`}`): `"DENY"`,
	} {
		var reply json.RawMessage
		o.send("service", http.StatusOK, http.MethodPost, "/catalog"+path, body, &reply)
		require.JSONEq(t, `{"items":[{"id":"7","result":`+expected+`}]}`, string(reply))
	}
	const creator = `{"rule":"IS_TASK_OWNER","resourceType":"scaffolder-task","params":{"createdBy":["user:default/ada"]}}`
	for name, refused := range map[string]struct {
		who, plugin, body string
		status            int
		message           string
	}{
		"a user":           {"ada", "catalog", item("catalog-entity", quoted(own), owner), http.StatusForbidden, "NotAllowedError: "},
		"another's type":   {"service", "catalog", item("scaffolder-task", quoted(started), creator), http.StatusBadRequest, "InputError: Unexpected resource types: scaffolder-task."},
		"no such rule":     {"service", "catalog", item("catalog-entity", quoted(own), `{"rule":"IS_ODD","resourceType":"catalog-entity","params":{}}`), http.StatusInternalServerError, "Error: Permission rule 'IS_ODD' does not exist for resource type 'catalog-entity'"},
		"wrong params":     {"service", "catalog", item("catalog-entity", quoted(own), `{"rule":"IS_ENTITY_KIND","resourceType":"catalog-entity","params":{"kinds":"API"}}`), http.StatusBadRequest, "InputError: Parameters to rule are invalid; caused by IS_ENTITY_KIND: "},
		"no form":          {"service", "catalog", item("catalog-entity", quoted(own), `{"anyOf":[]}`), http.StatusBadRequest, "InputError: the conditions of item 7: conditions.anyOf criteria must be non empty array"},
		"too deep":         {"service", "catalog", item("catalog-entity", quoted(own), strings.Repeat(`{"not":`, 32)+owner+strings.Repeat("}", 32)), http.StatusBadRequest, "InputError: the conditions of item 7: Conditional criteria depth exceeds maximum of 32"},
		"too many":         {"service", "catalog", item("catalog-entity", quoted(own), `{"anyOf":[`+strings.Repeat(owner+",", 1024)+owner+`]}`), http.StatusBadRequest, "InputError: the conditions of item 7: conditions.anyOf criteria supports at most 1024 items"},
		"nothing is kept":  {"service", "scaffolder", item("scaffolder-action", quoted("debug:log"), `{}`), http.StatusNotImplemented, "NotImplementedError: This plugin does not expose any permission rule"},
		"no reference":     {"service", "catalog", `{"items":[{"id":"7","resourceType":"catalog-entity","conditions":{}}]}`, http.StatusBadRequest, "InputError: request/body/items/0 must have required property 'resourceRef'"},
		"an empty request": {"service", "catalog", "", http.StatusBadRequest, "InputError: unsupported media type undefined"},
	} {
		answer := ask(t, o.http, http.MethodPost, "/api/"+refused.plugin+path, refused.body, "Authorization", "Bearer "+refused.who)
		require.Equal(t, refused.status, answer.Code, name)
		require.Contains(t, message(t, answer), refused.message, name)
	}
	var reply json.RawMessage
	o.send("service", http.StatusOK, http.MethodPost, "/scaffolder"+path, item("scaffolder-task", jsonList(started, "none"), creator), &reply)
	require.JSONEq(t, `{"items":[{"id":"7","result":["ALLOW","DENY"]}]}`, string(reply))

	blind := newDecidedThings(t, policytest.Table{policy.CatalogEntityRead: policytest.Deny})
	catalogtest.Fill(t, blind.pool, 180)
	blind.send("service", http.StatusOK, http.MethodPost, "/catalog"+path, item("catalog-entity", quoted(own), owner), &reply)
	require.JSONEq(t, `{"items":[{"id":"7","result":"DENY"}]}`, string(reply), "a service that may not read the entity learns nothing")
}
