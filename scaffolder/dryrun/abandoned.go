package dryrun

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// directoryPrefix begins the names of the directories that dry runs work in.
	directoryPrefix = "portico-dry-run-"
	// abandonedAfter is when no dry run can be at work in its directory any more.
	abandonedAfter = 2 * maxTime
)

// RemoveAbandoned removes the directories of dry runs that died with their process. It may be called while
// others are at work, in this process or another.
func RemoveAbandoned() error { return removeAbandoned(os.TempDir(), time.Now().Add(-abandonedAfter)) }

// removeAbandoned removes those of before a time. What belongs to another user is that user's to remove.
func removeAbandoned(directory string, before time.Time) error {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return fmt.Errorf("list the directories of dry runs: %w", err)
	}
	var failed error
	for _, entry := range entries {
		if !entry.IsDir() || !strings.HasPrefix(entry.Name(), directoryPrefix) {
			continue
		}
		info, err := entry.Info()
		if err != nil || info.ModTime().After(before) {
			continue // gone already, or in use
		}
		if err := os.RemoveAll(filepath.Join(directory, entry.Name())); err != nil && !errors.Is(err, fs.ErrPermission) {
			failed = errors.Join(failed, fmt.Errorf("directory of a dry run: %w", err))
		}
	}
	return failed
}
