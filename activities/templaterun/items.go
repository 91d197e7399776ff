package templaterun

import (
	"time"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/recall"
	"github.com/portico-dev/portico/scaffolder/plan"
)

// itemsMemory caches the items of each between the iterations of a step. Two activities decide on every
// iteration, and would otherwise evaluate the each of all of them.
type itemsMemory = recall.Memory[itemsKey, *plan.Items]

const (
	// maxKeptItems bounds the steps whose items are kept. Each takes at most 768 KiB: see plan.Items.
	maxKeptItems = 64
	// keepItems is longer than most iterations take. Items may hold secrets: none live longer than twice as
	// long.
	keepItems = 10 * time.Minute
)

func newItemsMemory() *itemsMemory { return recall.New[itemsKey, *plan.Items](maxKeptItems, keepItems) }

// itemsKey is everything that the items of a step's each depend on. A run's template and values do not
// change. Its secrets, and the outputs and failures of the steps before, do so only with another generation.
type itemsKey struct {
	run                  uuid.UUID
	generation, position int
	previousFailed       bool
}

func (s *runState) itemsKey(position int) itemsKey {
	return itemsKey{s.ID, s.Generation, position, s.scope.PreviousFailed}
}
