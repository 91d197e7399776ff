package run

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
)

// notifyInterval is the least time between two notifications. Changes in between are notified together: with
// a hundred active runs, followers are woken a few times and not a hundred times each.
const notifyInterval = 20 * time.Millisecond

// notifications collects the runs whose followers are to be woken. One goroutine at a time sends what was
// collected, in one statement, however many runs change. The zero value is ready.
type notifications struct {
	mu      sync.Mutex
	waiting map[uuid.UUID]struct{}
	sending bool
}

// enqueue adds a run, and says whether the caller has to send.
func (n *notifications) enqueue(id uuid.UUID) (send bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.waiting == nil {
		n.waiting = map[uuid.UUID]struct{}{}
	}
	n.waiting[id] = struct{}{}
	send = !n.sending
	n.sending = true
	return send
}

// drain returns and removes the collected runs. With none, the next caller of enqueue has to send.
func (n *notifications) drain() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	ids := make([]string, 0, len(n.waiting))
	for id := range n.waiting {
		ids = append(ids, id.String())
	}
	clear(n.waiting)
	n.sending = len(ids) > 0
	return ids
}

// notify wakes the followers of a run whose record has changed. If it fails, they poll after a while.
func (s *Store) notify(ctx context.Context, id uuid.UUID) {
	if s.notifications.enqueue(id) {
		// It also sends for other runs, whose callers do not wait.
		s.sendNotifications(context.WithoutCancel(ctx))
	}
}

// sendNotifications sends what was collected, and repeats after an interval until nothing is left.
func (s *Store) sendNotifications(ctx context.Context) {
	ids := s.notifications.drain()
	if len(ids) == 0 {
		return
	}
	sending, cancel := context.WithTimeout(ctx, notifyTimeout)
	defer cancel()
	_ = s.queries.NotifyRuns(sending, s.pool, ids)
	time.AfterFunc(notifyInterval, func() { s.sendNotifications(ctx) })
}
