package check

import (
	"crypto/sha256"
	"sync"
)

// maxCached bounds the number of cached templates. A full cache is emptied.
const maxCached = 1000

// cache has the findings of templates by their digests. Its zero value is empty. It is safe for concurrent
// use.
type cache struct {
	mutex    sync.Mutex
	findings map[[sha256.Size]byte][]Finding
}

func (c *cache) find(digest [sha256.Size]byte) (findings []Finding, found bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	findings, found = c.findings[digest]
	return findings, found
}

func (c *cache) keep(digest [sha256.Size]byte, findings []Finding) {
	// A template that was not parsed from a document has the zero digest.
	if digest == [sha256.Size]byte{} {
		return
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.findings == nil || len(c.findings) >= maxCached {
		c.findings = map[[sha256.Size]byte][]Finding{}
	}
	c.findings[digest] = findings
}
