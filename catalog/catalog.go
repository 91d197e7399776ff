// Package catalog implements the commands and queries of the catalog. Each takes the calling principal, asks
// the decision point for permission, and then reads or writes. The packages below do the work: entity defines
// what an entity is, query turns questions into SQL, and processing ingests entities and keeps them current.
// The package does not know HTTP.
package catalog

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// ConflictStrategy selects what happens when a location is registered that is registered already.
type ConflictStrategy string

const (
	// ConflictReject refuses the registration. The zero value means the same.
	ConflictReject ConflictStrategy = "reject"
	// ConflictRefresh reads the registered location again.
	ConflictRefresh ConflictStrategy = "refresh"
)

// Options are the dependencies and settings of a Service.
type Options struct {
	Pool *pgxpool.Pool
	// Decider decides which principal may do what, and under which conditions (query.Rules).
	Decider policy.Decider
	// Pipeline processes documents that are not stored: dry runs and validation.
	Pipeline *processing.Pipeline
	// Surveyor looks into repositories that are to be imported. Nil looks into none.
	Surveyor Surveyor
	// LocationTypes are the types of location that may be registered; nil is "url" alone.
	LocationTypes []string
	// OnConflict is the strategy for registrations that do not choose one.
	OnConflict ConflictStrategy
	// ReadOnly refuses changes to registered locations.
	ReadOnly bool
}

// Service runs the catalog's queries and commands. It is safe for concurrent use.
type Service struct {
	pool    *pgxpool.Pool
	queries *db.Queries
	state   processing.State
	answers *answers
	options Options
}

// New makes a Service.
func New(options Options) *Service {
	if options.LocationTypes == nil {
		options.LocationTypes = []string{"url"}
	}
	return &Service{pool: options.Pool, queries: db.New(), state: processing.NewState().WithModel(options.model()), answers: newAnswers(), options: options}
}

// model is the model of the pipeline, nil without one.
func (o Options) model() *entity.Model {
	if o.Pipeline == nil {
		return nil
	}
	return o.Pipeline.Model
}

// granted returns the entities on which a principal has a permission. Statements that read entities take the
// grant as an argument, and commands check it.
func (s *Service) granted(ctx context.Context, principal identity.Principal, permission policy.Permission) (query.Grant, error) {
	return query.Rules.Ask(ctx, s.options.Decider, principal, permission)
}

// readable returns the entities that a principal may read.
func (s *Service) readable(ctx context.Context, principal identity.Principal) (query.Grant, error) {
	return s.granted(ctx, principal, policy.CatalogEntityRead)
}

// require checks a permission that is not about particular entities.
func (s *Service) require(ctx context.Context, principal identity.Principal, permission policy.Permission, resource string) error {
	return policy.Require(ctx, s.options.Decider, principal, permission, resource)
}

// mayReadLocations is require for the queries about locations, which return an empty result when refused.
func (s *Service) mayReadLocations(ctx context.Context, principal identity.Principal) (bool, error) {
	err := s.require(ctx, principal, policy.CatalogLocationRead, "")
	if _, denied := errors.AsType[*policy.DeniedError](err); denied {
		return false, nil
	}
	return err == nil, err
}

// query runs a statement that was built for one request. Unless it is generic, it is planned for its actual
// parameters: the number of entities per kind or owner varies too much for a generic plan.
func (s *Service) query(ctx context.Context, statement query.Statement) (pgx.Rows, error) {
	if statement.Generic {
		return s.queryGeneric(ctx, statement)
	}
	return s.pool.Query(ctx, statement.SQL, append([]any{pgx.QueryExecModeCacheDescribe}, statement.Args...)...)
}

// queryGeneric plans a statement once for each connection. PostgreSQL would otherwise plan it each time, because it
// takes the plan for the actual parameters for cheaper than it is. Both statements are sent at once, and are one
// transaction.
func (s *Service) queryGeneric(ctx context.Context, statement query.Statement) (pgx.Rows, error) {
	batch := &pgx.Batch{}
	batch.Queue(query.GenericPlan)
	batch.Queue(statement.SQL, statement.Args...)
	results := s.pool.SendBatch(ctx, batch)
	if _, err := results.Exec(); err != nil {
		return nil, errors.Join(err, results.Close())
	}
	rows, err := results.Query()
	if err != nil {
		return nil, errors.Join(err, results.Close())
	}
	return batchRows{rows, results}, nil
}

// batchRows are the rows of the last statement of a batch.
type batchRows struct {
	pgx.Rows

	batch pgx.BatchResults
}

// Close releases the connection, too.
func (r batchRows) Close() {
	r.Rows.Close()
	_ = r.batch.Close() // Err has what failed
}

// queryRow is query for a statement that returns one row. Without a row, the error is pgx.ErrNoRows.
func queryRow[T any](ctx context.Context, s *Service, statement query.Statement, to pgx.RowToFunc[T]) (T, error) {
	rows, err := s.query(ctx, statement)
	return exactlyOne(rows, err, to)
}

// queryByKey is queryRow for a statement that finds its row by a unique key. Its plan is the same for all
// parameters, and every start of a run asks twice: it is planned once for each connection.
func queryByKey[T any](ctx context.Context, s *Service, statement query.Statement, to pgx.RowToFunc[T]) (T, error) {
	rows, err := s.pool.Query(ctx, statement.SQL, statement.Args...)
	return exactlyOne(rows, err, to)
}

func exactlyOne[T any](rows pgx.Rows, err error, to pgx.RowToFunc[T]) (T, error) {
	if err != nil {
		var none T
		return none, err
	}
	return pgx.CollectExactlyOneRow(rows, to)
}

// requested makes a principal the cause of the changes of entities under a context.
func requested(ctx context.Context, principal identity.Principal) context.Context {
	return processing.CausedBy(ctx, processing.Cause{Kind: processing.CauseRequest, By: principal.Subject})
}

// writable returns an error while the catalog is read-only.
func (s *Service) writable() error {
	if s.options.ReadOnly {
		return fault.New(fault.NotAllowed, "This operation not allowed in readonly mode")
	}
	return nil
}

func (s *Service) transact(ctx context.Context, work func(tx pgx.Tx) error) error {
	return processing.Transact(ctx, s.pool, work)
}
