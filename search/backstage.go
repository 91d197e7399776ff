package search

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/identity"
)

const (
	// presetPage is Backstage's size of a page.
	presetPage = 25
	// mostRanked bounds the documents that are ranked for one query of Backstage's, unless its page is further back, and mostOfMany of a
	// word that many have. mostCounted bounds those of each type that are counted.
	mostRanked  = 2000
	mostOfMany  = 300
	mostCounted = 1000
	// MaxPages bounds the number of a page, which decides how much is read before it.
	MaxPages = 1000
)

// Types are the types that a client of Backstage's may ask for. Without a choice, it gets the first two, which it has pages for.
var Types = []string{TypeCatalog, TypeDocs, TypeAPI}

// Highlighting are Backstage's options search.pg.highlightOptions.
type Highlighting struct {
	// Off leaves out the highlights.
	Off                                         bool
	MaxWords, MinWords, ShortWord, MaxFragments int
	All                                         bool
	FragmentDelimiter                           string
}

func (h Highlighting) options(tag string) string {
	number := func(n, preset int) string {
		if n == 0 {
			n = preset
		}
		return strconv.Itoa(n)
	}
	delimiter := h.FragmentDelimiter
	if delimiter == "" {
		delimiter = " ... "
	}
	return fmt.Sprintf(`MaxWords=%s, MinWords=%s, ShortWord=%s, HighlightAll=%t, MaxFragments=%s, FragmentDelimiter="%s", StartSel="<%s>", StopSel="</%s>"`,
		number(h.MaxWords, 35), number(h.MinWords, 15), number(h.ShortWord, 3), h.All, number(h.MaxFragments, 0), strings.ReplaceAll(delimiter, `"`, ""), tag, tag)
}

// Request is a query as Backstage's clients send it.
type Request struct {
	Term  string
	Types []string
	// Filters are alternatives for fields of documents.
	Filters map[string][]string
	// Page counts from 0. A PageLimit of 0 is presetPage.
	Page, PageLimit int
}

// Result is one document, in the form of Backstage's.
type Result struct {
	Type     string
	Document json.RawMessage
	// Rank is 1 for the best of all pages.
	Rank      int
	Highlight Highlight
}

// Highlight has the fields of a result with tags around what matches. Without a term it has none.
type Highlight struct {
	PreTag, PostTag string
	Fields          map[string]string
}

// ResultSet is a page of results.
type ResultSet struct {
	NumberOfResults int
	Results         []Result
	// HasNext reports that there is another page.
	HasNext bool
}

// Query answers a query of a client of Backstage's. It finds what Backstage would. When that is nothing, it also looks for words within
// words, for names, and for words that are similar.
func (s *Service) Query(ctx context.Context, principal identity.Principal, r Request) (ResultSet, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	readable, err := s.readable(ctx, principal)
	if err != nil || readable.IsNothing() {
		return ResultSet{Results: []Result{}}, err
	}
	if r.PageLimit == 0 {
		r.PageLimit = presetPage
	}
	if r.Types = unique(slices.Clone(r.Types)); len(r.Types) == 0 {
		r.Types = Types[:2]
	}
	term := backstageTerm(r.Term)
	set, err := s.page(ctx, readable, r, term)
	if err != nil || set.NumberOfResults > 0 || term == "" {
		return set, err
	}
	q, err := Parse(r.Term)
	if err != nil || !q.hasText() {
		return set, err
	}
	return s.page(ctx, readable, r, q.headings(true))
}

// backstageTerm is the term as an operand of to_tsquery: its words, which may be beginnings of words. The weights leave out what
// Backstage does not index.
func backstageTerm(term string) string {
	var all []string
	for part := range strings.FieldsSeq(clean(term)) {
		part = strings.Map(func(r rune) rune {
			if strings.ContainsRune(`()|&:*!<>'"\`+"\x00", r) {
				return -1
			}
			return r
		}, part)
		if part != "" && len(all) < maxWords {
			all = append(all, "('"+part+"':ABC | '"+part+"':*ABC)")
		}
	}
	return strings.Join(all, " & ")
}

// page is a page of the documents that match an operand of to_tsquery, "" for all documents.
func (s *Service) page(ctx context.Context, readable query.Grant, r Request, term string) (ResultSet, error) {
	p := pageOf{Request: r, tag: uuid.NewString()}
	for _, kind := range r.Types {
		in := scope{kind: kind, readable: readable, exact: r.Filters}.within()
		in.isCovered = false // what is counted is to be checked too
		p.scopes = append(p.scopes, in)
	}
	if err := s.probePage(ctx, &p, term); err != nil {
		return ResultSet{}, err
	}
	set := ResultSet{Results: []Result{}}
	if term != "" && p.matching == "" {
		return set, nil // of such words as "the"
	}
	w := &writer{}
	s.writePage(w, p)
	err := s.each(ctx, []*writer{w}, func(_ int, rows pgx.Rows) (err error) {
		set, err = p.read(rows)
		return err
	})
	if err != nil {
		return ResultSet{}, fmt.Errorf("search: %w", err)
	}
	return set, nil
}

// pageOf is a page that is looked for.
type pageOf struct {
	Request

	scopes []scope
	tag    string
	// matching is the term as the text of a tsquery, "" for all documents, and sampled are how many documents of the sample match, by
	// scope.
	matching string
	sampled  []int64
}

// probePage asks the sample how many documents match.
func (s *Service) probePage(ctx context.Context, p *pageOf, term string) error {
	if p.sampled = make([]int64, len(p.scopes)); term == "" {
		return nil
	}
	w := &writer{}
	w.text("with q as materialized (select to_tsquery(", s.lang(), ", ", w.arg(term), ") as whole) select q.whole::text, array[")
	for i, in := range p.scopes {
		if i > 0 {
			w.text(", ")
		}
		in.sampled(w, about("body", "(select whole from q)"), true)
	}
	w.text("]::bigint[] from q")
	err := s.each(ctx, []*writer{w}, func(_ int, rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&p.matching, &p.sampled}, func() error { return nil })
		return err
	})
	if err != nil {
		return fmt.Errorf("look at a sample: %w", err)
	}
	return nil
}

// read reads the rows of the statement that writePage writes.
func (p pageOf) read(rows pgx.Rows) (ResultSet, error) {
	set := ResultSet{Results: []Result{}}
	var total int
	var kind, text, title, location *string
	var document []byte
	_, err := pgx.ForEachRow(rows, []any{&total, &kind, &document, &title, &text, &location}, func() error {
		set.NumberOfResults = total
		if kind == nil {
			return nil
		}
		result := Result{Type: *kind, Document: document, Rank: p.Page*p.PageLimit + len(set.Results) + 1,
			Highlight: Highlight{PreTag: "<" + p.tag + ">", PostTag: "</" + p.tag + ">", Fields: map[string]string{}}}
		if title != nil && text != nil && location != nil {
			result.Highlight.Fields = map[string]string{"title": *title, "text": *text, "location": *location, "path": ""}
		}
		set.Results = append(set.Results, result)
		document = nil
		return nil
	})
	if err != nil {
		return ResultSet{}, err
	}
	if len(set.Results) > p.PageLimit {
		set.HasNext, set.Results = true, set.Results[:p.PageLimit]
	}
	set.Results = safe(set.Results)
	return set, nil
}

// safe leaves out results that do not lead to a page.
func safe(results []Result) []Result {
	kept := results[:0]
	for _, result := range results {
		var document struct {
			Location string `json:"location"`
		}
		if err := json.Unmarshal(result.Document, &document); err == nil && isSafe(document.Location) {
			kept = append(kept, result)
		}
	}
	return kept
}

// writePage writes the selection of a page and of the number of all that matches: one row at least, without a document if there is none.
func (s *Service) writePage(w *writer, p pageOf) {
	matching, rank := "", "0::float4"
	if p.matching != "" {
		matching = w.arg(p.matching) + "::tsquery"
		folded := w.arg(fold(p.Term)) + "::text"
		rank = "ts_rank_cd(d.body, " + matching + ") + case when d.name <> '' and (d.name = " + folded + " or d.title = " + folded + ") then 10 else 0 end"
	}
	w.text("with matching as materialized (")
	p.eachScope(w, func(in scope, sampled int64) {
		at, most := p.ranked(sampled)
		p.selection(w, in, "d.type, d.id, "+rank+" as rank", matching, at, most)
	})
	w.text("), total as (select count(*) as n from (")
	p.eachScope(w, func(in scope, sampled int64) {
		if sampled == mostProbed {
			w.text("select 1 from generate_series(1, ", w.arg(mostCounted), ")") // there are many times as many
			return
		}
		p.selection(w, in, "1", matching, everywhere, mostCounted)
	})
	w.text(") counted), page as (select type, id, rank from matching order by rank desc, type, id limit ", w.arg(p.PageLimit+1), " offset ", w.arg(p.Page*p.PageLimit), ")",
		" select total.n::int, d.type, d.document")
	for _, field := range []string{"title", "text", "location"} {
		if matching == "" || s.options.Highlight.Off {
			w.text(", null::text")
			continue
		}
		w.text(", ts_headline(", s.lang(), ", d.document ->> '", field, "', ", matching, ", ", w.arg(s.options.Highlight.options(p.tag)), ")")
	}
	w.text(" from total left join page on true left join search_documents d on d.type = page.type and d.id = page.id order by page.rank desc, page.type, page.id")
}

// eachScope writes selections, one for each scope.
func (p pageOf) eachScope(w *writer, write func(in scope, sampled int64)) {
	for i, in := range p.scopes {
		if i > 0 {
			w.text(" union all ")
		}
		w.text("(")
		write(in, p.sampled[i])
		w.text(")")
	}
}

// selection writes what is selected of a scope: so many documents of a level.
func (pageOf) selection(w *writer, in scope, columns, matching string, at level, most int) {
	in.where(w, columns, in.table(), false)
	if matching != "" {
		w.text(about("body", matching))
	}
	w.text(at.condition(), " limit ", w.arg(most))
}

// ranked is where and how many documents are ranked.
func (p pageOf) ranked(sampled int64) (at level, most int) {
	needed := (p.Page+1)*p.PageLimit + 1
	switch {
	case p.matching == "":
		return everywhere, needed
	case sampled < fewSampled:
		return everywhere, max(mostRanked, needed)
	case needed < mostProbed:
		return levelOf(sampled), mostOfMany
	default:
		return everywhere, max(mostOfMany, needed)
	}
}
