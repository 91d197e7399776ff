package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/internal/terminal"
)

func catalogCommand() *cobra.Command {
	command := &cobra.Command{
		Use: "catalog", Short: "Check catalog files", Args: cobra.NoArgs, Example: "  portico catalog validate catalog-info.yaml",
		RunE: func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(validateCommand())
	return command
}

// finding is what is wrong, or not, with one entity of a file.
type finding struct {
	File   string `json:"file"`
	Entity string `json:"entity,omitempty"`
	Valid  bool   `json:"valid"`
	Error  string `json:"error,omitempty"`
}

func validateCommand() *cobra.Command {
	var output format
	command := &cobra.Command{
		Use:   "validate FILES...",
		Short: "Check entities as the catalog would",
		Long: `Checks every entity in the files against the rules of its kind, without a server, and whether what a template's
steps fetch by ./ or ../ is there. What is in a skeleton, what entities refer to, and the files that placeholders like
$text name, are not looked at. Ends with status 1 when any is wrong.`,
		Example: `  portico catalog validate catalog-info.yaml
  portico catalog validate examples/catalog/*.yaml --output json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			findings, wrong := []finding{}, 0
			for _, file := range args {
				for _, each := range validateFile(file) {
					findings = append(findings, each)
					if !each.Valid {
						wrong++
					}
				}
			}
			out := command.OutOrStdout()
			err := output.print(out, findings, func() { printFindings(out, findings) })
			if err == nil && wrong > 0 {
				return &exitError{1}
			}
			return err
		},
	}
	output.addFlag(command.Flags())
	return command
}

func printFindings(out io.Writer, findings []finding) {
	for _, each := range findings {
		if each.Valid {
			fmt.Fprintf(out, "%s %s  %s\n", marks["completed"], terminal.Line(each.File), terminal.Line(each.Entity))
			continue
		}
		fmt.Fprintf(out, "%s %s\n    %s\n", marks["failed"], terminal.Line(strings.TrimSpace(each.File+"  "+each.Entity)),
			terminal.Visible(each.Error))
	}
}

func validateFile(file string) []finding {
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
	findings := make([]finding, 0, len(documents))
	for _, document := range documents {
		err := document.Err
		name := ""
		if err == nil {
			if ref := document.Entity.Ref(); ref.Kind != "" && ref.Name != "" {
				name = ref.String()
			}
			err = cmp.Or(entity.Validate(document.Entity), missingSource(file, document))
		}
		found := finding{File: file, Entity: name, Valid: err == nil}
		if err != nil {
			found.Error = err.Error()
		}
		findings = append(findings, found)
	}
	return findings
}

// missingSource says which file or folder beside a template one of its steps would not find. Only a run knows what a step
// computes, and what is beside a template that an annotation has somewhere else.
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
		beside := strings.HasPrefix(source, "./") || strings.HasPrefix(source, "../")
		if !strings.HasPrefix(step.Action, "fetch:") || !beside || strings.Contains(source, "${{") {
			continue
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(file), source)); err != nil {
			return fmt.Errorf("spec.steps[%d].input.url: %w", i, err)
		}
	}
	return nil
}
