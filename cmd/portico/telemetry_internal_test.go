package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	temporallog "go.temporal.io/sdk/log"

	"github.com/portico-dev/portico/config"
)

func TestLogLinesOfTemporalsSDKHaveTheRun(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := temporalLogger(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})))
	temporallog.With(log, "WorkflowID", "3f0c3ad1-5f0e-4a39-9d0f-3f7a0d6c2b11").Warn("of a run", "Attempt", 2)
	log.Warn("of a run too", "WorkflowID", "3f0c3ad1-5f0e-4a39-9d0f-3f7a0d6c2b11")
	log.Info("of a sweep", "WorkflowID", "sweep")
	require.Equal(t, "level=WARN msg=\"of a run\" run=3f0c3ad1-5f0e-4a39-9d0f-3f7a0d6c2b11 Attempt=2\n"+
		"level=WARN msg=\"of a run too\" run=3f0c3ad1-5f0e-4a39-9d0f-3f7a0d6c2b11\n"+
		"level=INFO msg=\"of a sweep\" WorkflowID=sweep\n", out.String())
}

func TestATakenMetricsAddressNamesItsSetting(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, taken.Close()) })
	p := &platform{config: &config.Config{}, log: slog.New(slog.DiscardHandler)}
	t.Cleanup(p.close)
	p.config.Portico.Telemetry.Metrics.Address = taken.Addr().String()
	require.ErrorContains(t, p.openTelemetry(t.Context(), place{command: "server"}),
		"listen on "+taken.Addr().String()+" (portico.telemetry.metrics.address)")
}

// measuring is a platform that serves metrics.
func measuring(t *testing.T) *platform {
	t.Helper()
	p := &platform{config: &config.Config{}, log: slog.New(slog.DiscardHandler)}
	t.Cleanup(p.close)
	p.config.Portico.Telemetry.Metrics.Address = "127.0.0.1:0"
	require.NoError(t, p.openTelemetry(t.Context(), place{command: "server"}))
	return p
}

func TestMetricsAreServedUntilTheProcessEnds(t *testing.T) {
	t.Parallel()
	for _, outcome := range []error{nil, errors.New("the work failed")} {
		p := measuring(t)
		ctx, stop := context.WithCancel(t.Context())
		require.ErrorIs(t, p.withServices(ctx, func(ctx context.Context) error {
			stop()
			<-ctx.Done()
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.metrics.Addr().String()+"/metrics", nil)
			require.NoError(t, err)
			response, err := http.DefaultClient.Do(request)
			require.NoError(t, err, "a process that stops is scraped")
			require.Equal(t, http.StatusOK, response.StatusCode)
			require.NoError(t, response.Body.Close())
			return outcome
		}), outcome)
		require.ErrorIs(t, p.metrics.Close(), net.ErrClosed, "nothing is served after the work")
	}
}

func TestAFailureToServeMetricsStopsTheProcess(t *testing.T) {
	t.Parallel()
	p := measuring(t)
	require.NoError(t, p.metrics.Close())
	require.ErrorContains(t, p.withServices(t.Context(), func(ctx context.Context) error {
		<-ctx.Done()
		return nil
	}), "serve metrics")
}
