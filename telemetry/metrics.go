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
		"How long requests took, by the route's template. Streams last as long as somebody follows."}
	HTTPClientDuration = Metric{"http_client_request_duration_seconds", Histogram,
		[]string{"http_request_method", "server_address", "http_response_status_code"}, OfProcess,
		"How long requests to hosts of source code took until their answer began; the status is 0 when none came."}
	RateLimit = Metric{"portico_host_rate_limit", Gauge, []string{"host", "resource"}, OfProcess,
		"How many requests the host allows in its period, for the credential that has the least of them left."}
	RateLimitRemaining = Metric{"portico_host_rate_limit_remaining", Gauge, []string{"host", "resource"}, OfProcess,
		"How many of them are left, as the host said last."}

	Runs = Metric{"portico_runs", Gauge, []string{"template", "phase", "cause"}, OfInstallation,
		"Runs that move or are parked, by the name of the error that parked them."}
	RunsQueued = Metric{"portico_runs_queued", Gauge, nil, OfInstallation,
		"Runs that were accepted or taken up again and that no worker has begun."}
	RunsQueuedAge = Metric{"portico_runs_queued_age_seconds", Gauge, nil, OfInstallation,
		"How long the oldest of them has waited, 0 when there is none."}
	RunsEnded = Metric{"portico_runs_ended_total", Counter, []string{"template", "phase", "cause"}, OfProcess,
		"Runs that came to rest in a phase, by the name of the error. A run that is retried comes to rest again."}
	StepDuration = Metric{"portico_step_duration_seconds", Histogram, []string{"action", "outcome"}, OfProcess,
		"How long attempts of steps took. The outcome is completed, failed, stopped, or retried when another attempt follows."}

	CatalogDue = Metric{"portico_catalog_due", Gauge, nil, OfInstallation,
		"Entities that are due for processing and that nobody has taken; more than 10,000 are not counted."}
	CatalogLag = Metric{"portico_catalog_lag_seconds", Gauge, nil, OfInstallation,
		"How long the entity that is due for longest has waited, 0 when none is."}
	CatalogFailed = Metric{"portico_catalog_entities_failed", Gauge, nil, OfInstallation,
		"Entities that could not be processed or cannot be served; more than 10,000 are not counted."}

	DatabaseConnections = Metric{"portico_database_connections", Gauge, []string{"state"}, OfProcess,
		"Connections of the pool: acquired, idle, or being constructed."}
	DatabaseConnectionsMax = Metric{"portico_database_connections_max", Gauge, nil, OfProcess,
		"How many connections the pool may open."}
	DatabaseAcquires = Metric{"portico_database_acquires_total", Counter, []string{"outcome"}, OfProcess,
		"Requests for a connection: at_once, waited, or canceled."}
	DatabaseAcquireSeconds = Metric{"portico_database_acquire_seconds_total", Counter, nil, OfProcess,
		"How long all of them waited together."}

	Build = Metric{"portico_build_info", Gauge, []string{"version", "command"}, OfProcess,
		"1, for the version and the command of the process."}
	ReadFailures = Metric{"portico_installation_read_failures_total", Counter, nil, OfProcess,
		"How often the metrics of the installation could not be read from the database. They are left out then."}
)

// Metrics lists them all.
func Metrics() []Metric {
	return []Metric{HTTPServerDuration, HTTPClientDuration, RateLimit, RateLimitRemaining, Runs, RunsQueued, RunsQueuedAge, RunsEnded,
		StepDuration, CatalogDue, CatalogLag, CatalogFailed, DatabaseConnections, DatabaseConnectionsMax, DatabaseAcquires,
		DatabaseAcquireSeconds, Build, ReadFailures}
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
