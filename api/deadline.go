package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	// bodyTimeout is how long a request's body may take to arrive.
	bodyTimeout = time.Minute
	// answerTimeout is how long it may take to find an answer that is sent as a whole.
	answerTimeout = 2 * time.Minute
	// writeTimeout is how long a client may take to accept what is written at a time. A slow reader would
	// otherwise hold on to a connection to the database for as long as it likes.
	writeTimeout = 30 * time.Second
)

var errTookTooLong = errors.New("the answer took too long")

// answer lets an endpoint do its work within a deadline. One that writes its answer piece by piece has those
// of its writes instead: it may go on for as long as its client keeps reading.
func (s *Server) answer(c *call, e endpoint) error {
	if e.piecemeal {
		return e.handle(c)
	}
	request := c.Request
	ctx, done := context.WithTimeoutCause(request.Context(), answerTimeout, errTookTooLong)
	// Who answers for a failure, or a panic, looks whether the client has gone: its request says so, not the
	// one that ends here.
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

// deadlineWriter gives every write a deadline of its own, so that an answer may go on for as long as its
// client keeps reading. A stream that was flushed has no deadline until it has more to say.
type deadlineWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

// withDeadlines makes the answer's writer keep deadlines, beginning with none: one of the connection's last
// answer may have passed.
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
	_ = w.control.Flush() // a client that is gone is noticed by the next write
	w.setDeadline(time.Time{})
}

// Unwrap gives the writer beneath to http.ResponseController.
func (w *deadlineWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *deadlineWriter) setDeadline(at time.Time) {
	_ = w.control.SetWriteDeadline(at) // a writer without a connection, as in tests, has no deadlines to keep
}
