package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/internal/terminal"
	"github.com/portico-dev/portico/techdocs"
)

// docsSitesPath begins the routes about the site of an entity.
const docsSitesPath = "/api/portico/v1/techdocs/sites/"

// listedDocsBuild is what the commands show of a build.
type listedDocsBuild struct {
	ID       string             `json:"id"`
	State    string             `json:"state"`
	Cause    string             `json:"cause"`
	AskedAt  time.Time          `json:"askedAt"`
	EndedAt  time.Time          `json:"endedAt"`
	ETag     string             `json:"etag"`
	Pages    int                `json:"pages"`
	Problems []techdocs.Problem `json:"problems"`
	Failure  *struct {
		Message string `json:"message"`
	} `json:"failure"`
}

// docsSitePath is the route of the site of an entity.
func docsSitePath(reference string) (string, error) {
	ref, err := entity.ParseRef(reference, entity.Ref{Kind: "component"})
	if err != nil {
		return "", err
	}
	return docsSitesPath + url.PathEscape(ref.Kind) + "/" + url.PathEscape(ref.Namespace) + "/" + url.PathEscape(ref.Name), nil
}

func rebuildDocsCommand() *cobra.Command {
	var c connection
	var force bool
	command := &cobra.Command{
		Use:   "rebuild REF",
		Short: "Have a server build the documentation of an entity now",
		Long: `Asks a running server to build the documentation of an entity now, or after the build that is under way. Where nothing has changed since the
last build, nothing is built, unless --force says so.`,
		Example: `  portico techdocs rebuild component:default/shop
  portico techdocs rebuild component:default/shop --force`,
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			path, err := docsSitePath(args[0])
			if err != nil {
				return err
			}
			var started listedDocsBuild
			answer, err := client.ask(command.Context(), http.MethodPost, path+"/build", map[string]bool{"force": force}, &started)
			if err != nil {
				return err
			}
			out := command.OutOrStdout()
			return c.output.print(out, answer, func() { fmt.Fprintf(out, "Asked for build %s.\n", started.ID) })
		},
	}
	c.addFlags(command)
	command.Flags().BoolVar(&force, "force", false, "build even if nothing has changed")
	return command
}

func docsBuildsCommand() *cobra.Command {
	var c connection
	command := &cobra.Command{
		Use:     "builds REF",
		Short:   "List the latest builds of the documentation of an entity, with their problems",
		Example: "  portico techdocs builds component:default/shop",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			path, err := docsSitePath(args[0])
			if err != nil {
				return err
			}
			var found struct {
				Builds []listedDocsBuild `json:"builds"`
			}
			answer, err := client.fetch(command.Context(), path, &found)
			if err != nil {
				return err
			}
			out := command.OutOrStdout()
			return c.output.print(out, answer, func() { printDocsBuilds(out, found.Builds) })
		},
	}
	c.addFlags(command)
	return command
}

func printDocsBuilds(out io.Writer, builds []listedDocsBuild) {
	if len(builds) == 0 {
		fmt.Fprintln(out, "No build.")
		return
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "BUILD\tSTATE\tASKED BY\tBEGAN\tENDED\tPAGES\tREASON")
	for _, b := range builds {
		reason := ""
		if b.Failure != nil {
			reason = b.Failure.Message
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", b.ID, terminal.Line(b.State), terminal.Line(b.Cause), localTime(b.AskedAt), localTime(b.EndedAt), b.Pages,
			terminal.Line(reason))
	}
	_ = table.Flush()
	for _, problem := range builds[0].Problems {
		fmt.Fprintf(out, "%s: %s:%d: %s\n", terminal.Line(problem.Severity), terminal.Line(problem.File), problem.Line, terminal.Line(problem.Message))
	}
}
