package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel"
	"go.temporal.io/sdk/client"
	temporalotel "go.temporal.io/sdk/contrib/opentelemetry"
	temporallog "go.temporal.io/sdk/log"

	"github.com/portico-dev/portico/telemetry"
	"github.com/portico-dev/portico/telemetry/otlp"
)

// telemetryStopTimeout bounds the export of the last spans.
const telemetryStopTimeout = 5 * time.Second

// openTelemetry starts the telemetry of the configuration and OpenTelemetry's environment variables, and
// opens the metrics listener.
func (p *platform) openTelemetry(ctx context.Context, at place) error {
	configured := p.config.Portico.Telemetry
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { p.log.Warn("telemetry", "error", err) }))
	spans, err := otlp.Collector{Endpoint: configured.Traces.Endpoint, Protocol: configured.Traces.Protocol}.Open(ctx)
	if err != nil {
		return fmt.Errorf("portico.telemetry.traces: %w", err)
	}
	started, err := telemetry.New(ctx, telemetry.Options{Service: "portico-" + at.command, Version: version, Spans: spans,
		Metrics: configured.Metrics.Address != ""})
	if err != nil {
		return fmt.Errorf("portico.telemetry: %w", err)
	}
	p.telemetry = started
	if configured.Metrics.Address == "" {
		return nil
	}
	if p.metrics, err = (&net.ListenConfig{}).Listen(ctx, "tcp", configured.Metrics.Address); err != nil {
		return fmt.Errorf("listen on %s (portico.telemetry.metrics.address): %w", configured.Metrics.Address, err)
	}
	p.log.Info("serving metrics", "address", p.metrics.Addr().String())
	build := []telemetry.Sample{{Metric: telemetry.Build, Value: 1, Labels: []string{version, at.command}}}
	return p.telemetry.Observe(func(context.Context) ([]telemetry.Sample, error) { return build, nil }, telemetry.Build)
}

func (p *platform) closeTelemetry() {
	if p.metrics != nil {
		_ = p.metrics.Close() // usually its server has closed it already
	}
	stopping, cancel := context.WithTimeout(context.Background(), telemetryStopTimeout)
	defer cancel()
	if err := p.telemetry.Stop(stopping); err != nil {
		p.log.Warn("stop the telemetry", "error", err)
	}
}

// withServices does work, follows the roles, and serves metrics until the work has ended: a process that
// stops is watched while it finishes what it has begun. The work is stopped when the metrics cannot be
// served.
func (p *platform) withServices(ctx context.Context, work func(context.Context) error) error {
	serving, workEnded := context.WithCancel(context.WithoutCancel(ctx))
	defer workEnded()
	var group runGroup
	group.add(func(ctx context.Context) error {
		defer workEnded()
		return work(ctx)
	})
	group.add(func(context.Context) error { return p.serveMetrics(serving) })
	group.add(p.followRoles)
	return group.run(ctx)
}

// serveMetrics serves metrics until the context ends.
func (p *platform) serveMetrics(ctx context.Context) error {
	if p.metrics == nil {
		<-ctx.Done()
		return nil
	}
	return p.telemetry.Serve(ctx, p.metrics)
}

// temporalMetrics handles the metrics of Temporal's SDK, nil when metrics are off.
func (p *platform) temporalMetrics() client.MetricsHandler {
	if !p.telemetry.IsMeasuring() {
		return nil
	}
	return temporalotel.NewMetricsHandler(temporalotel.MetricsHandlerOptions{Meter: p.telemetry.Meter(), UseMonotonicCounters: true,
		OnError: otel.Handle})
}

// temporalLogger is the logger of Temporal's SDK. A WorkflowID that is a UUID is logged as a run's id.
func temporalLogger(log *slog.Logger) temporallog.Logger {
	return temporallog.NewStructuredLogger(slog.New(telemetry.ReplaceAttrs(log.Handler(), func(attribute slog.Attr) slog.Attr {
		if attribute.Key == "WorkflowID" && uuid.Validate(attribute.Value.String()) == nil {
			attribute.Key = "run"
		}
		return attribute
	})))
}

// observePool observes the pool of database connections.
func (p *platform) observePool() error {
	return p.telemetry.Observe(func(context.Context) ([]telemetry.Sample, error) {
		stat := p.pool.Stat()
		connections := func(state string, count int32) telemetry.Sample {
			return telemetry.Sample{Metric: telemetry.DatabaseConnections, Value: float64(count), Labels: []string{state}}
		}
		acquires := func(outcome string, count int64) telemetry.Sample {
			return telemetry.Sample{Metric: telemetry.DatabaseAcquires, Value: float64(count), Labels: []string{outcome}}
		}
		return []telemetry.Sample{
			connections("acquired", stat.AcquiredConns()), connections("idle", stat.IdleConns()),
			connections("constructing", stat.ConstructingConns()),
			{Metric: telemetry.DatabaseConnectionsMax, Value: float64(stat.MaxConns())},
			acquires("at_once", stat.AcquireCount()-stat.EmptyAcquireCount()), acquires("waited", stat.EmptyAcquireCount()),
			acquires("canceled", stat.CanceledAcquireCount()),
			{Metric: telemetry.DatabaseAcquireSeconds, Value: stat.AcquireDuration().Seconds()},
		}, nil
	}, telemetry.DatabaseConnections, telemetry.DatabaseConnectionsMax, telemetry.DatabaseAcquires, telemetry.DatabaseAcquireSeconds)
}

// observeInstallation observes the state of the whole installation in the database.
func (p *platform) observeInstallation() error {
	var webhook error
	if p.webhook != nil {
		webhook = p.telemetry.ObserveInstallation(p.webhook.Backlog, telemetry.AuditWebhookPending, telemetry.AuditWebhookLag)
	}
	return errors.Join(webhook,
		p.telemetry.ObserveInstallation(p.audit.Unsealed, telemetry.AuditUnsealedAge),
		p.telemetry.ObserveInstallation(p.runs.Counted, telemetry.Runs, telemetry.RunsQueued, telemetry.RunsQueuedAge),
		p.telemetry.ObserveInstallation(p.events.Backlog, telemetry.EventsPending, telemetry.EventsLag, telemetry.EventsFailed),
		p.telemetry.ObserveInstallation(p.outbox.Backlog, telemetry.ChangesPending, telemetry.ChangesLag),
		p.telemetry.ObserveInstallation(p.catalog.Backlog, telemetry.CatalogDue, telemetry.CatalogLag, telemetry.CatalogFailed),
		p.telemetry.ObserveInstallation(p.sweeps.Health, telemetry.CatalogSources, telemetry.CatalogSourcesLate),
		p.telemetry.ObserveInstallation(p.catalog.Wrong, telemetry.CatalogConflicts, telemetry.CatalogOrphans, telemetry.CatalogUnowned,
			telemetry.CatalogDangling, telemetry.CatalogDuplicates),
	)
}
