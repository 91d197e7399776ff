package config

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write the reference of the configuration anew")

// key is one line of the reference: a key that Portico reads.
type key struct {
	// path is the key with its sections, [] standing for a list's items and <name> for any name:
	// catalog.locations[].type.
	path     string
	of       *schema
	required bool
}

func keys() []key { return keysBelow(rootSchema(), "", false) }

func keysBelow(s *schema, path string, required bool) []key {
	switch s.Type {
	case "array":
		return keysBelow(s.Items, path+"[]", false)
	case "object":
		var found []key
		for _, name := range s.propertyNames() {
			found = append(found, keysBelow(s.Properties[name], join(path, name), slices.Contains(s.Required, name))...)
		}
		if s.Additional.schema != nil {
			found = append(found, keysBelow(s.Additional.schema, path+".<name>", false)...)
		}
		return found
	}
	if s.Unsupported != "" {
		return nil
	}
	return []key{{path: path, of: s, required: required}}
}

func (k key) isSecret() bool { return k.of.Visibility == "secret" }

func (k key) defaultText() string {
	if k.of.Default.Kind != yaml.SequenceNode {
		return k.of.Default.Value
	}
	items := make([]string, len(k.of.Default.Content))
	for n, item := range k.of.Default.Content {
		items[n] = item.Value
	}
	return strings.Join(items, ", ")
}

// TestSchemaMatchesTheCode walks the Config type and compares every leaf with the schema's keys, in both
// directions.
func TestSchemaMatchesTheCode(t *testing.T) {
	t.Parallel()
	inCode := map[string]string{}
	leaves("", reflect.TypeFor[Config](), inCode)
	inSchema := map[string]string{}
	for _, key := range keys() {
		kind := key.of.Type
		if key.isSecret() {
			kind += " secret"
		}
		inSchema[key.path] = kind
		require.True(t, strings.HasSuffix(key.of.Description, "."), "%s is described in sentences", key.path)
	}
	require.Equal(t, inCode, inSchema)
}

func leaves(path string, of reflect.Type, into map[string]string) {
	switch {
	case of == reflect.TypeFor[time.Duration]():
		into[path] = "duration"
	case of == reflect.TypeFor[Frequency]():
		into[path] = "frequency"
	case of == reflect.TypeFor[JSON]():
		into[path] = "json"
	case of == reflect.TypeFor[Secret]():
		into[path] = "string secret"
	case of == reflect.TypeFor[PathRewrite]():
		into[path+".<name>"] = "string"
	case of == reflect.TypeFor[[]string]():
		into[path] = "strings"
	case of.Kind() == reflect.Interface:
		into[path] = "json"
	case of.Kind() == reflect.Pointer:
		leaves(path, of.Elem(), into)
	case of.Kind() == reflect.Slice:
		leaves(path+"[]", of.Elem(), into)
	case of.Kind() == reflect.Map:
		leaves(path+".<name>", of.Elem(), into)
	case of.Kind() == reflect.Struct:
		for field := range of.Fields() {
			if field.Tag.Get("yaml") == "-" {
				continue
			}
			if field.Tag.Get("yaml") == ",inline" {
				leaves(path, field.Type, into)
				continue
			}
			leaves(strings.TrimPrefix(path+"."+field.Tag.Get("yaml"), "."), field.Type, into)
		}
	case of.Kind() == reflect.Bool:
		into[path] = "boolean"
	case of.Kind() == reflect.Int || of.Kind() == reflect.Int64:
		into[path] = "integer"
	default:
		into[path] = of.Kind().String()
	}
}

func TestEveryKeyHasADefaultOrIsRequired(t *testing.T) {
	t.Parallel()
	withoutDefault := []string{}
	for _, key := range keys() {
		if key.of.Default.IsZero() && key.of.Type != "string" && key.of.Type != "strings" && key.of.Type != "json" && !key.required {
			withoutDefault = append(withoutDefault, key.path)
		}
	}
	require.Empty(t, withoutDefault)
}

const reference = "../docs/configuration.md"

// The table of keys is between these lines of the reference.
const tableBegins, tableEnds = "<!-- keys: go test ./config -update -->\n", "<!-- end of keys -->\n"

func TestTheReferenceListsTheKeys(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(reference)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(page), tableBegins)
	require.True(t, found)
	table, after, found := strings.Cut(rest, tableEnds)
	require.True(t, found)
	if *update {
		require.NoError(t, os.WriteFile(reference, []byte(before+tableBegins+keyTable()+tableEnds+after), 0o644))
		return
	}
	require.Equal(t, keyTable(), table, "run: go test ./config -update")
}

// keyTable is one Markdown table for each section of the configuration.
func keyTable() string {
	var b strings.Builder
	section := ""
	for _, key := range keys() {
		if current, _, _ := strings.Cut(key.path, "."); current != section {
			section = current
			fmt.Fprintf(&b, "\n### %s\n\n| Key | Type | Default | |\n|---|---|---|---|\n", section)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", key.path, key.kind(), key.standard(), strings.ReplaceAll(key.of.Description, "|", `\|`))
	}
	return b.String() + "\n"
}

func (k key) kind() string {
	if k.isSecret() {
		return k.of.Type + ", secret"
	}
	return k.of.Type
}

func (k key) standard() string {
	switch {
	case k.required:
		return "required"
	case k.defaultText() == "":
		return ""
	default:
		return "`" + k.defaultText() + "`"
	}
}

// TestShippedConfigurationsHaveNoUnknownKeys: unknown keys in Backstage's sections are no errors, so
// this test checks that our own files have none.
func TestShippedConfigurationsHaveNoUnknownKeys(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"../examples/app-config.yaml", "../deploy/app-config.production.yaml"} {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		var document yaml.Node
		require.NoError(t, yaml.Unmarshal(content, &document))
		require.Empty(t, unread(rootSchema(), document.Content[0], ""), file)
	}
}

// unread lists the keys that the schema does not have.
func unread(s *schema, node *yaml.Node, path string) []string {
	var found []string
	switch node.Kind {
	case yaml.MappingNode:
		for n := 0; n < len(node.Content); n += 2 {
			key := join(path, node.Content[n].Value)
			of := cmp.Or(s.Properties[node.Content[n].Value], s.Additional.schema)
			if of == nil {
				found = append(found, key)
				continue
			}
			found = append(found, unread(of, node.Content[n+1], key)...)
		}
	case yaml.SequenceNode:
		for _, item := range node.Content {
			if s.Items != nil {
				found = append(found, unread(s.Items, item, path+"[]")...)
			}
		}
	}
	return found
}
