package query

import (
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/catalog/entity"
)

// Order is one field to sort by: its key and its direction.
type Order struct {
	Key        string
	Descending bool
}

// FullText matches Term as a substring of a value of one of Fields. An empty term matches everything.
type FullText struct {
	Term   string   `json:"term"`
	Fields []string `json:"fields,omitempty"`
}

// Position is a position in a sorted set of entities: the value of the order field (nil without one) and the
// uid.
type Position struct {
	Value *string
	UID   uuid.UUID
}

// Page selects a part of the entities in the order of a cursor: by one field, or by uid.
type Page struct {
	Filter   Filter
	FullText FullText
	// Order is nil for the order of uids. The set excludes entities without its field.
	Order *Order
	// After is the exclusive beginning of the page. Nil is the beginning of the set.
	After *Position
	// Backwards reads from After towards the beginning.
	Backwards     bool
	Offset, Limit int
}

// Select returns the page's rows: uid, order value, the number of entities of all pages, document. The number is null
// unless finding the page counts them. It finds the page in the narrow search rows before it reads documents.
func (p Page) Select(readable Grant) Statement {
	b := &builder{}
	condition := p.scope(readable)
	total, counts := "null::bigint", p.countsAlong(condition)
	if counts {
		total = "p.total"
	}
	b.text("select p.entity_id, p.value, ", total, ", e.entity from (")
	p.selectPlaces(b, condition, counts)
	b.text(") p join catalog_entities e on e.entity_id = p.entity_id", p.sorting("p"))
	return b.statement()
}

// selectPlaces writes the selection of the entities of a page and their values, and of the number of all.
func (p Page) selectPlaces(b *builder, condition scope, total bool) {
	write := p.selectEntities
	if p.Order != nil {
		write = p.selectRows
	}
	rows := firstRows{limit: p.Limit, offset: p.Offset, columns: "entity_id, value", sorting: p.sorting, total: total}
	rows.walks = p.Order != nil && sortedKeys[strings.ToLower(p.Order.Key)] != ""
	rows.write(b, condition, write)
}

// countsAlong reports whether the statement of the page counts the whole set that it belongs to.
func (p Page) countsAlong(condition scope) bool {
	first, is := firstRows{limit: p.Limit, offset: p.Offset}.finds(condition)
	return is && len(first.others) == 0 && (p.Order == nil || isSingular(strings.ToLower(p.Order.Key)))
}

// selectEntities writes the selection of a page in the order of uids.
func (p Page) selectEntities(b *builder, s scope) {
	b.text("select e.entity_id, null::text as value from catalog_entities e where true")
	if p.After != nil {
		b.text(" and e.entity_id ", comparison(p.descending()), " ", b.arg(p.After.UID))
	}
	b.andEntity(s, "e")
	b.text(p.sorting("e"))
}

// selectRows writes the selection of a page in the order of a field.
func (p Page) selectRows(b *builder, s scope) {
	b.text("select o.entity_id, o.value from catalog_search o where ")
	p.ordered(b, s)
	if p.After != nil && p.After.Value != nil {
		b.text(" and (o.value, o.entity_id) ", comparison(p.descending()), " (", b.arg(*p.After.Value), ", ", b.arg(p.After.UID), ")")
	}
	b.text(p.sorting("o"))
}

// ordered writes the conditions on a search row o of the set. A full-text search in the order field applies
// to the row itself.
func (p Page) ordered(b *builder, condition scope) {
	key := strings.ToLower(p.Order.Key)
	b.text("o.key = ", b.sortedKey(key), " and o.value is not null")
	condition.rest = slices.DeleteFunc(slices.Clone(condition.rest), func(f Filter) bool {
		if probe, is := f.(probed); is {
			f = probe.Filter
		}
		text, isText := f.(fullText)
		if isHere := isText && slices.Equal(text.keys, []string{key}); !isHere {
			return false
		}
		b.text(" and o.value like ", b.arg(text.pattern))
		return true
	})
	b.andRow(condition, "o")
}

// sortedKeys are the keys of the index catalog_search_names, as they are written in a statement: a plan that is made
// without knowing the parameters could not use the index.
var sortedKeys = map[string]string{"metadata.name": "'metadata.name'", entity.KeyShownName: `E'metadata.title\x1f'`}

func (b *builder) sortedKey(key string) string {
	if literal := sortedKeys[key]; literal != "" {
		return literal
	}
	return b.arg(key)
}

func (p Page) descending() bool { return p.Backwards != (p.Order != nil && p.Order.Descending) }

func (p Page) sorting(alias string) string {
	last := alias + ".entity_id" + direction(p.descending())
	if p.Order == nil {
		return " order by " + last
	}
	return " order by " + alias + ".value" + direction(p.descending()) + ", " + last
}

// Count counts the whole set that the page belongs to.
func (p Page) Count(readable Grant) Statement {
	b := &builder{}
	condition := p.scope(readable)
	switch {
	case p.Order != nil && !isSingular(strings.ToLower(p.Order.Key)):
		b.text("select count(*) from catalog_search o where ")
		p.ordered(b, condition)
	case condition.repeats():
		b.text("select count(*) from (select distinct entity_id from (")
		b.scopeIDs(condition)
		b.text(") found) matching")
	default:
		b.text("select count(*) from (")
		b.scopeIDs(condition)
		b.text(") matching")
	}
	return b.statement()
}

func (p Page) scope(readable Grant) scope {
	return grantedScope(readable, And(p.Filter, p.FullText.filter(p.Order)))
}

// List selects entities sorted by any number of fields, with those that lack a field last; by offset, not by
// cursor.
type List struct {
	Filter Filter
	// Orders have keys in lower case, because keys are stored in lower case.
	Orders []Order
	// ByRef sorts by reference after Orders; otherwise uid decides.
	ByRef  bool
	Offset int
	// Limit of 0 or less is no limit.
	Limit int
}

// Select returns the list's documents. Like Page.Select, it reads narrow rows first.
func (l List) Select(readable Grant) Statement {
	b := &builder{}
	if len(l.Orders) == 1 && isSingular(l.Orders[0].Key) {
		l.selectByRow(b, readable)
	} else {
		l.selectBySorting(b, readable)
	}
	return b.statement()
}

// selectByRow is for an order in which every entity has one value: the index returns its rows sorted.
func (l List) selectByRow(b *builder, readable Grant) {
	page := Page{Filter: l.Filter, Order: &l.Orders[0], Limit: l.Limit, Offset: l.Offset}
	b.text("select e.entity from (")
	page.selectPlaces(b, page.scope(readable), false)
	b.text(") p join catalog_entities e on e.entity_id = p.entity_id", page.sorting("p"))
}

// IDs returns the ids of the list's entities in order.
func (l List) IDs(readable Grant) Statement {
	b := &builder{}
	var joins, sorting strings.Builder
	for _, order := range l.Orders {
		alias := b.alias("o")
		joins.WriteString(" left join catalog_search " + alias + " on " + alias + ".entity_id = e.entity_id and " + alias + ".key = " + b.arg(order.Key))
		sorting.WriteString(alias + ".value" + direction(order.Descending) + " nulls last, ")
	}
	b.text("select e.entity_id from catalog_entities e", joins.String(), " where true")
	b.andEntity(grantedScope(readable, l.Filter), "e")
	b.text(" order by ", sorting.String(), "e.", l.tie())
	b.limit(l.Limit, l.Offset)
	return b.statement()
}

// tie is the column that decides where Orders are equal.
func (l List) tie() string {
	if l.ByRef && len(l.Orders) == 0 {
		return "entity_ref"
	}
	return "entity_id"
}

func (l List) selectBySorting(b *builder, readable Grant) {
	var names, columns, joins, sorting strings.Builder
	for _, order := range l.Orders {
		alias := b.alias("o")
		names.WriteString(", " + alias)
		columns.WriteString(", " + alias + ".value as " + alias)
		joins.WriteString(" left join catalog_search " + alias + " on " + alias + ".entity_id = e.entity_id and " + alias + ".key = " + b.arg(order.Key))
		sorting.WriteString(alias + direction(order.Descending) + " nulls last, ")
	}
	order := func(alias string) string { return " order by " + sorting.String() + alias + "." + l.tie() }
	b.text("select d.entity from (")
	beginning := firstRows{limit: l.Limit, offset: l.Offset, columns: "entity_id, entity_ref" + names.String(), sorting: order}
	beginning.write(b, grantedScope(readable, l.Filter), func(b *builder, s scope) {
		b.text("select e.entity_id, e.entity_ref", columns.String(), " from catalog_entities e", joins.String(), " where true")
		b.andEntity(s, "e")
		b.text(order("e"))
	})
	b.text(") l join catalog_entities d on d.entity_id = l.entity_id", order("l"))
}

// Facets counts the values of each key among the entities that match the filter: key in lower case, value,
// count.
func Facets(readable Grant, keys []string, filter Filter) Statement {
	keys = lower(keys)
	slices.Sort(keys)
	b := &builder{}
	condition := grantedScope(readable, filter)
	for i, key := range slices.Compact(keys) {
		if i > 0 {
			b.text(" union all ")
		}
		// Each key has its own subquery: grouping by value alone is much faster than grouping by key and
		// value.
		b.text("(select ", b.arg(key), "::text, s.original_value, count(*) from catalog_search s where s.key = ", b.arg(key), " and s.original_value is not null")
		b.andRow(condition, "s")
		b.text(" group by s.original_value order by s.original_value)")
	}
	return b.statement()
}

// Sample counts the entities that match the filter, and returns the references of some of them: the count, and a
// list of references.
func Sample(readable Grant, filter Filter, size int) Statement {
	b := &builder{}
	condition := grantedScope(readable, filter)
	b.text("with matching as materialized (select ")
	if condition.repeats() {
		b.text("distinct ")
	}
	b.text("entity_id from (")
	b.scopeIDs(condition)
	b.text(") found) select (select count(*) from matching), array(select e.entity_ref from (select entity_id from matching order by entity_id limit ",
		b.arg(size), ") chosen join catalog_entities e on e.entity_id = chosen.entity_id order by e.entity_ref)::text[]")
	return b.statement()
}

// ByIDs returns the documents of entities in the given order: the position, from 1, and the document.
func ByIDs(readable Grant, ids []uuid.UUID) Statement {
	b := &builder{named: true}
	b.text("select l.place, e.entity from unnest(", b.arg(ids), "::uuid[]) with ordinality as l (id, place) join catalog_entities e on e.entity_id = l.id where true")
	b.andEntity(grantedScope(readable, nil), "e")
	b.text(" order by l.place")
	return b.statement()
}

// ByRefs returns entities by their references, in lower case: reference, document.
func ByRefs(readable Grant, refs []string, filter Filter) Statement {
	b := &builder{named: true}
	b.text("select e.entity_ref, e.entity from catalog_entities e where e.entity_ref = any (", b.arg(lower(refs)), ")")
	b.andEntity(grantedScope(readable, filter), "e")
	return b.statement()
}

// ByRef returns the document of one entity by its reference, in lower case.
func ByRef(readable Grant, ref string) Statement {
	b := &builder{named: true}
	b.text("select e.entity from catalog_entities e where e.entity_ref = ", b.arg(strings.ToLower(ref)))
	b.andEntity(grantedScope(readable, nil), "e")
	return b.statement()
}

// ByRefWithLocation returns one entity by its reference, in lower case: the document, and the location that
// claims it, "" when that is not known.
func ByRefWithLocation(readable Grant, ref string) Statement {
	b := &builder{named: true}
	b.text("select e.entity, coalesce(s.location_key, '') from catalog_entities e left join catalog_states s on s.entity_id = e.entity_id",
		" where e.entity_ref = ", b.arg(strings.ToLower(ref)))
	b.andEntity(grantedScope(readable, nil), "e")
	return b.statement()
}

// MissingTargets returns the type and the target of up to most relations of an entity that lead to no entity that is
// readable.
func MissingTargets(readable Grant, ref string, most int) Statement {
	b := &builder{named: true}
	b.text("select distinct r.type, r.target_ref from catalog_relations r where r.source_ref = ", b.arg(strings.ToLower(ref)),
		" and not exists (select from catalog_entities e where e.entity_ref = r.target_ref")
	b.andEntity(grantedScope(readable, nil), "e")
	b.text(") order by r.type, r.target_ref limit ", b.arg(most))
	return b.statement()
}

// ByUID returns the document of one entity.
func ByUID(readable Grant, uid uuid.UUID) Statement {
	b := &builder{named: true}
	b.text("select e.entity from catalog_entities e where e.entity_id = ", b.arg(uid))
	b.andEntity(grantedScope(readable, nil), "e")
	return b.statement()
}

// fullText is the filter for a FullText.
type fullText struct {
	keys    []string
	pattern string
}

func (t fullText) predicate() any { return nil } // never encoded: a cursor carries the FullText itself

// textKeys are the keys of the index catalog_search_texts, as it has them.
const textKeys = `'metadata.name', 'metadata.title', 'metadata.description', E'metadata.description\x1f', 'spec.profile.displayname'`

var indexedTexts = []string{"metadata.name", "metadata.title", entity.KeyDescription, entity.KeyDescriptionPieces, "spec.profile.displayname"}

// isIndexed reports whether the index finds the text: by three characters in a row.
func (t fullText) isIndexed() bool {
	isElsewhere := func(key string) bool { return !slices.Contains(indexedTexts, key) }
	return !slices.ContainsFunc(t.keys, isElsewhere) && threeInARow.MatchString(t.pattern)
}

var threeInARow = regexp.MustCompile("[a-z0-9]{3}")

// Filter is the filter for sets without an order: it searches the given fields, else the uid. It is nil for
// an empty term.
func (t FullText) Filter() Filter { return t.filter(nil) }

// filter searches the given fields, else the order field, else the uid, as Backstage does. The wildcards of
// LIKE keep their meaning in the term. It is nil for an empty term.
func (t FullText) filter(order *Order) Filter {
	if t.Term == "" {
		return nil
	}
	keys := t.Fields
	switch {
	case len(keys) > 0:
	case order != nil:
		keys = []string{order.Key}
	default:
		keys = []string{"metadata.uid"}
	}
	keys = lower(keys)
	if slices.Contains(keys, entity.KeyDescription) {
		keys = append(keys, entity.KeyDescriptionPieces)
	}
	term := strings.ReplaceAll(strings.ToLower(t.Term), `\`, `\\`)
	return fullText{keys: keys, pattern: "%" + term + "%"}
}
