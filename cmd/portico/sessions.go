package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/portico-dev/portico/internal/terminal"
)

func sessionsCommand() *cobra.Command {
	command := &cobra.Command{
		Use: "sessions", Short: "List and end the sessions of browsers", Args: cobra.NoArgs,
		Example: "  portico sessions list user:default/ada",
		RunE:    func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(sessionsListCommand(), sessionsEndCommand())
	return command
}

// browserSession is a session in a list.
type browserSession struct {
	ID        string    `json:"id"`
	Provider  string    `json:"provider"`
	User      string    `json:"user"`
	StartedAt time.Time `json:"startedAt"`
	RenewedAt time.Time `json:"renewedAt"`
	Address   string    `json:"address"`
	Browser   string    `json:"browser"`
	Refusal   string    `json:"refusal"`
	InCatalog bool      `json:"inCatalog"`
}

// state says whether the session is valid.
func (s browserSession) state() string {
	switch {
	case s.Refusal != "":
		return "not valid: " + s.Refusal
	case !s.InCatalog:
		return "valid; the user is not in the catalog"
	default:
		return "valid"
	}
}

func sessionsListCommand() *cobra.Command {
	var c connection
	command := &cobra.Command{
		Use:   "list [USER]",
		Short: "List sessions, the latest first",
		Long: `Asks a running server for the sessions of a user, or of everybody. The user is a reference, a name, or "me". Everybody may see
their own; those of others, who has the permission portico.session.read.`,
		Example: `  portico sessions list
  portico sessions list ada
  portico sessions list me --output json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			path := "/api/portico/v1/sessions"
			switch {
			case len(args) == 1 && args[0] == "me":
				path = "/api/portico/v1/me/sessions"
			case len(args) == 1:
				path += "?" + url.Values{"user": {args[0]}}.Encode()
			}
			var page struct {
				Sessions   []browserSession `json:"sessions"`
				NextCursor string           `json:"nextCursor"`
			}
			answer, err := client.fetch(command.Context(), path, &page)
			if err != nil {
				return err
			}
			out := command.OutOrStdout()
			return c.output.print(out, answer, func() { printSessions(out, page.Sessions, page.NextCursor != "") })
		},
	}
	c.addFlags(command)
	return command
}

func printSessions(out io.Writer, sessions []browserSession, more bool) {
	if len(sessions) == 0 {
		fmt.Fprintln(out, "No session.")
		return
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SESSION\tUSER\tPROVIDER\tSIGNED IN\tLAST RENEWED\tFROM\tBROWSER\tSTATE")
	for _, s := range sessions {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, terminal.Line(s.User), terminal.Line(s.Provider), s.StartedAt.Local().Format(time.DateTime),
			s.RenewedAt.Local().Format(time.DateTime), terminal.Line(s.Address), terminal.Line(s.Browser), s.state())
	}
	_ = table.Flush()
	if more {
		fmt.Fprintln(out, "There are more: name a user.")
	}
}

func sessionsEndCommand() *cobra.Command {
	var c connection
	var user string
	command := &cobra.Command{
		Use:   "end SESSION... | end --user USER",
		Short: "End sessions",
		Long: `Ends sessions, by the ids that "list" shows, or all of a user; "--user me" ends all of the caller except the one that the token
belongs to. Their browsers have to sign in again. Ending those of others needs the permission portico.session.delete.`,
		Example: `  portico sessions end 0199c0de-8d3f-7a51-9f5c-0d6c3c1e8a77
  portico sessions end --user ada`,
		RunE: func(command *cobra.Command, args []string) error {
			if (user == "") == (len(args) == 0) {
				return errors.New("name sessions, or a user with --user")
			}
			client, err := c.client()
			if err != nil {
				return err
			}
			out := command.OutOrStdout()
			if user == "" {
				for _, id := range args {
					if err := client.call(command.Context(), http.MethodDelete, "/api/portico/v1/sessions/"+url.PathEscape(id), nil, nil); err != nil {
						return fmt.Errorf("%s: %w", id, err)
					}
				}
				return c.output.print(out, map[string]int{"ended": len(args)}, func() { fmt.Fprintf(out, "Ended %d.\n", len(args)) })
			}
			path := "/api/portico/v1/me/sessions"
			if user != "me" {
				path = "/api/portico/v1/sessions?" + url.Values{"user": {user}}.Encode()
			}
			var ended struct {
				Ended int `json:"ended"`
			}
			answer, err := client.ask(command.Context(), http.MethodDelete, path, nil, &ended)
			if err != nil {
				return err
			}
			return c.output.print(out, answer, func() { fmt.Fprintf(out, "Ended %d.\n", ended.Ended) })
		},
	}
	c.addFlags(command)
	command.Flags().StringVar(&user, "user", "", "end all sessions of this user")
	return command
}
