package entity

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/portico-dev/portico/plainjson"
)

// maxSearchLength bounds the keys and the values of search rows, in UTF-16 code units.
const maxSearchLength = 200

// SearchRow is one fact of an entity that filters, orders and facets look at.
type SearchRow struct {
	// Key is the path of the fact in lower case: "spec.type", "relations.ownedby".
	Key string
	// Value is compared with, in lower case. Nil says that there is something under Key, but nothing to compare with: a
	// null, or a text that is too long.
	Value *string
	// OriginalValue is Value in its own case, for facets.
	OriginalValue *string
}

// SearchRows flattens an entity and its outgoing relations into rows, without repeating any. Two keys that differ only
// in case cannot be told apart and are an error.
func SearchRows(e Entity, relations []Relation) ([]SearchRow, error) {
	f := &flattener{keys: map[string]string{}, rows: map[rowID]bool{}}
	f.visit("", map[string]any(e))
	f.add("metadata.name", e.Metadata()["name"])
	f.add("metadata.namespace", e.Namespace())
	f.add("metadata.uid", e.Metadata()["uid"])
	for _, relation := range relations {
		f.add("relations."+relation.Type, relation.TargetRef)
	}
	if len(f.clashes) > 0 {
		return nil, inputError(nil, "Entity has duplicate keys that vary only in casing, '%s'", strings.Join(f.clashes, "', '"))
	}
	return f.out, nil
}

// flattener collects search rows.
type flattener struct {
	out []SearchRow
	// keys maps each key in lower case to the form it was first seen in.
	keys    map[string]string
	rows    map[rowID]bool
	clashes []string
}

type rowID struct {
	key, value string
	null       bool
}

func (f *flattener) visit(path string, value any) {
	switch path {
	case "attachments", "relations", "status", "metadata.name", "metadata.namespace", "metadata.uid", "metadata.etag":
		return
	}
	switch value := value.(type) {
	case map[string]any:
		for _, key := range sortedKeys(value) {
			f.visit(strings.TrimPrefix(path+"."+key, "."), value[key])
		}
	case []any:
		for _, item := range value {
			f.visit(path, item)
			if tag, isText := item.(string); isText {
				f.addMember(path + "." + tag)
			}
		}
	default:
		f.add(path, value)
	}
}

// addMember says that a list holds a text. Members that differ only in case are the same.
func (f *flattener) addMember(key string) {
	if first, seen := f.keys[strings.ToLower(key)]; seen {
		key = first
	}
	f.add(key, true)
}

func (f *flattener) add(key string, value any) {
	lower := strings.ToLower(key)
	if first, seen := f.keys[lower]; !seen {
		f.keys[lower] = key
	} else if first != key && !slices.Contains(f.clashes, lower) {
		f.clashes = append(f.clashes, lower)
	}
	if length(lower) > maxSearchLength {
		return
	}
	row := SearchRow{Key: lower}
	id := rowID{key: lower, null: true}
	if value != nil {
		original := scalarText(value)
		folded := strings.ToLower(original)
		if length(folded) <= maxSearchLength {
			row.Value, row.OriginalValue = &folded, &original
			id = rowID{key: lower, value: folded}
		}
	}
	if !f.rows[id] {
		f.rows[id] = true
		f.out = append(f.out, row)
	}
}

// scalarText is JavaScript's String of a JSON scalar.
func scalarText(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case bool:
		return strconv.FormatBool(value)
	case nil:
		return "null"
	default:
		encoded, err := plainjson.Marshal(value)
		if err != nil || string(encoded) == "-0" {
			return "0"
		}
		return string(encoded)
	}
}

// length counts as JavaScript does, in UTF-16 code units.
func length(s string) int {
	units := 0
	for _, r := range s {
		units += max(1, utf16.RuneLen(r))
	}
	return units
}

func sortedKeys[M ~map[string]any](object M) []string { return slices.Sorted(maps.Keys(object)) }
