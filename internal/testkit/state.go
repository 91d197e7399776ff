package testkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// The state directory is where test processes find the server: its DSN, the lock under which it is started, stopped and given a
// template, the keeper's log and the data.
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

// lockState takes the lock of the state directory; the kernel releases it when its holder ends.
func lockState(ctx context.Context, directory string) (unlock func(), err error) {
	file, err := os.OpenFile(filepath.Join(directory, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(lockInterval)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(err, file.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("the lock of %s: %w", directory, ctx.Err()), file.Close())
		case <-tick.C:
		}
	}
}
