package search

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/run"
)

// queryTimeout bounds one search.
const queryTimeout = 5 * time.Second

// ServiceOptions are the dependencies and settings of a Service.
type ServiceOptions struct {
	Pool *pgxpool.Pool
	// Decider decides which entities a principal may read.
	Decider policy.Decider
	// Runs are found too, nil for none, and Actions, nil for none.
	Runs    *run.Store
	Actions func() []action.Description
	// Sources are other systems. Their failures are reported to Log, nil for nowhere.
	Sources []Source
	Log     *slog.Logger
	// Language is that of the Index. Empty is DefaultLanguage.
	Language string
	// MaxTerm and MaxPage bound queries of Backstage's clients: characters of a term, and results on a page. 0 is 100, as in Backstage.
	MaxTerm, MaxPage int
	// Highlight is how matches in results are shown. The zero value is Backstage's.
	Highlight Highlighting
}

// Service answers queries. It is safe for concurrent use.
type Service struct {
	options ServiceOptions
	queries *db.Queries
}

// New makes a Service.
func New(options ServiceOptions) *Service {
	if options.Language == "" {
		options.Language = DefaultLanguage
	}
	if options.MaxTerm == 0 {
		options.MaxTerm = 100
	}
	if options.MaxPage == 0 {
		options.MaxPage = 100
	}
	return &Service{options: options, queries: db.New()}
}

// readable are the entities that a principal may read.
func (s *Service) readable(ctx context.Context, principal identity.Principal) (query.Grant, error) {
	return query.Rules.Ask(ctx, s.options.Decider, principal, policy.CatalogEntityRead)
}

// lang is the language as SQL.
func (s *Service) lang() string { return language(s.options.Language) }

// run executes a statement. It is planned for its parameters: how many documents have a word decides about the plan.
func (s *Service) run(ctx context.Context, w *writer) (pgx.Rows, error) {
	return s.options.Pool.Query(ctx, w.sql.String(), append([]any{pgx.QueryExecModeCacheDescribe}, w.args...)...)
}

// found is a document that a statement selects.
type found struct {
	Type      string
	ID        int64
	EntityRef *string
	Document  json.RawMessage
	Facets    []string
	Score     float64
}

// ranked are the documents of a scope that match a query best.
func (s *Service) ranked(ctx context.Context, in scope, q Query, limit, offset int) ([]found, error) {
	w := &writer{}
	in.ranked(w, q, s.lang(), limit, offset)
	rows, err := s.run(ctx, w)
	if err != nil {
		return nil, fmt.Errorf("search %s: %w", in.kind, err)
	}
	documents, err := pgx.CollectRows(rows, pgx.RowToStructByPos[found])
	if err != nil {
		return nil, fmt.Errorf("search %s: %w", in.kind, err)
	}
	return documents, nil
}

// counted is how many documents match, most at most.
func (s *Service) counted(ctx context.Context, in scope, q Query, most int) (int, error) {
	w := &writer{}
	in.counted(w, q, s.lang(), most)
	rows, err := s.run(ctx, w)
	if err != nil {
		return 0, fmt.Errorf("count what is found in %s: %w", in.kind, err)
	}
	count, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[int])
	if err != nil {
		return 0, fmt.Errorf("count what is found in %s: %w", in.kind, err)
	}
	return count, nil
}

// isSafe reports whether a location leads to a page on this server or by HTTP on another, as browsers read addresses: others, such as
// javascript:, are no results.
func isSafe(location string) bool {
	location = strings.TrimLeft(strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(location), "\x00\x01\x02\x03\x04\x05\x06\x07\x08\v\f\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f ")
	end := strings.IndexFunc(location, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '+' && r != '-' && r != '.'
	})
	if end <= 0 || location[end] != ':' || location[0] < 'A' {
		return true // it has no scheme
	}
	scheme := strings.ToLower(location[:end])
	return scheme == "http" || scheme == "https"
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Limits are the characters of a term and the results on a page that a query may have.
func (s *Service) Limits() (term, page int) { return s.options.MaxTerm, s.options.MaxPage }
