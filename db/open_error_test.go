package db_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/internal/testkit"
)

func TestErrorsOfOpenAreOneLine(t *testing.T) {
	t.Parallel()
	running := testkit.Database(t).Config().ConnConfig
	server := fmt.Sprintf("%s:%d", running.Host, running.Port)
	for name, test := range map[string]struct{ dsn, expected string }{
		"connection refused": {
			"postgres://ada:hunter2@localhost:1/portico",
			"database portico at localhost:1: connection refused; is PostgreSQL running there?",
		},
		"connection refused at both": {
			"postgres://ada:hunter2@localhost:1,127.0.0.1:2/portico",
			"database portico at localhost:1, 127.0.0.1:2: connection refused; is PostgreSQL running there?",
		},
		"no socket": {
			"host=/nowhere user=ada password=hunter2 dbname=portico",
			"database portico at /nowhere/.s.PGSQL.5432: no such file or directory; is PostgreSQL running there?",
		},
		"no such database": {
			fmt.Sprintf("postgres://%s:%s@%s/none", running.User, running.Password, server),
			fmt.Sprintf("database none at %s: there is no such database; create it: createdb --host %s --port %d --username %s none",
				server, running.Host, running.Port, running.User),
		},
		"a wrong password": {
			fmt.Sprintf("postgres://%s:hunter2@%s/%s", running.User, server, running.Database),
			fmt.Sprintf("database %s at %s: the password of user %s was refused; check the user and the password",
				running.Database, server, running.User),
		},
		"no encryption": {
			fmt.Sprintf("postgres://%s:hunter2@%s/%s?sslmode=require", running.User, server, running.Database),
			fmt.Sprintf("database %s at %s: %s (%s): tls error: server refused TLS connection; check its host, port and sslmode",
				running.Database, server, server, running.Host),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := db.Open(t.Context(), test.dsn)
			require.EqualError(t, err, test.expected)
		})
	}
}

func TestAnUnknownHostIsNamed(t *testing.T) {
	t.Parallel()
	_, err := db.Open(t.Context(), "postgres://ada:hunter2@portico.invalid/portico")
	require.ErrorContains(t, err, "database portico at portico.invalid:5432: ")
	require.ErrorContains(t, err, "; check the name of the host")
}

func TestOpenHasATimeout(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = db.Open(ctx, "postgres://ada:hunter2@"+listener.Addr().String()+"/portico")
	require.EqualError(t, err, "database portico at "+listener.Addr().String()+": no answer in time; can PostgreSQL be reached there from here?")
}

func TestTheDriversErrorIsWrapped(t *testing.T) {
	t.Parallel()
	_, err := db.Open(t.Context(), "postgres://ada:hunter2@127.0.0.1:1/portico")
	require.True(t, db.Unreachable(err))
	var attempts *pgconn.ConnectError
	require.ErrorAs(t, err, &attempts)
}
