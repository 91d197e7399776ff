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

// Resolve gives the path within root that a step means by name: relative to the root, or absolute and below
// it. Whatever leads out, through a symbolic link too, is ErrOutside.
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

// ErrOutside refuses a path that leads out of the workspace.
var ErrOutside = action.Final(fault.New(fault.NotAllowed, "Relative path is not allowed to refer to a directory outside its parent"))

// ExplainPath names the path in the workspace at which a file system failed. A path that leads out is
// ErrOutside, one that is not there an InputError; the rest is final, because trying again finds the same
// files. Nil and errors that have a class stay as they are.
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

// escapesMessage is how package os words the error of a path that leads out of a root. It exports no value to
// compare with.
const escapesMessage = "path escapes from parent"

// IsOutside says whether an operation on a root failed because the path led out of it.
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
