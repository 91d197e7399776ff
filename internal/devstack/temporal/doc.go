// Package temporal runs a whole Temporal server (frontend, history, matching and worker) inside this process,
// with its data in two databases of a PostgreSQL server. It is for development and tests; a production
// Portico is given the address of a cluster and does not contain this package.
package temporal
