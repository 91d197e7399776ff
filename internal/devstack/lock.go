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

// dataLock keeps a data directory for one process. The kernel gives it free when the process ends, however it
// ends.
type dataLock struct{ file *flock.Flock }

// heldLocks keeps the locks of this process from the garbage collector, which would close their files and so
// give them free under a caller that has dropped its Stack without stopping it.
var heldLocks sync.Map

// InUseError says which process has the data directory.
type InUseError struct {
	DataDir string
	// PID is the process, 0 when it could not be found out.
	PID int
}

func (e *InUseError) Error() string {
	holder := "another Portico"
	if e.PID != 0 {
		holder = fmt.Sprintf("another Portico (process %d)", e.PID)
	}
	return fmt.Sprintf("%s is using the data directory %s: stop it first, or give this one a directory of its own", holder, e.DataDir)
}

// lockData takes the directory, or fails with an *InUseError.
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
