package db

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Refused reports whether a statement failed because of its data: a value is invalid, breaks a constraint or
// exceeds a limit. A retry fails again; statements with other data may succeed.
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
