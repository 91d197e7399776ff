package documents

import (
	"context"
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/yamltext"
)

// merging is the input of the actions that merge data into a file.
type merging struct {
	Path                                               string
	Content                                            json.RawMessage
	MergeArrays, MatchFileIndent, PreserveYamlComments bool
	UseDocumentIncludingField                          *struct{ Key, Value string }
	Options                                            yamltext.Options
}

// mergeDifferences are those of both merge actions.
var mergeDifferences = []string{
	"Only objects can be merged: a file or content that is a list or a single value is refused. Backstage's action loses what is merged into them.",
}

var merge = textAction{run: runMerge, description: action.Description{
	ID: "roadiehq:utils:merge",
	Description: "Merges data into a JSON or YAML file of the workspace: members of objects one by one, other values in the place of those " +
		"that are there. A file with another ending than .json, .yaml and .yml stays as it is.",
	InputSchema:  schema("merge.input"),
	OutputSchema: schema("merge.output"), SupportsDryRun: true, Quick: true, UsesWorkspace: true,
	Differences: append(mergeDifferences[:1:1],
		"A file that is broken, or in which a key is there twice, is refused. Backstage's action writes what it could read of it.",
		"A merge key (<<) of a YAML file is written as the members that it adds, unless preserveYamlComments is set.",
		"With preserveYamlComments the styles, anchors and comments of what is not replaced stay, also in lists, and options are heeded; several "+
			"documents are told apart by their markers only. Backstage's action moves or loses some, and damages a file in which a value takes "+
			"the place of one of another kind."),
	Examples: []action.Example{
		{Description: "Add a dependency to a package.json", Example: `steps:
  - id: dependency
    name: Add the client
    action: roadiehq:utils:merge
    input:
      path: package.json
      content:
        dependencies:
          "@acme/client": ^2.0.0
`},
		{Description: "Add to a list of a YAML file, and keep the file's comments", Example: `steps:
  - id: pages
    name: Add a page
    action: roadiehq:utils:merge
    input:
      path: mkdocs.yml
      content:
        nav:
          - Operations: operations.md
      mergeArrays: true
      preserveYamlComments: true
`},
		{Description: "Change one of several documents", Example: `steps:
  - id: deployment
    name: Set the number of replicas
    action: roadiehq:utils:merge
    input:
      path: manifests.yaml
      content:
        spec:
          replicas: 3
      useDocumentIncludingField:
        key: kind
        value: Deployment
`},
	},
}}

func runMerge(ctx context.Context, call *action.Call) (action.Output, error) {
	var input merging
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	there, err := isThere(call, input.Path)
	if err != nil {
		return nil, err
	}
	if !there {
		message := "The file " + full(call.Workspace, input.Path) + " does not exist."
		call.Log.Error("%s", message)
		return nil, action.InputError("%s", message)
	}
	extension := filepath.Ext(input.Path)
	if !slices.Contains([]string{".json", ".yaml", ".yml"}, extension) {
		call.Log.Warn("%s is neither JSON nor YAML by its name, and stays as it is", input.Path)
		return nil, nil
	}
	text, err := readFile(ctx, call, input.Path)
	if err != nil {
		return nil, err
	}
	merged, err := input.mergeText(ctx, call, extension, text)
	if err != nil {
		return nil, err
	}
	path, err := writeText(call, input.Path, merged)
	if err != nil {
		return nil, err
	}
	return action.Output{"path": path}, nil
}

func (m merging) mergeText(ctx context.Context, call *action.Call, extension, text string) (string, error) {
	if extension == ".json" {
		content, err := decodeContent(ctx, m.Content, "json")
		if err != nil {
			return "", err
		}
		there, err := parse(ctx, m.Path, "yaml", text)
		if err != nil {
			return "", err
		}
		merged, err := m.merged(there, content)
		if err != nil {
			return "", err
		}
		return stringify(merged, nil, "  ")
	}
	content, err := decodeContent(ctx, m.Content, "yaml")
	if err != nil {
		return "", err
	}
	if m.PreserveYamlComments {
		return m.mergeDocuments(ctx, call, text, content)
	}
	return m.mergeValues(ctx, call, text, content)
}

// merged merges content into a value. A value that is null becomes an object.
func (m merging) merged(there, content nunjucks.Value) (nunjucks.Value, error) {
	if there == nil {
		there = nunjucks.NewObject()
	}
	lower, isObject := there.(*nunjucks.Object)
	upper, areObjects := content.(*nunjucks.Object)
	if !isObject {
		return nil, action.InputError("%s does not have an object, into which something can be merged", m.Path)
	}
	if !areObjects {
		return nil, action.InputError("content is not an object that can be merged")
	}
	m.mergeObjects(lower, upper)
	return lower, nil
}

func (m merging) mergeObjects(lower, upper *nunjucks.Object) {
	for name, value := range upper.All() {
		there, _ := lower.Get(name)
		object, isObject := there.(*nunjucks.Object)
		added, isAdded := value.(*nunjucks.Object)
		list, isList := there.(*nunjucks.Array)
		switch {
		case isObject && isAdded:
			m.mergeObjects(object, added)
		case isList && m.MergeArrays:
			lower.Set(name, joined(list, value))
		default:
			lower.Set(name, value)
		}
	}
}

// joined appends a value, or the items of a list, without the scalars that are there already.
func joined(list *nunjucks.Array, value nunjucks.Value) *nunjucks.Array {
	items := []nunjucks.Value{value}
	if more, isList := value.(*nunjucks.Array); isList {
		items = more.Items
	}
	result := &nunjucks.Array{}
	seen := map[nunjucks.Value]bool{}
	for _, item := range slices.Concat(list.Items, items) {
		if !seen[item] {
			seen[item] = true
			result.Items = append(result.Items, item)
		}
	}
	return result
}

// fail logs an error as Backstage's action does, and returns it.
func (m merging) fail(call *action.Call, message string) error {
	call.Log.Error("%s", message)
	return action.InputError("%s", message)
}

const (
	noDocuments      = "No documents found in the input content. Please provide a valid YAML file."
	severalDocuments = "Multiple documents found in the input content. Please provide a key and value to use to find the document to merge into."
)

// mergeValues merges content into the value of a document. Comments are lost.
func (m merging) mergeValues(ctx context.Context, call *action.Call, text string, content nunjucks.Value) (string, error) {
	documents, err := yamltext.ParseDocuments(ctx, text)
	if err != nil {
		return "", failure(m.Path, err)
	}
	if err := m.checkDocuments(call, len(documents)); err != nil {
		return "", err
	}
	texts := make([]string, len(documents))
	for i, document := range documents {
		isSelected, err := m.selects(call, document, len(documents))
		if err != nil {
			return "", err
		}
		value, err := document.Value()
		if err != nil {
			return "", failure(m.Path, err)
		}
		if isSelected {
			if value, err = m.merged(value, content); err != nil {
				return "", err
			}
		}
		if texts[i], err = yamlOf(ctx, value, m.Options); err != nil {
			return "", err
		}
	}
	return strings.Join(texts, "---\n"), nil
}

func (m merging) checkDocuments(call *action.Call, count int) error {
	switch {
	case count == 0:
		return m.fail(call, noDocuments)
	case count > 1 && m.UseDocumentIncludingField == nil:
		return m.fail(call, severalDocuments)
	}
	return nil
}

// selects reports whether a document is the one that is changed.
func (m merging) selects(call *action.Call, document *yamltext.Document, count int) (bool, error) {
	if count == 1 {
		return true, nil
	}
	value, err := document.Get(m.UseDocumentIncludingField.Key)
	if err != nil {
		return false, failure(m.Path, err)
	}
	text, isText := value.(string)
	if number, isNumber := value.(float64); isNumber {
		text, isText = nunjucks.FormatNumber(number), true
	}
	if !isText {
		return false, m.fail(call, `The value at "`+m.UseDocumentIncludingField.Key+`" defined in useDocumentIncludingField must be a string or a number.`)
	}
	return text == m.UseDocumentIncludingField.Value, nil
}

// documentMarker is a line that separates two documents.
var documentMarker = regexp.MustCompile(`(?m)^---\s*$`)

// mergeDocuments merges content into a document, whose comments stay.
func (m merging) mergeDocuments(ctx context.Context, call *action.Call, text string, content nunjucks.Value) (string, error) {
	var documents []*yamltext.Document
	for _, part := range documentMarker.Split(text, -1) {
		parsed, err := yamltext.ParseDocuments(ctx, part)
		if err != nil {
			return "", failure(m.Path, err)
		}
		documents = append(documents, parsed...)
	}
	if err := m.checkDocuments(call, len(documents)); err != nil {
		return "", err
	}
	texts := make([]string, len(documents))
	for i, document := range documents {
		if len(documents) == 1 || m.includesField(document) {
			if err := document.Merge(ctx, content, m.MergeArrays); err != nil {
				return "", failure(m.Path, err)
			}
		}
		var err error
		if texts[i], err = document.Write(ctx, m.Options); err != nil {
			return "", failure(m.Path, err)
		}
	}
	return strings.Join(texts, "---\n"), nil
}

// includesField reports whether a document has the member that is looked for, at a path with dots.
func (m merging) includesField(document *yamltext.Document) bool {
	value, err := document.Value()
	if err != nil {
		return false
	}
	for name := range strings.SplitSeq(m.UseDocumentIncludingField.Key, ".") {
		value = nunjucks.Member(value, name)
	}
	switch value := value.(type) {
	case string:
		return value == m.UseDocumentIncludingField.Value
	case float64:
		return nunjucks.FormatNumber(value) == m.UseDocumentIncludingField.Value
	}
	return false
}

var mergeJSON = textAction{run: runMergeJSON, description: action.Description{
	ID:           "roadiehq:utils:json:merge",
	Description:  "Merges data into a JSON file of the workspace. A file that does not exist is created.",
	InputSchema:  schema("json-merge.input"),
	OutputSchema: schema("json-merge.output"), SupportsDryRun: true, Quick: true, UsesWorkspace: true,
	Differences: append(mergeDifferences[:1:1],
		"A missing directory of the file is made, and a file that is not there may be asked for with matchFileIndent. Backstage's action fails.",
		"With matchFileIndent a file that is indented by tabs stays so. Backstage's action indents by one space then."),
	Examples: []action.Example{
		{Description: "Set a script of a package.json, and keep its indentation", Example: `steps:
  - id: script
    name: Add the script
    action: roadiehq:utils:json:merge
    input:
      path: package.json
      content:
        scripts:
          deploy: acme deploy
      matchFileIndent: true
`},
		{Description: "Add to a list", Example: `steps:
  - id: extensions
    name: Recommend an extension
    action: roadiehq:utils:json:merge
    input:
      path: .vscode/extensions.json
      content:
        recommendations: [golang.go]
      mergeArrays: true
`},
	},
}}

func runMergeJSON(ctx context.Context, call *action.Call) (action.Output, error) {
	var input merging
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	there, err := isThere(call, input.Path)
	if err != nil {
		return nil, err
	}
	text := "{}"
	if there {
		if text, err = readFile(ctx, call, input.Path); err != nil {
			return nil, err
		}
	} else {
		call.Log.Info("The file %s does not exist, creating it.", full(call.Workspace, input.Path))
	}
	value, err := decodeJSON(ctx, input.Path, []byte(text))
	if err != nil {
		return nil, err
	}
	content, err := decodeContent(ctx, input.Content, "json")
	if err != nil {
		return nil, err
	}
	if value, err = input.merged(value, content); err != nil {
		return nil, err
	}
	indent := "  "
	if input.MatchFileIndent {
		if found := indentOf(text); found != "" {
			indent = found
		} else {
			call.Log.Info("Failed to detect source file indentation, using default value of 2.")
		}
	}
	merged, err := stringify(value, nil, indent)
	if err != nil {
		return nil, err
	}
	path, err := writeText(call, input.Path, merged)
	if err != nil {
		return nil, err
	}
	return action.Output{"path": path}, nil
}

// indentOf is the indentation by which most lines of a text differ from the line before them, "" when no line
// is indented.
func indentOf(text string) string {
	counts := map[string]int{}
	before, best := "", ""
	for line := range strings.Lines(text) {
		content := strings.TrimLeft(line, " \t")
		if strings.TrimSpace(content) == "" {
			continue
		}
		indent := line[:len(line)-len(content)]
		step := ""
		switch {
		case strings.HasPrefix(indent, before):
			step = indent[len(before):]
		case strings.HasPrefix(before, indent):
			step = before[len(indent):]
		}
		before = indent
		if step == "" {
			continue
		}
		if counts[step]++; best == "" || counts[step] > counts[best] {
			best = step
		}
	}
	return best
}
