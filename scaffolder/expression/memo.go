package expression

import (
	"context"
	"sync"

	"github.com/portico-dev/portico/scaffolder/budget"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// memoBytes bounds the size of a memo; a full memo is emptied. errorBytes is the memory of an invalid
// source's error.
const memoBytes, errorBytes = 16 << 20, 256

// memo caches parsed templates by their source. The zero value is ready.
type memo struct {
	mutex   sync.Mutex
	entries map[string]parsed
	bytes   int
}

// parsed is a template, or the error of its source.
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
	size := len(source) + errorBytes
	if entry.template != nil {
		size += entry.template.Size()
	}
	if size > memoBytes {
		return
	}
	if m.bytes += size; m.entries == nil || m.bytes > memoBytes {
		m.entries, m.bytes = map[string]parsed{}, size
	}
	m.entries[source] = entry
}

// parse parses a source, or returns it from the cache.
func (r *Renderer) parse(ctx context.Context, source string) (*nunjucks.Template, error) {
	entry, ok := r.parsed.get(source)
	if !ok {
		entry.template, entry.err = r.env.ParseWithin(ctx, source)
		if err := budget.Of(ctx).Err(); err != nil {
			return nil, err
		}
		r.parsed.put(source, entry)
	}
	return entry.template, entry.err
}
