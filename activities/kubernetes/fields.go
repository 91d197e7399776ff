package kubernetes

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// fieldSet is a set of fields as the server keeps them in managedFields: a tree whose keys are "f:" and the name of a
// field, "k:" and the keys of an item of a list, "v:" and a value of a set, and "." for the item itself.
type fieldSet map[string]fieldSet

// fieldsOf reads a set. Nil is the empty one.
func fieldsOf(encoded *metav1.FieldsV1) fieldSet {
	var fields fieldSet
	if encoded == nil || json.Unmarshal(encoded.Raw, &fields) != nil {
		return nil
	}
	return fields
}

// applied are the fields that portico has applied to an object and nobody has taken since.
func applied(object *unstructured.Unstructured) *metav1.FieldsV1 {
	for _, entry := range object.GetManagedFields() {
		if entry.Manager == manager && entry.Operation == metav1.ManagedFieldsOperationApply && entry.Subresource == "" {
			return entry.FieldsV1
		}
	}
	return nil
}

// union adds the fields of another set.
func (f fieldSet) union(other fieldSet) fieldSet {
	all := maps.Clone(f)
	if all == nil {
		all = fieldSet{}
	}
	for key, below := range other {
		all[key] = all[key].union(below)
	}
	return all
}

// leaves calls for each field that has none below it, with its path as people write it.
func (f fieldSet) leaves(path string, each func(path string)) {
	for _, key := range slices.Sorted(maps.Keys(f)) {
		if key == "." {
			continue
		}
		at := path + shown(key)
		if below := f[key]; len(below) > 0 {
			below.leaves(at, each)
			continue
		}
		each(at)
	}
}

// paths are the paths of all leaves.
func (f fieldSet) paths() []string {
	var all []string
	f.leaves("", func(path string) { all = append(all, path) })
	return all
}

// shown is a key of a set as part of a path.
func shown(key string) string {
	kind, name, _ := strings.Cut(key, ":")
	switch kind {
	case "f":
		return "." + name
	case "k":
		return "[" + name + "]"
	case "v":
		return "[=" + name + "]"
	default:
		return "[" + key + "]"
	}
}

// extract returns the part of a value that a set has: what was applied of it.
func (f fieldSet) extract(value any) any {
	switch value := value.(type) {
	case map[string]any:
		if !f.hasFields() {
			return value
		}
		part := map[string]any{}
		for key, below := range f {
			name, isField := strings.CutPrefix(key, "f:")
			if found, has := value[name]; isField && has {
				part[name] = below.extract(found)
			}
		}
		return part
	case []any:
		if !f.hasItems() {
			return value
		}
		part := []any{}
		for _, element := range value {
			if found, has := f.extractItem(element); has {
				part = append(part, found)
			}
		}
		return part
	default:
		return value
	}
}

func (f fieldSet) hasFields() bool { return f.has("f:") }

func (f fieldSet) hasItems() bool { return f.has("k:") || f.has("v:") }

func (f fieldSet) has(prefix string) bool {
	for key := range f {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// extractItem returns the part of an element of a list that a set has.
func (f fieldSet) extractItem(element any) (part any, has bool) {
	for key, below := range f {
		switch {
		case strings.HasPrefix(key, "v:"):
			encoded, err := json.Marshal(element)
			if err == nil && string(encoded) == key[2:] {
				return element, true
			}
		case strings.HasPrefix(key, "k:"):
			object, is := element.(map[string]any)
			var keys map[string]any
			if !is || json.Unmarshal([]byte(key[2:]), &keys) != nil || !matches(object, keys) {
				continue
			}
			found, _ := below.extract(object).(map[string]any)
			if found == nil || !below.hasFields() {
				found = map[string]any{}
			}
			for name := range keys {
				found[name] = object[name]
			}
			return found, true
		}
	}
	return nil, false
}

// matches says that an element has these keys.
func matches(object, keys map[string]any) bool {
	for name, wanted := range keys {
		if fmt.Sprint(object[name]) != fmt.Sprint(wanted) {
			return false
		}
	}
	return true
}
