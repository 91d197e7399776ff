// Package temporaltest runs a real Temporal server for a test.
package temporaltest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/portico-dev/portico/internal/devstack/temporal"
	"github.com/portico-dev/portico/internal/testkit"
)

// stopTimeout bounds the end of a server.
const stopTimeout = time.Minute

var quiet = slog.New(slog.DiscardHandler)

// Serve runs a server on databases of its own until the test ends. DSN, Database and Log of the options are
// overwritten.
func Serve(t *testing.T, options temporal.Options) *temporal.Server {
	t.Helper()
	pool := testkit.Database(t)
	options.DSN, options.Log = pool.Config().ConnString(), quiet
	options.Database = pool.Config().ConnConfig.Database + "_temporal"
	t.Cleanup(func() { drop(t, options.DSN, options.Database, options.Database+"_visibility") })
	server, err := temporal.Start(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		require.NoError(t, server.Stop(ctx))
	})
	return server
}

// Dial connects to a server's default namespace until the test ends.
func Dial(t *testing.T, server *temporal.Server) client.Client {
	t.Helper()
	connected, err := client.DialContext(t.Context(), client.Options{HostPort: server.FrontendAddress(), Logger: sdklog.NewStructuredLogger(quiet)})
	require.NoError(t, err)
	t.Cleanup(connected.Close)
	return connected
}

func drop(t *testing.T, dsn string, databases ...string) {
	t.Helper()
	connected, err := pgx.Connect(context.Background(), dsn)
	require.NoError(t, err)
	defer connected.Close(context.Background())
	for _, database := range databases {
		_, err := connected.Exec(context.Background(), "drop database if exists "+pgx.Identifier{database}.Sanitize()+" with (force)")
		require.NoError(t, err)
	}
}
