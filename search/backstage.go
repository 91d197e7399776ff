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
	// mostRanked bounds the documents that are ranked for one query of Backstage's, and mostCounted those that are counted.
	mostRanked  = 2000
	mostCounted = 10_000
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
	w := &writer{}
	tag := uuid.NewString()
	s.writePage(w, readable, r, term, tag)
	rows, err := s.run(ctx, w)
	if err != nil {
		return ResultSet{}, fmt.Errorf("search: %w", err)
	}
	set := ResultSet{Results: []Result{}}
	var total int
	var kind, text, title, location *string
	var document []byte
	_, err = pgx.ForEachRow(rows, []any{&total, &kind, &document, &title, &text, &location}, func() error {
		set.NumberOfResults = total
		if kind == nil {
			return nil
		}
		result := Result{Type: *kind, Document: document, Rank: r.Page*r.PageLimit + len(set.Results) + 1,
			Highlight: Highlight{PreTag: "<" + tag + ">", PostTag: "</" + tag + ">", Fields: map[string]string{}}}
		if title != nil && text != nil && location != nil {
			result.Highlight.Fields = map[string]string{"title": *title, "text": *text, "location": *location, "path": ""}
		}
		set.Results = append(set.Results, result)
		document = nil
		return nil
	})
	if err != nil {
		return ResultSet{}, fmt.Errorf("search: %w", err)
	}
	if len(set.Results) > r.PageLimit {
		set.HasNext, set.Results = true, set.Results[:r.PageLimit]
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
func (s *Service) writePage(w *writer, readable query.Grant, r Request, term, tag string) {
	condition, matching := "", ""
	if term != "" {
		matching = "to_tsquery(" + s.lang() + ", " + w.arg(term) + ")"
		condition = " and d.body @@ " + matching
	}
	selections := func(columns, sorting string, most int) {
		for i, kind := range r.Types {
			if i > 0 {
				w.text(" union all ")
			}
			w.text("(")
			scope{kind: kind, readable: readable, exact: r.Filters}.where(w, columns)
			w.text(condition, sorting, " limit ", strconv.Itoa(most), ")")
		}
	}
	rank := "0::float4"
	if term != "" {
		rank = "ts_rank_cd(d.body, " + matching + ") + case when d.name <> '' and (d.name = " + w.arg(fold(r.Term)) + " or d.title = " + w.arg(fold(r.Term)) + ") then 10 else 0 end"
	}
	w.text("with matching as materialized (")
	selections("d.type, d.id, "+rank+" as rank", "", max(mostRanked, (r.Page+1)*r.PageLimit+1))
	w.text("), total as (select count(*) as n from (")
	selections("1", "", mostCounted)
	w.text(") counted), page as (select type, id, rank from matching order by rank desc, type, id limit ", w.arg(r.PageLimit+1), " offset ", w.arg(r.Page*r.PageLimit), ")",
		" select total.n::int, d.type, d.document")
	for _, field := range []string{"title", "text", "location"} {
		if term == "" || s.options.Highlight.Off {
			w.text(", null::text")
			continue
		}
		w.text(", ts_headline(", s.lang(), ", d.document ->> '", field, "', ", matching, ", ", w.arg(s.options.Highlight.options(tag)), ")")
	}
	w.text(" from total left join page on true left join search_documents d on d.type = page.type and d.id = page.id order by page.rank desc, page.type, page.id")
}
