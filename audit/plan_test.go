package audit_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/internal/testkit"
)

// explaining is a database whose queries are explained before they run.
type explaining struct {
	db.DBTX

	t    *testing.T
	plan string
}

// Query implements db.DBTX.
func (e *explaining) Query(ctx context.Context, sql string, arguments ...any) (pgx.Rows, error) {
	rows, err := e.DBTX.Query(ctx, "explain "+sql, arguments...)
	require.NoError(e.t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(e.t, err)
	e.plan = strings.Join(lines, "\n")
	return e.DBTX.Query(ctx, sql, arguments...)
}

// TestSearchesWalkAnIndexOfALargeTable: also those for what is rare, or did not happen.
func TestSearchesWalkAnIndexOfALargeTable(t *testing.T) {
	t.Parallel()
	pool := large(t)
	for name, test := range map[string]struct {
		query audit.Query
		index string
		found int
	}{
		"everything":          {audit.Query{Limit: 50}, "audit_events_pkey", 50},
		"an old time":         {audit.Query{Until: time.Now().Add(-50 * time.Hour), Limit: 50}, "audit_events_pkey", 50},
		"a user":              {audit.Query{Who: "user:default/u7", Limit: 50}, "audit_events_by_actor", 50},
		"on a user's behalf":  {audit.Query{Who: "user:default/b7", Limit: 50}, "audit_events_by_principal", 50},
		"nobody":              {audit.Query{Who: "user:default/nobody", Limit: 50}, "audit_events_by_actor", 0},
		"a resource":          {audit.Query{Resource: "r7", Limit: 50}, "audit_events_by_resource", 50},
		"a rare action":       {audit.Query{Actions: []audit.Action{"role.update"}, Limit: 50}, "audit_events_by_action", 50},
		"what did not happen": {audit.Query{Actions: []audit.Action{"role.delete"}, Limit: 50}, "audit_events_by_action", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			explained := &explaining{DBTX: pool, t: t}
			events, err := audit.Find(t.Context(), explained, test.query)
			require.NoError(t, err)
			require.Len(t, events, test.found)
			require.Contains(t, explained.plan, test.index, explained.plan)
			require.NotContains(t, explained.plan, "Seq Scan")
		})
	}
}

// TestVerifyingALargeLogComparesSets: each event with each other would take minutes.
func TestVerifyingALargeLogComparesSets(t *testing.T) {
	t.Parallel()
	pool := large(t)
	_, err := pool.Exec(t.Context(), "insert into audit_unsealed select id from audit_events")
	require.NoError(t, err)
	log := audit.NewLog(pool, quiet)
	sealAll(t, log)
	report, err := log.Verify(t.Context(), audit.Check{})
	require.NoError(t, err)
	require.Nil(t, report.Break)
	require.Equal(t, 100_000, report.Events)

	explained := &explaining{DBTX: pool, t: t}
	_, err = db.New().AuditEventWithoutSeal(t.Context(), explained, uuid.Nil, uuid.Max, time.Time{})
	require.NoError(t, err)
	require.NotContains(t, explained.plan, "Nested Loop")
}

// large is a database with a hundred thousand events.
func large(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool := testkit.Database(t)
	for _, statement := range []string{`
		insert into audit_events (id, at, actor_kind, actor, on_behalf_of, action, resource, outcome)
		select (lpad(to_hex((extract(epoch from now()) * 1000)::bigint - n * 3600), 12, '0') || '7' || substr(md5(n::text), 1, 19))::uuid,
			now() - n * interval '3.6 seconds', 'user', 'user:default/u' || n % 500, case when n % 10 = 0 then 'user:default/b' || n / 10 % 100 end,
			case when n % 1000 = 0 then 'role.update' else 'run.create' end, 'r' || n % 1000, 'done'
		from generate_series(1, 100000) as n`, "vacuum analyze audit_events"} {
		_, err := pool.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	return pool
}
