package otlp_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/portico-dev/portico/telemetry"
	"github.com/portico-dev/portico/telemetry/otlp"
)

func TestSpansGoToACollectorOverOTLP(t *testing.T) {
	t.Parallel()
	for endpoint, path := range map[string]string{"": "/v1/traces", "/": "/v1/traces", "/v1/traces": "/v1/traces", "/otlp/tenant": "/otlp/tenant"} {
		t.Run(endpoint, func(t *testing.T) {
			t.Parallel()
			received, paths := make(chan *collector.ExportTraceServiceRequest, 1), make(chan string, 1)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				sent := &collector.ExportTraceServiceRequest{}
				if err == nil && proto.Unmarshal(body, sent) == nil {
					received <- sent
					paths <- r.URL.Path
				}
				w.WriteHeader(http.StatusOK)
			}))
			t.Cleanup(server.Close)
			spans, err := otlp.Collector{Endpoint: server.URL + endpoint, Protocol: "http/protobuf"}.Open(t.Context())
			require.NoError(t, err)
			traced, err := telemetry.New(t.Context(), telemetry.Options{Service: "portico-test", Version: "1.2.3", Spans: spans})
			require.NoError(t, err)
			_, span := traced.Span(t.Context(), "something", trace.SpanKindInternal)
			span.End()
			require.NoError(t, traced.Stop(t.Context()))
			sent := <-received
			require.Equal(t, path, <-paths)
			require.Equal(t, "something", sent.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()[0].GetName())
			require.Contains(t, sent.GetResourceSpans()[0].GetResource().String(), "portico-test")
		})
	}
}

func TestNothingIsSentUnlessItIsConfigured(t *testing.T) {
	t.Parallel()
	spans, err := otlp.Collector{}.Open(t.Context())
	require.NoError(t, err)
	require.Nil(t, spans)
	_, err = otlp.Collector{Endpoint: "http://localhost:4318", Protocol: "smoke"}.Open(t.Context())
	require.ErrorContains(t, err, `the protocol "smoke" is not known`)
}
