package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/portico-dev/portico/catalog/sweep"
	"github.com/portico-dev/portico/internal/terminal"
)

// sourcesPath is the sources of the catalog in the API, sweepsPath their sweeps.
const (
	sourcesPath = "/api/portico/v1/catalog/sources"
	sweepsPath  = "/api/portico/v1/catalog/sweeps/"
)

// listedSource is a source in a list.
type listedSource struct {
	Name         string       `json:"name"`
	Place        string       `json:"place"`
	EverySeconds float64      `json:"everySeconds"`
	Cron         string       `json:"cron"`
	Paused       bool         `json:"paused"`
	NextAt       time.Time    `json:"nextAt"`
	LeftAt       time.Time    `json:"leftAt"`
	Entities     int          `json:"entities"`
	Last         *listedSweep `json:"last"`
}

// schedule is the source's schedule in words.
func (s listedSource) schedule() string {
	switch {
	case !s.LeftAt.IsZero():
		return "not configured any more"
	case s.Paused:
		return "paused"
	case s.Cron != "":
		return s.Cron
	case s.EverySeconds > 0:
		return "every " + time.Duration(s.EverySeconds*float64(time.Second)).String()
	default:
		return "by hand"
	}
}

// listedSweep is a sweep in a list.
type listedSweep struct {
	ID        string    `json:"id"`
	State     string    `json:"state"`
	AskedAt   time.Time `json:"askedAt"`
	EndedAt   time.Time `json:"endedAt"`
	Pages     int       `json:"pages"`
	Requests  int       `json:"requests"`
	Entities  int       `json:"entities"`
	Added     int       `json:"added"`
	Changed   int       `json:"changed"`
	Removed   int       `json:"removed"`
	Removals  []string  `json:"removals"`
	DecidedBy string    `json:"decidedBy"`
	Failure   *struct {
		Message string `json:"message"`
	} `json:"failure"`
}

func sourcesCommand() *cobra.Command {
	var c connection
	command := &cobra.Command{
		Use: "sources", Short: "List the sources of the catalog with their latest sweeps", Args: cobra.NoArgs,
		Example: "  portico catalog sources",
		RunE: func(command *cobra.Command, _ []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			var found struct {
				Sources []listedSource `json:"sources"`
			}
			answer, err := client.fetch(command.Context(), sourcesPath, &found)
			if err != nil {
				return err
			}
			out := command.OutOrStdout()
			return c.output.print(out, answer, func() { printSources(out, found.Sources) })
		},
	}
	c.addFlags(command)
	return command
}

func printSources(out io.Writer, sources []listedSource) {
	if len(sources) == 0 {
		fmt.Fprintln(out, "No source: catalog.providers has none.")
		return
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SOURCE\tPLACE\tENTITIES\tSCHEDULE\tNEXT\tLAST SWEEP\tAT")
	for _, s := range sources {
		state, at := "none", ""
		if s.Last != nil {
			state, at = s.Last.State, localTime(s.Last.AskedAt)
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\t%s\t%s\n", terminal.Line(s.Name), terminal.Line(s.Place), s.Entities, terminal.Line(s.schedule()),
			localTime(s.NextAt), terminal.Line(state), at)
	}
	_ = table.Flush()
}

// localTime is a time for people, "" for none.
func localTime(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Local().Format(time.DateTime)
}

func sweepsCommand() *cobra.Command {
	var c connection
	command := &cobra.Command{
		Use: "sweeps SOURCE", Short: "List the sweeps of a source, the latest first", Args: cobra.ExactArgs(1),
		Example: "  portico catalog sweeps github-provider:acme",
		RunE: func(command *cobra.Command, args []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			var found struct {
				Sweeps []listedSweep `json:"sweeps"`
			}
			answer, err := client.fetch(command.Context(), sourcesPath+"/"+url.PathEscape(args[0]), &found)
			if err != nil {
				return err
			}
			out := command.OutOrStdout()
			return c.output.print(out, answer, func() { printSweeps(out, found.Sweeps) })
		},
	}
	c.addFlags(command)
	return command
}

func printSweeps(out io.Writer, sweeps []listedSweep) {
	if len(sweeps) == 0 {
		fmt.Fprintln(out, "No sweep.")
		return
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SWEEP\tSTATE\tBEGAN\tENDED\tPAGES\tREQUESTS\tENTITIES\tADDED\tCHANGED\tREMOVED\tREASON")
	for _, s := range sweeps {
		reason := ""
		if s.Failure != nil {
			reason = s.Failure.Message
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", s.ID, terminal.Line(s.State), localTime(s.AskedAt), localTime(s.EndedAt),
			s.Pages, s.Requests, s.Entities, s.Added, s.Changed, s.Removed, terminal.Line(reason))
	}
	_ = table.Flush()
}

func sweepCommand() *cobra.Command {
	var c connection
	var maxRemovals int
	command := &cobra.Command{
		Use:   "sweep SOURCE",
		Short: "Sweep a source now",
		Long: `Asks a running server to sweep a source of the catalog now. A sweep that would remove more than catalog.sweep.maxRemovals waits
for a decision: "portico catalog sweep approve" or "drop" makes it. With --max-removals, this sweep may remove as many entities without one.`,
		Example: `  portico catalog sweep github-provider:acme
  portico catalog sweep github-provider:acme --max-removals 500`,
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			body := map[string]int{}
			if command.Flags().Changed("max-removals") {
				body["maxRemovals"] = maxRemovals
			}
			var started listedSweep
			answer, err := client.ask(command.Context(), http.MethodPost, sourcesPath+"/"+url.PathEscape(args[0])+"/sweep", body, &started)
			if err != nil {
				return err
			}
			out := command.OutOrStdout()
			return c.output.print(out, answer, func() { fmt.Fprintf(out, "Asked for sweep %s.\n", started.ID) })
		},
	}
	c.addFlags(command)
	command.Flags().IntVar(&maxRemovals, "max-removals", 0, "how many entities this sweep may remove without a decision")
	command.AddCommand(decideCommand("approve", "Approve what a waiting sweep removes"),
		decideCommand("drop", "Drop a waiting sweep without a change of the catalog"),
		decideCommand("cancel", "Cancel a sweep without a change of the catalog"), sweepShowCommand())
	return command
}

// decideCommand decides about a sweep.
func decideCommand(decision, short string) *cobra.Command {
	var c connection
	command := &cobra.Command{
		Use: decision + " SWEEP", Short: short, Args: cobra.ExactArgs(1),
		Example: "  portico catalog sweep " + decision + " 3f0c1f0e-5d0b-4b52-9c65-0d6c3c1e8a77",
		RunE: func(command *cobra.Command, args []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			var decided listedSweep
			answer, err := client.ask(command.Context(), http.MethodPost, sweepsPath+url.PathEscape(args[0])+"/"+decision, nil, &decided)
			if err != nil {
				return err
			}
			out := command.OutOrStdout()
			return c.output.print(out, answer, func() { fmt.Fprintf(out, "The sweep is %s.\n", terminal.Line(decided.State)) })
		},
	}
	c.addFlags(command)
	return command
}

// removes says whether removals of a sweep in this state were made: only a committed sweep has changed the catalog.
func removes(state string) string {
	switch sweep.State(state) {
	case sweep.Committed:
		return "removed"
	case sweep.Waiting, sweep.Approved:
		return "would remove"
	default:
		return "would have removed"
	}
}

func sweepShowCommand() *cobra.Command {
	var c connection
	command := &cobra.Command{
		Use: "show SWEEP", Short: "Show a sweep with the entities that it removes", Args: cobra.ExactArgs(1),
		Example: "  portico catalog sweep show 3f0c1f0e-5d0b-4b52-9c65-0d6c3c1e8a77",
		RunE: func(command *cobra.Command, args []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			var found listedSweep
			answer, err := client.fetch(command.Context(), sweepsPath+url.PathEscape(args[0]), &found)
			if err != nil {
				return err
			}
			out := command.OutOrStdout()
			return c.output.print(out, answer, func() {
				printSweeps(out, []listedSweep{found})
				for _, ref := range found.Removals {
					fmt.Fprintln(out, removes(found.State), terminal.Line(ref))
				}
				if more := found.Removed - len(found.Removals); more > 0 {
					fmt.Fprintf(out, "and %d more\n", more)
				}
			})
		},
	}
	c.addFlags(command)
	return command
}
