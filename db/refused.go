package db

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Refused says whether an error of a statement means that the database does not take what it was given: a
// value that is wrong, breaks a constraint or exceeds a limit. The same again fails again; other rows may
// pass.
func Refused(err error) bool {
	answer, is := errors.AsType[*pgconn.PgError](err)
	if !is {
		return false
	}
	for _, class := range []string{"22", "23", "54", "P0"} { // data, integrity, limits, raised by a trigger
		if strings.HasPrefix(answer.Code, class) {
			return true
		}
	}
	return false
}
