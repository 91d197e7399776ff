package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit"
	"github.com/portico-dev/portico/scaffolder/engine"
	"github.com/portico-dev/portico/scaffolder/run"
)

const helloTask = `{"templateRef":"hello","values":{"name":"shop"},"secrets":{"token":"t"}}`

// allRuns counts all runs.
func (s *scaffolderServer) allRuns() int {
	s.Helper()
	_, total, err := s.runs.List(s.Context(), run.Rules.Everything(), run.Query{})
	require.NoError(s, err)
	return total
}

// TestACommandThatIsSentManyTimesIsCarriedOutOnce sends a command to two servers at once.
func TestACommandThatIsSentManyTimesIsCarriedOutOnce(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	servers := []*scaffolderServer{newScaffolderServerOn(t, pool), newScaffolderServerOn(t, pool)}
	const requests = 20
	answers := make(chan *httptest.ResponseRecorder, requests)
	for i := range requests {
		go func() {
			recorder := httptest.NewRecorder()
			servers[i%2].http.ServeHTTP(recorder, newRequest(t.Context(), http.MethodPost, "/api/scaffolder/v2/tasks", helloTask, "Idempotency-Key", "click-1"))
			answers <- recorder
		}()
	}
	bodies, replayed := map[string]bool{}, 0
	for range requests {
		answer := <-answers
		require.Equal(t, http.StatusCreated, answer.Code, answer.Body.String())
		require.Equal(t, "application/json; charset=utf-8", answer.Header().Get("Content-Type"))
		bodies[answer.Body.String()] = true
		if answer.Header().Get("Idempotency-Replayed") == "true" {
			replayed++
		}
	}
	require.Len(t, bodies, 1, "all responses have the same run")
	require.Equal(t, requests-1, replayed)
	require.Equal(t, 1, servers[0].allRuns())
	require.Len(t, append(servers[0].engine.told, servers[1].engine.told...), 1)

	servers[0].create("Idempotency-Key", "click-2")
	servers[0].create()
	servers[0].create()
	require.Equal(t, 4, servers[0].allRuns(), "another key is another command, and without a key each is")
}

// TestARepeatedCommandGetsTheFirstResponse: the repeated response does not depend on the run's current state.
func TestARepeatedCommandGetsTheFirstResponse(t *testing.T) {
	t.Parallel()
	failed := run.Entry{End: &run.Ending{Status: run.StatusFailed, Phase: run.PhaseParked}}
	for name, path := range map[string]string{
		"retry": "/api/scaffolder/v2/tasks/:id/retry", "cancel": "/api/scaffolder/v2/tasks/:id/cancel", "rollback": "/api/portico/v1/runs/:id/rollback",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScaffolderServer(t)
			id := s.create()
			s.record(id, failed)
			target := strings.Replace(path, ":id", id, 1)
			first := ask(t, s.http, http.MethodPost, target, "{}", "Idempotency-Key", "k")
			require.Less(t, first.Code, 300, first.Body.String())
			told := len(s.engine.told)
			again := ask(t, s.http, http.MethodPost, target, "{}", "Idempotency-Key", "k")
			require.Equal(t, first.Code, again.Code)
			require.Equal(t, first.Body.String(), again.Body.String())
			require.Equal(t, "true", again.Header().Get("Idempotency-Replayed"))
			require.Len(t, s.engine.told, told, "nothing happens again")
		})
	}
}

func TestARepeatedRefusalIsTheSame(t *testing.T) {
	t.Parallel()
	s := newScaffolderServer(t)
	const body = `{"templateRef":"hello","values":{"name":"x"}}`
	first := s.send(http.StatusBadRequest, http.MethodPost, "/tasks", body, "Idempotency-Key", "k")
	again := s.send(http.StatusBadRequest, http.MethodPost, "/tasks", body, "Idempotency-Key", "k")
	require.Equal(t, first.Body.String(), again.Body.String())
	require.Equal(t, "true", again.Header().Get("Idempotency-Replayed"))
}

func TestAKeyIsForOneRequestOfOnePrincipal(t *testing.T) {
	t.Parallel()
	s := newScaffolderServer(t)
	s.create("Idempotency-Key", "k")
	other := s.send(http.StatusUnprocessableEntity, http.MethodPost, "/tasks", `{"templateRef":"hello","values":{"name":"other"}}`, "Idempotency-Key", "k")
	require.Equal(t, "UnprocessableEntityError: This Idempotency-Key was used for another request: make a new one for each command", message(t, other))
	s.create("Idempotency-Key", "k", "Authorization", "Bearer user")
	require.Equal(t, 2, s.allRuns(), "the key of another principal is another key")
}

func TestAKeyMustBeReadable(t *testing.T) {
	t.Parallel()
	s := newScaffolderServer(t)
	for _, key := range []string{"", "two words", "ключ", strings.Repeat("x", 256)} {
		answer := s.send(http.StatusBadRequest, http.MethodPost, "/tasks", helloTask, "Idempotency-Key", key)
		require.Equal(t, "InputError: request/headers/Idempotency-Key must be one text of 1 to 255 visible ASCII characters", message(t, answer))
	}
	require.Zero(t, s.allRuns())
}

// dying is an engine whose process dies when it is told to start a run.
type dying struct{ *commands }

func (dying) Start(context.Context, engine.Command) error { panic("the process dies") }

// TestARequestRepeatedAfterACrashCreatesOneRun: a repeated request returns that run.
func TestARequestRepeatedAfterACrashCreatesOneRun(t *testing.T) {
	t.Parallel()
	pool := testkit.Database(t)
	broken, healthy := newScaffolderServerWith(t, pool, dying{}), newScaffolderServerOn(t, pool)
	broken.send(http.StatusInternalServerError, http.MethodPost, "/tasks", helloTask, "Idempotency-Key", "k")
	require.Equal(t, 1, broken.allRuns(), "it had been written")
	id := healthy.create("Idempotency-Key", "k")
	require.Equal(t, 1, healthy.allRuns())
	_, err := healthy.runs.Get(t.Context(), run.Rules.Everything(), uuid.MustParse(id))
	require.NoError(t, err)
}
