package check

import (
	"crypto/sha256"
	"sync"
)

// maxJudged bounds how many templates are remembered. When there are more, all are forgotten.
const maxJudged = 1000

// judged remembers the findings on templates by their digests. Its zero value is empty. It is safe for
// concurrent use.
type judged struct {
	mutex    sync.Mutex
	findings map[[sha256.Size]byte][]Finding
}

func (j *judged) find(digest [sha256.Size]byte) (findings []Finding, found bool) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	findings, found = j.findings[digest]
	return findings, found
}

func (j *judged) keep(digest [sha256.Size]byte, findings []Finding) {
	// The zero value is of a template that was made by hand.
	if digest == [sha256.Size]byte{} {
		return
	}
	j.mutex.Lock()
	defer j.mutex.Unlock()
	if j.findings == nil || len(j.findings) >= maxJudged {
		j.findings = map[[sha256.Size]byte][]Finding{}
	}
	j.findings[digest] = findings
}
