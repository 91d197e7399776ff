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

// details is a run as Portico's own API shows it.
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

func (d details) mayMove(move string) bool {
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
func (w *world) createRun(template string, values map[string]any, secrets map[string]string) string {
	w.t.Helper()
	var created struct{ ID string }
	status, answer := w.exchange(http.MethodPost, "/api/scaffolder/v2/tasks", runRequest(template, values, secrets))
	require.Equal(w.t, http.StatusCreated, status, string(answer))
	require.NoError(w.t, json.Unmarshal(answer, &created))
	return created.ID
}

func runRequest(template string, values map[string]any, secrets map[string]string) map[string]any {
	request := map[string]any{"templateRef": "template:default/" + template, "values": values}
	if secrets != nil {
		request["secrets"] = secrets
	}
	return request
}

// repoURL is a repository in the form that the picker gives.
func (w *world) repoURL(name string) string {
	return fmt.Sprintf("%s?owner=%s&repo=%s", w.forge.Host, organization, name)
}

func (w *world) details(id string) details {
	w.t.Helper()
	var d details
	require.Equal(w.t, http.StatusOK, w.get("/api/portico/v1/runs/"+id, &d))
	return d
}

func (w *world) events(id string) []event {
	w.t.Helper()
	var events []event
	require.Equal(w.t, http.StatusOK, w.get("/api/scaffolder/v2/tasks/"+id+"/events", &events))
	return events
}

// ended waits until the run rests in one of the phases.
func (w *world) ended(id string, phases ...string) details {
	w.t.Helper()
	var d details
	rests := func() bool {
		d = details{}
		return w.get("/api/portico/v1/runs/"+id, &d) == http.StatusOK && slices.Contains(phases, d.Phase)
	}
	require.Eventually(w.t, rests, patience, 50*time.Millisecond, "run %s is to be %s, and is %+v; its history: %s", id,
		strings.Join(phases, " or "), &d, deferred(func() string { return w.story(id) }))
	return d
}

// deferred is a text that is made when it is printed.
type deferred func() string

func (d deferred) String() string {
	return d()
}

func (w *world) retry(id string) {
	w.t.Helper()
	status, answer := w.exchange(http.MethodPost, "/api/scaffolder/v2/tasks/"+id+"/retry", map[string]any{})
	require.Equal(w.t, http.StatusCreated, status, string(answer))
}

func (w *world) cancel(id string) {
	w.t.Helper()
	status, answer := w.exchange(http.MethodPost, "/api/scaffolder/v2/tasks/"+id+"/cancel", map[string]any{})
	require.Equal(w.t, http.StatusOK, status, string(answer))
}

func (w *world) rollBack(id string) {
	w.t.Helper()
	status, answer := w.exchange(http.MethodPost, "/api/portico/v1/runs/"+id+"/rollback", map[string]any{})
	require.Equal(w.t, http.StatusAccepted, status, string(answer))
}

// locations are how many registered locations lie in a repository.
func (w *world) locations(repository string) int {
	w.t.Helper()
	var locations []struct{ Data struct{ Target string } }
	require.Equal(w.t, http.StatusOK, w.get("/api/catalog/locations", &locations))
	found := 0
	for _, location := range locations {
		if strings.HasPrefix(location.Data.Target, fmt.Sprintf("%s/%s/%s/", w.forge.URL, organization, repository)) {
			found++
		}
	}
	return found
}

// hasRepository says whether the forge has it.
func (w *world) hasRepository(name string) bool {
	w.t.Helper()
	return w.forgeCall(http.MethodGet, "/repos/"+organization+"/"+name, nil) == http.StatusOK
}
