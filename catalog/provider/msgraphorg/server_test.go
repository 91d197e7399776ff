package msgraphorg_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/portico-dev/portico/catalog/provider/providertest"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/internal/testkit/apitest"
)

// tenant is a stand-in for Microsoft Graph and its server of tokens, which answers what Microsoft's documentation says.
type tenant struct {
	URL   string
	mutex sync.Mutex
	// users and groups are in the order of their lists, and members are the ids of the members of groups.
	users, groups []map[string]any
	members       map[string][]string
	// size is the size of the pages of lists.
	size  int
	asked []string
	picks atomic.Pointer[func(*http.Request) providertest.Fault]
}

func start(t *testing.T) *tenant {
	t.Helper()
	made := &tenant{members: map[string][]string{}, size: 3}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if pick := made.picks.Load(); pick != nil && *pick != nil && r.URL.Path != "/tenant-1/oauth2/v2.0/token" {
			if fault := (*pick)(r); fault != nil {
				fault(w, r, made)
				return
			}
		}
		made.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	made.URL = server.URL
	return made
}

func (t *tenant) inject(pick func(*http.Request) providertest.Fault) { t.picks.Store(&pick) }

func (t *tenant) configured() config.MicrosoftGraphProvider {
	return config.MicrosoftGraphProvider{Target: t.URL + "/v1.0", Authority: t.URL, TenantID: "tenant-1", ClientID: "client", ClientSecret: "s3cret",
		User: config.MicrosoftGraphUsers{Path: "users"}, Group: config.MicrosoftGraphGroups{Path: "groups"}}
}

func (t *tenant) addUser(name string, groups ...string) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.users = append(t.users, map[string]any{"id": "id-" + name, "displayName": name, "mail": name + "@acme.example"})
	for _, group := range groups {
		t.members[group] = append(t.members[group], "id-"+name)
	}
}

func (t *tenant) addGroup(name string, groups ...string) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.groups = append(t.groups, map[string]any{"id": name, "displayName": strings.ToUpper(name), "mailNickname": name, "securityEnabled": false})
	for _, group := range groups {
		t.members[group] = append(t.members[group], name)
	}
}

func (t *tenant) removeUser(name string) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.users = slices.DeleteFunc(t.users, func(one map[string]any) bool { return one["id"] == "id-"+name })
}

func (t *tenant) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	status, body := t.answer(r)
	apitest.JSON(w, status, body)
}

func refusal(code string) map[string]any {
	return map[string]any{"error": map[string]any{"code": code, "message": "no"}}
}

func (t *tenant) answer(r *http.Request) (int, any) {
	switch {
	case r.URL.Path == "/tenant-1/oauth2/v2.0/token":
		if r.FormValue("client_secret") != "s3cret" || r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != t.URL+"/.default" {
			return http.StatusUnauthorized, map[string]any{"error": "invalid_client"}
		}
		return http.StatusOK, map[string]any{"access_token": "token", "expires_in": 3599}
	case r.Header.Get("Authorization") != "Bearer token":
		return http.StatusUnauthorized, refusal("InvalidAuthenticationToken")
	case r.URL.Path == "/v1.0/$batch":
		return t.batch(r)
	}
	t.asked = append(t.asked, r.URL.RequestURI())
	return t.get(r, strings.TrimPrefix(r.URL.Path, "/v1.0"), r.URL.Query())
}

func (t *tenant) batch(r *http.Request) (int, any) {
	var asked struct {
		Requests []struct{ ID, Method, URL string } `json:"requests"`
	}
	if json.NewDecoder(r.Body).Decode(&asked) != nil || len(asked.Requests) == 0 || len(asked.Requests) > 20 {
		return http.StatusBadRequest, refusal("BadRequest")
	}
	var responses []any
	for _, one := range slices.Backward(asked.Requests) { // they come in any order
		part, err := http.NewRequest(one.Method, t.URL+"/v1.0"+one.URL, nil)
		if err != nil {
			return http.StatusBadRequest, refusal("BadRequest")
		}
		status, body := t.get(part, part.URL.Path[len("/v1.0"):], part.URL.Query())
		responses = append(responses, map[string]any{"id": one.ID, "status": status, "body": body})
	}
	return http.StatusOK, map[string]any{"responses": responses}
}

func (t *tenant) get(r *http.Request, path string, query map[string][]string) (int, any) {
	search := strings.Join(query["$search"], "")
	if search != "" && r.Header.Get("Consistencylevel") != "eventual" {
		return http.StatusBadRequest, refusal("Request_UnsupportedQuery")
	}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case path == "/organization/tenant-1":
		return http.StatusOK, map[string]any{"id": "tenant-1", "displayName": "Acme (all)"}
	case path == "/users":
		return t.page(path, query, t.users)
	case path == "/groups":
		found := t.groups
		if filter := strings.Join(query["$filter"], ""); filter != "" || search != "" {
			named := strings.Trim(strings.TrimPrefix(filter, "displayName eq ")+strings.TrimPrefix(search, `"displayName:`), `'"`)
			found = slices.DeleteFunc(slices.Clone(found), func(one map[string]any) bool { return one["displayName"] != named })
		}
		return t.page(path, query, found)
	case len(parts) == 2 && parts[0] == "groups":
		for _, one := range t.groups {
			if one["id"] == parts[1] {
				return http.StatusOK, one
			}
		}
	case len(parts) >= 3 && parts[0] == "groups" && parts[2] == "members":
		return t.page(path, query, t.membersOf(parts[1], len(parts) == 4))
	}
	return http.StatusNotFound, refusal("Request_ResourceNotFound")
}

func (t *tenant) membersOf(group string, onlyUsers bool) (found []map[string]any) {
	for _, id := range t.members[group] {
		for _, user := range t.users {
			if user["id"] == id {
				found = append(found, map[string]any{"@odata.type": "#microsoft.graph.user", "id": id, "displayName": user["displayName"], "mail": user["mail"]})
			}
		}
		for _, one := range t.groups {
			if one["id"] == id && !onlyUsers {
				found = append(found, map[string]any{"@odata.type": "#microsoft.graph.group", "id": id})
			}
		}
	}
	return found
}

// page answers a page of a list; its token is the number of rows before.
func (t *tenant) page(path string, query map[string][]string, all []map[string]any) (int, any) {
	from := 0
	if token := strings.Join(query["$skiptoken"], ""); token != "" {
		from, _ = strconv.Atoi(token)
	} else if top, err := strconv.Atoi(strings.Join(query["$top"], "")); err != nil || top > 999 {
		return http.StatusBadRequest, refusal("Request_UnsupportedQuery")
	}
	end := min(from+t.size, len(all))
	body := map[string]any{"value": append([]map[string]any{}, all[min(from, end):end]...)}
	if end < len(all) {
		body["@odata.nextLink"] = fmt.Sprintf("%s/v1.0%s?$skiptoken=%d", t.URL, path, end)
	}
	return http.StatusOK, body
}
