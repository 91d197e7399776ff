package telemetry

import (
	"slices"
	"strings"
)

// Kind is the type of a metric.
type Kind string

// The kinds, in Prometheus' words.
const (
	Counter   Kind = "counter"
	Gauge     Kind = "gauge"
	Histogram Kind = "histogram"
)

// Scope says whether a metric is about one process or the whole installation.
type Scope string

const (
	// OfProcess metrics are of one process: the total is their sum.
	OfProcess Scope = "process"
	// OfInstallation metrics are read from the database, and every process exports the same value: the total
	// is their maximum.
	OfInstallation Scope = "installation"
)

// Metric is one of Portico's own metrics. Go, the process and Temporal's SDK have further metrics.
type Metric struct {
	// Name is the name in Prometheus.
	Name string
	Kind Kind
	// Labels have few values each: existing templates, actions, routes and hosts, and never a caller's text.
	Labels []string
	Scope  Scope
	Help   string
}

// The metrics.
var (
	HTTPServerDuration = Metric{"http_server_request_duration_seconds", Histogram,
		[]string{"http_request_method", "http_route", "http_response_status_code"}, OfProcess,
		"How long requests took, by the route's template. A stream lasts until its client disconnects."}
	HTTPClientDuration = Metric{"http_client_request_duration_seconds", Histogram,
		[]string{"http_request_method", "server_address", "http_response_status_code"}, OfProcess,
		"How long requests to hosts of source code took until the response began. The status is 0 without a response."}
	RateLimit = Metric{"portico_host_rate_limit", Gauge, []string{"host", "resource"}, OfProcess,
		"How many requests the host allows in its period, for the credential with the fewest left."}
	RateLimitRemaining = Metric{"portico_host_rate_limit_remaining", Gauge, []string{"host", "resource"}, OfProcess,
		"How many of these requests are left, by the host's last response."}

	Runs = Metric{"portico_runs", Gauge, []string{"template", "phase", "cause"}, OfInstallation,
		"Runs that are in progress or parked, by the name of the error that parked them."}
	RunsQueued = Metric{"portico_runs_queued", Gauge, nil, OfInstallation,
		"Runs that were started or retried and that no worker has begun."}
	RunsQueuedAge = Metric{"portico_runs_queued_age_seconds", Gauge, nil, OfInstallation,
		"How long the oldest queued run has waited, 0 when there is none."}
	RunsEnded = Metric{"portico_runs_ended_total", Counter, []string{"template", "phase", "cause"}, OfProcess,
		"Runs that ended or were parked, by the name of the error. A retried run is counted again."}
	StepDuration = Metric{"portico_step_duration_seconds", Histogram, []string{"action", "outcome"}, OfProcess,
		"How long attempts of steps took. The outcome is completed, failed, stopped, or, if another attempt follows, retried."}

	CatalogDue = Metric{"portico_catalog_due", Gauge, nil, OfInstallation,
		"Entities that are due for processing and that no worker has claimed, at most 10,000."}
	CatalogLag = Metric{"portico_catalog_lag_seconds", Gauge, nil, OfInstallation,
		"How long the oldest due entity has waited, 0 when there is none."}
	CatalogFailed = Metric{"portico_catalog_entities_failed", Gauge, nil, OfInstallation,
		"Entities that cannot be processed or served, at most 10,000."}
	CatalogConflicts = Metric{"portico_catalog_conflicts", Gauge, nil, OfInstallation,
		"Claims to entities that another location has, at most 10,000."}
	CatalogOrphans = Metric{"portico_catalog_entities_orphaned", Gauge, nil, OfInstallation,
		"Entities that no location lists any more, at most 10,000. Only with catalog.orphanStrategy: keep."}
	CatalogUnowned = Metric{"portico_catalog_entities_unowned", Gauge, nil, OfInstallation,
		"Entities without an owner, or with one that is not in the catalog, at most 10,000."}
	CatalogDangling = Metric{"portico_catalog_entities_dangling", Gauge, nil, OfInstallation,
		"Entities with a relation to something that is not in the catalog, at most 10,000."}
	CatalogDuplicates = Metric{"portico_catalog_repositories_duplicated", Gauge, nil, OfInstallation,
		"Repositories from which entities of several branches are served, at most 10,000."}

	CatalogSources = Metric{"portico_catalog_sources", Gauge, []string{"sweep"}, OfInstallation,
		"Sources of the catalog, by the state of the latest sweep of each: reading, waiting for a decision, committed, failed and others."}
	CatalogSourcesLate = Metric{"portico_catalog_sources_late", Gauge, nil, OfInstallation,
		"Sources that have not been swept completely for twice their interval, without those that are paused."}
	EventsReceived = Metric{"portico_events_received_total", Counter, []string{"topic", "outcome"}, OfProcess,
		"Requests of webhooks. The outcome is stored, repeated, ignored when there is nothing to do, refused for a wrong signature, or invalid."}
	EventsDone = Metric{"portico_events_done_total", Counter, []string{"kind"}, OfProcess,
		"Events of source code hosts that were worked off."}
	EventsPending = Metric{"portico_events_pending", Gauge, nil, OfInstallation,
		"Events of source code hosts that were stored and not worked off yet, at most 10,000."}
	EventsLag = Metric{"portico_events_lag_seconds", Gauge, nil, OfInstallation,
		"How long the oldest of them has waited, 0 when there is none."}
	EventsFailed = Metric{"portico_events_failed", Gauge, nil, OfInstallation,
		"Events of source code hosts that were set aside because they cannot be acted on, at most 10,000. They are kept for two weeks."}
	ChangesPending = Metric{"portico_catalog_changes_pending", Gauge, []string{"webhook"}, OfInstallation,
		"Changes of entities that a webhook of catalog.events.webhooks has not taken, at most 10,000."}
	ChangesLag = Metric{"portico_catalog_changes_lag_seconds", Gauge, []string{"webhook"}, OfInstallation,
		"How long the oldest of them has waited, 0 when there is none."}

	AuditUnsealedAge = Metric{"portico_audit_unsealed_age_seconds", Gauge, nil, OfInstallation,
		"How long the oldest event of the audit log that is in no seal has waited, 0 when there is none."}
	AuditWebhookPending = Metric{"portico_audit_webhook_pending", Gauge, nil, OfInstallation,
		"Seals of the audit log that portico.audit.webhook has not taken. Only with a webhook."}
	AuditWebhookLag = Metric{"portico_audit_webhook_lag_seconds", Gauge, nil, OfInstallation,
		"For how long the webhook has taken nothing although there are such seals, 0 when there is none. Only with a webhook."}

	DatabaseConnections = Metric{"portico_database_connections", Gauge, []string{"state"}, OfProcess,
		"Connections of the pool: acquired, idle, or being constructed."}
	DatabaseConnectionsMax = Metric{"portico_database_connections_max", Gauge, nil, OfProcess,
		"How many connections the pool may open."}
	DatabaseAcquires = Metric{"portico_database_acquires_total", Counter, []string{"outcome"}, OfProcess,
		"Requests for a connection: at_once, waited, or canceled."}
	DatabaseAcquireSeconds = Metric{"portico_database_acquire_seconds_total", Counter, nil, OfProcess,
		"The total time that requests waited for a connection."}

	Build = Metric{"portico_build_info", Gauge, []string{"version", "command"}, OfProcess,
		"Always 1; the labels are the version and the command of the process."}
	ReadFailures = Metric{"portico_installation_read_failures_total", Counter, nil, OfProcess,
		"How often the metrics of the installation could not be read from the database. They are then left out."}
)

// Metrics lists all metrics.
func Metrics() []Metric {
	return []Metric{HTTPServerDuration, HTTPClientDuration, RateLimit, RateLimitRemaining, Runs, RunsQueued, RunsQueuedAge, RunsEnded,
		StepDuration, CatalogDue, CatalogLag, CatalogFailed, CatalogConflicts, CatalogOrphans, CatalogUnowned, CatalogDangling, CatalogDuplicates,
		CatalogSources, CatalogSourcesLate, EventsReceived, EventsDone, EventsPending, EventsLag, EventsFailed,
		ChangesPending, ChangesLag, AuditUnsealedAge, AuditWebhookPending, AuditWebhookLag, DatabaseConnections,
		DatabaseConnectionsMax, DatabaseAcquires, DatabaseAcquireSeconds, Build, ReadFailures}
}

// Series are the names of the metric's series.
func (m Metric) Series() []string {
	if m.Kind != Histogram {
		return []string{m.Name}
	}
	return []string{m.Name + "_bucket", m.Name + "_count", m.Name + "_sum"}
}

// instrument is the metric's name and unit in OpenTelemetry: the exporter appends the unit, and _total to a
// counter.
func (m Metric) instrument() (name, unit string) {
	name = strings.TrimSuffix(m.Name, "_total")
	if base, inSeconds := strings.CutSuffix(name, "_seconds"); inSeconds {
		return base, "s"
	}
	return name, ""
}

func ofKind(kind Kind) []Metric {
	return slices.DeleteFunc(Metrics(), func(m Metric) bool { return m.Kind != kind })
}
