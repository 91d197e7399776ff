package run

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
)

// announceInterval is how long what moves next waits after a telling, to be told together with others. Nobody sees the
// difference, and a hundred runs that move at once wake their followers a few times and not a hundred times each.
const announceInterval = 20 * time.Millisecond

// announcements are the runs whose followers are to be woken. While somebody tells the database, and for a moment after,
// others leave theirs: however many runs move, one statement is under way at a time. The zero value is ready.
type announcements struct {
	mu      sync.Mutex
	waiting map[uuid.UUID]struct{}
	telling bool
}

// add leaves a run to be told of, and says whether the caller has to do the telling.
func (a *announcements) add(id uuid.UUID) (tell bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waiting == nil {
		a.waiting = map[uuid.UUID]struct{}{}
	}
	a.waiting[id] = struct{}{}
	tell = !a.telling
	a.telling = true
	return tell
}

// take gives the teller what to tell next; nothing relieves it.
func (a *announcements) take() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	ids := make([]string, 0, len(a.waiting))
	for id := range a.waiting {
		ids = append(ids, id.String())
	}
	clear(a.waiting)
	a.telling = len(ids) > 0
	return ids
}

// announce wakes the followers of a run whose record has changed. Should it fail, they look by themselves after a while.
func (s *Store) announce(ctx context.Context, id uuid.UUID) {
	if s.told.add(id) {
		// The telling is for other runs as well, whose callers are not waiting.
		s.tell(context.WithoutCancel(ctx))
	}
}

// tell tells of what waits, and comes back for what will wait then: until nothing does.
func (s *Store) tell(ctx context.Context) {
	ids := s.told.take()
	if len(ids) == 0 {
		return
	}
	telling, cancel := context.WithTimeout(ctx, announceTimeout)
	defer cancel()
	_ = s.queries.AnnounceRuns(telling, s.pool, ids)
	time.AfterFunc(announceInterval, func() { s.tell(ctx) })
}
