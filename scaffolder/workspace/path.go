package workspace

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/portico-dev/portico/scaffolder/action"
)

// Resolve gives the path within root that a step means by name: relative to the root, or absolute and below it.
// Whatever leads out, through a symbolic link too, is ErrOutside.
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
var ErrOutside error = &action.Error{
	Name: "NotAllowedError",
	Err:  errors.New("Relative path is not allowed to refer to a directory outside its parent"), //nolint:staticcheck // Backstage's words
}

// escapesMessage is how package os words the error of a path that leads out of a root. It exports no value to compare with.
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
