package run

import (
	"context"
	"sync"

	"github.com/google/uuid"
)

// announcements are the runs whose followers are to be woken. While one caller tells the database, others leave theirs
// with it: however many runs move, one statement is under way at a time. The zero value is ready.
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
	if !s.told.add(id) {
		return
	}
	// The telling is for other runs as well, whose callers are not waiting.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), announceTimeout)
	defer cancel()
	for ids := s.told.take(); len(ids) > 0; ids = s.told.take() {
		_ = s.queries.AnnounceRuns(ctx, s.pool, ids)
	}
}
