package entity

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/portico-dev/portico/plainjson"
)

const (
	// maxSearchLength bounds the keys and the values of search rows, in UTF-16 code units.
	maxSearchLength = 200
	// A long description is searched in overlapping pieces, so that one piece contains any term of up to
	// pieceOverlap characters completely. Text beyond maxPieces pieces is not searched.
	pieceLength, pieceOverlap, maxPieces = 600, 200, 64
)

// KeyDescription is the key of descriptions. KeyDescriptionPieces is the key of the pieces of long ones,
// which only a full-text search reads.
const (
	KeyDescription       = "metadata.description"
	KeyDescriptionPieces = KeyDescription + "\x1f"
)

// KeyShownName is the key of the name that portals show: the title, else the profile's display name, else the
// name. Every entity has exactly one, so lists can be sorted by it.
const KeyShownName = "metadata.title\x1f"

// SearchRow is one value of an entity, for filters, orders and facets.
type SearchRow struct {
	// Key is the path of the value in lower case: "spec.type", "relations.ownedby".
	Key string
	// Value is the value in lower case. Nil means that the key exists, but its value cannot be compared: a
	// null, or a text that is too long.
	Value *string
	// OriginalValue is Value in its own case, for facets.
	OriginalValue *string
}

// SearchRows flattens an entity and its outgoing relations into rows without duplicates. Keys that differ
// only in case are one key with the values of all, like a list.
func SearchRows(e Entity, relations []Relation) []SearchRow {
	const usual = 48 // a component with an owner, a system, APIs and dependencies has that many
	f := &flattener{rows: make(map[rowID]bool, usual), out: make([]SearchRow, 0, usual)}
	f.visit("", map[string]any(e))
	f.add("kind", e["kind"])
	f.add("metadata.name", e.Metadata()["name"])
	f.add("metadata.namespace", e.Namespace())
	f.add("metadata.uid", e.Metadata()["uid"])
	for _, relation := range relations {
		f.add("relations."+relation.Type, relation.TargetRef)
	}
	f.addPieces(e.Description())
	shown := strings.ToLower(e.ShownName())
	f.out = append(f.out, SearchRow{Key: KeyShownName, Value: &shown})
	return f.out
}

// flattener collects search rows.
type flattener struct {
	out  []SearchRow
	rows map[rowID]bool
}

type rowID struct {
	key, value string
	null       bool
}

// isReserved reports whether no field adds rows of a key: SearchRows adds them itself, or there are none. The
// case does not matter, because keys are stored in lower case. A field's name can contain dots, so
// "relations.ownedBy" is reserved too.
func isReserved(key string) bool {
	key = strings.ToLower(key)
	switch key {
	case "kind", "metadata.name", "metadata.namespace", "metadata.uid", "metadata.etag", KeyShownName, KeyDescriptionPieces:
		return true
	}
	top, _, _ := strings.Cut(key, ".")
	return top == "attachments" || top == "relations" || top == "status"
}

func (f *flattener) visit(path string, value any) {
	if isReserved(path) {
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
			if tag, isText := item.(string); isText && !isReserved(path+"."+tag) {
				f.add(path+"."+tag, true)
			}
		}
	default:
		f.add(path, value)
	}
}

// addPieces adds the pieces of a description that is too long to be one value.
func (f *flattener) addPieces(description string) {
	if length(description) <= maxSearchLength {
		return
	}
	characters := []rune(strings.ToLower(description))
	for i := range maxPieces {
		begin := i * (pieceLength - pieceOverlap)
		piece := string(characters[begin:min(begin+pieceLength, len(characters))])
		f.out = append(f.out, SearchRow{Key: KeyDescriptionPieces, Value: &piece})
		if begin+pieceLength >= len(characters) {
			return
		}
	}
}

func (f *flattener) add(key string, value any) {
	lower := strings.ToLower(key)
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

// length is the number of UTF-16 code units, as in JavaScript.
func length(s string) int {
	units := 0
	for _, r := range s {
		units += max(1, utf16.RuneLen(r))
	}
	return units
}

func sortedKeys[M ~map[string]any](object M) []string {
	keys := make([]string, 0, len(object)) // of a known size: every object of every entity comes by here
	for key := range object {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
