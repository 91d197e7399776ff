package templaterun_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/portico-dev/portico/activities/crash"
	"github.com/portico-dev/portico/activities/templaterun"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/telemetry"
)

// observed is a bench with telemetry, and the recorded spans.
type observed struct {
	*bench
	telemetry *telemetry.Telemetry
	spans     *tracetest.SpanRecorder
	log       *bytes.Buffer
}

func newObserved(t *testing.T, does *act, steps ...string) *observed {
	t.Helper()
	o := &observed{spans: tracetest.NewSpanRecorder(), log: &bytes.Buffer{}}
	var err error
	o.telemetry, err = telemetry.New(t.Context(), telemetry.Options{Spans: o.spans, Metrics: true})
	require.NoError(t, err)
	does.tune = func(b *bench, options *templaterun.Options) {
		b.runs.Observed(o.telemetry)
		options.Telemetry, options.Log = o.telemetry, slog.New(telemetry.LogHandler(slog.NewJSONHandler(o.log, nil)))
		options.CrashBudget = crash.NewBudget(options.Log)
	}
	o.bench = newBench(t, does, steps...)
	return o
}

// tree formats the ended spans, each below its parent.
func (o *observed) tree(parent trace.SpanID, indent string) []string {
	lines := []string{}
	for _, span := range o.spans.Ended() {
		if span.Parent().SpanID() == parent {
			lines = append(lines, indent+span.Name())
			lines = append(lines, o.tree(span.SpanContext().SpanID(), indent+"  ")...)
		}
	}
	return lines
}

func attributes(span sdktrace.ReadOnlySpan) map[string]any {
	all := map[string]any{}
	for _, one := range span.Attributes() {
		all[string(one.Key)] = one.Value.AsInterface()
	}
	return all
}

func TestTheTraceOfARunHasItsStepsAndTheirCalls(t *testing.T) {
	t.Parallel()
	for _, quick := range []bool{true, false} {
		host := httptest.NewServer(http.NotFoundHandler())
		t.Cleanup(host.Close)
		address := strings.TrimPrefix(host.URL, "http://")
		does := &act{description: action.Description{Quick: quick}}
		o := newObserved(t, does, stepOne, `{"id":"two","name":"Two","action":"test:act","each":["a","b"],"input":{"token":"${{ secrets.token }}"}}`)
		does.run = func(ctx context.Context, _ *action.Call) (action.Output, error) {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, host.URL+"/x?token="+secret, nil)
			require.NoError(t, err)
			response, err := o.telemetry.Transport(http.DefaultTransport).RoundTrip(request)
			require.NoError(t, err)
			return nil, response.Body.Close()
		}
		for {
			next := o.advance(engine.AdvanceRequest{})
			if next.Kind == engine.NextEnd {
				break
			}
			o.must("test:act", engine.ActionRequest{RunID: o.id.String(), Position: next.Action.Position, Iteration: next.Action.Iteration})
		}
		require.Equal(t, []string{"run template:default/t", "  step one", "    GET " + address, "  step two", "    GET " + address,
			"  step two", "    GET " + address}, o.tree(trace.SpanID{}, ""), "quick %t", quick)
		for _, span := range o.spans.Ended() {
			require.Equal(t, trace.TraceID(o.id), span.SpanContext().TraceID())
			for key, value := range attributes(span) {
				require.NotContains(t, fmt.Sprint(value), secret, key)
			}
		}
		ended := o.spans.Ended()
		require.Equal(t, map[string]any{"portico.run.id": o.id.String(), "portico.run.generation": int64(0), "portico.step.id": "two",
			"portico.action.id": "test:act", "portico.step.iteration": int64(1), "portico.step.attempt": int64(1),
			"portico.step.outcome": "completed"}, attributes(ended[len(ended)-2]))
	}
}

func TestAFailureIsInItsSpanAndCounted(t *testing.T) {
	t.Parallel()
	o := newObserved(t, &act{description: action.Description{Quick: true}, run: fails(action.Final(errors.New("no " + secret)))}, stepOne)
	require.Equal(t, next(engine.NextPark), o.advance(engine.AdvanceRequest{}))
	step, ended := o.spans.Ended()[0], o.spans.Ended()[1]
	require.Equal(t, "Error: no ***", step.Status().Description)
	require.Equal(t, "failed", attributes(step)["portico.step.outcome"])
	require.Equal(t, "parked", attributes(ended)["portico.run.phase"])
	require.Equal(t, "Error", ended.Status().Description)

	scraped := httptest.NewRecorder()
	o.telemetry.Handler().ServeHTTP(scraped, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	families, err := (&expfmt.TextParser{}).TextToMetricFamilies(scraped.Body)
	require.NoError(t, err)
	counted := families[telemetry.RunsEnded.Name].GetMetric()
	require.Len(t, counted, 1)
	require.InDelta(t, 1, counted[0].GetCounter().GetValue(), 0)
	require.Equal(t, uint64(1), families[telemetry.StepDuration.Name].GetMetric()[0].GetHistogram().GetSampleCount())
}

func TestAnUndoIsASpanOfItsRun(t *testing.T) {
	t.Parallel()
	o := newObserved(t, &act{undo: func(*action.UndoCall) error { return action.Final(errors.New("no " + secret)) }}, stepOne)
	effect, err := o.ledger().Intend(t.Context(), action.Intent{Kind: "thing", Name: "x", Key: "x"})
	require.NoError(t, err)
	o.record(run.Entry{Rollback: &run.StepFailure{FailedStep: "one"}})
	undo := engine.UndoRequest{RunID: o.id.String(), EffectID: effect.ID}
	_, err = does[any](o.bench, engine.ActivityUndoEffect, undo)
	require.Error(t, err)
	o.act.undo = func(*action.UndoCall) error { return nil }
	o.must(engine.ActivityUndoEffect, undo)
	o.must(engine.ActivityEndRollback, engine.RollbackResult{RunID: o.id.String()})
	require.Equal(t, []string{"run template:default/t", "  undo one", "  undo one"}, o.tree(trace.SpanID{}, ""))
	require.Equal(t, "not undone", o.spans.Ended()[0].Status().Description, "why is on the ledger, and may be long")
	require.Empty(t, o.spans.Ended()[1].Status().Description)
	require.Equal(t, "RolledBackError", o.spans.Ended()[2].Status().Description)
}

// TestEveryLogLineOfARunCarriesRunStepAndTrace lets a worker log that an earlier worker died, and a panic.
func TestEveryLogLineOfARunCarriesRunStepAndTrace(t *testing.T) {
	t.Parallel()
	o := newObserved(t, &act{run: func(context.Context, *action.Call) (action.Output, error) { panic("oh") }}, stepOne)
	o.record(run.Entry{LostWorkers: new(1)})
	require.Equal(t, acts(0), o.advance(engine.AdvanceRequest{}))
	_, err := o.environment.ExecuteActivity("test:act", o.request(0))
	require.Error(t, err)

	lines := 0
	decoder := json.NewDecoder(o.log)
	for {
		var line map[string]any
		err := decoder.Decode(&line)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		lines++
		require.Equal(t, o.id.String(), line["run"], line)
		require.Equal(t, strings.ReplaceAll(o.id.String(), "-", ""), line["trace"], line)
		if strings.Contains(line["msg"].(string), "panicked") {
			require.Equal(t, "one", line["step"])
		}
	}
	require.GreaterOrEqual(t, lines, 2)
}
