package expression

import (
	"sync"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// memoBytes bounds the sources that a memo remembers; beyond it the memo starts afresh.
const memoBytes = 4 << 20

// memo remembers parsed templates by their source. The zero value is ready.
type memo struct {
	mutex   sync.Mutex
	entries map[string]parsed
	bytes   int
}

// parsed is a template, or why its source is none.
type parsed struct {
	template *nunjucks.Template
	err      error
}

func (m *memo) get(source string) (parsed, bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	entry, ok := m.entries[source]
	return entry, ok
}

func (m *memo) put(source string, entry parsed) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.bytes += len(source); m.entries == nil || m.bytes > memoBytes {
		m.entries, m.bytes = map[string]parsed{}, len(source)
	}
	m.entries[source] = entry
}

// parse parses a source, or remembers having done so.
func (r *Renderer) parse(source string) (*nunjucks.Template, error) {
	entry, ok := r.parsed.get(source)
	if !ok {
		entry.template, entry.err = r.env.Parse(source)
		r.parsed.put(source, entry)
	}
	return entry.template, entry.err
}
