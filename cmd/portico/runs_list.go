package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/internal/terminal"
)

var (
	// runStatuses are the statuses of a run, in the order in which a run gets them.
	runStatuses = []string{statusOpen, "processing", "completed", "failed"}
	// runPhases are the phases of a run, in the order in which a run reaches them.
	runPhases = []string{"running", "waiting", "parked", "rollingBack", phaseRolledBack, phaseDone, phaseCancelled}
)

// runSummary is a run in a list.
type runSummary struct {
	ID             string    `json:"id"`
	TemplateRef    string    `json:"templateRef"`
	Title          string    `json:"title"`
	Subject        string    `json:"subject"`
	Status         string    `json:"status"`
	Phase          string    `json:"phase"`
	CreatedBy      string    `json:"createdBy"`
	CreatedAt      time.Time `json:"createdAt"`
	TimedFrom      time.Time `json:"timedFrom"`
	FinishedAt     time.Time `json:"finishedAt"`
	FailedStep     string    `json:"failedStep"`
	FailedStepName string    `json:"failedStepName"`
	Cause          string    `json:"cause"`
}

// name is the title of the run's template, with the run's subject if it has one.
func (r runSummary) name() string {
	if r.Subject == "" {
		return r.Title
	}
	return r.Title + ": " + r.Subject
}

func (r runSummary) state() string { return stateOf(r.Status, r.Phase) }

// runPage is a part of a list of runs.
type runPage struct {
	// answer is the complete JSON, for JSON output.
	answer json.RawMessage

	Runs  []runSummary `json:"runs"`
	Total int          `json:"total"`
}

func (c *apiClient) runs(ctx context.Context, query url.Values) (runPage, error) {
	var page runPage
	answer, err := c.fetch(ctx, "/api/portico/v1/runs?"+query.Encode(), &page)
	page.answer = answer
	return page, err
}

// runFilter holds the flags that filter runs.
type runFilter struct {
	templates, creators, statuses, phases, causes []string
	since, until                                  string
	limit                                         int
}

// addCommon adds the flags that the lists of runs and of causes share.
func (f *runFilter) addCommon(command *cobra.Command, c *connection, limit int) {
	flags := command.Flags()
	flags.StringSliceVar(&f.templates, "template", nil, "only runs of this template; repeat it")
	flags.StringSliceVar(&f.creators, "by", nil, "only runs of this person, user:default/ada or ada; repeat it")
	flags.StringVar(&f.since, "since", "", "only runs that were started then or later: 2h, 3d, 2026-11-22 or 2026-11-22T08:00:00Z")
	flags.StringVar(&f.until, "until", "", "only runs that were started before")
	flags.IntVar(&f.limit, "limit", limit, "how many at the most")
	registerCompletion(command, "template", c.completes(completeTemplates))
}

// query converts the flags to a query string.
func (f *runFilter) query(now time.Time) (url.Values, error) {
	if f.limit < 1 {
		return nil, fmt.Errorf("--limit %d: write 1 or more", f.limit)
	}
	query := url.Values{"limit": {strconv.Itoa(f.limit)}}
	for _, list := range []struct {
		flag, name     string
		given, allowed []string
	}{{"--status", "status", f.statuses, runStatuses}, {"--phase", "phase", f.phases, runPhases}, {"--cause", "cause", f.causes, nil}} {
		for _, value := range list.given {
			if list.allowed != nil && !slices.Contains(list.allowed, value) {
				return nil, fmt.Errorf("%s %s: write one of %s", list.flag, value, strings.Join(list.allowed, ", "))
			}
			query.Add(list.name, value)
		}
	}
	for _, list := range []struct {
		flag, name, kind string
		given            []string
	}{{"--template", "template", "template", f.templates}, {"--by", "createdBy", "user", f.creators}} {
		for _, value := range list.given {
			ref, err := entity.ParseRef(value, entity.Ref{Kind: list.kind, Namespace: "default"})
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", list.flag, value, err)
			}
			query.Add(list.name, ref.String())
		}
	}
	for name, value := range map[string]string{"since": f.since, "until": f.until} {
		at, err := parseMoment(value, now)
		if err != nil {
			return nil, fmt.Errorf("--%s %s: %w", name, value, err)
		}
		if !at.IsZero() {
			query.Set(name, at.UTC().Format(time.RFC3339))
		}
	}
	return query, nil
}

// parseMoment parses a time or an age; "" is the zero time.
func parseMoment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if days, is := strings.CutSuffix(text, "d"); is {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("write how long ago, as 90m, 2h or 3d, or when, as 2026-11-22 or 2026-11-22T08:00:00Z")
}

func listRunsCommand(c *connection) *cobra.Command {
	var f runFilter
	command := &cobra.Command{
		Use: "list", Short: "List runs, the newest first", Args: cobra.NoArgs,
		Example: `  portico runs list --status open,processing
  portico runs list --template golden-path --by guest --since 3d
  portico runs list --phase parked --phase rolledBack --output json`,
		RunE: func(command *cobra.Command, _ []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			query, err := f.query(time.Now())
			if err != nil {
				return err
			}
			page, err := client.runs(command.Context(), query)
			if err != nil {
				return err
			}
			out := command.OutOrStdout()
			return c.output.print(out, page.answer, func() {
				table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(table, "ID\tSTATE\tTEMPLATE\tSUBJECT\tBY\tSTARTED\tTOOK\tFAILED STEP")
				for _, r := range page.Runs {
					fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", shortID(r.ID), r.state(), terminal.Line(r.Title), terminal.Line(r.Subject),
						terminal.Line(r.CreatedBy), r.CreatedAt.Local().Format(time.DateTime), brief(ranFor(r.TimedFrom, r.FinishedAt)),
						terminal.Line(cmp.Or(r.FailedStepName, r.FailedStep)))
				}
				_ = table.Flush()
				fmt.Fprintf(out, "%d of %d\n", len(page.Runs), page.Total)
			})
		},
	}
	f.addCommon(command, c, 20)
	flags := command.Flags()
	flags.StringSliceVar(&f.statuses, "status", nil, "only runs in this status: "+strings.Join(runStatuses, ", ")+"; repeat it")
	flags.StringSliceVar(&f.phases, "phase", nil, "only runs in this phase: "+strings.Join(runPhases, ", ")+"; repeat it")
	flags.StringSliceVar(&f.causes, "cause", nil, "only runs that failed for this cause, by its id in `portico runs causes`; repeat it")
	registerCompletion(command, "status", completeOneOf(runStatuses...))
	registerCompletion(command, "phase", completeOneOf(runPhases...))
	return command
}

func causesCommand(c *connection) *cobra.Command {
	var f runFilter
	command := &cobra.Command{
		Use: "causes", Short: "Group all failed runs by what made them fail, the most frequent cause first", Args: cobra.NoArgs,
		Long: `Groups all failed runs by what made them fail, the most frequent cause first. Runs have the same cause when they are of one template
and failed at one step with the same words, apart from names, numbers and ids.`,
		Example: "  portico runs causes --since 7d\n  portico runs causes --template step-tour --output json",
		RunE: func(command *cobra.Command, _ []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			query, err := f.query(time.Now())
			if err != nil {
				return err
			}
			var page struct {
				Causes []struct {
					ID             string       `json:"id"`
					Count          int          `json:"count"`
					Message        string       `json:"message"`
					TemplateRef    string       `json:"templateRef"`
					Title          string       `json:"title"`
					FailedStep     string       `json:"failedStep"`
					FailedStepName string       `json:"failedStepName"`
					Runs           []runSummary `json:"runs"`
				} `json:"causes"`
				Total int `json:"total"`
			}
			answer, err := client.fetch(command.Context(), "/api/portico/v1/run-causes?"+query.Encode(), &page)
			if err != nil {
				return err
			}
			out := command.OutOrStdout()
			return c.output.print(out, answer, func() {
				table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(table, "CAUSE\tRUNS\tLATEST\tTEMPLATE\tSTEP\tMESSAGE")
				for _, cause := range page.Causes {
					latest := ""
					if len(cause.Runs) > 0 {
						latest = cause.Runs[0].CreatedAt.Local().Format(time.DateTime)
					}
					fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%s\n", terminal.Line(cause.ID), cause.Count, latest, terminal.Line(cause.Title),
						terminal.Line(cmp.Or(cause.FailedStepName, cause.FailedStep)), terminal.Line(cause.Message))
				}
				_ = table.Flush()
				fmt.Fprintf(out, "%d of %d\n", len(page.Causes), page.Total)
			})
		},
	}
	f.addCommon(command, c, 20)
	return command
}
