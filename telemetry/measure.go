package telemetry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel/attribute"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
)

// maxSeries bounds the series of one metric. Further label values are counted together as
// otel_metric_overflow.
const maxSeries = 1000

// durations are histogram bounds in seconds, from a quick request to a step that clones a repository.
var durations = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900}

func (t *Telemetry) startMetrics(described *resource.Resource) error {
	t.registry = prometheus.NewRegistry()
	t.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	reader, err := exporter.New(exporter.WithRegisterer(t.registry), exporter.WithoutScopeInfo(), exporter.WithoutTargetInfo())
	if err != nil {
		return fmt.Errorf("export metrics: %w", err)
	}
	t.meters = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(described),
		sdkmetric.WithCardinalityLimit(maxSeries), sdkmetric.WithView(sdkmetric.NewView(
			sdkmetric.Instrument{Kind: sdkmetric.InstrumentKindHistogram, Unit: "s"},
			sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: durations}})))
	t.meter = t.meters.Meter(scope)
	return t.makeInstruments()
}

// makeInstruments creates the counters and histograms.
func (t *Telemetry) makeInstruments() error {
	t.counters, t.histograms = map[string]metric.Float64Counter{}, map[string]metric.Float64Histogram{}
	for _, m := range ofKind(Histogram) {
		name, unit := m.instrument()
		made, err := t.meter.Float64Histogram(name, metric.WithUnit(unit), metric.WithDescription(m.Help))
		if err != nil {
			return fmt.Errorf("metric %s: %w", m.Name, err)
		}
		t.histograms[m.Name] = made
	}
	for _, m := range []Metric{RunsEnded, ReadFailures} {
		name, unit := m.instrument()
		made, err := t.meter.Float64Counter(name, metric.WithUnit(unit), metric.WithDescription(m.Help))
		if err != nil {
			return fmt.Errorf("metric %s: %w", m.Name, err)
		}
		t.counters[m.Name] = made
	}
	// Prometheus detects the first increase of a counter only if it has scraped a 0 before.
	t.counters[ReadFailures.Name].Add(context.Background(), 0)
	return t.Observe(t.budgets.report, RateLimit, RateLimitRemaining)
}

// IsMeasuring reports whether metrics are on.
func (t *Telemetry) IsMeasuring() bool { return t != nil && t.meter != nil }

// Meter is for libraries with their own metrics; nil when metrics are off.
func (t *Telemetry) Meter() metric.Meter {
	if !t.IsMeasuring() {
		return nil
	}
	return t.meter
}

// Count adds one to a counter. The labels are in the metric's order.
func (t *Telemetry) Count(ctx context.Context, m Metric, labels ...string) {
	if t.IsMeasuring() {
		t.counters[m.Name].Add(ctx, 1, metric.WithAttributeSet(m.attributes(labels)))
	}
}

// Measure adds a duration to a histogram. The labels are in the metric's order.
func (t *Telemetry) Measure(ctx context.Context, m Metric, took time.Duration, labels ...string) {
	if t.IsMeasuring() {
		t.histograms[m.Name].Record(ctx, took.Seconds(), metric.WithAttributeSet(m.attributes(labels)))
	}
}

func (m Metric) attributes(values []string) attribute.Set {
	pairs := make([]attribute.KeyValue, len(m.Labels))
	for i, label := range m.Labels {
		pairs[i] = attribute.String(label, values[i])
	}
	return attribute.NewSet(pairs...)
}

// Sample is a metric's value for some labels, in the metric's order.
type Sample struct {
	Metric Metric
	Value  float64
	Labels []string
}

// Observe calls read for the samples of metrics at each scrape, never concurrently.
func (t *Telemetry) Observe(read func(context.Context) ([]Sample, error), metrics ...Metric) error {
	if !t.IsMeasuring() {
		return nil
	}
	instruments := map[string]metric.Float64Observable{}
	var observed []metric.Observable
	for _, m := range metrics {
		made, err := t.observable(m)
		if err != nil {
			return fmt.Errorf("metric %s: %w", m.Name, err)
		}
		instruments[m.Name], observed = made, append(observed, made)
	}
	_, err := t.meter.RegisterCallback(func(ctx context.Context, to metric.Observer) error {
		samples, err := read(ctx)
		for _, sample := range samples {
			to.ObserveFloat64(instruments[sample.Metric.Name], sample.Value, metric.WithAttributeSet(sample.Metric.attributes(sample.Labels)))
		}
		return err
	}, observed...)
	return err
}

func (t *Telemetry) observable(m Metric) (metric.Float64Observable, error) {
	name, unit := m.instrument()
	switch m.Kind {
	case Counter:
		return t.meter.Float64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(m.Help))
	case Gauge:
		return t.meter.Float64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(m.Help))
	default:
		return nil, errors.New("a histogram cannot be observed")
	}
}

const (
	// installationAge is how long the metrics of the installation are cached, so that frequent scrapes cost
	// the database nothing.
	installationAge = 10 * time.Second
	// installationTimeout bounds reading them.
	installationTimeout = 3 * time.Second
)

// ObserveInstallation is Observe for metrics from the database. Failed reads are counted, and their metrics
// are left out.
func (t *Telemetry) ObserveInstallation(read func(context.Context) ([]Sample, error), metrics ...Metric) error {
	kept := &cache{read: read, failed: func(ctx context.Context) { t.Count(ctx, ReadFailures) }}
	return t.Observe(kept.samples, metrics...)
}

// cache keeps the samples for a while.
type cache struct {
	read   func(context.Context) ([]Sample, error)
	failed func(context.Context)

	mu     sync.Mutex
	kept   []Sample
	readAt time.Time
}

func (c *cache) samples(ctx context.Context) ([]Sample, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.readAt) < installationAge {
		return c.kept, nil
	}
	ctx, cancel := context.WithTimeout(ctx, installationTimeout)
	defer cancel()
	read, err := c.read(ctx)
	c.kept, c.readAt = slices.Clip(read), time.Now()
	if err != nil {
		c.kept = nil
		c.failed(ctx)
		return nil, fmt.Errorf("read the metrics of the installation: %w", err)
	}
	return c.kept, nil
}
