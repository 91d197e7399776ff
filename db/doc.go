// Package db is the store: the schema (migrations/), the statements (queries/*.sql) and the Go code that sqlc
// generates from both. Only opening and migrating the database (Open, Migrate), batches (Batch) and
// notifications (Listener) are written by hand. The domain packages call the statements in transactions that
// they open, and decide who may do so.
package db
