package db

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
)

// connection is a connection of a pool. It marks its errors as the database's, because connections to other
// hosts fail with the same errors.
type connection struct{ net.Conn }

// wrapConnection wraps a new connection. It wraps TLS, too, so that it sees all errors of the network.
func wrapConnection(_ context.Context, _ *pgconn.Config, established net.Conn) (net.Conn, error) {
	return connection{established}, nil
}

// Read implements net.Conn.
func (c connection) Read(into []byte) (int, error) {
	n, err := c.Conn.Read(into)
	return n, lost(err)
}

// Write implements net.Conn.
func (c connection) Write(from []byte) (int, error) {
	n, err := c.Conn.Write(from)
	return n, lost(err)
}

// lostError is a failure of a connection to the database.
type lostError struct{ error }

// Unwrap gives the error itself to errors.Is and errors.As.
func (e *lostError) Unwrap() error { return e.error }

func lost(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // pgx replaces io.EOF so, but does not recognize a wrapped one
	}
	return &lostError{err}
}
