package inline

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Options are those of an extension, as mkdocs.yml has them.
type Options struct {
	extension string
	values    map[string]any
}

// known fails if there is an option with another name.
func (o Options) known(names ...string) error {
	for _, name := range slices.Sorted(maps.Keys(o.values)) {
		if !slices.Contains(names, name) {
			return fmt.Errorf("%s: there is no option %q; there are: %s", o.extension, name, strings.Join(names, ", "))
		}
	}

	return nil
}

// flag is an option that is true or false. As in Python, other values count as true unless they are empty.
func (o Options) flag(name string, preset bool) bool {
	value, ok := o.values[name]
	if !ok {
		return preset
	}

	return truth(value)
}

func truth(value any) bool {
	switch value := value.(type) {
	case nil:
		return false
	case bool:
		return value
	case string:
		return value != "" && !slices.Contains([]string{"false", "no", "off", "0", "f", "n", "none"}, strings.ToLower(value))
	case int:
		return value != 0
	case float64:
		return value != 0
	case []any:
		return len(value) > 0
	case map[string]any:
		return len(value) > 0
	}

	return true
}

// text is an option that is a text.
func (o Options) text(name, preset string) string {
	value, ok := o.values[name]
	if !ok {
		return preset
	}

	if value == nil {
		return ""
	}

	return fmt.Sprint(value)
}

// list is an option that is a list of texts.
func (o Options) list(name string, preset ...string) []string {
	values, ok := o.values[name].([]any)
	if !ok {
		return preset
	}

	list := make([]string, 0, len(values))
	for _, value := range values {
		list = append(list, fmt.Sprint(value))
	}

	return list
}

// table is an option that is a mapping.
func (o Options) table(name string) map[string]any {
	table, _ := o.values[name].(map[string]any)

	return table
}
