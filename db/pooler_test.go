package db_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/internal/testkit"
)

// servers is how many connections a pooler has to the server, by its mode. In session mode each client has
// its own connection until it disconnects.
var servers = map[string]int{"session": 20, "transaction": 3}

// pooled starts a PgBouncer and returns the DSN of the same database through it.
func pooled(t *testing.T, pool *pgxpool.Pool, mode string) string {
	t.Helper()
	target := pool.Config().ConnConfig
	port := freePort(t)
	directory, err := os.MkdirTemp("", "portico-pooler-") //nolint:usetesting // root's pooler runs as nobody, who may not enter t.TempDir's parent
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(directory)) })
	settings := fmt.Sprintf(`[databases]
* = host=%s port=%d user=%s password='%s'
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = %s
default_pool_size = %d
logfile = %s/log
`, target.Host, target.Port, target.User, target.Password, port, mode, servers[mode], directory)
	file := filepath.Join(directory, "pgbouncer.ini")
	require.NoError(t, os.WriteFile(file, []byte(settings), 0o644))
	start(t, directory, file)
	return fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable", target.User, port, target.Database)
}

// start runs a PgBouncer until the test ends. PgBouncer refuses to run as root, so root starts it as another
// user.
func start(t *testing.T, directory, file string) {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer" // not on every user's PATH
	}
	arguments := []string{file}
	if os.Getuid() == 0 {
		arguments = []string{"-u", "nobody", file}
		require.NoError(t, os.Chmod(directory, 0o777))
	}
	process := exec.CommandContext(context.WithoutCancel(t.Context()), program, arguments...)
	require.NoError(t, process.Start(), "PgBouncer: tools/test-needs.sh installs it")
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
	})
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	number, err := strconv.Atoi(port)
	require.NoError(t, err)
	return number
}

// opener is a function that opens a pool.
type opener func(ctx context.Context, dsn string, maxConns int32) (*pgxpool.Pool, error)

func openWhenThere(t *testing.T, open opener, dsn string) *pgxpool.Pool {
	t.Helper()
	ctx := t.Context() // still valid for an attempt in progress when the wait ends
	var pool *pgxpool.Pool
	require.Eventually(t, func() bool {
		var err error
		pool, err = open(ctx, dsn, 16)
		return err == nil
	}, time.Minute, 50*time.Millisecond)
	t.Cleanup(pool.Close)
	return pool
}

// TestThroughAConnectionPooler uses connections in every way in which Portico does.
func TestThroughAConnectionPooler(t *testing.T) {
	t.Parallel()
	for mode, open := range map[string]opener{"session": db.OpenSized, "transaction": db.OpenThroughPooler} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			pool := openWhenThere(t, open, pooled(t, testkit.Database(t), mode))
			require.NoError(t, db.CheckSchema(t.Context(), pool))
			var group errgroup.Group
			for range 8 {
				group.Go(func() error { return work(t.Context(), pool) })
			}
			require.NoError(t, group.Wait())
		})
	}
}

// work writes and reads with single statements, in a transaction and in a batch.
func work(ctx context.Context, pool *pgxpool.Pool) error {
	queries := db.New()
	for i := range 40 {
		if _, err := queries.CatalogGroupsOf(ctx, pool, 10, "user:default/ada", 10); err != nil {
			return fmt.Errorf("a statement: %w", err)
		}
		var batch db.Batch
		if err := queries.CatalogRequestStitches(ctx, &batch, false, []string{fmt.Sprintf("component:default/%d", i)}); err != nil {
			return err
		}
		if err := batch.Send(ctx, pool); err != nil {
			return fmt.Errorf("a batch: %w", err)
		}
		tx, err := pool.Begin(ctx)
		if err != nil {
			return err
		}
		if err := queries.LockSigningKeys(ctx, tx); err != nil {
			return fmt.Errorf("a transaction: %w", err)
		}
		if _, err := queries.SigningKeys(ctx, tx); err != nil {
			return fmt.Errorf("a transaction: %w", err)
		}
		if err := tx.Commit(ctx); err != nil {
			return err
		}
	}
	return nil
}

// TestListeningNeedsADirectConnection: a pooler that gives the connection to another client after each
// transaction loses notifications.
func TestListeningNeedsADirectConnection(t *testing.T) {
	t.Parallel()
	direct := testkit.Database(t)
	pool := openWhenThere(t, db.OpenThroughPooler, pooled(t, direct, "transaction"))
	listener := db.NewListener(direct, "test_news", slog.New(slog.DiscardHandler))
	wake, stop := listener.Follow("a topic")
	defer stop()
	ctx, cancel := context.WithCancel(t.Context())
	var group errgroup.Group
	group.Go(func() error { return listener.Run(ctx) })
	<-wake // it listens
	_, err := pool.Exec(t.Context(), "select pg_notify('test_news', 'a topic')")
	require.NoError(t, err)
	<-wake
	cancel()
	require.NoError(t, group.Wait())
}
