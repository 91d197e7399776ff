package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/portico-dev/portico/internal/terminal"
)

// The phases in which a run ends as intended, as the API names them.
const (
	phaseDone       = "done"
	phaseRolledBack = "rolledBack"
	phaseCancelled  = "cancelled"
)

// statusOpen is the status of a run that no worker has begun. Such a run has no events.
const statusOpen = "open"

// runDetails is a run as GET /api/portico/v1/runs/:id shows it.
type runDetails struct {
	// answer is the complete JSON, for JSON output.
	answer json.RawMessage

	ID          string    `json:"id"`
	Title       string    `json:"title"`
	Subject     string    `json:"subject"`
	Status      string    `json:"status"`
	Phase       string    `json:"phase"`
	CreatedAt   time.Time `json:"createdAt"`
	StartedAt   time.Time `json:"startedAt"`
	FinishedAt  time.Time `json:"finishedAt"`
	TimedFrom   time.Time `json:"timedFrom"`
	CreatedBy   string    `json:"createdBy"`
	Generation  int       `json:"generation"`
	FailedStep  string    `json:"failedStep"`
	LastEventID int64     `json:"lastEventId"`
	Error       *struct {
		Name    string `json:"name"`
		Message string `json:"message"`
		Next    string `json:"next"`
	} `json:"error"`
	Commands []givenCommand `json:"commands"`
	Moves    []struct {
		Move    string `json:"move"`
		Summary string `json:"summary"`
		Denied  string `json:"denied"`
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

// givenCommand is a command that somebody gave to a run, and the attempt to which it applied.
type givenCommand struct {
	Command        string    `json:"command"`
	By             string    `json:"by"`
	At             time.Time `json:"at"`
	Attempt        int       `json:"attempt"`
	Phase          string    `json:"phase"`
	FailedStep     string    `json:"failedStep"`
	FailedStepName string    `json:"failedStepName"`
	Error          *struct {
		Message string `json:"message"`
	} `json:"error"`
}

func (c *apiClient) details(ctx context.Context, id string) (runDetails, error) {
	var details runDetails
	answer, err := c.fetch(ctx, "/api/portico/v1/runs/"+url.PathEscape(id), &details)
	details.answer = answer
	return details, err
}

// watch follows a run from an event to its end and prints the result. As text, it prints each step with its
// duration as it happens, then the links to the results. If the run does not end in the wanted phase, the
// process exits with status 1.
func (c *apiClient) watch(ctx context.Context, out io.Writer, output format, id string, after int64, began time.Time, wanted string) error {
	see := func(event) {}
	if output == formatText {
		before, err := c.details(ctx, id)
		if err != nil {
			return err
		}
		see = newStepWatcher(out, before).see
	}
	if after == 0 { // it has no events yet; the worker that begins it writes the first
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
	fmt.Fprintf(out, "\n%s: %s after %s\n", terminal.Line(details.Title), details.state(), brief(took))
	switch {
	case details.Error == nil:
	case details.Phase == phaseRolledBack: // as requested; only the API, like Backstage's, reports it as an error
		fmt.Fprintf(out, "  %s\n", details.Error.Message)
	default:
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
			fmt.Fprintf(table, "  portico runs %s %s\t%s\n", move.Move, shortID(details.ID), terminal.Line(cmp.Or(move.Denied, move.Summary)))
		}
	}
	_ = table.Flush()
	fmt.Fprintln(out)
}

// entityPage is the URL of an entity's page in the portal.
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

// marks are the symbols for the result of a step or a check.
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

// colours matches the escape sequences by which Backstage's log lines show their level.
var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

// states are the words for a run's phase. Backstage's statuses have one word for all runs that did not
// complete.
var states = map[string]string{"running": "running", "waiting": "waiting", "parked": "failed", "rollingBack": "rolling back",
	phaseRolledBack: "rolled back", phaseDone: "completed", phaseCancelled: "cancelled"}

// stateOf is the state of a run in a word or two.
func stateOf(status, phase string) string {
	if status == statusOpen {
		return "starting"
	}
	return cmp.Or(states[phase], status)
}

func (d runDetails) state() string { return stateOf(d.Status, d.Phase) }

// lasted is the duration of the run so far, without the time for which it was parked.
func (d runDetails) lasted() time.Duration { return ranFor(d.TimedFrom, d.FinishedAt) }

// ranFor is the time until end, or until now for a zero end.
func ranFor(from, end time.Time) time.Duration {
	if end.IsZero() {
		return time.Since(from)
	}
	return end.Sub(from)
}

// list prints the run's steps and effects.
func (d runDetails) list(out io.Writer) {
	for _, step := range d.Steps {
		duration := ""
		if !step.EndedAt.IsZero() {
			duration = brief(step.EndedAt.Sub(step.StartedAt))
		}
		fmt.Fprintf(out, "  %s %-40s %-10s %s\n", cmp.Or(marks[step.Status], "·"), terminal.Line(step.Name), step.Status, duration)
	}
	for _, given := range d.Commands {
		fmt.Fprintf(out, "  %s  %s by %s%s\n", given.At.Local().Format(time.DateTime), given.Command, terminal.Line(given.By), found(given))
	}
	for _, effect := range d.Effects {
		fmt.Fprintf(out, "  %s %s (%s) %s\n", terminal.Line(effect.Kind), terminal.Line(effect.Name), effect.State, terminal.Line(effect.URL))
		if effect.Note != "" {
			fmt.Fprintf(out, "      %s\n", terminal.Line(effect.Note))
		}
	}
}

// found describes the result of the attempt to which a command applied.
func found(given givenCommand) string {
	where := ""
	if step := cmp.Or(given.FailedStepName, given.FailedStep); step != "" {
		where = " at " + terminal.Line(step)
	}
	if given.Error == nil {
		return fmt.Sprintf(": attempt %d was %s%s", given.Attempt, cmp.Or(states[given.Phase], given.Phase), where)
	}
	return fmt.Sprintf(": attempt %d was %s%s: %s", given.Attempt, cmp.Or(states[given.Phase], given.Phase), where, terminal.Line(given.Error.Message))
}
