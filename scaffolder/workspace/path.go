package workspace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
)

// Resolve returns the path within root for a name that is relative to root, or absolute and below it. A name
// that leads out of root, also through a symbolic link, is ErrOutside.
func Resolve(root *os.Root, name string) (string, error) {
	if filepath.IsAbs(name) {
		relative, err := filepath.Rel(root.Name(), name)
		if err != nil {
			return "", ErrOutside
		}
		name = relative
	}
	name = filepath.Clean(name)
	if !filepath.IsLocal(name) {
		return "", ErrOutside
	}
	if _, err := root.Stat(name); IsOutside(err) {
		return "", ErrOutside
	}
	return name, nil
}

// ErrOutside is the error for a path that leads out of the workspace.
var ErrOutside = action.Final(fault.New(fault.NotAllowed, "Relative path is not allowed to refer to a directory outside its parent"))

// ExplainPath adds the path in the workspace to an error of the file system. A path that leads out is
// ErrOutside, a path that does not exist an InputError. Other errors are final, because a retry finds the
// same files. Nil and errors that have a class are returned unchanged.
func ExplainPath(path string, err error) error {
	var classified *action.Error
	switch {
	case err == nil || errors.As(err, &classified):
		return err
	case IsOutside(err):
		return ErrOutside
	case errors.Is(err, fs.ErrNotExist):
		return action.InputError("%s is not in the workspace", path)
	}
	return action.Final(fmt.Errorf("%s: %w", path, err))
}

// escapesMessage is package os's message for a path that leads out of a root. Package os exports no error
// value for it.
const escapesMessage = "path escapes from parent"

// IsOutside reports whether an operation on a root failed because the path leads out of it.
func IsOutside(err error) bool {
	var pathError *os.PathError
	var linkError *os.LinkError
	switch {
	case errors.As(err, &pathError):
		return pathError.Err.Error() == escapesMessage
	case errors.As(err, &linkError):
		return linkError.Err.Error() == escapesMessage
	}
	return false
}
