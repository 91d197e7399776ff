//go:build slim

package main

import "github.com/spf13/cobra"

// devCommands is empty in the production image, which has no database and no Temporal server.
func devCommands() []*cobra.Command { return nil }

// Texts of other commands that mention dev.
const (
	devExample = ""
	devHint    = ""
)
