package sweep

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// ServiceOptions are the dependencies of a Service.
type ServiceOptions struct {
	Pool    *pgxpool.Pool
	Decider policy.Decider
	Engine  Engine
	Log     *slog.Logger
}

// Service runs people's commands and queries about sources and their sweeps. Whoever may read sources sees the
// names of all entities that a sweep removes. It is safe for concurrent use.
type Service struct {
	ServiceOptions
	queries *db.Queries
}

// NewService makes a Service.
func NewService(options ServiceOptions) *Service {
	return &Service{ServiceOptions: options, queries: db.New()}
}

// Source is a source of the catalog.
type Source struct {
	Name, Kind, Place string
	// Every and Cron are its schedule; with neither, it is swept only when somebody asks for it.
	Every   time.Duration
	Cron    string
	Timeout time.Duration
	Paused  bool
	// Next is when the next sweep is due, zero when that is unknown.
	Next time.Time
	// LeftAt is since when the configuration has it no more, zero while it has.
	LeftAt time.Time
	// Entities is how many entities it emits, without those below them.
	Entities int
	// Last is the latest sweep, nil before the first one.
	Last *Sweep
}

// Sweep is a sweep of a source.
type Sweep struct {
	ID     uuid.UUID
	Source string
	State  State
	Cause  Cause
	// AskedBy is the person who asked for it, "" for the schedule.
	AskedBy string
	// MaxRemovals is how many entities this sweep may remove without a decision, nil for what the configuration
	// says.
	MaxRemovals *int
	// AskedAt is when it was asked for or due. The other times are zero before they come.
	AskedAt, StartedAt, ReadAt, EndedAt time.Time
	Pages, Requests, Entities           int
	// Total is how many entities the source has, as far as it says, 0 when unknown.
	Total                   int
	Added, Changed, Removed int
	// Removals are the first of the entities that it removed or, while it waits, would remove.
	Removals []string
	Remarks  []string
	Failure  *fault.Failure
	// DecidedBy is who approved, dropped or cancelled it, "" when nobody did.
	DecidedBy string
	DecidedAt time.Time
	// WorkflowID is the id of its workflow in Temporal, "" before it has begun.
	WorkflowID string
}

// maxSweeps bounds the sweeps that are listed for a source.
const maxSweeps = 50

// Sources lists the sources by name.
func (s *Service) Sources(ctx context.Context, principal identity.Principal) ([]Source, error) {
	if err := policy.Require(ctx, s.Decider, principal, policy.CatalogSourceRead, ""); err != nil {
		return nil, err
	}
	rows, err := s.queries.CatalogSources(ctx, s.Pool, "")
	if err != nil {
		return nil, fmt.Errorf("list sources: %w", err)
	}
	last, err := s.queries.CatalogLastSweeps(ctx, s.Pool)
	if err != nil {
		return nil, fmt.Errorf("list the last sweeps: %w", err)
	}
	sources := make([]Source, len(rows))
	for i, row := range rows {
		sources[i] = sourceOf(row)
		for _, each := range last {
			if each.Source == row.Name {
				sources[i].Last = new(sweepOf(each))
			}
		}
	}
	return sources, nil
}

// Source returns a source with its sweeps, the latest first.
func (s *Service) Source(ctx context.Context, principal identity.Principal, name string) (Source, []Sweep, error) {
	if err := policy.Require(ctx, s.Decider, principal, policy.CatalogSourceRead, name); err != nil {
		return Source{}, nil, err
	}
	rows, err := s.queries.CatalogSources(ctx, s.Pool, name)
	if err != nil {
		return Source{}, nil, fmt.Errorf("read source %s: %w", name, err)
	}
	if len(rows) == 0 || name == "" {
		return Source{}, nil, unknownSource(name)
	}
	stored, err := s.queries.CatalogSweepsBySource(ctx, s.Pool, name, maxSweeps)
	if err != nil {
		return Source{}, nil, fmt.Errorf("list the sweeps of %s: %w", name, err)
	}
	source, sweeps := sourceOf(rows[0]), make([]Sweep, len(stored))
	for i, row := range stored {
		sweeps[i] = sweepOf(row)
	}
	if len(sweeps) > 0 {
		source.Last = &sweeps[0]
	}
	return source, sweeps, nil
}

// Sweep returns a sweep.
func (s *Service) Sweep(ctx context.Context, principal identity.Principal, id uuid.UUID) (Sweep, error) {
	if err := policy.Require(ctx, s.Decider, principal, policy.CatalogSourceRead, id.String()); err != nil {
		return Sweep{}, err
	}
	row, err := s.queries.CatalogSweepByID(ctx, s.Pool, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return Sweep{}, unknownSweep(id)
	}
	return sweepOf(row), wrap(err, "read sweep %s", id)
}

// Start asks for a sweep of a source now. With maxRemovals, that sweep may remove as many entities without a
// decision. While another one is under way, it is a fault of kind Conflict.
func (s *Service) Start(ctx context.Context, principal identity.Principal, name string, maxRemovals *int) (Sweep, error) {
	if err := policy.Require(ctx, s.Decider, principal, policy.CatalogSourceUpdate, name); err != nil {
		return Sweep{}, err
	}
	request := db.CatalogRequestSweepParams{ID: uuid.New(), Source: name, Cause: string(ByPerson), AskedBy: principal.Subject}
	if maxRemovals != nil {
		request.MaxRemovals = new(int32(*maxRemovals))
	}
	var row db.CatalogSweep
	err := s.transact(ctx, func(tx pgx.Tx) error {
		_, err := s.queries.CatalogSourceForShare(ctx, tx, name)
		if errors.Is(err, pgx.ErrNoRows) {
			return unknownSource(name)
		}
		if err != nil {
			return fmt.Errorf("read source %s: %w", name, err)
		}
		row, err = s.queries.CatalogRequestSweep(ctx, tx, request)
		if errors.Is(err, pgx.ErrNoRows) {
			return fault.New(fault.Conflict, "The source '%s' is being swept already; cancel that sweep first, or wait for its end", name)
		}
		if err != nil {
			return fmt.Errorf("ask for a sweep of %s: %w", name, err)
		}
		return audit.Record(ctx, tx, principal.Actor(), audit.SweepStart, name, audit.Changed("sweep", nil, row.ID), audit.Changed("maxRemovals", nil, maxRemovals))
	})
	if err != nil {
		return Sweep{}, err
	}
	s.tell(ctx, s.Engine.Trigger(ctx, name))
	return sweepOf(row), nil
}

// tell logs that a workflow could not be told of something. Sync tells it again.
func (s *Service) tell(ctx context.Context, err error) {
	if err != nil {
		s.Log.WarnContext(ctx, "catalog: a sweep hears of a request or a decision later", "error", err)
	}
}

// decision is what a person decides about a sweep.
type decision struct {
	action audit.Action
	to     State
	// from are the states in which it can be decided.
	from []string
}

// Approve has a sweep committed that waits for a decision.
func (s *Service) Approve(ctx context.Context, principal identity.Principal, id uuid.UUID) (Sweep, error) {
	return s.decide(ctx, principal, id, decision{audit.SweepApprove, Approved, []string{string(Waiting)}})
}

// Drop ends a sweep that waits for a decision, without a change of the catalog.
func (s *Service) Drop(ctx context.Context, principal identity.Principal, id uuid.UUID) (Sweep, error) {
	return s.decide(ctx, principal, id, decision{audit.SweepDrop, Dropped, []string{string(Waiting)}})
}

// Cancel ends a sweep that has not ended, without a change of the catalog.
func (s *Service) Cancel(ctx context.Context, principal identity.Principal, id uuid.UUID) (Sweep, error) {
	return s.decide(ctx, principal, id, decision{audit.SweepCancel, Cancelled, active})
}

// decide records a decision and wakes the workflow. A sweep in another state is a fault of kind Conflict.
func (s *Service) decide(ctx context.Context, principal identity.Principal, id uuid.UUID, made decision) (Sweep, error) {
	if err := policy.Require(ctx, s.Decider, principal, policy.CatalogSourceUpdate, id.String()); err != nil {
		return Sweep{}, err
	}
	var row db.CatalogSweep
	err := s.transact(ctx, func(tx pgx.Tx) (err error) {
		row, err = s.queries.CatalogSweepForUpdate(ctx, tx, id)
		if errors.Is(err, pgx.ErrNoRows) {
			return unknownSweep(id)
		}
		if err != nil {
			return fmt.Errorf("read sweep %s: %w", id, err)
		}
		before := row.State
		row, err = s.queries.CatalogDecideSweep(ctx, tx, db.CatalogDecideSweepParams{ID: id, State: string(made.to), DecidedBy: &principal.Subject,
			Ends: made.to.HasEnded(), Before: made.from})
		if errors.Is(err, pgx.ErrNoRows) {
			return fault.New(fault.Conflict, "The sweep '%s' is %s and cannot become %s", id, before, made.to)
		}
		if err != nil {
			return fmt.Errorf("decide about sweep %s: %w", id, err)
		}
		if made.to.HasEnded() {
			if err := unstage(ctx, tx, s.queries, id); err != nil {
				return err
			}
		}
		return audit.Record(ctx, tx, principal.Actor(), made.action, row.Source, audit.Changed("sweep", nil, id), audit.Changed("state", before, made.to))
	})
	if err != nil {
		return Sweep{}, err
	}
	if row.WorkflowID != nil {
		s.tell(ctx, s.Engine.Wake(ctx, *row.WorkflowID))
	}
	return sweepOf(row), nil
}

// Pause stops the schedule of a source. It is still swept when somebody asks for it.
func (s *Service) Pause(ctx context.Context, principal identity.Principal, name string) error {
	return s.setPaused(ctx, principal, name, true, audit.SourcePause)
}

// Resume ends a pause.
func (s *Service) Resume(ctx context.Context, principal identity.Principal, name string) error {
	return s.setPaused(ctx, principal, name, false, audit.SourceResume)
}

// setPaused changes the schedule within the transaction of the event: without the one, there is not the other.
func (s *Service) setPaused(ctx context.Context, principal identity.Principal, name string, paused bool, action audit.Action) error {
	if err := policy.Require(ctx, s.Decider, principal, policy.CatalogSourceUpdate, name); err != nil {
		return err
	}
	return s.transact(ctx, func(tx pgx.Tx) error {
		found, err := s.queries.CatalogPauseSource(ctx, tx, paused, name)
		if err != nil {
			return fmt.Errorf("record the pause of %s: %w", name, err)
		}
		if found == 0 {
			return unknownSource(name)
		}
		if err := audit.Record(ctx, tx, principal.Actor(), action, name); err != nil {
			return err
		}
		note, change := "resumed by "+principal.Subject, s.Engine.Resume
		if paused {
			note, change = "paused by "+principal.Subject, s.Engine.Pause
		}
		if err := change(ctx, name, note); err != nil {
			return fault.Wrap(fault.Unavailable, err, "Temporal could not change the schedule of '%s'; try again later", name)
		}
		return nil
	})
}

func (s *Service) transact(ctx context.Context, work func(tx pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	return processing.Transact(ctx, s.Pool, work)
}

func sourceOf(row db.CatalogSourcesRow) Source {
	return Source{Name: row.Name, Kind: row.Kind, Place: row.Place, Every: seconds(row.EverySeconds), Cron: row.Cron, Timeout: seconds(row.TimeoutSeconds),
		Paused: row.Paused, Next: timeOf(row.NextAt), LeftAt: timeOf(row.LeftAt), Entities: int(row.Emits)}
}

func sweepOf(row db.CatalogSweep) Sweep {
	found := Sweep{ID: row.ID, Source: row.Source, State: State(row.State), Cause: Cause(row.Cause), AskedBy: row.AskedBy, AskedAt: row.AskedAt,
		StartedAt: timeOf(row.StartedAt), ReadAt: timeOf(row.ReadAt), EndedAt: timeOf(row.EndedAt), Pages: int(row.Pages), Requests: int(row.Requests),
		Entities: int(row.Entities), Total: int(row.Total), Added: int(row.Added), Changed: int(row.Changed), Removed: int(row.Removed),
		Removals: row.Removals, Remarks: row.Remarks, Failure: failureOf(row.Failure), DecidedBy: textOf(row.DecidedBy), DecidedAt: timeOf(row.DecidedAt),
		WorkflowID: textOf(row.WorkflowID)}
	if row.MaxRemovals != nil {
		found.MaxRemovals = new(int(*row.MaxRemovals))
	}
	return found
}

func timeOf(stored *time.Time) time.Time {
	if stored == nil {
		return time.Time{}
	}
	return *stored
}

func textOf(stored *string) string {
	if stored == nil {
		return ""
	}
	return *stored
}
