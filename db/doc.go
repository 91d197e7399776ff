// Package db is the store: the schema (migrations/), the statements (queries/*.sql) and the Go that sqlc
// generates from both. By hand are only what opens and migrates the database (Open, Migrate), what sends
// statements together (Batch) and what hears notifications (Listener). What a statement means and who may run
// it is decided by the domain packages that call it, in transactions that they open.
package db
