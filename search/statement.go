package search

import (
	"slices"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/catalog/query"
)

// How many documents a statement looks at. Of more, those that are looked at are the ones whose names and titles match; among those
// that match by text only, any may be missing.
const (
	mostNames    = 60
	mostHeadings = 200
	mostOwn      = 100
	mostTexts    = 300
	// mostRead bounds the documents whose texts are ranked.
	mostRead = 100
	// mostInAll ends the looking: by names and titles first.
	mostInAll = 420
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
}

func (s scope) table() string {
	if table, own := tables[s.kind]; own {
		return table
	}
	return "search_others"
}

// where writes the beginning of a selection from the scope, without its closing.
func (s scope) where(w *writer, columns string) {
	w.text("select ", columns, " from ", s.table(), " d where ")
	if _, own := tables[s.kind]; own {
		w.text("true")
	} else {
		w.text("d.type = ", w.arg(s.kind))
	}
	for _, alternatives := range s.facets {
		w.text(" and d.facets && ", w.arg(alternatives), "::text[]")
	}
	if len(s.without) > 0 {
		w.text(" and not d.facets && ", w.arg(s.without), "::text[]")
	}
	s.andExact(w)
	s.andReadable(w)
}

// andReadable adds that the caller may read the entity. Who owns it is in the index of documents, too: that finds the few that a person owns
// among many. What is there may be a second old; the condition itself asks the catalog.
func (s scope) andReadable(w *writer) {
	if owners, known := query.Owners(s.readable); known && len(owners) > 0 {
		w.text(" and d.facets && ", w.arg(ownerFacets(owners)), "::text[]")
	}
	condition, args := query.Condition(s.readable, "d", w.args)
	w.args = args
	w.text(condition)
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

// language is the name of a text search configuration as SQL. It consists of letters, digits and underscores.
func language(name string) string { return "'" + name + "'::regconfig" }

// quoted is a word as an operand of to_tsquery. Words consist of letters, digits and marks.
func quoted(word string, suffix string) string {
	return "'" + strings.NewReplacer("'", "", `\`, "").Replace(word) + "'" + suffix
}

// headings is the query for words of names and titles, or "" for a query without words.
func (q Query) headings(prefix bool) string {
	var all []string
	for i, word := range q.Words {
		suffix := ""
		if prefix && i == len(q.Words)-1 && len(word.Joined) > 1 {
			suffix = ":*"
		}
		all = append(all, word.operand(suffix))
	}
	for _, phrase := range q.Phrases {
		for part := range strings.FieldsSeq(phrase) {
			all = append(all, quoted(part, ""))
		}
	}
	return strings.Join(all, " & ")
}

// operand is the word as an operand of to_tsquery: as one, or all its parts.
func (w Word) operand(suffix string) string {
	if len(w.Also) > 0 {
		all := []string{Word{Joined: w.Joined, Parts: w.Parts}.operand(suffix)}
		for _, word := range w.Also {
			all = append(all, quoted(word, ""))
		}
		return "(" + strings.Join(all, " | ") + ")"
	}
	if len(w.Parts) == 1 {
		return quoted(w.Parts[0], suffix)
	}
	parts := make([]string, len(w.Parts))
	for i, part := range w.Parts {
		parts[i] = quoted(part, "")
	}
	parts[len(parts)-1] = quoted(w.Parts[len(w.Parts)-1], suffix)
	return "(" + quoted(w.Joined, suffix) + " | " + strings.Join(parts, " & ") + ")"
}

// bodies writes the query for all words of documents, as an expression of the type tsquery. Words that the language leaves out, such as
// "the", are left out here too. A prefix is looked for as it is written and as its stem.
func (q Query) bodies(w *writer, lang string, prefix bool) string {
	expression := ""
	add := func(part string) {
		if expression != "" {
			expression += " && "
		}
		expression += part
	}
	for i, word := range q.Words {
		suffix := ""
		if prefix && i == len(q.Words)-1 && len(word.Joined) > 1 {
			suffix = ":*"
		}
		operand := w.arg(word.operand(suffix))
		plain := w.arg(word.operand(""))
		add("(case when numnode(to_tsquery(" + lang + ", " + plain + ")) = 0 then ''::tsquery else to_tsquery(" + lang + ", " + operand + ") || to_tsquery('simple', " + operand + ") end)")
	}
	for _, phrase := range q.Phrases {
		add("phraseto_tsquery(" + lang + ", " + w.arg(phrase) + ")")
	}
	return "(" + expression + ")"
}

// ranked writes the selection of the documents of a scope that match a query best: type, id, document, score.
func (s scope) ranked(w *writer, q Query, lang string, limit, offset int) {
	bodies := ""
	if q.hasText() {
		bodies = q.bodies(w, lang, true)
	}
	w.text("with candidates as (")
	if q.hasText() {
		w.text("select id from (")
		s.candidates(w, q, bodies)
		w.text(") found limit ", strconv.Itoa(mostInAll))
	} else {
		s.where(w, "d.id")
		w.text(" order by d.id limit ", w.arg(limit+offset))
	}
	// The texts are read of those only whose names, titles and owners are best: that costs most.
	w.text("), best as materialized (select d.id, ", s.score(w, q), " as score from ", s.table(), " d where d.type = ", w.arg(s.kind),
		" and d.id = any (array(select id from candidates)) order by score desc, length(d.name), d.id limit ", strconv.Itoa(mostRead+limit+offset),
		") select d.type, d.id, d.entity_ref, d.document, d.facets, b.score", s.textScore(q, bodies), " as score from best b join ", s.table(),
		" d on d.type = ", w.arg(s.kind), " and d.id = b.id order by score desc, length(d.name), d.id limit ", w.arg(limit), " offset ", w.arg(offset))
}

func (s scope) candidates(w *writer, q Query, bodies string) {
	part := func(condition string, limit int, sorting string) {
		if !strings.HasSuffix(w.sql.String(), "(") {
			w.text(" union all ")
		}
		w.text("(")
		s.where(w, "d.id")
		w.text(" and ", condition, sorting, " limit ", strconv.Itoa(limit), ")")
	}
	if len(q.folded) > 1 {
		first, last := w.arg(q.folded), w.arg(q.folded+"\U0010FFFF")
		part("d.name <> '' and d.name between "+first+" and "+last, mostNames, " order by d.name")
		part("d.title <> '' and d.title between "+first+" and "+last, mostNames, " order by d.title")
	}
	for _, prefix := range []bool{false, true} {
		if headings := q.headings(prefix); headings != "" {
			part("d.words @@ to_tsquery('simple', "+w.arg(headings)+")", mostHeadings, "")
		}
	}
	if len(s.mine) > 0 {
		part("d.body @@ "+bodies+" and d.facets && "+w.arg(s.mine)+"::text[]", mostOwn, "")
	}
	part("d.body @@ "+bodies, mostTexts, "")
}

// kinds orders documents whose names match alike.
const kinds = "case split_part(d.entity_ref, ':', 1) when 'component' then 25 when 'api' then 12 when 'template' then 12 when 'system' then 10 when 'resource' then 8 when 'location' then -100 else 5 end"

// score writes how good a document is by its exact name, by its title, and as the caller's own, in this order.
func (s scope) score(w *writer, q Query) string {
	if !q.hasText() {
		return "0::float8"
	}
	score := "(0"
	if headings := q.headings(true); headings != "" {
		score += " + case when d.words @@ to_tsquery('simple', " + w.arg(headings) + ") then 200 else 0 end"
	}
	if len(s.mine) > 0 {
		score += " + case when d.facets && " + w.arg(s.mine) + "::text[] then 60 else 0 end"
	}
	kind := "0"
	if s.kind == TypeCatalog {
		kind = kinds
	}
	if q.folded == "" {
		return score + " + " + kind + ")::float8"
	}
	folded, last := w.arg(q.folded), w.arg(q.folded+"\U0010FFFF")
	share := func(column string) string { return "40.0 * length(" + folded + "::text) / length(d." + column + ")" }
	return score + " + case when d.name = " + folded + " then 1000 + " + kind + " when d.title = " + folded + " then 900 + " + kind +
		" when d.name between " + folded + " and " + last + " then 400 + " + kind + " + " + share("name") +
		" when d.title between " + folded + " and " + last + " then 300 + " + kind + " + " + share("title") + " else 0.2 * " + kind + " end)::float8"
}

// textScore writes what the text adds, for documents whose names do not begin with the query. In the texts of all words that contain what was
// typed, it says little.
func (s scope) textScore(q Query, bodies string) string {
	if !q.hasText() || q.isWithin {
		return ""
	}
	return " + case when b.score >= 300 then 0 else 40 * ts_rank_cd(d.body, " + bodies + ", 32) end"
}

// counted writes the number of documents of a scope that match a query, most at most.
func (s scope) counted(w *writer, q Query, lang string, most int) {
	bodies := ""
	if q.hasText() {
		bodies = q.bodies(w, lang, true)
	}
	w.text("select count(*) from (")
	s.where(w, "1")
	if bodies != "" {
		w.text(" and d.body @@ ", bodies)
	}
	w.text(" limit ", strconv.Itoa(most), ") matching")
}
