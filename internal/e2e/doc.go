// Package e2e drives the real binary from outside: server and worker as processes of their own, on a real
// Postgres, a real Temporal server and the local Git forge. It holds tests only.
//
// PORTICO_BINARY names the binary; without it one is built. PORTICO_KILLS and PORTICO_SEED change how often
// and when workers are killed. PORTICO_RECORD_HISTORIES=1 keeps the histories of runs of every kind for
// package workflows to replay.
package e2e
