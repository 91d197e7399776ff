package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/portico-dev/portico/scaffolder/action"
)

// TooLargeError says that a workspace exceeds a limit. A retry does not help.
type TooLargeError struct {
	// What is "bytes" or "files and directories", Limit the highest number of them.
	What  string
	Limit int64
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the workspace holds more than %d %s", e.Limit, e.What)
}

// DiskFullError says that this machine's disk has no room for a workspace. Another worker's disk may have.
type DiskFullError struct{ Err error }

func (e *DiskFullError) Error() string {
	return fmt.Sprintf("the disk for workspaces is full (%v)", e.Err)
}

// Unwrap gives the cause to errors.Is and errors.As.
func (e *DiskFullError) Unwrap() error { return e.Err }

// ExplainDisk makes a full disk, on which an action failed to write, a transient error: it may have room
// later. Other errors are returned unchanged.
func ExplainDisk(err error) error {
	var known *DiskFullError
	switch {
	case errors.As(err, &known):
		return err
	case isDiskFull(err):
		return action.Advise(action.Transient(&DiskFullError{Err: err}, 0),
			"Free some space, or choose another portico.workspace.cacheDirectory, then retry.")
	case errors.Is(err, syscall.EROFS):
		return notWritable(err)
	}
	return err
}

func isDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

func notWritable(err error) error {
	return action.Advise(action.Final(err), "Let the worker write to the directory and the bucket of portico.workspace, then retry.")
}

// explain sets the class of a file system's errors. A workspace that is too large is a final error. Errors
// that have a class keep it.
func explain(err error) error {
	err = ExplainDisk(err)
	var classified *action.Error
	var tooLarge *TooLargeError
	switch {
	case err == nil || errors.As(err, &classified):
		return err
	case errors.Is(err, fs.ErrPermission):
		return notWritable(err)
	case errors.As(err, &tooLarge):
		return action.Advise(action.Final(err), "Raise the limits at portico.workspace and retry, or leave out what is not needed and start a new run.")
	}
	return err
}
