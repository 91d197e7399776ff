package search

import (
	"slices"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/catalog/query"
)

// writer writes one statement.
type writer struct {
	sql  strings.Builder
	args []any
}

func (w *writer) text(parts ...string) {
	for _, part := range parts {
		w.sql.WriteString(part)
	}
}

// arg adds a parameter and returns its placeholder.
func (w *writer) arg(value any) string {
	w.args = append(w.args, value)
	return "$" + strconv.Itoa(len(w.args))
}

// tables have the documents of the types of their own.
var tables = map[string]string{TypeCatalog: "search_entities", TypeDocs: "search_sections", TypeAPI: "search_apis"}

// scope is which documents of one type a statement reads: those that the caller may read, and that have what the query's fields say.
type scope struct {
	kind     string
	readable query.Grant
	// facets are alternatives, of which each list must have one. without are facets that a document must not have.
	facets  [][]string
	without []string
	// mine are the facets of what the caller owns.
	mine []string
	// exact are values that fields of documents must have, as Backstage's filters: alternatives for each field.
	exact map[string][]string

	// granted are facets that documents have of which the caller may read the entity. They find the few that a person may read among
	// many, but may be a second old: what is found is checked against the catalog too. isCovered says that hardly anything else has
	// them, so that it is enough to check the best.
	granted   [][]string
	isCovered bool
}

// within is the scope with the facets that its grant implies.
func (s scope) within() scope {
	s.isCovered = true
	if condition, conditional := s.readable.Filter(); conditional {
		s.granted, s.isCovered = implied(condition)
	}
	return s
}

// implied are facets that all entities have that match a condition: alternatives, of which each list has one. isAll says that entities with
// these facets match.
func implied(condition query.Filter) (facets [][]string, isAll bool) {
	switch condition := condition.(type) {
	case query.Match:
		values := make([]string, len(condition.Values))
		for i, value := range condition.Values {
			values[i] = strings.ToLower(clean(value))
		}
		switch strings.ToLower(condition.Key) {
		case "relations.ownedby":
			return [][]string{ownerFacets(values)}, true
		case "kind":
			for i, value := range values {
				values[i] = clip("kind:" + value)
			}
			return [][]string{values}, true
		}
	case query.All:
		isAll = true
		for _, part := range condition {
			some, isWhole := implied(part)
			facets, isAll = append(facets, some...), isAll && isWhole
		}
		return facets, isAll
	case query.Any:
		var either []string
		isAll = true
		for _, part := range condition {
			some, isWhole := implied(part)
			if len(some) == 0 {
				return nil, false
			}
			either, isAll = append(either, some[0]...), isAll && isWhole && len(some) == 1
		}
		return [][]string{either}, isAll
	}
	return nil, false
}

func (s scope) table() string {
	if table, own := tables[s.kind]; own {
		return table
	}
	return "search_others"
}

// where writes the beginning of a selection from the scope, without its closing. Its facets are looked up in the index, or, with isLate, of
// what other conditions find.
func (s scope) where(w *writer, columns, source string, isLate bool) {
	w.text("select ", columns, " from ", source, " d where ")
	if _, own := tables[s.kind]; own {
		w.text("true")
	} else {
		w.text("d.type = ", w.arg(s.kind))
	}
	for _, alternatives := range s.facets {
		w.overlap(alternatives, isLate)
	}
	for _, alternatives := range s.granted {
		if !isLate {
			w.overlap(alternatives, false)
		}
	}
	if len(s.without) > 0 {
		w.text(" and not d.facets && ", w.arg(s.without), "::text[]")
	}
	s.andExact(w)
	if isLate || !s.isCovered {
		s.andReadable(w)
	}
}

// overlap writes the condition that a document has one of some facets.
func (w *writer) overlap(alternatives []string, isLate bool) {
	condition := "d.facets && " + w.arg(alternatives) + "::text[]"
	if isLate {
		condition = "(" + condition + ") is true"
	}
	w.text(" and ", condition)
}

// andReadable adds that the caller may read the entity, as the catalog knows it.
func (s scope) andReadable(w *writer) {
	condition, args := query.Condition(s.readable, "d", w.args)
	w.args = args
	if condition != "" {
		w.text(" and (true", condition, ") is true")
	}
}

func ownerFacets(refs []string) []string {
	facets := make([]string, len(refs))
	for i, ref := range refs {
		facets[i] = clip("owner:" + strings.ToLower(clean(ref)))
	}
	return facets
}

// facetsOf are the facets that correspond to fields of documents.
var facetsOf = map[string]string{"kind": "kind", "namespace": "namespace", "type": "type", "componentType": "type", "lifecycle": "lifecycle"}

func (s scope) andExact(w *writer) {
	for _, field := range sortedKeys(s.exact) {
		values := s.exact[field]
		if facet, has := facetsOf[field]; has && !slices.Contains(values, "") {
			alternatives := make([]string, len(values))
			for i, value := range values {
				alternatives[i] = clip(strings.ToLower(clean(facet + ":" + value)))
			}
			w.text(" and d.facets && ", w.arg(alternatives), "::text[]")
		}
		w.text(" and (false")
		for _, value := range values {
			w.text(" or d.document @> jsonb_build_object(", w.arg(clean(field)), "::text, ", w.arg(clean(value)), "::text)")
		}
		w.text(")")
	}
}
