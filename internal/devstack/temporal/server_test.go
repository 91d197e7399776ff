package temporal_test

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/portico-dev/portico/internal/devstack/postgres"
	"github.com/portico-dev/portico/internal/devstack/temporal"
)

func TestBoot(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		t0 := time.Now()
		pg, err := postgres.Start(t.Context(), postgres.Options{DataDir: dir, CacheDir: t.TempDir()})
		require.NoError(t, err)
		t1 := time.Now()
		s, err := temporal.Start(t.Context(), temporal.Options{DSN: pg.DSN("postgres")})
		require.NoError(t, err)
		t2 := time.Now()
		t.Log("pg", t1.Sub(t0), "temporal", t2.Sub(t1), s.FrontendAddress())
		dial(t, s)
		t.Log("dial", time.Since(t2))
		t2 = time.Now()
		require.NoError(t, s.Stop(t.Context()))
		t3 := time.Now()
		require.NoError(t, pg.Stop(t.Context()))
		t.Log("stop temporal", t3.Sub(t2), "pg", time.Since(t3))
	}
}

func startStack(t testing.TB, directory string) *temporal.Server {
	t.Helper()
	database, err := postgres.Start(t.Context(), postgres.Options{DataDir: directory, CacheDir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, database.Stop(context.Background())) })
	server, err := temporal.Start(t.Context(), temporal.Options{DSN: database.DSN("postgres"), Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop(context.Background())) })
	return server
}

func dial(t testing.TB, server *temporal.Server) client.Client {
	t.Helper()
	connected, err := client.DialContext(t.Context(), client.Options{HostPort: server.FrontendAddress(), Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	require.NoError(t, err)
	t.Cleanup(connected.Close)
	return connected
}
