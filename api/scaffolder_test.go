package api_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/idempotency"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/scaffolder"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/check"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/seal"
)

// commands is an engine that only records its commands.
type commands struct {
	mu   sync.Mutex
	told []string
	err  error
}

func (c *commands) Start(_ context.Context, command engine.Command) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told = append(c.told, fmt.Sprintf("start %d %s", command.Generation, command.Summary))
	return c.err
}

func (c *commands) Health(context.Context, string) (engine.Health, error) {
	return engine.Health{}, nil
}

func (c *commands) Terminate(context.Context, string, string) error { return nil }

func (c *commands) Cancel(context.Context, string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told = append(c.told, "cancel")
	return nil
}

// templates is a catalog of entities by their reference.
type templates map[string]string

func (c templates) EntityJSON(_ context.Context, _ identity.Principal, ref entity.Ref) (json.RawMessage, error) {
	document, known := c[ref.String()]
	if !known {
		return nil, fault.New(fault.NotFound, "No entity %s", ref)
	}
	return json.RawMessage(document), nil
}

func (c templates) LocatedEntity(ctx context.Context, principal identity.Principal, ref entity.Ref) (json.RawMessage, provenance.Place, error) {
	document, err := c.EntityJSON(ctx, principal, ref)
	return document, provenance.At(provenance.URL, "https://example.com/templates.yaml"), err
}

func (c templates) EachOfKind(_ context.Context, _ identity.Principal, kind string, hand func(json.RawMessage) error) error {
	for _, ref := range slices.Sorted(maps.Keys(c)) {
		if !strings.HasPrefix(ref, kind+":") {
			continue
		}
		if err := hand(json.RawMessage(c[ref])); err != nil {
			return err
		}
	}
	return nil
}

var catalogOfTemplates = templates{
	"template:default/hello": `{"apiVersion":"scaffolder.backstage.io/v1beta3","kind":"Template","metadata":{"name":"hello","title":"Hello"},"spec":{
		"parameters":{"required":["name"],"properties":{"name":{"type":"string","minLength":2}}},
		"steps":[{"id":"log","name":"Log","action":"debug:log","input":{"message":"a > b"}}]}}`,
	"template:default/secretive": `{"apiVersion":"scaffolder.backstage.io/v1beta3","kind":"Template","metadata":{"name":"secretive"},"spec":{"steps":[],
		"secrets":{"schema":{"type":"object","required":["apiToken"],"properties":{"apiToken":{"type":"string","minLength":4}}}}}}`,
	"user:default/ada": `{"apiVersion":"backstage.io/v1alpha1","kind":"User","metadata":{"name":"ada"}}`,
}

// scaffolderServer is the API over a real record of runs.
type scaffolderServer struct {
	*testing.T
	http   http.Handler
	runs   *run.Store
	engine *commands
}

func newScaffolderServer(t *testing.T) *scaffolderServer {
	t.Helper()
	return newScaffolderServerOn(t, testkit.Database(t))
}

func newScaffolderServerOn(t *testing.T, pool *pgxpool.Pool) *scaffolderServer {
	t.Helper()
	told := &commands{}
	s := newScaffolderServerWith(t, pool, told)
	s.engine = told
	return s
}

func newScaffolderServerWith(t *testing.T, pool *pgxpool.Pool, driver engine.Engine, changes ...func(*api.Options)) *scaffolderServer {
	t.Helper()
	keys, err := seal.NewKeyring(seal.GenerateKey("test"))
	require.NoError(t, err)
	actions, err := action.NewRegistry()
	require.NoError(t, err)
	s := &scaffolderServer{T: t, runs: run.NewStore(pool, keys)}
	service := scaffolder.New(scaffolder.Options{Log: slog.New(slog.DiscardHandler), Catalog: catalogOfTemplates, Runs: s.runs, Engine: driver,
		Actions: actions, Decider: policy.AllowKnown{}})
	listener := db.NewListener(pool, run.Channel, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- listener.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	s.http = newServer(t, io.Discard, func(o *api.Options) {
		o.Keys = idempotency.New(pool, idempotency.Options{})
		o.Plugins[1] = api.NewScaffolderPlugin(service, listener)
		o.Plugins[3] = api.NewPorticoPlugin(api.Info{Title: "Test"}, service, func(id string) string { return "https://temporal/" + id })
		for _, change := range changes {
			change(o)
		}
	})
	return s
}

// describes is an action that only describes itself.
type describes struct {
	action.Action

	as action.Description
}

func (d describes) Describe() action.Description { return d.as }

// TestActionsAndTemplatesTellWhatBackstageDoesNot: what an action undoes and needs, and which templates cannot run.
func TestActionsAndTemplatesTellWhatBackstageDoesNot(t *testing.T) {
	t.Parallel()
	documented := action.Description{ID: "make:thing", InputSchema: json.RawMessage(`{"type":"object"}`), Undoes: "Deletes the thing.",
		Needs: []string{"A token."}, Differences: []string{"It is faster."}}
	actions, err := action.NewRegistry(describes{as: documented}, describes{as: action.Description{ID: "plain:thing"}})
	require.NoError(t, err)
	service := scaffolder.New(scaffolder.Options{Log: slog.New(slog.DiscardHandler), Catalog: catalogOfTemplates, Actions: actions,
		Decider: policy.AllowKnown{}, Checker: check.New([]action.Description{documented}, expression.New(expression.Options{}), plan.Rules{})})
	server := newServer(t, io.Discard, func(o *api.Options) {
		o.Plugins[1] = api.NewScaffolderPlugin(service, nil)
		o.Plugins[3] = api.NewPorticoPlugin(api.Info{Title: "Test"}, service, nil)
	})
	require.JSONEq(t, `[{"id":"make:thing","schema":{"input":{"type":"object"}},
		"portico":{"undoes":"Deletes the thing.","needs":["A token."],"differences":["It is faster."]}},{"id":"plain:thing","schema":{}}]`,
		ask(t, server, http.MethodGet, "/api/scaffolder/v2/actions", "").Body.String())

	const at = "/api/portico/v1/template-findings"
	hello := `{"templates":[{"templateRef":"template:default/hello","findings":[{"severity":"error","field":"spec.steps[0].action",
		"message":"there is no action \"debug:log\" here.","next":"There are make:thing."}]}]}`
	require.JSONEq(t, hello, ask(t, server, http.MethodGet, at, "").Body.String())
	require.JSONEq(t, hello, ask(t, server, http.MethodGet, at+"?template=default/hello", "").Body.String())
	require.JSONEq(t, `{"templates":[]}`, ask(t, server, http.MethodGet, at+"?template=template:default/secretive", "").Body.String())
	require.Equal(t, http.StatusNotFound, ask(t, server, http.MethodGet, at+"?template=default/none", "").Code)
	require.Equal(t, http.StatusBadRequest, ask(t, server, http.MethodGet, at+"?template=:", "").Code)
}

func TestWithoutADatabaseRequestsGet503(t *testing.T) {
	t.Parallel()
	nobody, err := pgxpool.New(t.Context(), "postgres://nobody@127.0.0.1:1/none")
	require.NoError(t, err)
	t.Cleanup(nobody.Close)
	keys, err := seal.NewKeyring(seal.GenerateKey("test"))
	require.NoError(t, err)
	service := scaffolder.New(scaffolder.Options{Log: slog.New(slog.DiscardHandler), Catalog: catalogOfTemplates, Runs: run.NewStore(nobody, keys),
		Decider: policy.AllowKnown{}})
	server := newServer(t, io.Discard, func(o *api.Options) {
		o.Database.Ping = nobody.Ping
		o.Plugins[0] = api.NewCatalogPlugin(catalog.New(catalog.Options{Pool: nobody, Decider: policy.AllowKnown{}}))
		o.Plugins[1] = api.NewScaffolderPlugin(service, nil)
		o.Plugins[3] = api.NewPorticoPlugin(api.Info{Title: "Test"}, service, nil)
	})
	for _, path := range []string{"/api/portico/v1/runs", "/api/scaffolder/v2/tasks", "/api/scaffolder/v2/tasks/" + uuid.NewString(),
		"/api/catalog/entities", "/api/catalog/entities/by-query", "/api/catalog/locations"} {
		answer := ask(t, server, http.MethodGet, path, "")
		require.Equal(t, http.StatusServiceUnavailable, answer.Code, path)
		require.Equal(t, "ServiceUnavailableError: The database cannot be reached. Try again later.", message(t, answer), path)
	}
	require.Equal(t, http.StatusServiceUnavailable, ask(t, server, http.MethodGet, "/.backstage/health/v1/readiness", "").Code)
}

// send makes a request below /api/scaffolder/v2 and checks the status.
func (s *scaffolderServer) send(status int, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	s.Helper()
	answer := ask(s.T, s.http, method, "/api/scaffolder/v2"+path, body, headers...)
	require.Equal(s, status, answer.Code, answer.Body.String())
	return answer
}

// create starts a run of hello and returns its id.
func (s *scaffolderServer) create(headers ...string) string {
	s.Helper()
	answer := s.send(http.StatusCreated, http.MethodPost, "/tasks", `{"templateRef":"hello","values":{"name":"shop"},"secrets":{"token":"t"}}`, headers...)
	var body struct{ ID string }
	require.NoError(s, json.Unmarshal(answer.Body.Bytes(), &body))
	require.JSONEq(s, `{"id":"`+body.ID+`"}`, answer.Body.String())
	return body.ID
}

// claim claims the run in its current state.
func (s *scaffolderServer) claim(id string) run.Claim {
	s.Helper()
	state, err := s.runs.State(s.Context(), uuid.MustParse(id))
	require.NoError(s, err)
	return state.Claim
}

func (s *scaffolderServer) record(id string, entry run.Entry) {
	s.Helper()
	require.NoError(s, s.runs.Record(s.Context(), s.claim(id), entry))
}

func logged(key, message string) run.NewEvent {
	return run.NewEvent{Type: run.EventLog, Key: key, Body: run.EventBody{Message: message, StepID: "log"}}
}

var completed = run.NewEvent{Type: run.EventCompletion, Key: "0/completion",
	Body: run.EventBody{Message: "Run completed with status: completed", Output: json.RawMessage(`{"b":1,"a":"<&>"}`)}}

func TestAStartedRunCanBeRead(t *testing.T) {
	t.Parallel()
	s := newScaffolderServer(t)
	id := s.create("Authorization", "Bearer user")
	require.Equal(t, []string{"start 0 Hello: shop"}, s.engine.told)
	answer := s.send(http.StatusOK, http.MethodGet, "/tasks/"+id, "")
	var task struct{ CreatedAt, LastHeartbeatAt, Status, CreatedBy string }
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &task))
	require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`, task.CreatedAt)
	//nolint:testifylint // the bytes matter
	require.Equal(t, fmt.Sprintf(`{"id":"%s","spec":{"apiVersion":"scaffolder.backstage.io/v1beta3",`+
		`"steps":[{"id":"log","name":"Log","action":"debug:log","input":{"message":"a > b"}}],"output":{},"parameters":{"name":"shop"},`+
		`"user":{"entity":{"apiVersion":"backstage.io/v1alpha1","kind":"User","metadata":{"name":"ada"}},"ref":"user:default/ada"},`+
		`"templateInfo":{"entityRef":"template:default/hello","baseUrl":"https://example.com/templates.yaml","entity":{"metadata":{"name":"hello","title":"Hello"}}}},`+
		`"status":"open","createdAt":"%s","createdBy":"user:default/ada"}`, id, task.CreatedAt), answer.Body.String(), "no secret in it")

	list := s.send(http.StatusOK, http.MethodGet, "/tasks?createdBy=user:default/ada&status=open&limit=1&order=asc:created_at", "")
	require.Equal(t, `{"tasks":[`+answer.Body.String()+`],"totalTasks":1}`, list.Body.String())
	require.JSONEq(t, `{"tasks":[],"totalTasks":0}`, s.send(http.StatusOK, http.MethodGet, "/tasks?status=failed", "").Body.String())
}

func TestARunIsAcceptedWithoutTemporal(t *testing.T) {
	t.Parallel()
	s := newScaffolderServer(t)
	s.engine.err = errors.New("no route to Temporal")
	s.send(http.StatusOK, http.MethodGet, "/tasks/"+s.create(), "")
}

func TestSecretsAreValidated(t *testing.T) {
	t.Parallel()
	s := newScaffolderServer(t)
	recorded := readExchange(t, "testdata/exchanges/135-scaffolder-create-400-secrets.json")
	answer := s.send(http.StatusBadRequest, http.MethodPost, "/tasks", `{"templateRef":"template:default/secretive","values":{},"secrets":{}}`)
	require.JSONEq(t, string(recorded.Response.Body), answer.Body.String())
	answer = s.send(http.StatusBadRequest, http.MethodPost, "/tasks", `{"templateRef":"secretive","values":{},"secrets":{"apiToken":"abc"}}`)
	require.NotContains(t, answer.Body.String(), `"abc"`)
	require.Contains(t, answer.Body.String(), `"message":"secrets.apiToken does not meet minimum length of 4"`)
	s.send(http.StatusCreated, http.MethodPost, "/tasks", `{"templateRef":"secretive","values":{},"secrets":{"apiToken":"abcd"}}`)
}

// The kind is looked at before the catalog is asked.
func TestOtherKindsAreNoTemplates(t *testing.T) {
	t.Parallel()
	s := newScaffolderServer(t)
	const refusal = "InputError: Invalid kind, only 'Template' kind is supported"
	for _, ref := range []string{"component:default/shop", "nope:default/x", "a:b:c"} {
		answer := s.send(http.StatusBadRequest, http.MethodPost, "/tasks", `{"templateRef":"`+ref+`","values":{}}`)
		require.Equal(t, refusal, message(t, answer), ref)
	}
	answer := s.send(http.StatusBadRequest, http.MethodGet, "/templates/default/component/shop/parameter-schema", "")
	require.Equal(t, refusal, message(t, answer))
}

func TestErrorsAboutRunsEqualBackstages(t *testing.T) {
	t.Parallel()
	s := newScaffolderServer(t)
	for _, name := range []string{"142-scaffolder-task-404", "143-scaffolder-task-events-404", "159-scaffolder-cancel-404", "165-scaffolder-retry-404"} {
		replay(t, s.http, "testdata/exchanges/"+name+".json")
	}
	require.Equal(t, "NotFoundError: No task with id 'no-uuid' found", message(t, s.send(http.StatusNotFound, http.MethodGet, "/tasks/no-uuid", "")))
	id := s.create()
	s.record(id, run.Entry{WorkflowRunID: "execution-1"})
	require.Equal(t, "ConflictError: Task with taskId "+id+" cannot be retried", message(t, s.send(http.StatusConflict, http.MethodPost, "/tasks/"+id+"/retry", "{}")))
}

func TestTheEventsRequestWaitsForEvents(t *testing.T) {
	t.Parallel()
	s := newScaffolderServer(t)
	id := s.create()
	answer, answered := httptest.NewRecorder(), make(chan struct{})
	go func() {
		defer close(answered)
		s.http.ServeHTTP(answer, newRequest(t.Context(), http.MethodGet, "/api/scaffolder/v2/tasks/"+id+"/events", ""))
	}()
	s.record(id, run.Entry{Events: []run.NewEvent{logged("a", "x > y"), completed}})
	<-answered
	var events []struct {
		ID        int64
		CreatedAt string
	}
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &events))
	require.Len(t, events, 2)
	//nolint:testifylint // the bytes matter
	require.Equal(t, fmt.Sprintf(`[{"id":%d,"isTaskRecoverable":false,"taskId":"%s","body":{"message":"x > y","stepId":"log"},"type":"log","createdAt":"%s"},`+
		`{"id":%d,"isTaskRecoverable":false,"taskId":"%s","body":{"message":"Run completed with status: completed","output":{"b":1,"a":"<&>"}},"type":"completion","createdAt":"%s"}]`,
		events[0].ID, id, events[0].CreatedAt, events[1].ID, id, events[1].CreatedAt), answer.Body.String())
	again := s.send(http.StatusOK, http.MethodGet, fmt.Sprintf("/tasks/%s/events?after=%d", id, events[1].ID), "")
	require.Contains(t, again.Body.String(), `"type":"completion"`, "a reader that resumes at the end gets it again")
}

// TestTheEventStream checks the wire format of server-sent events, byte for byte, while the run proceeds.
func TestTheEventStream(t *testing.T) {
	t.Parallel()
	s := newScaffolderServer(t)
	id := s.create()
	s.record(id, run.Entry{Events: []run.NewEvent{logged("a", "first\nline")}})
	server := httptest.NewServer(s.http)
	t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/api/scaffolder/v2/tasks/"+id+"/eventstream", nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer service")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	require.Equal(t, "no-cache", response.Header.Get("Cache-Control"))

	reader := bufio.NewReader(response.Body)
	first := readEvent(t, reader)
	require.Regexp(t, `^event: log\ndata: {"id":\d+,"isTaskRecoverable":false,"taskId":"`+id+`","body":{"message":"first\\nline","stepId":"log"},"type":"log","createdAt":"[^"]+"}\n\n$`, first)
	s.record(id, run.Entry{Events: []run.NewEvent{logged("b", "second")}})
	require.Contains(t, readEvent(t, reader), `"message":"second"`, "events arrive as they happen")
	s.record(id, run.Entry{Events: []run.NewEvent{completed}, End: &run.Ending{Status: run.StatusCompleted, Phase: run.PhaseDone}})
	require.True(t, strings.HasPrefix(readEvent(t, reader), "event: completion\n"))
	rest, err := io.ReadAll(reader)
	require.NoError(t, err)
	require.Empty(t, rest, "the server closes after the completion")
	later := s.send(http.StatusOK, http.MethodGet, "/tasks/"+id+"/eventstream", "")
	require.Equal(t, 3, strings.Count(later.Body.String(), "\n\n"), "a later reader gets all events")
}

// TestALongLogIsSentInPages: a follower reads all events, once and in order.
func TestALongLogIsSentInPages(t *testing.T) {
	t.Parallel()
	s := newScaffolderServer(t)
	id := s.create()
	const lines = 2500
	entry := run.Entry{Events: []run.NewEvent{logged("large", strings.Repeat("x", 3<<20))}}
	for i := range lines {
		entry.Events = append(entry.Events, logged(fmt.Sprint(i), fmt.Sprintf("line %d", i)))
	}
	entry.Events = append(entry.Events, completed)
	entry.End = &run.Ending{Status: run.StatusCompleted, Phase: run.PhaseDone}
	s.record(id, entry)
	type page []struct{ ID int64 }
	var first, second page
	require.NoError(t, json.Unmarshal(s.send(http.StatusOK, http.MethodGet, "/tasks/"+id+"/events", "").Body.Bytes(), &first))
	require.Len(t, first, 1, "a page ends with the event that fills it")
	after := fmt.Sprintf("/tasks/%s/events?after=%d", id, first[0].ID)
	require.NoError(t, json.Unmarshal(s.send(http.StatusOK, http.MethodGet, after, "").Body.Bytes(), &second))
	require.Len(t, second, 1000)

	stream := s.send(http.StatusOK, http.MethodGet, "/tasks/"+id+"/eventstream", "").Body.String()
	require.Equal(t, lines+2, strings.Count(stream, "\n\n"))
	require.Less(t, strings.Index(stream, `"line 1"`), strings.Index(stream, `"line 2499"`))
	require.Equal(t, 1, strings.Count(stream, "event: completion\n"))
}

// TestSlowReadersHoldNoConnection: sixteen of them read nothing of what the server sends, and it has two
// connections.
func TestSlowReadersHoldNoConnection(t *testing.T) {
	t.Parallel()
	config := testkit.Database(t).Config()
	config.MaxConns = 3 // one of them listens
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	s := newScaffolderServerOn(t, pool)
	id := s.create()
	entry := run.Entry{}
	for i := range 20 {
		entry.Events = append(entry.Events, logged(fmt.Sprint(i), strings.Repeat("x", 1<<20)))
	}
	s.record(id, entry)
	server := httptest.NewServer(s.http)
	t.Cleanup(server.Close)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 16 {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/api/scaffolder/v2/tasks/"+id+"/eventstream", nil)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer service")
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		_, err = io.ReadFull(response.Body, make([]byte, 100))
		require.NoError(t, err, "it has begun")
	}
	require.Eventually(t, func() bool { return pool.Stat().AcquiredConns() <= 1 }, time.Minute, 10*time.Millisecond, "all that write wait for their readers")
	s.send(http.StatusOK, http.MethodGet, "/tasks/"+id, "")
}

func TestListedTasksHaveTheirOwnSpec(t *testing.T) {
	t.Parallel()
	s := newScaffolderServer(t)
	s.create()
	require.Contains(t, s.send(http.StatusOK, http.MethodGet, "/tasks", "").Body.String(), `"spec":{"apiVersion"`)
}

func TestATemplateMustBeNamed(t *testing.T) {
	t.Parallel()
	s := newScaffolderServer(t)
	for _, ref := range []string{"", " "} {
		answer := s.send(http.StatusBadRequest, http.MethodPost, "/tasks", fmt.Sprintf(`{"templateRef":%q,"values":{}}`, ref))
		require.Equal(t, "InputError: templateRef is empty: name the template, as in template:default/my-template", message(t, answer))
	}
}

func TestWaitingRequestsEndWhenTheServerStops(t *testing.T) {
	t.Parallel()
	s := newScaffolderServer(t)
	id := s.create()
	s.record(id, run.Entry{Events: []run.NewEvent{logged("a", "first")}})
	var last struct{ ID int64 }
	events := s.send(http.StatusOK, http.MethodGet, "/tasks/"+id+"/events", "").Body.Bytes()
	require.NoError(t, json.Unmarshal(bytes.Trim(events, "[]"), &last))
	answers := make(chan string, 2)
	for _, path := range []string{"/events", "/eventstream"} {
		go func() {
			recorder := httptest.NewRecorder()
			s.http.ServeHTTP(recorder, newRequest(t.Context(), http.MethodGet, fmt.Sprintf("/api/scaffolder/v2/tasks/%s%s?after=%d", id, path, last.ID), ""))
			answers <- recorder.Body.String()
		}()
	}
	s.http.(*api.Server).Dismiss()
	require.ElementsMatch(t, []string{"[]", ""}, []string{<-answers, <-answers})
}

// readEvent reads one event with the empty line that ends it.
func readEvent(t *testing.T, reader *bufio.Reader) string {
	t.Helper()
	var event strings.Builder
	for {
		line, err := reader.ReadString('\n')
		require.NoError(t, err)
		event.WriteString(line)
		if line == "\n" {
			return event.String()
		}
	}
}

func TestRunsCanBeRetriedAndCancelled(t *testing.T) {
	t.Parallel()
	s := newScaffolderServer(t)
	id := s.create()
	s.record(id, run.Entry{WorkflowRunID: "execution-1", Steps: []run.StepChange{{Position: 0, Status: run.StatusProcessing}}})
	require.JSONEq(t, `{"status":"cancelled"}`, s.send(http.StatusOK, http.MethodPost, "/tasks/"+id+"/cancel", "").Body.String())
	require.Contains(t, s.send(http.StatusOK, http.MethodGet, "/tasks/"+id+"/events", "").Body.String(),
		`"body":{"message":"Step log has been cancelled.","stepId":"log","status":"cancelled"},"type":"cancelled"`)
	require.Contains(t, ask(t, s.http, http.MethodGet, "/api/portico/v1/runs/"+id, "").Body.String(), `"cancelling":true`)
	rollback := ask(t, s.http, http.MethodPost, "/api/portico/v1/runs/"+id+"/rollback", "")
	require.Equal(t, http.StatusConflict, rollback.Code, "cancel first, and let it end")

	s.record(id, run.Entry{Steps: []run.StepChange{{Position: 0, Status: run.StatusFailed}}, End: &run.Ending{Status: run.StatusFailed, Phase: run.PhaseCancelled, FailedStep: "log",
		Failure: &fault.Failure{Name: "Error", Message: "cancelled"}}})
	s.send(http.StatusOK, http.MethodPost, "/tasks/"+id+"/cancel", "") // once more changes nothing
	require.NotContains(t, ask(t, s.http, http.MethodGet, "/api/portico/v1/runs/"+id, "").Body.String(), "cancelling")
	require.JSONEq(t, `{"id":"`+id+`"}`, s.send(http.StatusCreated, http.MethodPost, "/tasks/"+id+"/retry", "").Body.String())
	require.Equal(t, []string{"start 0 Hello: shop", "cancel", "start 1 Hello: shop"}, s.engine.told)

	s.record(id, run.Entry{End: &run.Ending{Status: run.StatusFailed, Phase: run.PhaseParked}})
	require.Equal(t, http.StatusAccepted, ask(t, s.http, http.MethodPost, "/api/portico/v1/runs/"+id+"/rollback", "").Code)
	require.Equal(t, "start 2 Hello: shop", s.engine.told[3])
	var page struct {
		Commands []struct {
			Command, By, Phase string
			Attempt            int
		}
	}
	require.NoError(t, json.Unmarshal(ask(t, s.http, http.MethodGet, "/api/portico/v1/runs/"+id, "").Body.Bytes(), &page))
	told := []string{}
	for _, c := range page.Commands {
		told = append(told, fmt.Sprintf("%s by %s of attempt %d, %s", c.Command, c.By, c.Attempt, c.Phase))
	}
	require.Equal(t, []string{"cancel by external:test of attempt 1, running", "cancel by external:test of attempt 1, cancelled",
		"retry by external:test of attempt 1, cancelled", "rollback by external:test of attempt 2, parked"}, told)
}

func TestTheRunOfThePortal(t *testing.T) {
	t.Parallel()
	s := newScaffolderServer(t)
	id := s.create()
	claim := s.claim(id)
	require.NoError(t, s.runs.Record(t.Context(), claim, run.Entry{WorkflowRunID: "execution-1"}))
	ledger := s.runs.Ledger(claim, "log", "debug:log")
	_, err := ledger.Intend(t.Context(), action.Intent{Kind: "github:repository", Name: "acme/shop", Key: "x"})
	require.NoError(t, err)
	s.record(id, run.Entry{Steps: []run.StepChange{{Position: 0, Status: run.StatusFailed, Failure: &fault.Failure{Name: "Error", Message: "no", Advice: "retry"}}},
		End: &run.Ending{Status: run.StatusFailed, Phase: run.PhaseParked, FailedStep: "log", Failure: &fault.Failure{Name: "Error", Message: "no", Advice: "retry"}}})
	answer := ask(t, s.http, http.MethodGet, "/api/portico/v1/runs/"+id, "")
	var page struct {
		Status, Phase, Title, Subject string
		Moves                         []scaffolder.Operation
		Workflow                      struct{ ID, RunID, URL string }
		Steps                         []struct{ ID, Status string }
		Effects                       []struct{ Name, State string }
		Error                         struct{ Message, Next, StepID string }
	}
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &page), answer.Body.String())
	require.Equal(t, "failed parked Hello shop", strings.Join([]string{page.Status, page.Phase, page.Title, page.Subject}, " "))
	require.Equal(t, []scaffolder.Operation{{Name: "retry", Summary: `Goes on at step "Log". Nothing before it runs again.`},
		{Name: "rollback", Summary: "Removes 1 thing that this run created, the last first."}}, page.Moves)
	require.Equal(t, "https://temporal/"+id, page.Workflow.URL)
	require.Equal(t, "acme/shop", page.Effects[0].Name)
	require.Equal(t, "retry", page.Error.Next)
	require.Equal(t, "log", page.Error.StepID)
	grouped := ask(t, s.http, http.MethodGet, "/api/portico/v1/run-causes?template=template:default/hello&since=2020-01-01T00:00:00Z", "")
	var causes struct {
		Causes []struct {
			ID, Message, FailedStepName string
			Count                       int
			Runs                        []struct{ ID, Cause string }
		}
		Total int
	}
	require.NoError(t, json.Unmarshal(grouped.Body.Bytes(), &causes), grouped.Body.String())
	require.Equal(t, 1, causes.Total)
	require.Equal(t, "no Log 1", fmt.Sprint(causes.Causes[0].Message, " ", causes.Causes[0].FailedStepName, " ", causes.Causes[0].Count))
	require.Equal(t, id, causes.Causes[0].Runs[0].ID)
	for query, total := range map[string]int{"cause=" + causes.Causes[0].ID: 1, "cause=other": 0, "id=" + id[:8]: 1, "id=shop": 0,
		"status=failed,completed&status=open": 1, "until=2020-01-01T00:00:00Z": 0, "since=2020-01-01T00:00:00Z": 1} {
		list := ask(t, s.http, http.MethodGet, "/api/portico/v1/runs?"+query, "")
		require.Contains(t, list.Body.String(), fmt.Sprintf(`"total":%d`, total), query)
	}
	require.Equal(t, `InputError: request/query/since must match format "date-time"`,
		message(t, ask(t, s.http, http.MethodGet, "/api/portico/v1/runs?since=yesterday", "")))
	list := ask(t, s.http, http.MethodGet, "/api/portico/v1/runs?phase=parked,waiting&limit=5", "")
	require.Contains(t, list.Body.String(), `"total":1`)
	require.Contains(t, list.Body.String(), `"failedStep":"log","failedStepName":"Log"`)
}
