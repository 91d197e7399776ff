// Package page writes what an action says of itself as a page in Markdown: docs/actions/ is made from it.
package page

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/portico-dev/portico/scaffolder/action"
)

// Name is the file name of an action's page: publish-github.md for publish:github.
func Name(id string) string { return strings.ReplaceAll(id, ":", "-") + ".md" }

// Of is the page of an action. It fails if a schema is no JSON.
func Of(described action.Description) (string, error) {
	var out strings.Builder
	fmt.Fprintf(&out, "# %s\n\n%s\n", described.ID, described.Description)
	list(&out, "What it needs", described.Needs)
	if described.Undoes != "" {
		fmt.Fprintf(&out, "\n## What a rollback does\n\n%s\n", described.Undoes)
	}
	for _, part := range []struct {
		title, always string
		schema        json.RawMessage
		empty         string
	}{
		{"Input", "required", described.InputSchema, "It takes no input."},
		{"Output", "", described.OutputSchema, "It declares no output."},
	} {
		if err := fields(&out, part.title, part.always, part.schema, part.empty); err != nil {
			return "", fmt.Errorf("page of %s: %w", described.ID, err)
		}
	}
	examples(&out, described.Examples)
	if described.SupportsDryRun {
		out.WriteString("\n## Dry run\n\nA dry run runs it, without effects outside the workspace.\n")
	}
	list(&out, "What differs from Backstage", described.Differences)
	return out.String(), nil
}

// Index is the page that lists all actions by their families.
func Index(all []action.Action) string {
	var out strings.Builder
	out.WriteString("# Actions\n\nThese pages are made from what the actions say of themselves; `make generate` writes them. " +
		"The portal shows the same on its page *Actions*. [What tests have shown of each](conformance.md) is listed apart.\n\n| Action | What it does | A rollback |\n|---|---|---|\n")
	for _, each := range all {
		described := each.Describe()
		fmt.Fprintf(&out, "| [%s](%s) | %s | %s |\n", described.ID, Name(described.ID), cell(described.Description), cell(cmp.Or(described.Undoes, "has nothing to do")))
	}
	out.WriteString("\n## Not here\n\n| Actions | Why |\n|---|---|\n")
	for _, each := range AbsentActions() {
		fmt.Fprintf(&out, "| `%s` | %s |\n", strings.Join(each.IDs, "`, `"), cell(each.Why))
	}
	return out.String()
}

func list(out *strings.Builder, title string, items []string) {
	if len(items) == 0 {
		return
	}
	fmt.Fprintf(out, "\n## %s\n\n", title)
	for _, item := range items {
		fmt.Fprintf(out, "- %s\n", item)
	}
}

func examples(out *strings.Builder, all []action.Example) {
	if len(all) == 0 {
		return
	}
	out.WriteString("\n## Examples\n")
	for _, each := range all {
		fmt.Fprintf(out, "\n%s:\n\n```yaml\n%s\n```\n", each.Description, strings.TrimRight(each.Example, "\n"))
	}
}

// fields is the table of a schema's properties. always is what is said of those that it requires.
func fields(out *strings.Builder, title, always string, schema json.RawMessage, empty string) error {
	fmt.Fprintf(out, "\n## %s\n\n", title)
	var rows []row
	if len(schema) > 0 {
		var root yaml.Node
		// YAML keeps the order of the keys, and every JSON text is YAML.
		if err := yaml.Unmarshal(schema, &root); err != nil {
			return fmt.Errorf("schema: %w", err)
		}
		rows = properties(root.Content[0], "", always)
	}
	if len(rows) == 0 {
		out.WriteString(empty + "\n")
		return nil
	}
	out.WriteString("| Name | Type | Description |\n|---|---|---|\n")
	for _, each := range rows {
		fmt.Fprintf(out, "| `%s` | %s | %s |\n", each.name, cell(each.kind), cell(each.text))
	}
	return nil
}

// row is one property: its path, its type and what is said of it.
type row struct{ name, kind, text string }

// properties are those of a schema and of the schemas in it, in their order.
func properties(schema *yaml.Node, prefix, always string) (rows []row) {
	required := map[string]string{}
	for _, name := range items(get(schema, "required")) {
		required[name.Value] = always
	}
	declared := get(schema, "properties")
	for i := 0; declared != nil && i+1 < len(declared.Content); i += 2 {
		name, property := declared.Content[i].Value, declared.Content[i+1]
		path := prefix + name
		rows = append(rows, row{path, kind(property), describe(property, required[name])})
		rows = append(rows, properties(property, path+".", always)...)
		rows = append(rows, properties(get(property, "items"), path+"[].", always)...)
	}
	for _, keyword := range []string{"allOf", "anyOf", "oneOf"} {
		for _, choice := range items(get(schema, keyword)) {
			rows = append(rows, properties(choice, prefix, always)...)
		}
	}
	return unique(rows)
}

func unique(rows []row) []row {
	seen, kept := map[string]bool{}, rows[:0]
	for _, each := range rows {
		if !seen[each.name] {
			seen[each.name] = true
			kept = append(kept, each)
		}
	}
	return kept
}

// kind is the type of a property in words.
func kind(property *yaml.Node) string {
	if values := items(get(property, "enum")); len(values) > 0 {
		var names []string
		for _, value := range values {
			names = append(names, "`"+value.Value+"`")
		}
		return strings.Join(names, ", ")
	}
	declared := get(property, "type")
	switch {
	case declared != nil && declared.Kind == yaml.SequenceNode:
		var names []string
		for _, name := range declared.Content {
			names = append(names, name.Value)
		}
		return strings.Join(names, " or ")
	case declared != nil && declared.Value == "array":
		return "list of " + cmp.Or(kind(get(property, "items")), "anything")
	case declared != nil:
		return declared.Value
	}
	var choices []string
	for _, keyword := range []string{"anyOf", "oneOf"} {
		for _, choice := range items(get(property, keyword)) {
			if name := kind(choice); name != "" {
				choices = append(choices, name)
			}
		}
	}
	return strings.Join(choices, " or ")
}

// describe is the description of a property, with what else its schema says in words.
func describe(property *yaml.Node, always string) string {
	text := value(get(property, "description"))
	if text == "" {
		text = value(get(property, "title"))
	}
	text = strings.TrimSuffix(text, ".")
	var notes []string
	if always != "" {
		notes = append(notes, always)
	}
	if preset := get(property, "default"); preset != nil {
		encoded, err := json.Marshal(plain(preset))
		if err == nil {
			notes = append(notes, "default `"+string(encoded)+"`")
		}
	}
	if len(notes) > 0 {
		text = strings.TrimSpace(text + " (" + strings.Join(notes, ", ") + ")")
	}
	return text
}

func plain(node *yaml.Node) any {
	var decoded any
	if node.Decode(&decoded) != nil {
		return node.Value
	}
	return decoded
}

func get(node *yaml.Node, key string) *yaml.Node {
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

func items(node *yaml.Node) []*yaml.Node {
	if node == nil || node.Kind != yaml.SequenceNode {
		return nil
	}
	return node.Content
}

func value(node *yaml.Node) string {
	if node == nil {
		return ""
	}
	return node.Value
}

// cell is a text within a table.
func cell(text string) string {
	return strings.NewReplacer("\n", " ", "|", `\|`, "<", "&lt;").Replace(strings.TrimSpace(text))
}
