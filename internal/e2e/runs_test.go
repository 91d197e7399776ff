package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// details is a run in Portico's own API.
type details struct {
	Status, Phase, FailedStep string
	Error                     *failure
	Steps                     []struct {
		ID, Status string
		Attempts   int
		Error      *failure
	}
	Effects []struct{ Kind, Name, State, Note string }
	Moves   []struct{ Move string }
}

type failure struct{ Name, Message, Next, StepID string }

// states are the states of the run's effects by their kinds.
func (d details) states() map[string]string {
	states := map[string]string{}
	for _, effect := range d.Effects {
		states[effect.Kind] = effect.State
	}
	return states
}

func (d details) hasMove(move string) bool {
	return slices.ContainsFunc(d.Moves, func(m struct{ Move string }) bool { return m.Move == move })
}

// event is one entry of a run's log.
type event struct {
	ID   int64
	Type string
	Body struct {
		Message, StepID, Status string
		Error                   *failure
	}
}

// createRun starts a run.
func (s *system) createRun(template string, values map[string]any, secrets map[string]string) string {
	s.t.Helper()
	var created struct{ ID string }
	status, answer := s.exchange(http.MethodPost, "/api/scaffolder/v2/tasks", runRequest(template, values, secrets))
	require.Equal(s.t, http.StatusCreated, status, string(answer))
	require.NoError(s.t, json.Unmarshal(answer, &created))
	return created.ID
}

func runRequest(template string, values map[string]any, secrets map[string]string) map[string]any {
	request := map[string]any{"templateRef": "template:default/" + template, "values": values}
	if secrets != nil {
		request["secrets"] = secrets
	}
	return request
}

// repoURL is a repository in the picker's format.
func (s *system) repoURL(name string) string {
	return fmt.Sprintf("%s?owner=%s&repo=%s", s.forge.Host, organization, name)
}

func (s *system) details(id string) details {
	s.t.Helper()
	var d details
	require.Equal(s.t, http.StatusOK, s.get("/api/portico/v1/runs/"+id, &d))
	return d
}

func (s *system) events(id string) []event {
	s.t.Helper()
	var events []event
	require.Equal(s.t, http.StatusOK, s.get("/api/scaffolder/v2/tasks/"+id+"/events", &events))
	return events
}

// awaitPhase waits until the run is in one of the phases.
func (s *system) awaitPhase(id string, phases ...string) details {
	s.t.Helper()
	var d details
	reached := func() bool {
		d = details{}
		return s.get("/api/portico/v1/runs/"+id, &d) == http.StatusOK && slices.Contains(phases, d.Phase)
	}
	require.Eventually(s.t, reached, patience, 50*time.Millisecond, "run %s should be %s, but is %+v; its history: %s", id,
		strings.Join(phases, " or "), &d, deferred(func() string { return s.historySummary(id) }))
	return d
}

// deferred is a text that is computed when it is printed.
type deferred func() string

func (d deferred) String() string {
	return d()
}

func (s *system) retry(id string) {
	s.t.Helper()
	status, answer := s.exchange(http.MethodPost, "/api/scaffolder/v2/tasks/"+id+"/retry", map[string]any{})
	require.Equal(s.t, http.StatusCreated, status, string(answer))
}

func (s *system) cancel(id string) {
	s.t.Helper()
	status, answer := s.exchange(http.MethodPost, "/api/scaffolder/v2/tasks/"+id+"/cancel", map[string]any{})
	require.Equal(s.t, http.StatusOK, status, string(answer))
}

func (s *system) rollBack(id string) {
	s.t.Helper()
	status, answer := s.exchange(http.MethodPost, "/api/portico/v1/runs/"+id+"/rollback", map[string]any{})
	require.Equal(s.t, http.StatusAccepted, status, string(answer))
}

// locations is the number of registered locations in a repository.
func (s *system) locations(repository string) int {
	s.t.Helper()
	var locations []struct{ Data struct{ Target string } }
	require.Equal(s.t, http.StatusOK, s.get("/api/catalog/locations", &locations))
	found := 0
	for _, location := range locations {
		if strings.HasPrefix(location.Data.Target, fmt.Sprintf("%s/%s/%s/", s.forge.URL, organization, repository)) {
			found++
		}
	}
	return found
}

// hasRepository reports whether the forge has the repository.
func (s *system) hasRepository(name string) bool {
	s.t.Helper()
	return s.forgeCall(http.MethodGet, "/repos/"+organization+"/"+name, nil) == http.StatusOK
}
