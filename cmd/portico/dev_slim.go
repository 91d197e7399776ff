//go:build slim

package main

import "github.com/spf13/cobra"

// devCommands are none in the image for production: it carries no database and no Temporal server.
func devCommands() []*cobra.Command { return nil }

// What others say of the command dev.
const (
	devExample = ""
	devHint    = ""
)
