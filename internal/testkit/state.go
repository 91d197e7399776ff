package testkit

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// The state directory is where test processes find the server: its DSN, the lock under which it is started,
// stopped and given a template, the keeper's log and the data.
const (
	dsnName  = "dsn"
	lockName = "lock"

	lockInterval = 20 * time.Millisecond
)

// stateDirectory makes the directory, closed to other users: the DSN has a superuser's password in it.
func stateDirectory() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("a place for the test server: %w", err)
	}
	directory := filepath.Join(cache, "portico", "testkit")
	return directory, os.MkdirAll(directory, 0o700)
}

func readDSN(directory string) (string, error) {
	content, err := os.ReadFile(filepath.Join(directory, dsnName))
	return string(content), err
}

// lockState takes the lock of the state directory, waiting for it; the kernel gives it free when its holder
// ends.
func lockState(ctx context.Context, directory string) (unlock func() error, err error) {
	lock := flock.New(filepath.Join(directory, lockName))
	if _, err := lock.TryLockContext(ctx, lockInterval); err != nil {
		return nil, fmt.Errorf("the lock of %s: %w", directory, err)
	}
	return lock.Unlock, nil
}
