package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/internal/terminal"
	"github.com/portico-dev/portico/scaffolder/check"
)

func catalogCommand() *cobra.Command {
	command := &cobra.Command{
		Use: "catalog", Short: "Check catalog files, and sweep the sources of the catalog", Args: cobra.NoArgs,
		Example: "  portico catalog validate catalog-info.yaml\n  portico catalog sources",
		RunE:    func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(validateCommand(), sourcesCommand(), sweepsCommand(), sweepCommand())
	return command
}

// finding is the result for one entity of a file.
type finding struct {
	File   string `json:"file"`
	Entity string `json:"entity,omitempty"`
	Valid  bool   `json:"valid"`
	Error  string `json:"error,omitempty"`
	// Warnings are about parts that are valid but may not be what the author expects.
	Warnings []string `json:"warnings,omitempty"`
}

func validateCommand() *cobra.Command {
	var output format
	var server, token string
	command := &cobra.Command{
		Use:   "validate FILES...",
		Short: "Check entities as the catalog would",
		Long: `Checks every entity in the files as the catalog would that reads them from their repository: the rules of its kind, what
its placeholders like $text name, what a Location points at, and whether what a template's steps fetch by ./ or ../ is
there, and that there are the actions and filters that they use, with the inputs that they are given: those of this
program, or with --server those of a running one. What is on other hosts, in a skeleton, and what entities refer to, is
not looked at. Ends with status 1 when any is wrong.`,
		Example: `  portico catalog validate catalog-info.yaml
  portico catalog validate examples/catalog/*.yaml --output json
  portico catalog validate examples/catalog/*.yaml --server "$PORTICO_URL"`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			checker, err := chosenChecker(command.Context(), server, token)
			if err != nil {
				return err
			}
			findings, wrong := []finding{}, 0
			for _, file := range args {
				for _, each := range validateFile(command.Context(), checker, file) {
					findings = append(findings, each)
					if !each.Valid {
						wrong++
					}
				}
			}
			out := command.OutOrStdout()
			err = output.print(out, findings, func() { printFindings(out, findings) })
			if err == nil && wrong > 0 {
				return &exitError{1}
			}
			return err
		},
	}
	output.addFlag(command.Flags())
	command.Flags().StringVar(&server, "server", "", "a running Portico, whose actions and filters count in place of this program's")
	command.Flags().StringVar(&token, "token", "", "a token for the server; better give it by $PORTICO_TOKEN, which ps does not show; without one the guest signs in")
	return command
}

// chosenChecker checks with the actions of a server or, when none is named, with those of this program.
func chosenChecker(ctx context.Context, server, token string) (*check.Checker, error) {
	if server == "" {
		return builtinChecker()
	}
	client, err := clientAt("--server", server, token)
	if err != nil {
		return nil, err
	}
	client.named = "--server"
	return serverChecker(ctx, client)
}

func printFindings(out io.Writer, findings []finding) {
	for _, each := range findings {
		if each.Valid {
			fmt.Fprintf(out, "%s %s  %s\n", marks["completed"], terminal.Line(each.File), terminal.Line(each.Entity))
			for _, warning := range each.Warnings {
				fmt.Fprintf(out, "    %s\n", terminal.Visible(warning))
			}
			continue
		}
		fmt.Fprintf(out, "%s %s\n    %s\n", marks["failed"], terminal.Line(strings.TrimSpace(each.File+"  "+each.Entity)),
			terminal.Visible(each.Error))
	}
}

func validateFile(ctx context.Context, checker *check.Checker, file string) []finding {
	content, err := os.ReadFile(file)
	if err != nil {
		return []finding{{File: file, Error: err.Error()}}
	}
	documents, err := entity.ParseYAML(content, file)
	if err != nil {
		return []finding{{File: file, Error: err.Error()}}
	}
	if len(documents) == 0 {
		return []finding{{File: file, Error: "there is no entity in this file"}}
	}
	location, err := filepath.Abs(file)
	if err != nil {
		return []finding{{File: file, Error: err.Error()}}
	}
	checkout, err := processing.NewCheckout(repositoryOf(location))
	if err != nil {
		return []finding{{File: file, Error: err.Error()}}
	}
	pipeline := &processing.Pipeline{Reader: checkout, Files: checkout.Files(), Rules: entity.EveryKind(), LocationTypes: []string{provenance.URL}}
	findings := make([]finding, 0, len(documents))
	for _, document := range documents {
		found := validateDocument(ctx, pipeline, document, file, readFrom(document, location))
		if found.Valid {
			found = withTemplateCheck(ctx, checker, found, document, content)
		}
		findings = append(findings, found)
	}
	return findings
}

// readFrom is the location of a document in a file: a URL on its repository's host, or the local path if it
// refers to files itself.
func readFrom(document entity.Document, file string) entity.LocationSpec {
	if document.Err == nil && document.Entity.Kind() == "Location" && document.Entity.Type() == provenance.File {
		return entity.LocationSpec{Type: provenance.File, Target: file}
	}
	return entity.LocationSpec{Type: provenance.URL, Target: filepath.ToSlash(file)}
}

// repositoryOf is the root directory of the file's repository, or the file's directory.
func repositoryOf(file string) string {
	for directory := filepath.Dir(file); ; directory = filepath.Dir(directory) {
		if _, err := os.Stat(filepath.Join(directory, ".git")); err == nil {
			return directory
		}
		if directory == filepath.Dir(directory) {
			return filepath.Dir(file)
		}
	}
}

func validateDocument(ctx context.Context, pipeline *processing.Pipeline, document entity.Document, file string, location entity.LocationSpec) finding {
	found := finding{File: file}
	var problems []string
	if document.Err == nil {
		if ref := document.Entity.Ref(); ref.Kind != "" && ref.Name != "" {
			found.Entity = ref.String()
		}
		if err := missingSource(file, document); err != nil {
			problems = append(problems, err.Error())
		}
	}
	for _, failure := range pipeline.Check(ctx, document, location) {
		problems = append(problems, failure.Message)
	}
	if len(problems) > 0 && document.Line > 0 && len(document.Source) > 0 {
		problems[0] = fmt.Sprintf("line %d: %s", document.Line, problems[0])
	}
	found.Valid, found.Error = len(problems) == 0, strings.Join(problems, "\n    ")
	return found
}

// missingSource returns an error for a file or folder that a template's step refers to and that does not
// exist. It skips computed paths, and templates with a source-location annotation.
func missingSource(file string, document entity.Document) error {
	if document.Entity.Kind() != "Template" || document.Entity.Annotation(entity.AnnotationSourceLocation) != "" {
		return nil
	}
	var template struct {
		Spec struct {
			Steps []struct {
				Action string `json:"action"`
				Input  struct {
					URL any `json:"url"`
				} `json:"input"`
			} `json:"steps"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(document.Source, &template); err != nil {
		return fmt.Errorf("spec.steps: %w", err)
	}
	for i, step := range template.Spec.Steps {
		source, _ := step.Input.URL.(string)
		relative := strings.HasPrefix(source, "./") || strings.HasPrefix(source, "../")
		if !strings.HasPrefix(step.Action, "fetch:") || !relative || strings.Contains(source, "${{") {
			continue
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(file), source)); err != nil {
			return fmt.Errorf("spec.steps[%d].input.url: %w", i, err)
		}
	}
	return nil
}
