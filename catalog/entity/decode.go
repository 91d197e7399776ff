package entity

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// Decode decodes a document and returns the order of its keys, too. A document that is not an object is an
// error.
func Decode(document json.RawMessage) (Entity, Order, error) {
	value, order, err := decode(document)
	if err != nil {
		return nil, Order{}, err
	}
	if object, is := value.(map[string]any); is {
		return object, Order{order}, nil
	}
	var none Entity
	return none, Order{}, json.Unmarshal(document, &none) // says what it is instead
}

// decode decodes JSON into the same values as encoding/json, and reads the order of keys in the same pass.
// Every entity is decoded several times on its way into the catalog, and encoding/json reads an order only
// token by token, which takes ten times as long. What decoder does not read, encoding/json does.
func decode(document []byte) (value any, order *keyOrder, err error) {
	d := decoder{data: document}
	if value, order, ok := d.value(0); ok && d.atEnd() {
		return value, order, nil
	}
	if err := json.Unmarshal(document, &value); err != nil {
		return nil, nil, err
	}
	order, err = readKeyOrder(json.NewDecoder(bytes.NewReader(document)))
	return value, order, err
}

// decoder reads the JSON that documents consist of. Its methods return false for anything else, wrong or rare.
type decoder struct {
	data []byte
	at   int
}

// maxDecoded bounds the depth of what decoder reads, which is more than a document of a file can have.
const maxDecoded = 2 * maxDepth

func (d *decoder) value(depth int) (any, *keyOrder, bool) {
	if depth > maxDecoded {
		return nil, nil, false
	}
	switch c := d.next(); {
	case c == '{':
		return d.object(depth)
	case c == '[':
		return d.array(depth)
	case c == '"':
		text, ok := d.text()
		return text, nil, ok
	case c == 't':
		return true, nil, d.skip("true")
	case c == 'f':
		return false, nil, d.skip("false")
	case c == 'n':
		return nil, nil, d.skip("null")
	default:
		number, ok := d.number()
		return number, nil, ok
	}
}

func (d *decoder) object(depth int) (any, *keyOrder, bool) {
	object, order := map[string]any{}, &keyOrder{}
	d.at++
	if d.next() == '}' {
		d.at++
		return object, order, true
	}
	for {
		if d.next() != '"' {
			return nil, nil, false
		}
		key, ok := d.text()
		if !ok || d.next() != ':' {
			return nil, nil, false
		}
		d.at++
		value, below, ok := d.value(depth + 1)
		if !ok {
			return nil, nil, false
		}
		object[key] = value
		order.set(key, below)
		if end, ok := d.separator('}'); end || !ok {
			return object, order, ok
		}
	}
}

func (d *decoder) array(depth int) (any, *keyOrder, bool) {
	items, order := []any{}, &keyOrder{}
	d.at++
	if d.next() == ']' {
		d.at++
		return items, order, true
	}
	for {
		item, below, ok := d.value(depth + 1)
		if !ok {
			return nil, nil, false
		}
		items, order.values = append(items, item), append(order.values, below)
		if end, ok := d.separator(']'); end || !ok {
			return items, order, ok
		}
	}
}

// separator reads what follows a member: a comma, or the end.
func (d *decoder) separator(closing byte) (end, ok bool) {
	c := d.next()
	d.at++
	return c == closing, c == closing || c == ','
}

// text reads a string, with the help of encoding/json unless it is plain ASCII.
func (d *decoder) text() (string, bool) {
	begin := d.at
	isPlain := true
	for d.at++; d.at < len(d.data); d.at++ {
		switch c := d.data[d.at]; {
		case c == '"':
			d.at++
			if isPlain {
				return string(d.data[begin+1 : d.at-1]), true
			}
			var text string
			err := json.Unmarshal(d.data[begin:d.at], &text)
			return text, err == nil
		case c == '\\':
			isPlain = false
			d.at++
		case c < ' ':
			return "", false
		case c >= 0x80:
			isPlain = false
		}
	}
	return "", false
}

// number reads an integer of up to 15 digits. encoding/json reads the others.
func (d *decoder) number() (float64, bool) {
	begin := d.at
	for d.at < len(d.data) && (d.data[d.at] == '-' && d.at == begin || d.data[d.at] >= '0' && d.data[d.at] <= '9') {
		d.at++
	}
	digits := bytes.TrimPrefix(d.data[begin:d.at], []byte("-"))
	isShort := len(digits) > 0 && len(digits) <= 15 && (digits[0] != '0' || begin+1 == d.at)
	if !isShort || d.at < len(d.data) && strings.IndexByte(".eE", d.data[d.at]) >= 0 {
		return d.anyNumber(begin)
	}
	number, err := strconv.ParseInt(string(d.data[begin:d.at]), 10, 64)
	return float64(number), err == nil
}

func (d *decoder) anyNumber(begin int) (number float64, ok bool) {
	for d.at < len(d.data) && strings.IndexByte("+-.eE0123456789", d.data[d.at]) >= 0 {
		d.at++
	}
	err := json.Unmarshal(d.data[begin:d.at], &number)
	return number, err == nil
}

// skip reads a literal.
func (d *decoder) skip(literal string) bool {
	if !bytes.HasPrefix(d.data[d.at:], []byte(literal)) {
		return false
	}
	d.at += len(literal)
	return true
}

// next is the next character that is no white space, 0 at the end. It stays the next one.
func (d *decoder) next() byte {
	for ; d.at < len(d.data); d.at++ {
		if c := d.data[d.at]; c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
	}
	return 0
}

func (d *decoder) atEnd() bool { return d.next() == 0 && d.at >= len(d.data) }

// readKeyOrder reads the order of the keys of any JSON.
func readKeyOrder(decoder *json.Decoder) (*keyOrder, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	opening, compound := token.(json.Delim)
	if !compound {
		return nil, nil // nil is the order of a scalar
	}
	order := &keyOrder{}
	for decoder.More() {
		var key string
		if opening == '{' {
			if token, err = decoder.Token(); err != nil {
				return nil, err
			}
			key = text(token)
		}
		value, err := readKeyOrder(decoder)
		if err != nil {
			return nil, err
		}
		if opening == '{' {
			order.set(key, value)
		} else {
			order.values = append(order.values, value)
		}
	}
	_, err = decoder.Token()
	return order, err
}
