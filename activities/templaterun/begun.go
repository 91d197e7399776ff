package templaterun

import (
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/scaffolder/plan"
	"github.com/portico-dev/portico/scaffolder/run"
)

// maxBegun bounds how many runs a worker remembers; those that are under way are far fewer.
const maxBegun = 1000

// begunRun is what a worker knows of one generation of a run.
type begunRun struct {
	// The pinned template and the secrets stay the same for a generation.
	run     run.Run
	secrets map[string]string
	redact  run.Redactor
	// steps and outputs are as this worker read or told them last; nil steps are not known. Another worker may have
	// gone further since, but within a generation a step that ended stays as it ended.
	steps   []run.Step
	outputs []plan.Output
}

// knows says whether every step before a position is known to have ended, and so all that the expressions of the step
// there can see.
func (b begunRun) knows(position int) bool {
	if b.steps == nil {
		return false
	}
	position = min(position, len(b.steps))
	return !slices.ContainsFunc(b.steps[:position], func(step run.Step) bool { return !step.Status.Ended() })
}

// after is what is known once a step has changed. A step that goes on is better read again.
func (b begunRun) after(change run.StepChange) begunRun {
	at := slices.IndexFunc(b.steps, func(step run.Step) bool { return step.ID == change.StepID })
	if at < 0 || change.Status != run.StatusCompleted && change.Status != run.StatusSkipped {
		b.steps, b.outputs = nil, nil
		return b
	}
	b.steps = slices.Clone(b.steps)
	b.steps[at].Status = change.Status
	if change.Workspace != "" {
		b.steps[at].Workspace = change.Workspace
	}
	if change.Status == run.StatusCompleted {
		b.outputs = append(slices.Clip(b.outputs), plan.Output{StepID: change.StepID, Output: change.Output})
	}
	return b
}

// begunRuns remembers the runs that this worker has begun, so that their steps need not read them again. The zero value
// is ready.
type begunRuns struct {
	mu   sync.Mutex
	runs map[uuid.UUID]begunRun
}

func (b *begunRuns) get(id uuid.UUID, generation int) (begunRun, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	begun, known := b.runs[id]
	return begun, known && begun.run.Generation == generation
}

func (b *begunRuns) put(begun begunRun) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.runs == nil || len(b.runs) >= maxBegun {
		b.runs = map[uuid.UUID]begunRun{}
	}
	b.runs[begun.run.ID] = begun
}

// learn takes in what was told of a run.
func (b *begunRuns) learn(id uuid.UUID, generation int, change *run.StepChange) {
	if change == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if begun, known := b.runs[id]; known && begun.run.Generation == generation {
		b.runs[id] = begun.after(*change)
	}
}

func (b *begunRuns) forget(id uuid.UUID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.runs, id)
}
