package testkit

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// The state directory contains the server's DSN, the lock for starting, stopping and preparing it, the
// keeper's log and the data.
const (
	dsnName  = "dsn"
	lockName = "lock"

	lockInterval = 20 * time.Millisecond
)

// stateDirectory creates the directory, closed to other users, because the DSN contains a superuser's
// password.
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

// lockState waits for the lock of the state directory. The kernel releases it when its holder ends.
func lockState(ctx context.Context, directory string) (unlock func() error, err error) {
	lock := flock.New(filepath.Join(directory, lockName))
	if _, err := lock.TryLockContext(ctx, lockInterval); err != nil {
		return nil, fmt.Errorf("the lock of %s: %w", directory, err)
	}
	return lock.Unlock, nil
}
