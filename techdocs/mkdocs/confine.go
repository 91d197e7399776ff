package mkdocs

import (
	"encoding/json"
	"errors"
	"fmt"
)

// insideUser is the user of a confined program as it sees itself.
const insideUser = 1000

// cell describes how the program runs: what Confine sets up before it becomes the program.
type cell struct {
	// Confined is false where only the limits apply, and the folders have their own names.
	Confined bool `json:"confined"`
	// Root is an empty folder on which the file system of the program is built.
	Root string `json:"root"`
	// Visible are files and folders that are there under their own names, and cannot be written.
	Visible []string `json:"visible"`
	// Source cannot be written; Output, Temporary and Home can.
	Source    string `json:"source"`
	Output    string `json:"output"`
	Temporary string `json:"temporary"`
	Home      string `json:"home"`
	// User is the user and group that the program becomes; -1 if it remains what it is.
	User int `json:"user"`
	// Folder is where the program starts.
	Folder      string   `json:"folder"`
	Command     []string `json:"command"`
	Environment []string `json:"environment"`
	Limits      Limits   `json:"limits"`
}

// Confine makes of this process the program that argument describes, which an earlier process of Portico wrote: it builds the
// program's file system from what it may see, sets its limits, and gives up all privileges. It returns only if that failed. It is called
// by the command of [Config.Confiner].
func Confine(argument string) error {
	var c cell
	if err := json.Unmarshal([]byte(argument), &c); err != nil {
		return fmt.Errorf("read what to confine: %w", err)
	}
	if len(c.Command) == 0 {
		return errors.New("there is no command to confine")
	}
	return c.become()
}
