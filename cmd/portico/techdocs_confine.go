package main

import (
	"github.com/spf13/cobra"

	"github.com/portico-dev/portico/techdocs/mkdocs"
)

// confineName is the command that Portico starts of itself to become a confined MkDocs.
const confineName = "confine-mkdocs"

// confineCommand is hidden: nobody but Portico can write its argument.
func confineCommand() *cobra.Command {
	return &cobra.Command{
		Use: confineName + " DESCRIPTION", Short: "Become a confined MkDocs", Hidden: true, Args: cobra.ExactArgs(1),
		Example: "  portico " + confineName + " '{}'",
		RunE:    func(_ *cobra.Command, args []string) error { return mkdocs.Confine(args[0]) },
	}
}
