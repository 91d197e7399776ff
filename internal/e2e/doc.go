// Package e2e tests the real binary: server and worker run as separate processes, with a real PostgreSQL, a
// real Temporal server and the local Git forge. It contains tests only.
//
// PORTICO_BINARY names the binary; without it, the tests build one. PORTICO_KILLS and PORTICO_SEED set how
// often and when workers are killed. PORTICO_RECORD_HISTORIES=1 stores the histories of runs of every kind,
// which package workflows replays.
package e2e
