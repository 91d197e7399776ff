package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/portico-dev/portico/internal/terminal"
)

const defaultURL = "http://127.0.0.1:7007"

// connection are the flags of commands that call a running Portico.
type connection struct {
	url, token string
	output     format
}

func (c *connection) addFlags(command *cobra.Command) {
	flags := command.PersistentFlags()
	flags.StringVar(&c.url, "url", cmp.Or(os.Getenv("PORTICO_URL"), defaultURL), "where Portico serves ($PORTICO_URL)")
	flags.StringVar(&c.token, "token", "", "a token; without one the guest signs in ($PORTICO_TOKEN)")
	c.output.addFlag(flags)
}

// client reads $PORTICO_TOKEN here and not as the flag's default, which the help would show.
func (c *connection) client() (*apiClient, error) {
	return clientAt("--url", c.url, c.token)
}

// clientAt is a client of the Portico that a flag names.
func clientAt(flag, address, token string) (*apiClient, error) {
	at, err := url.Parse(address)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return nil, fmt.Errorf("%s %s: write http://host:port or https://host", flag, address)
	}
	return newClient(address, cmp.Or(token, os.Getenv("PORTICO_TOKEN"))), nil
}

func runCommand() *cobra.Command {
	var c connection
	var sets, secrets []string
	var watch bool
	command := &cobra.Command{
		Use:   "run TEMPLATE",
		Short: "Start a run of a template",
		Long: `Starts a run of a template on a running Portico and prints its id. A value is JSON, a list or an object in brackets,
or else text: --set port=8080 is a number, --set 'version="1.20"' the text 1.20, --set 'tags=[go, web]' a list.
A parameter that is not set gets its default, as the template's form would give it, and a repository that is written without
its host, ?owner=acme&repo=shop, the host that the form would offer first.`,
		Example: `  portico run golden-path --set name=shop --set description='Sells things' --set owner=group:default/tracking \
      --set 'repoUrl=?owner=demo&repo=shop' --watch
  portico run template:default/step-tour --set rest=5 --set 'stops=[harbour, market]' --output json`,
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			values, err := parseSets(sets)
			if err != nil {
				return err
			}
			hidden, err := parseSecrets(secrets)
			if err != nil {
				return err
			}
			client, err := c.client()
			if err != nil {
				return err
			}
			out, began := command.OutOrStdout(), time.Now()
			id, err := client.start(command.Context(), args[0], values, hidden)
			if err != nil {
				return err
			}
			if watch {
				return client.watch(command.Context(), out, c.output, id, 0, began, phaseDone)
			}
			return c.output.print(out, map[string]string{"id": id}, func() { fmt.Fprintln(out, id) })
		},
	}
	c.addFlags(command)
	command.Flags().StringArrayVar(&sets, "set", nil, "a value, name=value; repeat it")
	command.Flags().StringArrayVar(&secrets, "secret", nil, "a secret, name=value; repeat it")
	command.Flags().BoolVar(&watch, "watch", false, "show every step as it happens, and end with status 1 when the run fails")
	return command
}

// start starts a run of a template, with the defaults of what values leave out, and returns its id.
func (c *apiClient) start(ctx context.Context, template string, values map[string]any, secrets map[string]string) (string, error) {
	if err := c.addDefaults(ctx, template, values); err != nil {
		return "", err
	}
	request := map[string]any{"templateRef": template, "values": values}
	if len(secrets) > 0 {
		request["secrets"] = secrets
	}
	var created struct {
		ID string `json:"id"`
	}
	err := c.call(ctx, http.MethodPost, "/api/scaffolder/v2/tasks", request, &created)
	return created.ID, err
}

// The phases that a run rests in when all went well, as the API names them.
const (
	phaseDone       = "done"
	phaseRolledBack = "rolledBack"
	phaseCancelled  = "cancelled"
)

// statusOpen is the status of a run that no worker has begun, which has no events.
const statusOpen = "open"

// runStatuses are those that a run can have, in the order in which it gets them.
var runStatuses = []string{statusOpen, "processing", "completed", "failed"}

// runDetails is a run as GET /api/portico/v1/runs/:id shows it.
type runDetails struct {
	// answer is the whole of it, for those who read JSON.
	answer json.RawMessage

	ID          string    `json:"id"`
	Title       string    `json:"title"`
	Subject     string    `json:"subject"`
	Status      string    `json:"status"`
	Phase       string    `json:"phase"`
	CreatedAt   time.Time `json:"createdAt"`
	FinishedAt  time.Time `json:"finishedAt"`
	FailedStep  string    `json:"failedStep"`
	LastEventID int64     `json:"lastEventId"`
	Error       *struct {
		Name    string `json:"name"`
		Message string `json:"message"`
		Next    string `json:"next"`
	} `json:"error"`
	Moves []struct {
		Move    string `json:"move"`
		Summary string `json:"summary"`
	} `json:"moves"`
	Workflow struct {
		URL string `json:"url"`
	} `json:"workflow"`
	Steps []struct {
		ID        string    `json:"id"`
		Name      string    `json:"name"`
		Action    string    `json:"action"`
		Status    string    `json:"status"`
		StartedAt time.Time `json:"startedAt"`
		EndedAt   time.Time `json:"endedAt"`
	} `json:"steps"`
	Output struct {
		Links []struct {
			Title     string `json:"title"`
			URL       string `json:"url"`
			EntityRef string `json:"entityRef"`
		} `json:"links"`
	} `json:"output"`
	Effects []struct {
		Kind  string `json:"kind"`
		Name  string `json:"name"`
		State string `json:"state"`
		URL   string `json:"url"`
		Note  string `json:"note"`
	} `json:"effects"`
}

func (c *apiClient) details(ctx context.Context, id string) (runDetails, error) {
	var details runDetails
	if err := c.call(ctx, http.MethodGet, "/api/portico/v1/runs/"+url.PathEscape(id), nil, &details.answer); err != nil {
		return runDetails{}, err
	}
	if err := json.Unmarshal(details.answer, &details); err != nil {
		return runDetails{}, fmt.Errorf("read run %s: %w", id, err)
	}
	return details, nil
}

// watch follows a run from after an event to its end and shows how it ended: as text, each step as it happens with its duration, then where its
// results are. A run that does not end in the wanted phase ends the process with status 1.
func (c *apiClient) watch(ctx context.Context, out io.Writer, output format, id string, after int64, began time.Time, wanted string) error {
	see := func(event) {}
	if output == formatText {
		before, err := c.details(ctx, id)
		if err != nil {
			return err
		}
		see = newStepWatcher(out, before).see
	}
	if after == 0 { // it has no event yet, and gets the first from the worker that begins it
		waiting := c.expectWorker()
		defer waiting.Stop()
		show := see
		see = func(e event) {
			waiting.Stop()
			show(e)
		}
	}
	if err := c.follow(ctx, id, after, see); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("run %s goes on, and is no longer watched: %w", id, errInterrupted)
		}
		return err
	}
	ended, err := c.details(ctx, id)
	if err != nil {
		return err
	}
	if err := output.print(out, ended.answer, func() { c.summarize(out, ended, time.Since(began)) }); err != nil {
		return err
	}
	if ended.Phase != wanted {
		return &exitError{1}
	}
	return nil
}

func (c *apiClient) summarize(out io.Writer, details runDetails, took time.Duration) {
	fmt.Fprintf(out, "\n%s: %s after %s\n", terminal.Line(details.Title), details.standing(), brief(took))
	if details.Error != nil {
		fmt.Fprintf(out, "  %s: %s\n", details.Error.Name, details.Error.Message)
		if details.Error.Next != "" {
			fmt.Fprintf(out, "  %s\n", details.Error.Next)
		}
	}
	fmt.Fprintln(out)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, link := range details.Output.Links {
		fmt.Fprintf(table, "  %s\t%s\n", terminal.Line(link.Title), terminal.Line(cmp.Or(link.URL, c.entityPage(link.EntityRef))))
	}
	fmt.Fprintf(table, "  Run\t%s/runs/%s\n", c.base, details.ID)
	if details.Workflow.URL != "" {
		fmt.Fprintf(table, "  Temporal Web UI\t%s\n", details.Workflow.URL)
	}
	for _, move := range details.Moves {
		if details.Status != "completed" {
			fmt.Fprintf(table, "  portico runs %s %s\t%s\n", move.Move, details.ID, move.Summary)
		}
	}
	_ = table.Flush()
	fmt.Fprintln(out)
}

// entityPage is the portal's page of an entity.
func (c *apiClient) entityPage(ref string) string {
	kind, rest, _ := strings.Cut(ref, ":")
	namespace, name, _ := strings.Cut(rest, "/")
	return fmt.Sprintf("%s/catalog/%s/%s/%s", c.base, namespace, strings.ToLower(kind), name)
}

// stepWatcher prints the steps of a run as they end.
type stepWatcher struct {
	out   io.Writer
	names map[string]string
	began map[string]time.Time
}

func newStepWatcher(out io.Writer, run runDetails) *stepWatcher {
	watcher := &stepWatcher{out: out, names: map[string]string{}, began: map[string]time.Time{}}
	for _, step := range run.Steps {
		watcher.names[step.ID] = step.Name
	}
	return watcher
}

// marks show at a glance how a step, or a check, ended.
var marks = map[string]string{"completed": "✓", "failed": "✗", "skipped": "–", "cancelled": "■"}

func (w *stepWatcher) see(e event) {
	body := e.Body
	switch {
	case body.Status == "processing":
		w.began[body.StepID] = e.CreatedAt
	case e.Type == "log" && body.Status != "":
		duration := ""
		if began, known := w.began[body.StepID]; known {
			duration = brief(e.CreatedAt.Sub(began))
		}
		fmt.Fprintf(w.out, "  %s %-40s %s\n", marks[body.Status], terminal.Line(cmp.Or(w.names[body.StepID], body.StepID)), duration)
		if body.Status == "failed" {
			message := colours.ReplaceAllString(body.Message, "")
			fmt.Fprintf(w.out, "      %s\n", strings.ReplaceAll(message, "\n", "\n      "))
		}
	}
}

// colours are the escapes by which Backstage's log lines show their level.
var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

func runsCommand() *cobra.Command {
	var c connection
	command := &cobra.Command{
		Use:   "runs",
		Short: "Look at runs, and retry, roll back or cancel them",
		Example: `  portico runs list --status failed
  portico runs show 6f1c2a3e-6f0c-4bd8-9c70-4a0c1f1f7b11
  portico runs retry 6f1c2a3e-6f0c-4bd8-9c70-4a0c1f1f7b11 --watch`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	c.addFlags(command)
	command.AddCommand(listRunsCommand(&c), showRunCommand(&c),
		moveCommand(&c, "retry", "Take an ended run up again at its failed step", "/api/scaffolder/v2/tasks/%s/retry", phaseDone),
		moveCommand(&c, "rollback", "Undo what a run created, the last thing first", "/api/portico/v1/runs/%s/rollback", phaseRolledBack),
		moveCommand(&c, "cancel", "Stop a run at its next safe point", "/api/scaffolder/v2/tasks/%s/cancel", phaseCancelled))
	return command
}

// oneRun wants the id of a run. An empty one, as of a variable that is not set, would be the list of all of them.
func oneRun(command *cobra.Command, args []string) error {
	if err := cobra.ExactArgs(1)(command, args); err != nil {
		return err
	}
	if args[0] == "" {
		return errors.New("the run's id is empty")
	}
	return nil
}

func listRunsCommand(c *connection) *cobra.Command {
	var statuses []string
	var limit int
	command := &cobra.Command{
		Use: "list", Short: "List runs, the newest first", Example: "  portico runs list --status failed --output json", Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			if limit < 1 {
				return fmt.Errorf("--limit %d: write 1 or more", limit)
			}
			for _, status := range statuses {
				if !slices.Contains(runStatuses, status) {
					return fmt.Errorf("--status %s: write one of %s", status, strings.Join(runStatuses, ", "))
				}
			}
			query := url.Values{"limit": {fmt.Sprint(limit)}}
			if len(statuses) > 0 {
				query["status"] = statuses
			}
			var page struct {
				Runs []struct {
					ID             string    `json:"id"`
					Title          string    `json:"title"`
					Subject        string    `json:"subject"`
					Status         string    `json:"status"`
					Phase          string    `json:"phase"`
					CreatedBy      string    `json:"createdBy,omitempty"`
					CreatedAt      time.Time `json:"createdAt"`
					FailedStep     string    `json:"failedStep,omitempty"`
					FailedStepName string    `json:"failedStepName,omitempty"`
				} `json:"runs"`
				Total int `json:"total"`
			}
			if err := client.call(command.Context(), http.MethodGet, "/api/portico/v1/runs?"+query.Encode(), nil, &page); err != nil {
				return err
			}
			out := command.OutOrStdout()
			return c.output.print(out, page, func() {
				table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(table, "ID\tSTATUS\tPHASE\tTEMPLATE\tSUBJECT\tBY\tSTARTED\tFAILED STEP")
				for _, r := range page.Runs {
					fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.Status, r.Phase, terminal.Line(r.Title), terminal.Line(r.Subject),
						r.CreatedBy, r.CreatedAt.Local().Format(time.DateTime), terminal.Line(cmp.Or(r.FailedStepName, r.FailedStep)))
				}
				_ = table.Flush()
				fmt.Fprintf(out, "%d of %d\n", len(page.Runs), page.Total)
			})
		},
	}
	command.Flags().StringArrayVar(&statuses, "status", nil, "only runs in this status: "+strings.Join(runStatuses, ", ")+"; repeat it")
	command.Flags().IntVar(&limit, "limit", 20, "how many at the most")
	return command
}

func showRunCommand(c *connection) *cobra.Command {
	return &cobra.Command{
		Use: "show RUN", Short: "Show a run with its steps and what it created", Args: oneRun,
		Example: "  portico runs show 6f1c2a3e-6f0c-4bd8-9c70-4a0c1f1f7b11",
		RunE: func(command *cobra.Command, args []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			details, err := client.details(command.Context(), args[0])
			if err != nil {
				return err
			}
			out := command.OutOrStdout()
			return c.output.print(out, details.answer, func() {
				details.list(out)
				client.summarize(out, details, details.lasted())
			})
		},
	}
}

// standing is where the run stands, in a word or two.
func (d runDetails) standing() string {
	switch d.Phase {
	case phaseRolledBack:
		return "rolled back"
	case phaseCancelled:
		return "cancelled"
	default:
		return d.Status
	}
}

// lasted is how long the run took, or has taken so far.
func (d runDetails) lasted() time.Duration {
	if d.FinishedAt.IsZero() {
		return time.Since(d.CreatedAt)
	}
	return d.FinishedAt.Sub(d.CreatedAt)
}

// list prints the run's steps and what it created.
func (d runDetails) list(out io.Writer) {
	for _, step := range d.Steps {
		duration := ""
		if !step.EndedAt.IsZero() {
			duration = brief(step.EndedAt.Sub(step.StartedAt))
		}
		fmt.Fprintf(out, "  %s %-40s %-10s %s\n", cmp.Or(marks[step.Status], "·"), terminal.Line(step.Name), step.Status, duration)
	}
	for _, effect := range d.Effects {
		fmt.Fprintf(out, "  %s %s (%s) %s\n", terminal.Line(effect.Kind), terminal.Line(effect.Name), effect.State, terminal.Line(effect.URL))
		if effect.Note != "" {
			fmt.Fprintf(out, "      %s\n", terminal.Line(effect.Note))
		}
	}
}

// moveCommand makes a command that moves a run, with one request, towards the wanted phase.
func moveCommand(c *connection, name, short, path, wanted string) *cobra.Command {
	var watch bool
	command := &cobra.Command{
		Use: name + " RUN", Short: short, Args: oneRun,
		Example: fmt.Sprintf("  portico runs %s 6f1c2a3e-6f0c-4bd8-9c70-4a0c1f1f7b11 --watch", name),
		RunE: func(command *cobra.Command, args []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			out, began := command.OutOrStdout(), time.Now()
			before, err := client.details(command.Context(), args[0])
			if err != nil {
				return err
			}
			if wanted == phaseCancelled && !before.FinishedAt.IsZero() {
				return fmt.Errorf("run %s has ended already and is %s: there is nothing to cancel", args[0], before.standing())
			}
			if err := client.call(command.Context(), http.MethodPost, fmt.Sprintf(path, url.PathEscape(args[0])), map[string]any{}, nil); err != nil {
				return err
			}
			if watch {
				// What happened before the move is not shown again.
				return client.watch(command.Context(), out, c.output, args[0], before.LastEventID, began, wanted)
			}
			return c.output.print(out, map[string]string{"id": args[0]}, func() { fmt.Fprintln(out, args[0]) })
		},
	}
	command.Flags().BoolVar(&watch, "watch", false, "show what happens until the run ends, and end with status 1 when it ends otherwise than asked")
	return command
}
