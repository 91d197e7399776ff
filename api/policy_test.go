package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/catalogtest"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/authorize"
	"github.com/portico-dev/portico/scaffolder"
	"github.com/portico-dev/portico/scaffolder/access"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/seal"
)

// people is an authenticator: the tokens of ada and grace are their names, and each is a member of a team.
// The token of a service is "service".
type people map[string]string

func (p people) Authenticate(_ context.Context, token string) (identity.Principal, error) {
	if token == "service" {
		return identity.Principal{Kind: identity.KindService, Subject: "external:test"}, nil
	}
	team, known := p[token]
	if !known {
		return identity.Principal{}, fault.New(fault.Authentication, "Illegal token")
	}
	return identity.Principal{Kind: identity.KindUser, Subject: "user:default/" + token, Ownership: []string{"user:default/" + token, team}}, nil
}

// ownThings is the API for users who may read and change only what they own.
type ownThings struct {
	*testing.T
	pool     *pgxpool.Pool
	http     http.Handler
	runs     *run.Store
	refusals *audit.Attempts
}

func newOwnThings(t *testing.T) *ownThings {
	t.Helper()
	return newDecidedThings(t, policytest.Table{
		policy.CatalogEntityRead: policytest.Owned, policy.CatalogEntityDelete: policytest.Owned, policy.CatalogEntityRefresh: policytest.Owned,
		policy.ScaffolderTaskRead: policytest.Started, policy.ScaffolderTaskCancel: policytest.Started,
		policy.CatalogLocationDelete:   policytest.Deny,
		policy.ScaffolderActionExecute: `{"rule":"HAS_ACTION_ID","resourceType":"scaffolder-action","params":{"actionId":"debug:log"}}`,
	})
}

// newDecidedThings is the API with a decider.
func newDecidedThings(t *testing.T, decider policy.Decider) *ownThings {
	t.Helper()
	o := &ownThings{T: t, pool: testkit.Database(t)}
	keys, err := seal.NewKeyring(seal.GenerateKey("test"))
	require.NoError(t, err)
	actions, err := action.NewRegistry()
	require.NoError(t, err)
	o.runs = run.NewStore(o.pool, keys)
	service := scaffolder.New(scaffolder.Options{Log: slog.New(slog.DiscardHandler), Catalog: catalogOfTemplates, Runs: o.runs,
		Engine: &commands{}, Actions: actions, Decider: decider, Access: access.NewRuns(decider)})
	entities := catalog.New(catalog.Options{Pool: o.pool, Decider: decider})
	o.http = newServer(t, io.Discard, func(options *api.Options) {
		o.refusals = audit.NewAttempts(o.pool, slog.New(slog.DiscardHandler))
		options.Refusals = o.refusals
		options.Authenticator = people{"ada": "group:default/group-19", "grace": "group:default/group-39"}
		options.Plugins[0] = api.NewCatalogPlugin(entities)
		options.Plugins[1] = api.NewScaffolderPlugin(service, db.NewListener(o.pool, run.Channel, slog.New(slog.DiscardHandler)))
		options.Plugins[3] = api.NewPorticoPlugin(api.Info{Title: "Test"}, service, nil)
		options.Plugins = append(options.Plugins, api.NewPermissionPlugin(authorize.New(authorize.Options{Decider: decider, Match: map[policy.ResourceType]authorize.Match{
			policy.CatalogEntity: entities.MatchingEntities, policy.ScaffolderTask: service.MatchingRuns,
		}})))
	})
	return o
}

// send makes a request as a user, checks the status, and decodes the response.
func (o *ownThings) send(who string, status int, method, path, body string, into any) {
	o.Helper()
	answer := ask(o.T, o.http, method, "/api"+path, body, "Authorization", "Bearer "+who)
	require.Equal(o, status, answer.Code, "%s %s: %s", method, path, answer.Body.String())
	if into != nil {
		require.NoError(o, json.Unmarshal(answer.Body.Bytes(), into))
	}
}

// owned are the references and uids of what a team owns.
func (o *ownThings) owned(team string) map[string]string {
	o.Helper()
	rows, err := o.pool.Query(o.Context(), `select e.entity_ref, e.entity_id::text from catalog_relations r
		join catalog_entities e on e.entity_ref = r.source_ref where r.type = 'ownedBy' and r.target_ref = $1`, team)
	require.NoError(o, err)
	owned := map[string]string{}
	var ref, uid string
	_, err = pgx.ForEachRow(rows, []any{&ref, &uid}, func() error { owned[ref] = uid; return nil })
	require.NoError(o, err)
	require.Len(o, owned, 14)
	return owned
}

// shownEntity is what these tests read of an entity.
type shownEntity struct {
	Kind     string
	Metadata struct{ Name, Namespace string }
}

func (e shownEntity) ref() string {
	return strings.ToLower(e.Kind) + ":" + e.Metadata.Namespace + "/" + e.Metadata.Name
}

func TestPeopleSeeTheirOwnEntities(t *testing.T) {
	t.Parallel()
	o := newOwnThings(t)
	catalogtest.Fill(t, o.pool, 180)
	own, others := o.owned("group:default/group-19"), o.owned("group:default/group-39")

	// By cursor: pages there and back, each with the total of the caller's entities.
	var page struct {
		Items      []shownEntity
		TotalItems int
		PageInfo   struct{ NextCursor, PrevCursor string }
	}
	seen := map[string]int{}
	next := "orderField=metadata.name,desc&limit=5"
	for pages := 1; next != ""; pages++ {
		page.PageInfo.NextCursor = ""
		o.send("ada", http.StatusOK, http.MethodGet, "/catalog/entities/by-query?"+next, "", &page)
		require.Equal(t, len(own), page.TotalItems)
		for _, item := range page.Items {
			require.Contains(t, own, item.ref())
			seen[item.ref()]++
		}
		if next = ""; page.PageInfo.NextCursor != "" {
			next = "limit=5&cursor=" + url.QueryEscape(page.PageInfo.NextCursor)
		}
		require.Equal(t, pages == 3, next == "", "14 entities are on three pages")
	}
	require.Len(t, seen, len(own))
	o.send("ada", http.StatusOK, http.MethodGet, "/catalog/entities/by-query?limit=5&cursor="+url.QueryEscape(page.PageInfo.PrevCursor), "", &page)
	require.Len(t, page.Items, 5)
	require.Contains(t, own, page.Items[0].ref())
	o.send("ada", http.StatusOK, http.MethodGet, "/catalog/entities/by-query?limit=0&filter=kind=component", "", &page)
	components := page.TotalItems
	require.Less(t, components, len(own))

	// A cursor of another user shows a user only their own entities.
	o.send("ada", http.StatusOK, http.MethodGet, "/catalog/entities/by-query?orderField=metadata.name,asc&limit=1", "", &page)
	o.send("grace", http.StatusOK, http.MethodGet, "/catalog/entities/by-query?cursor="+url.QueryEscape(page.PageInfo.NextCursor), "", &page)
	for _, item := range page.Items {
		require.Contains(t, others, item.ref())
	}

	// By offset, whole and in pages.
	var list []shownEntity
	o.send("ada", http.StatusOK, http.MethodGet, "/catalog/entities", "", &list)
	require.Len(t, list, len(own))
	o.send("ada", http.StatusOK, http.MethodGet, "/catalog/entities?offset=10&limit=10", "", &list)
	require.Len(t, list, 4)

	var counted struct {
		Facets map[string][]struct {
			Value string
			Count int
		}
	}
	o.send("ada", http.StatusOK, http.MethodGet, "/catalog/entity-facets?facet=kind&facet=relations.ownedBy", "", &counted)
	require.Equal(t, []struct {
		Value string
		Count int
	}{{"group:default/group-19", len(own)}}, counted.Facets["relations.ownedBy"])
	sum := 0
	for _, facet := range counted.Facets["kind"] {
		sum += facet.Count
		require.True(t, facet.Value != "Component" || facet.Count == components)
	}
	require.Equal(t, len(own), sum)
}

func TestEntitiesOfOthersCannotBeReadOrChanged(t *testing.T) {
	t.Parallel()
	o := newOwnThings(t)
	catalogtest.Fill(t, o.pool, 180)
	own, others := o.owned("group:default/group-19"), o.owned("group:default/group-39")
	ownRef, othersRef := first(own), first(others)
	byName := func(ref string) string {
		return "/catalog/entities/by-name/" + strings.NewReplacer(":", "/").Replace(ref)
	}
	var batch struct{ Items []*shownEntity }
	o.send("ada", http.StatusOK, http.MethodPost, "/catalog/entities/by-refs", fmt.Sprintf(`{"entityRefs":[%q,%q]}`, othersRef, ownRef), &batch)
	require.Nil(t, batch.Items[0])
	require.Equal(t, ownRef, batch.Items[1].ref())

	o.send("ada", http.StatusOK, http.MethodGet, byName(ownRef), "", nil)
	o.send("ada", http.StatusOK, http.MethodGet, "/catalog/entities/by-uid/"+own[ownRef], "", nil)
	var ancestry struct{ Items []json.RawMessage }
	o.send("ada", http.StatusOK, http.MethodGet, byName(ownRef)+"/ancestry", "", &ancestry)
	require.Len(t, ancestry.Items, 1, "the location has no owner")
	o.send("ada", http.StatusNotFound, http.MethodGet, byName(othersRef), "", nil)
	o.send("ada", http.StatusNotFound, http.MethodGet, "/catalog/entities/by-uid/"+others[othersRef], "", nil)
	o.send("ada", http.StatusForbidden, http.MethodGet, byName(othersRef)+"/ancestry", "", nil)

	o.send("ada", http.StatusForbidden, http.MethodPost, "/catalog/refresh", fmt.Sprintf(`{"entityRef":%q}`, othersRef), nil)
	o.send("ada", http.StatusForbidden, http.MethodDelete, "/catalog/entities/by-uid/"+others[othersRef], "", nil)
	o.send("grace", http.StatusOK, http.MethodGet, byName(othersRef), "", nil)
	o.send("ada", http.StatusOK, http.MethodPost, "/catalog/refresh", fmt.Sprintf(`{"entityRef":%q}`, ownRef), nil)
	o.send("ada", http.StatusNoContent, http.MethodDelete, "/catalog/entities/by-uid/"+own[ownRef], "", nil)
	o.send("ada", http.StatusNotFound, http.MethodGet, byName(ownRef), "", nil)
}

func first(owned map[string]string) string {
	refs := []string{}
	for ref := range owned {
		refs = append(refs, ref)
	}
	return slices.Min(refs)
}

// start records a run of a user, of nobody if it is "", and lets it fail.
func (o *ownThings) start(who string) string {
	o.Helper()
	n := run.New{ID: uuid.New(), TemplateRef: "template:default/hello", Title: "Hello"}
	require.NoError(o, json.Unmarshal([]byte(`{"apiVersion":"scaffolder.backstage.io/v1beta3","steps":[{"id":"log","name":"Log","action":"debug:log"}],
		"output":{},"parameters":{},"templateInfo":{"entityRef":"template:default/hello","entity":{"metadata":{"name":"hello"}}}}`), &n.Spec))
	if who != "" {
		n.Starter = identity.Principal{Kind: identity.KindUser, Subject: "user:default/" + who}
	}
	require.NoError(o, o.runs.Create(o.Context(), n))
	state, err := o.runs.State(o.Context(), n.ID)
	require.NoError(o, err)
	failure := &fault.Failure{Name: "Error", Message: "no"}
	require.NoError(o, o.runs.Record(o.Context(), state.Claim, run.Entry{End: &run.Ending{Status: run.StatusFailed, Phase: run.PhaseParked, Failure: failure},
		Events: []run.NewEvent{logged("1", "hello")}}))
	return n.ID.String()
}

func TestPeopleSeeTheirOwnRuns(t *testing.T) {
	t.Parallel()
	o := newOwnThings(t)
	var own []string
	for range 5 {
		own = append(own, o.start("ada"))
	}
	others, nobodys := o.start("grace"), o.start("")

	var tasks struct {
		Tasks      []struct{ ID, CreatedBy string }
		TotalTasks int
	}
	seen := map[string]bool{}
	for _, offset := range []string{"0", "2", "4"} {
		o.send("ada", http.StatusOK, http.MethodGet, "/scaffolder/v2/tasks?limit=2&order=asc:created_at&offset="+offset, "", &tasks)
		require.Equal(t, 5, tasks.TotalTasks)
		for _, task := range tasks.Tasks {
			require.Equal(t, "user:default/ada", task.CreatedBy)
			seen[task.ID] = true
		}
	}
	require.Len(t, seen, 5)
	o.send("ada", http.StatusOK, http.MethodGet, "/scaffolder/v2/tasks?createdBy=user:default/grace", "", &tasks)
	require.Zero(t, tasks.TotalTasks)
	require.Empty(t, tasks.Tasks)
	var page struct {
		Runs  []struct{ ID string }
		Total int
	}
	o.send("ada", http.StatusOK, http.MethodGet, "/portico/v1/runs?status=failed&limit=1", "", &page)
	require.Equal(t, 5, page.Total)
	o.send("grace", http.StatusOK, http.MethodGet, "/portico/v1/runs", "", &page)
	require.Equal(t, 1, page.Total)
	require.Equal(t, others, page.Runs[0].ID)
	var causes struct {
		Causes []struct{ Count int }
	}
	o.send("ada", http.StatusOK, http.MethodGet, "/portico/v1/run-causes", "", &causes)
	require.Len(t, causes.Causes, 1)
	require.Equal(t, 5, causes.Causes[0].Count)

	const task, details = "/scaffolder/v2/tasks/", "/portico/v1/runs/"
	for _, path := range []string{task + own[0], details + own[0], task + own[0] + "/events"} {
		o.send("ada", http.StatusOK, http.MethodGet, path, "", nil)
	}
	for _, id := range []string{others, nobodys} {
		for _, path := range []string{task + id, details + id, task + id + "/events", task + id + "/eventstream"} {
			o.send("ada", http.StatusForbidden, http.MethodGet, path, "", nil)
		}
		for _, path := range []string{task + id + "/cancel", task + id + "/retry", details + id + "/rollback"} {
			o.send("ada", http.StatusForbidden, http.MethodPost, path, "{}", nil)
		}
	}
	o.send("ada", http.StatusNotFound, http.MethodGet, task+uuid.NewString(), "", nil)
	o.send("ada", http.StatusCreated, http.MethodPost, task+own[0]+"/retry", "{}", nil)
	o.send("ada", http.StatusOK, http.MethodPost, task+own[0]+"/cancel", "{}", nil)
}

// TestARunWithADeniedActionIsRefusedWithItsStep: other denials have an empty message.
func TestARunWithADeniedActionIsRefusedWithItsStep(t *testing.T) {
	t.Parallel()
	o := newDecidedThings(t, policytest.Table{policy.ScaffolderActionExecute: `{"rule":"HAS_ACTION_ID","resourceType":"scaffolder-action","params":{"actionId":"debug:wait"}}`})
	answer := ask(t, o.http, http.MethodPost, "/api/scaffolder/v2/tasks", `{"templateRef":"template:default/hello","values":{"name":"shop"}}`, "Authorization", "Bearer ada")
	require.Equal(t, http.StatusForbidden, answer.Code)
	var body struct {
		Error struct{ Name, Message string }
	}
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &body))
	require.Equal(t, "NotAllowedError", body.Error.Name)
	require.Equal(t, "Unauthorized action: debug:log. The action is not allowed. The step Log needs it.", body.Error.Message)
	require.Equal(t, `Bearer error="insufficient_scope", scope="scaffolder.action.execute", error_description="user:default/ada may not scaffolder.action.execute on debug:log"`,
		answer.Header().Get("WWW-Authenticate"))
}
