package audit_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/internal/testkit"
)

// aged is a log of many seals with one event each, all of them sealed ten days ago.
func aged(t *testing.T, count int) (*pgxpool.Pool, *audit.Log) {
	t.Helper()
	pool := testkit.Database(t)
	log := audit.NewLog(pool, quiet)
	for n := range count {
		require.NoError(t, audit.Record(t.Context(), pool, ada, audit.EntityDelete, fmt.Sprint(n)))
		sealAll(t, log)
	}
	age(t, pool, "true")
	return pool, log
}

// age makes seals ten days older.
func age(t *testing.T, pool *pgxpool.Pool, which string) {
	t.Helper()
	tamper(t, pool, "update audit_seals set sealed_at = sealed_at - interval '10 days' where "+which)
	for _, each := range []string{"alter table audit_events enable trigger user", "alter table audit_seals enable trigger user"} {
		_, err := pool.Exec(t.Context(), each)
		require.NoError(t, err)
	}
}

func yesterday() time.Time { return time.Now().Add(-24 * time.Hour) }

// expire runs the retention to its end.
func expire(t *testing.T, log *audit.Log) {
	t.Helper()
	for more := true; more; {
		var err error
		more, err = log.DeleteBefore(t.Context(), yesterday())
		require.NoError(t, err)
	}
}

func TestTheRetentionDeletesTheOldestSeals(t *testing.T) {
	t.Parallel()
	pool, log := sealed(t)
	age(t, pool, "number <= 2")
	more, err := log.DeleteBefore(t.Context(), yesterday())
	require.NoError(t, err)
	require.False(t, more)
	require.Len(t, find(t, pool, audit.Query{}), 4)
	report, err := log.Verify(t.Context(), audit.Check{})
	require.NoError(t, err)
	require.Nil(t, report.Break, "the rest of the chain is whole")
	require.EqualValues(t, 3, report.FirstSeal)

	err = pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), "delete from audit_events")
		return err
	})
	require.ErrorContains(t, err, "append-only", "the permission ended with its transaction")
}

// TestTheChainContinuesAfterTheRetention: also when all seals are old, and when a clock was set back.
func TestTheChainContinuesAfterTheRetention(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		old   string
		first int
	}{
		"all are old":              {"true", 3},
		"an older one comes later": {"number <> 2", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, log := sealed(t)
			before, err := log.Verify(t.Context(), audit.Check{})
			require.NoError(t, err)
			age(t, pool, test.old)
			expire(t, log)
			require.NoError(t, audit.Record(t.Context(), pool, ada, audit.EntityDelete, "after"))
			sealAll(t, log)
			report, err := log.Verify(t.Context(), audit.Check{Head: unhex(t, before.Head)})
			require.NoError(t, err)
			require.True(t, report.IsWhole(), report.Break)
			require.EqualValues(t, test.first, report.FirstSeal)
		})
	}
}

// TestAHeadFromBeforeTheRetentionIsNotTampering: the one that the first seal continues is found, and of an older
// one nothing can be said.
func TestAHeadFromBeforeTheRetentionIsNotTampering(t *testing.T) {
	t.Parallel()
	pool, log := sealed(t)
	heads := make([]string, 3)
	for i := range heads {
		require.NoError(t, pool.QueryRow(t.Context(), "select encode(hashes[4], 'hex') from audit_seals where number = $1", i+1).Scan(&heads[i]))
	}
	age(t, pool, "number <= 2")
	expire(t, log)
	for i, known := range []bool{false, true, true} {
		report, err := log.Verify(t.Context(), audit.Check{Head: unhex(t, heads[i])})
		require.NoError(t, err)
		require.Nil(t, report.Break)
		require.Equal(t, known, !report.LacksHead, "the head of seal %d", i+1)
	}
}

// meanwhile does something once, after the first query that contains a text.
type meanwhile struct {
	text string
	do   func()
	once sync.Once
}

type sqlKey struct{}

// TraceQueryStart implements pgx.QueryTracer.
func (*meanwhile) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	return context.WithValue(ctx, sqlKey{}, data.SQL)
}

// TraceQueryEnd implements pgx.QueryTracer.
func (m *meanwhile) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	if sql, _ := ctx.Value(sqlKey{}).(string); strings.Contains(sql, m.text) {
		m.once.Do(m.do)
	}
}

// with is another process's log on the same database, whose first query with a text is followed by do.
func with(t *testing.T, pool *pgxpool.Pool, text string, do func()) *audit.Log {
	t.Helper()
	config := pool.Config()
	config.ConnConfig.Tracer = &meanwhile{text: text, do: do}
	traced, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(traced.Close)
	return audit.NewLog(traced, quiet)
}

// TestTheRetentionOfTwoWorkersLeavesNoHole: one of them dies after it chose what to delete.
func TestTheRetentionOfTwoWorkersLeavesNoHole(t *testing.T) {
	t.Parallel()
	pool, log := aged(t, 45)
	ctx, die := context.WithCancel(t.Context())
	dying := with(t, pool, "from audit_seals", func() {
		_, err := log.DeleteBefore(t.Context(), yesterday())
		require.NoError(t, err)
		die()
	})
	_, err := dying.DeleteBefore(ctx, yesterday())
	require.ErrorIs(t, err, context.Canceled)
	report, err := log.Verify(t.Context(), audit.Check{})
	require.NoError(t, err)
	require.Nil(t, report.Break)
	require.Equal(t, 45, report.Seals)
	expire(t, log)
	require.Len(t, find(t, pool, audit.Query{}), 1)
}

// TestTheLogIsReadAsItIsAtOneMoment: the retention and new seals meanwhile are neither a change of the log nor
// missing in an export.
func TestTheLogIsReadAsItIsAtOneMoment(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]func(*testing.T, *audit.Log) int{
		"verify": func(t *testing.T, log *audit.Log) int {
			t.Helper()
			report, err := log.Verify(t.Context(), audit.Check{})
			require.NoError(t, err)
			require.Nil(t, report.Break)
			return report.Events
		},
		"export": func(t *testing.T, log *audit.Log) int {
			t.Helper()
			var out bytes.Buffer
			require.NoError(t, log.Export(t.Context(), audit.Span{}, &out))
			return strings.Count(out.String(), "\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, log := aged(t, 45)
			reader := with(t, pool, "from audit_seals where number", func() {
				expire(t, log)
				require.NoError(t, audit.Record(t.Context(), pool, ada, audit.EntityDelete, "new"))
				sealAll(t, log)
			})
			require.Equal(t, 45, read(t, reader))
			require.Len(t, find(t, pool, audit.Query{}), 2, "the retention ran meanwhile")
		})
	}
}

// slowReader takes its first text only when Postgres has no transaction any more that waits for it.
type slowReader struct {
	t    *testing.T
	pool *pgxpool.Pool
	got  bytes.Buffer
}

// Write implements io.Writer.
func (r *slowReader) Write(text []byte) (int, error) {
	if r.got.Len() == 0 {
		require.Eventually(r.t, func() bool {
			var waiting int
			err := r.pool.QueryRow(r.t.Context(), "select count(*) from pg_stat_activity where state = 'idle in transaction' and datname = current_database()").Scan(&waiting)
			return err == nil && waiting == 0
		}, time.Minute, 10*time.Millisecond)
	}
	return r.got.Write(text)
}

// TestASlowReaderDoesNotHoldATransaction: what was not read yet fails. What was read already is whole.
func TestASlowReaderDoesNotHoldATransaction(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		seals   int
		problem string
	}{
		"more is to be read": {45, "the audit log was read too slowly: write it to a file first, or read a day at a time"},
		"all was read":       {3, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, log := aged(t, test.seals)
			log.SetPatience(500 * time.Millisecond)
			reader := &slowReader{t: t, pool: pool}
			err := log.Export(t.Context(), audit.Span{}, reader)
			if test.problem != "" {
				require.ErrorContains(t, err, test.problem)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.seals, strings.Count(reader.got.String(), "\n"))
		})
	}
}

func TestTheRetentionOfALargeLogReadsTheOldestSealsOnly(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	for _, statement := range []string{`insert into audit_seals (number, sealed_at, previous, event_ids, hashes)
		select n, now(), '\x00', array[gen_random_uuid()], array['\x00'::bytea] from generate_series(1, 100000) as n`, "vacuum analyze audit_seals"} {
		_, err := pool.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	explained := &explaining{DBTX: pool, t: t}
	_, err := db.New().OldestAuditSeals(t.Context(), explained, 20)
	require.NoError(t, err)
	require.NotContains(t, explained.plan, "Seq Scan")
	require.NotContains(t, explained.plan, "Sort")
}
