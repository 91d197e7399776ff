package fetch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/workspace"
)

// workspaceTemplateAction is workspace:template: fetch:template of a directory of the workspace.
type workspaceTemplateAction struct {
	action.NoEffects
	options Options
}

func (workspaceTemplateAction) Describe() action.Description {
	return action.Description{
		ID: "workspace:template",
		Description: "Templates variables into file and directory names and content of a directory of the workspace, and places the result in another " +
			"directory of the workspace.",
		InputSchema:    workspaceTemplateInput,
		SupportsDryRun: true,
		UsesWorkspace:  true,
		Differences: []string{
			"copyWithoutTemplating may be left out, and be empty beside templateFileExtension. Backstage's schema requires it, so that " +
				"templateFileExtension fails every step there.",
			"A directory that does not exist is an empty one, as in Backstage, and is a warning in the log.",
		},
		Examples: []action.Example{
			{Description: "Fill in what an earlier step has fetched", Example: `steps:
  - id: fill
    name: Fill in the chart
    action: workspace:template
    input:
      sourcePath: ./skeletons/chart
      targetPath: ./deploy
      copyWithoutTemplating: []
      values:
        name: ${{ parameters.name }}
`},
			{Description: "Fill in only files that say that they are templates, over those that are there", Example: `steps:
  - id: fill
    name: Fill in the service
    action: workspace:template
    input:
      sourcePath: ./skeletons/service
      targetPath: ./service
      copyWithoutTemplating: []
      templateFileExtension: true
      replace: true
      values:
        name: ${{ parameters.name }}
`},
		},
	}
}

// Run renders a directory of the workspace into another.
func (a workspaceTemplateAction) Run(ctx context.Context, call *action.Call) (_ action.Output, err error) {
	var input struct {
		templateRequest

		SourcePath string
	}
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	source, err := workspace.Resolve(call.Workspace, input.SourcePath)
	if err != nil {
		return nil, err
	}
	target, err := workspace.Resolve(call.Workspace, input.TargetPath)
	if err != nil {
		return nil, err
	}
	if isWithin(target, source) {
		return nil, action.InputError("targetPath must not be within template path")
	}
	if input.TemplateFileExtension != "" && (len(input.CopyWithoutTemplating) > 0 || input.CookiecutterCompat) {
		return nil, action.InputError("Fetch action input extension incompatible with copyWithoutTemplating and cookiecutterCompat")
	}
	from, err := call.Workspace.OpenRoot(source)
	if errors.Is(err, os.ErrNotExist) {
		call.Log.Warn("%s is not in the workspace: there is nothing to fill in", input.SourcePath)
		return nil, nil
	}
	if err != nil {
		return nil, workspace.ExplainPath(input.SourcePath, err)
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := openTarget(call.Workspace, input.TargetPath)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	return nil, a.options.fill(ctx, call, input.templateRequest, from, to)
}

// isWithin reports whether a path is a directory, or below it.
func isWithin(path, directory string) bool {
	return directory == "." || path == directory || strings.HasPrefix(path, directory+"/")
}

// workspaceFileAction is workspace:template:file.
type workspaceFileAction struct {
	action.NoEffects
	options Options
}

func (workspaceFileAction) Describe() action.Description {
	return action.Description{
		ID:             "workspace:template:file",
		Description:    "Templates variables into a file of the workspace, and places the result in another place of the workspace.",
		InputSchema:    workspaceFileInput,
		SupportsDryRun: true,
		UsesWorkspace:  true,
		Examples: []action.Example{
			{Description: "Fill in a README that an earlier step has fetched", Example: `steps:
  - id: readme
    name: Write the README
    action: workspace:template:file
    input:
      sourcePath: ./README.md.njk
      targetPath: ./README.md
      replace: true
      values:
        name: ${{ parameters.name }}
`},
			{Description: "Fill in a file with the language of Cookiecutter", Example: `steps:
  - id: setup
    name: Write the setup
    action: workspace:template:file
    input:
      sourcePath: ./setup.py.jinja
      targetPath: ./setup.py
      cookiecutterCompat: true
      values:
        cookiecutter:
          name: ${{ parameters.name }}
`},
		},
	}
}

// Run renders one file, unless the target is there already.
func (a workspaceFileAction) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	var input struct {
		language

		SourcePath, TargetPath string
		Replace                bool
	}
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	source, err := workspace.Resolve(call.Workspace, input.SourcePath)
	if err != nil {
		return nil, err
	}
	target, err := workspace.Resolve(call.Workspace, input.TargetPath)
	if err != nil {
		return nil, err
	}
	if _, err := call.Workspace.Stat(target); err == nil && !input.Replace {
		call.Log.Info("File %s already exists in workspace, not replacing.", input.TargetPath)
		return nil, nil
	}
	info, err := call.Workspace.Stat(source)
	if err != nil {
		return nil, workspace.ExplainPath(input.SourcePath, err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxFileBytes {
		return nil, action.InputError("%s is not a file of at most %d bytes", input.SourcePath, maxFileBytes)
	}
	content, err := call.Workspace.ReadFile(source)
	if err != nil {
		return nil, workspace.ExplainPath(input.SourcePath, err)
	}
	return nil, a.options.fillFile(ctx, call, input.language, filling{input.SourcePath, target, content})
}

// filling is a file that is rendered: its name in messages, where it goes, and its content.
type filling struct {
	name, target string
	content      []byte
}

// fillFile renders a file into the workspace.
func (o Options) fillFile(ctx context.Context, call *action.Call, written language, file filling) error {
	renderer, err := o.newRenderer(ctx, written)
	if err != nil {
		return err
	}
	call.Log.Info("Processing template file with input values%s", renderer.shown)
	content := file.content
	if at := notUTF8(string(content)); at >= 0 {
		call.Log.Warn("%s", notUTF8Warning(file.name, at))
	} else {
		rendered, err := renderer.render(ctx, string(content))
		if err != nil {
			return renderer.failure(ctx, file.name, err)
		}
		content = []byte(rendered)
	}
	if err := writeWhole(call.Workspace, file.target, content); err != nil {
		return workspace.ExplainPath(file.target, err)
	}
	call.Log.Info("Template file has been written to %s", filepath.Join(call.Workspace.Name(), file.target))
	return nil
}
