package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	// bodyTimeout bounds reading a request's body.
	bodyTimeout = time.Minute
	// answerTimeout bounds computing a response that is sent as a whole.
	answerTimeout = 2 * time.Minute
	// writeTimeout bounds one write to the client. Otherwise a slow reader could hold a database connection
	// for any time.
	writeTimeout = 30 * time.Second
)

var errTookTooLong = errors.New("the answer took too long")

// answer runs an endpoint within a deadline. An endpoint that streams has deadlines for its writes instead:
// it may continue as long as its client reads.
func (s *Server) answer(c *call, e endpoint) error {
	if e.piecemeal {
		return e.handle(c)
	}
	request := c.Request
	ctx, done := context.WithTimeoutCause(request.Context(), answerTimeout, errTookTooLong)
	// The error handler checks the request's own context to learn whether the client has gone, so the context
	// with the deadline must not replace it afterwards.
	defer func() {
		c.Request = request
		done()
	}()
	c.Request = request.WithContext(ctx)
	err := e.handle(c)
	if err != nil && errors.Is(context.Cause(ctx), errTookTooLong) {
		return fmt.Errorf("%w: %w", errTookTooLong, err)
	}
	return err
}

// deadlineWriter gives every write its own deadline, so that a stream may continue as long as its client
// reads. A flushed stream has no deadline until the next write.
type deadlineWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

// withDeadlines wraps the response's writer. It clears the deadline that an earlier response on the
// connection has left.
func withDeadlines(w http.ResponseWriter) *deadlineWriter {
	d := &deadlineWriter{w, http.NewResponseController(w)}
	d.setDeadline(time.Time{})
	return d
}

// WriteHeader implements http.ResponseWriter.
func (w *deadlineWriter) WriteHeader(status int) {
	w.setDeadline(time.Now().Add(writeTimeout))
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *deadlineWriter) Write(data []byte) (int, error) {
	w.setDeadline(time.Now().Add(writeTimeout))
	return w.ResponseWriter.Write(data)
}

// Flush implements http.Flusher.
func (w *deadlineWriter) Flush() {
	w.setDeadline(time.Now().Add(writeTimeout))
	_ = w.control.Flush() // the next write notices a client that has gone
	w.setDeadline(time.Time{})
}

// Unwrap returns the wrapped writer to http.ResponseController.
func (w *deadlineWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *deadlineWriter) setDeadline(at time.Time) {
	_ = w.control.SetWriteDeadline(at) // a writer without a connection, as in tests, has no deadlines
}
