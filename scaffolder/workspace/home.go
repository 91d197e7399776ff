package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// home is the directory in which one store creates its working directories. Its process holds the lock of a
// file beside it for as long as it lives.
type home struct {
	path string
	lock *os.File
}

const lockSuffix = ".lock"

func newHome(directory string) (*home, error) {
	directory, err := filepath.Abs(directory)
	if err != nil {
		return nil, fmt.Errorf("workspace directory: %w", err)
	}
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, fmt.Errorf("workspace directory: %w", err)
	}
	turn, err := lockDirectory(directory)
	if err != nil {
		return nil, fmt.Errorf("workspace directory %s: %w", directory, err)
	}
	defer turn.Close()
	if err := removeOrphans(directory); err != nil {
		return nil, fmt.Errorf("workspace directory %s: %w", directory, err)
	}
	lock, err := os.CreateTemp(directory, "store-*"+lockSuffix)
	if err != nil {
		return nil, fmt.Errorf("workspace directory: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("workspace directory: lock %s: %w", lock.Name(), err), lock.Close())
	}
	made := &home{path: strings.TrimSuffix(lock.Name(), lockSuffix), lock: lock}
	if err := os.Mkdir(made.path, 0o700); err != nil {
		return nil, errors.Join(fmt.Errorf("workspace directory: %w", err), lock.Close())
	}
	spread(made.path)
	return made, nil
}

// lockDirectory waits for the turn of this process among those that begin in the directory: until a new home is locked, others would take
// it for an orphan. Closing the file ends the turn.
func lockDirectory(directory string) (*os.File, error) {
	turn, err := os.Open(directory)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(turn.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock it: %w", err), turn.Close())
	}
	return turn, nil
}

// removeOrphans removes the homes whose lock is free: the kernel releases the lock of a process that died.
func removeOrphans(directory string) error {
	locks, err := filepath.Glob(filepath.Join(directory, "store-*"+lockSuffix))
	if err != nil {
		return err
	}
	for _, name := range locks {
		if err := removeOrphan(name); err != nil {
			return err
		}
	}
	return nil
}

func removeOrphan(name string) error {
	lock, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return nil
	}
	if err := removeTree(strings.TrimSuffix(name, lockSuffix)); err != nil {
		return err
	}
	if err := os.Remove(name); !errors.Is(err, fs.ErrNotExist) { // its process may have removed it just now
		return err
	}
	return nil
}

// newRoot creates a working directory.
func (h *home) newRoot() (*os.Root, error) {
	path, err := os.MkdirTemp(h.path, "run-")
	if err != nil {
		return nil, err
	}
	return os.OpenRoot(path)
}

func (h *home) remove() error {
	err := errors.Join(removeTree(h.path), os.Remove(h.lock.Name()))
	return errors.Join(err, h.lock.Close())
}

// removeTree removes a directory, even if it contains directories without write permission.
func removeTree(path string) error {
	if os.RemoveAll(path) == nil {
		return nil
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(below string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		return root.Chmod(below, 0o700)
	})
	return errors.Join(err, os.RemoveAll(path))
}

// newFile creates a file outside all working directories.
func (h *home) newFile() (*os.File, error) {
	return os.CreateTemp(h.path, "archive-")
}
