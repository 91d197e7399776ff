package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// searchRebuildPath is the rebuild of the search's index in the API.
const searchRebuildPath = "/api/portico/v1/search/rebuild"

func searchRebuildCommand() *cobra.Command {
	var c connection
	var detach bool
	command := &cobra.Command{
		Use: "rebuild", Short: "Write the index of the search anew, beside live traffic",
		Long: `Has the index of the search written anew: from the catalog, the runs and the published sites of documentation. A worker does it, some
documents at a time, and what changes meanwhile is found as ever. Searches find the old documents until their new ones are there.

The command prints how far it is, and ends with it. Stopping the command does not stop the rebuild, and a worker that is killed loses
nothing: another one carries on. Start the command again to see how far it is; a second rebuild begins when the first has ended.

What other systems have pushed stays as it is: they push it again (portico search push --full).`,
		Example: `  portico search rebuild
  portico search rebuild --detach --output json`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			state, answer, err := rebuildSearch(command.Context(), client, detach)
			if err != nil {
				return err
			}
			out := command.OutOrStdout()
			return c.output.print(out, answer, func() { state.print(out) })
		},
	}
	c.addFlags(command)
	command.Flags().BoolVar(&detach, "detach", false, "do not wait for the end")
	return command
}

// searchRebuild is how far a rebuild is.
type searchRebuild struct {
	IsRunning bool       `json:"isRunning"`
	IsNew     bool       `json:"isNew"`
	BegunAt   time.Time  `json:"begunAt"`
	EndedAt   *time.Time `json:"endedAt"`
	Entities  int64      `json:"entities"`
	Runs      int64      `json:"runs"`
	Done      int64      `json:"done"`
	Sites     int64      `json:"sites"`
}

// rebuildSearch begins a rebuild, or joins the one that goes on, and waits for its end.
func rebuildSearch(ctx context.Context, client *apiClient, detach bool) (state searchRebuild, answer json.RawMessage, err error) {
	answer, err = client.ask(ctx, http.MethodPost, searchRebuildPath, nil, &state)
	if err != nil || detach {
		return state, answer, err
	}
	if !state.IsNew {
		fmt.Fprintf(client.remarks, "a rebuild goes on since %s; this waits for its end\n", localTime(state.BegunAt))
	}
	progress := rebuildProgress{out: client.remarks, since: time.Now()}
	for state.IsRunning {
		progress.tell(state, time.Now())
		select {
		case <-ctx.Done():
			return state, answer, ctx.Err()
		case <-time.After(rebuildPoll):
		}
		state = searchRebuild{}
		if answer, err = client.fetch(ctx, searchRebuildPath, &state); err != nil {
			return state, answer, err
		}
	}
	return state, answer, nil
}

// print prints the state in words.
func (s searchRebuild) print(out io.Writer) {
	if s.IsRunning {
		fmt.Fprintf(out, "The index of the search is written anew: %s.\n", s.progress())
		return
	}
	took := ""
	if s.EndedAt != nil {
		took = " in " + brief(s.EndedAt.Sub(s.BegunAt))
	}
	fmt.Fprintf(out, "The index of the search was written anew%s: %d entities, %d runs.\n", took, s.Entities, s.Runs)
}

// progress is what is done and left.
func (s searchRebuild) progress() string {
	if s.EndedAt != nil {
		return fmt.Sprintf("%d sites of documentation are left", s.Sites)
	}
	return fmt.Sprintf("%d of %d entities and runs", s.Done, s.Entities+s.Runs)
}

// rebuildProgress prints how far a rebuild is when that has changed, and once when nothing changes for long.
type rebuildProgress struct {
	out     io.Writer
	last    string
	printed time.Time
	// since is when the progress changed last.
	since   time.Time
	hasTold bool
}

const (
	// rebuildPoll is the time after which the server is asked again.
	rebuildPoll = 300 * time.Millisecond
	// progressPeriod is the time between two lines of progress.
	progressPeriod = 2 * time.Second
)

func (p *rebuildProgress) tell(state searchRebuild, now time.Time) {
	switch progress := state.progress(); {
	case progress != p.last:
		p.last, p.since = progress, now
		if now.Sub(p.printed) >= progressPeriod {
			fmt.Fprintf(p.out, "%s\n", progress)
			p.printed = now
		}
	case now.Sub(p.since) > workerPatience && !p.hasTold:
		fmt.Fprintf(p.out, "nothing happened for %s; is a worker running? See `portico worker --help`\n", workerPatience)
		p.hasTold = true
	}
}
