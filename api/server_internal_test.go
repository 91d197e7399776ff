package api

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/action"
)

// TestAFailedStreamBreaksTheResponseOff: the client must not take the part for the whole response.
func TestAFailedStreamBreaksTheResponseOff(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func() error{
		"by an error": func() error { return errors.New("the database went away") },
		"by a panic":  func() error { panic("the database went away") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log strings.Builder
			half := func(c *call) error {
				_, _ = c.Writer.WriteString(`[1,2`)
				c.Writer.Flush()
				return fail()
			}
			server, err := NewServer(Options{Log: slog.New(slog.NewTextHandler(&log, nil)), Plugins: []Plugin{plugin{id: "x", routes: []route{
				{method: http.MethodGet, path: "/half", access: open("a test"), summary: "Answers by half", serve: writes[[]int]("numbers", half)}}}}})
			require.NoError(t, err)
			served := httptest.NewServer(server)
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, served.URL+"/api/x/half", nil)
			require.NoError(t, err)
			response, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			defer response.Body.Close()
			content, err := io.ReadAll(response.Body)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			require.Equal(t, "[1,2", string(content), "no error follows in the midst of it")
			served.Close()
			require.Contains(t, log.String(), "an answer was broken off")
			require.Contains(t, log.String(), "the database went away")
		})
	}
}

func TestSlowRequestsAreCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		waits := func(c *call) (int, error) {
			<-c.Request.Context().Done()
			return 0, c.Request.Context().Err()
		}
		var log strings.Builder
		server, err := NewServer(Options{Log: slog.New(slog.NewTextHandler(&log, nil)), Plugins: []Plugin{plugin{id: "x", routes: []route{
			{method: http.MethodGet, path: "/slow", access: open("a test"), summary: "Waits", serve: ok("a number", waits)}}}}})
		require.NoError(t, err)
		answer := httptest.NewRecorder()
		began := time.Now()
		server.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "http://localhost/api/x/slow", nil))
		require.Equal(t, answerTimeout, time.Since(began))
		require.Equal(t, http.StatusServiceUnavailable, answer.Code)
		require.Contains(t, answer.Body.String(), "This took longer than 2 minutes")
		require.Contains(t, log.String(), "a request was given up")
	})
}

func TestAPanicIsAnInternalErrorAndIsLogged(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	breaks := func(*call) (int, error) { panic("a map was nil") }
	server, err := NewServer(Options{Log: slog.New(slog.NewTextHandler(&log, nil)), Plugins: []Plugin{plugin{id: "x", routes: []route{
		{method: http.MethodGet, path: "/broken", access: open("a test"), summary: "Breaks", serve: ok("a number", breaks)}}}}})
	require.NoError(t, err)
	answer := httptest.NewRecorder()
	server.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "http://localhost/api/x/broken", nil))
	require.Equal(t, http.StatusInternalServerError, answer.Code, answer.Body.String())
	require.Contains(t, log.String(), "a map was nil")
}

// TestAFailureOfAHostNamesTheHost: a dry run must name the host that failed.
func TestAFailureOfAHostNamesTheHost(t *testing.T) {
	t.Parallel()
	reads := func(*call) (int, error) {
		return 0, fmt.Errorf("step fetch: %w", action.Transient(errors.New("read https://git.example/a: no such host"), 0))
	}
	server, err := NewServer(Options{Log: slog.New(slog.DiscardHandler), Plugins: []Plugin{plugin{id: "x", routes: []route{
		{method: http.MethodGet, path: "/dry", access: open("a test"), summary: "Reads", serve: ok("a number", reads)}}}}})
	require.NoError(t, err)
	answer := httptest.NewRecorder()
	server.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "http://localhost/api/x/dry", nil))
	require.Equal(t, http.StatusBadGateway, answer.Code)
	require.Contains(t, answer.Body.String(), "step fetch: read https://git.example/a: no such host. This may pass: try again")
}
