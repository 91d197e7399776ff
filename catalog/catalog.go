// Package catalog is the catalog's commands and queries: what may be asked of it and done to it, by whom.
// Each takes the principal that asks, has the decision point decide, and reads or writes in the terms of the
// packages below: entity says what an entity is, query turns questions into SQL, processing brings entities
// in and keeps them current. HTTP is not known here.
package catalog

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

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
	Pool *pgxpool.Pool
	// Decider says who may do what, and under which conditions (query.Rules).
	Decider policy.Decider
	// Pipeline tries out what is not stored: dry runs and validation.
	Pipeline *processing.Pipeline
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

// granted is which entities a principal may do something with. Statements that read entities take it, and
// commands check it: nothing is read or changed that was not asked for.
func (s *Service) granted(ctx context.Context, principal identity.Principal, permission policy.Permission) (query.Grant, error) {
	return query.Rules.Ask(ctx, s.options.Decider, principal, permission)
}

// readable is which entities a principal may read.
func (s *Service) readable(ctx context.Context, principal identity.Principal) (query.Grant, error) {
	return s.granted(ctx, principal, policy.CatalogEntityRead)
}

// require asks for a permission that is about no entities.
func (s *Service) require(ctx context.Context, principal identity.Principal, permission policy.Permission, resource string) error {
	return policy.Require(ctx, s.options.Decider, principal, permission, resource)
}

// mayReadLocations is require for the queries about locations, which answer a refusal with nothing.
func (s *Service) mayReadLocations(ctx context.Context, principal identity.Principal) (bool, error) {
	err := s.require(ctx, principal, policy.CatalogLocationRead, "")
	if _, denied := errors.AsType[*policy.DeniedError](err); denied {
		return false, nil
	}
	return err == nil, err
}

// query runs a statement that was built for one question. It is planned for its own parameters: how many
// entities there are of a kind, or of an owner, differs too much for a plan that is to suit them all.
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
