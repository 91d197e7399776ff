package db

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Batch collects statements that answer nothing and sends them in one round trip, as one transaction: all of
// them or none. It is a DBTX, so that the generated :exec queries fill it; a query that wants rows back
// fails. The zero value is ready.
type Batch struct{ statements pgx.Batch }

var errNoRowsFromBatch = errors.New("a batch answers no rows")

// Exec implements DBTX: the statement waits for Send.
func (b *Batch) Exec(_ context.Context, sql string, arguments ...any) (pgconn.CommandTag, error) {
	b.statements.Queue(sql, arguments...)
	return pgconn.CommandTag{}, nil
}

// Query implements DBTX by refusing.
func (b *Batch) Query(context.Context, string, ...any) (pgx.Rows, error) {
	return nil, errNoRowsFromBatch
}

// QueryRow implements DBTX by refusing.
func (b *Batch) QueryRow(context.Context, string, ...any) pgx.Row { return refusedRow{} }

type refusedRow struct{}

func (refusedRow) Scan(...any) error { return errNoRowsFromBatch }

// Send carries the statements out. An empty batch does nothing.
func (b *Batch) Send(ctx context.Context, pool *pgxpool.Pool) error {
	if b.statements.Len() == 0 {
		return nil
	}
	return pool.SendBatch(ctx, &b.statements).Close()
}
