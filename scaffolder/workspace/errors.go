package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/portico-dev/portico/scaffolder/action"
)

// TooLargeError says that a workspace is beyond what one may hold. Trying again does not help.
type TooLargeError struct {
	// What is "bytes" or "files and directories", Limit how many there may be.
	What  string
	Limit int64
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the workspace holds more than %d %s", e.Limit, e.What)
}

// DiskFullError says that this machine has no room for a workspace. Another worker may have.
type DiskFullError struct{ Err error }

func (e *DiskFullError) Error() string {
	return fmt.Sprintf("the disk for workspaces is full (%v)", e.Err)
}

// Unwrap gives the cause to errors.Is and errors.As.
func (e *DiskFullError) Unwrap() error { return e.Err }

// ExplainDisk gives what the disk did to an action that wrote into its workspace its class: a full disk may
// be emptied and is transient. Other errors stay as they are.
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

// explain gives the failures of a file system their class: too large a workspace stays too large. Errors that
// have a class keep it.
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
