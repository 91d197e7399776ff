package fetch

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/workspace"
)

// plainAction is fetch:plain.
type plainAction struct {
	action.NoEffects
	options Options
}

func (plainAction) Describe() action.Description {
	return action.Description{
		ID:             "fetch:plain",
		Description:    "Downloads content and places it in the workspace, or optionally in a subdirectory specified by the `targetPath` input option.",
		InputSchema:    plainInput,
		SupportsDryRun: true,
		UsesWorkspace:  true,
		Examples: []action.Example{
			{Description: "Take the files beside the template as they are", Example: `steps:
  - id: files
    name: Fetch the files
    action: fetch:plain
    input:
      url: ./files
`},
			{Description: "Take a directory of another repository into a directory of the workspace", Example: `steps:
  - id: workflows
    name: Fetch the shared workflows
    action: fetch:plain
    input:
      url: https://github.com/acme/shared/tree/main/workflows
      targetPath: .github/workflows
`},
		},
	}
}

// Run copies a tree into the workspace.
func (a plainAction) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	var input struct {
		request
		TargetPath string
	}
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	call.Log.Info("Fetching plain content from remote URL")
	target, err := openTarget(call.Workspace, input.TargetPath)
	if err != nil {
		return nil, err
	}
	defer target.Close()
	if !input.isLocal(call) {
		return nil, a.options.copyTree(ctx, call, input.request, target)
	}
	source, err := a.options.openLocal(call, input.URL)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	return nil, copyLocal(ctx, call.Log, source, target)
}

// openTarget opens the directory that a step writes into, and makes it if it is not there.
func openTarget(root *os.Root, targetPath string) (*os.Root, error) {
	target, err := workspace.Resolve(root, targetPath)
	if err != nil {
		return nil, err
	}
	if err := root.MkdirAll(target, 0o755); err != nil {
		return nil, workspace.ExplainPath(targetPath, err)
	}
	opened, err := root.OpenRoot(target)
	return opened, workspace.ExplainPath(targetPath, err)
}

// copyLocal copies a directory that lies beside the template.
func copyLocal(ctx context.Context, log action.Log, from, to *os.Root) error {
	entries, err := list(from, log)
	if err != nil {
		return err
	}
	for _, each := range entries {
		if each.isDirectory() {
			if err := to.MkdirAll(filepath.Clean(each.location), 0o755); err != nil {
				return workspace.ExplainPath(each.location, err)
			}
		}
	}
	_, err = inParallel(ctx, len(entries), func(_ context.Context, index int) (struct{}, error) {
		return struct{}{}, workspace.ExplainPath(entries[index].location, copyEntry(from, to, entries[index], entries[index].location))
	})
	return err
}

// copyEntry copies a file or a link as it is. Directories exist already.
func copyEntry(from, to *os.Root, source entry, name string) (err error) {
	switch {
	case source.isDirectory():
		return nil
	case source.isLink():
		target, err := from.Readlink(source.location)
		if err != nil {
			return err
		}
		return replaceLink(to, target, name)
	}
	file, err := from.Open(source.location)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	return replaceFile(to, name, info.Mode().Perm(), file)
}

// plainFileAction is fetch:plain:file.
type plainFileAction struct {
	action.NoEffects
	options Options
}

func (plainFileAction) Describe() action.Description {
	return action.Description{
		ID:             "fetch:plain:file",
		Description:    "Downloads single file and places it in the workspace.",
		InputSchema:    plainFileInput,
		SupportsDryRun: true,
		UsesWorkspace:  true,
		Examples: []action.Example{
			{Description: "Take one file of another repository", Example: `steps:
  - id: license
    name: Fetch the licence
    action: fetch:plain:file
    input:
      url: https://github.com/acme/shared/blob/main/LICENSE
      targetPath: LICENSE
`},
		},
	}
}

// Run copies one file into the workspace and overwrites an existing one.
func (a plainFileAction) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	var input struct {
		request
		TargetPath string
	}
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	call.Log.Info("Fetching plain content from remote URL")
	target, err := workspace.Resolve(call.Workspace, input.TargetPath)
	if err != nil {
		return nil, err
	}
	content, err := a.options.readFile(ctx, call, input.request)
	if err != nil {
		return nil, err
	}
	return nil, workspace.ExplainPath(input.TargetPath, writeWhole(call.Workspace, target, content))
}

// writeWhole writes a file and makes the directories above it.
func writeWhole(root *os.Root, name string, content []byte) error {
	made := directories{root: root}
	if err := made.above(name); err != nil {
		return err
	}
	return replaceFile(root, name, 0o644, bytes.NewReader(content))
}
