package template

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/portico-dev/portico/plainjson"
)

// member is one key of a JSON object, its value untouched.
type member struct {
	key   string
	value json.RawMessage
}

// members reads a JSON object without losing the order of its keys.
func members(object json.RawMessage) ([]member, error) {
	decoder := json.NewDecoder(bytes.NewReader(object))
	open, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	if open != json.Delim('{') {
		return nil, fmt.Errorf("wants an object, got %s", describe(object))
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
		name, _ := key.(string) // JSON has no other keys
		found = append(found, member{name, value})
	}
	return found, nil
}

// with is object with the keys set: in place where they exist, at the end where they do not.
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

// text is a JSON string without HTML escaping.
func text(s string) json.RawMessage {
	encoded, _ := plainjson.Marshal(s) // a string always encodes
	return encoded
}

func describe(value json.RawMessage) string {
	switch value = bytes.TrimSpace(value); {
	case len(value) == 0:
		return "nothing"
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

// orNothing takes null for a key that was left out, as YAML's "if:" with nothing after it is meant.
func orNothing(value json.RawMessage) json.RawMessage {
	if isNull(value) {
		return nil
	}
	return value
}
