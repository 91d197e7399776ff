package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/portico-dev/portico/api"
	"github.com/portico-dev/portico/telemetry"
)

func TestRequestsAreObservedByTheirRoutesTemplate(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewSpanRecorder()
	observed, err := telemetry.New(t.Context(), telemetry.Options{Traces: telemetry.Traces{Processor: spans}, Metrics: true})
	require.NoError(t, err)
	server := newServer(t, io.Discard, func(o *api.Options) { o.Telemetry = observed })
	for _, request := range []struct{ method, target, route, status string }{
		{http.MethodGet, "/api/catalog/entities/by-name/component/default/secret-name", "/api/catalog/entities/by-name/:kind/:namespace/:name", "401"},
		{http.MethodGet, "/api/auth/v1/userinfo/", "/api/auth/v1/userinfo", "401"},
		{http.MethodGet, "/wp-admin/secret-name", "portal", "404"},
		{"SECRET-NAME", "/api/catalog/entities", "portal", "404"},
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

	scraped := httptest.NewRecorder()
	observed.Handler().ServeHTTP(scraped, newRequest(t.Context(), http.MethodGet, "/metrics", ""))
	families, err := (&expfmt.TextParser{}).TextToMetricFamilies(scraped.Body)
	require.NoError(t, err)
	routes := map[string]bool{}
	for _, series := range families[telemetry.HTTPServerDuration.Name].GetMetric() {
		for _, label := range series.GetLabel() {
			if label.GetName() == "http_route" {
				routes[label.GetValue()] = true
			}
		}
	}
	require.Equal(t, map[string]bool{"/api/catalog/entities/by-name/:kind/:namespace/:name": true,
		"/api/auth/v1/userinfo": true, "/.backstage/health/v1/readiness": true, "portal": true}, routes)
}
