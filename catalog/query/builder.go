package query

import (
	"slices"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/catalog/entity"
)

// Statement is SQL and its parameters.
type Statement struct {
	SQL  string
	Args []any
	// Generic says that one plan is good for all arguments, so that it need not be made for each execution.
	Generic bool
}

// GenericPlan has the generic statements of a transaction planned once for a connection. They find their rows by
// indexes: without knowing the arguments, the planner may hope to find enough of them early in a large table.
const GenericPlan = "select set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true)"

// builder writes one statement.
type builder struct {
	sql     strings.Builder
	args    []any
	aliases int
	// named means that the statement names its entities: conditions are evaluated for each of them, instead
	// of as a set.
	named bool
	// generic is Statement.Generic.
	generic bool
}

func (b *builder) text(parts ...string) {
	for _, part := range parts {
		b.sql.WriteString(part)
	}
}

// arg adds a parameter and returns its placeholder.
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

// storable replaces characters that Postgres rejects in text, and that no row can therefore contain.
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

func (b *builder) statement() Statement {
	return Statement{SQL: b.sql.String(), Args: b.args, Generic: b.generic}
}

// maxKinds bounds the kinds that a scope restricts by: each is a range of references.
const maxKinds = 16

// scope is a condition in the form that statements need: the kinds of the entities that match (nil means
// all), which every search row and every reference contains, and the remaining conditions.
type scope struct {
	kinds []string
	rest  All
}

// grantedScope is the scope of the entities that a grant covers and that match a filter (nil means no
// filter). A grant of nothing matches none.
func grantedScope(granted Grant, asked Filter) scope {
	condition, _ := granted.Filter()
	if granted.IsNothing() {
		condition = Any{}
	}
	f := And(condition, asked)
	if f == nil {
		return scope{}
	}
	return scopeOf(normalize(f, false), nil)
}

// scopeOf is the scope of a normalized filter among entities of these kinds.
func scopeOf(f Filter, kinds []string) scope {
	conjunction, isAll := f.(All)
	if !isAll {
		conjunction = All{f}
	}
	s := scope{kinds: kinds}
	for _, part := range conjunction {
		match, isMatch := part.(Match)
		if isMatch && s.kinds == nil && strings.EqualFold(match.Key, "kind") && len(match.Values) > 0 && len(match.Values) <= maxKinds {
			s.kinds = lower(match.Values)
			continue
		}
		s.rest = append(s.rest, part)
	}
	return s
}

// andRow restricts the search rows of an alias to those of entities in the scope.
func (b *builder) andRow(s scope, alias string) {
	b.andKinds(s.kinds, alias)
	b.andRest(s, alias+".entity_id")
}

// andEntity restricts the entities of an alias to those in the scope.
func (b *builder) andEntity(s scope, alias string) {
	for i, kind := range s.kinds {
		b.text([]string{" and (", " or "}[min(i, 1)], alias, ".entity_ref >= ", b.arg(kind+":"), " and ", alias, ".entity_ref < ", b.arg(kind+";"))
	}
	if len(s.kinds) > 0 {
		b.text(")")
	}
	b.andRest(s, alias+".entity_id")
}

func (b *builder) andKinds(kinds []string, alias string) {
	switch len(kinds) {
	case 0:
	case 1: // the rows of one kind are sorted in an index
		b.text(" and ", alias, ".kind = ", b.arg(kinds[0]))
	default:
		b.text(" and ", alias, ".kind = any (", b.arg(slices.Clone(kinds)), ")")
	}
}

// maxJoins bounds the conditions of a conjunction that the planner may turn into joins. It compares their
// orders, which does not end for hundreds. The conditions beyond the bound are evaluated one after another.
const maxJoins = 8

// andRest adds the conditions beside the kind, for the entity whose id is given as an expression.
func (b *builder) andRest(s scope, id string) {
	for i, part := range s.rest {
		b.text(" and ")
		if i < maxJoins {
			b.condition(part, id, s.kinds)
			continue
		}
		b.text("(")
		b.condition(part, id, s.kinds)
		b.text(") is true")
	}
}

// condition writes a normalized filter as a boolean expression about an entity of these kinds. Conjunctions
// become semi-joins, which the planner may drive from either side. Alternatives over several keys and many
// values become a look-up in a set.
func (b *builder) condition(f Filter, id string, kinds []string) {
	switch f := f.(type) {
	case All:
		b.text("(true")
		b.andRest(scope{kinds: kinds, rest: f}, id)
		b.text(")")
	case Any:
		if b.named {
			b.either(f, id, kinds)
			return
		}
		b.text(id, " in (")
		b.ids(f, kinds)
		b.text(")")
	case Not:
		b.text("not ")
		b.condition(f.Filter, id, kinds)
	case among:
		b.text("(select yes from few) and ", id, " in (select entity_id from found)")
	case unlessFew:
		b.text("(select not yes from few)")
	default:
		if match, is := f.(Match); is && match.isWide() {
			if !b.named {
				b.text(id, " in (")
				b.ids(f, kinds)
				b.text(")")
				return
			}
			f = probed{match}
		}
		alias := b.alias("s")
		b.text("exists (select from catalog_search ", alias, " where ", alias, ".entity_id = ", id, " and ")
		b.leaf(f, alias)
		b.andKinds(kinds, alias)
		b.text(")")
	}
}

// either writes alternatives that are evaluated one after another.
func (b *builder) either(alternatives Any, id string, kinds []string) {
	b.text("(false")
	for _, part := range alternatives {
		b.text(" or ")
		b.condition(part, id, kinds)
	}
	b.text(")")
}

// ids writes the ids of the entities of these kinds that match a normalized filter. Ids may repeat.
func (b *builder) ids(f Filter, kinds []string) {
	alternatives, isAny := f.(Any)
	if !isAny {
		b.scopeIDs(scopeOf(f, kinds))
		return
	}
	if len(alternatives) == 0 {
		b.text("select entity_id from catalog_entities where false")
	}
	for i, part := range alternatives {
		if i > 0 {
			b.text(" union all ")
		}
		b.text("(")
		b.ids(part, kinds)
		b.text(")")
	}
}

// scopeIDs starts from the rows of one condition and evaluates the others for each, so that the table of
// documents is not read.
func (b *builder) scopeIDs(s scope) {
	if s.isChoice() {
		b.ids(s.rest[0], nil)
		return
	}
	base := s.base()
	if base < 0 {
		alias := b.alias("e")
		b.text("select ", alias, ".entity_id from catalog_entities ", alias, " where true")
		b.andEntity(s, alias)
		return
	}
	alias := b.alias("s")
	b.text("select ", alias, ".entity_id from catalog_search ", alias, " where ")
	b.leaf(s.rest[base], alias)
	b.andRow(scope{kinds: s.kinds, rest: slices.Delete(slices.Clone(s.rest), base, base+1)}, alias)
}

// isChoice reports whether the scope consists of alternatives only.
func (s scope) isChoice() bool {
	if len(s.rest) != 1 || s.kinds != nil {
		return false
	}
	_, isAny := s.rest[0].(Any)
	return isAny
}

// base is the index of the condition that probably has the fewest rows: an equality, else any leaf, else -1.
func (s scope) base() int {
	leaf := -1
	for i, f := range s.rest {
		switch f.(type) {
		case Match:
			return i
		case Exists, Prefix, fullText:
			leaf = i
		}
	}
	return leaf
}

// repeats reports whether scopeIDs may return an entity more than once, because a list has many values under
// one key.
func (s scope) repeats() bool {
	base := s.base()
	if base < 0 {
		return s.isChoice()
	}
	switch f := s.rest[base].(type) {
	case Match:
		return len(f.Values) > 1 && !isSingular(strings.ToLower(f.Key))
	case Exists:
		return !isSingular(strings.ToLower(f.Key))
	case Prefix:
		return !isSingular(strings.ToLower(f.Key))
	case fullText:
		return len(f.keys) > 1 || !isSingular(f.keys[0])
	default:
		return true
	}
}

// isSingular reports whether every entity has exactly one value for a key, in lower case.
func isSingular(key string) bool {
	switch key {
	case "kind", "metadata.name", "metadata.namespace", "metadata.uid", entity.KeyShownName:
		return true
	default:
		return false
	}
}

// leaf writes the condition on a search row.
func (b *builder) leaf(f Filter, alias string) {
	switch f := f.(type) {
	case Match:
		b.text(alias, ".key = ", b.arg(strings.ToLower(f.Key)), " and ", alias, ".value ")
		if len(f.Values) == 1 {
			b.text("= ", b.arg(strings.ToLower(f.Values[0])))
			return
		}
		if f.isWide() {
			b.text("in (select unnest(", b.arg(lower(f.Values)), "::text[]))")
			return
		}
		b.text("= any (", b.arg(lower(f.Values)), ")")
	case probed:
		b.text("(")
		if text, is := f.Filter.(fullText); is {
			b.likeText(text, alias)
		} else {
			b.leaf(f.Filter, alias)
		}
		b.text(") is true")
	case Exists:
		b.text(alias, ".key = ", b.arg(strings.ToLower(f.Key)))
	case Prefix:
		prefix := strings.ToLower(f.Prefix)
		// A range of the index: the greatest character there is closes it.
		b.text(alias, ".key = ", b.arg(strings.ToLower(f.Key)), " and ", alias, ".value between ",
			b.arg(prefix), " and ", b.arg(prefix+"\U0010FFFF"))
	case fullText:
		if !f.isIndexed() {
			b.likeText(f, alias)
			return
		}
		b.text("(", alias, ".key in (", textKeys, ")) is true and (", alias, ".key = any (", b.arg(slices.Clone(f.keys)), ")) is true and ",
			alias, ".value like ", b.arg(f.pattern))
	default:
		b.text("false")
	}
}

// likeText writes a fullText for rows that other conditions find.
func (b *builder) likeText(f fullText, alias string) {
	b.text(alias, ".key = any (", b.arg(slices.Clone(f.keys)), ") and ", alias, ".value like ", b.arg(f.pattern))
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
