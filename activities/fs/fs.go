// Package fs holds the actions on files of the workspace: fs:delete, fs:rename and fs:readdir. They cannot
// leave the workspace.
package fs

import (
	_ "embed"
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/portico-dev/portico/scaffolder/action"
)

var (
	//go:embed schema/delete.input.json
	deleteInput json.RawMessage
	//go:embed schema/rename.input.json
	renameInput json.RawMessage
	//go:embed schema/readdir.input.json
	readdirInput json.RawMessage
	//go:embed schema/readdir.output.json
	readdirOutput json.RawMessage
)

// Actions are the actions of this package.
func Actions() []action.Action {
	return []action.Action{deleteAction{}, renameAction{}, readdirAction{}}
}

// full is the absolute path of a path in the workspace, as Backstage has it in log lines and outputs.
func full(workspace *os.Root, path string) string {
	return filepath.Join(workspace.Name(), path)
}
