package rbac_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/rbac"
)

// exchange is a recorded request to a Backstage with the RBAC plugin, and its response. Files are written
// before it.
type exchange struct {
	Name, Method, Path, Auth string
	Body                     json.RawMessage
	Status                   int
	Message                  string
	Answer                   json.RawMessage
	Files                    map[string]string
}

// otherwise has the exchanges that Portico answers with another status, and why.
var otherwise = map[string]struct {
	status int
	why    string
}{
	"401-rbac-condition-create-temp":   {400, "a plugin without conditions"},
	"538-rbac-condition-update-rule":   {400, "a rule that does not exist"},
	"541-rbac-condition-update-params": {400, "wrong params"},
	"557-rbac-condition-orphan":        {404, "a role that does not exist"},
	"558-rbac-condition-orphan-get":    {404, "its condition was refused"},
}

// otherAnswer has the exchanges with the same status and another content, and why.
var otherAnswer = map[string]string{
	"368-rbac-role-create-400-member-case": "roles cannot be members, so they are not listed as such",
	"406-rbac-role-renamed-conditions":     "the condition was refused",
	"539-rbac-authorize-unknown-rule":      "the condition was refused, so the one before decides",
	"542-rbac-authorize-wrong-params":      "the condition was refused, so the one before decides",
	"706-rbac-conditions-deleted":          "conditions go with their role",
	"709-rbac-conditions-again":            "conditions went with their role",
}

// TestTheRecordedExchangesAreAnsweredAlike replays what was recorded from a Backstage with the RBAC plugin:
// its REST requests, and its decisions between them.
func TestTheRecordedExchangesAreAnsweredAlike(t *testing.T) {
	t.Parallel()
	files := recorded(t)
	roles := newReplica(t, testkit.Database(t), withFiles(files))
	require.NoError(t, roles.SyncFiles(t.Context()))
	replay := replayed{replica: roles, ids: map[string]int64{}}
	for _, e := range exchanges(t) {
		for name, content := range e.Files {
			require.NoError(t, os.WriteFile(map[string]string{"policy.csv": files.Policies, "conditional-policies.yaml": files.Conditions}[name], []byte(content), 0o600))
		}
		if e.Files != nil {
			require.NoError(t, roles.SyncFiles(t.Context()))
		}
		if e.Method != "" {
			replay.require(t, e)
		}
	}
}

func exchanges(t *testing.T) []exchange {
	t.Helper()
	file, err := os.Open("testdata/recorded.jsonl")
	require.NoError(t, err)
	defer file.Close()
	var all []exchange
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var e exchange
		require.NoError(t, json.Unmarshal(lines.Bytes(), &e))
		all = append(all, e)
	}
	require.NoError(t, lines.Err())
	require.Len(t, all, 200)
	return all
}

// replayed sends recorded requests to a service. ids has the ids of conditions by their recorded ids.
type replayed struct {
	replica
	ids map[string]int64
}

// conditionID matches the id of a condition in a message.
var conditionID = regexp.MustCompile(`\bid:? \d+`)

var statusOf = map[fault.Kind]int{fault.Input: 400, fault.NotAllowed: 403, fault.NotFound: 404, fault.Conflict: 409}

func (r replayed) require(t *testing.T, e exchange) {
	t.Helper()
	caller := guest
	if e.Auth == "service" {
		caller = identity.Principal{Kind: identity.KindService, Subject: "peer-bench"}
	}
	at, err := url.Parse(e.Path)
	require.NoError(t, err)
	_, other := otherAnswer[e.Name]
	if at.Path == "/authorize" {
		if !other && e.Status == http.StatusOK {
			r.requireDecisions(t, e)
		}
		return
	}
	status, answer, err := r.send(t, caller, e, at)
	if err != nil {
		status = statusOf[fault.KindOf(err)]
	}
	expected := e.Status
	if deviation, deviates := otherwise[e.Name]; deviates {
		expected, other = deviation.status, true
	}
	require.Equal(t, expected, status, "%s: %v", e.Name, err)
	switch {
	case other:
	case err != nil && e.Message != "":
		require.Equal(t, conditionID.ReplaceAllString(e.Message, "id"), conditionID.ReplaceAllString(err.Error(), "id"), e.Name)
	case e.Method == http.MethodPost && e.Answer != nil && strings.HasSuffix(at.Path, "/conditions"):
		var created struct{ ID json.Number }
		require.NoError(t, json.Unmarshal(e.Answer, &created))
		r.ids[created.ID.String()] = answer.(int64)
	case e.Answer != nil:
		require.Equal(t, normal(t, e.Answer), normal(t, []byte(asJSON(t, answer))), e.Name)
	}
}

// send sends a request to the service, as package api does.
func (r replayed) send(t *testing.T, caller identity.Principal, e exchange, at *url.URL) (status int, answer any, err error) {
	t.Helper()
	ctx, q := t.Context(), at.Query()
	parts := strings.SplitN(strings.Trim(at.Path, "/"), "/", 3)
	ref := ""
	if kind, rest, is := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(at.Path, "/roles/"), "/policies/"), "/"); is && strings.Contains(rest, "/") {
		ref = kind + ":" + rest
	}
	route := e.Method + " /" + parts[0]
	switch {
	case len(parts) == 3 && ref != "":
		route += "/:ref"
	case len(parts) > 1:
		route += "/" + parts[1]
		if len(parts) == 3 {
			route += "/:id"
		}
	}
	id := int64(0)
	if strings.HasSuffix(route, "/:id") {
		var known bool
		if id, known = r.ids[parts[2]]; !known {
			id, err = strconv.ParseInt(parts[2], 10, 64)
			require.NoError(t, err)
		}
	}
	switch route {
	case "GET /":
		return 200, map[string]string{"status": "Authorized"}, r.Authorize(ctx, caller)
	case "GET /roles":
		answer, err = r.Roles(ctx, caller)
		return 200, answer, err
	case "GET /roles/:ref":
		role, err := r.Role(ctx, caller, ref)
		return 200, []rbac.Role{role}, err
	case "POST /roles":
		return 201, nil, r.CreateRole(ctx, caller, decoded[rbac.RoleSpec](t, e.Body))
	case "PUT /roles/:ref":
		return 200, nil, r.UpdateRole(ctx, caller, ref, decoded[rbac.RoleUpdate](t, e.Body))
	case "DELETE /roles/:ref":
		if member := q.Get("memberReferences"); member != "" {
			return 204, nil, r.RemoveMember(ctx, caller, ref, member, nil)
		}
		return 204, nil, r.DeleteRole(ctx, caller, ref, nil)
	case "GET /policies":
		listed, err := r.Policies(ctx, caller, rbac.PolicyFilter{Role: q.Get("entityRef"), Permission: q.Get("permission"), Action: q.Get("policy"), Effect: q.Get("effect")})
		return 200, wirePolicies(listed), err
	case "GET /policies/:ref":
		listed, err := r.PoliciesOf(ctx, caller, ref)
		return 200, wirePolicies(listed), err
	case "POST /policies":
		return 201, nil, r.CreatePolicies(ctx, caller, decoded[[]rbac.Policy](t, e.Body))
	case "PUT /policies/:ref":
		update := decoded[struct{ OldPolicy, NewPolicy []rbac.Policy }](t, e.Body)
		changed, err := r.UpdatePolicies(ctx, caller, ref, rbac.PolicyUpdate{Old: update.OldPolicy, New: update.NewPolicy})
		return map[bool]int{true: 200, false: 204}[changed], nil, err
	case "DELETE /policies/:ref":
		return 204, nil, r.DeletePolicies(ctx, caller, ref, decoded[[]rbac.Policy](t, e.Body))
	case "GET /roles/conditions":
		answer, err = r.Conditions(ctx, caller, rbac.ConditionFilter{Role: q.Get("roleEntityRef"), PluginID: q.Get("pluginId"),
			ResourceType: policy.ResourceType(q.Get("resourceType")), Actions: q["actions"]})
		return 200, answer, err
	case "GET /roles/conditions/:id":
		answer, err = r.Condition(ctx, caller, id)
		return 200, answer, err
	case "POST /roles/conditions":
		answer, err = r.CreateCondition(ctx, caller, decoded[rbac.ConditionSpec](t, e.Body))
		return 201, answer, err
	case "PUT /roles/conditions/:id":
		return 200, nil, r.UpdateCondition(ctx, caller, id, decoded[rbac.ConditionSpec](t, e.Body), nil)
	case "DELETE /roles/conditions/:id":
		return 204, nil, r.DeleteCondition(ctx, caller, id, nil)
	case "POST /plugins/id", "DELETE /plugins/id":
		change := map[string]func() error{
			"POST /plugins/id":   func() error { return r.AddPluginIDs(ctx, caller, decoded[struct{ IDs []string }](t, e.Body).IDs) },
			"DELETE /plugins/id": func() error { return r.RemovePluginIDs(ctx, caller, decoded[struct{ IDs []string }](t, e.Body).IDs) },
		}[route]
		if err := change(); err != nil {
			return 0, nil, err
		}
		ids, err := r.PluginIDs(ctx, caller)
		return 200, map[string]any{"ids": ids}, err
	default:
		require.Fail(t, "no such route", "%s: %s", e.Name, route)
		return 0, nil, nil
	}
}

// decoded decodes a body.
func decoded[T any](t *testing.T, body json.RawMessage) (value T) {
	t.Helper()
	if body == nil {
		return value
	}
	require.NoError(t, json.Unmarshal(body, &value), "%s", body)
	return value
}

// wirePolicies are policies as the API lists them.
func wirePolicies(listed []rbac.ListedPolicy) []map[string]any {
	wire := []map[string]any{}
	for _, p := range listed {
		wire = append(wire, map[string]any{"entityReference": p.Role, "permission": p.Permission, "policy": p.Action, "effect": p.Effect,
			"metadata": map[string]any{"source": p.Source}})
	}
	return wire
}

// normal is an answer without times and ids, with its lists in one order: Backstage promises none.
func normal(t *testing.T, text json.RawMessage) any {
	t.Helper()
	var value any
	require.NoError(t, json.Unmarshal(text, &value))
	return sorted(value)
}

func sorted(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range []string{"id", "createdAt", "lastModified"} {
			delete(value, key)
		}
		for key := range value {
			value[key] = sorted(value[key])
		}
	case []any:
		for i := range value {
			value[i] = sorted(value[i])
		}
		slices.SortFunc(value, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
	return value
}

// entities are the recording's entities that decisions are about, as far as its conditions read them.
var entities = map[string]entity.Entity{
	"component:default/guest-tool":       ownedBy("Component", "guest-tool", "user:default/guest", "experimental"),
	"component:default/petstore-web":     ownedBy("Component", "petstore-web", "group:default/team-a", "production"),
	"component:default/petstore-service": ownedBy("Component", "petstore-service", "group:default/team-b", "production"),
	"user:default/guest":                 ownedBy("User", "guest", "", ""),
}

func ownedBy(kind, name, owner, lifecycle string) entity.Entity {
	return entity.Entity{"apiVersion": "backstage.io/v1alpha1", "kind": kind, "metadata": map[string]any{"name": name, "namespace": "default"},
		"relations": []any{map[string]any{"type": "ownedBy", "targetRef": owner}}, "spec": map[string]any{"owner": owner, "lifecycle": lifecycle}}
}

// requireDecisions compares with a recorded answer of the route authorize.
func (r replayed) requireDecisions(t *testing.T, e exchange) {
	t.Helper()
	asked := decoded[struct {
		Items []struct {
			Permission struct {
				Name         string
				Attributes   struct{ Action string }
				ResourceType policy.ResourceType
			}
			ResourceRef any
		}
	}](t, e.Body)
	answered := decoded[struct{ Items []struct{ Result any } }](t, e.Answer)
	for i, item := range asked.Items {
		q := rbac.Query{Permission: item.Permission.Name, Action: item.Permission.Attributes.Action, ResourceType: item.Permission.ResourceType}
		decision, err := r.decider.DecideQuery(t.Context(), guest, q)
		require.NoError(t, err)
		require.Equal(t, answered.Items[i].Result, results(t, decision, item.ResourceRef), "%s: %+v %v", e.Name, q, item.ResourceRef)
	}
}

// results are the results of a decision on resources: one, or a list for a list of them if it is conditional.
func results(t *testing.T, decision policy.Decision, refs any) any {
	t.Helper()
	if decision.Result != policy.Conditional {
		return string(decision.Result)
	}
	if list, is := refs.([]any); is {
		var each []any
		for _, ref := range list {
			each = append(each, results(t, decision, ref))
		}
		return each
	}
	filter, err := query.Rules.Filter(decision.Conditions)
	require.NoError(t, err)
	if e, exists := entities[refs.(string)]; exists && query.Matches(filter, e) {
		return string(policy.Allowed)
	}
	return string(policy.Denied)
}
