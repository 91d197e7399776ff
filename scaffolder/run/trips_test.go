package run_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/scaffolder/run"
	"github.com/portico-dev/portico/seal"
)

// TestRetentionUsesAnIndex: the batches find the runs to delete without reading the others.
func TestRetentionUsesAnIndex(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	_, err := pool.Exec(t.Context(), `
		insert into runs (id, template_ref, title, spec, spec_digest, status, phase, created_at, finished_at)
		select gen_random_uuid(), 't', 'T', '{}', '', (array['completed', 'failed'])[1 + n % 2], (array['done', 'parked'])[1 + n % 2], now(), now() - n * interval '1 minute'
		from generate_series(1, 100000) as n`)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `
		insert into run_steps (run_id, position, step_id, name, action, status, workspace, workspace_spent)
		select id, 0, 'one', 'One', 'a', 'completed', case when n % 200 = 0 then n::text end, n % 400 = 0 from (select id, row_number() over () as n from runs) as r`)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), "analyze runs, run_steps")
	require.NoError(t, err)
	explained := &explainer{}
	store := run.NewStore(explaining(t, pool, explained), nil)

	old := time.Now().Add(-99000 * time.Minute)
	_, err = store.DeleteRuns(t.Context(), old)
	require.NoError(t, err)
	explained.requires(t, "DeleteRuns", "runs_by_end")
	_, err = store.ExpireWorkspaces(t.Context(), old, old)
	require.NoError(t, err)
	explained.requires(t, "ExpireWorkspaces", "run_steps_with_workspace")
	_, err = store.ExpiredWorkspaces(t.Context())
	require.NoError(t, err)
	explained.requires(t, "ExpiredWorkspaces", "run_steps_by_workspace")
}

// TestAShortRunMakesTwoRoundTrips: one creates it, and one writes all its results. The notification of
// followers is separate.
func TestAShortRunMakesTwoRoundTrips(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	keys, err := seal.NewKeyring(seal.GenerateKey("test"))
	require.NoError(t, err)
	counted := &trips{}
	config := pool.Config()
	config.ConnConfig.Tracer = counted
	config.AfterConnect = nil // what a connection begins with is no run's doing
	traced, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(traced.Close)
	r := record{run.NewStore(traced, keys), pool, keys}

	id := r.create(t, nil)
	entry := everything("a")
	entry.WorkflowRunID, entry.Phase, entry.End = "execution-1", "", &run.Ending{Status: run.StatusCompleted, Phase: run.PhaseDone}
	require.NoError(t, r.Record(t.Context(), r.state(t, id).Claim, entry))
	require.Equal(t, 2, counted.batches)
	require.LessOrEqual(t, counted.queries, 1, "the telling")
}

// trips counts the round trips to the database.
type trips struct{ batches, queries int }

func (c *trips) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	c.batches++
	return ctx
}
func (*trips) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (*trips) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}
func (c *trips) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.queries++
	return ctx
}
func (*trips) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
