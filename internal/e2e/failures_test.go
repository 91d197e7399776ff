package e2e_test

import (
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit/forgetest"
)

// shortTimeouts makes a failing step fail soon. A step has enough time for its work, but not for a forge that
// hangs.
const shortTimeouts = `
portico:
  run:
    stepTimeout: 10s
    retry: { initialInterval: 50ms, maximumInterval: 200ms, maximumAttempts: 2 }
`

// failureCase is a cause of failure of a run, with the expected error.
type failureCase struct {
	// template is "service" when it is empty.
	template string
	values   map[string]any
	// faultRule is the fault of the forge for the run's repository, until it is fixed.
	faultRule *faultRule
	// prepare causes the failure, and fix removes the cause. Without fix and faultRule, a retry cannot
	// succeed.
	prepare, fix func(s *system, name string)

	// step fails with an error of the name failure, whose message and advice contain message and next.
	// "<name>" is replaced by the run's name.
	step, failure, message, next string
	// effects are the expected states in the ledger, by kind.
	effects map[string]string
}

const (
	stateIntended  = "intended"
	stateCreated   = "created"
	stateUndone    = "undone"
	kindRepository = "github:repository"
	kindLocation   = "catalog:location"
)

// failureCases are failures because of invalid input, a missing thing or a failing forge.
var failureCases = map[string]failureCase{
	"an unknown action": {
		template: "unknown-action", step: "unknown", failure: "NotFoundError", message: "Template action with ID 'nobody:knows' is not registered",
		next: "correct the template and start a new run",
	},
	"an input that the action does not take": {
		template: "wrong-input", step: "describe", failure: "InputError", message: "Invalid input passed to action catalog:write",
		next: "Correct the step's input",
	},
	"a missing skeleton": {
		values: map[string]any{"skeleton": "./nowhere"}, fix: func(s *system, _ string) { s.copySkeleton("skeleton", "nowhere") },
		step: "write", failure: "NotFoundError", message: "there is no ./nowhere beside the template", next: "Put it there and retry",
	},
	"a skeleton that does not parse": {
		values:  map[string]any{"skeleton": "./unclosed"},
		prepare: func(s *system, _ string) { s.copySkeleton("broken-skeleton", "unclosed") },
		fix: func(s *system, _ string) {
			require.NoError(s.t, os.Remove(s.template("unclosed/README.md")))
			s.copySkeleton("skeleton", "unclosed")
		},
		step: "write", failure: "Error", message: "README.md", next: "Mend the cause and retry",
	},
	"a taken name": {
		prepare: func(s *system, name string) { s.createRepository(name) },
		fix:     func(s *system, name string) { s.deleteRepository(name) },
		step:    "publish", failure: "ConflictError", message: "The repository demo/<name> on ", next: "another name",
		effects: map[string]string{kindRepository: stateUndone},
	},
	"a forge that answers 500 to the creation": {
		faultRule: &faultRule{creation: true, fault: forgetest.Answer(500, "Server Error", nil)},
		step:      "publish", failure: "Error", message: "creating the repository demo/<name>", next: "Retry when", effects: map[string]string{kindRepository: stateIntended},
	},
	"a forge that answers 403 to the creation": {
		faultRule: &faultRule{creation: true, fault: forgetest.Answer(403, "Must have admin rights", nil)},
		step:      "publish", failure: "NotAllowedError", message: "Failed to create the Organization repository demo/<name>, Must have admin rights", next: "Give the token's owner the right",
		effects: map[string]string{kindRepository: stateUndone},
	},
	"a forge that closes the connection": {
		faultRule: &faultRule{creation: true, fault: forgetest.DropBefore},
		step:      "publish", failure: "Error", message: "could not be reached", next: "is up and can be reached", effects: map[string]string{kindRepository: stateIntended},
	},
	"a forge that does not answer": {
		faultRule: &faultRule{creation: true, fault: forgetest.Hang},
		step:      "publish", failure: "Error", message: "has not answered", next: "is up and can be reached", effects: map[string]string{kindRepository: stateIntended},
	},
	"a forge that fails after the creation": {
		faultRule: &faultRule{method: http.MethodPut, path: "/topics", fault: forgetest.Answer(500, "Server Error", nil)},
		step:      "publish", failure: "Error", message: "demo/<name>", next: "Retry when", effects: map[string]string{kindRepository: stateCreated},
	},
	"a forge that refuses the push": {
		faultRule: &faultRule{path: "/git-receive-pack", fault: forgetest.Answer(403, "Write access not granted", nil)},
		step:      "publish", failure: "NotAllowedError", message: "pushing to demo/<name>", next: "Give the token the right to write",
		effects: map[string]string{kindRepository: stateCreated},
	},
	"a forge that does not show the descriptor": {
		faultRule: &faultRule{method: http.MethodGet, path: "/catalog-info.yaml", fault: forgetest.Answer(500, "Server Error", nil)},
		step:      "register", failure: "InputError", message: "catalog-info.yaml?ref=main, 500", next: "can be read from the worker", effects: map[string]string{kindRepository: stateCreated, kindLocation: stateCreated},
	},
	"a step that fails after everything was created": {
		values: map[string]any{"stumble": "yes"}, step: "stumble", failure: "NotAllowedError", message: "outside its parent", next: "Mend the cause",
		effects: map[string]string{kindRepository: stateCreated, kindLocation: stateCreated},
	},
}

// TestFailuresNameTheirCauseAndCanBeRetried causes each failure. Each must park the run with an error that
// names the cause and what to do, in every place that shows it, and with a correct ledger. A run whose cause
// can be removed continues from the failed step; every run can be rolled back.
func TestFailuresNameTheirCauseAndCanBeRetried(t *testing.T) {
	t.Parallel()
	s := newSystem(t, shortTimeouts)
	parts := []*process{s.start("worker"), s.start("worker"), s.startServing("service")}
	// All runs are started before the subtests, because only some of those run in parallel.
	ids := map[string]string{}
	for what, m := range failureCases {
		ids[what] = m.startRun(s, nameOf(what))
	}
	t.Run("each", func(t *testing.T) {
		t.Parallel()
		for what, m := range failureCases {
			t.Run(what, func(t *testing.T) {
				t.Parallel()
				m.check(s.as(t), ids[what], nameOf(what))
			})
		}
	})
	t.Cleanup(func() {
		for _, part := range parts {
			require.True(t, part.isRunning(), part.part)
		}
	})
}

// nameOf is the name of the repository of a failure case.
func nameOf(what string) string { return strings.ReplaceAll(what, " ", "-") }

// startRun causes the failure and starts a run that fails with it.
func (m failureCase) startRun(s *system, name string) string {
	if m.prepare != nil {
		m.prepare(s, name)
	}
	if m.faultRule != nil {
		s.faults.set(name, *m.faultRule)
	}
	return s.createRun(firstOf(m.template, "service"), s.serviceValues(name, m.values), nil)
}

// check checks the run's failure, removes the cause and retries if possible, and rolls the run back.
func (m failureCase) check(s *system, id, name string) {
	d := s.awaitPhase(id, "parked", "done")
	m.requireNamed(s, id, name, d)
	if m.fix == nil && m.faultRule == nil {
		s.requireRolledBack(id, name)
		return
	}
	if m.fix != nil {
		m.fix(s, name)
	}
	s.faults.clear(name)
	last := lastID(s.events(id))
	s.retry(id)
	d = s.awaitPhase(id, "done", "parked")
	require.Equal(s.t, "completed", d.Status, "%+v", d.Error)
	s.requireResumed(id, last, m.step)
	s.requireCreatedOnce(name, d)
	s.requireReplays(id)
	s.requireRolledBack(id, name)
}

// requireNamed checks what the API shows of the failure.
func (m failureCase) requireNamed(s *system, id, name string, d details) {
	t := s.t
	t.Helper()
	message := strings.ReplaceAll(m.message, "<name>", name)
	require.Equal(t, "failed", d.Status)
	require.Equal(t, m.step, d.FailedStep)
	require.NotNil(t, d.Error)
	require.Equal(t, m.failure, d.Error.Name, d.Error.Message)
	require.Contains(t, d.Error.Message, message)
	require.Contains(t, d.Error.Next, m.next)
	require.Equal(t, m.step, d.Error.StepID)
	require.True(t, d.hasMove("retry"))
	if m.effects == nil {
		m.effects = map[string]string{}
	}
	require.Equal(t, m.effects, d.states(), "the effects in the ledger")

	events := s.events(id)
	logged := slices.ContainsFunc(events, func(e event) bool {
		return e.Body.StepID == m.step && e.Body.Status == "failed" && strings.Contains(e.Body.Message, d.Error.Message) &&
			strings.Contains(e.Body.Message, d.Error.Next)
	})
	require.True(t, logged, "the log contains why the step failed: %+v", events)
	end := events[len(events)-1]
	require.Equal(t, "completion", end.Type)
	require.Equal(t, d.Error.Message, end.Body.Error.Message)
}

// requireResumed checks that after an event only the step and later ones ran.
func (s *system) requireResumed(id string, after int64, step string) {
	s.t.Helper()
	var ran []string
	recovered := false
	for _, e := range s.events(id) {
		if e.ID <= after {
			continue
		}
		recovered = recovered || e.Type == "recovered"
		if e.Body.Status == "processing" {
			ran = append(ran, e.Body.StepID)
		}
	}
	require.True(s.t, recovered)
	require.NotEmpty(s.t, ran)
	require.Equal(s.t, step, ran[0], "the first step to run again, of %v", ran)
}

// requireRolledBack rolls the run back and checks that nothing is left.
func (s *system) requireRolledBack(id, name string) {
	s.t.Helper()
	s.rollBack(id)
	d := s.awaitPhase(id, "rolledBack", "parked")
	require.Equal(s.t, "rolledBack", d.Phase, "%+v", d.Error)
	for _, effect := range d.Effects {
		require.Equal(s.t, "undone", effect.State, effect.Name)
	}
	s.requireNothingLeft(name)
	s.requireReplays(id)
}

// requireNothingLeft checks that neither the forge nor the catalog has the name.
func (s *system) requireNothingLeft(name string) {
	s.t.Helper()
	require.False(s.t, s.hasRepository(name), "the repository is gone")
	require.Zero(s.t, s.locations(name), "the location is gone")
	s.until("the entity to be gone", func() bool {
		return s.get("/api/catalog/entities/by-name/component/default/"+name, nil) == http.StatusNotFound
	})
}

func (s *system) serviceValues(name string, more map[string]any) map[string]any {
	values := map[string]any{"name": name, "repoUrl": s.repoURL(name)}
	maps.Copy(values, more)
	return values
}

func (s *system) copySkeleton(from, to string) {
	s.t.Helper()
	require.NoError(s.t, os.CopyFS(s.template(to), os.DirFS(s.template(from))))
}

// createRepository creates a repository outside any run.
func (s *system) createRepository(name string) {
	s.t.Helper()
	require.Equal(s.t, http.StatusCreated, s.forgeCall(http.MethodPost, "/orgs/"+organization+"/repos",
		map[string]any{"name": name, "description": "Somebody else's"}))
}

func (s *system) deleteRepository(name string) {
	s.t.Helper()
	require.Equal(s.t, http.StatusNoContent, s.forgeCall(http.MethodDelete, "/repos/"+organization+"/"+name, nil))
}

func lastID(events []event) int64 { return events[len(events)-1].ID }

func firstOf(text, otherwise string) string {
	if text != "" {
		return text
	}
	return otherwise
}

// TestInvalidInputIsRefusedBeforeTheRun checks requests that create no run.
func TestInvalidInputIsRefusedBeforeTheRun(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.start("worker")
	s.startServing("service")
	for what, test := range map[string]struct {
		template string
		values   map[string]any
		status   int
		says     string
	}{
		"values that break the schema": {"service", map[string]any{"name": strings.Repeat("n", 61), "repoUrl": "x"}, 400, "instance.name"},
		"values that are missing":      {"service", map[string]any{"name": "shop"}, 400, "repoUrl"},
		"a template that is not there": {"nowhere", nil, 404, "template:default/nowhere"},
		"a template without steps":     {"no-steps", nil, 404, "template:default/no-steps"},
		"a template that is no YAML":   {"no-yaml", nil, 404, "template:default/no-yaml"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			values := test.values
			if values == nil {
				values = map[string]any{}
			}
			status, answer := s.as(t).exchange(http.MethodPost, "/api/scaffolder/v2/tasks", runRequest(test.template, values, nil))
			require.Equal(t, test.status, status, string(answer))
			require.Contains(t, string(answer), test.says)
		})
	}
}
