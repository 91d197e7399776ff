package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/internal/terminal"
	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// clientCommands are the commands that need neither database nor Temporal.
func clientCommands() []*cobra.Command {
	return []*cobra.Command{runCommand(), runsCommand(), templateCommand(), catalogCommand(), policyCommand(), sessionsCommand(), searchCommand(), signInCommand(),
		techdocsCommand(), tokenCommand(os.Getenv), versionCommand()}
}

func versionCommand() *cobra.Command {
	var output format
	command := &cobra.Command{
		Use: "version", Short: "Print the version", Example: "  portico version --output json", Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			about := map[string]string{"version": version, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, dependency := range info.Deps {
					if dependency.Path == "go.temporal.io/sdk" || dependency.Path == "go.temporal.io/server" {
						about[dependency.Path] = dependency.Version
					}
				}
			}
			out := command.OutOrStdout()
			return output.print(out, about, func() { fmt.Fprintf(out, "portico %s (%s, %s)\n", version, about["go"], about["platform"]) })
		},
	}
	output.addFlag(command.Flags())
	return command
}

func templateCommand() *cobra.Command {
	command := &cobra.Command{
		Use: "template", Short: "Try templates out", Args: cobra.NoArgs,
		Example: "  portico template eval '${{ parameters.name | upper }}' --values '{parameters: {name: shop}}'",
		RunE:    func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(evalCommand())
	return command
}

func evalCommand() *cobra.Command {
	var file, values string
	var jsonl, cookiecutter bool
	var output format
	command := &cobra.Command{
		Use:   "eval [EXPRESSION]",
		Short: "Render an expression or a file with given values",
		Long: `Renders an expression or a file as a template step or a skeleton would, with Backstage's filters. With --output json
it prints the value that a step would get, where the text shows no difference between a list and its items.

With --jsonl it reads lines of {"template": "...", "context": {...}} from standard input and writes a line of {"output": "..."}
or {"error": "..."} for each, by the language alone.`,
		Example: `  portico template eval 'Hello ${{ values.name }}' --values '{values: {name: World}}'
  portico template eval '${{ parameters.repoUrl | parseRepoUrl }}' --values '{parameters: {repoUrl: "github.com?owner=a&repo=b"}}' -o json
  portico template eval --file skeleton/README.md --values values.yaml
  portico template eval --jsonl < cases.jsonl`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			if jsonl && len(args) > 0 {
				return errors.New("give an expression or --jsonl, not both")
			}
			if jsonl {
				return nunjucks.EvaluateLines(command.Context(), command.InOrStdin(), exact(command.OutOrStdout()), nunjucks.DefaultLimits)
			}
			source, err := evalSource(args, file)
			if err != nil {
				return err
			}
			data, err := evalValues(values)
			if err != nil {
				return err
			}
			language, err := evalLanguage(cookiecutter)
			if err != nil {
				return err
			}
			template, err := language.Parse(source)
			if err != nil {
				return err
			}
			out := command.OutOrStdout()
			if output == formatJSON {
				return printValue(command.Context(), out, template, data)
			}
			rendered, err := template.Render(command.Context(), data)
			if err != nil {
				return err
			}
			if file == "" {
				rendered += "\n"
			}
			_, err = io.WriteString(exact(out), rendered)
			return err
		},
	}
	flags := command.Flags()
	flags.StringVar(&file, "file", "", "render this file")
	flags.StringVar(&values, "values", "", "the context: YAML or JSON, or the name of a file that holds it")
	flags.BoolVar(&jsonl, "jsonl", false, "read templates from standard input, one JSON object a line")
	flags.BoolVar(&cookiecutter, "cookiecutter-compat", false, "use {{ }} and Jinja's ways, as cookiecutterCompat does")
	output.addFlag(flags)
	for _, other := range []string{"file", "values", "cookiecutter-compat", "output"} {
		command.MarkFlagsMutuallyExclusive("jsonl", other)
	}
	return command
}

// exact is the writer for output that must be byte-exact for programs and files. On a terminal it shows
// control characters.
func exact(out io.Writer) io.Writer {
	shown, is := out.(*terminal.Writer)
	if !is {
		return out
	}
	if file, isFile := shown.Unwrap().(*os.File); isFile {
		if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice != 0 {
			return out
		}
	}
	return shown.Unwrap()
}

// evalLanguage is the template language with Backstage's filters. It knows the public hosts only, because no
// configuration is read.
func evalLanguage(cookiecutter bool) (*nunjucks.Environment, error) {
	public, err := forges.New(forges.Config{}, integration.Options{})
	if err != nil {
		return nil, err
	}
	return expression.New(expression.Options{IntegrationType: public.TypeOf}).Files(cookiecutter, false, false), nil
}

// printValue renders a step's input and prints it as JSON; undefined is null.
func printValue(ctx context.Context, out io.Writer, template *nunjucks.Template, data *nunjucks.Object) error {
	value, err := template.Evaluate(ctx, data)
	if err != nil {
		return err
	}
	if value == nunjucks.Undefined {
		value = nil
	}
	encoded, err := nunjucks.EncodeJSONIndent(value, "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", encoded)
	return err
}

func evalSource(args []string, file string) (string, error) {
	switch {
	case file != "" && len(args) > 0:
		return "", errors.New("give an expression or --file, not both")
	case file != "":
		content, err := os.ReadFile(file)
		return string(content), err
	case len(args) == 1:
		return args[0], nil
	default:
		return "", errors.New("give an expression, --file or --jsonl")
	}
}

// evalValues parses the context from YAML in the order of its keys.
func evalValues(values string) (*nunjucks.Object, error) {
	text := []byte(values)
	if content, err := os.ReadFile(values); err == nil {
		text = content
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nunjucks.NewObject(), nil
	}
	var probe any
	if err := yaml.Unmarshal(text, &probe); err != nil {
		return nil, fmt.Errorf("--values is neither YAML nor a file: %w", err)
	}
	if _, isObject := probe.(map[string]any); !isObject {
		return nil, fmt.Errorf("--values %s: neither an object nor the name of a file that holds one", values)
	}
	documents, err := entity.ParseYAML(text, "--values")
	if err != nil {
		return nil, err
	}
	if len(documents) != 1 || documents[0].Err != nil {
		return nil, errors.New("--values must be one object, with texts as its keys")
	}
	decoded, err := nunjucks.DecodeJSON(documents[0].Source)
	if err != nil {
		return nil, err
	}
	data, isObject := decoded.(*nunjucks.Object)
	if !isObject {
		return nil, errors.New("--values must be an object")
	}
	return data, nil
}
