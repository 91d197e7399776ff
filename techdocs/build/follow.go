package build

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/fault"
)

// followPeriod is how soon a reader sees a new line.
const followPeriod = 200 * time.Millisecond

// followed are the builds that readers follow. The readers of one build share one look at the database.
type followed struct {
	mu sync.Mutex
	by map[uuid.UUID]*watch
}

// watch is what is known of a build that somebody follows. The lock of followed guards it.
type watch struct {
	readers int
	stop    context.CancelFunc
	lines   []string
	build   Build
	err     error
	// news is closed when something of the above has changed.
	news chan struct{}
}

// isOver says that nothing new will come.
func (w *watch) isOver() bool { return w.err != nil || w.build.State.HasEnded() }

// follow hands over the lines of a build until it ends.
func (s *Service) follow(ctx context.Context, id uuid.UUID, log func(line string)) (Build, error) {
	w := s.watch(ctx, id)
	defer s.leave(id, w)
	for handed := 0; ; {
		s.followed.mu.Lock()
		lines, now := w.lines[handed:], *w
		s.followed.mu.Unlock()
		for _, line := range lines {
			log(line)
		}
		handed += len(lines)
		if now.isOver() {
			return now.build, now.err
		}
		select {
		case <-ctx.Done():
			return Build{}, fault.Wrap(fault.Unavailable, ctx.Err(), "the build of the docs goes on: look again later")
		case <-now.news:
		}
	}
}

// watch returns the watch of a build for one more reader, who leaves it. The first one begins it.
func (s *Service) watch(ctx context.Context, id uuid.UUID) *watch {
	s.followed.mu.Lock()
	defer s.followed.mu.Unlock()
	w := s.followed.by[id]
	if w == nil {
		w = &watch{news: make(chan struct{})}
		ctx, w.stop = context.WithCancel(context.WithoutCancel(ctx))
		if s.followed.by == nil {
			s.followed.by = map[uuid.UUID]*watch{}
		}
		s.followed.by[id] = w
		go s.look(ctx, id, w)
	}
	w.readers++
	return w
}

// leave is the end of one reader. The last one ends the watch.
func (s *Service) leave(id uuid.UUID, w *watch) {
	s.followed.mu.Lock()
	defer s.followed.mu.Unlock()
	if w.readers--; w.readers == 0 {
		w.stop()
		s.forget(id, w)
	}
}

// forget has the next reader begin a watch. The caller holds the lock.
func (s *Service) forget(id uuid.UUID, w *watch) {
	if s.followed.by[id] == w {
		delete(s.followed.by, id)
	}
}

// look looks at a build until it ends, or nobody follows it any more.
func (s *Service) look(ctx context.Context, id uuid.UUID, w *watch) {
	defer w.stop()
	ticker := time.NewTicker(followPeriod)
	defer ticker.Stop()
	for after := 0; ; {
		now, lines, err := s.lookOnce(ctx, id, after)
		if len(lines) > 0 {
			after = lines[len(lines)-1].Number
		}
		if s.tell(id, w, now, lines, err) {
			return
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// lookOnce reads a build, and its lines after a number.
func (s *Service) lookOnce(ctx context.Context, id uuid.UUID, after int) (Build, []Line, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	row, err := s.queries.TechDocsBuild(ctx, s.Store.Pool, id)
	if err != nil {
		return Build{}, nil, fmt.Errorf("follow build %s: %w", id, err)
	}
	lines, err := s.lines(ctx, id, after)
	return buildOf(row), lines, err
}

// tell tells the readers what was found, and reports whether the watch is over.
func (s *Service) tell(id uuid.UUID, w *watch, now Build, lines []Line, err error) (over bool) {
	s.followed.mu.Lock()
	defer s.followed.mu.Unlock()
	w.build, w.err = now, err
	for _, line := range lines {
		w.lines = append(w.lines, line.Text)
	}
	over = w.isOver()
	if over {
		s.forget(id, w)
	}
	if over || len(lines) > 0 {
		close(w.news)
		w.news = make(chan struct{})
	}
	return over
}
