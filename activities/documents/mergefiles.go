package documents

import (
	"context"
	"encoding/json"
	"path"
	"slices"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/yamltext"
)

// outcome is where the actions of this file write.
type outcome struct{ OutputFileName, OutputFilePath string }

func (o outcome) path() string { return path.Join(o.OutputFilePath, o.OutputFileName) }

// jsonMerging is the input of json:merge-file and json:merge-files.
type jsonMerging struct {
	outcome

	InputFile        string
	InputFiles       []string
	JSONMergeOptions map[string]json.RawMessage `json:"jsonMergeOptions"`
}

// jsonMergeDifferences are those of both actions.
var jsonMergeDifferences = []string{
	"Of jsonMergeOptions, defaultArrayMergeOperation is supported: combine (the default: lists are merged item by item), replace and concat.",
	"The operators of json-merger ($import, $remove, $concat and others) are refused: they would read other files, and calculate.",
	"A missing directory of the output is made. Backstage's actions fail.",
	"Files outside of the workspace are refused, and the log names the file that is written.",
}

var mergeFile = textAction{run: runMergeFile, description: action.Description{
	ID:          "json:merge-file",
	Description: "Reads a JSON file of the workspace and writes it to another place.",
	InputSchema: schema("merge-file.input"), SupportsDryRun: true, Quick: true, UsesWorkspace: true,
	Differences: jsonMergeDifferences,
	Examples: []action.Example{
		{Description: "Write a file with line breaks", Example: `steps:
  - id: write
    name: Write the settings
    action: json:merge-file
    input:
      inputFile: settings.json
      outputFileName: settings.pretty.json
`},
		{Description: "Write a file into a directory", Example: `steps:
  - id: write
    name: Write the settings
    action: json:merge-file
    input:
      inputFile: settings.json
      outputFilePath: config
      outputFileName: settings.json
`},
	},
}}

func runMergeFile(ctx context.Context, call *action.Call) (action.Output, error) {
	var input jsonMerging
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	call.Log.Info("Running json merge in %s", call.Workspace.Name())
	call.Log.Info("input file: %s", input.InputFile)
	return nil, input.merge(ctx, call, []string{input.InputFile})
}

var mergeFiles = textAction{run: runMergeFiles, description: action.Description{
	ID:          "json:merge-files",
	Description: "Merges JSON files of the workspace, the later over the earlier, and writes the result.",
	InputSchema: schema("merge-files.input"), SupportsDryRun: true, Quick: true, UsesWorkspace: true,
	Differences: jsonMergeDifferences,
	Examples: []action.Example{
		{Description: "Merge the settings of an environment over the common ones", Example: `steps:
  - id: settings
    name: Merge the settings
    action: json:merge-files
    input:
      inputFiles: [settings.json, settings.production.json]
      outputFileName: settings.merged.json
`},
		{Description: "Append lists", Example: `steps:
  - id: rules
    name: Merge the rules
    action: json:merge-files
    input:
      inputFiles: [rules.json, more-rules.json]
      outputFilePath: config
      outputFileName: rules.json
      jsonMergeOptions:
        defaultArrayMergeOperation: concat
`},
	},
}}

func runMergeFiles(ctx context.Context, call *action.Call) (action.Output, error) {
	var input jsonMerging
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	call.Log.Info("Running json merge in %s", call.Workspace.Name())
	return nil, input.merge(ctx, call, input.InputFiles)
}

func (m jsonMerging) merge(ctx context.Context, call *action.Call, files []string) error {
	lists, err := m.lists()
	if err != nil {
		return err
	}
	var merged nunjucks.Value = nunjucks.Undefined
	for _, name := range files {
		text, err := readFile(ctx, call, name)
		if err != nil {
			return err
		}
		parser := "json"
		if extension := path.Ext(name); extension == ".yaml" || extension == ".yml" {
			parser = "yaml"
		}
		value, err := parse(ctx, name, parser, text)
		if err != nil {
			return err
		}
		if operator := operatorIn(value); operator != "" {
			return action.InputError("%s has the operator %s of json-merger, which is not supported", name, operator)
		}
		merged = combine(merged, value, lists)
	}
	if merged == nunjucks.Undefined {
		return action.InputError("inputFiles is empty: there is nothing to merge")
	}
	text, err := stringify(merged, nil, "  ")
	if err != nil {
		return err
	}
	call.Log.Info("Writing result to output with filePath %s", full(call.Workspace, m.path()))
	call.Log.Info("Result: %s", text)
	_, err = writeText(call, m.path(), text)
	return err
}

// lists is what becomes of two lists.
func (m jsonMerging) lists() (string, error) {
	lists := "combine"
	for name, value := range m.JSONMergeOptions {
		known := []string{"combine", "replace", "concat"}
		if name != "defaultArrayMergeOperation" || json.Unmarshal(value, &lists) != nil || !slices.Contains(known, lists) {
			return "", action.InputError("jsonMergeOptions.%s: %s is not supported: defaultArrayMergeOperation may be combine, replace or concat", name, value)
		}
	}
	return lists, nil
}

// operators are the names of members that json-merger acts upon.
var operators = []string{
	"$import", "$include", "$merge", "$remove", "$replace", "$concat", "$combine", "$append", "$prepend", "$insert", "$match", "$move",
	"$select", "$expression", "$process", "$copy", "$repeat", "$if",
}

// operatorIn finds an operator in a value, "" when there is none.
func operatorIn(value nunjucks.Value) string {
	switch value := value.(type) {
	case *nunjucks.Object:
		for name, member := range value.All() {
			if slices.Contains(operators, name) {
				return name
			}
			if found := operatorIn(member); found != "" {
				return found
			}
		}
	case *nunjucks.Array:
		for _, item := range value.Items {
			if found := operatorIn(item); found != "" {
				return found
			}
		}
	}
	return ""
}

// combine merges a value over another.
func combine(lower, upper nunjucks.Value, lists string) nunjucks.Value {
	object, isObject := lower.(*nunjucks.Object)
	list, isList := lower.(*nunjucks.Array)
	switch upper := upper.(type) {
	case *nunjucks.Object:
		if !isObject {
			return upper
		}
		for name, value := range upper.All() {
			if there, has := object.Get(name); has {
				value = combine(there, value, lists)
			}
			object.Set(name, value)
		}
		return object
	case *nunjucks.Array:
		switch {
		case !isList || lists == "replace":
			return upper
		case lists == "concat":
			return &nunjucks.Array{Items: slices.Concat(list.Items, upper.Items)}
		}
		for i, item := range upper.Items {
			if i < len(list.Items) {
				list.Items[i] = combine(list.Items[i], item, lists)
			} else {
				list.Items = append(list.Items, item)
			}
		}
		return list
	}
	return upper
}

var mergeYAML = textAction{run: runMergeYAML, description: action.Description{
	ID:           "yaml:merge",
	Description:  "Merges a YAML file of the workspace over another, and writes the result. Comments stay.",
	InputSchema:  schema("yaml-merge.input"),
	OutputSchema: schema("yaml-merge.output"), SupportsDryRun: true, Quick: true, UsesWorkspace: true,
	Differences: []string{
		"An input file that is empty is replaced by the overlay. Backstage's action writes null.",
		"An overlay that is of another kind than the input, such as an object over a list, takes its place. Backstage's action leaves it out.",
		"A list item with a comment equals the one without it (unique). In Backstage's action it does not.",
		"A missing directory of the output is made. Backstage's action fails.",
		"A file with several documents is refused, and files outside of the workspace are.",
		"A dry run writes the file into its workspace.",
	},
	Examples: []action.Example{
		{Description: "Merge the values of an environment over those of a chart", Example: `steps:
  - id: values
    name: Merge the values
    action: yaml:merge
    input:
      inputFile: chart/values.yaml
      overlayFile: chart/values.production.yaml
      outputFilePath: chart
      outputFileName: values.merged.yaml
`},
		{Description: "Append what is not in a list yet", Example: `steps:
  - id: hosts
    name: Add the hosts
    action: yaml:merge
    input:
      inputFile: hosts.yaml
      overlayFile: more-hosts.yaml
      outputFileName: hosts.yaml
      yamlMergeOptions:
        arrayMergeStrategy: unique
`},
	},
}}

func runMergeYAML(ctx context.Context, call *action.Call) (action.Output, error) {
	var input struct {
		outcome

		InputFile, OverlayFile string
		YAMLMergeOptions       struct {
			ArrayMergeStrategy string
			PrependOnConcat    bool
		}
	}
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	lower, err := readDocument(ctx, call, "Input file", input.InputFile)
	if err != nil {
		return nil, err
	}
	upper, err := readDocument(ctx, call, "Overlay file", input.OverlayFile)
	if err != nil {
		return nil, err
	}
	call.Log.Info("Merging YAML files: %s + %s", input.InputFile, input.OverlayFile)
	lists := yamltext.Lists(input.YAMLMergeOptions.ArrayMergeStrategy)
	if lists == "" {
		lists = yamltext.AppendLists
	}
	if lists == yamltext.AppendLists && input.YAMLMergeOptions.PrependOnConcat {
		lists = yamltext.PrependLists
	}
	if err := lower.Overlay(ctx, upper, lists); err != nil {
		return nil, failure(input.OverlayFile, err)
	}
	text, err := lower.Write(ctx, yamltext.Options{})
	if err != nil {
		return nil, failure(input.InputFile, err)
	}
	call.Log.Info("Writing merged YAML to: %s", full(call.Workspace, input.path()))
	if _, err := writeText(call, input.path(), text); err != nil {
		return nil, err
	}
	call.Log.Info("YAML merge completed successfully")
	return action.Output{"outputFile": input.path()}, nil
}

// readDocument reads a file with one YAML document.
func readDocument(ctx context.Context, call *action.Call, title, name string) (*yamltext.Document, error) {
	there, err := isThere(call, name)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, action.InputError("%s not found: %s", title, name)
	}
	text, err := readFile(ctx, call, name)
	if err != nil {
		return nil, err
	}
	documents, err := yamltext.ParseDocuments(ctx, text)
	if err == nil && len(documents) == 0 { // nothing, or comments only
		documents, err = yamltext.ParseDocuments(ctx, "---\n")
	}
	if err == nil && len(documents) != 1 {
		err = yamltext.ErrSeveral
	}
	if err != nil {
		return nil, failure(name, err)
	}
	return documents[0], nil
}
