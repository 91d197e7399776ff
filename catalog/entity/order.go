package entity

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/portico-dev/portico/plainjson"
)

// Marshal encodes an entity with its keys in the order of like, an earlier form of the same document (a
// Document's Source). So people see the order that they wrote, and a template's form asks its questions in
// that order. Keys that like lacks follow, sorted. With a nil like, all keys are sorted.
func Marshal(e Entity, like json.RawMessage) (json.RawMessage, error) {
	if e == nil {
		return json.RawMessage("null"), nil
	}
	var order *keyOrder
	if len(like) > 0 {
		var err error
		if order, err = readKeyOrder(json.NewDecoder(bytes.NewReader(like))); err != nil {
			return nil, err
		}
	}
	var out bytes.Buffer
	if err := writeOrdered(&out, map[string]any(e), order); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// keyOrder is the order of an object's keys and, recursively, of its values' keys. For an array, keys is
// empty and items holds one order per element. Nil is the order of a scalar, or an unknown order.
type keyOrder struct {
	keys   []string
	values map[string]*keyOrder
	items  []*keyOrder
}

func readKeyOrder(decoder *json.Decoder) (*keyOrder, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	opening, compound := token.(json.Delim)
	if !compound {
		return nil, nil // nil is the order of a scalar
	}
	order := &keyOrder{values: map[string]*keyOrder{}}
	for decoder.More() {
		if opening == '{' {
			err = order.readMember(decoder)
		} else {
			err = order.readItem(decoder)
		}
		if err != nil {
			return nil, err
		}
	}
	_, err = decoder.Token()
	return order, err
}

func (o *keyOrder) readMember(decoder *json.Decoder) error {
	token, err := decoder.Token()
	if err != nil {
		return err
	}
	value, err := readKeyOrder(decoder)
	if err != nil {
		return err
	}
	key := text(token)
	if _, seen := o.values[key]; !seen {
		o.keys = append(o.keys, key)
	}
	o.values[key] = value
	return nil
}

func (o *keyOrder) readItem(decoder *json.Decoder) error {
	item, err := readKeyOrder(decoder)
	o.items = append(o.items, item)
	return err
}

// sort lists the keys of object: first the known ones in their order, then the others sorted.
func (o *keyOrder) sort(object map[string]any) []string {
	keys := make([]string, 0, len(object))
	if o != nil {
		for _, key := range o.keys {
			if _, present := object[key]; present {
				keys = append(keys, key)
			}
		}
	}
	known := len(keys)
	for key := range object {
		if o == nil || !o.knows(key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys[known:])
	return keys
}

func (o *keyOrder) knows(key string) bool {
	_, known := o.values[key]
	return known
}

func (o *keyOrder) member(key string) *keyOrder {
	if o == nil {
		return nil
	}
	return o.values[key]
}

func (o *keyOrder) item(i int) *keyOrder {
	if o == nil || i >= len(o.items) {
		return nil
	}
	return o.items[i]
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
			if err := writeOrdered(out, item, order.item(i)); err != nil {
				return err
			}
		}
		out.WriteByte(']')
		return nil
	default:
		return plainjson.Write(out, value)
	}
}

func writeOrderedObject(out *bytes.Buffer, object map[string]any, order *keyOrder) error {
	out.WriteByte('{')
	for i, key := range order.sort(object) {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := plainjson.Write(out, key); err != nil {
			return err
		}
		out.WriteByte(':')
		if err := writeOrdered(out, object[key], order.member(key)); err != nil {
			return err
		}
	}
	out.WriteByte('}')
	return nil
}
