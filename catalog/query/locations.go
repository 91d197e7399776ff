package query

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/fault"
)

// LocationCursor is a position among the registered locations that match a predicate, sorted by id.
type LocationCursor struct {
	Limit   int             `json:"limit"`
	AfterID string          `json:"afterId,omitempty"`
	Query   json.RawMessage `json:"query,omitempty"`
}

// Encode encodes the cursor for a client.
func (c LocationCursor) Encode() (string, error) {
	data, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encode a cursor: %w", err)
	}
	return base64.StdEncoding.EncodeToString(data), nil
}

// DecodeLocationCursor decodes a cursor that a client sent.
func DecodeLocationCursor(encoded string) (LocationCursor, error) {
	if encoded == "" {
		return LocationCursor{}, fault.New(fault.Input, "Cursor cannot be empty")
	}
	data := lenientBase64(encoded)
	if !json.Valid(data) {
		return LocationCursor{}, fault.New(fault.Input, "Malformed cursor, unknown encoding")
	}
	var cursor LocationCursor
	if err := json.Unmarshal(data, &cursor); err != nil || cursor.Limit < 1 {
		return LocationCursor{}, fault.New(fault.Input, "Malformed cursor, could not be parsed")
	}
	return cursor, nil
}

// Size is the maximum number of locations on a page.
func (c LocationCursor) Size() int { return min(c.Limit, MaxPage) }

// Statements select the cursor's page (whole rows, and one more than its limit) and count the whole set.
func (c LocationCursor) Statements() (page, count Statement, err error) {
	filter, err := ParsePredicate(c.Query)
	if err != nil {
		return Statement{}, Statement{}, err
	}
	after := uuid.Nil
	if c.AfterID != "" {
		if after, err = uuid.Parse(c.AfterID); err != nil {
			return Statement{}, Statement{}, fault.New(fault.Input, "Malformed cursor, could not be parsed")
		}
	}
	b := &builder{}
	b.text("select id, type, target, entity_ref, created_at, created_by from catalog_locations where id > ", b.arg(after))
	b.andLocation(filter)
	b.text(" order by id limit ", b.arg(c.Size()+1))
	counting := &builder{}
	counting.text("select count(*) from catalog_locations where true")
	counting.andLocation(filter)
	return b.statement(), counting.statement(), nil
}

// locationColumns are the fields that predicates may name. Every other field is absent from every location.
var locationColumns = map[string]string{"id": "id::text", "type": "type", "target": "target", "entityref": "entity_ref"}

func (b *builder) andLocation(f Filter) {
	if f == nil {
		return
	}
	b.text(" and ")
	b.locationCondition(f)
}

func (b *builder) locationCondition(f Filter) {
	switch f := f.(type) {
	case All:
		b.text("(true")
		for _, part := range f {
			b.andLocation(part)
		}
		b.text(")")
	case Any:
		b.text("(false")
		for _, part := range f {
			b.text(" or ")
			b.locationCondition(part)
		}
		b.text(")")
	case Not:
		b.text("not ")
		b.locationCondition(f.Filter)
	default:
		b.locationLeaf(f)
	}
}

func (b *builder) locationLeaf(f Filter) {
	switch f := f.(type) {
	case Match:
		if column, known := locationColumns[strings.ToLower(f.Key)]; known {
			b.text("lower(", column, ") = any (", b.arg(lower(f.Values)), ")")
			return
		}
	case Exists:
		if _, known := locationColumns[strings.ToLower(f.Key)]; known {
			b.text("true")
			return
		}
	case Prefix:
		if column, known := locationColumns[strings.ToLower(f.Key)]; known {
			b.text("starts_with(lower(", column, "), ", b.arg(strings.ToLower(f.Prefix)), ")")
			return
		}
	}
	b.text("false")
}
