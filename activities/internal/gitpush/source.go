package gitpush

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/portico-dev/portico/scaffolder/action"
)

// OpenSource opens the directory that becomes the repository's root; it cannot lead out of the workspace.
func OpenSource(workspace *os.Root, sourcePath string) (*os.Root, error) {
	source, err := workspace.OpenRoot(path.Clean("./" + strings.TrimPrefix(sourcePath, "/")))
	if err != nil {
		return nil, action.InputError("sourcePath %q is not a directory of the workspace: %w", sourcePath, err)
	}
	if err := refuseNested(source); err != nil {
		return nil, errors.Join(err, source.Close())
	}
	return source, nil
}

// refuseNested refuses directories that are Git repositories of their own: git would commit a link to them
// instead of their files. A repository at the root is left out and does no harm.
func refuseNested(source *os.Root) error {
	return fs.WalkDir(source.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("workspace: %w", err)
		case name == ".git" && entry.IsDir():
			return fs.SkipDir
		case entry.Name() == ".git" && name != ".git":
			return action.InputError("%s is a Git repository within the workspace, which cannot be published as files. "+
				"Remove %s with fs:delete before publishing.", path.Dir(name), name)
		default:
			return nil
		}
	})
}
