package search

import (
	"context"
	"errors"
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

// planned has the statements of a transaction planned once for a connection: planning takes longer than they do, and they look up what
// they need to know. Their tables are large, and what they read of them is little: neither is worth a compiler or a second process.
const planned = "select set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true), " +
	"set_config('jit', 'off', true), set_config('max_parallel_workers_per_gather', '0', true)"

// each executes statements in one exchange with the database, and reads the rows of each.
func (s *Service) each(ctx context.Context, statements []*writer, read func(i int, rows pgx.Rows) error) (err error) {
	batch := &pgx.Batch{}
	batch.Queue(planned)
	for _, one := range statements {
		batch.Queue(one.sql.String(), one.args...)
	}
	results := s.options.Pool.SendBatch(ctx, batch)
	defer func() { err = errors.Join(err, results.Close()) }()
	if _, err := results.Exec(); err != nil {
		return fmt.Errorf("have statements planned once: %w", err)
	}
	for i := range statements {
		rows, err := results.Query()
		if err != nil {
			return err
		}
		if err := read(i, rows); err != nil {
			return err
		}
	}
	return nil
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
