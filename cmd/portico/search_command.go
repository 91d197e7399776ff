package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/portico-dev/portico/internal/terminal"
)

const (
	// searchSourcesPath is the sources of the search in the API.
	searchSourcesPath = "/api/portico/v1/search/sources"
	// pushBatch and pushBytes bound a request of a push: documents, and bytes of their JSON.
	pushBatch = 500
	pushBytes = 4 << 20
)

func searchCommand() *cobra.Command {
	command := &cobra.Command{
		Use: "search", Short: "Push documents of other systems to the search, and rebuild its index", Args: cobra.NoArgs,
		Example: "  portico search sources",
		RunE:    func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(searchSourcesCommand(), searchPushCommand(), searchDeleteCommand(), searchRebuildCommand())
	return command
}

// pushOutcome is what a push or a deletion did.
type pushOutcome struct {
	Received  int `json:"received"`
	Written   int `json:"written"`
	Unchanged int `json:"unchanged"`
	Outdated  int `json:"outdated"`
	Removed   int `json:"removed"`
	Documents int `json:"documents"`
}

func searchSourcesCommand() *cobra.Command {
	var c connection
	command := &cobra.Command{
		Use: "sources", Short: "List the sources of the search, with their documents and last pushes", Args: cobra.NoArgs,
		Example: "  portico search sources",
		RunE: func(command *cobra.Command, _ []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			var found struct {
				Sources []listedSearchSource `json:"sources"`
			}
			answer, err := client.fetch(command.Context(), searchSourcesPath, &found)
			if err != nil {
				return err
			}
			out := command.OutOrStdout()
			return c.output.print(out, answer, func() { printSearchSources(out, found.Sources) })
		},
	}
	c.addFlags(command)
	return command
}

// listedSearchSource is a source in the list.
type listedSearchSource struct {
	Name         string    `json:"name"`
	Title        string    `json:"title"`
	IsLive       bool      `json:"isLive"`
	IsConfigured bool      `json:"isConfigured"`
	Documents    *int      `json:"documents"`
	PushedAt     time.Time `json:"pushedAt"`
	PushedBy     string    `json:"pushedBy"`
	Incomplete   string    `json:"incomplete"`
}

// remark is what else there is to say about a source.
func (s listedSearchSource) remark() string {
	switch {
	case !s.IsConfigured:
		return "not configured any more: its documents are found by nobody"
	case s.IsLive:
		return "asked live"
	case s.Incomplete != "":
		return "the full push " + s.Incomplete + " was not completed"
	default:
		return ""
	}
}

func printSearchSources(out io.Writer, sources []listedSearchSource) {
	if len(sources) == 0 {
		fmt.Fprintln(out, "No source: portico.search.sources of the configuration has none.")
		return
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SOURCE\tTITLE\tDOCUMENTS\tLAST PUSH\tBY\t")
	for _, s := range sources {
		documents := ""
		if s.Documents != nil {
			documents = fmt.Sprint(*s.Documents)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", terminal.Line(s.Name), terminal.Line(s.Title), documents, localTime(s.PushedAt), terminal.Line(s.PushedBy), terminal.Line(s.remark()))
	}
	_ = table.Flush()
}

func searchPushCommand() *cobra.Command {
	var c connection
	var full bool
	command := &cobra.Command{
		Use: "push SOURCE FILE...", Short: "Push documents to a source of the search",
		Long: `Pushes documents to a source of portico.search.sources. A file is a JSON array, or JSON lines; - is standard input. A document has a
title, a text and a location (its http or https URL), and may have an id (else it is the location), a version (a whole number that
grows: an older version never replaces a newer one), a type, tags, an owner, and an authorization: the resourceRef of an entity that
its readers must be permitted to read, or readers (people and groups).

With --full, everything that the source has and the files have not is deleted when all was pushed. If the command fails before that, nothing is.`,
		Example: `  portico search push wiki pages.ndjson
  portico search push wiki --full pages-1.json pages-2.json
  export-wiki | portico search push wiki -`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(command *cobra.Command, args []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			p := pusher{client: client, source: args[0]}
			if full {
				p.generation = time.Now().UTC().Format(time.RFC3339) + " " + uuid.NewString()[:8]
			}
			for _, name := range args[1:] {
				if err := p.file(command.Context(), name, command.InOrStdin()); err != nil {
					return err
				}
			}
			if err := p.end(command.Context()); err != nil {
				return err
			}
			out := command.OutOrStdout()
			return c.output.print(out, p.total, func() { fmt.Fprintln(out, p.total.sentence()) })
		},
	}
	c.addFlags(command)
	command.Flags().BoolVar(&full, "full", false, "delete what the files do not have")
	return command
}

// sentence is the outcome in words.
func (o pushOutcome) sentence() string {
	sentence := fmt.Sprintf("Pushed %d documents: %d are new or changed, %d were there already", o.Received, o.Written, o.Unchanged)
	if o.Outdated > 0 {
		sentence += fmt.Sprintf(", %d are older than what is there", o.Outdated)
	}
	if o.Removed > 0 {
		sentence += fmt.Sprintf("; %d others were deleted", o.Removed)
	}
	return sentence + fmt.Sprintf(". The source has %d.", o.Documents)
}

// pusher pushes documents in batches.
type pusher struct {
	client             *apiClient
	source, generation string

	batch []json.RawMessage
	bytes int
	// from is the position in its file of the first document of the batch.
	from  int
	total pushOutcome
}

// file pushes the documents of a file, as they are read.
func (p *pusher) file(ctx context.Context, name string, stdin io.Reader) error {
	from, shown := stdin, "standard input"
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		from, shown = file, name
	}
	p.from = 1
	if err := eachDocument(from, func(document json.RawMessage) error { return p.add(ctx, shown, document) }); err != nil {
		return err
	}
	return p.send(ctx, shown)
}

// eachDocument calls take for each item of a JSON array, or for each of several JSON values.
func eachDocument(from io.Reader, take func(json.RawMessage) error) error {
	buffered := bufio.NewReader(from)
	first, err := firstSign(buffered)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(buffered)
	if first == '[' {
		if _, err := decoder.Token(); err != nil {
			return err
		}
	}
	for number := 1; decoder.More(); number++ {
		var document json.RawMessage
		if err := decoder.Decode(&document); err != nil {
			return fmt.Errorf("document %d is no JSON: %w", number, err)
		}
		if err := take(document); err != nil {
			return err
		}
	}
	if first == '[' {
		if _, err := decoder.Token(); err != nil {
			return fmt.Errorf("the array does not end: %w", err)
		}
		if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
			return errors.New("there is something after the end of the array")
		}
	}
	return nil
}

// firstSign is the first sign that is no space. It is not taken.
func firstSign(from *bufio.Reader) (rune, error) {
	for {
		sign, _, err := from.ReadRune()
		if err != nil {
			return 0, err
		}
		if !unicode.IsSpace(sign) && sign != '\uFEFF' {
			return sign, from.UnreadRune()
		}
	}
}

// add puts a document into the batch, which is sent when it is full.
func (p *pusher) add(ctx context.Context, shown string, document json.RawMessage) error {
	if len(p.batch) == pushBatch || p.bytes+len(document) > pushBytes && len(p.batch) > 0 {
		if err := p.send(ctx, shown); err != nil {
			return err
		}
	}
	p.batch, p.bytes = append(p.batch, bytes.Clone(document)), p.bytes+len(document)
	return nil
}

func (p *pusher) send(ctx context.Context, shown string) error {
	if len(p.batch) == 0 {
		return nil
	}
	query := url.Values{}
	if p.generation != "" {
		query.Set("replace", p.generation)
	}
	if err := p.put(ctx, query, p.batch); err != nil {
		return fmt.Errorf("%s, documents %d to %d: %w", shown, p.from, p.from+len(p.batch)-1, err)
	}
	p.from += len(p.batch)
	p.batch, p.bytes = nil, 0
	return nil
}

// end completes a full push.
func (p *pusher) end(ctx context.Context) error {
	if p.generation == "" {
		return nil
	}
	return p.put(ctx, url.Values{"replace": {p.generation}, "complete": {"true"}}, []json.RawMessage{})
}

func (p *pusher) put(ctx context.Context, query url.Values, documents []json.RawMessage) error {
	var outcome pushOutcome
	if err := p.client.call(ctx, http.MethodPut, documentsPath(p.source)+"?"+query.Encode(), documents, &outcome); err != nil {
		return err
	}
	p.total.Received += outcome.Received
	p.total.Written += outcome.Written
	p.total.Unchanged += outcome.Unchanged
	p.total.Outdated += outcome.Outdated
	p.total.Removed += outcome.Removed
	p.total.Documents = outcome.Documents
	return nil
}

func documentsPath(source string) string {
	return searchSourcesPath + "/" + url.PathEscape(source) + "/documents"
}

func searchDeleteCommand() *cobra.Command {
	var c connection
	var all bool
	command := &cobra.Command{
		Use: "delete SOURCE [ID...]", Short: "Delete documents of a source of the search",
		Example: `  portico search delete wiki page-17
  portico search delete wiki --all`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			if all == (len(args) > 1) {
				return errors.New("give the ids of documents, or --all")
			}
			client, err := c.client()
			if err != nil {
				return err
			}
			input := map[string]any{"all": true}
			if !all {
				input = map[string]any{"ids": args[1:]}
			}
			var outcome pushOutcome
			answer, err := client.ask(command.Context(), http.MethodDelete, documentsPath(args[0]), input, &outcome)
			if err != nil {
				return err
			}
			out := command.OutOrStdout()
			return c.output.print(out, answer, func() {
				fmt.Fprintf(out, "Deleted %d documents. The source has %d.\n", outcome.Removed, outcome.Documents)
			})
		},
	}
	c.addFlags(command)
	command.Flags().BoolVar(&all, "all", false, "delete everything of the source, which need not be in the configuration any more")
	return command
}
