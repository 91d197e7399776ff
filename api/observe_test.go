package api_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/telemetry"
)

func TestRequestsAreMeasuredByRoute(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewSpanRecorder()
	observed, err := telemetry.New(t.Context(), telemetry.Options{Spans: spans, Metrics: true})
	require.NoError(t, err)
	server := newServer(t, io.Discard, func(o *api.Options) { o.Telemetry = observed })
	for _, request := range []struct{ method, target, route, status string }{
		{http.MethodGet, "/api/catalog/entities/by-name/component/default/secret-name", "/api/catalog/entities/by-name/:kind/:namespace/:name", "401"},
		{http.MethodGet, "/api/auth/v1/userinfo/", "/api/auth/v1/userinfo", "401"},
		{http.MethodGet, "/wp-admin/secret-name", "portal", "404"},
		{"SECRET-NAME", "/api/catalog/entities", "portal", "401"},
	} {
		server.ServeHTTP(httptest.NewRecorder(), newRequest(t.Context(), request.method, request.target, "",
			"Authorization", "", "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
		ended := spans.Ended()
		span := ended[len(ended)-1]
		require.Contains(t, span.Name(), " "+request.route)
		require.Equal(t, "0af7651916cd43dd8448eb211c80319c", span.SpanContext().TraceID().String(), "it continues the caller's trace")
		for _, attribute := range span.Attributes() {
			require.NotContains(t, attribute.Value.String(), "ecret-name")
			if attribute.Key == "http.response.status_code" {
				require.Equal(t, request.status, attribute.Value.String(), request.target)
			}
		}
	}
	seen := len(spans.Ended())
	server.ServeHTTP(httptest.NewRecorder(), newRequest(t.Context(), http.MethodGet, "/.backstage/health/v1/readiness", ""))
	require.Len(t, spans.Ended(), seen, "probes are not traced")

	require.ElementsMatch(t, []string{"/api/catalog/entities/by-name/:kind/:namespace/:name",
		"/api/auth/v1/userinfo", "/.backstage/health/v1/readiness", "portal"}, slices.Compact(measured(t, observed, "http_route")))
}

// measured are the sorted values of a label of the metric of requests.
func measured(t *testing.T, observed *telemetry.Telemetry, name string) []string {
	t.Helper()
	scraped := httptest.NewRecorder()
	observed.Handler().ServeHTTP(scraped, newRequest(t.Context(), http.MethodGet, "/metrics", ""))
	families, err := (&expfmt.TextParser{}).TextToMetricFamilies(scraped.Body)
	require.NoError(t, err)
	var values []string
	for _, series := range families[telemetry.HTTPServerDuration.Name].GetMetric() {
		for _, label := range series.GetLabel() {
			if label.GetName() == name {
				values = append(values, label.GetValue())
			}
		}
	}
	slices.Sort(values)
	return values
}

// page is a page of the portal that responds with a status, and may then break the response off.
func page(status int, breaksOff bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "an answer")
		if breaksOff {
			panic(http.ErrAbortHandler)
		}
	}
}

func TestRequestsAreCountedByStatus(t *testing.T) {
	t.Parallel()
	running := func(ctx context.Context) (context.Context, context.CancelFunc) { return ctx, func() {} }
	left := func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx) // as net/http does
		cancel()
		return ctx, cancel
	}
	stopped := func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancelCause(ctx)
		cancel(errors.New("the server has stopped"))
		return ctx, func() {}
	}
	tooLate := func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithDeadline(ctx, time.Now().Add(-time.Second))
	}
	for name, test := range map[string]struct {
		request func(context.Context) (context.Context, context.CancelFunc)
		portal  http.HandlerFunc
		status  string
	}{
		"it was answered":                               {running, page(http.StatusOK, false), "200"},
		"it failed":                                     {running, page(http.StatusServiceUnavailable, false), "503"},
		"its answer was broken off":                     {running, page(http.StatusOK, true), "500"},
		"its client left when it had its answer":        {left, page(http.StatusOK, false), "200"},
		"its client left when it had been refused":      {left, page(http.StatusNotFound, false), "404"},
		"its client left before the answer":             {left, page(http.StatusServiceUnavailable, false), "499"},
		"its client left in the middle of the answer":   {left, page(http.StatusOK, true), "499"},
		"the server stopped before the answer":          {stopped, page(http.StatusServiceUnavailable, false), "503"},
		"the server stopped in the middle of an answer": {stopped, page(http.StatusOK, true), "500"},
		"it took too long":                              {tooLate, page(http.StatusServiceUnavailable, false), "503"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			observed, err := telemetry.New(t.Context(), telemetry.Options{Metrics: true})
			require.NoError(t, err)
			server := newServer(t, io.Discard, func(o *api.Options) { o.Telemetry, o.Portal = observed, test.portal })
			ctx, cancel := test.request(t.Context())
			defer cancel()
			func() {
				defer func() { _ = recover() }() // as net/http does
				server.ServeHTTP(httptest.NewRecorder(), newRequest(ctx, http.MethodGet, "/", ""))
			}()
			require.Equal(t, []string{test.status}, measured(t, observed, "http_response_status_code"))
		})
	}
}

// TestADisconnectedClientIsCountedAs499 leaves a real connection while a run's events are awaited.
func TestADisconnectedClientIsCountedAs499(t *testing.T) {
	t.Parallel()
	observed, err := telemetry.New(t.Context(), telemetry.Options{Metrics: true})
	require.NoError(t, err)
	ctx, leave := context.WithCancel(t.Context())
	s := newScaffolderServerWith(t, testkit.Database(t), &commands{}, func(o *api.Options) { o.Telemetry = observed })
	id := s.create()
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		leave()
		s.http.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/api/scaffolder/v2/tasks/"+id+"/events", nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer service")
	response, err := http.DefaultClient.Do(request)
	if err == nil {
		err = response.Body.Close()
	}
	require.ErrorIs(t, err, context.Canceled)
	<-ended
	require.Equal(t, []string{"201", "499"}, measured(t, observed, "http_response_status_code"))
}
