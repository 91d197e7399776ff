package templaterun

import (
	"sync"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/scaffolder/run"
)

// maxBegun bounds how many runs a worker remembers; those that are under way are far fewer.
const maxBegun = 1000

// begunRun is what stays the same for one generation of a run: the pinned template and the secrets.
type begunRun struct {
	run     run.Run
	secrets map[string]string
	redact  run.Redactor
}

// begunRuns remembers the runs that this worker has begun, so that their steps need not read them again. The zero value is ready.
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

func (b *begunRuns) forget(id uuid.UUID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.runs, id)
}
