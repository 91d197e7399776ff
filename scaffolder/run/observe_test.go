package run_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/telemetry"
)

// TestRunsAreCountedByAnIndex: a scrape does not read the hundred thousand ended runs.
func TestRunsAreCountedByAnIndex(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	begun := time.Now()
	_, err := pool.Exec(t.Context(), `
		insert into runs (id, template_ref, title, spec, spec_digest, status, phase, created_at, workflow_run_id, error)
		select gen_random_uuid(), 't', 'T', '{}'::json, '', 'completed', 'done', now() - n * interval '1 second', 'w', null::json from generate_series(1, 100000) as n
		union all select gen_random_uuid(), 't', 'T', '{}', '', 'failed', 'parked', now(), 'w', '{"name":"HttpError"}' from generate_series(1, 3)
		union all select gen_random_uuid(), 'v', 'V', '{}', '', 'failed', 'parked', now(), 'w', '{"name":"Http\u0000Error","message":"of an older release"}'
		union all select gen_random_uuid(), 'u', 'U', '{}', '', 'open', 'running', now() - interval '1 hour', null, null from generate_series(1, 2)`)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), "analyze runs")
	require.NoError(t, err)
	explained := &explainer{}
	samples, err := run.NewStore(explaining(t, pool, explained), nil).Counted(t.Context())
	require.NoError(t, err)
	explained.requires(t, "CountRunsAtHand", "runs_at_hand")
	explained.requires(t, "CountRunsQueued", "runs_not_started")

	require.Equal(t, telemetry.RunsQueuedAge, samples[1].Metric)
	require.GreaterOrEqual(t, samples[1].Value, time.Hour.Seconds())
	require.LessOrEqual(t, samples[1].Value, (time.Hour + time.Since(begun)).Seconds())
	samples[1].Value = 0
	require.Equal(t, []telemetry.Sample{
		{Metric: telemetry.RunsQueued, Value: 2}, {Metric: telemetry.RunsQueuedAge},
		{Metric: telemetry.Runs, Value: 3, Labels: []string{"t", "parked", "HttpError"}},
		{Metric: telemetry.Runs, Value: 2, Labels: []string{"u", "running", ""}},
		{Metric: telemetry.Runs, Value: 1, Labels: []string{"v", "parked", "Http\uFFFDError"}},
	}, samples)
}

// TestEveryEndOfARunIsObserved: its end, its parking by the reconciler, and the end after its retry.
func TestEveryEndOfARunIsObserved(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewSpanRecorder()
	observed, err := telemetry.New(t.Context(), telemetry.Options{Spans: spans})
	require.NoError(t, err)
	r := newRecord(t)
	r.Observed(observed)
	request, span := observed.Span(t.Context(), "request", trace.SpanKindServer)
	span.End()
	id := r.create(t, nil)
	require.Empty(t, r.get(t, id).TraceParent, "nothing was traced there")
	n := run.New{TemplateRef: "template:default/t", Title: "T", Spec: r.get(t, id).Spec}
	n.ID = [16]byte{1}
	require.NoError(t, r.Create(request, n))
	id = n.ID
	require.Equal(t, *telemetry.TraceParent(request), r.elsewhere().get(t, id).TraceParent)

	r.write(t, id, run.Entry{WorkflowRunID: "execution-1"})
	r.write(t, id, run.Entry{End: &failed})
	_, err = r.Reopen(t.Context(), id, retryOf(0))
	require.NoError(t, err)
	seen, err := r.Version(t.Context(), id)
	require.NoError(t, err)
	parked, err := r.Park(t.Context(), seen, fault.Failure{Name: "WorkflowLostError"})
	require.NoError(t, err)
	require.True(t, parked)

	ended := spans.Ended()[1:]
	require.Len(t, ended, 2)
	require.Equal(t, []string{"InputError", "WorkflowLostError"}, []string{ended[0].Status().Description, ended[1].Status().Description})
	require.False(t, ended[1].StartTime().Before(ended[0].EndTime()), "the retry begins where the run was taken up again")
	for _, one := range ended {
		require.Equal(t, trace.SpanContextFromContext(request).SpanID(), one.Parent().SpanID())
	}
}
