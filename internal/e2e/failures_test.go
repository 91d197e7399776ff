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

// impatient makes a failing step fail soon. A step has enough time for its work, but not for a forge that
// hangs.
const impatient = `
portico:
  run:
    stepTimeout: 10s
    retry: { initialInterval: 50ms, maximumInterval: 200ms, maximumAttempts: 2 }
`

// mishap is a cause of failure of a run, with the expected report.
type mishap struct {
	// template is "service" unless it is another one.
	template string
	values   map[string]any
	// trouble is what the forge does to the run's repository, until it is mended.
	trouble *trouble
	// prepare causes the failure, and mend removes the cause. Without either and without a trouble, only a
	// new run helps.
	prepare, mend func(w *world, name string)

	// step fails with an error of this name, whose message and next move hold these texts; "<name>" is the
	// run's.
	step, failure, message, next string
	// effects are what the ledger knows then.
	effects map[string]string
}

const (
	asks    = "intended"
	has     = "created"
	gaveUp  = "undone"
	repo    = "github:repository"
	located = "catalog:location"
)

// mishaps are failures because of bad input, a missing thing or a bad forge.
var mishaps = map[string]mishap{
	"an action that nobody knows": {
		template: "unknown-action", step: "unknown", failure: "NotFoundError", message: "Template action with ID 'nobody:knows' is not registered",
		next: "correct the template and start a new run",
	},
	"an input that the action does not take": {
		template: "wrong-input", step: "describe", failure: "InputError", message: "Invalid input passed to action catalog:write",
		next: "Correct the step's input",
	},
	"a skeleton that is not there": {
		values: map[string]any{"skeleton": "./nowhere"}, mend: func(w *world, _ string) { w.copySkeleton("skeleton", "nowhere") },
		step: "write", failure: "NotFoundError", message: "there is no ./nowhere beside the template", next: "Put it there and retry",
	},
	"a skeleton that does not parse": {
		values:  map[string]any{"skeleton": "./unclosed"},
		prepare: func(w *world, _ string) { w.copySkeleton("broken-skeleton", "unclosed") },
		mend: func(w *world, _ string) {
			require.NoError(w.t, os.Remove(w.template("unclosed/README.md")))
			w.copySkeleton("skeleton", "unclosed")
		},
		step: "write", failure: "Error", message: "README.md", next: "Mend the cause and retry",
	},
	"a name that somebody else has": {
		prepare: func(w *world, name string) { w.createRepository(name) },
		mend:    func(w *world, name string) { w.deleteRepository(name) },
		step:    "publish", failure: "ConflictError", message: "The repository demo/<name> on ", next: "another name",
		effects: map[string]string{repo: gaveUp},
	},
	"a forge that answers 500 to the creation": {
		trouble: &trouble{creation: true, fault: forgetest.Answer(500, "Server Error", nil)},
		step:    "publish", failure: "Error", message: "creating the repository demo/<name>", next: "Retry when", effects: map[string]string{repo: asks},
	},
	"a forge that answers 403 to the creation": {
		trouble: &trouble{creation: true, fault: forgetest.Answer(403, "Must have admin rights", nil)},
		step:    "publish", failure: "NotAllowedError", message: "answered 403: Must have admin rights", next: "Give the token's owner the right",
		effects: map[string]string{repo: gaveUp},
	},
	"a forge that breaks off": {
		trouble: &trouble{creation: true, fault: forgetest.DropBefore},
		step:    "publish", failure: "Error", message: "could not be reached", next: "is up and can be reached", effects: map[string]string{repo: asks},
	},
	"a forge that does not answer": {
		trouble: &trouble{creation: true, fault: forgetest.Hang},
		step:    "publish", failure: "Error", message: "has not answered", next: "is up and can be reached", effects: map[string]string{repo: asks},
	},
	"a forge that fails after the creation": {
		trouble: &trouble{method: http.MethodPut, path: "/topics", fault: forgetest.Answer(500, "Server Error", nil)},
		step:    "publish", failure: "Error", message: "demo/<name>", next: "Retry when", effects: map[string]string{repo: has},
	},
	"a forge that refuses the push": {
		trouble: &trouble{path: "/git-receive-pack", fault: forgetest.Answer(403, "Write access not granted", nil)},
		step:    "publish", failure: "NotAllowedError", message: "pushing to demo/<name>", next: "Give the token the right to write",
		effects: map[string]string{repo: has},
	},
	"a forge that does not show the descriptor": {
		trouble: &trouble{method: http.MethodGet, path: "/catalog-info.yaml", fault: forgetest.Answer(500, "Server Error", nil)},
		step:    "register", failure: "InputError", message: "catalog-info.yaml?ref=main, 500", next: "can be read from the worker", effects: map[string]string{repo: has, located: has},
	},
	"a step that fails when all is made": {
		values: map[string]any{"stumble": "yes"}, step: "stumble", failure: "NotAllowedError", message: "outside its parent", next: "Mend the cause",
		effects: map[string]string{repo: has, located: has},
	},
}

// TestFailuresNameTheirCauseAndCanBeRetried causes each failure. Each must park the run with an error that
// names the cause and what to do, in every place that shows it, and with a correct ledger. A run whose cause
// can be removed continues from the failed step; every run can be rolled back.
func TestFailuresNameTheirCauseAndCanBeRetried(t *testing.T) {
	t.Parallel()
	w := newWorld(t, impatient)
	parts := []*process{w.start("worker"), w.start("worker"), w.startServing("service")}
	// All run at once, however few subtests may run in parallel.
	ids := map[string]string{}
	for what, m := range mishaps {
		ids[what] = m.begin(w, nameOf(what))
	}
	t.Run("each", func(t *testing.T) {
		t.Parallel()
		for what, m := range mishaps {
			t.Run(what, func(t *testing.T) {
				t.Parallel()
				m.follow(w.as(t), ids[what], nameOf(what))
			})
		}
	})
	t.Cleanup(func() {
		for _, part := range parts {
			require.True(t, part.isRunning(), part.part)
		}
	})
}

// nameOf is what the run of a mishap makes.
func nameOf(what string) string { return strings.ReplaceAll(what, " ", "-") }

// begin causes the failure and starts a run that meets it.
func (m mishap) begin(w *world, name string) string {
	if m.prepare != nil {
		m.prepare(w, name)
	}
	if m.trouble != nil {
		w.faults.set(name, *m.trouble)
	}
	return w.createRun(firstOf(m.template, "service"), w.serviceValues(name, m.values), nil)
}

// follow checks the run's failure, removes the cause if possible, and rolls the run back.
func (m mishap) follow(w *world, id, name string) {
	d := w.ended(id, "parked", "done")
	m.requireNamed(w, id, name, d)
	if m.mend == nil && m.trouble == nil {
		w.requireRolledBack(id, name)
		return
	}
	if m.mend != nil {
		m.mend(w, name)
	}
	w.faults.clear(name)
	last := lastID(w.events(id))
	w.retry(id)
	d = w.ended(id, "done", "parked")
	require.Equal(w.t, "completed", d.Status, "%+v", d.Error)
	w.requireResumed(id, last, m.step)
	w.requireMadeOnce(name, d)
	w.requireReplays(id)
	w.requireRolledBack(id, name)
}

// requireNamed checks what people read about the failure.
func (m mishap) requireNamed(w *world, id, name string, d details) {
	t := w.t
	t.Helper()
	message := strings.ReplaceAll(m.message, "<name>", name)
	require.Equal(t, "failed", d.Status)
	require.Equal(t, m.step, d.FailedStep)
	require.NotNil(t, d.Error)
	require.Equal(t, m.failure, d.Error.Name, d.Error.Message)
	require.Contains(t, d.Error.Message, message)
	require.Contains(t, d.Error.Next, m.next)
	require.Equal(t, m.step, d.Error.StepID)
	require.True(t, d.mayMove("retry"))
	if m.effects == nil {
		m.effects = map[string]string{}
	}
	require.Equal(t, m.effects, d.states(), "what the ledger knows")

	events := w.events(id)
	told := slices.ContainsFunc(events, func(e event) bool {
		return e.Body.StepID == m.step && e.Body.Status == "failed" && strings.Contains(e.Body.Message, d.Error.Message) &&
			strings.Contains(e.Body.Message, d.Error.Next)
	})
	require.True(t, told, "the log tells why the step failed: %+v", events)
	end := events[len(events)-1]
	require.Equal(t, "completion", end.Type)
	require.Equal(t, d.Error.Message, end.Body.Error.Message)
}

// requireResumed checks that after an event nothing ran but the step and those after it.
func (w *world) requireResumed(id string, after int64, step string) {
	w.t.Helper()
	var ran []string
	recovered := false
	for _, e := range w.events(id) {
		if e.ID <= after {
			continue
		}
		recovered = recovered || e.Type == "recovered"
		if e.Body.Status == "processing" {
			ran = append(ran, e.Body.StepID)
		}
	}
	require.True(w.t, recovered)
	require.NotEmpty(w.t, ran)
	require.Equal(w.t, step, ran[0], "the first step to run again, of %v", ran)
}

// requireRolledBack rolls the run back and checks that nothing is left of it.
func (w *world) requireRolledBack(id, name string) {
	w.t.Helper()
	w.rollBack(id)
	d := w.ended(id, "rolledBack", "parked")
	require.Equal(w.t, "rolledBack", d.Phase, "%+v", d.Error)
	for _, effect := range d.Effects {
		require.Equal(w.t, "undone", effect.State, effect.Name)
	}
	w.requireNothing(name)
	w.requireReplays(id)
}

// requireNothing checks that neither the forge nor the catalog knows the name.
func (w *world) requireNothing(name string) {
	w.t.Helper()
	require.False(w.t, w.hasRepository(name), "the repository is gone")
	require.Zero(w.t, w.locations(name), "the location is gone")
	w.until("the entity to be gone", func() bool {
		return w.get("/api/catalog/entities/by-name/component/default/"+name, nil) == http.StatusNotFound
	})
}

func (w *world) serviceValues(name string, more map[string]any) map[string]any {
	values := map[string]any{"name": name, "repoUrl": w.repoURL(name)}
	maps.Copy(values, more)
	return values
}

func (w *world) copySkeleton(from, to string) {
	w.t.Helper()
	require.NoError(w.t, os.CopyFS(w.template(to), os.DirFS(w.template(from))))
}

// createRepository makes a repository as somebody else would.
func (w *world) createRepository(name string) {
	w.t.Helper()
	require.Equal(w.t, http.StatusCreated, w.forgeCall(http.MethodPost, "/orgs/"+organization+"/repos",
		map[string]any{"name": name, "description": "Somebody else's"}))
}

func (w *world) deleteRepository(name string) {
	w.t.Helper()
	require.Equal(w.t, http.StatusNoContent, w.forgeCall(http.MethodDelete, "/repos/"+organization+"/"+name, nil))
}

func lastID(events []event) int64 { return events[len(events)-1].ID }

func firstOf(text, otherwise string) string {
	if text != "" {
		return text
	}
	return otherwise
}

// TestInvalidInputIsRefusedBeforeTheRun holds what never becomes a run.
func TestInvalidInputIsRefusedBeforeTheRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start("worker")
	w.startServing("service")
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
			status, answer := w.as(t).exchange(http.MethodPost, "/api/scaffolder/v2/tasks", runRequest(test.template, values, nil))
			require.Equal(t, test.status, status, string(answer))
			require.Contains(t, string(answer), test.says)
		})
	}
}
