package debug

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/text/encoding/unicode"

	"github.com/portico-dev/portico/scaffolder/action"
)

// Limits of what one step writes to the run's log. A file beyond them is listed as skipped.
const (
	maxFileBytes   = 256 << 10
	maxListedBytes = 4 << 20
	maxListedFiles = 10_000
)

// logAction is debug:log.
type logAction struct{ action.NoEffects }

func (logAction) Describe() action.Description {
	return action.Description{
		ID:             "debug:log",
		Description:    "Writes a message into the log and/or lists all files in the workspace.",
		InputSchema:    logInput,
		SupportsDryRun: true,
		Quick:          true,
		UsesWorkspace:  true,
		Examples: []action.Example{
			{Description: "Show what the form gave", Example: `steps:
  - id: show
    name: Show the answers
    action: debug:log
    input:
      message: The service is called ${{ parameters.name }}
`},
			{Description: "List the files made so far", Example: `steps:
  - id: list
    name: List the workspace
    action: debug:log
    input:
      listWorkspace: with-filenames
`},
			{Description: "Show the files made so far with what is in them", Example: `steps:
  - id: inspect
    name: Inspect the workspace
    action: debug:log
    input:
      message: Before publishing
      listWorkspace: with-contents
`},
		},
	}
}

// listing is the input's listWorkspace: false, true, "with-filenames" or "with-contents".
type listing struct{ names, contents bool }

// UnmarshalJSON reads both of its forms.
func (l *listing) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case "true", `"with-filenames"`:
		l.names = true
	case `"with-contents"`:
		l.names, l.contents = true, true
	}
	return nil
}

type logInputs struct {
	Message       string
	ListWorkspace listing
}

// NeedsWorkspace implements action.OptionalWorkspace: only a listing needs it.
func (logAction) NeedsWorkspace(call *action.Call) bool {
	var input logInputs
	return call.Decode(&input) == nil && input.ListWorkspace.names
}

// Run logs the input, the message and the listing, in this order.
func (logAction) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	var input logInputs
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, call.Input, "", "  "); err != nil {
		return nil, action.Final(fmt.Errorf("input of step %s: %w", call.StepID, err))
	}
	call.Log.Info("%s", indented.String())
	if input.Message != "" {
		call.Log.Info("%s", input.Message)
	}
	if !input.ListWorkspace.names {
		return nil, nil
	}
	listed, err := list(ctx, call.Workspace, input.ListWorkspace.contents)
	if err != nil {
		return nil, action.Final(fmt.Errorf("listing the workspace: %w", err))
	}
	call.Log.Info("Workspace:\n%s", strings.Join(listed, "\n"))
	return nil, nil
}

// list returns one line for each file, in lexical order; with contents, also the file's content.
func list(ctx context.Context, workspace *os.Root, contents bool) ([]string, error) {
	var listed []string
	room := maxListedBytes
	err := fs.WalkDir(workspace.FS(), ".", func(path string, item fs.DirEntry, err error) error {
		if err != nil || item.IsDir() {
			return err
		}
		if len(listed) == maxListedFiles {
			listed = append(listed, fmt.Sprintf("  - ... and more: only the first %d files are listed", maxListedFiles))
			return fs.SkipAll
		}
		line := "  - " + path
		if contents {
			line = describe(workspace, path, room)
			room -= len(line)
		}
		listed = append(listed, line)
		return ctx.Err()
	})
	return listed, err
}

// describe shows a file with its content, in Backstage's layout.
func describe(workspace *os.Root, path string, room int) string {
	skipped := fmt.Sprintf(" - %s: [skipped]", path)
	info, err := workspace.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > int64(min(room, maxFileBytes)) {
		return skipped
	}
	content, err := workspace.ReadFile(path)
	if err != nil {
		return skipped
	}
	text, err := unicode.UTF8.NewDecoder().Bytes(content)
	if err != nil {
		return skipped
	}
	return fmt.Sprintf(" - %s:\n\n  %s", path, text)
}
