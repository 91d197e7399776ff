package template

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/portico-dev/portico/plainjson"
)

// member is one key of a JSON object, with its value's original text.
type member struct {
	key   string
	value json.RawMessage
}

// members reads a JSON object and keeps the order of its keys.
func members(object json.RawMessage) ([]member, error) {
	decoder := json.NewDecoder(bytes.NewReader(object))
	open, err := decoder.Token()
	if errors.Is(err, io.EOF) {
		return nil, &notObjectError{"missing"}
	}
	if err != nil {
		return nil, err
	}
	if open != json.Delim('{') {
		return nil, &notObjectError{describe(object)}
	}
	var found []member
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		name, _ := key.(string) // keys in JSON are always strings
		found = append(found, member{name, value})
	}
	_, err = decoder.Token()
	return found, err
}

// notObjectError says that a value is not an object, and which kind of value it is.
type notObjectError struct{ is string }

func (e *notObjectError) Error() string { return "must be an object, and is " + e.is }

// decode reads the members of an object with exactly these names. encoding/json ignores case in names, which
// no other reader of templates does.
func decode(object json.RawMessage, into any, names ...string) error {
	if string(bytes.TrimSpace(object)) == "null" {
		return nil
	}
	all, err := members(object)
	if err != nil {
		return err
	}
	return json.Unmarshal(encode(slices.DeleteFunc(all, func(m member) bool { return !slices.Contains(names, m.key) })), into)
}

// kinds has the words for the expected kinds of fields.
var kinds = map[reflect.Kind]string{reflect.String: "a string", reflect.Slice: "a list", reflect.Map: "an object", reflect.Struct: "an object", reflect.Pointer: "an object"}

// explain describes a decoding error for template authors: the field, below a prefix, and the expected kind
// of value.
func explain(prefix string, err error) string {
	mismatch, is := errors.AsType[*json.UnmarshalTypeError](err)
	if _, isOther := errors.AsType[*notObjectError](err); isOther {
		return strings.TrimSpace(prefix + " " + err.Error())
	}
	if !is {
		return strings.TrimPrefix(prefix+": "+err.Error(), ": ")
	}
	wanted, known := kinds[mismatch.Type.Kind()]
	if !known {
		wanted = mismatch.Type.String()
	}
	return fmt.Sprintf("%s must be %s, and is %s", strings.TrimPrefix(prefix+"."+mismatch.Field, "."), wanted, withArticle(mismatch.Value))
}

// withArticle returns a kind of JSON value with its article.
func withArticle(kind string) string {
	kind, _, _ = strings.Cut(kind, " ") // encoding/json adds a number's digits
	switch kind {
	case "array":
		return "a list"
	case "object":
		return "an object"
	case "bool":
		return "true or false"
	}
	return "a " + kind
}

// with returns object with the keys set. Existing keys keep their position; new ones are added at the end.
func with(object json.RawMessage, set ...member) (json.RawMessage, error) {
	all, err := members(object)
	if err != nil {
		return nil, err
	}
	for _, m := range set {
		all = put(all, m)
	}
	return encode(all), nil
}

func put(all []member, m member) []member {
	for i := range all {
		if all[i].key == m.key {
			all[i].value = m.value
			return all
		}
	}
	return append(all, m)
}

func encode(all []member) json.RawMessage {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, m := range all {
		if i > 0 {
			out.WriteByte(',')
		}
		out.Write(text(m.key))
		out.WriteByte(':')
		out.Write(m.value)
	}
	out.WriteByte('}')
	return out.Bytes()
}

// text encodes a JSON string without HTML escaping.
func text(s string) json.RawMessage {
	encoded, _ := plainjson.Marshal(s) // encoding a string never fails
	return encoded
}

func describe(value json.RawMessage) string {
	switch value = bytes.TrimSpace(value); {
	case len(value) == 0:
		return "missing"
	case value[0] == '[':
		return "an array"
	case value[0] == '"':
		return "a string"
	default:
		return string(value)
	}
}

func isNull(value json.RawMessage) bool {
	return len(value) == 0 || string(bytes.TrimSpace(value)) == "null"
}

// orNothing treats null like a missing key: YAML's "if:" without a value is null.
func orNothing(value json.RawMessage) json.RawMessage {
	if isNull(value) {
		return nil
	}
	return value
}
