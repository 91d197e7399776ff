package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/internal/terminal"
	"github.com/portico-dev/portico/policy/cases"
	"github.com/portico-dev/portico/policy/explain"
	"github.com/portico-dev/portico/policy/rbac"
)

func policyCommand() *cobra.Command {
	command := &cobra.Command{
		Use: "policy", Short: "Explain decisions, and check, test and preview files of roles", Args: cobra.NoArgs,
		Example: "  portico policy explain user:default/ada catalog.entity.delete component:default/shop",
		RunE:    func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(policyExplainCommand(), policyPreviewCommand(), policyTestCommand(), policyValidateCommand())
	return command
}

func policyExplainCommand() *cobra.Command {
	var c connection
	var action, resourceType string
	command := &cobra.Command{
		Use:   "explain USER PERMISSION [RESOURCE]",
		Short: "Say why a user may do something or may not",
		Long: `Asks a running server why a user may do something or may not: the policies and conditions that decide, with the lines of
the files that they come from, the groups by which the user has their roles, for a resource the rules that it does not
meet, and which role would change the decision and who owns it. The user is a reference, a name, or "me". Everybody may ask
about themselves; about others, who may read all roles (policy.entity.read).`,
		Example: `  portico policy explain me catalog.location.create
  portico policy explain ada catalog.entity.delete component:default/shop
  portico policy explain user:default/ada kubernetes.proxy --action use --output json`,
		Args: cobra.RangeArgs(2, 3),
		RunE: func(command *cobra.Command, args []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			query := url.Values{"permission": {args[1]}}
			if args[0] != "me" {
				query.Set("user", args[0])
			}
			if len(args) > 2 {
				query.Set("resource", args[2])
			}
			for name, value := range map[string]string{"action": action, "resourceType": resourceType} {
				if value != "" {
					query.Set(name, value)
				}
			}
			var explained explain.Explanation
			answer, err := client.fetch(command.Context(), "/api/portico/v1/policy/explain?"+query.Encode(), &explained)
			if err != nil {
				return err
			}
			out := command.OutOrStdout()
			return c.output.print(out, answer, func() { fmt.Fprint(out, terminal.Visible(explained.Text())) })
		},
	}
	c.addFlags(command)
	command.Flags().StringVar(&action, "action", "", "the action of another plugin's permission: create, read, update or delete")
	command.Flags().StringVar(&resourceType, "resource-type", "", "the resource type of another plugin's permission")
	return command
}

func policyTestCommand() *cobra.Command {
	var policies, conditions string
	var configs []string
	var output format
	command := &cobra.Command{
		Use:   "test FILES...",
		Short: "Test files of roles against expected decisions",
		Long: `Decides the cases in YAML files with the roles of files, and compares the decisions with what the cases expect. It needs no
server: the cases have the groups of users and the resources. It prints the explanation of every case that fails, and ends
with status 1 if there is one. With --config, the keys of permission.rbac count too, such as the default role; the flags name
other files than the configuration.`,
		Example: `  portico policy test --policies policy.csv --conditions conditional-policies.yaml cases.yaml
  portico policy test --config app-config.yaml cases.yaml --output json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			options, deciding, err := rolesUnderTest(command.Context(), configs)
			if err != nil {
				return err
			}
			options.Files.Policies = cmp.Or(policies, options.Files.Policies)
			options.Files.Conditions = cmp.Or(conditions, options.Files.Conditions)
			if options.Files.Policies == "" {
				return errors.New("name the file of policies with --policies, or in the configuration with --config")
			}
			tested, err := testFiles(command.Context(), args, options, deciding)
			if err != nil {
				return err
			}
			out := command.OutOrStdout()
			failed := 0
			for _, file := range tested {
				failed += file.failed()
			}
			err = output.print(out, tested, func() { printTested(out, tested) })
			if err == nil && failed > 0 {
				return &exitError{1}
			}
			return err
		},
	}
	flags := command.Flags()
	flags.StringVar(&policies, "policies", "", "the CSV file with policies and members of roles")
	flags.StringVar(&conditions, "conditions", "", "the YAML file with conditions of roles")
	flags.StringArrayVar(&configs, "config", nil, "a configuration whose permission.rbac counts; later files override earlier ones")
	output.addFlag(flags)
	return command
}

// rolesUnderTest are the options of a decider with the roles of configuration files; without one, of nothing
// yet.
func rolesUnderTest(ctx context.Context, configs []string) (rbac.Options, rbac.DeciderOptions, error) {
	options := rbac.Options{Limits: rbac.DefaultLimits(), Conditional: conditionalTypes()}
	if len(configs) == 0 {
		return options, rbac.DeciderOptions{Depth: rbac.MaxDepth}, nil
	}
	loaded, err := config.Load(ctx, config.Options{Files: configs, Environ: os.Environ()})
	if err != nil {
		return rbac.Options{}, rbac.DeciderOptions{}, err
	}
	configured := loaded.Permission.RBAC
	if configured == nil {
		return rbac.Options{}, rbac.DeciderOptions{}, errors.New("the configuration has no permission.rbac")
	}
	options.Configured, options.Limits = configuredRoles(*configured), roleLimits(configured.Validation)
	options.Files = rbac.Files{Policies: configured.PoliciesFile, Conditions: configured.ConditionsFile}
	return options, deciderOptions(*configured), options.Configured.Check()
}

// testedFile is a file of cases with what came of them, or with what is wrong with the files of roles.
type testedFile struct {
	File     string         `json:"file"`
	Results  []cases.Result `json:"results"`
	Problems []rbac.Problem `json:"problems"`
}

func testFiles(ctx context.Context, names []string, options rbac.Options, deciding rbac.DeciderOptions) ([]testedFile, error) {
	tested := make([]testedFile, len(names))
	for i, name := range names {
		file, err := cases.Read(name)
		if err != nil {
			return nil, err
		}
		tested[i] = testedFile{name, []cases.Result{}, []rbac.Problem{}}
		results, problems, err := file.Run(ctx, options, deciding)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		tested[i].Results, tested[i].Problems = append(tested[i].Results, results...), append(tested[i].Problems, problems...)
	}
	return tested, nil
}

// failed counts the cases that failed, and the problems.
func (t testedFile) failed() int {
	count := len(t.Problems)
	for _, result := range t.Results {
		if !result.Passed {
			count++
		}
	}
	return count
}

func printTested(out io.Writer, tested []testedFile) {
	for _, file := range tested {
		for _, problem := range file.Problems {
			fmt.Fprintf(out, "%s %s\n", marks["failed"], terminal.Line(problem.String()))
		}
		for _, result := range file.Results {
			if result.Passed {
				continue
			}
			explanation := strings.ReplaceAll(strings.TrimSpace(result.Explanation.Text()), "\n", "\n    ")
			fmt.Fprintf(out, "%s %s:%d: %s: expected %s, got %s\n    %s\n", marks["failed"], terminal.Line(file.File), result.Line,
				terminal.Line(result.Name), result.Expected, result.Explanation.Result, terminal.Visible(explanation))
		}
		if file.failed() == 0 {
			fmt.Fprintf(out, "%s %s  %d cases\n", marks["completed"], terminal.Line(file.File), len(file.Results))
		}
	}
}

func policyValidateCommand() *cobra.Command {
	var output format
	command := &cobra.Command{
		Use:   "validate FILES...",
		Short: "Check files of policies and of conditions",
		Long: `Checks files of policies (.csv) and of conditions (.yaml) as the server reads them, and prints file, line and reason of
everything that is wrong. Conditions must be of roles in the files of policies, if there is one among the files. Ends with
status 1 when anything is wrong.`,
		Example: `  portico policy validate policy.csv conditional-policies.yaml
  portico policy validate policy.csv --output json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			checks := rbac.CheckFiles(args, rbac.DefaultLimits(), conditionalTypes())
			out := command.OutOrStdout()
			wrong := 0
			for _, check := range checks {
				wrong += len(check.Problems)
			}
			err := output.print(out, checks, func() { printChecks(out, checks) })
			if err == nil && wrong > 0 {
				return &exitError{1}
			}
			return err
		},
	}
	output.addFlag(command.Flags())
	return command
}

func printChecks(out io.Writer, checks []rbac.FileCheck) {
	for _, check := range checks {
		if len(check.Problems) == 0 {
			fmt.Fprintf(out, "%s %s  %s\n", marks["completed"], terminal.Line(check.File), counted(check))
			continue
		}
		for _, problem := range check.Problems {
			fmt.Fprintf(out, "%s %s\n", marks["failed"], terminal.Line(problem.String()))
		}
	}
}

func counted(check rbac.FileCheck) string {
	return fmt.Sprintf("%d policies, %d members, %d conditions", check.Policies, check.Members, check.Conditions)
}
