package db

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Unreachable says whether an error of a statement means that the database was not there to answer it: no
// connection could be made, the one in use was cut, or the server is starting or stopping. Errors of any
// other network are none of these, however alike: only a pool of this package makes the first two.
func Unreachable(err error) bool {
	if _, is := errors.AsType[*pgconn.ConnectError](err); is {
		return true
	}
	if answer, is := errors.AsType[*pgconn.PgError](err); is {
		// Class 08 is connection exceptions; 57P01 to 57P05 are said by a server that ends the connection or
		// takes none.
		return strings.HasPrefix(answer.Code, "08") || strings.HasPrefix(answer.Code, "57P")
	}
	if _, is := errors.AsType[*lostError](err); is {
		return true
	}
	return errors.Is(err, pgconn.ErrConnClosed)
}
