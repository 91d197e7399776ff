// Package changes compares two versions of a JSON document, and lists what differs as a person would name it. It
// knows nothing about entities or storage.
package changes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/portico-dev/portico/plainjson"
)

// Op is what happened to a value, in the words of JSON Patch (RFC 6902).
type Op string

// The operations.
const (
	Add     Op = "add"
	Remove  Op = "remove"
	Replace Op = "replace"
)

// Change is one value that differs.
type Change struct {
	Op Op `json:"op"`
	// Path is a JSON Pointer (RFC 6901). The index of an added element is that in the later list, the index of a
	// removed one that in the earlier.
	Path string `json:"path"`
	// Before and After are the values, nil for one that was not there. A text longer than MaxText, and any other
	// value whose JSON is longer, is a text that was cut.
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
}

const (
	// Most bounds the changes of a comparison.
	Most = 200
	// MaxText bounds each value, in bytes.
	MaxText = 4000
)

// Between lists what differs between two documents, sorted by path. Lists are compared as sets, because most are:
// an element that changed was removed and added, and a list whose elements only changed places was replaced. more
// reports that there are further changes than the Most that are listed.
func Between(before, after json.RawMessage) (found []Change, more bool, err error) {
	from, err := decode(before)
	if err != nil {
		return nil, false, fmt.Errorf("decode the earlier document: %w", err)
	}
	to, err := decode(after)
	if err != nil {
		return nil, false, fmt.Errorf("decode the later document: %w", err)
	}
	c := &comparison{}
	if err := c.compare("", from, to); err != nil {
		return nil, false, err
	}
	return c.found[:min(len(c.found), Most)], len(c.found) > Most, nil
}

func decode(document json.RawMessage) (value any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber() // large numbers stay what they are
	err = decoder.Decode(&value)
	return value, err
}

// comparison collects changes. It stops after one more than Most.
type comparison struct{ found []Change }

func (c *comparison) compare(path string, before, after any) error {
	if len(c.found) > Most || reflect.DeepEqual(before, after) {
		return nil
	}
	switch from := before.(type) {
	case map[string]any:
		if to, is := after.(map[string]any); is {
			return c.objects(path, from, to)
		}
	case []any:
		if to, is := after.([]any); is {
			return c.lists(path, from, to)
		}
	}
	return c.add(Replace, path, before, after)
}

func (c *comparison) objects(path string, before, after map[string]any) error {
	names := slices.AppendSeq(slices.Collect(maps.Keys(before)), maps.Keys(after))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		at := path + "/" + escape(name)
		from, was := before[name]
		to, is := after[name]
		var err error
		switch {
		case !was:
			err = c.add(Add, at, nil, to)
		case !is:
			err = c.add(Remove, at, from, nil)
		default:
			err = c.compare(at, from, to)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lists compares lists as sets in which an element may be several times.
func (c *comparison) lists(path string, before, after []any) error {
	from, err := encodeAll(before)
	if err != nil {
		return err
	}
	to, err := encodeAll(after)
	if err != nil {
		return err
	}
	gone, come := without(from, to), without(to, from)
	if len(gone)+len(come) == 0 {
		return c.add(Replace, path, before, after)
	}
	for _, i := range gone {
		if err := c.add(Remove, path+"/"+strconv.Itoa(i), before[i], nil); err != nil {
			return err
		}
	}
	for _, i := range come {
		if err := c.add(Add, path+"/"+strconv.Itoa(i), nil, after[i]); err != nil {
			return err
		}
	}
	return nil
}

func encodeAll(values []any) ([]string, error) {
	encoded := make([]string, len(values))
	for i, value := range values {
		data, err := plainjson.Marshal(value) // the keys of a map are sorted
		if err != nil {
			return nil, fmt.Errorf("encode an element: %w", err)
		}
		encoded[i] = string(data)
	}
	return encoded, nil
}

// without lists the indexes of the elements that the other list does not have, or not as often.
func without(list, other []string) (indexes []int) {
	left := map[string]int{}
	for _, element := range other {
		left[element]++
	}
	for i, element := range list {
		if left[element] == 0 {
			indexes = append(indexes, i)
			continue
		}
		left[element]--
	}
	return indexes
}

func (c *comparison) add(op Op, path string, before, after any) (err error) {
	if len(c.found) > Most {
		return nil
	}
	change := Change{Op: op, Path: path}
	if op != Add {
		if change.Before, err = shown(before); err != nil {
			return err
		}
	}
	if op != Remove {
		if change.After, err = shown(after); err != nil {
			return err
		}
	}
	c.found = append(c.found, change)
	return nil
}

// shown encodes a value within its bound.
func shown(value any) (json.RawMessage, error) {
	if text, is := value.(string); is && len(text) > MaxText {
		return plainjson.Marshal(cut(text))
	}
	data, err := plainjson.Marshal(value)
	if _, isText := value.(string); err != nil || isText || len(data) <= MaxText {
		return data, err
	}
	return plainjson.Marshal(cut(string(data)))
}

func cut(text string) string {
	end := MaxText
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// escape escapes a name for a JSON Pointer.
func escape(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}
