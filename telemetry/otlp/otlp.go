// Package otlp sends spans to a collector in OpenTelemetry's protocol. It is a package of its own because its client
// is large: it would double what the test of every package links that counts or traces something.
package otlp

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Collector is where spans are sent. With the zero value, the environment decides: OTEL_EXPORTER_OTLP_ENDPOINT and the
// other variables of OpenTelemetry's exporters. Without them, nothing is exported.
type Collector struct {
	// Endpoint is the collector's URL: http://collector:4318. Over HTTP, a path is used as it is; without
	// one, spans go to OTLP's default, /v1/traces.
	Endpoint string
	// Protocol is http/protobuf or grpc; "" is OTEL_EXPORTER_OTLP_PROTOCOL, or http/protobuf without it.
	Protocol string
}

const (
	protocolHTTP = "http/protobuf"
	protocolGRPC = "grpc"
)

// Open creates the processor of spans, nil when there is nothing to export to. It does not connect:
// OpenTelemetry's error handler reports a collector that does not answer once there are spans.
func (c Collector) Open(ctx context.Context) (sdktrace.SpanProcessor, error) {
	if !c.enabled() {
		return nil, nil
	}
	exporter, err := c.exporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("export traces: %w", err)
	}
	return sdktrace.NewBatchSpanProcessor(exporter), nil
}

func (c Collector) enabled() bool {
	off := strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || os.Getenv("OTEL_TRACES_EXPORTER") == "none"
	return !off && cmp.Or(c.Endpoint, os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT")) != ""
}

func (c Collector) exporter(ctx context.Context) (sdktrace.SpanExporter, error) {
	protocol := cmp.Or(c.Protocol, os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"), protocolHTTP)
	switch protocol {
	case protocolGRPC:
		var options []otlptracegrpc.Option
		if c.Endpoint != "" {
			options = append(options, otlptracegrpc.WithEndpointURL(c.Endpoint))
		}
		return otlptracegrpc.New(ctx, options...)
	case protocolHTTP:
		var options []otlptracehttp.Option
		if c.Endpoint != "" {
			at, err := url.Parse(c.Endpoint)
			if err != nil {
				return nil, fmt.Errorf("the endpoint: %w", err)
			}
			if strings.Trim(at.Path, "/") == "" {
				at.Path = "/v1/traces"
			}
			options = append(options, otlptracehttp.WithEndpointURL(at.String()))
		}
		return otlptracehttp.New(ctx, options...)
	default:
		return nil, fmt.Errorf("the protocol %q is not known: use %s or %s", protocol, protocolHTTP, protocolGRPC)
	}
}
