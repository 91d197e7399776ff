package e2e_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/portico-dev/portico/internal/testkit/forgetest"
)

// trouble is what is wrong with the forge for one repository: the requests that match get the fault.
type trouble struct {
	// method and path select requests; the path is matched by its end, "" matches all. creation selects the
	// request that makes the repository.
	method, path string
	creation     bool
	fault        forgetest.Fault
}

// faults are the troubles of a forge, by the repository that they befall, so that many tests may share one
// forge.
type faults struct {
	mu       sync.Mutex
	troubles map[string]trouble
}

func injectFaults(server *forgetest.Server) *faults {
	f := &faults{troubles: map[string]trouble{}}
	server.Inject(f.pick)
	return f
}

func (f *faults) set(repository string, t trouble) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.troubles[repository] = t
}

func (f *faults) clear(repository string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.troubles, repository)
}

func (f *faults) pick(r *http.Request) forgetest.Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	creates := r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/orgs/"+organization+"/repos")
	var body []byte
	if creates && len(f.troubles) > 0 {
		body, _ = io.ReadAll(r.Body) // the forge finds out what was lost
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	for repository, t := range f.troubles {
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

// concerns says that a path leads to the repository, through the API or with git.
func concerns(path, repository string) bool {
	_, below, found := strings.Cut(path, "/"+organization+"/")
	name, _, _ := strings.Cut(below, "/")
	return found && strings.TrimSuffix(name, ".git") == repository
}
