package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/config"
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
	command.AddCommand(validateCommand(), importCommand(), sourcesCommand(), sweepsCommand(), sweepCommand())
	return command
}

// finding is the result for one entity of a file.
type finding struct {
	File   string `json:"file"`
	Entity string `json:"entity,omitempty"`
	Valid  bool   `json:"valid"`
	// Error are the messages of all errors, and Warnings those of all warnings.
	Error    string    `json:"error,omitempty"`
	Warnings []string  `json:"warnings,omitempty"`
	Problems []problem `json:"problems,omitempty"`
}

// problem is an error, or a warning about a part that is valid but may not be what the author expects.
type problem struct {
	Severity check.Severity `json:"severity"`
	// File is set when it is not the file of the finding. Line and Column are 0 when they are not known.
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
}

// String is the problem with its position in words.
func (p problem) String() string {
	switch {
	case p.Line == 0:
		return p.Message
	case p.Column == 0:
		return fmt.Sprintf("line %d: %s", p.Line, p.Message)
	default:
		return fmt.Sprintf("line %d, column %d: %s", p.Line, p.Column, p.Message)
	}
}

// add adds problems to a finding. An error makes it invalid.
func (f *finding) add(problems ...problem) {
	for _, each := range problems {
		f.Problems = append(f.Problems, each)
		if each.Severity == check.Warning {
			f.Warnings = append(f.Warnings, each.String())
			continue
		}
		f.Valid = false
		f.Error = strings.TrimPrefix(f.Error+"\n    "+each.String(), "\n    ")
	}
}

// uncheckable is the finding of a file that cannot be checked.
func uncheckable(file string, err error) []finding {
	found := finding{File: file}
	found.add(problem{Severity: check.Error, Message: err.Error()})
	return []finding{found}
}

func validateCommand() *cobra.Command {
	var output findingsFormat
	var server, token string
	var configs []string
	command := &cobra.Command{
		Use:   "validate FILES...",
		Short: "Check entities as the catalog would",
		Long: `Checks every entity in the files as the catalog would that reads them from their repository: the rules of its kind, what
its placeholders like $text name, what a Location points at, and whether what a template's steps fetch by ./ or ../ is
there, and that there are the actions and filters that they use, with the inputs that they are given: those of this
program, or with --server those of a running one. With --config, the kinds and rules of the configuration's
catalog.model.layers count. What is on other hosts, in a skeleton, and what entities refer to, is not looked at. Ends with
status 1 when any is wrong. The output sarif is for tools that show findings beside the lines of a pull request.`,
		Example: `  portico catalog validate catalog-info.yaml
  portico catalog validate examples/catalog/*.yaml --output json
  portico catalog validate catalog-info.yaml --config app-config.yaml --output sarif > catalog.sarif
  portico catalog validate examples/catalog/*.yaml --server "$PORTICO_URL"`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			model, err := modelOf(command.Context(), configs)
			if err != nil {
				return err
			}
			checker, err := chosenChecker(command.Context(), server, token)
			if err != nil {
				return err
			}
			findings, wrong := []finding{}, 0
			for _, file := range args {
				for _, each := range validateFile(command.Context(), checker, model, file) {
					findings = append(findings, each)
					if !each.Valid {
						wrong++
					}
				}
			}
			err = output.print(command.OutOrStdout(), findings)
			if err == nil && wrong > 0 {
				return &exitError{1}
			}
			return err
		},
	}
	output.addFlag(command.Flags())
	command.Flags().StringVar(&server, "server", "", "a running Portico, whose actions and filters count in place of this program's")
	command.Flags().StringVar(&token, "token", "", "a token for the server; better give it by $PORTICO_TOKEN, which ps does not show; without one the guest signs in")
	command.Flags().StringArrayVar(&configs, "config", nil, "a configuration whose catalog.model.layers count; later files override earlier ones")
	return command
}

// modelOf is the model of configuration files; without one, that of the built-in kinds.
func modelOf(ctx context.Context, configs []string) (*entity.Model, error) {
	if len(configs) == 0 {
		return nil, nil //nolint:nilnil // nil is the model of the built-in kinds
	}
	loaded, err := config.Load(ctx, config.Options{Files: configs})
	if err != nil {
		return nil, err
	}
	return configuredModel(loaded)
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
		} else {
			fmt.Fprintf(out, "%s %s\n    %s\n", marks["failed"], terminal.Line(strings.TrimSpace(each.File+"  "+each.Entity)),
				terminal.Visible(each.Error))
		}
		for _, warning := range each.Warnings {
			fmt.Fprintf(out, "    %s\n", terminal.Visible(warning))
		}
	}
}

func validateFile(ctx context.Context, checker *check.Checker, model *entity.Model, file string) []finding {
	content, err := os.ReadFile(file)
	if err != nil {
		return uncheckable(file, err)
	}
	documents, err := entity.ParseYAML(content, file)
	if err != nil {
		return uncheckable(file, err)
	}
	if len(documents) == 0 {
		return uncheckable(file, errors.New("there is no entity in this file"))
	}
	location, err := filepath.Abs(file)
	if err != nil {
		return uncheckable(file, err)
	}
	checkout, err := processing.NewCheckout(repositoryOf(location))
	if err != nil {
		return uncheckable(file, err)
	}
	pipeline := &processing.Pipeline{Reader: checkout, Files: checkout.Files(), Model: model, Rules: model.EveryKind(), LocationTypes: []string{provenance.URL}}
	findings := make([]finding, 0, len(documents))
	for _, document := range documents {
		read := fileDocument{Document: document, file: file, content: content}
		found := read.validate(ctx, pipeline, readFrom(document, location))
		if found.Valid {
			found.add(read.checkTemplate(ctx, checker)...)
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

// fileDocument is a document of a file.
type fileDocument struct {
	entity.Document

	file    string
	content []byte
}

func (d fileDocument) validate(ctx context.Context, pipeline *processing.Pipeline, location entity.LocationSpec) finding {
	found := finding{File: d.file, Valid: true}
	lines := entity.FindLines(d.content, d.Line)
	if d.Err == nil {
		if ref := d.Entity.Ref(); ref.Kind != "" && ref.Name != "" {
			found.Entity = ref.String()
		}
		if field, err := missingSource(d.file, d.Document); err != nil {
			at := lines.Of(field)
			found.add(problem{Severity: check.Error, Line: at.Line, Column: at.Column, Message: field + ": " + err.Error()})
		}
	}
	for _, failure := range pipeline.Check(ctx, d.Document, location) {
		found.add(d.problemOf(failure, lines, location))
	}
	return found
}

// problemOf is an error of the catalog at its position: that of its field, or of the beginning of its document.
func (d fileDocument) problemOf(failure *entity.Error, lines entity.Lines, location entity.LocationSpec) problem {
	found := problem{Severity: check.Error, Message: failure.Message}
	if failure.Location != "" && failure.Location != location.String() {
		_, found.File, _ = strings.Cut(failure.Location, ":")
		found.Line = failure.Line
		return found
	}
	if d.Err != nil {
		found.Line, found.Column = d.Line, firstColumn(d.content, d.Line)
		return found
	}
	at := lines.At(failure.Field)
	found.Line, found.Column = at.Line, at.Column
	return found
}

// firstColumn is the column at which the text of a line begins, 0 for a line that is not there.
func firstColumn(content []byte, line int) int {
	for number := 1; number < line; number++ {
		_, after, found := bytes.Cut(content, []byte("\n"))
		if !found {
			return 0
		}
		content = after
	}
	text, _, _ := bytes.Cut(content, []byte("\n"))
	return utf8.RuneCount(text) - utf8.RuneCount(bytes.TrimLeft(text, " \t")) + 1
}

// missingSource returns the field and the error of a file or folder that a template's step refers to and that does not
// exist. It skips computed paths, and templates with a source-location annotation.
func missingSource(file string, document entity.Document) (field string, err error) {
	if document.Entity.Kind() != "Template" || document.Entity.Annotation(entity.AnnotationSourceLocation) != "" {
		return "", nil
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
		return "spec.steps", err
	}
	for i, step := range template.Spec.Steps {
		source, _ := step.Input.URL.(string)
		relative := strings.HasPrefix(source, "./") || strings.HasPrefix(source, "../")
		if !strings.HasPrefix(step.Action, "fetch:") || !relative || strings.Contains(source, "${{") {
			continue
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(file), source)); err != nil {
			return fmt.Sprintf("spec.steps[%d].input.url", i), err
		}
	}
	return "", nil
}
