// Package plantest reads Postgres' plans, for tests that a statement touches few rows of a large table. Times depend on
// the machine's load; the number of rows does not.
package plantest

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/db"
)

// Analyze before a statement executes it and returns its plan.
const Analyze = "explain (analyze, format json) "

// Plan is the part of EXPLAIN's answer that tests read.
type Plan struct {
	NodeType string  `json:"Node Type"`
	Relation string  `json:"Relation Name"`
	Rows     float64 `json:"Actual Rows"`
	Removed  float64 `json:"Rows Removed by Filter"`
	Loops    float64 `json:"Actual Loops"`
	Time     float64 `json:"Actual Total Time"`
	Plans    []Plan  `json:"Plans"`
}

// Parse reads the answer to Analyze.
func Parse(t testing.TB, document []byte) Plan {
	t.Helper()
	var plans []struct {
		Plan Plan `json:"Plan"`
	}
	require.NoError(t, json.Unmarshal(document, &plans))
	return plans[0].Plan
}

// SequentialScans are the tables that are read from end to end.
func (p Plan) SequentialScans() []string {
	var found []string
	if p.NodeType == "Seq Scan" {
		found = append(found, p.Relation)
	}
	for _, child := range p.Plans {
		found = append(found, child.SequentialScans()...)
	}
	return found
}

// Touched is the number of rows that all nodes of the plan have read.
func (p Plan) Touched() int {
	rows := (p.Rows + p.Removed) * p.Loops
	for _, child := range p.Plans {
		rows += float64(child.Touched())
	}
	return int(rows)
}

// Of is the plan of the one statement that do executes. Its results are the plan's text, so do's own error means
// nothing.
func Of(t testing.TB, tx pgx.Tx, do func(db.DBTX)) Plan {
	t.Helper()
	e := &explainer{tx: tx}
	do(e)
	require.NoError(t, e.err)
	require.NotNil(t, e.document, "no statement was executed")
	return Parse(t, e.document)
}

// explainer is a DBTX that explains what it executes.
type explainer struct {
	tx       pgx.Tx
	document []byte
	err      error
}

var errExplained = errors.New("the statement was explained")

func (e *explainer) explain(ctx context.Context, sql string, arguments []any) error {
	e.err = e.tx.QueryRow(ctx, Analyze+sql, arguments...).Scan(&e.document)
	return errExplained
}

// Exec implements db.DBTX.
func (e *explainer) Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error) {
	return pgconn.CommandTag{}, e.explain(ctx, sql, arguments)
}

// Query implements db.DBTX.
func (e *explainer) Query(ctx context.Context, sql string, arguments ...any) (pgx.Rows, error) {
	return nil, e.explain(ctx, sql, arguments)
}

// QueryRow implements db.DBTX.
func (e *explainer) QueryRow(ctx context.Context, sql string, arguments ...any) pgx.Row {
	return explained{e.explain(ctx, sql, arguments)}
}

// CopyFrom implements db.DBTX. A copy has no plan.
func (e *explainer) CopyFrom(context.Context, pgx.Identifier, []string, pgx.CopyFromSource) (int64, error) {
	return 0, errExplained
}

type explained struct{ err error }

// Scan implements pgx.Row.
func (e explained) Scan(...any) error { return e.err }
