package devstack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/gofrs/flock"
)

// dataLock reserves a data directory for one process. The kernel releases it when the process ends, for any
// reason.
type dataLock struct{ file *flock.Flock }

// heldLocks keeps the locks of this process reachable. The garbage collector would otherwise close their
// files, and so release them, when a caller drops its Stack without stopping it.
var heldLocks sync.Map

// InUseError names the process that uses the data directory.
type InUseError struct {
	DataDir string
	// PID is the process, 0 when it is unknown.
	PID int
}

func (e *InUseError) Error() string {
	holder := "another Portico"
	if e.PID != 0 {
		holder = fmt.Sprintf("another Portico (process %d)", e.PID)
	}
	return fmt.Sprintf("%s is using the data directory %s: stop it first, or give this one a directory of its own", holder, e.DataDir)
}

// lockData locks the directory, or fails with an *InUseError.
func lockData(directory string) (*dataLock, error) {
	name := filepath.Join(directory, "lock")
	file := flock.New(name, flock.SetPermissions(0o644))
	free, err := file.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	if !free {
		content, _ := os.ReadFile(name) // without it, the error does not name the process
		pid, _ := strconv.Atoi(strings.TrimSpace(string(content)))
		return nil, &InUseError{DataDir: directory, PID: pid}
	}
	if err := os.WriteFile(name, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil {
		return nil, errors.Join(fmt.Errorf("lock the data directory: %w", err), file.Unlock())
	}
	taken := &dataLock{file}
	heldLocks.Store(taken, nil)
	return taken, nil
}

func (l *dataLock) release() error {
	heldLocks.Delete(l)
	return l.file.Unlock()
}
