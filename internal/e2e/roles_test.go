package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// person is a system, as the user who is signed in as the guest sees it.
type person struct {
	*system
	token string
}

// signIn signs in as the guest.
func (s *system) signIn() person {
	s.t.Helper()
	var session struct{ BackstageIdentity struct{ Token string } }
	status, answer := s.send("", http.MethodPost, "/api/auth/guest/refresh", "")
	require.Equal(s.t, http.StatusOK, status, string(answer))
	require.NoError(s.t, json.Unmarshal(answer, &session))
	return person{s, session.BackstageIdentity.Token}
}

// send makes a request with a token.
func (s *system) send(token, method, path, body string) (status int, answer []byte) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	require.NoError(s.t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("X-Requested-With", "XMLHttpRequest")
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(s.t, err)
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	require.NoError(s.t, err)
	return response.StatusCode, answer
}

// does makes a request and checks its status.
func (p person) does(status int, method, path, body string) []byte {
	p.t.Helper()
	got, answer := p.send(p.token, method, "/api"+path, body)
	require.Equal(p.t, status, got, "%s %s: %s", method, path, answer)
	return answer
}

// kinds counts the kinds of the entities that the user sees.
func (p person) kinds() map[string]int {
	p.t.Helper()
	var reply struct {
		Facets struct {
			Kind []struct {
				Value string
				Count int
			}
		}
	}
	require.NoError(p.t, json.Unmarshal(p.does(http.StatusOK, http.MethodGet, "/catalog/entity-facets?facet=kind", ""), &reply))
	kinds := map[string]int{}
	for _, kind := range reply.Facets.Kind {
		kinds[kind.Value] = kind.Count
	}
	return kinds
}

// allKinds is kinds once the whole catalog was read: nothing is pending, and the counts stay the same.
func (p person) allKinds() map[string]int {
	p.t.Helper()
	var kinds map[string]int
	p.until("the catalog to be read", func() bool {
		var pending struct{ Entities []json.RawMessage }
		require.NoError(p.t, json.Unmarshal(p.does(http.StatusOK, http.MethodGet, "/catalog/entities/unprocessed/pending", ""), &pending))
		before := kinds
		kinds = p.kinds()
		return len(pending.Entities) == 0 && maps.Equal(before, kinds)
	})
	return kinds
}

// may is the decision about a permission without resources.
func (p person) may(permission string) string {
	p.t.Helper()
	var reply struct{ Items []struct{ Result string } }
	body := fmt.Sprintf(`{"items":[{"id":"1","permission":{"type":"basic","name":%q,"attributes":{}}}]}`, permission)
	require.NoError(p.t, json.Unmarshal(p.does(http.StatusOK, http.MethodPost, "/permission/authorize", body), &reply))
	return reply.Items[0].Result
}

// TestRolesDecideWhatAPersonSeesAndDoes: roles from a file and from the API count at once in decisions, lists and
// commands, and after a restart. A file that is wrong changes nothing.
func TestRolesDecideWhatAPersonSeesAndDoes(t *testing.T) {
	t.Parallel()
	policies := filepath.Join(t.TempDir(), "policy.csv")
	write := func(lines ...string) {
		require.NoError(t, os.WriteFile(policies+".new", []byte(strings.Join(lines, "\n")+"\n"), 0o600))
		require.NoError(t, os.Rename(policies+".new", policies))
	}
	const member, analyzes = "g, user:default/guest, role:default/readers", "p, role:default/readers, catalog.location.analyze, use, allow"
	const reads = "p, role:default/readers, scaffolder-task, read, allow"
	write(member, reads)
	s := newSystem(t, fmt.Sprintf(`
auth: { providers: { guest: { userEntityRef: "user:default/guest", dangerouslyAllowOutsideDevelopment: true } } }
permission:
  enabled: true
  rbac:
    admin: { users: [{ name: user:default/guest }] }
    policies-csv-file: %s
    policyFileReload: true
    pluginsWithPermission: [catalog, scaffolder, permission]
`, policies))
	s.start("worker")
	server := s.startServing("gives-back")
	guest := s.signIn()
	all := guest.allKinds()
	require.Greater(t, len(all), 3, "the admin role may read the catalog")
	require.Equal(t, "DENY", guest.may("scaffolder.task.create"))
	guest.does(http.StatusForbidden, http.MethodPost, "/scaffolder/v2/tasks", `{"templateRef":"template:default/gives-back","values":{"name":"shop"}}`)

	// By the API: a condition decides before the admin role's policy, in every view of the catalog.
	guest.does(http.StatusCreated, http.MethodPost, "/permission/roles", `{"name":"role:default/testers","memberReferences":["user:default/guest"]}`)
	guest.does(http.StatusCreated, http.MethodPost, "/permission/roles/conditions", `{"result":"CONDITIONAL","roleEntityRef":"role:default/testers","pluginId":"catalog",
		"resourceType":"catalog-entity","permissionMapping":[{"name":"catalog.entity.read","action":"read"}],
		"conditions":{"rule":"IS_ENTITY_KIND","resourceType":"catalog-entity","params":{"kinds":["User"]}}}`)
	require.Equal(t, map[string]int{"User": all["User"]}, guest.kinds())
	guest.does(http.StatusNotFound, http.MethodGet, "/catalog/entities/by-name/template/default/gives-back", "")
	require.JSONEq(t, `{"items":[{"id":"1","result":["ALLOW","DENY"]}]}`, string(guest.does(http.StatusOK, http.MethodPost, "/permission/authorize",
		`{"items":[{"id":"1","permission":{"type":"resource","name":"catalog.entity.read","attributes":{"action":"read"},"resourceType":"catalog-entity"},
		"resourceRef":["user:default/guest","template:default/gives-back"]}]}`)))

	// By the file, while the server runs.
	require.Equal(t, "DENY", guest.may("catalog.location.analyze"))
	write(member, reads, analyzes)
	s.until("the file to be read again", func() bool { return guest.may("catalog.location.analyze") == "ALLOW" })
	write(member, "p, role:default/readers, catalog.location.analyze, frobnicate, allow")
	s.until("the wrong line to be logged", func() bool { return strings.Contains(server.log.String(), "frobnicate") })
	require.Equal(t, "ALLOW", guest.may("catalog.location.analyze"), "the last good file counts")
	guest.does(http.StatusForbidden, http.MethodDelete, "/permission/roles/role/default/readers", "")

	// After a restart, and until the role is deleted.
	write(member, reads)
	server.kill()
	s.startServing("gives-back")
	require.Equal(t, map[string]int{"User": all["User"]}, guest.kinds())
	require.Equal(t, "DENY", guest.may("catalog.location.analyze"))
	guest.does(http.StatusNoContent, http.MethodDelete, "/permission/roles/role/default/testers", "")
	require.Equal(t, all, guest.kinds())
	require.JSONEq(t, `[]`, string(guest.does(http.StatusOK, http.MethodGet, "/permission/roles/conditions", "")))
}

// TestConditionsDecideWhatARunDoes: about its actions when it is asked for, about their inputs when they are known,
// and always about the person who started it.
func TestConditionsDecideWhatARunDoes(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	in := func(name, content string) string {
		file := filepath.Join(directory, name)
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		return file
	}
	policies := in("policy.csv", `g, user:default/guest, role:default/developers
p, role:default/developers, catalog-entity, read, allow
p, role:default/developers, scaffolder.task.create, create, allow
p, role:default/developers, scaffolder-task, read, allow
`)
	conditions := in("conditions.yaml", `
roleEntityRef: role:default/developers
result: CONDITIONAL
pluginId: scaffolder
resourceType: scaffolder-action
permissionMapping: [use]
conditions:
  allOf:
    - { rule: HAS_ACTION_ID, resourceType: scaffolder-action, params: { actionId: debug:log } }
    - { rule: HAS_STRING_PROPERTY, resourceType: scaffolder-action, params: { key: message, value: dev } }
---
roleEntityRef: role:default/developers
result: CONDITIONAL
pluginId: scaffolder
resourceType: scaffolder-template
permissionMapping: [read]
conditions: { not: { rule: HAS_TAG, resourceType: scaffolder-template, params: { tag: operators } } }
`)
	s := newSystem(t, fmt.Sprintf(`
auth: { providers: { guest: { userEntityRef: "user:default/guest", dangerouslyAllowOutsideDevelopment: true } } }
permission:
  enabled: true
  rbac: { policies-csv-file: %s, conditionalPoliciesFile: %s }
`, policies, conditions))
	worker := s.start("worker")
	s.startServing("tagged-notes")
	s.untilServed("gives-back")
	worker.kill()
	s.start("worker") // it begins with the roles of the files
	guest := s.signIn()

	refused := guest.does(http.StatusForbidden, http.MethodPost, "/scaffolder/v2/tasks", `{"templateRef":"template:default/gives-back","values":{"name":"shop"}}`)
	require.Contains(t, string(refused), `"Unauthorized action: fetch:template. The action is not allowed. The step Write needs it."`)

	form := guest.does(http.StatusOK, http.MethodGet, "/scaffolder/v2/templates/default/template/tagged-notes/parameter-schema", "")
	require.Contains(t, string(form), "environment")
	require.NotContains(t, string(form), "region")
	create := func(environment string) string {
		var created struct{ ID string }
		require.NoError(t, json.Unmarshal(guest.does(http.StatusCreated, http.MethodPost, "/scaffolder/v2/tasks",
			`{"templateRef":"template:default/tagged-notes","values":{"environment":"`+environment+`"}}`), &created))
		return created.ID
	}
	require.Len(t, s.awaitPhase(create("dev"), "done").Steps, 1, "the step of operators is not in the run")

	toProduction := create("prod")
	const refusal = "Unauthorized action: debug:log. The action is not allowed. The step Note needs it."
	failed := s.awaitPhase(toProduction, "parked")
	require.Equal(t, "NotAllowedError", failed.Error.Name)
	require.Equal(t, refusal, failed.Error.Message)
	s.retry(toProduction) // as a service, which may do everything itself
	s.until("the step to fail again", func() bool {
		again := s.details(toProduction)
		return again.Phase == "parked" && len(s.events(toProduction)) > 4
	})
	require.Equal(t, refusal, s.details(toProduction).Error.Message)
}
