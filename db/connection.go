package db

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
)

// connection is one of a pool's. Its failures are known as the database's, whoever sees them: other hosts
// fail with the same errors.
type connection struct{ net.Conn }

// watch makes a new connection a connection. It sits above TLS, so that nothing that the network does comes
// past it.
func watch(_ context.Context, _ *pgconn.Config, established net.Conn) (net.Conn, error) {
	return connection{established}, nil
}

// Read reads from the database.
func (c connection) Read(into []byte) (int, error) {
	n, err := c.Conn.Read(into)
	return n, lost(err)
}

// Write writes to the database.
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
		err = io.ErrUnexpectedEOF // as pgx would have it, which no longer recognizes it
	}
	return &lostError{err}
}
