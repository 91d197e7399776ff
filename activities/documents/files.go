package documents

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/workspace"
	"github.com/portico-dev/portico/scaffolder/yamltext"
)

// fileText is the input of the actions that write a text into a file.
type fileText struct {
	Path, Content      string
	PreserveFormatting bool
}

var writeFile = textAction{run: runWrite, description: action.Description{
	ID:           "roadiehq:utils:fs:write",
	Description:  "Creates a file with the content on the given path, or replaces the one that is there.",
	InputSchema:  schema("write.input"),
	OutputSchema: schema("write.output"), SupportsDryRun: true, Quick: true, UsesWorkspace: true,
	Examples: []action.Example{
		{Description: "Write a file of one line", Example: `steps:
  - id: owners
    name: Name the code owners
    action: roadiehq:utils:fs:write
    input:
      path: .github/CODEOWNERS
      content: "* @acme/${{ parameters.team }}\n"
`},
		{Description: "Write JSON with line breaks", Example: `steps:
  - id: settings
    name: Write the settings
    action: roadiehq:utils:fs:write
    input:
      path: settings.json
      content: '{"name":"shop","replicas":2}'
      preserveFormatting: true
`},
	},
}}

func runWrite(ctx context.Context, call *action.Call) (action.Output, error) {
	var input fileText
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	content := input.Content
	if input.PreserveFormatting {
		// Content that is no JSON stays as it is.
		if value, err := nunjucks.DecodeJSONWithin(ctx, []byte(content)); err == nil {
			if content, err = stringify(value, nil, "  "); err != nil {
				return nil, err
			}
		}
	}
	path, err := writeText(call, input.Path, content)
	if err != nil {
		return nil, err
	}
	return action.Output{"path": path}, nil
}

var appendFile = textAction{run: runAppend, description: action.Description{
	ID:           "roadiehq:utils:fs:append",
	Description:  "Appends content to the end of a file. A file that does not exist is created, its directory is not.",
	InputSchema:  schema("append.input"),
	OutputSchema: schema("append.output"), SupportsDryRun: true, Quick: true, UsesWorkspace: true,
	Examples: []action.Example{
		{Description: "Add a line to a file that was fetched", Example: `steps:
  - id: ignore
    name: Ignore what the build makes
    action: roadiehq:utils:fs:append
    input:
      path: .gitignore
      content: "dist/\n"
`},
		{Description: "Add a section to the README", Example: `steps:
  - id: section
    name: Say who owns the service
    action: roadiehq:utils:fs:append
    input:
      path: README.md
      content: |

        ## Owner
        ${{ parameters.owner }}
`},
	},
}}

func runAppend(_ context.Context, call *action.Call) (action.Output, error) {
	var input fileText
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	path, err := workspace.Resolve(call.Workspace, input.Path)
	if err != nil {
		return nil, err
	}
	if err := appendTo(call.Workspace, path, input.Content); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, action.InputError("the directory %s is not in the workspace", filepath.Dir(path))
		}
		return nil, workspace.ExplainPath(input.Path, workspace.ExplainDisk(err))
	}
	return action.Output{"path": full(call.Workspace, path)}, nil
}

func appendTo(root *os.Root, path, content string) (err error) {
	file, err := root.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	_, err = io.WriteString(file, content)
	return err
}

var parseFile = textAction{run: runParse, description: action.Description{
	ID:           "roadiehq:utils:fs:parse",
	Description:  "Reads a file from the workspace and, if asked to, parses it.",
	InputSchema:  schema("parse.input"),
	OutputSchema: schema("parse.output"), SupportsDryRun: true, Quick: true, UsesWorkspace: true,
	Differences: []string{
		"A merge key (<<) adds the members of its value to the object. Backstage's action takes it for a name.",
		"With multiyaml, a broken document fails the step. Backstage's action outputs what it could read of it.",
		"Tags other than those of YAML 1.2's own types, keys that are objects or lists, and the directive %YAML 1.1 are not supported.",
		"A YAML document whose aliases stand for more than 100000 values is refused.",
	},
	Examples: []action.Example{
		{Description: "Read a YAML file", Example: `steps:
  - id: chart
    name: Read the chart
    action: roadiehq:utils:fs:parse
    input:
      path: chart/Chart.yaml
      parser: yaml
`},
		{Description: "Read all documents of a YAML file", Example: `steps:
  - id: manifests
    name: Read the manifests
    action: roadiehq:utils:fs:parse
    input:
      path: manifests.yaml
      parser: multiyaml
`},
		{Description: "Read a file as text", Example: `steps:
  - id: readme
    name: Read the README
    action: roadiehq:utils:fs:parse
    input:
      path: README.md
`},
	},
}}

func runParse(ctx context.Context, call *action.Call) (action.Output, error) {
	var input struct{ Path, Parser string }
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	text, err := readFile(ctx, call, input.Path)
	if err != nil {
		return nil, err
	}
	value, err := parse(ctx, input.Path, input.Parser, text)
	if err != nil {
		return nil, err
	}
	content, err := encodeJSON(ctx, input.Path, value)
	if err != nil {
		return nil, err
	}
	return action.Output{"content": content}, nil
}

// parse reads a text by the name of a parser, none for the text itself.
func parse(ctx context.Context, name, parser, text string) (nunjucks.Value, error) {
	switch parser {
	case "json":
		return decodeJSON(ctx, name, []byte(text))
	case "yaml":
		value, err := yamltext.Parse(ctx, text)
		if errors.Is(err, yamltext.ErrSeveral) {
			return nil, action.Advise(failure(name, err), "Read all of them with parser: multiyaml, or loadAll: true.")
		}
		if err != nil {
			return nil, failure(name, err)
		}
		return value, nil
	case "multiyaml":
		values, err := yamltext.ParseAll(ctx, text)
		if err != nil {
			return nil, failure(name, err)
		}
		return &nunjucks.Array{Items: values}, nil
	}
	return text, nil
}

// decodeContent reads the input content, which is an object, or text.
func decodeContent(ctx context.Context, content json.RawMessage, parser string) (nunjucks.Value, error) {
	value, err := decodeJSON(ctx, "content", content)
	if err != nil {
		return nil, err
	}
	if text, isText := value.(string); isText {
		return parse(ctx, "content", parser, text)
	}
	return value, nil
}
