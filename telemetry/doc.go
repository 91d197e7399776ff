// Package telemetry is how Portico is seen from outside: traces in OpenTelemetry's terms, metrics as
// Prometheus reads them, and log lines that carry the run, step and trace that they are about.
//
// Both traces and metrics are off unless they are configured. A nil *Telemetry is one that is off: every
// method may be called on it, and does nothing.
package telemetry
