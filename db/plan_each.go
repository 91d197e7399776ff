package db

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// PlanEach makes Postgres plan each execution for its parameters. A statement whose parameters switch
// conditions on and off needs that: as a prepared statement it would get one generic plan, which cannot use
// the index of a condition.
func PlanEach(db DBTX) DBTX { return planEach{db} }

type planEach struct{ db DBTX }

// Exec implements DBTX.
func (p planEach) Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error) {
	return p.db.Exec(ctx, sql, unprepared(arguments)...)
}

// Query implements DBTX.
func (p planEach) Query(ctx context.Context, sql string, arguments ...any) (pgx.Rows, error) {
	return p.db.Query(ctx, sql, unprepared(arguments)...)
}

// QueryRow implements DBTX.
func (p planEach) QueryRow(ctx context.Context, sql string, arguments ...any) pgx.Row {
	return p.db.QueryRow(ctx, sql, unprepared(arguments)...)
}

// CopyFrom implements DBTX. There is nothing to plan.
func (p planEach) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error) {
	return p.db.CopyFrom(ctx, table, columns, rows)
}

func unprepared(arguments []any) []any {
	return append([]any{pgx.QueryExecModeCacheDescribe}, arguments...)
}
