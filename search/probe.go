package search

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// One of sampleShare documents is in the sample, and one of partShare in the part. Both have an index of their own, of which these numbers
// are the condition.
const (
	sampleShare = 128
	partShare   = 16
	// mostProbed ends counting in the sample.
	mostProbed = 120
)

// level is which documents a selection reads.
type level int

const (
	everywhere level = iota
	inPart
	inSample
)

// levelOf is where enough documents are found for a list that is ranked, when so many are in the sample.
func levelOf(sampled int64) level {
	switch {
	case sampled >= mostProbed:
		return inSample
	case sampled*sampleShare/partShare >= mostProbed:
		return inPart
	default:
		return everywhere
	}
}

// condition writes the condition of the level's index, in exactly its words.
func (l level) condition() string {
	switch l {
	case inSample:
		return " and d.id % " + strconv.Itoa(sampleShare) + " = 0"
	case inPart:
		return " and d.id % " + strconv.Itoa(partShare) + " = 0"
	default:
		return ""
	}
}

// counts are how many documents of the sample match, mostProbed at most.
type counts struct {
	// whole are those of the scope that match all words, and lean those that match without the last, which is the beginning of one.
	whole, lean int64
	// last, exact and headings are those in the table that match operands.Last, Exact and Headings.
	last, exact, headings int64
}

const (
	// fewSampled is the number of matches in the sample below which all are read: they are about a thousand.
	fewSampled = 8
	// fewToRead is the number of documents in the sample below which all are looked through for a beginning that many words have: about
	// three thousand. To find one by the index is about leanShare times as fast as to read one.
	fewToRead = 24
	leanShare = 3
)

// way is how a scope's documents are found.
type way struct {
	// isLean says that Lean is looked up in the index, and the last word in what that finds.
	isLean bool
	// isComplete says that all matches are read. Otherwise some of each kind are: at exact, at headings, and at texts.
	isComplete             bool
	exact, headings, texts level
}

// way decides by the counts. A word of few documents is looked up; one of many is found soon, wherever one looks.
func (c counts) way(hasLean bool) way {
	w := way{exact: levelOf(c.exact), headings: levelOf(c.headings), texts: levelOf(c.whole)}
	w.isLean = hasLean && leanShare*c.lean <= c.last
	w.isComplete = c.whole < fewSampled || hasLean && c.lean < fewToRead
	return w
}

// hasLean reports whether there is something else to look up than the beginning of a word.
func (s scope) hasLean(q Query, o operands) bool {
	return o.Last != "" && (o.Lean != "" || !q.hasOthers() && s.hasFacets())
}

// mayBeLean is hasLean before the operands are known.
func (s scope) mayBeLean(q Query) bool { return q.hasBeginning() && (q.hasOthers() || s.hasFacets()) }

// probed is what is known of a query before documents are read.
type probed struct {
	operands

	Counts []int64
}

// countsOfScope is the number of counts that the sample is asked for, for each scope.
const countsOfScope = 5

// probeOf asks the sample about scopes: for the operands of a query, and for counts of each scope.
func probeOf(scopes []scope, q Query, lang string) *writer {
	w := &writer{}
	w.text("with q as materialized (select ", q.operands(w, lang), ") select ")
	for _, column := range []string{"whole", "lean", "last", "phrase", "exact", "headings"} {
		w.text("coalesce(q.", column, "::text, ''), ")
	}
	w.text("array[")
	for i, in := range scopes {
		if i > 0 {
			w.text(", ")
		}
		in.probe(w, q, firstOf(scopes, in.table()) < i)
	}
	w.text("]::bigint[] from q")
	return w
}

// firstOf is the number of the first scope of a table, of which the counts of the table are.
func firstOf(scopes []scope, table string) int {
	return slices.IndexFunc(scopes, func(one scope) bool { return one.table() == table })
}

// probe asks the sample about scopes, and returns how the documents of each are found.
func (s *Service) probe(ctx context.Context, scopes []scope, q Query) (operands, []way, error) {
	var found probed
	err := s.each(ctx, []*writer{probeOf(scopes, q, s.lang())}, func(_ int, rows pgx.Rows) (err error) {
		found, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[probed])
		return err
	})
	if err != nil {
		return operands{}, nil, fmt.Errorf("look at a sample: %w", err)
	}
	ways := make([]way, len(scopes))
	for i, in := range scopes {
		first := firstOf(scopes, in.table())
		own, table := found.Counts[i*countsOfScope:], found.Counts[first*countsOfScope:]
		last := table[2]
		if !scopes[first].mayBeLean(q) {
			last = table[0] // there is nothing else
		}
		ways[i] = counts{own[0], own[1], last, table[3], table[4]}.way(in.hasLean(q, found.operands))
		if q.hasText() && found.Whole == "" {
			ways[i].isComplete = false // its words are in names only
		}
		if found.Phrase != "" && ways[i].texts == inSample {
			ways[i].texts = inPart // many are looked at for few
		}
	}
	return found.operands, ways, nil
}

// probe writes the counts of a scope, separated by commas. Those of its table are left out when they are asked already.
func (s scope) probe(w *writer, q Query, isAsked bool) {
	whole, lean := "", ""
	if q.hasText() {
		whole = about("body", "(select whole from q)")
	}
	if q.hasOthers() {
		lean = about("body", "(select lean from q)")
	}
	if s.mayBeLean(q) {
		w.text("case when ")
		if q.hasOthers() {
			w.text("numnode((select lean from q)) > 0 and ") // they may be such words as "the"
		}
		s.sampled(w, lean, true)
		w.text(" < ", strconv.Itoa(fewToRead), " then 0 else ") // all are read then
	}
	s.sampled(w, whole, true)
	if s.mayBeLean(q) {
		w.text(" end")
	}
	w.text(", ")
	s.sampled(w, lean, s.mayBeLean(q))
	table := scope{kind: s.kind, isCovered: true}
	for _, of := range []struct {
		column, operand string
		isNeeded        bool
	}{{"body", "last", s.mayBeLean(q)}, {"words", "exact", q.hasText()}, {"words", "headings", q.hasText()}} {
		w.text(", ")
		table.sampled(w, about(of.column, "(select "+of.operand+" from q)"), of.isNeeded && !isAsked)
	}
}

// sampled writes the number of documents of the scope in the sample that meet a condition, or 0 when it is not needed.
func (s scope) sampled(w *writer, condition string, isNeeded bool) {
	if !isNeeded {
		w.text("0")
		return
	}
	w.text("(select count(*) from (")
	s.where(w, "", s.table(), false)
	w.text(condition, inSample.condition(), " limit ", strconv.Itoa(mostProbed), ") sampled)")
}

// about is the condition that a column matches an operand.
func about(column, operand string) string { return " and d." + column + " @@ " + operand }

func (s scope) hasFacets() bool { return len(s.facets)+len(s.granted) > 0 }

// hasBeginning reports whether the last word may be the beginning of one, and hasOthers whether there is more.
func (q Query) hasBeginning() bool {
	return len(q.Words) > 0 && len(q.Words[len(q.Words)-1].Joined) > 1
}

func (q Query) hasOthers() bool { return len(q.Words) > 1 || len(q.Phrases) > 0 }
