package db

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Unreachable reports whether a statement failed because the database could not be reached: no connection
// could be made, the connection was lost, or the server is starting or stopping. Similar errors of
// connections to other hosts are not included: only the pools of this package mark theirs.
func Unreachable(err error) bool {
	if _, is := errors.AsType[*pgconn.ConnectError](err); is {
		return true
	}
	if answer, is := errors.AsType[*pgconn.PgError](err); is {
		// Class 08 is connection exceptions. A server sends 57P01 to 57P05 when it ends the connection or
		// accepts none.
		return strings.HasPrefix(answer.Code, "08") || strings.HasPrefix(answer.Code, "57P")
	}
	if _, is := errors.AsType[*lostError](err); is {
		return true
	}
	return errors.Is(err, pgconn.ErrConnClosed)
}
