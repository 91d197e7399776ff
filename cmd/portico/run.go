package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// runFlags are the flags of `portico run` for values and secrets.
type runFlags struct {
	valuesFile string
	sets       []string
	secrets    secretFlags
	watch      bool
}

func (f *runFlags) add(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.sets, "set", nil, "a value, name=value; repeat it")
	flags.StringVar(&f.valuesFile, "values", "", "a file of values, as YAML or JSON; - is standard input; --set overrides it")
	f.secrets.add(flags)
	flags.BoolVar(&f.watch, "watch", false, "show every step as it happens, and end with status 1 when the run fails")
}

// read collects the values and secrets of the run.
func (f *runFlags) read(command *cobra.Command) (given, error) {
	if f.valuesFile == "-" && f.secrets.stdin != "" {
		return given{}, errors.New("--values - and --secret-stdin both read standard input: give one of them another way")
	}
	g := given{values: map[string]any{}, flags: map[string]string{}}
	if err := g.addFile(f.valuesFile, command.InOrStdin()); err != nil {
		return given{}, err
	}
	if err := g.addSets(f.sets); err != nil {
		return given{}, err
	}
	var err error
	g.secrets, err = f.secrets.read(command.InOrStdin())
	return g, err
}

func runCommand() *cobra.Command {
	var c connection
	var f runFlags
	command := &cobra.Command{
		Use:   "run TEMPLATE",
		Short: "Start a run of a template",
		Long: `Starts a run of a template on a running Portico and prints its id. A value is JSON, a list or an object in brackets,
or else text: --set port=8080 is a number, --set 'version="1.20"' the text 1.20, --set 'tags=[go, web]' a list.
A parameter that is not set gets its default, as the template's form would give it, and a repository that is written without
its host, ?owner=acme&repo=shop, the host that the form would offer first. A value that the form does not ask for is refused.

A secret comes from the environment, from a file or from standard input, so that it is neither in the list of processes nor
in the shell's history.`,
		Example: `  portico run golden-path --set name=shop --set description='Sells things' --set owner=group:default/tracking \
      --set 'repoUrl=?owner=demo&repo=shop' --watch
  portico run template:default/step-tour --set rest=5 --set 'stops=[harbour, market]' --output json
  portico run step-tour --values run.yaml --set rest=1 --watch
  portico run step-tour --set rest=0 --secret-env apiToken=API_TOKEN --secret-file key=key.pem`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.completes(completeTemplates),
		RunE: func(command *cobra.Command, args []string) error {
			input, err := f.read(command)
			if err != nil {
				return err
			}
			client, err := c.client()
			if err != nil {
				return err
			}
			out, began := command.OutOrStdout(), time.Now()
			id, err := client.start(command.Context(), args[0], input)
			if err != nil {
				return err
			}
			if f.watch {
				return client.watch(command.Context(), out, c.output, id, 0, began, phaseDone)
			}
			return c.output.print(out, map[string]string{"id": id}, func() { fmt.Fprintln(out, id) })
		},
	}
	c.addFlags(command)
	f.add(command.Flags())
	registerCompletion(command, "set", c.completes(completeValues))
	return command
}

// start starts a run of a template, with defaults for missing values, and returns its id.
func (c *apiClient) start(ctx context.Context, template string, g given) (string, error) {
	form, err := c.form(ctx, template)
	if err != nil {
		return "", err
	}
	if err := form.check(g); err != nil {
		return "", err
	}
	if err := form.complete(ctx, c, g); err != nil {
		return "", err
	}
	request := map[string]any{"templateRef": template, "values": g.values}
	if len(g.secrets) > 0 {
		request["secrets"] = g.secrets
	}
	var created struct {
		ID string `json:"id"`
	}
	err = c.call(ctx, http.MethodPost, "/api/scaffolder/v2/tasks", request, &created)
	return created.ID, g.inFlags(err)
}
