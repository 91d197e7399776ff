package api

import (
	"cmp"
	"errors"
	"net"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// auditing is how a route is part of the audit log. The start refuses its zero value for a route that may
// write.
type auditing struct {
	action audit.Action
	reason string
}

// records says that the command behind the route records this action, in the transaction of its change. What
// it refuses is recorded by the server.
func records(action audit.Action) auditing { return auditing{action: action} }

// unrecorded says why a route that is not a GET is not in the audit log. Attempts that the decider denies are
// recorded all the same.
func unrecorded(reason string) auditing { return auditing{reason: reason} }

// isStated reports whether a route has the decision that it needs.
func (a auditing) isStated(method string) bool {
	return a.action.Describe() != "" || a.reason != "" || method == http.MethodGet
}

// requestHeader has the id of a request in its response. The events of the request have it too.
const requestHeader = "X-Request-Id"

// withOrigin gives a request an id, and its events the address that it came from.
func withOrigin(c *gin.Context) {
	origin := audit.Origin{Address: remoteHost(c.Request), RequestID: logID(), UserAgent: c.Request.UserAgent()}
	c.Header(requestHeader, origin.RequestID)
	c.Request = c.Request.WithContext(audit.WithOrigin(c.Request.Context(), origin))
	c.Next()
}

// remoteHost is the address of the other end of the connection, without its port.
func remoteHost(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}

// recordRefusal records the attempt of a known caller that was denied, or a command that failed. The name of the
// error is all that is recorded of it, because messages may repeat the caller's input.
func (s *Server) recordRefusal(c *call, err error, name string) {
	if c.route == nil || c.principal.Kind == identity.KindNone {
		return
	}
	action, outcome, record := c.route.audit.action, audit.Failed, s.refusals.Record
	resource, reason := c.resource(), name
	if fault.KindOf(err) == fault.NotAllowed {
		outcome = audit.Denied
	}
	if denied, is := errors.AsType[*policy.DeniedError](err); is {
		resource, reason = cmp.Or(denied.Resource, resource), "needs "+string(denied.Permission)
	}
	if hidden, is := errors.AsType[*policy.HiddenError](err); is {
		outcome, record = audit.Denied, s.refusals.RecordLater
		resource, reason = cmp.Or(hidden.Resource, resource), "needs "+string(hidden.Permission)+"; the answer was "+name
	}
	switch {
	case action != "":
	case outcome == audit.Denied:
		action = audit.Access
	default:
		return // a read that failed
	}
	record(c.Request.Context(), c.principal.Actor(), action, resource, outcome, reason)
}

// resource names what a request is about: the reference or the first parameter in its path, or else the path.
func (c *call) resource() string {
	switch {
	case c.Param("kind") != "" && c.Param("name") != "":
		return c.pathRef()
	case len(c.Params) > 0:
		return c.Params[0].Value
	}
	return c.FullPath()
}

// pathRef is the reference whose parts are in the path.
func (c *call) pathRef() string {
	return c.Param("kind") + ":" + c.Param("namespace") + "/" + c.Param("name")
}
