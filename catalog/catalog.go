// Package catalog is the catalog's commands and queries: what may be asked of it and done to it, by whom. Each takes
// the principal that asks, has the decision point decide, and reads or writes in the terms of the packages below:
// entity says what an entity is, query turns questions into SQL, processing brings entities in and keeps them current.
// HTTP is not known here.
package catalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// Visibility narrows what a principal sees: the filter becomes part of every statement that reads entities, so that
// lists, counts and facets agree. A nil filter narrows nothing.
type Visibility func(ctx context.Context, principal identity.Principal) (query.Filter, error)

// ConflictStrategy says what registering a location does that is registered already.
type ConflictStrategy string

const (
	// ConflictReject refuses it. It is the zero value's meaning too.
	ConflictReject ConflictStrategy = "reject"
	// ConflictRefresh has the registered one read again.
	ConflictRefresh ConflictStrategy = "refresh"
)

// Options are what a Service is made of.
type Options struct {
	Pool    *pgxpool.Pool
	Decider policy.Decider
	// Pipeline tries out what is not stored: dry runs and validation.
	Pipeline *processing.Pipeline
	// Visibility is nil when everybody who may read entities sees all of them.
	Visibility Visibility
	// LocationTypes are the types of location that may be registered; nil is "url" alone.
	LocationTypes []string
	// OnConflict is for registrations that do not say.
	OnConflict ConflictStrategy
	// ReadOnly refuses to change registered locations.
	ReadOnly bool
}

// Service answers and obeys. It is safe for concurrent use.
type Service struct {
	pool    *pgxpool.Pool
	queries *db.Queries
	state   processing.State
	options Options
}

// New makes a Service.
func New(options Options) *Service {
	if options.LocationTypes == nil {
		options.LocationTypes = []string{"url"}
	}
	return &Service{pool: options.Pool, queries: db.New(), state: processing.NewState(), options: options}
}

func (s *Service) authorize(ctx context.Context, principal identity.Principal, permission policy.Permission, resource string) error {
	return s.options.Decider.Authorize(ctx, principal, policy.Request{Permission: permission, Resource: resource})
}

// allowed tells a refusal, for which queries answer with nothing, from a decision that could not be made.
func (s *Service) allowed(ctx context.Context, principal identity.Principal, permission policy.Permission, resource string) (bool, error) {
	err := s.authorize(ctx, principal, permission, resource)
	if _, denied := errors.AsType[*policy.DeniedError](err); denied {
		return false, nil
	}
	return err == nil, err
}

// visible is the condition under which a principal reads entities, joined with what it asks for; readable is false when
// it may read none.
func (s *Service) visible(ctx context.Context, principal identity.Principal, resource string, asked query.Filter) (filter query.Filter, readable bool, err error) {
	readable, err = s.allowed(ctx, principal, policy.CatalogEntityRead, resource)
	if err != nil || !readable || s.options.Visibility == nil {
		return asked, readable, err
	}
	narrowed, err := s.options.Visibility(ctx, principal)
	if err != nil {
		return nil, false, fmt.Errorf("what %s may see: %w", principal.Subject, err)
	}
	return query.And(narrowed, asked), true, nil
}

// query runs a statement that was built for one question. It is planned for its own parameters: how many entities there
// are of a kind, or of an owner, differs too much for a plan that is to suit them all.
func (s *Service) query(ctx context.Context, statement query.Statement) (pgx.Rows, error) {
	return s.pool.Query(ctx, statement.SQL, append([]any{pgx.QueryExecModeCacheDescribe}, statement.Args...)...)
}

// ask is query for a statement that is answered by one row; none is pgx.ErrNoRows.
func ask[T any](ctx context.Context, s *Service, statement query.Statement, to pgx.RowToFunc[T]) (T, error) {
	rows, err := s.query(ctx, statement)
	if err != nil {
		var none T
		return none, err
	}
	return pgx.CollectExactlyOneRow(rows, to)
}

// writable refuses commands while the catalog is read-only.
func (s *Service) writable() error {
	if s.options.ReadOnly {
		return fault.New(fault.NotAllowed, "This operation not allowed in readonly mode")
	}
	return nil
}

func (s *Service) transact(ctx context.Context, work func(tx pgx.Tx) error) error {
	return processing.Transact(ctx, s.pool, work)
}
