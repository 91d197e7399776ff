// Package devstack starts what Portico needs on this machine: PostgreSQL, the Temporal server and Temporal's
// Web UI, on loopback ports, with their state in one directory. The local Git forge and the OpenID provider
// are in packages of their own below. The caller starts the parts of Portico itself (API, worker, portal).
//
// It is as large as the rest of Portico together, so no production code imports it: see
// docs/decisions/0001-embedded-temporal.md.
package devstack
