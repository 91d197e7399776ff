package db

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Batch collects statements without results and sends them in one round trip, as one transaction. It is a
// DBTX, so that the generated :exec queries add to it. A query that returns rows fails. The zero value is
// ready.
type Batch struct{ statements pgx.Batch }

var errNoRowsFromBatch = errors.New("a batch returns and copies no rows")

// Exec implements DBTX: it adds the statement to the batch.
func (b *Batch) Exec(_ context.Context, sql string, arguments ...any) (pgconn.CommandTag, error) {
	b.statements.Queue(sql, arguments...)
	return pgconn.CommandTag{}, nil
}

// Query implements DBTX and always fails.
func (b *Batch) Query(context.Context, string, ...any) (pgx.Rows, error) {
	return nil, errNoRowsFromBatch
}

// CopyFrom implements DBTX and always fails.
func (b *Batch) CopyFrom(context.Context, pgx.Identifier, []string, pgx.CopyFromSource) (int64, error) {
	return 0, errNoRowsFromBatch
}

// QueryRow implements DBTX. Scanning its row always fails.
func (b *Batch) QueryRow(context.Context, string, ...any) pgx.Row { return refusedRow{} }

type refusedRow struct{}

func (refusedRow) Scan(...any) error { return errNoRowsFromBatch }

// Send executes the statements on a pool, or within a transaction. An empty batch does nothing.
func (b *Batch) Send(ctx context.Context, to interface {
	SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults
},
) error {
	if b.statements.Len() == 0 {
		return nil
	}
	return to.SendBatch(ctx, &b.statements).Close()
}
