package api

import (
	"sync"
	"time"
)

// openStreams limits the streams that one principal may have open at once. It is safe for concurrent use.
type openStreams struct {
	most int

	mutex sync.Mutex
	open  map[string]int
}

func newOpenStreams(most int) *openStreams { return &openStreams{most: most, open: map[string]int{}} }

// enter counts one more stream of a principal; leave is called at its end.
func (s *openStreams) enter(subject string) (leave func(), err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.open[subject] >= s.most {
		return nil, tooManyRequests(10*time.Second, "You follow as many runs at once as one may. Close some of them, or try again later")
	}
	s.open[subject]++
	return func() { s.leave(subject) }, nil
}

func (s *openStreams) leave(subject string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.open[subject]--
	if s.open[subject] == 0 {
		delete(s.open, subject)
	}
}
