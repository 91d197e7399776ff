package fs

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/workspace"
)

// renameAction is fs:rename.
type renameAction struct{ action.NoEffects }

func (renameAction) Describe() action.Description {
	return action.Description{
		ID:             "fs:rename",
		Description:    "Renames files and directories within the workspace",
		InputSchema:    renameInput,
		SupportsDryRun: true,
		Quick:          true,
		UsesWorkspace:  true,
		Differences: []string{
			"With overwrite, a file may take the place of a directory, and the other way round. Backstage's action fails.",
		},
		Examples: []action.Example{
			{Description: "Put files where they belong, one of them over what is there", Example: `steps:
  - id: place
    name: Put the files in place
    action: fs:rename
    input:
      files:
        - from: gitignore
          to: .gitignore
        - from: docs/README.service.md
          to: README.md
          overwrite: true
`},
		},
	}
}

type renaming struct {
	From, To  string
	Overwrite bool
}

// Run renames in the order given.
func (renameAction) Run(_ context.Context, call *action.Call) (action.Output, error) {
	var input struct{ Files []renaming }
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	for _, file := range input.Files {
		if file.From == "" || file.To == "" {
			return nil, action.InputError("each file must have a from and to property")
		}
		if err := rename(call, file); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func rename(call *action.Call, file renaming) error {
	from, err := workspace.Resolve(call.Workspace, file.From)
	if err != nil {
		return err
	}
	to, err := workspace.Resolve(call.Workspace, file.To)
	if err != nil {
		return err
	}
	if _, err := call.Workspace.Lstat(from); err != nil {
		return workspace.ExplainPath(file.From, err)
	}
	if from == to {
		return action.InputError("%s cannot be renamed to itself", file.From)
	}
	if from == "." || strings.HasPrefix(to, from+"/") {
		return action.InputError("%s cannot be renamed to %s, which is inside of it", file.From, file.To)
	}
	if err := prepareTarget(call, from, to, file); err != nil {
		return err
	}
	if err := call.Workspace.Rename(from, to); err != nil {
		return workspace.ExplainPath(file.From, err)
	}
	call.Log.Info("File %s renamed to %s successfully", full(call.Workspace, from), full(call.Workspace, to))
	return nil
}

// prepareTarget removes what has the new name, if overwrite allows it, and creates the parent directories.
func prepareTarget(call *action.Call, from, to string, file renaming) error {
	if _, err := call.Workspace.Lstat(to); err == nil {
		if !file.Overwrite {
			return action.InputError("%s cannot be renamed to %s: dest already exists. Set overwrite: true to replace it", file.From, file.To)
		}
		if to == "." || strings.HasPrefix(from, to+"/") {
			return action.InputError("%s cannot take the place of %s, which it is inside of", file.From, file.To)
		}
		if err := call.Workspace.RemoveAll(to); err != nil {
			return workspace.ExplainPath(file.To, err)
		}
	}
	if err := call.Workspace.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return workspace.ExplainPath(file.To, err)
	}
	return nil
}
