package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
)

const (
	// pageTimeout bounds one transaction that is about a page or less, commitTimeout the one that commits a sweep.
	pageTimeout   = 30 * time.Second
	commitTimeout = 5 * time.Minute
	// maxRemarks bounds the remarks of a sweep, and maxRemark each of them, in bytes.
	maxRemarks = 100
	maxRemark  = 1000
	// maxPage bounds the entities of a page, because a page is in memory.
	maxPage = 20_000
	// defaultTimeout is the timeout of a source whose schedule has none.
	defaultTimeout = time.Hour
)

// StoreOptions are the dependencies and settings of a Store.
type StoreOptions struct {
	Pool *pgxpool.Pool
	// Limit is how much a sweep may remove without a decision.
	Limit Limit
	// Model says what entities are valid; nil knows the built-in kinds.
	Model *entity.Model
}

// Store is the record of sweeps, for the workers that carry them out. It asks no decider. It is safe for
// concurrent use. Every method repeats safely: an activity that runs twice, or too late, changes nothing.
type Store struct {
	StoreOptions
	queries *db.Queries
	state   processing.State
}

// NewStore makes a Store.
func NewStore(options StoreOptions) *Store {
	return &Store{StoreOptions: options, queries: db.New(), state: processing.NewState().WithModel(options.Model)}
}

// transact runs work in a transaction of its own within a time.
func (s *Store) transact(ctx context.Context, timeout time.Duration, work func(ctx context.Context, tx pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return processing.Transact(ctx, s.Pool, func(tx pgx.Tx) error { return work(ctx, tx) })
}

// Begin begins the sweep of a workflow: the one that somebody asked for, or a new one. For a workflow that has
// begun one before, it returns that. An earlier sweep of the source that has not ended lost its workflow and
// fails. The sweep of a source that the configuration has no more has nothing to read.
func (s *Store) Begin(ctx context.Context, request BeginRequest) (progress Progress, err error) {
	err = s.transact(ctx, pageTimeout, func(ctx context.Context, tx pgx.Tx) error {
		source, err := s.queries.CatalogSourceForShare(ctx, tx, request.Source)
		if errors.Is(err, pgx.ErrNoRows) {
			return unknownSource(request.Source)
		}
		if err != nil {
			return fmt.Errorf("read source %s: %w", request.Source, err)
		}
		row, err := s.begin(ctx, tx, source, request)
		progress = progressOf(row, source)
		return err
	})
	return progress, err
}

func (s *Store) begin(ctx context.Context, tx pgx.Tx, source db.CatalogSource, request BeginRequest) (db.CatalogSweep, error) {
	row, err := s.queries.CatalogSweepByRun(ctx, tx, &request.RunID)
	if !errors.Is(err, pgx.ErrNoRows) {
		return row, wrap(err, "find the sweep of workflow %s", request.WorkflowID)
	}
	active, err := s.queries.CatalogActiveSweep(ctx, tx, source.Name)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		state, cause := beginning(source, BySchedule)
		row, err := s.queries.CatalogStartSweep(ctx, tx, db.CatalogStartSweepParams{ID: uuid.New(), Source: source.Name,
			State: string(state), Cause: string(cause), WorkflowID: &request.WorkflowID, RunID: &request.RunID})
		return row, wrap(err, "begin a sweep of %s", source.Name)
	case err != nil:
		return active, fmt.Errorf("find the sweep of %s under way: %w", source.Name, err)
	case State(active.State) == Requested:
		state, cause := beginning(source, Cause(active.Cause))
		row, err := s.queries.CatalogAdoptSweep(ctx, tx, db.CatalogAdoptSweepParams{Source: source.Name,
			State: string(state), Cause: string(cause), WorkflowID: &request.WorkflowID, RunID: &request.RunID})
		return row, wrap(err, "begin the sweep of %s that was asked for", source.Name)
	}
	lost := &fault.Failure{Name: "WorkflowLostError", Message: "its workflow ended in Temporal without an end of the sweep, and a later sweep began"}
	if _, err := s.end(ctx, tx, active.ID, Failed, lost); err != nil {
		return active, err
	}
	return s.begin(ctx, tx, source, request)
}

// SweepByEvent has a source swept because an event concerns it. When a sweep is under way, another follows it.
func (s *Store) SweepByEvent(ctx context.Context, engine Engine, source string) error {
	return s.request(ctx, engine, source, ByEvent)
}

// request asks for a sweep that nobody decides about. When the workflow does not hear of it, tellAgain repeats that.
func (s *Store) request(ctx context.Context, engine Engine, source string, cause Cause) error {
	_, err := s.queries.CatalogRequestSweep(ctx, s.Pool, db.CatalogRequestSweepParams{ID: uuid.New(), Source: source, Cause: string(cause)})
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("ask for a sweep of %s: %w", source, err)
	}
	return engine.Trigger(ctx, source)
}

// beginning is the first state of a sweep. Of a source that has left the configuration, nothing is read.
func beginning(source db.CatalogSource, cause Cause) (State, Cause) {
	if source.LeftAt != nil {
		return Complete, ByRemoval
	}
	return Reading, cause
}

// Point is where a sweep reads next.
type Point struct {
	Progress
	Source string
	Cursor string
}

// Point returns where a sweep reads next.
func (s *Store) Point(ctx context.Context, id uuid.UUID) (Point, error) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	row, err := s.queries.CatalogSweepByID(ctx, s.Pool, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return Point{}, unknownSweep(id)
	}
	return Point{progressOf(row, db.CatalogSource{}), row.Source, row.Cursor}, wrap(err, "read sweep %s", id)
}

// Stage stages a page that was read at a point, and moves the sweep on, in one transaction. When the sweep is
// not at that point any more, it changes nothing and returns where the sweep is.
func (s *Store) Stage(ctx context.Context, at Point, page provider.Page) (progress Progress, err error) {
	rows, err := encode(page)
	if err != nil {
		return Progress{}, err
	}
	err = s.transact(ctx, pageTimeout, func(ctx context.Context, tx pgx.Tx) error {
		row, err := s.queries.CatalogSweepForUpdate(ctx, tx, at.ID)
		if errors.Is(err, pgx.ErrNoRows) {
			return unknownSweep(at.ID)
		}
		if err == nil && State(row.State) == Reading && int(row.Pages) == at.Pages {
			row, err = s.stage(ctx, tx, at, page, rows)
		}
		progress = progressOf(row, db.CatalogSource{})
		return wrap(err, "stage page %d of sweep %s", at.Pages, at.ID)
	})
	return progress, err
}

func (s *Store) stage(ctx context.Context, tx pgx.Tx, at Point, page provider.Page, rows db.CatalogStageEntitiesParams) (db.CatalogSweep, error) {
	rows.SweepID = at.ID
	staged, err := s.queries.CatalogStageEntities(ctx, tx, rows)
	if err != nil {
		return db.CatalogSweep{}, err
	}
	if err := s.stageFiles(ctx, tx, at, page.Files); err != nil {
		return db.CatalogSweep{}, err
	}
	return s.queries.CatalogStagePage(ctx, tx, db.CatalogStagePageParams{ID: at.ID, Page: int32(at.Pages), NextCursor: page.Next,
		Requests: int32(page.Requests), Entities: int32(staged), Total: int32(page.Total), Remarks: cutRemarks(page.Remarks), MaxRemarks: maxRemarks})
}

// errForgotten is an error that passes when the page is read again.
var errForgotten = errors.New("files that have not changed were forgotten while the page was read")

// stageFiles stages the files of a page, those without a body from what is stored.
func (s *Store) stageFiles(ctx context.Context, tx pgx.Tx, at Point, files []provider.File) error {
	if len(files) == 0 {
		return nil
	}
	rows := db.CatalogStageFilesParams{SweepID: at.ID, Source: at.Source}
	for _, file := range files {
		rows.Urls, rows.Etags, rows.Bodies = append(rows.Urls, file.URL), append(rows.Etags, file.ETag), append(rows.Bodies, file.Body)
	}
	missing, err := s.queries.CatalogStageFiles(ctx, tx, rows)
	if err == nil && missing > 0 {
		return errForgotten
	}
	return wrap(err, "stage files")
}

// Known tells which files a source has brought in its last sweep.
func (s *Store) Known(source string) provider.Known {
	return func(ctx context.Context, urls []string) (map[string]string, error) {
		rows, err := s.queries.CatalogKnownFiles(ctx, s.Pool, source, urls)
		if err != nil {
			return nil, fmt.Errorf("find the stored files of %s: %w", source, err)
		}
		known := make(map[string]string, len(rows))
		for _, row := range rows {
			known[row.Url] = row.Etag
		}
		return known, nil
	}
}

// encode checks a page and makes columns of its entities. What cannot be an entity fails the sweep: left out, it
// would look as if the source had it no more.
func encode(page provider.Page) (db.CatalogStageEntitiesParams, error) {
	var rows db.CatalogStageEntitiesParams
	switch {
	case len(page.Next) > provider.MaxCursor:
		return rows, fault.New(fault.Input, "the cursor of the next page has %d bytes, more than %d", len(page.Next), provider.MaxCursor)
	case len(page.Entities) > maxPage:
		return rows, fault.New(fault.Input, "the page has %d entities, more than %d", len(page.Entities), maxPage)
	}
	for _, e := range page.Entities {
		if err := entity.CheckEnvelope(e.Entity); err != nil {
			return rows, fault.New(fault.Input, "the source has an entity that is none, at %s: %s", e.Location, err)
		}
		if err := processing.CheckTarget(e.Location); err != nil {
			return rows, fault.New(fault.Input, "%s", err)
		}
		emitted, err := processing.Emit(e.Entity, nil, e.Location)
		if err != nil {
			return rows, err
		}
		rows.Refs, rows.LocationKeys = append(rows.Refs, emitted.Ref), append(rows.LocationKeys, emitted.LocationKey)
		rows.Hashes, rows.Documents = append(rows.Hashes, emitted.Hash()), append(rows.Documents, string(emitted.Document))
	}
	return rows, nil
}

func cutRemarks(remarks []string) []string {
	cut := make([]string, 0, min(len(remarks), maxRemarks))
	for _, remark := range remarks[:min(len(remarks), maxRemarks)] {
		cut = append(cut, (&fault.Failure{Message: remark}).Cut(maxRemark).Message)
	}
	return cut
}

// End ends a sweep without a change of the catalog. A sweep that has ended stays as it is.
func (s *Store) End(ctx context.Context, request EndRequest) (progress Progress, err error) {
	err = s.transact(ctx, pageTimeout, func(ctx context.Context, tx pgx.Tx) error {
		row, err := s.end(ctx, tx, request.ID, request.State, request.Failure)
		progress = progressOf(row, db.CatalogSource{})
		return err
	})
	return progress, err
}

// active are the states of a sweep that has not ended.
var active = []string{string(Requested), string(Reading), string(Complete), string(Waiting), string(Approved)}

func (s *Store) end(ctx context.Context, tx pgx.Tx, id uuid.UUID, state State, failure *fault.Failure) (db.CatalogSweep, error) {
	encoded := ""
	if failure != nil {
		text, err := json.Marshal(failure)
		if err != nil {
			return db.CatalogSweep{}, fmt.Errorf("encode the failure of sweep %s: %w", id, err)
		}
		encoded = string(text)
	}
	row, err := s.queries.CatalogEndSweep(ctx, tx, db.CatalogEndSweepParams{ID: id, State: string(state), Failure: encoded, Before: active})
	if errors.Is(err, pgx.ErrNoRows) {
		row, err = s.queries.CatalogSweepByID(ctx, tx, id)
		if errors.Is(err, pgx.ErrNoRows) {
			return row, unknownSweep(id)
		}
		return row, wrap(err, "read sweep %s", id)
	}
	if err != nil {
		return row, fmt.Errorf("end sweep %s: %w", id, err)
	}
	return row, unstage(ctx, tx, s.queries, id)
}

// unstage deletes what the pages of a sweep brought.
func unstage(ctx context.Context, tx db.DBTX, queries *db.Queries, id uuid.UUID) error {
	if err := queries.CatalogDropStagedEntities(ctx, tx, id); err != nil {
		return fmt.Errorf("delete the staged entities of sweep %s: %w", id, err)
	}
	return wrap(queries.CatalogDropStagedFiles(ctx, tx, id), "delete the staged files of sweep %s", id)
}

// DeleteOld deletes sweeps that ended before a time, except for the latest ones of each source.
func (s *Store) DeleteOld(ctx context.Context, before time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	_, err := s.queries.CatalogDeleteSweeps(ctx, s.Pool, before)
	return wrap(err, "delete old sweeps")
}

// progressOf is a sweep for the workflow. The zero source leaves out what is said of it.
func progressOf(row db.CatalogSweep, source db.CatalogSource) Progress {
	progress := Progress{ID: row.ID, State: State(row.State), Place: source.Place, Pages: int(row.Pages), Requests: int(row.Requests),
		Entities: int(row.Entities), Total: int(row.Total), Added: int(row.Added), Changed: int(row.Changed), Removed: int(row.Removed),
		Failure: failureOf(row.Failure)}
	if row.StartedAt != nil && source.TimeoutSeconds > 0 {
		progress.Deadline = row.StartedAt.Add(seconds(source.TimeoutSeconds))
	}
	return progress
}

// failureOf decodes a stored failure, nil for none.
func failureOf(encoded []byte) *fault.Failure {
	var failure fault.Failure
	if len(encoded) == 0 || json.Unmarshal(encoded, &failure) != nil {
		return nil
	}
	return &failure
}

func seconds(number float64) time.Duration { return time.Duration(number * float64(time.Second)) }

func unknownSource(name string) error {
	return fault.New(fault.NotFound, "There is no source of the catalog named '%s'", name)
}

func unknownSweep(id uuid.UUID) error { return fault.New(fault.NotFound, "There is no sweep '%s'", id) }

// wrap adds what was done to an error, nil for nil.
func wrap(err error, what string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(what, args...), err)
}
