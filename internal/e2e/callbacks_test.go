package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// order is what the template machine sends to the other system.
type order struct{ OnReady, OnFailure string }

// tell uses an address of the order, without credentials.
func tell(t *testing.T, address, body string) (status int) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	return response.StatusCode
}

// TestARunWaitsForACallback: a run hands out addresses, waits without a worker, fails when the other system reports a
// failure, and after a retry goes on at once when that has succeeded.
func TestARunWaitsForACallback(t *testing.T) {
	t.Parallel()
	orders := make(chan order, 1)
	machines := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var ordered order
		if json.NewDecoder(r.Body).Decode(&ordered) == nil {
			orders <- ordered
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer machines.Close()
	s := newSystem(t, fmt.Sprintf(`{ proxy: { endpoints: { /machines: { target: %q } } } }`, machines.URL))
	worker := s.start("worker")
	server := s.startServing("machine")
	id := s.createRun("machine", map[string]any{}, nil)
	ordered := <-orders
	s.awaitPhase(id, "waiting")
	worker.kill() // nobody is needed for the wait
	worker = s.start("worker")

	require.Equal(t, http.StatusNoContent, tell(t, ordered.OnFailure, `{"message":"out of racks"}`))
	d := s.awaitPhase(id, "parked")
	require.Equal(t, "A failure is reported for the machine: out of racks", d.Error.Message)
	s.retry(id)
	s.awaitPhase(id, "waiting")
	told := time.Now()
	require.Equal(t, http.StatusNoContent, tell(t, ordered.OnReady, `{"hostname":"rack-7"}`))
	s.awaitPhase(id, "done")
	require.Less(t, time.Since(told), time.Minute, "the callback has woken the run: by itself it looks every five minutes")
	_, shown := s.exchange(http.MethodGet, "/api/portico/v1/runs/"+id, nil)
	require.Contains(t, string(shown), `"content":"rack-7"`)

	require.Equal(t, http.StatusNoContent, tell(t, ordered.OnReady, `{"hostname":"rack-7"}`), "told twice is told once")
	require.Equal(t, http.StatusConflict, tell(t, ordered.OnReady, `{"hostname":"rack-8"}`))
	require.Equal(t, http.StatusNotFound, tell(t, ordered.OnReady[:len(ordered.OnReady)-1], `{}`))
	secret := ordered.OnReady[strings.LastIndex(ordered.OnReady, "/")+1:]
	for place, content := range s.places(id, worker, server) {
		require.NotContains(t, content, secret, place)
	}
}
