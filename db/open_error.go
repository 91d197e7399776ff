package db

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// OpenError says on one line which database could not be opened, why, and what to do next. It wraps the
// driver's error, which lists every attempt: one for each address of the host, with TLS and without.
type OpenError struct {
	config *pgconn.Config
	cause  error
}

func (e *OpenError) Error() string {
	reason, next := e.explain()
	return fmt.Sprintf("database %s at %s: %s; %s", e.config.Database, e.addresses(), reason, next)
}

// Unwrap returns the driver's error.
func (e *OpenError) Unwrap() error { return e.cause }

// addresses lists the addresses that were tried, each once.
func (e *OpenError) addresses() string {
	_, first := pgconn.NetworkAddress(e.config.Host, e.config.Port)
	tried := []string{first}
	for _, other := range e.config.Fallbacks {
		if _, address := pgconn.NetworkAddress(other.Host, other.Port); !slices.Contains(tried, address) {
			tried = append(tried, address)
		}
	}
	return strings.Join(tried, ", ")
}

// explain describes the cause. It prefers the error of a server that answered to the errors of attempts
// without an answer.
func (e *OpenError) explain() (reason, next string) {
	if answer, is := errors.AsType[*pgconn.PgError](e.cause); is {
		return e.explainAnswer(answer)
	}
	if lookup, is := errors.AsType[*net.DNSError](e.cause); is {
		return lookup.Err, "check the name of the host"
	}
	if errors.Is(e.cause, context.DeadlineExceeded) {
		return "no answer in time", "can PostgreSQL be reached there from here?"
	}
	if failed, is := errors.AsType[syscall.Errno](e.cause); is {
		return failed.Error(), "is PostgreSQL running there?"
	}
	return e.lastAttempt(), "check its host, port and sslmode"
}

// PostgreSQL's error codes for refused connections:
// https://www.postgresql.org/docs/current/errcodes-appendix.html.
const (
	invalidPassword      = "28P01"
	invalidAuthorization = "28000"
	noSuchDatabase       = "3D000"
	cannotConnectNow     = "57P03"
)

func (e *OpenError) explainAnswer(answer *pgconn.PgError) (reason, next string) {
	switch answer.Code {
	case noSuchDatabase:
		return "there is no such database", fmt.Sprintf("create it: createdb --host %s --port %d --username %s %s",
			e.config.Host, e.config.Port, e.config.User, e.config.Database)
	case invalidPassword:
		return "the password of user " + e.config.User + " was refused", "check the user and the password"
	case invalidAuthorization:
		return answer.Message, "check the user, and whom the server's pg_hba.conf lets in"
	case cannotConnectNow:
		return answer.Message, "try again in a moment"
	default:
		return answer.Message, "the server's log may say more"
	}
}

// lastAttempt returns the driver's error of its last attempt.
func (e *OpenError) lastAttempt() string {
	cause := e.cause
	if failed, is := errors.AsType[*pgconn.ConnectError](cause); is {
		cause = failed.Unwrap()
	}
	attempts := strings.Split(cause.Error(), "\n")
	return attempts[len(attempts)-1]
}
