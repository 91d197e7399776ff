// Package standin has small servers in the place of services that cannot run here: PagerDuty, Slack and Argo CD.
// They keep what they are given in memory. `portico dev --with` starts them for the onboarding template, and
// tests check them against the services' published descriptions.
package standin

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
)

// maxBody bounds the body of a request.
const maxBody = 1 << 20

// things are named things by their ids, behind a lock.
type things struct {
	mutex sync.Mutex
	names map[string]string
	next  int
}

func (s *things) add(format, name string) (id string) {
	if s.names == nil {
		s.names = map[string]string{}
	}
	s.next++
	id = fmt.Sprintf(format, s.next)
	s.names[id] = name
	return id
}

// has reports whether there is a thing of a name.
func (s *things) has(name string) bool {
	return slices.Contains(slices.Collect(maps.Values(s.names)), name)
}

// State lists the names of the things.
func (s *things) State() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return append([]string{}, slices.Sorted(maps.Values(s.names))...)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) //nolint:errchkjson // It is written by this package.
}
