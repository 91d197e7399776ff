package run_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/scaffolder/run"
)

// TestHotReadsUseAnIndex checks PostgreSQL's plans for the frequent statements of pages and event streams,
// with a hundred thousand runs in the table.
func TestHotReadsUseAnIndex(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	_, err := pool.Exec(t.Context(), `
		insert into runs (id, template_ref, title, spec, spec_digest, status, phase, created_at, failed_step, error, created_by)
		select gen_random_uuid(), 'template:default/t' || n % 20, 'T', '{}', '', (array['completed', 'failed'])[1 + n % 2], (array['done', 'parked'])[1 + n % 2],
			now() - n * interval '1 second', 's' || n % 3, json_build_object('message', 'Repository ' || n || ' exists'),
			'user:default/u' || n % 1000
		from generate_series(1, 100000) as n`)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `
		insert into run_events (run_id, type, body, key)
		select id, 'log', '{}', n::text from (select id from runs limit 2000) as r, generate_series(1, 50) as n`)
	require.NoError(t, err)
	testkit.Vacuum(t, pool, "runs", "run_events")

	explained := &explainer{}
	store := run.NewStore(explaining(t, pool, explained), nil)
	_, _, err = store.List(t.Context(), run.Rules.Everything(), run.Query{Limit: 20})
	require.NoError(t, err)
	explained.requires(t, "ListRunsNewestFirst", "runs_by_created_at")

	// A user who may read only their own hundred runs: a page is read without reading those of others.
	own := grantedUnder(t, ownedBy("user:default/u7"))
	_, total, err := store.List(t.Context(), own, run.Query{Limit: 20})
	require.NoError(t, err)
	require.Equal(t, 100, total)
	explained.requires(t, "ListRunsNewestFirst", "Index Cond: (created_by =")
	explained.requires(t, "CountRuns", "Index Only Scan using runs_by_creator")
	// A user who may read nearly all runs: the newest are read first.
	criteria := ownedBy("user:default/u7")
	_, _, err = store.List(t.Context(), grantedUnder(t, policy.Criteria{Not: &criteria}), run.Query{Limit: 20})
	require.NoError(t, err)
	explained.requires(t, "ListRunsNewestFirst", "runs_by_created_at")

	var id [16]byte
	require.NoError(t, pool.QueryRow(t.Context(), "select run_id from run_events limit 1").Scan(&id))
	_, err = store.Events(t.Context(), id, 10)
	require.NoError(t, err)
	explained.requires(t, "RunEventsAfter", "Index Cond: (run_id =")

	causes, total, err := store.Causes(t.Context(), run.Rules.Everything(), run.CauseQuery{Limit: 50})
	require.NoError(t, err)
	require.Equal(t, 30, total, "what differs in each run is no cause of its own")
	require.Len(t, causes, 30)
	explained.requires(t, "RunCauses", "Index Only Scan using runs_by_cause")
	explained.requires(t, "CountRunCauses", "Index Only Scan using runs_by_cause")
	_, _, err = store.List(t.Context(), run.Rules.Everything(), run.Query{Causes: []string{causes[0].ID}, Limit: 20})
	require.NoError(t, err)
	explained.requires(t, "ListRunsNewestFirst", "runs_by_c")
	_, _, err = store.List(t.Context(), run.Rules.Everything(), run.Query{IDPrefix: "6f1c2a3e", Limit: 20})
	require.NoError(t, err)
	explained.requires(t, "ListRunsNewestFirst", "runs_pkey")

	_, err = store.Unstarted(t.Context(), time.Now().Add(-200000*time.Second))
	require.NoError(t, err)
	explained.requires(t, "RunsToStart", "Index Scan using runs_by_status")

	_, err = store.Stale(t.Context(), time.Now(), uuid.Nil)
	require.NoError(t, err)
	explained.requires(t, "StaleRuns", "runs_by_status")
}

func ownedBy(user string) policy.Criteria {
	return policy.Criteria{Rule: "IS_TASK_OWNER", ResourceType: policy.ScaffolderTask, Params: json.RawMessage(`{"createdBy":["` + user + `"]}`)}
}

// explainer stores the statements that were sent and their arguments.
type explainer struct {
	pool  *pgxpool.Pool
	plans map[string]string
}

// TraceQueryStart implements pgx.QueryTracer: it explains each statement before it runs.
func (e *explainer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	name, isNamed := strings.CutPrefix(data.SQL, "-- name: ")
	if !isNamed || strings.Contains(data.SQL, "insert") {
		return ctx
	}
	name, _, _ = strings.Cut(name, " ")
	rows, err := e.pool.Query(ctx, "explain "+data.SQL, data.Args...)
	if err != nil {
		return ctx
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err == nil {
		e.plans[name] = strings.Join(lines, "\n")
	}
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (e *explainer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (e *explainer) requires(t *testing.T, query, index string) {
	t.Helper()
	require.Contains(t, e.plans[query], index, query)
	require.NotContains(t, e.plans[query], "Seq Scan", query)
}

// explaining is a pool on the same database whose statements are explained.
func explaining(t *testing.T, pool *pgxpool.Pool, e *explainer) *pgxpool.Pool {
	t.Helper()
	e.pool, e.plans = pool, map[string]string{}
	config := pool.Config()
	config.ConnConfig.Tracer = e
	traced, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(traced.Close)
	return traced
}
