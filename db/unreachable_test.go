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
		"connection refused": {refused, true},
		"the server starts":  {&pgconn.PgError{Code: "57P03"}, true},
		"connection failure": {&pgconn.PgError{Code: "08006"}, true},
		"another's reset":    {&net.OpError{Op: "read", Err: syscall.ECONNRESET}, false},
		"another's end":      {io.ErrUnexpectedEOF, false},
		"another's name":     {&net.DNSError{Err: "no such host", Name: "example.com"}, false},
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

// TestAConnectionThatIsCutIsUnreachable breaks the network between a pool and its database in the middle of a
// statement.
func TestAConnectionThatIsCutIsUnreachable(t *testing.T) {
	t.Parallel()
	config := testkit.Database(t).Config().ConnConfig
	for name, cut := range map[string]func(*net.TCPConn) error{
		"closed": (*net.TCPConn).Close,
		"reset":  func(c *net.TCPConn) error { return errors.Join(c.SetLinger(0), c.Close()) },
	} {
		network, address := pgconn.NetworkAddress(config.Host, config.Port)
		between := relay(t, network, address)
		pool, err := db.Open(t.Context(), fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", config.User, config.Password, between.listener.Addr(), config.Database))
		require.NoError(t, err)
		t.Cleanup(pool.Close)
		rows, err := pool.Query(t.Context(), "select repeat('x', 1000) from generate_series(1, 100000)")
		require.NoError(t, err)
		require.True(t, rows.Next())
		require.NoError(t, cut((<-between.accepted).(*net.TCPConn)))
		for rows.Next() {
			continue // data that was in transit arrives first
		}
		require.Error(t, rows.Err())
		require.True(t, db.Unreachable(fmt.Errorf("list runs: %w", rows.Err())), "%s: %v", name, rows.Err())
	}
}

// between is a proxy between a client and a server.
type between struct {
	listener net.Listener
	accepted chan net.Conn
}

func relay(t *testing.T, network, address string) between {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	b := between{listener, make(chan net.Conn, 16)}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial(network, address)
			if err != nil {
				_ = client.Close()
				return
			}
			b.accepted <- client
			go func() { _, _ = io.Copy(server, client); _ = server.Close() }()
			go func() { _, _ = io.Copy(client, server); _ = client.Close() }()
		}
	}()
	return b
}

func TestAConnectionThatTheServerEndsIsUnreachable(t *testing.T) {
	t.Parallel()
	_, err := testkit.Database(t).Exec(t.Context(), "select pg_terminate_backend(pg_backend_pid())")
	require.Error(t, err)
	require.True(t, db.Unreachable(err), err)
}
