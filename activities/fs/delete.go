package fs

import (
	"cmp"
	"context"
	"io/fs"
	"os"
	"slices"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/workspace"
)

// deleteAction is fs:delete.
type deleteAction struct{ action.NoEffects }

func (deleteAction) Describe() action.Description {
	return action.Description{
		ID:             "fs:delete",
		Description:    "Deletes files and directories from the workspace",
		InputSchema:    deleteInput,
		SupportsDryRun: true,
		Quick:          true,
		UsesWorkspace:  true,
		Differences: []string{
			"The empty directories that are left of a directory that was named, or that a pattern selects, are deleted, too. Backstage's action leaves them.",
			"A pattern that is the exact name of a file deletes that file, whatever brackets are in it.",
		},
		Examples: []action.Example{
			{Description: "Drop what only the skeleton needed", Example: `steps:
  - id: tidy
    name: Tidy up
    action: fs:delete
    input:
      files:
        - SKELETON.md
        - .github/template-only
`},
			{Description: "Drop everything of a kind, wherever it is", Example: `steps:
  - id: tidy
    name: Remove the editor's backups
    action: fs:delete
    input:
      files:
        - '**/*.bak'
`},
			{Description: "Begin again with nothing", Example: `steps:
  - id: clear
    name: Clear the workspace
    action: fs:delete
    input:
      files:
        - '**'
`},
		},
	}
}

// Run deletes the files that each pattern selects, and then the selected directories that are empty.
func (deleteAction) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	var input struct{ Files []string }
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	for _, pattern := range input.Files {
		if err := deleteMatches(ctx, call, pattern); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func deleteMatches(ctx context.Context, call *action.Call, pattern string) error {
	below, err := workspace.Resolve(call.Workspace, pattern)
	if err != nil {
		return err
	}
	selected, err := workspace.NewGlobs(call.Workspace.FS(), []string{"./" + below})
	if err != nil {
		return err
	}
	var directories []string
	err = fs.WalkDir(call.Workspace.FS(), ".", func(path string, item fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil {
			return cmp.Or(err, ctx.Err())
		}
		isSelected, err := selected.Match(path)
		if item.IsDir() {
			if path != "." && (path == below || isSelected) {
				directories = append(directories, path)
			}
			return err
		}
		if err != nil || !isSelected {
			return err
		}
		if err := call.Workspace.Remove(path); err != nil {
			return err
		}
		call.Log.Info("File %s deleted successfully", full(call.Workspace, path))
		return nil
	})
	if err != nil {
		return workspace.ExplainPath(pattern, err)
	}
	removeEmpty(call.Workspace, directories)
	return nil
}

// removeEmpty removes the directories that are empty, innermost first.
func removeEmpty(root *os.Root, directories []string) {
	for _, directory := range slices.Backward(directories) {
		entries, err := fs.ReadDir(root.FS(), directory)
		if err == nil && len(entries) == 0 {
			_ = root.Remove(directory) // an empty directory that stays does no harm
		}
	}
}
