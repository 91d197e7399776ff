package fetch

import (
	"fmt"
	"io/fs"
	"os"
	"path"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/workspace"
)

// maxEntries bounds a tree that lies beside the template; one from a host is bounded where it is read.
const maxEntries = 100_000

// entry is one thing in a tree. The location of a directory ends with a slash.
type entry struct {
	location string
	mode     fs.FileMode
}

func (e entry) isDirectory() bool { return e.mode.IsDir() }
func (e entry) isLink() bool      { return e.mode&fs.ModeSymlink != 0 }

// list lists a tree level by level, by name within each directory: the order in which Backstage comes upon
// its files. Links that lead out of the tree are left out, and said to be.
func list(tree *os.Root, log action.Log) ([]entry, error) {
	var entries []entry
	for waiting := []string{"."}; len(waiting) > 0; waiting = waiting[1:] {
		below, err := fs.ReadDir(tree.FS(), waiting[0])
		if err != nil {
			return nil, action.Final(fmt.Errorf("listing the template: %w", err))
		}
		for _, item := range below {
			name := path.Join(waiting[0], item.Name())
			found := entry{location: name, mode: item.Type()}
			switch {
			case found.isDirectory():
				found.location += "/"
				waiting = append(waiting, name)
			case found.isLink():
				if _, err := tree.Stat(name); workspace.IsOutside(err) {
					log.Warn("Leaving out the symbolic link %s, which leads out of the template", name)
					continue
				}
			case !found.mode.IsRegular():
				return nil, action.InputError("%s in the template is neither a file nor a directory nor a symbolic link", name)
			}
			entries = append(entries, found)
		}
		if len(entries) > maxEntries {
			return nil, action.InputError("the template holds more than %d files and directories", maxEntries)
		}
	}
	return entries, nil
}
