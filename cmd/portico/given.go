package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/portico-dev/portico/catalog/entity"
)

// maxInput bounds a file or standard input. It is larger than any request may be.
const maxInput = 16 << 20

// given are the values and secrets of a run, with the flag that gave each value.
type given struct {
	values  map[string]any
	secrets map[string]string
	flags   map[string]string
}

// addFile reads values from a YAML or JSON file, from standard input for -, and none for "".
func (g *given) addFile(name string, stdin io.Reader) error {
	if name == "" {
		return nil
	}
	content, err := readInput(name, stdin)
	if err != nil {
		return fmt.Errorf("--values: %w", err)
	}
	documents, err := entity.ParseYAML(content, name)
	if err != nil {
		return fmt.Errorf("--values: %w", err)
	}
	values := map[string]json.RawMessage{}
	if len(documents) != 1 || documents[0].Err != nil || json.Unmarshal(documents[0].Source, &values) != nil {
		return fmt.Errorf("--values %s: write one object of names and values, as YAML or JSON", name)
	}
	for name, value := range values {
		var text string
		if json.Unmarshal(value, &text) == nil {
			g.values[name] = text
		} else {
			g.values[name] = value
		}
		g.flags[name] = "--values"
	}
	return nil
}

// readInput reads a file, or standard input for -.
func readInput(name string, stdin io.Reader) ([]byte, error) {
	from := stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		from = file
	}
	content, err := io.ReadAll(io.LimitReader(from, maxInput+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(content) > maxInput {
		return nil, fmt.Errorf("%s has more than %d MiB", name, maxInput>>20)
	}
	return content, nil
}

// addSets parses values of the form name=value.
func (g *given) addSets(sets []string) error {
	for _, set := range sets {
		name, text, found := strings.Cut(set, "=")
		if !found || name == "" {
			return fmt.Errorf("--set %s: write name=value", set)
		}
		g.values[name] = parseValue(text)
		g.flags[name] = "--set"
	}
	return nil
}

// parseValue parses a value on the command line: JSON if it is valid JSON, a list or an object if it is one
// in YAML's [] or {}, and otherwise text. Full YAML would parse a note with a colon as an object, cut one at
// a #, and turn a date into a time in another zone.
func parseValue(text string) any {
	if json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	if trimmed := strings.TrimSpace(text); strings.HasPrefix(trimmed, "[") || strings.HasPrefix(trimmed, "{") {
		if value, err := entity.DecodePlaceholder("yaml", "--set", []byte(text)); err == nil {
			return value
		}
	}
	return text
}

// flag is the flag that gives, or would give, the value with this name.
func (g *given) flag(name string) string {
	if g.flags[name] == "--values" {
		return fmt.Sprintf("--values: %s", name)
	}
	return fmt.Sprintf("--set %s=...", name)
}

// violation is one error in a run's values or secrets, in jsonschema's terms.
type violation struct {
	// Property is the path of the invalid value, such as instance.name or secrets.
	Property string          `json:"property"`
	Name     string          `json:"name"`
	Message  string          `json:"message"`
	Argument json.RawMessage `json:"argument"`
	Stack    string          `json:"stack"`
}

// inFlags rewords an error about values or secrets in terms of flags; other errors stay as they are.
func (g *given) inFlags(err error) error {
	refused, is := errors.AsType[*apiError](err)
	if !is || len(refused.violations) == 0 {
		return err
	}
	lines := make([]string, len(refused.violations))
	for i, v := range refused.violations {
		lines[i] = g.mend(v)
	}
	return errors.New(strings.Join(lines, "\n"))
}

// mend describes one violation by the flag that is wrong or missing.
func (g *given) mend(v violation) string {
	root, path, _ := strings.Cut(v.Property, ".")
	var missing string
	if v.Name == "required" && json.Unmarshal(v.Argument, &missing) == nil && path == "" {
		path = missing
	} else {
		missing = ""
	}
	name := path
	if end := strings.IndexAny(path, ".["); end >= 0 {
		name = path[:end]
	}
	if name == "" {
		return cmp.Or(v.Stack, v.Message)
	}
	flag := g.flag(name)
	if root == "secrets" {
		flag = fmt.Sprintf("--secret-env %s=...", name)
	}
	switch {
	case missing != "":
		return flag + ": it is required"
	case path != name:
		return fmt.Sprintf("%s: %s %s", flag, path, v.Message)
	default:
		return flag + ": " + v.Message
	}
}
