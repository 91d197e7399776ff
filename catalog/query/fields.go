package query

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/portico-dev/portico/fault"
)

// Fields are the paths of a projection. Nil keeps whole documents.
type Fields [][]string

// ParseFields reads dotted paths. Faults are of kind Input.
func ParseFields(paths []string) (Fields, error) {
	if len(paths) > maxFields {
		return nil, fault.New(fault.Input, "Invalid fields, there are more than the %d that are kept at once", maxFields)
	}
	var fields Fields
	for _, path := range paths {
		path = strings.TrimSpace(path)
		if path == "" {
			continue
		}
		if strings.Contains(path, "[") {
			return nil, fault.New(fault.Input, `Invalid field "%s", array type fields are not supported`, path)
		}
		fields = append(fields, strings.Split(path, "."))
	}
	return fields, nil
}

// Project keeps the fields of a document, in the requested order. The content of a kept path stays as it was
// written. A path step that is not a key is joined with the next one, so that keys with dots are found.
func (f Fields) Project(document json.RawMessage) (json.RawMessage, error) {
	if f == nil {
		return document, nil
	}
	source := &tree{raw: document}
	picked := &tree{}
	for _, path := range f {
		if err := copyPath(source, picked, path); err != nil {
			return nil, err
		}
	}
	var out bytes.Buffer
	picked.write(&out)
	return out.Bytes(), nil
}

// tree is a JSON value that is parsed as far as needed.
type tree struct {
	raw     json.RawMessage
	keys    []string
	members map[string]*tree
}

func copyPath(source, picked *tree, path []string) error {
	key := ""
	for i, step := range path {
		if key += step; i == len(path)-1 {
			break
		}
		inside, err := source.member(key)
		if err != nil {
			return err
		}
		if inside == nil {
			key += "."
			continue
		}
		if !inside.isObject() {
			return nil
		}
		if picked.raw != nil {
			return nil // an earlier path kept all of it
		}
		return copyPath(inside, picked.open(key), path[i+1:])
	}
	value, err := source.member(key)
	if err != nil || value == nil || picked.raw != nil {
		return err
	}
	picked.open(key).raw = value.raw
	return nil
}

// member returns the value of a key, nil when there is none.
func (t *tree) member(key string) (*tree, error) {
	if t.members == nil {
		if !t.isObject() {
			return nil, nil // nothing is inside a scalar
		}
		var raw map[string]json.RawMessage
		if err := json.Unmarshal(t.raw, &raw); err != nil {
			return nil, fmt.Errorf("project a document: %w", err)
		}
		t.members = make(map[string]*tree, len(raw))
		for name, value := range raw {
			t.members[name] = &tree{raw: value}
		}
	}
	return t.members[key], nil
}

func (t *tree) isObject() bool {
	return bytes.HasPrefix(bytes.TrimLeft(t.raw, " \t\r\n"), []byte("{"))
}

// open returns the member of a tree that is being built, and adds it if it is missing.
func (t *tree) open(key string) *tree {
	if t.members == nil {
		t.members = map[string]*tree{}
	}
	inside, there := t.members[key]
	if !there {
		inside = &tree{}
		t.members[key] = inside
		t.keys = append(t.keys, key)
	}
	return inside
}

func (t *tree) write(out *bytes.Buffer) {
	if t.raw != nil {
		out.Write(t.raw)
		return
	}
	out.WriteByte('{')
	first := true
	for _, key := range t.keys {
		member := t.members[key]
		if member.raw == nil && len(member.keys) == 0 {
			continue // the path does not exist
		}
		if !first {
			out.WriteByte(',')
		}
		first = false
		out.WriteString(quote(key))
		out.WriteByte(':')
		member.write(out)
	}
	out.WriteByte('}')
}

func quote(key string) string {
	name, err := json.Marshal(key)
	if err != nil {
		panic(err) // a string is always encodable
	}
	return string(name)
}
