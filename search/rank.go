package search

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// How many documents a statement looks at. Of a word that more than a thousand documents have, these are some of each kind: those whose
// names begin with it, that have it in their names, titles or tags, that the caller owns, and that have it in their text.
const (
	mostNames    = 40
	mostHeadings = 100
	mostOwn      = 60
	mostTexts    = 150
	// mostWalked bounds the names that are looked at for those that the caller may read.
	mostWalked = 100
	// mostComplete bounds what is read when all matches are.
	mostComplete = 3000
	// mostForPhrase bounds the documents whose words are looked at for being side by side.
	mostForPhrase = 1500
	// mostRead bounds the documents whose texts are ranked.
	mostRead = 50
)

// manyOwners is the number of owners above which what they own is looked for in a part of the documents.
const manyOwners = 32

// selection is a statement about one scope.
type selection struct {
	*writer
	scope

	query    Query
	operands operands
	way      way

	// The operands as parameters.
	whole, lean, phrase, headings string
	// base is the score of a document by its names.
	base string
	// most bounds the documents that have the words in their texts, unless all matches are read.
	most int
	// hasParts says that a part is written already.
	hasParts bool
}

// ranked writes the selection of the documents of a scope that match a query best: document, how many match, and how many were looked at.
func (s scope) ranked(q Query, o operands, by way, limit, offset int) *writer {
	one := &selection{writer: &writer{}, scope: s, query: q, operands: o, way: by, most: mostTexts}
	one.prepare()
	one.text("with found as materialized (")
	one.parts()
	// The texts are read of those only whose names, titles and owners are best: that costs most.
	one.text("), different as materialized (select id, max(score) as score, min(length) as length from found group by id), ",
		"best as materialized (select id, score, length from different order by score desc, length, id limit ", one.arg(mostRead+limit+offset), ") ",
		"select d.document, (select count(*) from different), (select count(*) from found) from best b join ", s.table(), " d on d.type = ", one.arg(s.kind),
		" and d.id = b.id where true")
	s.andReadable(one.writer)
	one.text(" order by b.score", one.textScore(), " desc, b.length, b.id limit ", one.arg(limit), " offset ", one.arg(offset))
	return one.writer
}

func (s *selection) prepare() {
	operand := func(text string) string {
		if text == "" {
			return ""
		}
		return s.arg(text) + "::tsquery"
	}
	s.whole, s.phrase, s.headings = operand(s.operands.Whole), operand(s.operands.Phrase), operand(s.operands.Headings)
	if s.way.isLean {
		s.lean = operand(s.operands.Lean)
	}
	s.base = s.score()
}

// part writes a part of what is looked at.
func (s *selection) part(write func()) {
	if s.hasParts {
		s.text(" union all ")
	}
	s.hasParts = true
	s.text("(")
	write()
	s.text(")")
}

func (s *selection) columns(score string) string {
	return "d.id, " + score + " as score, length(d.name) as length"
}

func (s *selection) parts() {
	s.names()
	hasOwn := len(s.mine) > 0 && s.whole != "" && !s.isOwn()
	if s.way.isComplete {
		s.matching(everywhere, s.base, mostComplete, s.match())
	} else {
		s.heading(s.operands.Exact, s.way.exact)
		if s.operands.Headings != s.operands.Exact {
			s.heading(s.operands.Headings, s.way.headings)
		}
	}
	if hasOwn {
		s.own()
	}
	if !s.way.isComplete && (s.whole != "" || !s.query.hasText()) {
		s.matching(s.way.texts, s.base, s.most, s.match())
	}
}

// names writes the documents whose names and titles begin with what was typed.
func (s *selection) names() {
	if len(s.query.folded) < 2 {
		return
	}
	for _, column := range []string{"name", "title"} {
		s.part(func() {
			first, last := s.arg(s.query.folded), s.arg(s.query.folded+"\U0010FFFF")
			walked := "(select n.type, n.id, n.entity_id, n.entity_ref, n.name, n.title, n.body, n.words, n.facets from " + s.table() + " n where n." + column + " <> '' and n." + column + " between " + first + " and " + last +
				" order by n." + column + " limit " + strconv.Itoa(mostWalked) + ")"
			s.where(s.writer, s.columns(s.base), walked, true)
			s.text(" limit ", strconv.Itoa(mostNames))
		})
	}
}

// heading writes documents that have words in their names, titles or tags.
func (s *selection) heading(operand string, at level) {
	if operand == "" {
		return
	}
	s.part(func() {
		s.where(s.writer, s.columns(s.base), s.table(), false)
		s.text(about("words", s.arg(operand)+"::tsquery"), at.condition(), " limit ", strconv.Itoa(mostHeadings))
	})
}

// own writes matches that the caller owns. Of a word that many documents have, it is looked for in what the caller owns.
func (s *selection) own() {
	at, most, condition := everywhere, mostComplete, s.match()
	if !s.way.isComplete {
		most, condition = mostOwn, late(s.whole)
	}
	if len(s.mine) > manyOwners && !s.way.isComplete {
		at = inPart
	}
	s.matching(at, s.base+" + 60", most, " and d.facets && "+s.arg(s.mine)+"::text[]"+condition)
}

// matching writes documents that meet a condition.
func (s *selection) matching(at level, score string, most int, condition string) {
	s.part(func() {
		columns := s.columns(score)
		if s.phrase != "" {
			s.text("select ", columns, " from (")
			columns = "d.*"
		}
		s.where(s.writer, columns, s.table(), false)
		s.text(condition, at.condition())
		if s.phrase != "" {
			s.text(" limit ", strconv.Itoa(mostForPhrase), ") d where (d.body @@ ", s.phrase, ") is true")
		}
		s.text(" limit ", strconv.Itoa(most))
	})
}

// late is the condition that a document matches, which is not looked up in the index.
func late(operand string) string { return " and (d.body @@ " + operand + ") is true" }

// match is the condition that all words match.
func (s *selection) match() string {
	switch {
	case s.whole == "":
		return ""
	case !s.way.isLean:
		return about("body", s.whole)
	case s.lean == "":
		return late(s.whole)
	default:
		return about("body", s.lean) + late(s.whole)
	}
}

// isOwn reports whether the scope has only what the caller owns.
func (s *selection) isOwn() bool {
	for _, alternatives := range slices.Concat(s.facets, s.granted) {
		if isWithin(alternatives, s.mine) {
			return true
		}
	}
	return false
}

func isWithin(some, all []string) bool {
	known := make(map[string]bool, len(all))
	for _, one := range all {
		known[one] = true
	}
	return !slices.ContainsFunc(some, func(one string) bool { return !known[one] })
}

// kinds orders documents whose names match alike.
const kinds = "case split_part(d.entity_ref, ':', 1) when 'component' then 25 when 'api' then 12 when 'template' then 12 when 'system' then 10 when 'resource' then 8 when 'location' then -100 else 5 end"

// score is how good a document is by its exact name, and by its title, in this order.
func (s *selection) score() string {
	if !s.query.hasText() {
		return "0::float8"
	}
	score := "(0"
	if s.headings != "" {
		score += " + case when d.words @@ " + s.headings + " then 200 else 0 end"
	}
	kind := "0"
	if s.kind == TypeCatalog {
		kind = kinds
	}
	if s.query.folded == "" {
		return score + " + " + kind + ")::float8"
	}
	folded, last := s.arg(s.query.folded)+"::text", s.arg(s.query.folded+"\U0010FFFF")
	share := func(column string) string { return "40.0 * length(" + folded + ") / length(d." + column + ")" }
	return score + " + case when d.name = " + folded + " then 1000 + " + kind + " when d.title = " + folded + " then 900 + " + kind +
		" when d.name between " + folded + " and " + last + " then 400 + " + kind + " + " + share("name") +
		" when d.title between " + folded + " and " + last + " then 300 + " + kind + " + " + share("title") + " else 0.2 * " + kind + " end)::float8"
}

// textScore is what the text adds, for documents whose names do not begin with the query. In the texts of all words that contain what was
// typed, it says little.
func (s *selection) textScore() string {
	if s.whole == "" || s.query.isWithin {
		return ""
	}
	operand := s.whole
	if s.phrase != "" {
		operand = "(" + s.whole + " && " + s.phrase + ")"
	}
	return " + case when b.score >= 300 then 0 else 40 * ts_rank_cd(d.body, " + operand + ", 32) end"
}

// hits are the best documents of a scope.
type hits struct {
	documents []json.RawMessage
	// count is how many match. With isMore there are more.
	count  int
	isMore bool
}

// best finds the best documents of each scope, in two exchanges with the database.
func (s *Service) best(ctx context.Context, scopes []scope, q Query, limit, offset int) ([]hits, error) {
	all := make([]hits, len(scopes))
	if len(scopes) == 0 {
		return all, nil
	}
	o, ways, err := s.probe(ctx, scopes, q)
	if err != nil {
		return nil, err
	}
	statements := make([]*writer, len(scopes))
	for i, in := range scopes {
		statements[i] = in.ranked(q, o, ways[i], limit, offset)
	}
	err = s.each(ctx, statements, func(i int, rows pgx.Rows) error {
		var document []byte
		different, looked := 0, 0
		_, err := pgx.ForEachRow(rows, []any{&document, &different, &looked}, func() error {
			all[i].documents, document = append(all[i].documents, document), nil
			return nil
		})
		if err != nil {
			return fmt.Errorf("search %s: %w", scopes[i].kind, err)
		}
		all[i].count, all[i].isMore = different, ways[i].isMore(looked)
		return nil
	})
	return all, err
}

// isMore reports whether more match than were looked at.
func (w way) isMore(looked int) bool {
	if w.isComplete {
		return looked >= mostComplete
	}
	return w.texts != everywhere || looked >= mostTexts
}
