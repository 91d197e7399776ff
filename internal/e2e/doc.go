// Package e2e drives the real binary from outside: server and worker as processes of their own, on a real Postgres, a real Temporal server and the
// local Git forge. It holds tests only.
package e2e
