package api_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/integration/picker"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/telemetry"
)

// talkative is a source code host that repeats the credentials of every request in an error.
func talkative(t *testing.T, status int) *httptest.Server {
	t.Helper()
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"message":"bad credentials: %s %s","error":%q}`, r.Header.Get("Authorization"), r.Header.Get("Private-Token"), r.URL.String())
	}))
	t.Cleanup(host.Close)
	return host
}

// TestASecretIsShownNowhere sends a secret wherever a caller or the configuration may have one, and searches for
// it in responses, the log, the audit log, metrics and spans.
func TestASecretIsShownNowhere(t *testing.T) {
	t.Parallel()
	pool, log, spans := testkit.Database(t), &bytes.Buffer{}, tracetest.NewSpanRecorder()
	observed, err := telemetry.New(t.Context(), telemetry.Options{Spans: spans, Metrics: true})
	require.NoError(t, err)
	logger := slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	denying, broken := talkative(t, http.StatusUnauthorized), talkative(t, http.StatusUnprocessableEntity)
	hosts, err := forges.New(forges.Config{
		GitHub: []github.Config{{Host: "github.example.com", APIBaseURL: denying.URL, Token: canary}, {Host: "ghe.example.com", APIBaseURL: broken.URL, Token: canary}},
	}, integration.Options{})
	require.NoError(t, err)
	s := newScaffolderServerWith(t, pool, &commands{}, func(o *api.Options) {
		o.Log, o.Telemetry, o.Refusals, o.WrongTokensPerMinute = logger, observed, audit.NewAttempts(pool, logger), 1000
		o.Authenticator = identity.NewAuthenticator(nil, []identity.ExternalAccess{identity.StaticAccess("canary-5d1f0a-token", "external:ci", nil)})
		o.Plugins[0] = api.NewCatalogPlugin(catalog.New(catalog.Options{Pool: pool, Decider: policy.AllowKnown{}}))
		choices := picker.New(picker.Options{Hosts: hosts, Decider: policy.AllowKnown{}})
		o.Plugins = append(o.Plugins[:len(o.Plugins)-1], api.NewHostsPlugin(choices), api.NewAutocompletePlugin(choices))
	})
	const known = "Bearer " + canary + "-token"
	shown := &strings.Builder{}
	send := func(method, target, body string, headers ...string) string {
		answer := httptest.NewRecorder()
		s.http.ServeHTTP(answer, newRequest(t.Context(), method, target, body, append([]string{"Authorization", known}, headers...)...))
		fmt.Fprintln(shown, method, answer.Code, answer.Header(), answer.Body)
		return answer.Body.String()
	}

	const actions, tasks = "/api/scaffolder/v2/actions", "/api/scaffolder/v2/tasks"
	claims := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"` + canary + `"}`))
	for _, authorization := range []string{"Bearer " + canary, "Basic " + canary, canary, "Bearer eyJhbGciOiJub25lIn0." + claims + "." + canary} {
		send(http.MethodGet, actions, "", "Authorization", authorization)
	}
	for _, header := range []string{"Cookie", "Referer", "User-Agent", "X-Request-Id", "X-Forwarded-For", "X-Forwarded-Proto", "Baggage", "Origin", "Accept"} {
		send(http.MethodGet, actions, "", header, "token="+canary, "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		send(http.MethodPost, tasks, `{"templateRef":"none","values":{}}`, header, "token="+canary)
	}
	send(http.MethodPost, "/api/portico/v1/nowhere/"+canary, "")
	send(http.MethodPost, tasks, `{"templateRef":"secretive","values":{},"secrets":{"apiToken":"`+canary+`"}}`, "Idempotency-Key", canary)
	send(http.MethodPost, tasks, `{"templateRef":"secretive","values":{},"secrets":{"other":"`+canary+`"}}`)
	send(http.MethodPost, tasks, `{"templateRef":"secretive","values":{},"secrets":"`+canary+`"}`)
	send(http.MethodPost, tasks, `{"templateRef":"secretive","values":{},"secrets":{"apiToken":"`+canary+`"}`)
	var created struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(send(http.MethodPost, tasks, `{"templateRef":"template:default/secretive","values":{},"secrets":{"apiToken":"`+canary+`"}}`)), &created))
	started := created.ID
	s.record(started, run.Entry{End: &run.Ending{Status: run.StatusFailed, Phase: run.PhaseParked}})
	for _, path := range []string{tasks, tasks + "/" + started, "/api/portico/v1/runs/" + started, "/api/portico/v1/run-causes"} {
		send(http.MethodGet, path, "")
	}
	for _, of := range []string{"github.example.com", "ghe.example.com"} {
		require.Contains(t, send(http.MethodGet, "/api/portico/v1/hosts/"+of+"/parts/owner", ""), "127.0.0.1", "the host was asked")
		send(http.MethodGet, "/api/portico/v1/hosts/"+of+"/repositories/demo/shop", "")
		send(http.MethodPost, "/api/scaffolder/v2/autocomplete/github/owners", `{"token":"`+canary+`","context":{"host":"`+of+`"}}`)
	}
	send(http.MethodPost, "/api/catalog/locations", `{"type":"url","target":"https://`+canary+`:`+canary+`@example.com/a.yaml"}`)
	send(http.MethodPost, "/api/catalog/locations", `{"type":"url","target":"https://`+canary+`:%@example.com/a.yaml"}`)
	send(http.MethodGet, "/api/catalog/locations", "")
	require.NotContains(t, shown.String(), canary)

	// These responses repeat the caller's own URL.
	send(http.MethodGet, actions+"?access_token="+canary, "")
	send(http.MethodGet, "/api/catalog/entities/by-name/component/default/x?token="+canary, "")
	require.NotContains(t, log.String(), canary)
	require.Contains(t, log.String(), "a wrong token was refused", "the log is there")

	var events string
	require.NoError(t, pool.QueryRow(t.Context(), "select string_agg(e::text, ' ') from audit_events e").Scan(&events))
	require.NotContains(t, events, canary)
	scraped := httptest.NewRecorder()
	observed.Handler().ServeHTTP(scraped, newRequest(t.Context(), http.MethodGet, "/metrics", ""))
	metrics, err := io.ReadAll(scraped.Body)
	require.NoError(t, err)
	require.Contains(t, string(metrics), tasks)
	require.NotContains(t, string(metrics), canary)
	require.NotEmpty(t, spans.Ended())
	for _, span := range spans.Ended() {
		require.NotContains(t, fmt.Sprint(span.Name(), span.Attributes(), span.Events(), span.Status(), span.SpanContext()), canary)
	}
}
