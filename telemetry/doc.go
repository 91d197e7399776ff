// Package telemetry has Portico's traces (OpenTelemetry), metrics (Prometheus), and log lines with their run,
// step and trace.
//
// Traces and metrics are off unless they are configured. The methods of a nil *Telemetry do nothing.
package telemetry
