package external

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/search"
)

// How many documents a statement looks at: of a word that more have, those whose titles match, and any others.
const (
	mostTitles = 200
	mostTexts  = 400
	// mostCounted bounds the documents that are counted.
	mostCounted = 1000
)

// Sources are the sources to which others push, for the search.
func (s *Store) Sources() (all []search.Source) {
	for _, config := range s.options.Sources {
		if !config.IsLive {
			all = append(all, source{s, config})
		}
	}
	return all
}

// source is one source of the store.
type source struct {
	store  *Store
	config Config
}

// About implements search.Source.
func (s source) About() search.AboutSource { return s.config.AboutSource }

// Find implements search.Source.
func (s source) Find(ctx context.Context, ask search.SourceAsk) (search.Hits, error) {
	// Who may read an entity may find the documents that name it.
	readable, err := query.Rules.Ask(ctx, s.store.options.Decider, ask.Principal, policy.CatalogEntityRead)
	if err != nil {
		return search.Hits{}, err
	}
	w := statement{name: s.config.Name, ask: ask, readable: readable, language: s.store.options.Language}
	sql, args := w.ranked()
	documents, err := collect[json.RawMessage](ctx, s.store, sql, args)
	if err != nil {
		return search.Hits{}, fmt.Errorf("search the source %s: %w", s.config.Name, err)
	}
	hits := search.Hits{Documents: documents, Count: ask.Offset + len(documents)}
	if len(documents) == ask.Limit || ask.Offset > 0 {
		sql, args = w.counted()
		counts, err := collect[int](ctx, s.store, sql, args)
		if err != nil {
			return search.Hits{}, fmt.Errorf("count what is found in the source %s: %w", s.config.Name, err)
		}
		hits.Count, hits.IsMore = max(min(counts[0], mostCounted), hits.Count), counts[0] > mostCounted
	}
	return hits, nil
}

// Facets implements search.Faceted.
func (s source) Facets(ctx context.Context, ask search.FacetAsk) (counts []search.FacetCount, isMore bool, err error) {
	readable, err := query.Rules.Ask(ctx, s.store.options.Decider, ask.Principal, policy.CatalogEntityRead)
	if err != nil {
		return nil, false, err
	}
	w := statement{name: s.config.Name, ask: ask.SourceAsk, readable: readable, language: s.store.options.Language}
	matching := w.matching()
	counted, args := ask.Count(w.args)
	sql := "with matched as materialized (select d.key as id, d.facets " + matching + " limit " + strconv.Itoa(mostCounted) + "), " + counted
	rows, err := s.store.options.Pool.Query(ctx, sql, append([]any{pgx.QueryExecModeCacheDescribe}, args...)...)
	if err != nil {
		return nil, false, fmt.Errorf("count the facets of the source %s: %w", s.config.Name, err)
	}
	counts, looked, err := search.ReadFacets(rows)
	if err != nil {
		return nil, false, fmt.Errorf("read the facets of the source %s: %w", s.config.Name, err)
	}
	return counts, looked >= mostCounted, nil
}

// collect runs a statement that is planned for its parameters.
func collect[T any](ctx context.Context, s *Store, sql string, args []any) ([]T, error) {
	rows, err := s.options.Pool.Query(ctx, sql, append([]any{pgx.QueryExecModeCacheDescribe}, args...)...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[T])
}

// statement finds documents of one source that a principal may find.
type statement struct {
	name     string
	ask      search.SourceAsk
	readable query.Grant
	language string

	args []any
}

func (s *statement) arg(value any) string {
	s.args = append(s.args, value)
	return "$" + strconv.Itoa(len(s.args))
}

// where is the condition on documents that may be found and have what the query's fields say.
func (s *statement) where() string {
	facets := []string{"d.source = " + s.arg(s.name), "not d.is_deleted", "d.facets @> array[" + s.arg(sourceFacet(s.name)) + "::text]"}
	for _, alternatives := range s.ask.Facets {
		facets = append(facets, "d.facets && "+s.arg(alternatives)+"::text[]")
	}
	return strings.Join(facets, " and ") + " and (d.readers is null or d.readers && " + s.arg(s.names()) + "::text[]) and " + s.entity()
}

// entity is the condition that the principal may read the entity that a document names.
func (s *statement) entity() string {
	if s.readable.IsNothing() {
		return "d.entity_ref is null"
	}
	condition, args := query.Condition(s.readable, "e", s.args)
	s.args = args
	return "(d.entity_ref is null or exists (select from catalog_entities e where e.entity_ref = d.entity_ref" + condition + "))"
}

// names are the references of the principal and the principal's groups.
func (s *statement) names() []string {
	names := []string{}
	for _, ref := range append([]string{s.ask.Principal.UserRef()}, s.ask.Principal.Ownership...) {
		if ref != "" {
			names = append(names, strings.ToLower(ref))
		}
	}
	return names
}

// match adds the condition for all words of the query, as an expression of the type tsquery, "" for a query without words.
func (s *statement) match() (sql string) {
	sql, s.args = s.ask.Query.TextMatch(s.language, s.args)
	return sql
}

// ranked is the selection of the documents that match best.
func (s *statement) ranked() (sql string, args []any) {
	s.args = nil
	where := s.where()
	selection := "(select d.key from search_pushed d where " + where + " and "
	texts := s.match()
	if texts == "" {
		return "select d.document from search_pushed d where " + where + " order by d.key limit " + s.arg(s.ask.Limit) + " offset " + s.arg(s.ask.Offset), s.args
	}
	parts := []string{selection + "d.body @@ " + texts + " limit " + strconv.Itoa(mostTexts) + ")"}
	score := "40 * ts_rank_cd(d.body, " + texts + ", 32)"
	var titles string
	if titles, s.args = s.ask.Query.TitleMatch(s.args); titles != "" {
		parts = append(parts, selection+"d.words @@ "+titles+" limit "+strconv.Itoa(mostTitles)+")")
		score += " + case when d.words @@ " + titles + " then 200 else 0 end"
	}
	if typed := s.ask.Query.Folded(); typed != "" {
		folded, last := s.arg(typed), s.arg(typed+"\U0010FFFF")
		parts = append(parts, selection+"d.title <> '' and d.title between "+folded+" and "+last+" limit "+strconv.Itoa(mostTitles)+")")
		score += " + case when d.title = " + folded + " then 900 when d.title between " + folded + " and " + last + " then 300 else 0 end"
	}
	return "select d.document from search_pushed d where d.source = " + s.arg(s.name) + " and d.key = any (array(" + strings.Join(parts, " union ") + ")) order by " +
		score + " desc, length(d.title), d.key limit " + s.arg(s.ask.Limit) + " offset " + s.arg(s.ask.Offset), s.args
}

// counted is the number of documents that match.
func (s *statement) counted() (sql string, args []any) {
	return "select count(*) from (select " + s.matching() + " limit " + strconv.Itoa(mostCounted+1) + ") matching", s.args
}

// matching writes what follows the columns of a selection of all documents that match.
func (s *statement) matching() (sql string) {
	s.args = nil
	where := s.where()
	if texts := s.match(); texts != "" {
		where += " and d.body @@ " + texts
	}
	return "from search_pushed d where " + where
}
