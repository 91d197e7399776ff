package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/audit/trail"
	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/internal/testkit/catalogtest"
	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/scaffolder/run"
)

// TestTheAuditLogHasWhatPeopleDidAndWhatTheyWereRefused: with the address and the id of each request.
func TestTheAuditLogHasWhatPeopleDidAndWhatTheyWereRefused(t *testing.T) {
	t.Parallel()
	o := newOwnThings(t)
	catalogtest.Fill(t, o.pool, 180)
	adas, graces := o.owned("group:default/group-19"), o.owned("group:default/group-39")
	anyOf := func(owned map[string]string) (ref, uid string) {
		for ref, uid = range owned {
			break
		}
		return ref, uid
	}
	ownRef, ownUID := anyOf(adas)
	_, strangeUID := anyOf(graces)

	deleted := ask(t, o.http, http.MethodDelete, "/api/catalog/entities/by-uid/"+ownUID, "", "Authorization", "Bearer ada")
	require.Equal(t, http.StatusNoContent, deleted.Code)
	o.send("ada", http.StatusForbidden, http.MethodDelete, "/catalog/entities/by-uid/"+strangeUID, "", nil)
	run := uuid.NewString()
	o.send("grace", http.StatusNotFound, http.MethodPost, "/scaffolder/v2/tasks/"+run+"/retry", "", nil)
	o.send("ada", http.StatusNotFound, http.MethodGet, "/scaffolder/v2/tasks/"+run, "", nil)
	o.send("ada", http.StatusBadRequest, http.MethodPost, "/scaffolder/v2/tasks", `{"templateRef":"hello","values":{"name":5}}`, nil)
	o.send("nobody", http.StatusUnauthorized, http.MethodDelete, "/catalog/entities/by-uid/"+ownUID, "", nil)

	found, err := audit.Find(t.Context(), o.pool, audit.Query{})
	require.NoError(t, err)
	type told struct {
		actor    string
		action   audit.Action
		resource string
		outcome  audit.Outcome
		reason   string
	}
	events := make([]told, len(found))
	for i, e := range found {
		events[i] = told{e.Actor.Subject, e.Action, e.Resource, e.Outcome, e.Reason}
		require.Equal(t, "192.0.2.1", e.Address, "httptest's")
		require.NotEmpty(t, e.RequestID)
	}
	require.Equal(t, []told{
		{"user:default/ada", audit.RunCreate, "/api/scaffolder/v2/tasks", audit.Failed, "InputError"},
		{"user:default/grace", audit.RunRetry, run, audit.Failed, "NotFoundError"},
		{"user:default/ada", audit.EntityDelete, strangeUID, audit.Denied, "needs catalog.entity.delete"},
		{"user:default/ada", audit.EntityDelete, ownRef, audit.Done, ""},
	}, events)
	require.Equal(t, deleted.Header().Get("X-Request-ID"), found[3].RequestID)
}

// TestAnAttemptToReadWhatIsHiddenIsRecorded: the answer is the same as for something that does not exist, of
// which the log has nothing.
func TestAnAttemptToReadWhatIsHiddenIsRecorded(t *testing.T) {
	t.Parallel()
	o := newDecidedThings(t, policytest.Table{policy.CatalogEntityRead: policytest.Owned, policy.CatalogLocationRead: policytest.Deny})
	catalogtest.Fill(t, o.pool, 180)
	graces := o.owned("group:default/group-39")
	ref := first(graces)
	path := strings.NewReplacer(":", "/").Replace(ref)
	for _, missing := range []string{"/by-name/component/default/none", "/by-uid/" + uuid.NewString(), "/by-uid/none"} {
		o.send("ada", http.StatusNotFound, http.MethodGet, "/catalog/entities"+missing, "", nil)
	}
	hidden := []struct{ path, resource, permission string }{
		{"/catalog/entities/by-name/" + path, ref, "catalog.entity.read"},
		{"/catalog/entities/by-uid/" + graces[ref], graces[ref], "catalog.entity.read"},
		{"/catalog/locations/4711", "4711", "catalog.location.read"},
		{"/catalog/locations/by-entity/" + path, ref, "catalog.location.read"},
	}
	for _, attempt := range hidden {
		o.send("ada", http.StatusNotFound, http.MethodGet, attempt.path, "", nil)
	}
	o.refusals.Wait()
	found, err := audit.Find(t.Context(), o.pool, audit.Query{Who: "user:default/ada", Actions: []audit.Action{audit.Access}, Outcomes: []audit.Outcome{audit.Denied}})
	require.NoError(t, err)
	require.Len(t, found, len(hidden))
	for _, attempt := range hidden {
		found, err := audit.Find(t.Context(), o.pool, audit.Query{Resource: attempt.resource, Outcomes: []audit.Outcome{audit.Denied}})
		require.NoError(t, err)
		require.True(t, slices.ContainsFunc(found, func(e audit.Event) bool {
			return e.Reason == "needs "+attempt.permission+"; the answer was NotFoundError"
		}), "%s: %v", attempt.path, found)
	}
}

func TestARestrictedTokenIsRecordedWhereItIsRefused(t *testing.T) {
	t.Parallel()
	o := newOwnThings(t)
	server := newServer(t, t.Output(), func(options *api.Options) {
		options.Refusals = audit.NewAttempts(o.pool, slog.New(slog.DiscardHandler))
	})
	answer := ask(t, server, http.MethodGet, "/api/catalog/entities", "", "Authorization", "Bearer restricted")
	require.Equal(t, http.StatusForbidden, answer.Code)
	found, err := audit.Find(t.Context(), o.pool, audit.Query{Who: "external:crawler"})
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, audit.Access, found[0].Action)
	require.Equal(t, "/api/catalog/entities", found[0].Resource)
}

// auditPage is what these tests read of a page of the audit log.
type auditPage struct {
	Events []struct {
		Actor, ActorKind, Action, Resource, Outcome string
		Changes                                     []struct{ Field, Old, New string }
	}
	NextCursor string
}

func TestTheAuditLogIsSearchedPageByPage(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	server := newServer(t, t.Output(), func(options *api.Options) {
		options.Plugins = append(options.Plugins, api.NewAuditPlugin(trail.New(pool, policy.AllowKnown{})))
	})
	ada, bob := audit.Actor{Kind: "user", Subject: "user:default/ada"}, audit.Actor{Kind: "user", Subject: "user:default/bob"}
	for n := range 5 {
		require.NoError(t, audit.Record(t.Context(), pool, ada, audit.LocationUpdate, fmt.Sprint("l", n), audit.Changed("target", nil, n)))
		require.NoError(t, audit.Record(t.Context(), pool, bob, audit.EntityDelete, fmt.Sprint("e", n)))
	}
	inRun := audit.WithOrigin(t.Context(), audit.Origin{Run: "r1"})
	require.NoError(t, audit.Record(inRun, pool, ada, audit.LocationCreate, "l5"))
	refusals := audit.NewAttempts(pool, slog.New(slog.DiscardHandler))
	refusals.Record(t.Context(), bob, audit.RunRetry, "r1", audit.Denied, "needs scaffolder.task.create")

	search := func(query string) (page auditPage, resources []string) {
		answer := ask(t, server, http.MethodGet, "/api/portico/v1/audit?"+query, "")
		require.Equal(t, http.StatusOK, answer.Code, answer.Body.String())
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &page))
		for _, e := range page.Events {
			resources = append(resources, e.Resource)
		}
		return page, resources
	}
	for query, want := range map[string][]string{
		"who=user:default/ada":                          {"l5", "l4", "l3", "l2", "l1", "l0"},
		"who=run:r1":                                    {"l5"},
		"action=location.create,run.retry":              {"r1", "l5"},
		"resource=e3":                                   {"e3"},
		"outcome=denied":                                {"r1"},
		"outcome=done&who=user:default/bob&limit=2":     {"e4", "e3"},
		"since=2100-01-01T00:00:00Z":                    nil,
		"until=2000-01-01T00:00:00Z":                    nil,
		"since=2000-01-01T00:00:00Z&resource=l1":        {"l1"},
		"since=2000-01-01T00:00:00Z&who=user:default/x": nil,
	} {
		_, found := search(query)
		require.Equal(t, want, found, query)
	}

	page, all := search("limit=5")
	for page.NextCursor != "" {
		var more []string
		page, more = search("limit=5&cursor=" + page.NextCursor)
		all = append(all, more...)
	}
	require.Equal(t, []string{"r1", "l5", "e4", "l4", "e3", "l3", "e2", "l2", "e1", "l1", "e0", "l0"}, all)
	page, _ = search("resource=l4")
	require.Equal(t, "4", page.Events[0].Changes[0].New)

	for _, query := range []string{"cursor=x", "action=x.y", "outcome=maybe", "since=yesterday"} {
		require.Equal(t, http.StatusBadRequest, ask(t, server, http.MethodGet, "/api/portico/v1/audit?"+query, "").Code, query)
	}
	for _, path := range []string{"/api/portico/v1/audit", "/api/portico/v1/audit/actions"} {
		answer := ask(t, server, http.MethodGet, path, "", "Authorization", "Bearer user")
		require.Equal(t, http.StatusForbidden, answer.Code)
		require.Contains(t, answer.Header().Get("WWW-Authenticate"), `scope="portico.audit.read"`)
	}
	actions := ask(t, server, http.MethodGet, "/api/portico/v1/audit/actions", "")
	require.Contains(t, actions.Body.String(), `{"action":"run.create","description":"a run of a template was started"}`)
}

// canary is a secret that must not be stored.
const canary = "canary-5d1f0a"

// carrier is an authenticator: every caller has a token that is secret.
type carrier struct{}

func (carrier) Authenticate(_ context.Context, token string) (identity.Principal, error) {
	return identity.Principal{Kind: identity.KindService, Subject: "external:carrier", Token: token}, nil
}

// TestEveryCommandRecordsItsActionAndNoSecret sends a secret to every command, in each place where a secret may
// be: every action that a route declares is recorded, and the secret is nowhere in the log.
func TestEveryCommandRecordsItsActionAndNoSecret(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	catalogtest.Fill(t, pool, 20)
	service := catalog.New(catalog.Options{Pool: pool, Decider: policy.AllowKnown{}})
	var declared map[audit.Action]bool
	s := newScaffolderServerWith(t, pool, &commands{}, func(options *api.Options) {
		options.Authenticator, options.Refusals = carrier{}, audit.NewAttempts(pool, slog.New(slog.DiscardHandler))
		options.Plugins[0] = api.NewCatalogPlugin(service)
		declared = api.RecordedActions(options.Plugins...)
	})
	send := func(method, path, body string, into any) {
		t.Helper()
		answer := ask(t, s.http, method, "/api"+path, body, "Authorization", "Bearer "+canary, "Idempotency-Key", canary+uuid.NewString())
		require.Less(t, answer.Code, http.StatusMultipleChoices, "%s %s: %s", method, path, answer.Body.String())
		if into != nil {
			require.NoError(t, json.Unmarshal(answer.Body.Bytes(), into))
		}
	}
	refused := func(method, path, body string) {
		t.Helper()
		answer := ask(t, s.http, method, "/api"+path, body, "Authorization", "Bearer "+canary)
		require.GreaterOrEqual(t, answer.Code, http.StatusBadRequest, "%s %s", method, path)
	}

	location := func(name string) string {
		return fmt.Sprintf(`{"type":"url","target":"https://example.com/%s.yaml?private_token=%s&ref=main#%s"}`, name, canary, canary)
	}
	var registered struct{ Location struct{ ID string } }
	send(http.MethodPost, "/catalog/locations", location("a"), &registered)
	refused(http.MethodPost, "/catalog/locations", location("a"))
	refused(http.MethodPost, "/catalog/locations", `{"type":"url","target":"https://`+canary+`:`+canary+`@example.com/a.yaml"}`)
	send(http.MethodPut, "/catalog/locations/"+registered.Location.ID, location("b"), nil)
	send(http.MethodDelete, "/catalog/locations/"+registered.Location.ID, "", nil)
	var ref, uid string
	require.NoError(t, pool.QueryRow(t.Context(), "select entity_ref, entity_id::text from catalog_entities limit 1").Scan(&ref, &uid))
	send(http.MethodPost, "/catalog/refresh", `{"entityRef":"`+ref+`","authorizationToken":"`+canary+`"}`, nil)
	send(http.MethodDelete, "/catalog/entities/by-uid/"+uid, "", nil)

	var started struct{ ID string }
	send(http.MethodPost, "/scaffolder/v2/tasks", `{"templateRef":"secretive","values":{"password":"`+canary+`"},"secrets":{"apiToken":"`+canary+`"}}`, &started)
	refused(http.MethodPost, "/scaffolder/v2/tasks", `{"templateRef":"hello","values":{"name":5,"password":"`+canary+`"},"secrets":{"apiToken":"`+canary+`"}}`)
	failed := run.Entry{End: &run.Ending{Status: run.StatusFailed, Phase: run.PhaseParked}}
	s.record(started.ID, failed)
	send(http.MethodPost, "/scaffolder/v2/tasks/"+started.ID+"/retry", `{"secrets":{"apiToken":"`+canary+`"}}`, nil)
	send(http.MethodPost, "/scaffolder/v2/tasks/"+started.ID+"/cancel", "", nil)
	s.record(started.ID, failed)
	send(http.MethodPost, "/portico/v1/runs/"+started.ID+"/rollback", "", nil)

	events, err := audit.Find(t.Context(), pool, audit.Query{})
	require.NoError(t, err)
	done := map[audit.Action]bool{}
	for _, e := range events {
		if e.Outcome == audit.Done {
			done[e.Action] = true
		}
	}
	delete(declared, audit.TokenExchange) // it needs a CI system: package exchange tests its events
	require.Equal(t, declared, done, "what the routes declare is what the commands record")
	var stored string
	require.NoError(t, pool.QueryRow(t.Context(), "select string_agg(e::text, ' ') from audit_events e").Scan(&stored))
	require.NotContains(t, stored, canary)
	require.Contains(t, stored, "secrets.apiToken", "that there is one is recorded")
	require.Contains(t, stored, "https://example.com/b.yaml?ref=main")
}
