package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portico-dev/portico/internal/terminal"
	"github.com/portico-dev/portico/plainjson"
)

func runsCommand() *cobra.Command {
	var c connection
	command := &cobra.Command{
		Use:   "runs",
		Short: "Look at runs, and retry, roll back or cancel them",
		Long: `Looks at runs, and retries, rolls back or cancels them. A run is named by its id, or by as much of the beginning as is
unique: the eight letters that lists and the portal show.`,
		Example: `  portico runs list --status failed --since 24h
  portico runs show 6f1c2a3e
  portico runs retry 6f1c2a3e --watch`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	c.addFlags(command)
	command.AddCommand(listRunsCommand(&c), causesCommand(&c), showRunCommand(&c), watchRunCommand(&c), logsCommand(&c))
	for _, each := range runCommands {
		command.AddCommand(each.command(&c))
	}
	return command
}

var oneRun, someRuns = ids(cobra.ExactArgs(1)), ids(cobra.MinimumNArgs(1))

// ids requires ids of runs. It rejects an empty one, such as an unset shell variable, because its path would
// be that of the list.
func ids(count cobra.PositionalArgs) cobra.PositionalArgs {
	return func(command *cobra.Command, args []string) error {
		if err := count(command, args); err != nil {
			return err
		}
		if slices.Contains(args, "") {
			return errors.New("the run's id is empty")
		}
		return nil
	}
}

var (
	wholeID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	// idStart matches the beginning of a run's id.
	idStart = regexp.MustCompile(`^[0-9a-fA-F]{1,8}(-[0-9a-fA-F-]*)?$`)
)

// shortID is the short form of an id that people see.
func shortID(id string) string {
	if !wholeID.MatchString(id) {
		return id
	}
	return id[:8]
}

// maxAlike bounds the candidates that are listed for an ambiguous id.
const maxAlike = 5

// resolve finds the id with this beginning. It passes other texts on, and the server rejects them.
func (c *apiClient) resolve(ctx context.Context, start string) (string, error) {
	if wholeID.MatchString(start) || !idStart.MatchString(start) {
		return start, nil
	}
	page, err := c.runs(ctx, url.Values{"id": {start}, "limit": {fmt.Sprint(maxAlike)}})
	if err != nil {
		return "", err
	}
	switch len(page.Runs) {
	case 0:
		return "", fmt.Errorf("no run has an id that begins with %s: see `portico runs list`", start)
	case 1:
		return page.Runs[0].ID, nil
	default:
		lines := []string{fmt.Sprintf("%s is the beginning of %d ids: write more of the one that you mean", start, page.Total)}
		for _, r := range page.Runs {
			lines = append(lines, fmt.Sprintf("  %s  %s, %s", r.ID, terminal.Line(r.name()), r.state()))
		}
		return "", errors.New(strings.Join(lines, "\n"))
	}
}

// resolveAll resolves several ids and removes duplicates.
func (c *apiClient) resolveAll(ctx context.Context, starts []string) ([]string, error) {
	var ids []string
	seen := map[string]bool{}
	for _, start := range starts {
		id, err := c.resolve(ctx, start)
		if err != nil {
			return nil, err
		}
		if !seen[id] {
			ids, seen[id] = append(ids, id), true
		}
	}
	return ids, nil
}

func showRunCommand(c *connection) *cobra.Command {
	return &cobra.Command{
		Use: "show RUN", Short: "Show a run with its steps, what it created, and who did what with it", Args: oneRun,
		Example:           "  portico runs show 6f1c2a3e\n  portico runs show 6f1c2a3e-6f0c-4bd8-9c70-4a0c1f1f7b11 --output json",
		ValidArgsFunction: c.completes(completeOneRun),
		RunE: c.withRun(func(command *cobra.Command, client *apiClient, id string) error {
			details, err := client.details(command.Context(), id)
			if err != nil {
				return err
			}
			out := command.OutOrStdout()
			return c.output.print(out, details.answer, func() {
				details.list(out)
				client.summarize(out, details, details.lasted())
			})
		}),
	}
}

// withRun runs do with the run in a command's argument.
func (c *connection) withRun(do func(command *cobra.Command, client *apiClient, id string) error) func(*cobra.Command, []string) error {
	return func(command *cobra.Command, args []string) error {
		client, err := c.client()
		if err != nil {
			return err
		}
		id, err := client.resolve(command.Context(), args[0])
		if err != nil {
			return err
		}
		return do(command, client, id)
	}
}

func watchRunCommand(c *connection) *cobra.Command {
	return &cobra.Command{
		Use: "watch RUN", Short: "Show every step of a run as it happens, and end with status 1 when it does not complete", Args: oneRun,
		Example:           "  portico runs watch 6f1c2a3e",
		ValidArgsFunction: c.completes(completeOneRun),
		RunE: c.withRun(func(command *cobra.Command, client *apiClient, id string) error {
			before, err := client.details(command.Context(), id)
			if err != nil {
				return err
			}
			return client.watch(command.Context(), command.OutOrStdout(), c.output, id, 0, before.TimedFrom, phaseDone)
		}),
	}
}

func logsCommand(c *connection) *cobra.Command {
	var follow bool
	var step string
	command := &cobra.Command{
		Use: "logs RUN", Short: "Print the log of a run", Args: oneRun,
		Long: `Prints the log of a run as it is, or with --follow until the run ends. With --output json it prints one event a line, as Backstage's
API has them.`,
		Example: `  portico runs logs 6f1c2a3e
  portico runs logs 6f1c2a3e --follow --step publish
  portico runs logs 6f1c2a3e --output json`,
		ValidArgsFunction: c.completes(completeOneRun),
		RunE: c.withRun(func(command *cobra.Command, client *apiClient, id string) error {
			out := command.OutOrStdout()
			show := func(e event) {
				if step != "" && e.Body.StepID != step {
					return
				}
				if c.output == formatJSON {
					fmt.Fprintf(out, "%s\n", e.answer)
					return
				}
				fmt.Fprintln(out, e.line())
			}
			if follow {
				return client.follow(command.Context(), id, 0, show)
			}
			return client.log(command.Context(), id, show)
		}),
	}
	command.Flags().BoolVarP(&follow, "follow", "f", false, "go on until the run ends")
	command.Flags().StringVar(&step, "step", "", "only what the step with this id says")
	return command
}

// line formats an event for people: time, step and message, one line per line of the message.
func (e event) line() string {
	prefix := fmt.Sprintf("%s  %-12s  ", e.CreatedAt.Local().Format(time.TimeOnly), terminal.Line(e.Body.StepID))
	message := strings.TrimRight(colours.ReplaceAllString(e.Body.Message, ""), "\n")
	if e.Type == "recovered" {
		message = "Retried: continuing from the step that failed"
	}
	return prefix + strings.ReplaceAll(message, "\n", "\n"+strings.Repeat(" ", len(prefix)))
}

// log calls each with the events that a run has now.
func (c *apiClient) log(ctx context.Context, id string, each func(event)) error {
	details, err := c.details(ctx, id)
	if err != nil {
		return err
	}
	// Without the upper bound, a request after the last event would wait for a new one.
	for after := int64(0); after < details.LastEventID; {
		var page []json.RawMessage
		path := fmt.Sprintf("/api/scaffolder/v2/tasks/%s/events?after=%d", url.PathEscape(id), after)
		if err := c.call(ctx, http.MethodGet, path, nil, &page); err != nil {
			return err
		}
		if len(page) == 0 {
			return nil
		}
		before := after
		for _, document := range page {
			e, err := readEvent(document)
			if err != nil {
				return fmt.Errorf("read an event of run %s: %w", id, err)
			}
			if e.ID > before { // an event may be sent twice after a reconnect, except the last
				each(e)
				after = max(after, e.ID)
			}
		}
		if after == before {
			return nil
		}
	}
	return nil
}

// readEvent decodes an event and keeps its JSON.
func readEvent(document []byte) (event, error) {
	e := event{answer: document}
	err := json.Unmarshal(document, &e)
	return e, err
}

// runAction is a command on runs: retry, rollback or cancel.
type runAction struct {
	name, short, path string
	// wanted is the phase to which the command leads when it succeeds.
	wanted string
	// sees means that the request contains the generation of the run that the client saw.
	sees bool
}

// runCommands are the commands on runs.
var runCommands = []runAction{
	{"retry", "Take ended runs up again at their failed steps", "/api/scaffolder/v2/tasks/%s/retry", phaseDone, true},
	{"rollback", "Undo what runs created, the last thing first", "/api/portico/v1/runs/%s/rollback", phaseRolledBack, true},
	{"cancel", "Stop runs at their next safe points", "/api/scaffolder/v2/tasks/%s/cancel", phaseCancelled, false},
}

// long describes the command.
func (a runAction) long() string {
	text := a.short + ". Of many runs each is tried; what went wrong with one is said on standard error, and the status is 1 then."
	if a.sees {
		text += "\nSomebody may have decided about a run since it was looked at: nothing happens to it then."
	}
	return text
}

func (a runAction) command(c *connection) *cobra.Command {
	var watch bool
	command := &cobra.Command{
		Use: a.name + " RUN...", Short: a.short, Long: a.long(), Args: someRuns,
		Example:           fmt.Sprintf("  portico runs %[1]s 6f1c2a3e --watch\n  portico runs %[1]s 6f1c2a3e 6f1c2a3e-6f0c-4bd8-9c70-4a0c1f1f7b11", a.name),
		ValidArgsFunction: c.completes(completeRuns),
		RunE: func(command *cobra.Command, args []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			ids, err := client.resolveAll(command.Context(), args)
			if err != nil {
				return err
			}
			if len(ids) == 1 {
				return a.once(command, c, client, ids[0], watch)
			}
			failed := false
			for _, id := range ids {
				err := a.once(command, c, client, id, watch)
				if err == nil {
					continue
				}
				if command.Context().Err() != nil {
					return err
				}
				failed = true
				if _, said := errors.AsType[*exitError](err); !said {
					fmt.Fprintf(command.ErrOrStderr(), "portico: run %s: %s\n", shortID(id), err)
				}
			}
			if failed {
				return &exitError{1}
			}
			return nil
		},
	}
	command.Flags().BoolVar(&watch, "watch", false, "show what happens until the run ends, and end with status 1 when it ends otherwise than asked")
	return command
}

// once runs the command on one run.
func (a runAction) once(command *cobra.Command, c *connection, client *apiClient, id string, watch bool) error {
	ctx, out, began := command.Context(), command.OutOrStdout(), time.Now()
	before, err := client.details(ctx, id)
	if err != nil {
		return err
	}
	if a.wanted == phaseCancelled && !before.FinishedAt.IsZero() {
		return fmt.Errorf("run %s has ended already and is %s: there is nothing to cancel", shortID(id), before.state())
	}
	request := map[string]any{}
	if a.sees {
		request["generation"] = before.Generation
	}
	if err := client.call(ctx, http.MethodPost, fmt.Sprintf(a.path, url.PathEscape(id)), request, nil); err != nil {
		return err
	}
	if watch {
		// Events before the command are not shown again.
		return client.watch(ctx, out, c.output, id, before.LastEventID, began, a.wanted)
	}
	if c.output == formatText {
		fmt.Fprintln(out, id)
		return nil
	}
	encoded, err := plainjson.Marshal(map[string]string{"id": id})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", encoded)
	return err
}
