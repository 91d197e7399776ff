package db_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/internal/testkit"
)

func TestUnreachable(t *testing.T) {
	t.Parallel()
	_, refused := pgx.Connect(t.Context(), "postgres://nobody@127.0.0.1:1/none")
	for name, test := range map[string]struct {
		err      error
		expected bool
	}{
		"nobody listens":     {refused, true},
		"the server starts":  {&pgconn.PgError{Code: "57P03"}, true},
		"connection failure": {&pgconn.PgError{Code: "08006"}, true},
		"reset":              {&net.OpError{Op: "read", Err: syscall.ECONNRESET}, true},
		"cut":                {io.ErrUnexpectedEOF, true},
		"closed before":      {pgconn.ErrConnClosed, true},
		"another host":       {&url.Error{Op: "Get", URL: "https://example.com", Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}, false},
		"a unique violation": {&pgconn.PgError{Code: "23505"}, false},
		"a cancelled query":  {&pgconn.PgError{Code: "57014"}, false},
		"no rows":            {pgx.ErrNoRows, false},
		"the caller left":    {context.Canceled, false},
		"something else":     {errors.New("out of cheese"), false},
		"nothing at all":     {nil, false},
	} {
		require.Equal(t, test.expected, db.Unreachable(test.err), name)
		if test.err != nil {
			require.Equal(t, test.expected, db.Unreachable(fmt.Errorf("list runs: %w", test.err)), name)
		}
	}
}

func TestAConnectionThatTheServerEndsIsUnreachable(t *testing.T) {
	t.Parallel()
	_, err := testkit.Database(t).Exec(t.Context(), "select pg_terminate_backend(pg_backend_pid())")
	require.Error(t, err)
	require.True(t, db.Unreachable(err), err)
}
