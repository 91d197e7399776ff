package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portico-dev/portico/catalog/imports"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/internal/terminal"
)

// importFlags are the flags of portico catalog import.
type importFlags struct {
	configs          []string
	host             string
	dryRun, proposes bool
	forks, archived  bool
	limit            int
	template         string
	url, token       string
	output           format
}

func importCommand() *cobra.Command {
	var f importFlags
	command := &cobra.Command{
		Use:   "import OWNER",
		Short: "Draft descriptors for the repositories of an organization that have none",
		Long: `Goes through the repositories of an organization or user on GitHub, with the credentials of the configuration, and drafts a
catalog-info.yaml for each that has none: from the languages of its files, CODEOWNERS, mkdocs.yml, a Dockerfile, and
descriptions of APIs. With --dry-run it prints the drafts. With --pull-requests it proposes each by a run of the template
propose-descriptor at a running server, which opens a pull request from the branch ` + imports.Branch + `. A repository that
has, or had, a pull request from it is left out: the command can be stopped and started again at any time, and proposes
nothing twice.`,
		Example: `  portico catalog import acme --config app-config.yaml --dry-run
  portico catalog import acme --config app-config.yaml --dry-run --output json > drafts.json
  portico catalog import https://github.com/acme --config app-config.yaml --pull-requests --limit 20 --url "$PORTICO_URL"`,
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			if f.dryRun == f.proposes {
				return errors.New("say either --dry-run or --pull-requests")
			}
			return f.run(command, args[0])
		},
	}
	flags := command.Flags()
	flags.StringArrayVar(&f.configs, "config", nil, "a configuration, whose integrations are used; later files override earlier ones")
	flags.StringVar(&f.host, "host", "github.com", "the GitHub host, unless OWNER is a URL")
	flags.BoolVar(&f.dryRun, "dry-run", false, "print the drafts, and change nothing")
	flags.BoolVar(&f.proposes, "pull-requests", false, "open a pull request with each draft")
	flags.BoolVar(&f.forks, "forks", false, "include forks")
	flags.BoolVar(&f.archived, "archived", false, "include archived repositories")
	flags.IntVar(&f.limit, "limit", 0, "the most drafts that are made, 0 for all")
	flags.StringVar(&f.template, "template", "template:default/propose-descriptor", "the template that opens a pull request")
	flags.StringVar(&f.url, "url", cmp.Or(os.Getenv("PORTICO_URL"), defaultURL), "where Portico serves ($PORTICO_URL)")
	flags.StringVar(&f.token, "token", "", "a token; better give it by $PORTICO_TOKEN, which ps does not show; without one the guest signs in")
	f.output.addFlag(flags)
	return command
}

func (f *importFlags) run(command *cobra.Command, owner string) error {
	ctx := command.Context()
	loaded, err := config.Load(ctx, config.Options{Files: f.configs})
	if err != nil {
		return err
	}
	hosts, err := forges.New(integrationConfig(loaded, nil), integration.Options{})
	if err != nil {
		return err
	}
	if parsed, err := url.Parse(owner); err == nil && parsed.Host != "" {
		f.host, owner = parsed.Host, strings.Trim(parsed.Path, "/")
	}
	client, err := clientAt("--url", f.url, f.token)
	if err != nil {
		return err
	}
	report := importReport{Repositories: []importedRepository{}, counts: map[imports.State]int{}, progress: command.ErrOrStderr()}
	err = imports.Run(ctx, imports.Options{Hosts: hosts, Host: f.host, Owner: owner, Forks: f.forks, Archived: f.archived, Limit: f.limit},
		func(found imports.Repository) error {
			one := importedRepository{Repository: found}
			if found.State == imports.Drafted && f.proposes {
				one.propose(ctx, client, f.template)
			}
			report.add(one)
			return ctx.Err()
		})
	if err != nil {
		return err
	}
	out := command.OutOrStdout()
	if err := f.output.print(out, report, func() { report.print(out) }); err != nil {
		return err
	}
	if report.counts[imports.Failed] > 0 {
		return &exitError{1}
	}
	return nil
}

// importedRepository is a repository with the run that proposes its descriptor.
type importedRepository struct {
	imports.Repository

	Run string `json:"run,omitempty"`
}

// propose starts the run that opens the pull request. The same draft is one run, however often the command is started.
func (r *importedRepository) propose(ctx context.Context, client *apiClient, template string) {
	sum := sha256.Sum256([]byte("import " + r.RepoURL + "\x00" + r.Descriptor))
	var started struct {
		ID string `json:"id"`
	}
	err := client.callOnce(ctx, http.MethodPost, "/api/scaffolder/v2/tasks", hex.EncodeToString(sum[:]), map[string]any{
		"templateRef": template, "values": map[string]any{"repoUrl": r.RepoURL, "descriptor": r.Descriptor, "branch": imports.Branch}}, &started)
	if err != nil {
		r.State, r.Reason = imports.Failed, "propose: "+err.Error()
		return
	}
	r.State, r.Run = imports.Proposed, started.ID
}

// importReport is what came of an import.
type importReport struct {
	Repositories []importedRepository `json:"repositories"`

	counts   map[imports.State]int
	progress io.Writer
}

// add adds a repository, and says how far the import is.
func (r *importReport) add(one importedRepository) {
	r.Repositories = append(r.Repositories, one)
	r.counts[one.State]++
	line := fmt.Sprintf("%d %s: %s", len(r.Repositories), one.Name, one.State)
	if one.Reason != "" {
		line += " (" + one.Reason + ")"
	}
	fmt.Fprintln(r.progress, terminal.Line(line))
}

func (r *importReport) print(out io.Writer) {
	for _, one := range r.Repositories {
		switch {
		case one.Run != "":
			fmt.Fprintf(out, "%s  run %s\n", terminal.Line(one.Name), terminal.Line(one.Run))
		case one.State == imports.Drafted:
			fmt.Fprintf(out, "# %s\n", terminal.Line(one.Target))
			for _, field := range one.Fields {
				if field.Value == nil {
					fmt.Fprintf(out, "# %s: %s\n", terminal.Line(field.Field), terminal.Line(field.Description))
				}
			}
			fmt.Fprintf(out, "%s\n", terminal.Visible(one.Descriptor))
		}
	}
	fmt.Fprintf(out, "# %d repositories: %d drafted, %d proposed, %d described, %d skipped, %d failed\n", len(r.Repositories),
		r.counts[imports.Drafted], r.counts[imports.Proposed], r.counts[imports.Described], r.counts[imports.Skipped], r.counts[imports.Failed])
}
