package query

import (
	"slices"
	"strconv"
)

const (
	// manyValues is the number of values above which a Match is wide. For up to so many values the planner
	// knows how many rows there are, and planning takes no time: it looks each of them up in its statistics.
	manyValues = 32
	// maxSorted bounds the entities that are sorted in order to return the first of them. With n entities in
	// the set of a quarter of a million, sorting costs n look-ups, and walking through the order until a page
	// is full some 5,000,000/n.
	maxSorted = 2500
	// maxGeneric bounds the limit of a generic statement, which is part of its text: it decides about the plan.
	maxGeneric = 101
)

// isWide reports whether a Match has so many values that statements with an array of them take long to plan.
func (f Match) isWide() bool { return len(f.Values) > manyValues }

// probed is a Match or a fullText that is evaluated on the rows that other conditions find, not used to find rows.
type probed struct{ Filter }

// among holds for the entities that firstRows.write has found, if they are few.
type among struct{}

// unlessFew holds if the entities that firstRows.write has found are not few.
type unlessFew struct{}

func (among) predicate() any     { return nil }
func (unlessFew) predicate() any { return nil }

// firstRows writes the beginning of a sorted selection.
type firstRows struct {
	// limit of 0 or less is no limit.
	limit, offset int
	// columns are the names of what is selected.
	columns string
	// sorting is the order of the columns of an alias.
	sorting func(alias string) string
	// walks says that an index has the entities of each kind in this order.
	walks bool
	// total adds the column total: the number of entities in the scope, null if they were not counted.
	total bool
}

// write writes the beginning of the sorted selection that selection writes for a scope.
//
// Whether the owner of 500 groups owns a thousandth of all entities or a half decides whether sorting what
// they own is fast, or walking through the order and asking of each entity who owns it. The planner does not
// know, because its statistics do not tell how many entities a value of one key has, or a text. So the statement
// itself counts them, up to a bound, and then does one or the other.
func (f firstRows) write(b *builder, s scope, selection func(*builder, scope)) {
	first, is := f.finds(s)
	if !is {
		b.generic = f.walksKind(s)
		selection(b, s)
		b.limit(f.limit, f.offset)
		return
	}
	b.generic = first.generic
	with := func(parts ...Filter) scope { return scope{kinds: s.kinds, rest: slices.Concat(parts, first.others)} }
	b.text("with found as materialized (")
	b.scopeIDs(scope{kinds: s.kinds, rest: All{first.by}})
	b.text(" limit ", strconv.Itoa(maxSorted+1), "), few as materialized (select count(*) <= ", strconv.Itoa(maxSorted), " as yes from found) select ", f.columns)
	if f.total {
		b.text(", (select case when yes then (select count(distinct entity_id) from found) end from few) as total")
	}
	b.text(" from ((")
	selection(b, with(among{}))
	b.limit(f.limit+f.offset, 0)
	b.text(") union all (")
	selection(b, with(unlessFew{}, probed{first.by}))
	b.limit(f.limit+f.offset, 0)
	b.text(")) u", f.sorting("u"))
	b.limit(f.limit, f.offset)
}

// found is how a selection finds the entities of a scope before it sorts them: by one condition, with others beside it.
type found struct {
	by      Filter
	others  All
	generic bool
}

// finds reports whether the entities of a scope are found, and counted, before they are sorted.
func (f firstRows) finds(s scope) (found, bool) {
	if f.limit <= 0 {
		return found{}, false
	}
	// Whatever the values are, the statement counts what they find. So its plan need not know them, and making one
	// would take longer than executing it.
	if match, is := s.only(); is && f.limit <= maxGeneric && f.offset <= 0 {
		return found{by: match, generic: true}, true
	}
	// The same with a text, which has an index. Beside other conditions, the planner compares what each of them finds.
	if text, is := s.onlyText(); is && f.limit <= maxGeneric {
		return found{by: text, generic: true}, true
	}
	match, others, is := s.wide()
	return found{by: match, others: others}, is
}

// onlyText is the fullText that is the whole scope, beside a kind.
func (s scope) onlyText() (text fullText, is bool) {
	if len(s.kinds) > 1 || len(s.rest) != 1 {
		return fullText{}, false
	}
	text, is = s.rest[0].(fullText)
	return text, is
}

// walksKind reports whether a selection is the beginning of a walk through the entities of one kind in an index: its plan
// is the same for every kind.
func (f firstRows) walksKind(s scope) bool {
	return f.walks && len(s.kinds) == 1 && len(s.rest) == 0 && f.limit > 0 && f.limit <= maxGeneric
}

// only is the Match that is the whole scope.
func (s scope) only() (match Match, is bool) {
	if len(s.kinds) > 0 || len(s.rest) != 1 {
		return Match{}, false
	}
	match, is = s.rest[0].(Match)
	return match, is
}

// wide is the first wide Match of a scope, and the conditions beside it.
func (s scope) wide() (match Match, others All, found bool) {
	for i, part := range s.rest {
		if match, is := part.(Match); is && match.isWide() {
			return match, slices.Concat(s.rest[:i], s.rest[i+1:]), true
		}
	}
	return Match{}, nil, false
}

// limit writes the bounds of a selection.
func (b *builder) limit(limit, offset int) {
	switch {
	case limit > 0 && b.generic:
		b.text(" limit ", strconv.Itoa(limit))
	case limit > 0:
		b.text(" limit ", b.arg(limit))
	}
	if offset > 0 {
		b.text(" offset ", b.arg(offset))
	}
}
