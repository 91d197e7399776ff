package config

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

const overridePrefix = "APP_CONFIG_"

var overrideKeyPart = regexp.MustCompile(`(?i)^[a-z][a-z0-9]*(?:[-:][a-z0-9]+)*$`)

// environment holds the process's variables by name.
type environment map[string]string

func newEnvironment(pairs []string) environment {
	variables := environment{}
	for _, pair := range pairs {
		if name, text, ok := strings.Cut(pair, "="); ok {
			variables[name] = text
		}
	}
	return variables
}

// lookup returns a variable without surrounding space.
func (e environment) lookup(name string) (string, bool) {
	text, ok := e[name]
	return strings.TrimSpace(text), ok
}

// overrides returns the configuration from the variables APP_CONFIG_a_b_c, which override every file. A value
// is JSON, or else a string.
func (e environment) overrides() (*value, error) {
	root := &value{origin: origin{file: "environment"}, kind: object}
	names := make([]string, 0, len(e))
	for name, text := range e {
		if strings.HasPrefix(name, overridePrefix) && text != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		at := origin{file: "environment variable " + name}
		given, err := overrideValue(e[name], at)
		if err != nil {
			return nil, err
		}
		if err := root.nest(strings.Split(strings.TrimPrefix(name, overridePrefix), "_"), given); err != nil {
			return nil, err
		}
	}
	return root, nil
}

func overrideValue(text string, at origin) (*value, error) {
	if !json.Valid([]byte(text)) {
		return newString(text, at), nil
	}
	parsed, err := parseYAML(at.file, []byte(text))
	if err != nil {
		return nil, err
	}
	if parsed.isNull() || strings.TrimSpace(text) == "null" {
		return nil, fmt.Errorf("%s: value may not be null", at)
	}
	parsed.forgetLines()
	return parsed, nil
}

// nest sets the value at a path of keys below an object, and creates the objects between.
func (v *value) nest(path []string, given *value) error {
	if !overrideKeyPart.MatchString(path[0]) {
		return fmt.Errorf("%s: invalid environment config key", given.origin)
	}
	existing := v.field(path[0])
	if existing == nil {
		v.fields = append(v.fields, field{key: path[0], origin: given.origin, value: &value{origin: given.origin, kind: object}})
		existing = &v.fields[len(v.fields)-1]
		if len(path) == 1 {
			existing.value = given
			return nil
		}
	} else if len(path) == 1 || existing.value.kind != object {
		return fmt.Errorf("%s: refusing to override what %s already gives", given.origin, existing.origin)
	}
	return existing.value.nest(path[1:], given)
}

// forgetLines clears the line numbers of a value that comes from a variable.
func (v *value) forgetLines() {
	v.origin.line = 0
	for _, item := range v.items {
		item.forgetLines()
	}
	for n := range v.fields {
		v.fields[n].origin.line = 0
		v.fields[n].value.forgetLines()
	}
}
