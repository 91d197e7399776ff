// Package plainjson encodes JSON as JavaScript does: with encoding/json, but without its escaping of <, > and
// &, which is for JSON within HTML. So people read the characters that they wrote.
package plainjson

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
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
	if writeScalar(out, value) {
		return nil
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err
	}
	out.Truncate(out.Len() - len("\n"))
	return nil
}

// maxExact bounds the whole numbers that are written with all their digits.
const maxExact = 1 << 53

// writeScalar writes the scalars of which documents mostly consist. A json.Encoder for each would take most of
// the time of encoding a document. It returns false for other values, and writes nothing.
func writeScalar(out *bytes.Buffer, value any) bool {
	switch value := value.(type) {
	case nil:
		out.WriteString("null")
	case bool:
		out.Write(strconv.AppendBool(out.AvailableBuffer(), value))
	case float64:
		if value != math.Trunc(value) || math.Abs(value) > maxExact || value == 0 && math.Signbit(value) {
			return false
		}
		out.Write(strconv.AppendInt(out.AvailableBuffer(), int64(value), 10))
	case string:
		if !isPlain(value) {
			return false
		}
		out.WriteByte('"')
		out.WriteString(value)
		out.WriteByte('"')
	default:
		return false
	}
	return true
}

// isPlain reports whether a text is its own encoding.
func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
