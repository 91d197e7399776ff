// Package devstack brings up what Portico needs of the world outside, on this machine and in this process's
// care: PostgreSQL, the Temporal server and Temporal's Web UI, on loopback ports, with their state in one
// directory. The local Git forge is in a package of its own below; the parts of Portico itself (API, worker,
// portal) are the caller's.
//
// It weighs as much as the rest of Portico together, so nothing that production runs imports it: see
// docs/decisions/0001-embedded-temporal.md.
package devstack
