package fs

import (
	"context"
	"io/fs"
	"os"
	"path"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/workspace"
)

// maxListed bounds the output of one step.
const maxListed = 10_000

// readdirAction is fs:readdir.
type readdirAction struct{ action.NoEffects }

func (readdirAction) Describe() action.Description {
	return action.Description{
		ID:             "fs:readdir",
		Description:    "Reads files and directories from the workspace",
		InputSchema:    readdirInput,
		OutputSchema:   readdirOutput,
		SupportsDryRun: true,
		Quick:          true,
		UsesWorkspace:  true,
		Examples: []action.Example{
			{Description: "What lies at the top of the workspace", Example: `steps:
  - id: top
    name: Look at the workspace
    action: fs:readdir
    input:
      paths:
        - .
`},
			{Description: "Everything below some directories", Example: `steps:
  - id: sources
    name: Find the sources
    action: fs:readdir
    input:
      paths:
        - cmd
        - internal
      recursive: true
`},
		},
	}
}

// listed is one file or directory of the output.
type listed struct {
	Name     string `json:"name"`
	Path     string `json:"path"`
	FullPath string `json:"fullPath"`
}

// Run lists what is in the directories. A symbolic link counts as a file.
func (readdirAction) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	var input struct {
		Paths     []string
		Recursive bool
	}
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	files, folders := []listed{}, []listed{}
	for _, name := range input.Paths {
		directory, err := workspace.Resolve(call.Workspace, name)
		if err != nil {
			return nil, err
		}
		err = read(ctx, call.Workspace, directory, input.Recursive, func(found listed, isDirectory bool) {
			if isDirectory {
				folders = append(folders, found)
			} else {
				files = append(files, found)
			}
		})
		if err != nil {
			return nil, workspace.ExplainPath(name, err)
		}
		if len(files)+len(folders) > maxListed {
			return nil, action.InputError("more than %d files and directories: read fewer paths, or not recursive", maxListed)
		}
	}
	return action.Output{"files": files, "folders": folders}, nil
}

// read visits a directory in the order that Node does: all its entries by name, then what is in the last
// directory found first.
func read(ctx context.Context, root *os.Root, top string, recursive bool, visit func(listed, bool)) error {
	for waiting := []string{top}; len(waiting) > 0; {
		directory := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		entries, err := fs.ReadDir(root.FS(), directory)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			name := path.Join(directory, entry.Name())
			visit(listed{Name: entry.Name(), Path: name, FullPath: full(root, name)}, entry.IsDir())
			if recursive && entry.IsDir() {
				waiting = append(waiting, name)
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}
