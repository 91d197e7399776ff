package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/portico-dev/portico/telemetry"
)

// process is a process with telemetry whose spans are recorded.
type process struct {
	*telemetry.Telemetry
	spans *tracetest.SpanRecorder
}

func newProcess(t *testing.T) process {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	made, err := telemetry.New(t.Context(), telemetry.Options{Spans: recorder, Metrics: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, made.Stop(context.Background())) })
	return process{made, recorder}
}

// span is the ended span with a name.
func (p process) span(t *testing.T, name string) sdktrace.ReadOnlySpan {
	t.Helper()
	at := slices.IndexFunc(p.spans.Ended(), func(s sdktrace.ReadOnlySpan) bool { return s.Name() == name })
	require.GreaterOrEqual(t, at, 0, name)
	return p.spans.Ended()[at]
}

// scrape reads the metrics as Prometheus does.
func (p process) scrape(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	answer := httptest.NewRecorder()
	p.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, answer.Code)
	families, err := (&expfmt.TextParser{}).TextToMetricFamilies(answer.Body)
	require.NoError(t, err)
	return families
}

// labels are those of a series.
func labels(series *dto.Metric) map[string]string {
	all := map[string]string{}
	for _, pair := range series.GetLabel() {
		all[pair.GetName()] = pair.GetValue()
	}
	return all
}

func TestARunIsOneTraceAcrossProcesses(t *testing.T) {
	t.Parallel()
	server, worker, other := newProcess(t), newProcess(t), newProcess(t)
	began := time.Now().Add(-48 * time.Hour)

	request, span := server.Span(t.Context(), "POST /tasks", trace.SpanKindServer)
	parent := telemetry.TraceParent(request)
	span.End()
	require.NotNil(t, parent)

	run := telemetry.Run{ID: uuid.New(), Template: "template:default/t", TraceParent: *parent}
	step, span := worker.Span(worker.InRun(t.Context(), run), "step one", trace.SpanKindInternal)
	_, call := worker.Span(step, "GET host", trace.SpanKindClient)
	call.End()
	span.End()
	other.EndRun(run, began, began.Add(time.Hour), "InputError")

	ended := other.span(t, "run template:default/t")
	require.Equal(t, server.span(t, "POST /tasks").SpanContext().SpanID(), ended.Parent().SpanID())
	require.Equal(t, ended.SpanContext().SpanID(), worker.span(t, "step one").Parent().SpanID())
	require.Equal(t, worker.span(t, "step one").SpanContext().SpanID(), worker.span(t, "GET host").Parent().SpanID())
	for _, one := range []sdktrace.ReadOnlySpan{ended, worker.span(t, "step one"), worker.span(t, "GET host")} {
		require.Equal(t, server.span(t, "POST /tasks").SpanContext().TraceID(), one.SpanContext().TraceID())
	}
	require.Equal(t, time.Hour, ended.EndTime().Sub(ended.StartTime()))
	require.Equal(t, "InputError", ended.Status().Description)

	again := run
	again.Generation = 1
	other.EndRun(again, began, began, "")
	require.Len(t, other.spans.Ended(), 2)
	require.NotEqual(t, ended.SpanContext().SpanID(), other.spans.Ended()[1].SpanContext().SpanID(), "a retry is a span of its own")
}

func TestARunWithoutATraceParentHasItsOwnTrace(t *testing.T) {
	t.Parallel()
	worker := newProcess(t)
	require.Nil(t, telemetry.TraceParent(t.Context()))
	run := telemetry.Run{ID: uuid.New(), Template: "template:default/t"}
	_, span := worker.Span(worker.InRun(t.Context(), run), "step one", trace.SpanKindInternal)
	span.End()
	worker.EndRun(run, time.Now(), time.Now(), "")
	ended := worker.span(t, "run template:default/t")
	require.Equal(t, trace.TraceID(run.ID), ended.SpanContext().TraceID())
	require.False(t, ended.Parent().IsValid())
	require.Equal(t, ended.SpanContext().SpanID(), worker.span(t, "step one").Parent().SpanID())
}

func TestTheRunOfAnUnsampledRequestIsNotSampled(t *testing.T) {
	t.Parallel()
	worker := newProcess(t)
	run := telemetry.Run{ID: uuid.New(), TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}
	_, span := worker.Span(worker.InRun(t.Context(), run), "step one", trace.SpanKindInternal)
	span.End()
	worker.EndRun(run, time.Now(), time.Now(), "")
	require.Empty(t, worker.spans.Ended())
}

func TestNothingIsRecordedUnlessItIsConfigured(t *testing.T) {
	t.Parallel()
	off, err := telemetry.New(t.Context(), telemetry.Options{Service: "portico-test"})
	require.NoError(t, err)
	require.Nil(t, off)
	require.False(t, off.IsTracing())
	require.False(t, off.IsMeasuring())
	ctx, span := off.Span(t.Context(), "something", trace.SpanKindInternal)
	require.False(t, span.IsRecording())
	require.Nil(t, telemetry.TraceParent(off.InRun(ctx, telemetry.Run{ID: uuid.New()})))
	off.EndRun(telemetry.Run{}, time.Now(), time.Now(), "")
	off.Count(ctx, telemetry.RunsEnded, "t", "done", "")
	require.NoError(t, off.Observe(func(context.Context) ([]telemetry.Sample, error) { return nil, errors.New("asked") }, telemetry.Runs))
	require.Equal(t, http.DefaultTransport, off.Transport(http.DefaultTransport))
	require.NoError(t, off.Stop(t.Context()))
}

// everything records every metric once.
func everything(t *testing.T, p process) {
	t.Helper()
	values := func(m telemetry.Metric) []string { return make([]string, len(m.Labels)) }
	observed := map[string]bool{telemetry.RateLimit.Name: true, telemetry.RateLimitRemaining.Name: true}
	for _, m := range telemetry.Metrics() {
		switch {
		case m.Kind == telemetry.Histogram:
			p.Measure(t.Context(), m, time.Second, values(m)...)
		case m.Name == telemetry.RunsEnded.Name || m.Name == telemetry.ReadFailures.Name:
			p.Count(t.Context(), m, values(m)...)
		case !observed[m.Name]:
			require.NoError(t, p.Observe(func(context.Context) ([]telemetry.Sample, error) {
				return []telemetry.Sample{{Metric: m, Value: 1, Labels: values(m)}}, nil
			}, m))
		}
	}
	callGitHub(t, p, "60", "59")
}

// limited is a host that returns how many requests are left.
func limited(limit, remaining, reset string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Ratelimit-Limit", limit)
		w.Header().Set("X-Ratelimit-Remaining", remaining)
		w.Header().Set("X-Ratelimit-Resource", "core")
		w.Header().Set("X-Ratelimit-Reset", reset)
	}
}

// later is a time before any limit of a test is renewed.
const later = "9999999999"

// callGitHub makes a request to a host that returns how many are left.
func callGitHub(t *testing.T, p process, limit, remaining string) {
	t.Helper()
	host := httptest.NewServer(limited(limit, remaining, later))
	t.Cleanup(host.Close)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, host.URL+"/repos/acme/shop?token=hunter2", nil)
	require.NoError(t, err)
	request.SetBasicAuth("ada", "swordfish")
	request.URL.User = nil
	response, err := p.Transport(http.DefaultTransport).RoundTrip(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
}

func TestScrapedMetricsMatchTheTable(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	everything(t, p)
	families := p.scrape(t)
	for _, m := range telemetry.Metrics() {
		family := families[m.Name]
		require.NotNil(t, family, m.Name)
		require.Equal(t, m.Help, family.GetHelp(), m.Name)
		require.Equal(t, string(m.Kind), strings.ToLower(family.GetType().String()), m.Name)
		has := labels(family.GetMetric()[0])
		require.Len(t, has, len(m.Labels), m.Name)
		for _, label := range m.Labels {
			require.Contains(t, has, label, m.Name)
		}
		delete(families, m.Name)
	}
	for name := range families {
		require.Regexp(t, "^(go|process|promhttp)_", name, "what is not in the table is Go's or the process's")
	}
}

func TestTheSeriesOfAMetricAreBounded(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	for range 3000 {
		p.Count(t.Context(), telemetry.RunsEnded, uuid.NewString(), "done", "")
	}
	series := p.scrape(t)[telemetry.RunsEnded.Name].GetMetric()
	require.Len(t, series, 1000)
	total := 0.0
	for _, one := range series {
		total += one.GetCounter().GetValue()
	}
	require.InDelta(t, 3000, total, 0, "what is beyond the bound is counted together")
}

func TestRateLimitsOfHostsAreRecordedAndSpansContainNoSecrets(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	callGitHub(t, p, "5000", "4200")
	for _, span := range p.spans.Ended() {
		for _, attribute := range span.Attributes() {
			require.NotRegexp(t, "hunter2|swordfish|YWRh", attribute.Value.String(), string(attribute.Key))
		}
	}
	families := p.scrape(t)
	require.InDelta(t, 5000, families[telemetry.RateLimit.Name].GetMetric()[0].GetGauge().GetValue(), 0)
	require.InDelta(t, 4200, families[telemetry.RateLimitRemaining.Name].GetMetric()[0].GetGauge().GetValue(), 0)
	require.Equal(t, "200", labels(families[telemetry.HTTPClientDuration.Name].GetMetric()[0])["http_response_status_code"])
}

// hostOf is a transport that calls a handler without a network.
type hostOf struct{ http.Handler }

func (h hostOf) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, r)
	return recorder.Result(), nil
}

// TestAFullTableOfRateLimitsDropsExpiredOnes and keeps current ones.
func TestAFullTableOfRateLimitsDropsExpiredOnes(t *testing.T) {
	t.Parallel()
	const most = 500
	for name, test := range map[string]struct {
		// reset is when the other limits are renewed, next the credential of the last request.
		reset, next string
		remaining   float64
	}{
		"for a new one, those whose period is over": {"1", "new", 1},
		"for one that is known, none":               {later, "other 2", 1},
		"for a new one, all, when each counts":      {later, "new", 50},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProcess(t)
			call := func(credential, remaining, reset string) {
				request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://git.example/", nil)
				require.NoError(t, err)
				request.Header.Set("Authorization", credential)
				response, err := p.Transport(hostOf{limited("100", remaining, reset)}).RoundTrip(request)
				require.NoError(t, err)
				require.NoError(t, response.Body.Close())
			}
			call("tightest", "1", later)
			for i := range most - 1 {
				call(fmt.Sprintf("other %d", i), "50", test.reset)
			}
			call(test.next, "50", later)
			require.InDelta(t, test.remaining, p.scrape(t)[telemetry.RateLimitRemaining.Name].GetMetric()[0].GetGauge().GetValue(), 0)
		})
	}
}

func TestConcurrentScrapesReadTheInstallationOnce(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	asked := 0
	require.NoError(t, p.ObserveInstallation(func(ctx context.Context) ([]telemetry.Sample, error) {
		_, bounded := ctx.Deadline()
		require.True(t, bounded)
		asked++
		return []telemetry.Sample{{Metric: telemetry.RunsQueued, Value: 7}}, nil
	}, telemetry.RunsQueued))
	for range 3 {
		require.InDelta(t, 7, p.scrape(t)[telemetry.RunsQueued.Name].GetMetric()[0].GetGauge().GetValue(), 0)
	}
	require.Equal(t, 1, asked)
}

func TestOtherMetricsAreServedWhenTheInstallationCannotBeRead(t *testing.T) {
	t.Parallel()
	p := newProcess(t)
	require.NoError(t, p.ObserveInstallation(func(context.Context) ([]telemetry.Sample, error) {
		return nil, errors.New("the database is gone")
	}, telemetry.RunsQueued))
	p.Count(t.Context(), telemetry.RunsEnded, "t", "done", "")
	p.scrape(t)
	families := p.scrape(t)
	require.NotContains(t, families, telemetry.RunsQueued.Name)
	require.Contains(t, families, telemetry.RunsEnded.Name)
	require.InDelta(t, 1, families[telemetry.ReadFailures.Name].GetMetric()[0].GetCounter().GetValue(), 0)
}
