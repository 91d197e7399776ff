package entity

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/portico-dev/portico/plainjson"
)

// Order is the order of the keys of a document. The zero value is the alphabetical order.
type Order struct{ root *keyOrder }

// Marshal encodes an entity with its keys in the order of like, an earlier form of the same document (a
// Document's Source). So people see the order that they wrote, and a template's form asks its questions in
// that order. Keys that like lacks follow, sorted. With a nil like, all keys are sorted.
func Marshal(e Entity, like json.RawMessage) (json.RawMessage, error) {
	var order Order
	if len(like) > 0 {
		var err error
		if _, order.root, err = decode(like); err != nil {
			return nil, err
		}
	}
	return order.Marshal(e)
}

// Marshal is the function Marshal with a known order.
func (o Order) Marshal(e Entity) (json.RawMessage, error) {
	if e == nil {
		return json.RawMessage("null"), nil
	}
	var out bytes.Buffer
	if err := writeOrdered(&out, map[string]any(e), o.root); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Complete is the order of all keys of an entity, as Marshal writes them: what Decode reads in the result of Marshal.
func (o Order) Complete(e Entity) Order { return Order{completed(map[string]any(e), o.root)} }

func completed(value any, order *keyOrder) *keyOrder {
	full := &keyOrder{}
	switch value := value.(type) {
	case map[string]any:
		if order != nil {
			for i, key := range order.keys {
				if below, present := value[key]; present {
					full.set(key, completed(below, order.values[i]))
				}
			}
		}
		if len(full.keys) == len(value) {
			return full
		}
		for _, key := range sortedKeys(value) {
			if full.position(key) < 0 {
				full.set(key, completed(value[key], nil))
			}
		}
	case []any:
		for i, item := range value {
			full.values = append(full.values, completed(item, order.at(i)))
		}
	default:
		return nil
	}
	return full
}

// keyOrder is the order of an object's keys and, recursively, of its values' keys: values has one order for
// each key. For an array, keys is empty and values holds one order per element. Nil is the order of a scalar,
// or an unknown order.
type keyOrder struct {
	keys   []string
	values []*keyOrder
	// positions are those of the keys, once they are many.
	positions map[string]int
}

// manyKeys is the number of keys above which looking through all of them takes longer than a map.
const manyKeys = 32

// set adds a key, or replaces the order of its value.
func (o *keyOrder) set(key string, value *keyOrder) {
	if at := o.position(key); at >= 0 {
		o.values[at] = value
		return
	}
	o.keys, o.values = append(o.keys, key), append(o.values, value)
	if len(o.keys) == manyKeys {
		o.positions = make(map[string]int, 2*manyKeys)
		for i, known := range o.keys {
			o.positions[known] = i
		}
	} else if o.positions != nil {
		o.positions[key] = len(o.keys) - 1
	}
}

// position is the position of a key, -1 when it is unknown.
func (o *keyOrder) position(key string) int {
	if o == nil {
		return -1
	}
	if o.positions == nil {
		return slices.Index(o.keys, key)
	}
	if at, known := o.positions[key]; known {
		return at
	}
	return -1
}

// at is the order of the value at a position, nil where none is known.
func (o *keyOrder) at(position int) *keyOrder {
	if o == nil || position >= len(o.values) {
		return nil
	}
	return o.values[position]
}

func writeOrdered(out *bytes.Buffer, value any, order *keyOrder) error {
	switch value := value.(type) {
	case map[string]any:
		return writeOrderedObject(out, value, order)
	case []any:
		out.WriteByte('[')
		for i, item := range value {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := writeOrdered(out, item, order.at(i)); err != nil {
				return err
			}
		}
		out.WriteByte(']')
		return nil
	default:
		return plainjson.Write(out, value)
	}
}

// writeOrderedObject writes the known keys in their order, and then the others, sorted.
func writeOrderedObject(out *bytes.Buffer, object map[string]any, order *keyOrder) error {
	out.WriteByte('{')
	written, err := writeKnown(out, object, order)
	if err == nil && written < len(object) {
		err = writeOthers(out, object, order, written)
	}
	out.WriteByte('}')
	return err
}

// writeKnown writes the members whose keys have an order, and returns their number.
func writeKnown(out *bytes.Buffer, object map[string]any, order *keyOrder) (written int, err error) {
	if order == nil {
		return 0, nil
	}
	for i, key := range order.keys {
		value, present := object[key]
		if !present {
			continue
		}
		if err := writeMember(out, written, key, value, order.values[i]); err != nil {
			return written, err
		}
		written++
	}
	return written, nil
}

// writeOthers writes the other members, after some that were written.
func writeOthers(out *bytes.Buffer, object map[string]any, order *keyOrder, written int) error {
	for _, key := range sortedKeys(object) {
		if order.position(key) >= 0 {
			continue
		}
		if err := writeMember(out, written, key, object[key], nil); err != nil {
			return err
		}
		written++
	}
	return nil
}

func writeMember(out *bytes.Buffer, before int, key string, value any, order *keyOrder) error {
	if before > 0 {
		out.WriteByte(',')
	}
	if err := plainjson.Write(out, key); err != nil {
		return err
	}
	out.WriteByte(':')
	return writeOrdered(out, value, order)
}
