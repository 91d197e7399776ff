package e2e_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/portico-dev/portico/internal/testkit/forgetest"
)

// faultRule applies a fault to the matching requests about one repository.
type faultRule struct {
	// method and path select requests. The path is matched by its end; "" matches all. creation selects the
	// request that creates the repository.
	method, path string
	creation     bool
	fault        forgetest.Fault
}

// faults are the rules of a forge by repository, so that many tests can share one forge.
type faults struct {
	mu    sync.Mutex
	rules map[string]faultRule
}

func injectFaults(server *forgetest.Server) *faults {
	f := &faults{rules: map[string]faultRule{}}
	server.Inject(f.pick)
	return f
}

func (f *faults) set(repository string, t faultRule) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules[repository] = t
}

func (f *faults) clear(repository string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.rules, repository)
}

func (f *faults) pick(r *http.Request) forgetest.Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	creates := r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/orgs/"+organization+"/repos")
	var body []byte
	if creates && len(f.rules) > 0 {
		body, _ = io.ReadAll(r.Body) // the forge reports an incomplete body
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	for repository, t := range f.rules {
		switch {
		case t.creation:
			if creates && bytes.Contains(body, []byte(`"`+repository+`"`)) {
				return t.fault
			}
		case concerns(r.URL.Path, repository) && (t.method == "" || t.method == r.Method) && strings.HasSuffix(r.URL.Path, t.path):
			return t.fault
		}
	}
	return nil
}

// concerns reports whether a path of the API or of git belongs to the repository.
func concerns(path, repository string) bool {
	_, below, found := strings.Cut(path, "/"+organization+"/")
	name, _, _ := strings.Cut(below, "/")
	return found && strings.TrimSuffix(name, ".git") == repository
}
