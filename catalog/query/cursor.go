package query

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/plainjson"
)

// Cursor is a position in a sorted and filtered set. Clients get it as base64 of its JSON. The form is
// Backstage's, whose client looks for "query" in it to decide how to request the next page.
type Cursor struct {
	OrderFields []CursorOrder `json:"orderFields"`
	IsPrevious  bool          `json:"isPrevious"`
	FullText    FullText      `json:"fullTextFilter"`
	// OrderFieldValues is the position: the order field's value if there is one, then the uid.
	OrderFieldValues []string `json:"orderFieldValues,omitempty"`
	// Query is the filter as a predicate, empty without one.
	Query json.RawMessage `json:"query,omitempty"`
	// FirstSortFieldValues is the position of the first item of the first page. There is no page before it.
	FirstSortFieldValues []string `json:"firstSortFieldValues,omitempty"`
	// TotalItems is the count from the first page, nil when it was not requested.
	TotalItems *int `json:"totalItems,omitempty"`
}

// OrderByShownName is the field that sorts entities by the name that portals show: title, display name or
// name.
const OrderByShownName = "portico:title"

// CursorOrder is the field by which a cursor's set is sorted.
type CursorOrder struct {
	Field string `json:"field"`
	Order string `json:"order,omitempty"`
}

// key is the key of the search rows of the field.
func (o CursorOrder) key() string {
	if o.Field == OrderByShownName {
		return entity.KeyShownName
	}
	return o.Field
}

// NewCursor returns the cursor of the first page.
func NewCursor(filter Filter, text FullText, orders []CursorOrder) (Cursor, error) {
	if orders == nil {
		orders = []CursorOrder{}
	}
	cursor := Cursor{OrderFields: orders, FullText: text}
	if filter == nil {
		return cursor, nil
	}
	var err error
	if cursor.Query, err = plainjson.Marshal(filter.predicate()); err != nil {
		return Cursor{}, fmt.Errorf("encode the filter of a cursor: %w", err)
	}
	return cursor, nil
}

// Encode encodes the cursor for a client.
func (c Cursor) Encode() (string, error) {
	data, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encode a cursor: %w", err)
	}
	return base64.StdEncoding.EncodeToString(data), nil
}

// DecodeCursor decodes a cursor that a client sent.
func DecodeCursor(encoded string) (Cursor, error) {
	data := lenientBase64(encoded)
	if problem := plainjson.SyntaxProblem(data); problem != "" {
		return Cursor{}, fault.New(fault.Input, "Malformed cursor: SyntaxError: %s", problem)
	}
	var cursor Cursor
	if err := json.Unmarshal(data, &cursor); err != nil {
		return Cursor{}, fault.Wrap(fault.Input, err, "Malformed cursor: it is not one that this server gave out")
	}
	if _, err := cursor.Page(0); err != nil {
		return Cursor{}, err
	}
	return cursor, nil
}

// Page returns the query for the cursor's page.
func (c Cursor) Page(limit int) (Page, error) {
	filter, err := ParsePredicate(c.Query)
	if err != nil {
		return Page{}, err
	}
	page := Page{Filter: filter, FullText: c.FullText, Backwards: c.IsPrevious, Limit: limit}
	if len(c.OrderFields) > 0 {
		page.Order = &Order{Key: c.OrderFields[0].key(), Descending: c.OrderFields[0].Order == "desc"}
	}
	if len(c.OrderFieldValues) == 0 {
		return page, nil
	}
	page.After, err = PositionOf(c.OrderFieldValues)
	if err != nil || (page.Order == nil) != (page.After.Value == nil) {
		return Page{}, fault.New(fault.Input, "Malformed cursor: its position does not fit its order")
	}
	return page, nil
}

// PositionOf reads a position of a cursor: the order field's value, if there is one, and the uid.
func PositionOf(values []string) (*Position, error) {
	at := &Position{}
	last := len(values) - 1
	if last < 0 || last > 1 {
		return nil, fmt.Errorf("a position of %d values", len(values))
	}
	if last == 1 {
		at.Value = &values[0]
	}
	var err error
	at.UID, err = uuid.Parse(values[last])
	return at, err
}

// After is the position in the link header of GET /entities.
type After struct {
	Limit  *int `json:"limit,omitempty"`
	Offset *int `json:"offset,omitempty"`
}

// Encode encodes the position for a client.
func (a After) Encode() (string, error) {
	data, err := json.Marshal(a)
	if err != nil {
		return "", fmt.Errorf("encode a link's cursor: %w", err)
	}
	return base64.StdEncoding.EncodeToString(data), nil
}

// DecodeAfter decodes a position that a client sent.
func DecodeAfter(encoded string) (After, error) {
	var after After
	err := json.Unmarshal(lenientBase64(encoded), &after)
	negative := func(n *int) bool { return n != nil && *n < 0 }
	if err != nil || negative(after.Limit) || negative(after.Offset) {
		return After{}, fault.New(fault.Input, "Malformed after cursor, could not be parsed")
	}
	return after, nil
}

// lenientBase64 decodes as JavaScript's Buffer does: it accepts either alphabet and missing padding, and
// skips other characters.
func lenientBase64(encoded string) []byte {
	encoded, _, _ = strings.Cut(encoded, "=")
	alphabet := strings.Map(func(c rune) rune {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/':
			return c
		case c == '-':
			return '+'
		case c == '_':
			return '/'
		default:
			return -1
		}
	}, encoded)
	if len(alphabet)%4 == 1 {
		alphabet = alphabet[:len(alphabet)-1]
	}
	data, err := base64.RawStdEncoding.DecodeString(alphabet)
	if err != nil {
		return nil // cannot happen: every character is of the alphabet
	}
	return data
}
