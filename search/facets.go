package search

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/identity"
)

// FacetFields are the fields of a query whose values are counted, in their order.
var FacetFields = []string{"kind", "type", "owner", "lifecycle", "tag", "lang"}

const (
	// mostFaceted bounds the documents whose facets are counted, of a word that many have, and of everything. Of everything, mostSpread of the
	// whole table are counted too.
	mostFaceted = 1500
	mostSpread  = 500
	// mostCountedValues bounds the values of a field that are counted in documents of one type, and mostValues those in an answer.
	mostCountedValues = 500
	mostValues        = 50
)

// CountedFacet is a field of a query with the values that the results have. Each value narrows the query to so many results.
type CountedFacet struct {
	Field string
	// IsMore says that only some results were looked at: each value has its count of them at least, and there may be more values.
	IsMore bool
	// Values are those that the query asks for, and then those that most results have.
	Values []FacetCount
}

// FacetCount is how many results have a value of a field.
type FacetCount struct {
	Field, Value string
	// IsChosen says that the query asks for the value, which is as it was typed: such as me.
	IsChosen bool
	Count    int
	// isOther says that the results have the value in another field, which the condition finds too.
	isOther bool
}

// FacetAsk is what a source is asked for to count facets.
type FacetAsk struct {
	SourceAsk

	choice choice
}

// Faceted is a Source that counts the facets of what it finds. isMore says that it has looked at some of it only.
type Faceted interface {
	Facets(ctx context.Context, ask FacetAsk) (counts []FacetCount, isMore bool, err error)
}

// Facets counts the values of fields in what a query finds: in entities, documentation, APIs, and what is pushed. Without a query, that is
// everything. The values of one field are alternatives, so they are counted without what the query says about this field. As Search, it
// counts what was probably meant if the query finds nothing.
func (s *Service) Facets(ctx context.Context, principal identity.Principal, ask Ask) ([]CountedFacet, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	q, err := Parse(ask.Text)
	if err != nil {
		return nil, err
	}
	seeker, err := s.seeker(ctx, principal, ask)
	if err != nil {
		return nil, err
	}
	counted, err := seeker.countFacets(ctx, q)
	if err != nil {
		return nil, err
	}
	for _, meant := range []func(context.Context, Query) (Query, bool, error){seeker.within, seeker.corrected} {
		if counted.results > 0 || len(q.Words) == 0 {
			break
		}
		other, changed, err := meant(ctx, q)
		if err != nil {
			return nil, err
		}
		if !changed {
			continue
		}
		if more, err := seeker.countFacets(ctx, other); err != nil {
			return nil, err
		} else if more.results > 0 {
			counted = more
		}
	}
	return counted.facets(), nil
}

// choice is the fields that one statement counts, with what the query asks for of them.
type choice struct {
	fields []string
	// conditions are those of the query, without the ones about the field when the query asks for values of it.
	conditions map[string][]string
	chosen     []chosenValue
	// isWhole says that the conditions are all of the query.
	isWhole bool
}

// chosenValue is a value for which a query asks, and the facets that it stands for.
type chosenValue struct {
	field, value string
	facets       []string
}

// choices are what is counted for a query: all fields about which it says nothing, and each other one by itself.
func (s *seeker) choices(q Query) []choice {
	all := []choice{{conditions: q.Fields, isWhole: true}}
	for _, field := range FacetFields {
		values, isChosen := q.Fields[field]
		if !isChosen {
			all[0].fields = append(all[0].fields, field)
			continue
		}
		one := choice{fields: []string{field}, conditions: maps.Clone(q.Fields)}
		delete(one.conditions, field)
		for _, value := range unique(slices.Clone(values)) {
			one.chosen = append(one.chosen, chosenValue{field, value, s.facetsFor(field, []string{value})})
		}
		all = append(all, one)
	}
	return all
}

// countFacets counts the facets of a query in two exchanges with the database, and those of each source.
func (s *seeker) countFacets(ctx context.Context, q Query) (*tally, error) {
	var scopes []scope
	var of []choice
	choices := s.choices(q)
	for _, one := range choices {
		about := q
		about.Fields = one.conditions
		_, found := s.scopes(about)
		for _, in := range found {
			scopes, of = append(scopes, in), append(of, one)
		}
	}
	t := newTally(choices)
	if err := s.countInDocuments(ctx, q, scopes, of, t); err != nil {
		return nil, err
	}
	return t, s.countInSources(ctx, q, choices, t)
}

func (s *seeker) countInDocuments(ctx context.Context, q Query, scopes []scope, of []choice, t *tally) error {
	if len(scopes) == 0 {
		return nil
	}
	o, ways, err := s.waysForFacets(ctx, q, scopes)
	if err != nil {
		return err
	}
	statements := make([]*writer, len(scopes))
	for i, in := range scopes {
		statements[i] = in.faceted(q, o, ways[i], of[i])
	}
	return s.each(ctx, statements, func(i int, rows pgx.Rows) error {
		counts, looked, err := ReadFacets(rows)
		if err != nil {
			return fmt.Errorf("count the facets of %s: %w", scopes[i].kind, err)
		}
		most := mostComplete
		if scopes[i].isOpen(q) {
			most = mostFaceted
		}
		t.add(of[i], counts, !ways[i].isComplete || looked >= most)
		return nil
	})
}

func (s *seeker) countInSources(ctx context.Context, q Query, choices []choice, t *tally) error {
	for _, source := range s.options.Sources {
		about := source.About()
		faceted, can := source.(Faceted)
		if !can || !slices.Contains(s.ask.Types, about.Type()) || !about.CanRead(s.principal) {
			continue
		}
		for _, one := range choices {
			ask := FacetAsk{SourceAsk{Principal: s.principal, Query: q}, one}
			var possible bool
			if ask.Facets, possible = s.conditions(one.conditions); !possible {
				continue
			}
			counts, isMore, err := faceted.Facets(ctx, ask)
			if err != nil {
				return err
			}
			t.add(one, counts, isMore)
		}
	}
	return nil
}

// waysForFacets asks the sample about the scopes that have a condition.
func (s *seeker) waysForFacets(ctx context.Context, q Query, scopes []scope) (o operands, ways []way, err error) {
	var probed []scope
	for _, in := range scopes {
		if !in.isOpen(q) {
			probed = append(probed, in)
		}
	}
	var found []way
	if len(probed) > 0 {
		if o, found, err = s.probe(ctx, probed, q); err != nil {
			return o, nil, err
		}
	}
	for _, in := range scopes {
		if in.isOpen(q) {
			ways = append(ways, way{isComplete: true})
			continue
		}
		ways, found = append(ways, found[0].forFacets(o)), found[1:]
	}
	return o, ways, nil
}

// isOpen reports whether a query asks for all documents of the scope.
func (s scope) isOpen(q Query) bool { return !q.hasText() && !s.hasFacets() }

// forFacets is the way for counting: all matches are read of a few more than for ranking them.
func (w way) forFacets(o operands) way {
	switch {
	case w.isComplete || o.Phrase != "":
	case w.texts == everywhere:
		w.isComplete = o.Whole != "" // hardly more than two thousand match
	}
	return w
}

// faceted writes the selection of the counts of a scope's facets. Each document that is counted is checked against the catalog: a count
// must not tell what the caller may not read.
func (s scope) faceted(q Query, o operands, by way, of choice) *writer {
	one := &selection{writer: &writer{}, scope: s, query: q, operands: o, way: by, most: mostFaceted}
	one.prepare()
	looked := "(select count(*) from found)"
	one.text("with found as materialized (")
	if s.isOpen(q) {
		one.first()
		one.spread()
		looked = "(select count(*) from found where score = 0)"
	} else {
		one.parts()
	}
	one.text("), matched as materialized (select d.id, d.facets from ", s.table(), " d where d.type = ", one.arg(s.kind),
		" and d.id = any (array(select distinct id from found))")
	s.andReadable(one.writer)
	one.text("), ")
	of.count(one.writer, looked)
	return one.writer
}

// first writes the first documents of the table.
func (s *selection) first() {
	s.matching(everywhere, s.base, mostFaceted, " and d.type = "+s.arg(s.kind)+" order by d.id")
}

// spread writes documents of the whole table, with equal distances between their ids. Their score is another than that of the first.
func (s *selection) spread() {
	last := strconv.Itoa(mostSpread - 1)
	kind := s.arg(s.kind)
	s.part(func() {
		s.where(s.writer, s.columns("1::float8"), "(select n.type, n.id, n.entity_id, n.entity_ref, n.name, n.facets from (select min(id) as first, max(id) as last from "+s.table()+" where type = "+kind+") as ends"+
			" cross join generate_series(0, "+last+") as place (number) cross join lateral (select t.type, t.id, t.entity_id, t.entity_ref, t.name, t.facets from "+s.table()+" t where t.type = "+kind+
			" and t.id >= ends.first + (ends.last - ends.first) * place.number / "+last+" order by t.id limit 1) n)", false)
	})
}

// count writes the counts of facets in matched, a table of ids and facets: field, value, whether it is chosen, whether it is of another
// field only, count, and how many documents were looked at. The row without a field has the number of documents.
func (c choice) count(w *writer, looked string) {
	fields := w.arg(c.fields) + "::text[]"
	w.text("given as materialized (select m.id, split_part(g.facet, ':', 1) as field, substr(g.facet, strpos(g.facet, ':') + 1) as value",
		" from matched m cross join unnest(m.facets) as g (facet)), ",
		// The condition lang:go finds the tag go too.
		"meant as (select field, value, true as is_own from given where field = any (", fields, ")",
		" union all select 'lang', g.value, false from given g join matched m on m.id = g.id where g.field = 'tag' and 'lang' = any (", fields, ")",
		" and not m.facets @> array['lang:' || g.value]), ",
		"counted as (select field, value, not bool_or(is_own) as is_other, count(*) as count from meant group by field, value), ",
		"placed as (select field, value, is_other, count, row_number() over (partition by field order by is_other, count desc, value) as place from counted), ",
		"answer as (select '' as field, '' as value, false as is_chosen, false as is_other, count(*) as count from matched",
		" union all select field, value, false, is_other, count from placed where place <= ", strconv.Itoa(mostCountedValues))
	for _, one := range c.chosen {
		w.text(" union all select ", w.arg(one.field), "::text, ", w.arg(one.value), "::text, true, false, (select count(*) from matched m where m.facets && ",
			w.arg(slices.Concat([]string{}, one.facets)), "::text[])")
	}
	w.text(") select field, value, is_chosen, is_other, count, ", looked, " from answer")
}

// Count writes the end of a statement after a table of ids and facets, matched: the counts of its facets. args are the parameters
// that the statement has already, and all those with the ones of the counts.
func (a FacetAsk) Count(args []any) (sql string, all []any) {
	w := &writer{args: slices.Clip(args)}
	a.choice.count(w, "(select count(*) from matched)")
	return w.sql.String(), w.args
}

// ReadFacets reads the rows of a statement that Count ends, and how many documents were looked at.
func ReadFacets(rows pgx.Rows) (counts []FacetCount, looked int, err error) {
	var one FacetCount
	_, err = pgx.ForEachRow(rows, []any{&one.Field, &one.Value, &one.IsChosen, &one.isOther, &one.Count, &looked}, func() error {
		counts = append(counts, one)
		return nil
	})
	return counts, looked, err
}

// tally adds the counts of documents of all types.
type tally struct {
	results int
	counts  map[FacetCount]int
	isMore  map[string]bool
	// own are the values that some result has in the field itself.
	own map[FacetCount]bool
	// stands are facets, after a field, that a chosen value of the field stands for: they are no choice besides it.
	stands map[string]bool
}

// newTally has all that is chosen, so that it can be seen and taken back when nothing has it.
func newTally(choices []choice) *tally {
	t := &tally{counts: map[FacetCount]int{}, own: map[FacetCount]bool{}, isMore: map[string]bool{}, stands: map[string]bool{}}
	for _, one := range choices {
		for _, chosen := range one.chosen {
			t.counts[FacetCount{Field: chosen.field, Value: chosen.value, IsChosen: true}] = 0
			for _, facet := range chosen.facets {
				t.stands[chosen.field+" "+facet] = true
			}
		}
	}
	return t
}

func (t *tally) add(of choice, counts []FacetCount, isMore bool) {
	for _, field := range of.fields {
		t.isMore[field] = t.isMore[field] || isMore
	}
	for _, one := range counts {
		count, isOther := one.Count, one.isOther
		one.Count, one.isOther = 0, false
		switch {
		case one.Field == "" && of.isWhole:
			t.results += count
		case one.Field != "":
			t.counts[one] += count
			t.own[one] = t.own[one] || !isOther
		}
	}
}

// facets are the counts by field. A field that no result has is left out.
func (t *tally) facets() []CountedFacet {
	facets := []CountedFacet{}
	for _, field := range FacetFields {
		facet := CountedFacet{Field: field, IsMore: t.isMore[field]}
		for one, count := range t.counts {
			if one.Field != field || !one.IsChosen && (!t.own[one] || t.stands[field+" "+field+":"+one.Value]) {
				continue
			}
			one.Count = count
			facet.Values = append(facet.Values, one)
		}
		slices.SortFunc(facet.Values, func(a, b FacetCount) int {
			if a.IsChosen != b.IsChosen {
				if a.IsChosen {
					return -1
				}
				return 1
			}
			return cmp.Or(b.Count-a.Count, cmp.Compare(a.Value, b.Value))
		})
		if len(facet.Values) > 0 {
			facet.Values = facet.Values[:min(len(facet.Values), mostValues)]
			facets = append(facets, facet)
		}
	}
	return facets
}
