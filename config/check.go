package config

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// checker walks a configuration along the schema, collects every problem, and builds a plain form for
// decoding: known keys only, numbers as numbers, durations as Go's, with defaults filled in.
type checker struct {
	problems []Problem
	// warnings are keys that are probably mistakes.
	warnings []Problem
}

func (c *checker) report(at origin, format string, args ...any) {
	c.problems = append(c.problems, Problem{File: at.file, Line: at.line, Message: fmt.Sprintf(format, args...)})
}

// invalid returns the problems sorted by file and line, nil without problems.
func (c *checker) invalid() *InvalidError {
	sortByPlace(c.problems)
	return &InvalidError{Problems: c.problems}
}

func sortByPlace(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
}

func (c *checker) wrongType(v *value, path, wanted string) {
	c.report(v.origin, "invalid type in config for key '%s': got %s, wanted %s", path, v.typeName(), wanted)
}

// check returns the plain form of a value. It is nil for an absent value, and for a wrong one, which it
// reports.
func (c *checker) check(s *schema, v *value, path string) *yaml.Node {
	if v != nil && v.isNull() && s.Nullable {
		return plain(stringTag, "")
	}
	if v == nil || v.isNull() {
		return c.absent(s, path)
	}
	switch s.Type {
	case "object":
		return c.checkObject(s, v, path)
	case "array":
		return c.checkArray(s, v, path)
	case "strings":
		return c.checkStrings(s, v, path)
	case "boolean":
		return c.checkBoolean(v, path)
	case "integer":
		return c.checkInteger(s, v, path)
	case "duration":
		return c.checkDuration(s, v, path)
	case "frequency":
		return c.checkFrequency(v, path)
	case "json":
		return v.asWritten()
	}
	return c.checkString(s, v, path)
}

// absent is the plain form of an absent key: its default or, for an object, the defaults of its keys.
func (c *checker) absent(s *schema, path string) *yaml.Node {
	if s.Type == "object" && !s.Optional {
		return c.checkObject(s, &value{kind: object}, path)
	}
	if s.Default.IsZero() {
		return nil
	}
	if s.Type != "duration" {
		return &s.Default
	}
	length, err := parseDuration(s.Default.Value)
	if err != nil {
		panic(fmt.Sprintf("config/schema.yaml: default of %s: %v", path, err))
	}
	return plain("!!str", length.String())
}

func (c *checker) checkObject(s *schema, v *value, path string) *yaml.Node {
	if s.Shorthand != "" && (v.isString() || v.isBoolean()) {
		v = &value{origin: v.origin, kind: object, fields: []field{{key: s.Shorthand, origin: v.origin, value: v}}}
	}
	if v.kind != object {
		c.wrongType(v, display(path), "object")
		return nil
	}
	if s.isSingle(v) {
		v = &value{origin: v.origin, kind: object, fields: []field{{key: "default", origin: v.origin, value: v}}}
	}
	out := &yaml.Node{Kind: yaml.MappingNode}
	for _, name := range s.propertyNames() {
		var given *value
		if member := v.field(name); member != nil {
			given = member.value
		}
		if reason := s.Properties[name].Unsupported; reason != "" {
			c.checkUnsupported(given, join(path, name), reason)
			continue
		}
		if (given == nil || given.isNull()) && slices.Contains(s.Required, name) {
			c.report(v.origin, "missing required config value at '%s'", join(path, name))
			continue
		}
		add(out, name, c.check(s.Properties[name], given, join(path, name)))
	}
	c.checkOthers(s, v, path, out)
	c.checkConflicts(s, v, path)
	return out
}

// checkUnsupported refuses a key that Backstage reads and Portico does not, unless it is switched off.
func (c *checker) checkUnsupported(given *value, path, reason string) {
	if given == nil || given.isNull() || given.isBoolean() && booleans[strings.ToLower(given.text)] == "false" {
		return
	}
	c.report(given.origin, "'%s' is not supported: %s", path, reason)
}

// isSingle reports whether a value is written in place of a map or a list with it alone.
func (s *schema) isSingle(v *value) bool {
	return v.kind == object && slices.ContainsFunc(s.Single, func(key string) bool { return v.field(key) != nil })
}

// checkOthers checks the keys that are not properties: values of a map, keys of unknown plugins, or mistakes.
func (c *checker) checkOthers(s *schema, v *value, path string, out *yaml.Node) {
	for _, member := range v.fields {
		if s.Properties[member.key] != nil {
			continue
		}
		switch {
		case s.Additional.schema != nil:
			add(out, member.key, c.check(s.Additional.schema, member.value, join(path, member.key)))
		case s.Additional.refused:
			c.unknownKey(s, member, path)
		default:
			c.suspectKey(s, member, path)
		}
	}
}

func (c *checker) unknownKey(s *schema, member field, path string) {
	if near := closest(member.key, s.propertyNames()); near != "" {
		c.report(member.origin, "unknown key '%s', did you mean '%s'?", join(path, member.key), join(path, near))
		return
	}
	c.report(member.origin, "unknown key '%s': %s has %s", join(path, member.key), path, strings.Join(s.propertyNames(), ", "))
}

// suspectKey checks a key that may belong to Backstage or one of its plugins, but whose name is close to one
// of ours. If ours is a section that only Portico has, it is an error, because the whole section would be
// ignored. Otherwise it is a warning.
func (c *checker) suspectKey(s *schema, member field, path string) {
	near := closest(member.key, s.propertyNames())
	switch {
	case near == "":
	case s.Properties[near].Additional.refused:
		c.report(member.origin, "unknown key '%s', did you mean '%s'?", join(path, member.key), join(path, near))
	default:
		c.warnings = append(c.warnings, Problem{File: member.origin.file, Line: member.origin.line, Message: fmt.Sprintf(
			"key '%s' is not read, did you mean '%s'?", join(path, member.key), join(path, near))})
	}
}

func (c *checker) checkConflicts(s *schema, v *value, path string) {
	var given []string
	for _, name := range s.Conflicts {
		if member := v.field(name); member != nil && !member.value.isNull() {
			given = append(given, name)
		}
	}
	if len(given) > 1 {
		c.report(v.origin, "'%s' has both %s: only one of them can hold", path, strings.Join(given, " and "))
	}
}

func (c *checker) checkArray(s *schema, v *value, path string) *yaml.Node {
	if s.isSingle(v) {
		v = &value{origin: v.origin, kind: list, items: []*value{v}}
	}
	if v.kind != list {
		c.wrongType(v, path, "array")
		return nil
	}
	out := &yaml.Node{Kind: yaml.SequenceNode}
	for n, item := range v.items {
		at := fmt.Sprintf("%s[%d]", path, n)
		if item.isNull() {
			c.wrongType(item, at, s.Items.Type)
			continue
		}
		if checked := c.check(s.Items, item, at); checked != nil {
			out.Content = append(out.Content, checked)
		}
	}
	return out
}

func (c *checker) checkStrings(s *schema, v *value, path string) *yaml.Node {
	out := &yaml.Node{Kind: yaml.SequenceNode}
	items := v.items
	switch {
	case v.isString() && s.Whole:
		items = []*value{v}
	case v.isString() || s.Scalar && v.kind == scalar:
		items = nil
		for _, text := range strings.FieldsFunc(v.text, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) }) {
			items = append(items, newString(text, v.origin))
		}
	case v.kind != list:
		c.wrongType(v, path, "string array")
		return nil
	}
	for n, item := range items {
		if checked := c.checkString(s, item, fmt.Sprintf("%s[%d]", path, n)); checked != nil {
			out.Content = append(out.Content, checked)
		}
	}
	return out
}

func (c *checker) checkString(s *schema, v *value, path string) *yaml.Node {
	if !v.isString() && !isText(v) {
		c.wrongType(v, path, "string")
		return nil
	}
	if len(v.text) < s.MinLength {
		c.report(v.origin, "invalid value for key '%s': it must not be empty", path)
		return nil
	}
	if s.Enum != nil && !slices.Contains(s.Enum, v.text) {
		c.report(v.origin, "invalid value for key '%s': got %q, wanted %s", path, v.text, oneOf(s.Enum))
		return nil
	}
	if check := formats[s.Format]; check != nil && (v.text != "" || s.Default.IsZero()) {
		if err := check(v.text); err != nil {
			c.report(v.origin, "invalid value for key '%s': %v", path, err)
			return nil
		}
	}
	return plain(stringTag, v.text)
}

// isText reports whether an unquoted scalar is text in Backstage: a date, for which YAML has a type.
func isText(v *value) bool {
	return v.kind == scalar && (v.tag == "!!timestamp" || v.tag == "!!binary")
}

// booleans are the words that Backstage accepts for a boolean in a string, because ${VAR} always yields a
// string.
var booleans = map[string]string{
	"true": "true", "yes": "true", "y": "true", "on": "true", "1": "true",
	"false": "false", "no": "false", "n": "false", "off": "false", "0": "false",
}

func (c *checker) checkBoolean(v *value, path string) *yaml.Node {
	text, ok := booleans[strings.ToLower(v.text)]
	if v.kind != scalar || !ok || (v.tag != "!!bool" && !v.isString()) {
		c.wrongType(v, path, "boolean")
		return nil
	}
	return plain("!!bool", text)
}

func (c *checker) checkInteger(s *schema, v *value, path string) *yaml.Node {
	number, ok := v.number()
	if !ok {
		c.wrongType(v, path, "number")
		return nil
	}
	whole := int64(number)
	if float64(whole) != number {
		c.report(v.origin, "invalid value for key '%s': got %s, wanted a whole number", path, v.text)
		return nil
	}
	if s.Minimum != nil && whole < *s.Minimum {
		c.report(v.origin, "invalid value for key '%s': got %d, wanted at least %d", path, whole, *s.Minimum)
		return nil
	}
	if s.Maximum != nil && whole > *s.Maximum {
		c.report(v.origin, "invalid value for key '%s': got %d, wanted at most %d", path, whole, *s.Maximum)
		return nil
	}
	return plain("!!int", strconv.FormatInt(whole, 10))
}

// number parses a number, or a string that contains one.
func (v *value) number() (float64, bool) {
	if v.kind != scalar || (v.tag != "!!int" && v.tag != "!!float" && !v.isString()) {
		return 0, false
	}
	if whole, err := strconv.ParseInt(v.text, 0, 64); err == nil {
		return float64(whole), true
	}
	number, err := strconv.ParseFloat(v.text, 64)
	return number, err == nil && math.Abs(number) < 1<<53
}

func (c *checker) checkDuration(s *schema, v *value, path string) *yaml.Node {
	var length time.Duration
	var err error
	number, isNumber := v.number()
	switch {
	case s.Seconds && isNumber && number >= 0:
		length = time.Duration(number * float64(time.Second))
	case s.Millis && isNumber && number >= 0:
		length = time.Duration(number * float64(time.Millisecond))
	case s.Off && v.tag == "!!bool" && v.text == "false":
	case v.kind == object:
		length, err = objectDuration(v)
	case v.isString():
		length, err = parseDuration(v.text)
	default:
		c.wrongType(v, path, "duration")
		return nil
	}
	if err != nil {
		c.report(v.origin, "invalid value for key '%s': %v", path, err)
		return nil
	}
	if s.Positive && length <= 0 {
		c.report(v.origin, "invalid value for key '%s': wanted a time longer than 0", path)
		return nil
	}
	return plain(stringTag, length.String())
}

// objectDuration reads {hours: 1, minutes: 30}.
func objectDuration(v *value) (time.Duration, error) {
	var quantities []quantity
	for _, member := range v.fields {
		unit, ok := durationUnits[member.key]
		if !ok {
			return 0, fmt.Errorf("a duration has no %q: its keys are years to milliseconds", member.key)
		}
		if _, ok := member.value.number(); !ok {
			return 0, fmt.Errorf("%s of a duration must be a number, not %s", member.key, member.value.typeName())
		}
		quantities = append(quantities, quantity{member.value.text, unit})
	}
	if len(quantities) == 0 {
		return 0, errNotDuration
	}
	return sumDuration(quantities...)
}

func plain(tag, text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: text}
}

// add adds a checked value under its name; it skips absent ones.
func add(out *yaml.Node, name string, checked *yaml.Node) {
	if checked != nil {
		out.Content = append(out.Content, plain(stringTag, name), checked)
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func display(path string) string {
	if path == "" {
		return "(root)"
	}
	return path
}

func oneOf(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
