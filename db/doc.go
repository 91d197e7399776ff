// Package db is the store: the schema (migrations/), the statements (queries/*.sql) and the Go that sqlc generates from
// both. Open and Migrate are the only code written by hand. What a statement means and who may run it is decided by the
// domain packages that call it, in transactions that they open.
package db
