package query

import (
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// Statement is SQL and its parameters.
type Statement struct {
	SQL  string
	Args []any
}

// Order is one field to sort by: its key, and whether the greatest comes first.
type Order struct {
	Key        string
	Descending bool
}

// FullText finds Term as a part of a value of one of Fields. An empty term finds everything.
type FullText struct {
	Term   string   `json:"term"`
	Fields []string `json:"fields,omitempty"`
}

// Position is a place in a sorted set of entities: the value of the order field there (nil without one) and the uid.
type Position struct {
	Value *string
	UID   uuid.UUID
}

// Page asks for a part of the entities in the order of a cursor: by one field, or by uid.
type Page struct {
	Filter   Filter
	FullText FullText
	// Order is nil for the order of uids. Entities that lack its field are not part of the set at all.
	Order *Order
	// After is where the part begins, exclusive; nil is the beginning.
	After *Position
	// Backwards reads from After towards the beginning.
	Backwards     bool
	Offset, Limit int
}

// Select finds the page's rows: uid, order value, document.
func (p Page) Select() Statement {
	b := &builder{}
	descending := p.Backwards
	if p.Order == nil {
		b.text("select e.entity_id, null::text, e.entity from catalog_entities e where true")
		if p.After != nil {
			b.text(" and e.entity_id ", comparison(descending), " ", b.arg(p.After.UID))
		}
		b.and(p.condition(), "e.entity_id")
		b.text(" order by e.entity_id", direction(descending))
	} else {
		descending = p.Backwards != p.Order.Descending
		b.text("select o.entity_id, o.value, e.entity from catalog_search o join catalog_entities e on e.entity_id = o.entity_id",
			" where o.key = ", b.arg(strings.ToLower(p.Order.Key)), " and o.value is not null")
		if p.After != nil && p.After.Value != nil {
			b.text(" and (o.value, o.entity_id) ", comparison(descending),
				" (", b.arg(*p.After.Value), ", ", b.arg(p.After.UID), ")")
		}
		b.and(p.condition(), "o.entity_id")
		b.text(" order by o.value", direction(descending), ", o.entity_id", direction(descending))
	}
	b.text(" limit ", b.arg(p.Limit), " offset ", b.arg(p.Offset))
	return b.statement()
}

// Count counts the whole set that the page is a part of.
func (p Page) Count() Statement {
	b := &builder{}
	condition := p.condition()
	switch {
	case p.Order != nil:
		b.text("select count(*) from catalog_search o where o.key = ", b.arg(strings.ToLower(p.Order.Key)), " and o.value is not null")
		b.and(condition, "o.entity_id")
	case condition == nil:
		b.text("select count(*) from catalog_entities")
	default:
		b.text("select count(*) from (")
		b.ids(condition)
		b.text(") matching")
	}
	return b.statement()
}

func (p Page) condition() Filter {
	var text Filter
	if p.FullText.Term != "" {
		text = p.FullText.filter(p.Order)
	}
	filter := And(p.Filter, text)
	if filter == nil {
		return nil
	}
	return normalize(filter, false)
}

// List asks for entities sorted by any number of fields, those that lack a field last; by offset, not by cursor.
type List struct {
	Filter Filter
	// Orders compare keys as they are written: keys are stored in lower case.
	Orders []Order
	// ByRef sorts by reference where Orders leave a tie; otherwise by uid.
	ByRef  bool
	Offset int
	// Limit of 0 or less is no limit.
	Limit int
}

// Select finds the list's documents.
func (l List) Select() Statement {
	b := &builder{}
	b.text("select e.entity from catalog_entities e")
	var sorting []string
	for _, order := range l.Orders {
		alias := b.alias("o")
		b.text(" left join catalog_search ", alias, " on ", alias, ".entity_id = e.entity_id and ", alias, ".key = ", b.arg(order.Key))
		sorting = append(sorting, alias+".value"+direction(order.Descending)+" nulls last")
	}
	b.text(" where true")
	if l.Filter != nil {
		b.and(normalize(l.Filter, false), "e.entity_id")
	}
	tie := "e.entity_id"
	if l.ByRef && len(l.Orders) == 0 {
		tie = "e.entity_ref"
	}
	b.text(" order by ", strings.Join(append(sorting, tie), ", "))
	if l.Limit > 0 {
		b.text(" limit ", b.arg(l.Limit))
	}
	if l.Offset > 0 {
		b.text(" offset ", b.arg(l.Offset))
	}
	return b.statement()
}

// Facets counts the values of each key among the entities that pass the filter: key, value, count.
func Facets(keys []string, filter Filter) Statement {
	b := &builder{}
	b.text("select s.key, s.original_value, count(*) from catalog_search s where s.key = any (", b.arg(lower(keys)),
		") and s.original_value is not null")
	if filter != nil {
		b.and(normalize(filter, false), "s.entity_id")
	}
	b.text(" group by s.key, s.original_value order by s.key, s.original_value")
	return b.statement()
}

// ByRefs finds entities by their references, in lower case: reference, document.
func ByRefs(refs []string, filter Filter) Statement {
	b := &builder{}
	b.text("select e.entity_ref, e.entity from catalog_entities e where e.entity_ref = any (", b.arg(lower(refs)), ")")
	if filter != nil {
		b.and(normalize(filter, false), "e.entity_id")
	}
	return b.statement()
}

// ByUID finds the document of one entity.
func ByUID(uid uuid.UUID, filter Filter) Statement {
	b := &builder{}
	b.text("select e.entity from catalog_entities e where e.entity_id = ", b.arg(uid))
	if filter != nil {
		b.and(normalize(filter, false), "e.entity_id")
	}
	return b.statement()
}

// fullText is the leaf that FullText becomes.
type fullText struct {
	keys    []string
	pattern string
}

func (t fullText) predicate() any { return nil } // never stored: a cursor carries the FullText itself

// filter looks into the given fields, else into the order field, else into the uid, as Backstage does. The wildcards of
// LIKE keep their meaning in the term.
func (t FullText) filter(order *Order) Filter {
	keys := t.Fields
	switch {
	case len(keys) > 0:
	case order != nil:
		keys = []string{order.Key}
	default:
		keys = []string{"metadata.uid"}
	}
	term := strings.ReplaceAll(strings.ToLower(t.Term), `\`, `\\`)
	return fullText{keys: lower(keys), pattern: "%" + term + "%"}
}

// builder writes one statement.
type builder struct {
	sql     strings.Builder
	args    []any
	aliases int
}

func (b *builder) text(parts ...string) {
	for _, part := range parts {
		b.sql.WriteString(part)
	}
}

// arg adds a parameter and names its place.
func (b *builder) arg(value any) string {
	switch v := value.(type) {
	case string:
		value = storable(v)
	case []string:
		for i := range v {
			v[i] = storable(v[i])
		}
	}
	b.args = append(b.args, value)
	return "$" + strconv.Itoa(len(b.args))
}

// storable replaces what Postgres refuses to take as text, and what therefore no row holds.
func storable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

func lower(values []string) []string {
	folded := make([]string, len(values))
	for i, value := range values {
		folded[i] = strings.ToLower(value)
	}
	return folded
}

func (b *builder) alias(prefix string) string {
	b.aliases++
	return prefix + strconv.Itoa(b.aliases)
}

func (b *builder) statement() Statement { return Statement{SQL: b.sql.String(), Args: b.args} }

// and adds a normalized condition on the entity whose id is the expression id.
func (b *builder) and(f Filter, id string) {
	if f == nil {
		return
	}
	b.text(" and ")
	b.condition(f, id)
}

// condition writes f as a boolean expression. Conjunctions become semi-joins, which the planner may drive from either side;
// alternatives over several keys are looked up as a set.
func (b *builder) condition(f Filter, id string) {
	switch f := f.(type) {
	case All:
		b.text("(true")
		for _, part := range f {
			b.and(part, id)
		}
		b.text(")")
	case Any:
		b.text(id, " in (")
		b.ids(f)
		b.text(")")
	case Not:
		b.text("not ")
		b.condition(f.Filter, id)
	default:
		alias := b.alias("s")
		b.text("exists (select from catalog_search ", alias, " where ", alias, ".entity_id = ", id, " and ")
		b.leaf(f, alias)
		b.text(")")
	}
}

// ids writes the set of the ids of the entities that pass f, each once.
func (b *builder) ids(f Filter) {
	switch f := f.(type) {
	case All:
		b.conjunctionIDs(f)
	case Any:
		if len(f) == 0 {
			b.text("select entity_id from catalog_entities where false")
		}
		for i, part := range f {
			if i > 0 {
				b.text(" union ")
			}
			b.text("(")
			b.ids(part)
			b.text(")")
		}
	case Not:
		alias := b.alias("e")
		b.text("select ", alias, ".entity_id from catalog_entities ", alias, " where ")
		b.condition(f, alias+".entity_id")
	default:
		b.conjunctionIDs(All{f})
	}
}

// conjunctionIDs starts from the rows of one condition, so that the documents' table is not touched at all, and asks the others of each.
func (b *builder) conjunctionIDs(filters All) {
	base := baseCondition(filters)
	if base < 0 {
		alias := b.alias("e")
		b.text("select ", alias, ".entity_id from catalog_entities ", alias, " where true")
		for _, f := range filters {
			b.and(f, alias+".entity_id")
		}
		return
	}
	alias := b.alias("s")
	b.text("select distinct ", alias, ".entity_id from catalog_search ", alias, " where ")
	b.leaf(filters[base], alias)
	for i, f := range filters {
		if i != base {
			b.and(f, alias+".entity_id")
		}
	}
}

// baseCondition is the condition likeliest to have few rows: an equality, else any leaf, else none (-1).
func baseCondition(filters All) int {
	leaf := -1
	for i, f := range filters {
		switch f.(type) {
		case Match:
			return i
		case Exists, Prefix, fullText:
			leaf = i
		}
	}
	return leaf
}

// leaf writes what a search row must be.
func (b *builder) leaf(f Filter, alias string) {
	switch f := f.(type) {
	case Match:
		b.text(alias, ".key = ", b.arg(strings.ToLower(f.Key)), " and ", alias, ".value ")
		if len(f.Values) == 1 {
			b.text("= ", b.arg(strings.ToLower(f.Values[0])))
			return
		}
		b.text("= any (", b.arg(lower(f.Values)), ")")
	case Exists:
		b.text(alias, ".key = ", b.arg(strings.ToLower(f.Key)))
	case Prefix:
		prefix := strings.ToLower(f.Prefix)
		// A range of the index: the greatest character there is closes it.
		b.text(alias, ".key = ", b.arg(strings.ToLower(f.Key)), " and ", alias, ".value between ",
			b.arg(prefix), " and ", b.arg(prefix+"\U0010FFFF"))
	case fullText:
		b.text(alias, ".key = any (", b.arg(f.keys), ") and ", alias, ".value like ", b.arg(f.pattern))
	default:
		b.text("false")
	}
}

func direction(descending bool) string {
	if descending {
		return " desc"
	}
	return " asc"
}

func comparison(descending bool) string {
	if descending {
		return "<"
	}
	return ">"
}
