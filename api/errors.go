package api

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/scaffolder/action"
)

// statuses maps the kinds of failure to HTTP, as Backstage does. Any other kind is a 500.
var statuses = map[fault.Kind]int{
	fault.Input:          http.StatusBadRequest,
	fault.Authentication: http.StatusUnauthorized,
	fault.NotAllowed:     http.StatusForbidden,
	fault.NotFound:       http.StatusNotFound,
	fault.Conflict:       http.StatusConflict,
	fault.Stale:          http.StatusPreconditionFailed,
	fault.NotImplemented: http.StatusNotImplemented,
	fault.BadGateway:     http.StatusBadGateway,
	fault.Unavailable:    http.StatusServiceUnavailable,
}

// statusError is a failure of the transport itself, or one with another status than its kind's.
type statusError struct {
	status        int
	name, message string
	// wait is the value of Retry-After; 0 sends none.
	wait time.Duration
}

// errTooMany matches every refusal that is temporary.
var errTooMany = &statusError{status: http.StatusTooManyRequests, name: "TooManyRequestsError", message: "too many requests"}

// tooManyRequests is a 429 with a message and the time to wait.
func tooManyRequests(wait time.Duration, message string) error {
	return &statusError{errTooMany.status, errTooMany.name, message, wait}
}

func (e *statusError) Error() string { return e.message }

// bodyError is an InputError with another body than the usual envelope: the lists of validation errors.
type bodyError struct {
	status int
	body   any
}

func (e *bodyError) Error() string { return "the request was refused with details" }

// presentedError is a failure that is shown in another form than the usual envelope.
type presentedError struct {
	err     error
	present func(c *call, detail errorDetail) error
}

func (e *presentedError) Error() string { return e.err.Error() }

// Unwrap gives the failure itself to errors.Is and errors.As.
func (e *presentedError) Unwrap() error { return e.err }

// errorEnvelope is Backstage's error envelope.
type errorEnvelope struct {
	Error    errorDetail  `json:"error"`
	Request  errorRequest `json:"request"`
	Response struct {
		StatusCode int `json:"statusCode"`
	} `json:"response"`
}

type errorDetail struct {
	Name    string `json:"name"`
	Message string `json:"message"`
}

type errorRequest struct {
	Method string `json:"method"`
	URL    string `json:"url"`
}

// internalError is the name of errors whose details are nobody's business.
const internalError = "Error"

// fail responds with an error, and returns its name. It is the one place that maps failures to HTTP.
func (s *Server) fail(c *call, mount string, err error) (name string) {
	if special, is := errors.AsType[*bodyError](err); is {
		if err := c.json(special.status, special.body); err != nil {
			s.log.Error("write an error answer", "error", err)
		}
		return string(fault.Input)
	}
	status, detail := s.describe(c, err)
	detail.Message = visible(detail.Message)
	if special, is := errors.AsType[*presentedError](err); is {
		if err := special.present(c, detail); err != nil {
			s.log.Error("write an error answer", "error", err)
		}
		return detail.Name
	}
	if refused, is := errors.AsType[*statusError](err); is && refused.wait > 0 {
		c.Header("Retry-After", strconv.Itoa(int(math.Ceil(refused.wait.Seconds()))))
	}
	if denied, is := errors.AsType[*policy.DeniedError](err); is {
		c.Header("WWW-Authenticate", challenge(denied))
	}
	body := errorEnvelope{Error: detail, Request: errorRequest{Method: c.Request.Method, URL: relativeURL(c.Request, mount)}}
	body.Response.StatusCode = status
	if err := c.json(status, body); err != nil {
		s.log.Error("write an error answer", "error", err)
	}
	return detail.Name
}

// denialMessage is empty, as in Backstage, unless a fault wraps the denial: that one has a message for the
// caller, such as which step of a template was denied.
func denialMessage(err error, denied *policy.DeniedError) string {
	if outer, is := errors.AsType[*fault.Error](err); is && errors.Is(outer.Err, denied) {
		return outer.Message
	}
	return ""
}

// challenge says in a header what was denied (RFC 6750, section 3.1): in Backstage's body, the message of a
// denial is empty.
func challenge(denied *policy.DeniedError) string {
	return fmt.Sprintf(`Bearer error="insufficient_scope", scope="%s", error_description="%s"`, denied.Permission, headerText(denied.Error()))
}

// headerText replaces the characters that a quoted string of a challenge may not have.
func headerText(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return '?'
		}
		return c
	}, text)
}

// visible escapes control characters: a message repeats the caller's input, and people read it on terminals.
func visible(message string) string {
	if !strings.ContainsFunc(message, isControl) {
		return message
	}
	var out strings.Builder
	for _, c := range message {
		if isControl(c) {
			fmt.Fprintf(&out, `\u%04x`, c)
		} else {
			out.WriteRune(c)
		}
	}
	return out.String()
}

// isControl matches control characters except line ends, including those that change the writing direction.
func isControl(c rune) bool {
	return unicode.IsControl(c) && c != '\n' && c != '\t' || unicode.Is(unicode.Bidi_Control, c)
}

// breakOff cuts the connection of a response that cannot be finished, so that the client does not take the
// part for the whole.
func (s *Server) breakOff(c *call, err error) {
	if c.Request.Context().Err() == nil {
		s.log.LogAttrs(c.Request.Context(), slog.LevelError, "an answer was broken off", slog.String("method", c.Request.Method),
			slog.String("path", c.Request.URL.Path), slog.Any("error", err))
	}
	panic(http.ErrAbortHandler)
}

func (s *Server) describe(c *call, err error) (int, errorDetail) {
	if errors.Is(err, errTookTooLong) {
		s.log.LogAttrs(c.Request.Context(), slog.LevelWarn, "a request was given up", slog.String("method", c.Request.Method),
			slog.String("path", c.Request.URL.Path), slog.Any("error", err))
		return statuses[fault.Unavailable], errorDetail{string(fault.Unavailable),
			fmt.Sprintf("This took longer than %g minutes and was given up. Look how far it came before you try again.", answerTimeout.Minutes())}
	}
	if transport, is := errors.AsType[*statusError](err); is {
		return transport.status, errorDetail{transport.name, transport.message}
	}
	if denied, is := errors.AsType[*policy.DeniedError](err); is {
		return http.StatusForbidden, errorDetail{string(fault.NotAllowed), denialMessage(err, denied)}
	}
	// An entity.Error never contains a fault, so a fault in its chain is around it and says what it means here.
	if known, is := errors.AsType[*fault.Error](err); is {
		return statuses[known.Kind], errorDetail{string(known.Kind), known.Message}
	}
	if malformed, is := errors.AsType[*entity.Error](err); is {
		return malformedStatus(malformed.Name), errorDetail{malformed.Name, malformed.Message}
	}
	if unknown, is := errors.AsType[*policy.UnknownRuleError](err); is {
		return http.StatusInternalServerError, errorDetail{internalError, unknown.Error()} // as in Backstage
	}
	if integration.IsHostFailure(err) {
		return http.StatusBadGateway, errorDetail{"ResponseError", err.Error()}
	}
	if s.unreachable != nil && s.unreachable(err) {
		s.log.LogAttrs(c.Request.Context(), slog.LevelWarn, "the database cannot be reached", slog.String("method", c.Request.Method),
			slog.String("path", c.Request.URL.Path), slog.Any("error", err))
		return statuses[fault.Unavailable], errorDetail{string(fault.Unavailable), "The database cannot be reached. Try again later."}
	}
	if failed, is := errors.AsType[*action.Error](err); is && failed.Transient {
		return statuses[fault.BadGateway], errorDetail{string(fault.BadGateway), err.Error() + ". This may pass: try again"}
	}
	return s.internal(c, err)
}

// malformedStatus is Backstage's status for an invalid entity or reference: 400 for an InputError, 500 for
// any other name.
func malformedStatus(name string) int {
	if name == string(fault.Input) {
		return http.StatusBadRequest
	}
	return http.StatusInternalServerError
}

// internal hides the details of an internal error, and gives the response and the log the same id.
func (s *Server) internal(c *call, err error) (int, errorDetail) {
	if c.Request.Context().Err() != nil {
		return http.StatusServiceUnavailable, errorDetail{string(fault.Unavailable), "the request was cancelled before it was answered"}
	}
	id := logID()
	s.log.LogAttrs(c.Request.Context(), slog.LevelError, "request failed", slog.String("logId", id),
		slog.String("method", c.Request.Method), slog.String("path", c.Request.URL.Path), slog.Any("error", err))
	return http.StatusInternalServerError, errorDetail{internalError, "An internal error occurred logId=" + id}
}

func logID() string {
	var id [10]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	return hex.EncodeToString(id[:])
}

// relativeURL is the request's path below the plugin's mount point, with its query string, as Backstage
// prints it.
func relativeURL(r *http.Request, mount string) string {
	if plugin, isOfPlugin := strings.CutPrefix(r.URL.Path, "/api/"); isOfPlugin && mount == "" { // what all plugins have
		plugin, _, _ = strings.Cut(plugin, "/")
		mount = "/api/" + plugin
	}
	uri := r.RequestURI // as it was sent, which r.URL is not any more: see asDeclared
	if !strings.HasPrefix(uri, "/") {
		uri = r.URL.RequestURI()
	}
	if len(uri) > len(mount) && uri[:len(mount)] == mount {
		return uri[len(mount):]
	}
	return uri
}
