package documents

import (
	"archive/zip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/workspace"
)

var zipFiles = textAction{run: runZip, description: action.Description{
	ID: "roadiehq:utils:zip",
	Description: "Makes a ZIP archive of a file or a directory of the workspace. Names in the archive are relative to the directory; one file has " +
		"its own name.",
	InputSchema:  schema("zip.input"),
	OutputSchema: schema("zip.output"), SupportsDryRun: true, UsesWorkspace: true,
	Differences: []string{
		"The archive has no times, so that it is the same for the same files. An archive within the directory is not part of itself.",
		"A symbolic link to a file in the workspace is stored as the file. Others are left out, with a warning.",
	},
	Examples: []action.Example{
		{Description: "Pack a directory", Example: `steps:
  - id: pack
    name: Pack the site
    action: roadiehq:utils:zip
    input:
      path: site
      outputPath: site.zip
`},
		{Description: "Pack one file into a directory that does not exist yet", Example: `steps:
  - id: pack
    name: Pack the schema
    action: roadiehq:utils:zip
    input:
      path: api/openapi.yaml
      outputPath: dist/openapi.zip
`},
	},
}}

func runZip(ctx context.Context, call *action.Call) (action.Output, error) {
	var input struct{ Path, OutputPath string }
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	source, err := workspace.Resolve(call.Workspace, input.Path)
	if err != nil {
		return nil, err
	}
	target, err := workspace.Resolve(call.Workspace, input.OutputPath)
	if err != nil {
		return nil, err
	}
	info, err := call.Workspace.Stat(source)
	if err != nil {
		return nil, action.InputError("File %s does not exist. Can't zip it.", input.Path)
	}
	if source == target {
		return nil, action.InputError("%s cannot be packed into itself", input.Path)
	}
	if err := call.Workspace.MkdirAll(path.Dir(target), 0o755); err != nil {
		return nil, workspace.ExplainPath(input.OutputPath, err)
	}
	a := archiver{call: call, source: source, target: target, isDirectory: info.IsDir()}
	if err := a.write(ctx); err != nil {
		return nil, workspace.ExplainPath(input.OutputPath, workspace.ExplainDisk(err))
	}
	return action.Output{"outputPath": input.OutputPath}, nil
}

// archiver makes one archive.
type archiver struct {
	call           *action.Call
	source, target string
	isDirectory    bool
	archive        *zip.Writer
}

func (a *archiver) write(ctx context.Context) (err error) {
	file, err := a.call.Workspace.OpenFile(a.target, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	a.archive = zip.NewWriter(file)
	if a.isDirectory {
		err = fs.WalkDir(a.call.Workspace.FS(), a.source, func(at string, item fs.DirEntry, err error) error {
			return a.add(at, item, firstError(err, ctx.Err()))
		})
	} else {
		err = a.addFile(a.source, path.Base(a.source))
	}
	return errors.Join(err, a.archive.Close())
}

// add adds what is at a path below the directory.
func (a *archiver) add(at string, item fs.DirEntry, err error) error {
	if err != nil || at == a.source || at == a.target {
		return err
	}
	name := at
	if a.source != "." {
		name = at[len(a.source)+1:]
	}
	if item.IsDir() {
		_, err := a.archive.CreateHeader(&zip.FileHeader{Name: name + "/"})
		return err
	}
	return a.addFile(at, name)
}

func (a *archiver) addFile(at, name string) (err error) {
	info, err := a.call.Workspace.Stat(at)
	if err != nil || !info.Mode().IsRegular() {
		a.call.Log.Warn("Leaving out %s, which is not a file of the workspace", at)
		return nil
	}
	file, err := a.call.Workspace.Open(at)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	header := &zip.FileHeader{Name: name, Method: zip.Deflate}
	header.SetMode(info.Mode())
	entry, err := a.archive.CreateHeader(header)
	if err != nil {
		return err
	}
	_, err = io.Copy(entry, file)
	return err
}
