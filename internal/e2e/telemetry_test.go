package e2e_test

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/portico-dev/portico/internal/devstack/loopback"
)

// spanCollector is an OpenTelemetry collector that stores the spans it receives.
type spanCollector struct {
	url string

	mu    sync.Mutex
	spans []*tracepb.Span
}

func startCollector(t *testing.T) *spanCollector {
	t.Helper()
	c := &spanCollector{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		sent := &collector.ExportTraceServiceRequest{}
		if err != nil || proto.Unmarshal(body, sent) != nil {
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, of := range sent.GetResourceSpans() {
			for _, scope := range of.GetScopeSpans() {
				c.spans = append(c.spans, scope.GetSpans()...)
			}
		}
	}))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// children are the spans below a span.
func (c *spanCollector) children(parent *tracepb.Span) []*tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []*tracepb.Span
	for _, span := range c.spans {
		if string(span.GetParentSpanId()) == string(parent.GetSpanId()) && string(span.GetTraceId()) == string(parent.GetTraceId()) {
			found = append(found, span)
		}
	}
	return found
}

// span is the only span with the name; nil when it has not arrived yet.
func (c *spanCollector) span(name string) *tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, span := range c.spans {
		if span.GetName() == name {
			return span
		}
	}
	return nil
}

// TestARunIsOneTraceFromItsRequestToItsCalls runs a template with a server and a worker that tell a
// collector, and scrapes both.
func TestARunIsOneTraceFromItsRequestToItsCalls(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	c := startCollector(t)
	ports, err := loopback.FreePorts(t.Context(), 2)
	require.NoError(t, err)
	observed := func(port int) string {
		return s.configWith(fmt.Sprintf("portico: { telemetry: { traces: { endpoint: %q }, metrics: { address: %q } } }", c.url, loopback.Address(port)))
	}
	worker := s.start("worker", observed(ports[0]))
	server := s.start("server", observed(ports[1]))
	s.untilServed("service")
	id := s.createRun("service", s.serviceValues("traced", nil), nil)
	d := s.awaitPhase(id, "done", "parked")
	require.Equal(t, "completed", d.Status, "%+v", d.Error)

	ofServer, ofWorker := scrape(t, ports[1]), scrape(t, ports[0])
	for _, name := range []string{"portico_build_info", "portico_runs_queued", "portico_catalog_lag_seconds", "portico_database_connections",
		"temporal_request_total", "go_goroutines"} {
		require.Contains(t, ofServer, name)
		require.Contains(t, ofWorker, name)
	}
	require.Contains(t, ofServer, "http_server_request_duration_seconds")
	require.Contains(t, ofWorker, "portico_runs_ended_total")
	require.Contains(t, ofWorker, "portico_step_duration_seconds")

	for _, name := range temporalMetrics(t) {
		require.Contains(t, ofWorker, name, "the dashboard asks for it")
	}

	worker.terminate(t)
	server.terminate(t)
	require.Zero(t, worker.exitCode(t, grace), worker.log.String())
	require.Zero(t, server.exitCode(t, grace), server.log.String())

	request := c.span("POST /api/scaffolder/v2/tasks")
	require.NotNil(t, request)
	runs := c.children(request)
	require.Len(t, runs, 1)
	require.Equal(t, "run template:default/service", runs[0].GetName())
	steps := map[string]*tracepb.Span{}
	for _, step := range c.children(runs[0]) {
		steps[step.GetName()] = step
	}
	require.Contains(t, steps, "step publish")
	require.NotEmpty(t, c.children(steps["step publish"]), "the step calls the forge")
	for _, call := range c.children(steps["step publish"]) {
		require.Contains(t, call.GetName(), s.forge.Host)
	}
	for line := range strings.SplitSeq(worker.log.String(), "\n") {
		if strings.Contains(line, "run="+id) {
			require.Contains(t, line, "trace="+hex.EncodeToString(request.GetTraceId()))
		}
	}
}

// temporalMetrics are the metrics of Temporal's SDK in the dashboard and the documentation.
func temporalMetrics(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, file := range []string{"deploy/grafana/portico.json", "deploy/prometheus/alerts.yaml", "docs/observability.md"} {
		content, err := os.ReadFile(filepath.Join(root, file))
		require.NoError(t, err)
		for _, name := range regexp.MustCompile(`temporal_[a-z_]*[a-z]`).FindAllString(string(content), -1) {
			names = append(names, strings.TrimSuffix(name, "_bucket"))
		}
	}
	require.NotEmpty(t, names)
	return names
}

func scrape(t *testing.T, port int) map[string]*dto.MetricFamily {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+loopback.Address(port)+"/metrics", nil)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, http.StatusOK, answer.StatusCode)
	families, err := (&expfmt.TextParser{}).TextToMetricFamilies(answer.Body)
	require.NoError(t, err)
	return families
}
