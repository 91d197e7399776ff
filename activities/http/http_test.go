package http_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	activitieshttp "github.com/portico-dev/portico/activities/http"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/proxy"
	"github.com/portico-dev/portico/scaffolder/action"
)

var ada = identity.Principal{Kind: identity.KindUser, Subject: "user:default/ada"}

// services is a server of things with unique names and generated ids.
type services struct {
	mutex   sync.Mutex
	names   map[string]string
	next    int
	changes int
	keys    []string
}

func (s *services) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	w.Header().Set("Content-Type", "application/json")
	id := strings.TrimPrefix(r.URL.Path, "/services/")
	switch {
	case r.Header.Get("Authorization") != "Token token=secret":
		w.WriteHeader(http.StatusUnauthorized)
	case r.Method == http.MethodPost:
		s.create(w, r)
	case r.Method == http.MethodGet:
		listed := []any{}
		for id, name := range s.names {
			if strings.Contains(name, r.URL.Query().Get("query")) {
				listed = append(listed, map[string]any{"id": id, "name": name})
			}
		}
		s.give(w, http.StatusOK, map[string]any{"services": listed})
	case s.names[id] == "":
		s.give(w, http.StatusNotFound, map[string]any{"error": "not found"})
	default:
		delete(s.names, id)
		s.changes++
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *services) create(w http.ResponseWriter, r *http.Request) {
	var sent struct{ Service struct{ Name string } }
	_ = json.NewDecoder(r.Body).Decode(&sent)
	s.keys = append(s.keys, r.Header.Get("Idempotency-Key"))
	for _, name := range s.names {
		if name == sent.Service.Name {
			s.give(w, http.StatusBadRequest, map[string]any{"error": "Name has already been taken"})
			return
		}
	}
	s.next++
	id := fmt.Sprintf("P%d", s.next)
	s.add(id, sent.Service.Name)
	s.give(w, http.StatusCreated, map[string]any{"service": map[string]any{"id": id, "name": sent.Service.Name}})
}

func (s *services) add(id, name string) {
	s.names[id] = name
	s.changes++
}

func (*services) give(w http.ResponseWriter, status int, body any) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) //nolint:errchkjson // The test sees what is missing.
}

func (s *services) state() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	state := []string{}
	for _, name := range s.names {
		state = append(state, name)
	}
	slices.Sort(state)
	return state
}

// started starts a server behind the proxy endpoint /things, and the action.
func started(t testing.TB, handler http.Handler, change func(*activitieshttp.Options)) action.Action {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	passing, err := proxy.New(proxy.Options{Endpoints: []proxy.Endpoint{{Route: "/things", Target: server.URL,
		Headers: map[string]string{"Authorization": "Token token=secret"}}}})
	require.NoError(t, err)
	options := activitieshttp.Options{Proxy: passing, Tokens: tokens{}, Transport: http.DefaultTransport, Plugins: map[string]activitieshttp.Plugin{
		"catalog": {Base: parseURL(t, server.URL+"/api/catalog"), IsOurs: true}, "echo": {Base: parseURL(t, server.URL+"/api/echo")}}}
	if change != nil {
		change(&options)
	}
	return activitieshttp.Actions(options)[0]
}

func harness(t *testing.T) *actiontest.Harness {
	t.Helper()
	h := actiontest.NewHarness(t)
	h.Starter = ada
	return h
}

const createService = `{"method":"POST","path":"proxy/things/services","body":{"service":{"name":"shop"}},
	"find":{"path":"proxy/things/services","params":{"query":"shop"},"list":"services","match":{"name":"shop"},"wrap":"service"},
	"undo":{"path":"proxy/things/services/{body.service.id}"}}`

func TestTheActionConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		server := &services{names: map[string]string{}}
		tested := started(t, gate.Handler(server), nil)
		return actiontest.Fixture{
			Action: starting{tested}, Input: createService,
			State: func(testing.TB) []string { return server.state() },
			Digest: func(testing.TB) string {
				server.mutex.Lock()
				defer server.mutex.Unlock()
				return fmt.Sprint(server.changes)
			},
			Take: func(testing.TB) {
				server.mutex.Lock()
				defer server.mutex.Unlock()
				server.add("P0", "shop")
			},
		}
	})
}

// starting runs an action for ada: a fixture has no starter.
type starting struct{ action.Action }

func (s starting) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	call.Starter = ada
	return s.Action.Run(ctx, call)
}

func (s starting) Undo(ctx context.Context, call *action.UndoCall) error {
	call.Starter = ada
	return s.Action.Undo(ctx, call)
}

func TestARollbackSendsTheUndo(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		undo     string
		status   int
		expected string
		failure  string
	}{
		"a field in the path":       {`{"path":"proxy/things/x/{body.id}/y"}`, 200, "DELETE /x/a%2Fb/y ", ""},
		"a field in a body":         {`{"path":"proxy/things/x","method":"POST","body":{"n":"{body.n}","s":"id {body.id}","l":["{body.list.1}"]}}`, 200, `POST /x {"n":7,"s":"id a/b","l":["two"]}`, ""},
		"a field in the query":      {`{"path":"proxy/things/x","params":{"id":"{body.id}"}}`, 200, "DELETE /x?id=a%2Fb ", ""},
		"a header":                  {`{"path":"proxy/things/x","params":{"etag":"{headers.content-type}"}}`, 200, "DELETE /x?etag=application%2Fjson ", ""},
		"what is gone is done":      {`{"path":"proxy/things/x"}`, 404, "DELETE /x ", ""},
		"a refusal":                 {`{"path":"proxy/things/x"}`, 403, "DELETE /x ", `DELETE proxy/things/x was answered 403: {"id":"a/b","n":7,"list":["one","two"]}`},
		"a field that is not there": {`{"path":"proxy/things/x/{body.nothing}"}`, 200, "", "POST proxy/things/x cannot be taken back: its answer had no body.nothing, which the input undo names"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var received []string
			status := http.StatusOK
			tested := started(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				received = append(received, fmt.Sprintf("%s %s %s", r.Method, r.URL.RequestURI(), body))
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(status)
				_, _ = io.WriteString(w, `{"id":"a/b","n":7,"list":["one","two"]}`)
			}), nil)
			h := harness(t)
			_, err := h.Run(t, tested, `{"method":"POST","path":"proxy/things/x","undo":`+test.undo+`}`)
			require.NoError(t, err)
			status = test.status
			err = h.RollBack(t.Context(), tested)
			if test.failure != "" {
				require.EqualError(t, err, test.failure)
				require.NotEmpty(t, action.Advice(err))
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, test.expected, strings.Join(received[1:], "\n"))
		})
	}
}

// TestARequestWithoutUndoHasNoEffect: the rollback has nothing to send, and says nothing else.
func TestARequestWithoutUndoHasNoEffect(t *testing.T) {
	t.Parallel()
	server := &services{names: map[string]string{}}
	tested, h := started(t, server, nil), harness(t)
	_, err := h.Run(t, tested, `{"method":"POST","path":"/api/proxy/things/services","body":{"service":{"name":"shop"}}}`)
	require.NoError(t, err)
	require.Empty(t, h.Ledger.All())
	require.Equal(t, []string{""}, server.keys, "no header that nobody asked for")
	_, err = h.Run(t, tested, `{"method":"POST","path":"proxy/things/services","body":{"service":{"name":"two"}},"idempotencyKey":"two"}`)
	require.NoError(t, err)
	_, err = h.Run(t, tested, `{"method":"POST","path":"proxy/things/services","body":{"service":{"name":"three"}},"idempotencyKey":"two"}`)
	require.NoError(t, err)
	require.NotEmpty(t, server.keys[1])
	require.Equal(t, server.keys[1], server.keys[2], "the same in each attempt")
	require.NotContains(t, server.keys[1], "two", "and unique to the run")
}

// TestALostAnswerIsNotGuessed: without find, nobody knows whether the request was carried out.
func TestALostAnswerIsNotGuessed(t *testing.T) {
	t.Parallel()
	var keys []string
	var mutex sync.Mutex
	closes := true
	set := func(value bool) {
		mutex.Lock()
		defer mutex.Unlock()
		closes = value
	}
	tested := started(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mutex.Lock()
		defer mutex.Unlock()
		keys = append(keys, r.Header.Get("Idempotency-Key"))
		if closes {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusCreated)
	}), nil)
	h := harness(t)
	const input = `{"method":"POST","path":"proxy/things/x","undo":{"path":"proxy/things/x/1"}}`
	_, err := h.Run(t, tested, input)
	require.True(t, action.IsTransient(err), "the key makes it safe to repeat: %v", err)
	err = h.RollBack(t.Context(), tested)
	require.EqualError(t, err, "Nobody knows whether POST proxy/things/x was carried out: its answer was lost")
	require.Equal(t, action.EffectIntended, h.Ledger.All()[0].State, "the effect stays open")
	set(false)
	_, err = h.Run(t, tested, input)
	require.NoError(t, err)
	require.Equal(t, keys[0], keys[len(keys)-1])
	require.NoError(t, h.RollBack(t.Context(), tested))

	set(true)
	_, err = h.Run(t, tested, `{"method":"POST","path":"proxy/things/x"}`)
	require.False(t, action.IsTransient(err), "nothing makes it safe to repeat")
	require.Contains(t, action.Advice(err), "The server may have done it all the same")
	_, err = h.Run(t, tested, `{"method":"GET","path":"proxy/things/x"}`)
	require.True(t, action.IsTransient(err))
}

func TestRefusedInputs(t *testing.T) {
	t.Parallel()
	reached := false
	tested := started(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }), nil)
	for name, test := range map[string]struct{ input, message string }{
		"a URL":                      {`{"method":"GET","path":"https://169.254.169.254/latest/meta-data"}`, "Unable to complete request"},
		"a URL without a scheme":     {`{"method":"GET","path":"//169.254.169.254/latest/meta-data"}`, "Unable to complete request"},
		"another scheme":             {`{"method":"GET","path":"file:///etc/passwd"}`, "Unable to complete request"},
		"credentials":                {`{"method":"GET","path":"user@evil.example.com/x"}`, "Unable to complete request"},
		"nothing":                    {`{"method":"GET","path":""}`, "Unable to complete request"},
		"a plugin of administrators": {`{"method":"POST","path":"permission/roles"}`, "Templates may not ask the plugin 'permission'"},
		"the sign-in":                {`{"method":"POST","path":"/api/auth/v1/token"}`, "Templates may not ask the plugin 'auth'"},
		"a path upwards":             {`{"method":"GET","path":"catalog/../permission/roles"}`, "the path must not contain the parts '.' and '..'"},
		"a path upwards, escaped":    {`{"method":"GET","path":"catalog/%2e%2e/permission"}`, "the path must not contain the parts '.' and '..'"},
		"a path upwards, Windows'":   {`{"method":"GET","path":"catalog/..\\permission"}`, "the path must not contain the parts '.' and '..'"},
		"a secret in the undo": {`{"method":"POST","path":"proxy/things/x","undo":{"path":"proxy/things/x","headers":{"a":"hunter2"}}}`,
			"The inputs undo and find are kept until the rollback, and contain the secret 'password'"},
		"an undo elsewhere": {`{"method":"POST","path":"proxy/things/x","undo":{"path":"http://evil.example.com"}}`, "Unable to complete request"},
		"a find elsewhere":  {`{"method":"POST","path":"proxy/things/x","undo":{"path":"catalog/x"},"find":{"path":"auth/x"}}`, "Templates may not ask the plugin 'auth'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := harness(t)
			h.Secrets = map[string]string{"password": "hunter2"}
			_, err := h.Run(t, tested, test.input)
			require.EqualError(t, err, test.message)
			require.False(t, action.IsTransient(err))
			require.Empty(t, h.Ledger.All())
			require.False(t, reached)
		})
	}
}

// TestTheStarterAsks: a plugin of Portico gets a token for it, another backend a user's, and the proxy the principal.
func TestTheStarterAsks(t *testing.T) {
	t.Parallel()
	var sent http.Header
	asked := &asking{}
	tested := started(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { sent = r.Header.Clone() }), func(o *activitieshttp.Options) { o.Tokens = asked })
	h := harness(t)
	for path, expected := range map[string]string{"catalog/entities": "Bearer run-1 user:default/ada catalog", "echo/x": "Bearer short user:default/ada"} {
		_, err := h.Run(t, tested, `{"method":"GET","path":"`+path+`","headers":{"X-Forwarded-For":"1.2.3.4","Cookie":"a=b","Host":"evil.example.com"}}`)
		require.NoError(t, err)
		require.Equal(t, expected, sent.Get("Authorization"))
		require.Empty(t, sent.Get("X-Forwarded-For")+sent.Get("Cookie"))
	}
	_, err := h.Run(t, tested, `{"method":"GET","path":"proxy/things/x"}`)
	require.NoError(t, err)
	require.Equal(t, "Token token=secret", sent.Get("Authorization"))

	asked.failure = fault.New(fault.NotAllowed, "The run has no record of who started it, so it cannot act for them")
	_, err = h.Run(t, tested, `{"method":"GET","path":"catalog/entities"}`)
	require.ErrorIs(t, err, asked.failure)
	require.False(t, action.IsTransient(err))
	h.Starter = identity.Principal{}
	_, err = h.Run(t, tested, `{"method":"GET","path":"proxy/things/x"}`)
	require.Equal(t, fault.Authentication, fault.KindOf(err))
}

type asking struct{ failure error }

func (a *asking) IssueRun(_ context.Context, run string, starter identity.Principal, plugin string) (string, error) {
	return run + " " + starter.Subject + " " + plugin, a.failure
}

func (a *asking) IssueShort(_ context.Context, user identity.Principal) (string, error) {
	return "short " + user.Subject, a.failure
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was reached") }))
	t.Cleanup(inside.Close)
	tested := started(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/big", "/api/catalog/big":
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"n":300000,"s":%q}`, strings.Repeat("x", 300000))
		case "/huge":
			for range 5 << 10 { // 5 GiB, if it were read
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		case "/slow":
			<-r.Context().Done()
		default:
			http.Redirect(w, r, inside.URL+"/latest/meta-data", http.StatusFound)
		}
	}), nil)
	h := harness(t)
	for _, path := range []string{"proxy/things/big", "catalog/big"} {
		output, err := h.Run(t, tested, `{"method":"GET","path":"`+path+`"}`)
		require.NoError(t, err)
		require.JSONEq(t, fmt.Sprintf(`{"n":300000,"s":%q}`, strings.Repeat("x", 300000)), string(output["body"].(json.RawMessage)))
	}
	for path, message := range map[string]string{
		`"proxy/things/huge"`:              "The answer of proxy/things/huge has more than 10 MiB",
		`"proxy/things/slow","timeout":50`: "There was an issue with the request: proxy/things/slow did not answer within 50ms",
		`"catalog/inside"`:                 "There was an issue with the request: catalog/inside: it redirects to another server, which is not followed",
	} {
		began := time.Now()
		_, err := h.Run(t, tested, `{"method":"GET","path":`+path+`}`)
		require.EqualError(t, err, message)
		require.Less(t, time.Since(began), 20*time.Second)
	}
}

func TestADryRunSendsOnlyWhatIsHarmless(t *testing.T) {
	t.Parallel()
	var received []string
	tested := started(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { received = append(received, r.Method) }), nil)
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "UPDATE"} {
		call := harness(t).Call(`{"method":"` + method + `","path":"proxy/things/x","undo":{"path":"proxy/things/x"}}`)
		call.DryRun = true
		output, err := tested.Run(t.Context(), call)
		require.NoError(t, err)
		require.Equal(t, output != nil, slices.Contains(received, method))
	}
	require.Equal(t, []string{"GET", "HEAD", "OPTIONS"}, received)
}

// TestAnAnswerIsHeldToWhatTheStepExpects: Slack answers 200 to what it refuses.
func TestAnAnswerIsHeldToWhatTheStepExpects(t *testing.T) {
	t.Parallel()
	answers := map[string]string{"/create": `{"ok":false,"error":"name_taken"}`, "/archive": `{"ok":false,"error":"already_archived"}`, "/list": `{"ok":true,"channels":[]}`}
	var mutex sync.Mutex
	tested := started(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mutex.Lock()
		defer mutex.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answers[r.URL.Path])
	}), nil)
	set := func(path, answer string) {
		mutex.Lock()
		defer mutex.Unlock()
		answers[path] = answer
	}
	const input = `{"method":"POST","path":"proxy/things/create","expect":{"ok":true},
		"find":{"path":"proxy/things/list","list":"channels","match":{"name":"shop"},"wrap":"channel"},
		"undo":{"path":"proxy/things/archive","method":"POST","body":{"channel":"{body.channel.id}"},"expect":{"ok":true}}}`
	h := harness(t)
	_, err := h.Run(t, tested, input)
	require.EqualError(t, err, "Unable to complete request")
	require.Equal(t, "The field ok of the answer is not what the step expects. The log of the step has the answer.", action.Advice(err))
	require.Contains(t, h.Log.Text(), "name_taken")
	require.Equal(t, action.EffectUndone, h.Ledger.All()[0].State)

	set("/create", `{"ok":true,"channel":{"id":"C1","name":"shop"}}`)
	_, err = h.Run(t, tested, input)
	require.NoError(t, err)
	set("/list", `{"ok":true,"channels":[{"id":"C1","name":"shop"}]}`)
	require.ErrorContains(t, h.RollBack(t.Context(), tested), `POST proxy/things/archive was answered 200: {"ok":false,"error":"already_archived"}`)
	require.Equal(t, action.EffectCreated, h.Ledger.All()[0].State, "it is there, so the effect stays open")
	set("/list", `{"ok":true,"channels":[]}`)
	require.NoError(t, h.RollBack(t.Context(), tested), "it is gone")
}
