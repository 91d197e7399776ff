package api

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// deadlineRecorder records whether its connection has a deadline at each operation.
type deadlineRecorder struct {
	*httptest.ResponseRecorder
	deadline time.Time
	bounded  []bool
}

func (r *deadlineRecorder) SetWriteDeadline(at time.Time) error {
	r.deadline = at
	return nil
}

func (r *deadlineRecorder) Write(data []byte) (int, error) {
	r.bounded = append(r.bounded, !r.deadline.IsZero())
	return r.ResponseRecorder.Write(data)
}

func (r *deadlineRecorder) WriteHeader(status int) {
	r.bounded = append(r.bounded, !r.deadline.IsZero())
	r.ResponseRecorder.WriteHeader(status)
}

func TestEveryWriteHasADeadline(t *testing.T) {
	t.Parallel()
	recorder := &deadlineRecorder{ResponseRecorder: httptest.NewRecorder(), deadline: time.Now().Add(-time.Hour)}
	w := withDeadlines(recorder)
	require.Zero(t, recorder.deadline, "the deadline of the previous response was removed")

	w.WriteHeader(http.StatusOK)
	_, err := w.Write([]byte("an answer"))
	require.NoError(t, err)
	require.Equal(t, []bool{true, true}, recorder.bounded)
	require.WithinDuration(t, time.Now().Add(writeTimeout), recorder.deadline, time.Minute)
}

func TestAStreamMayBeSilentForLong(t *testing.T) {
	t.Parallel()
	recorder := &deadlineRecorder{ResponseRecorder: httptest.NewRecorder()}
	w := withDeadlines(recorder)
	_, err := w.Write([]byte("event: log\n"))
	require.NoError(t, err)
	w.Flush()
	require.True(t, recorder.Flushed)
	require.Zero(t, recorder.deadline)
}
