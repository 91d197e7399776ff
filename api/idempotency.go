package api

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/idempotency"
)

const (
	// keyHeader marks a command, so that a repeated request gets the first one's response
	// (draft-ietf-httpapi-idempotency-key-header).
	keyHeader = "Idempotency-Key"
	// replayedHeader marks a repeated response.
	replayedHeader = "Idempotency-Replayed"
	// maxKey bounds a key, in characters.
	maxKey = 255
	// keepTimeout bounds storing a response.
	keepTimeout = 5 * time.Second
	// underWayPause is the Retry-After for a request that is repeated while the first is in progress.
	underWayPause = 5 * time.Second
)

// The errors of a key.
var (
	errKeyReused = &statusError{status: http.StatusUnprocessableEntity, name: "UnprocessableEntityError",
		message: "This " + keyHeader + " was used for another request: make a new one for each command"}
	errUnderWay = &statusError{status: statuses[fault.Conflict], name: string(fault.Conflict), wait: underWayPause,
		message: "The first request with this " + keyHeader + " is still being carried out: send it again in a moment"}
)

// idempotencyKey is the request's key, "" for a request that is not a command or has no key.
func (c *call) idempotencyKey() (string, error) {
	sent := c.Request.Header.Values(keyHeader)
	if !c.route.command || len(sent) == 0 {
		return "", nil
	}
	isInvisible := func(r rune) bool { return r <= ' ' || r > '~' }
	if key := sent[0]; len(sent) == 1 && key != "" && len(key) <= maxKey && !strings.ContainsFunc(key, isInvisible) {
		return key, nil
	}
	return "", fault.New(fault.Input, "request/headers/%s must be one text of 1 to %d visible ASCII characters", keyHeader, maxKey)
}

// serveOnce runs a command, or replays its stored response.
func (s *Server) serveOnce(c *call, p plugin, key string) error {
	var content bytes.Buffer
	for _, part := range [][]byte{[]byte(c.Request.Method), []byte(c.Request.URL.RequestURI()), c.body} {
		content.Write(part)
		content.WriteByte(0)
	}
	attempt, kept, err := s.keys.Begin(c.Request.Context(), idempotency.Request{
		Principal: string(c.principal.Kind) + " " + c.principal.Subject, Key: key, Content: content.Bytes()})
	switch {
	case errors.Is(err, idempotency.ErrOtherRequest):
		return errKeyReused
	case errors.Is(err, idempotency.ErrUnderWay):
		return errUnderWay
	case err != nil:
		return err
	case kept != nil:
		c.replay(kept)
		return nil
	}
	s.carryOut(c, p, attempt)
	return nil
}

// replay sends a stored response.
func (c *call) replay(kept *idempotency.Answer) {
	c.Header(replayedHeader, "true")
	if kept.ContentType != "" {
		c.Data(kept.Status, kept.ContentType, kept.Body)
		return
	}
	c.Status(kept.Status)
}

// carryOut runs the command and stores the response. It does not store internal errors, so that the next
// request tries again.
func (s *Server) carryOut(c *call, p plugin, attempt *idempotency.Attempt) {
	recorder := &answerRecorder{ResponseWriter: c.Writer}
	c.Writer = recorder
	c.commandID = attempt.CommandID
	end := attempt.Release // unless there is a response: the handler may panic
	defer func() {
		// The client may have gone. Its repeated request needs the response all the same.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request.Context()), keepTimeout)
		defer cancel()
		if err := end(ctx); err != nil {
			s.log.LogAttrs(ctx, slog.LevelWarn, "the answer to a command was not kept: the same request is carried out again",
				slog.String("path", c.Request.URL.Path), slog.Any("error", err))
		}
	}()
	s.conclude(c, p, s.answer(c, c.route.serve))
	if status := recorder.Status(); status < http.StatusInternalServerError && recorder.body.Len() <= idempotency.MaxBody {
		end = func(ctx context.Context) error {
			return attempt.Answer(ctx, idempotency.Answer{Status: status, ContentType: recorder.Header().Get("Content-Type"), Body: recorder.body.Bytes()})
		}
	}
}

// answerRecorder copies the body that is written.
type answerRecorder struct {
	gin.ResponseWriter

	body bytes.Buffer
}

// Write implements http.ResponseWriter.
func (r *answerRecorder) Write(data []byte) (int, error) {
	r.body.Write(data)
	return r.ResponseWriter.Write(data)
}

// WriteString implements io.StringWriter.
func (r *answerRecorder) WriteString(text string) (int, error) {
	r.body.WriteString(text)
	return r.ResponseWriter.WriteString(text)
}
