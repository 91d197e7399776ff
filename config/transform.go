package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// transformer substitutes environment variables and included files, as Backstage's config-loader does, and secrets
// of Vault, which are Portico's own.
type transformer struct {
	environment environment
	// vault reads a reference to a secret.
	vault func(reference string) (string, error)
}

// apply returns the value with all substitutions. It is nil where an undefined variable removes the value.
// Relative paths start at dir.
func (t transformer) apply(v *value, dir string, depth int) (*value, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%s: more than %d levels: does a file include itself?", v.origin, maxDepth)
	}
	switch {
	case v.kind == list:
		return t.applyList(v, dir, depth)
	case v.kind == object:
		return t.applyObject(v, dir, depth)
	case v.isString():
		return t.substituteValue(v), nil
	}
	return v, nil
}

func (t transformer) applyList(v *value, dir string, depth int) (*value, error) {
	out := &value{origin: v.origin, kind: list}
	for _, item := range v.items {
		applied, err := t.apply(item, dir, depth+1)
		if err != nil {
			return nil, err
		}
		if applied != nil {
			out.items = append(out.items, applied)
		}
	}
	return out, nil
}

func (t transformer) applyObject(v *value, dir string, depth int) (*value, error) {
	for _, include := range []string{"$env", "$file", "$include", "$vault"} {
		given := v.field(include)
		if given == nil {
			continue
		}
		if len(v.fields) != 1 {
			return nil, fmt.Errorf("%s: include key %s should not have adjacent keys", given.origin, include)
		}
		return t.include(*given, dir, depth)
	}
	out := &value{origin: v.origin, kind: object}
	for _, member := range v.fields {
		applied, err := t.apply(member.value, dir, depth+1)
		if err != nil {
			return nil, err
		}
		if applied != nil {
			out.fields = append(out.fields, field{key: member.key, origin: member.origin, value: applied})
		}
	}
	return out, nil
}

// include evaluates an object such as {$file: token.txt}.
func (t transformer) include(given field, dir string, depth int) (*value, error) {
	if !given.value.isString() {
		return nil, fmt.Errorf("%s: %s include value is not a string", given.origin, given.key)
	}
	argument, ok := t.substitute(given.value.text)
	if !ok {
		return nil, fmt.Errorf("%s: %s substitution value was undefined", given.origin, given.key)
	}
	switch given.key {
	case "$env":
		text, ok := t.environment.lookup(argument)
		if !ok {
			return nil, nil
		}
		return newString(text, given.origin), nil
	case "$file":
		content, err := readBounded(within(dir, argument))
		if err != nil {
			return nil, fmt.Errorf("%s: failed to read file %s: %w", given.origin, argument, err)
		}
		return newString(strings.TrimRight(string(content), " \t\r\n"), given.origin), nil
	case "$vault":
		text, err := t.vault(argument)
		if err != nil {
			return nil, fmt.Errorf("%s: failed to read $vault %s: %w", given.origin, given.value.text, err)
		}
		return newString(text, given.origin), nil
	}
	return t.includeFile(argument, dir, given.origin, depth)
}

// includeFile evaluates file.yaml#a.b: the whole of a YAML or JSON file, or the value at a path in it.
func (t transformer) includeFile(argument, dir string, at origin, depth int) (*value, error) {
	name, pointer, _ := strings.Cut(argument, "#")
	switch filepath.Ext(name) {
	case ".json", ".yaml", ".yml":
	default:
		return nil, fmt.Errorf("%s: no configuration parser available for included file %s: .json, .yaml and .yml are read", at, name)
	}
	path := within(dir, name)
	content, err := readBounded(path)
	if err != nil {
		return nil, fmt.Errorf("%s: failed to read file %s: %w", at, name, err)
	}
	included, err := parseYAML(path, content)
	if err != nil {
		return nil, fmt.Errorf("%s: failed to parse included file: %w", at, err)
	}
	for walked := ""; pointer != ""; {
		var part string
		part, pointer, _ = strings.Cut(pointer, ".")
		if included.kind != object {
			return nil, fmt.Errorf("%s: value at '%s' in included file %s is not an object", at, strings.TrimPrefix(walked, "."), name)
		}
		member := included.field(part)
		if member == nil {
			return nil, nil
		}
		included, walked = member.value, walked+"."+part
	}
	return t.apply(included, filepath.Dir(path), depth+1)
}

func (t transformer) substituteValue(v *value) *value {
	if !strings.Contains(v.text, "${") {
		return v
	}
	text, ok := t.substitute(v.text)
	if !ok {
		return nil
	}
	return newString(text, v.origin)
}

// substitute replaces ${VAR} and ${VAR:-default} in text and unescapes $${. It returns false when a variable
// without default is not set: the whole value is undefined then. The default is also used for a variable that
// is set but empty.
func (t transformer) substitute(text string) (string, bool) {
	var out strings.Builder
	for {
		start := strings.Index(text, "${")
		if start < 0 {
			out.WriteString(text)
			return out.String(), true
		}
		length := strings.IndexAny(text[start+2:], "{}")
		if length < 0 || text[start+2+length] == '{' {
			out.WriteString(text[:start+2])
			text = text[start+2:]
			continue
		}
		inside, rest := text[start+2:start+2+length], text[start+length+3:]
		if start > 0 && text[start-1] == '$' {
			out.WriteString(text[:start-1] + "${" + inside + "}")
			text = rest
			continue
		}
		replacement, ok := t.parameter(inside)
		if !ok {
			return "", false
		}
		out.WriteString(text[:start] + replacement)
		text = rest
	}
}

// parameter is the value of the text between ${ and }.
func (t transformer) parameter(inside string) (string, bool) {
	name, fallback, hasFallback := strings.Cut(inside, ":-")
	text, ok := t.environment.lookup(strings.TrimSpace(name))
	if !hasFallback {
		return text, ok
	}
	if text == "" {
		text = strings.TrimSpace(fallback)
	}
	return text, text != ""
}

func within(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// readBounded reads a file that must not be larger than a configuration file may be.
func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a directory", path)
	}
	if info.Size() > maxFileBytes {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxFileBytes)
	}
	return os.ReadFile(path)
}
