// Package plainjson encodes JSON as JavaScript does: with encoding/json, but without its escaping of <, > and
// &, which is for JSON within HTML. So people read the characters that they wrote.
package plainjson

import (
	"bytes"
	"encoding/json"
)

// Marshal is json.Marshal without HTML escaping. Keys of maps are sorted.
func Marshal(value any) ([]byte, error) {
	var out bytes.Buffer
	err := Write(&out, value)
	return out.Bytes(), err
}

// MarshalIndent is Marshal with each member and element on a line of its own, indented by its depth.
func MarshalIndent(value any, indent string) ([]byte, error) {
	encoded, err := Marshal(value)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = json.Indent(&out, encoded, "", indent)
	return out.Bytes(), err
}

// Write appends the result of Marshal to a buffer. On an error it appends nothing.
func Write(out *bytes.Buffer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err
	}
	out.Truncate(out.Len() - len("\n"))
	return nil
}
