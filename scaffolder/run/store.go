package run

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/plainjson"
	"github.com/portico-dev/portico/scaffolder/template"
	"github.com/portico-dev/portico/seal"
	"github.com/portico-dev/portico/telemetry"
)

// Store stores runs. It is safe for concurrent use.
type Store struct {
	pool          *pgxpool.Pool
	queries       *db.Queries
	keys          *seal.Keyring
	fresh         *freshRuns
	specs         *decodedSpecs
	notifications notifications
	// telemetry hears of the runs that come to rest; nil when nobody wants to know.
	telemetry *telemetry.Telemetry
}

// NewStore stores runs in the database of pool and encrypts secrets with keys.
func NewStore(pool *pgxpool.Pool, keys *seal.Keyring) *Store {
	return &Store{pool: pool, queries: db.New(), keys: keys, fresh: newFreshRuns(), specs: newDecodedSpecs()}
}

// Observed makes the store tell which runs come to rest, and how. It is called before the store is used.
func (s *Store) Observed(t *telemetry.Telemetry) *Store {
	s.telemetry = t
	return s
}

// New is a run to create.
type New struct {
	ID          uuid.UUID
	TemplateRef string
	Title       string
	Subject     string
	Spec        template.TaskSpec
	// Starter is who started it. CreatedBy becomes their reference, if they are a user.
	Starter identity.Principal
	Secrets map[string]string
	// Warnings are known from the start, one line each.
	Warnings []string
}

// Create writes the run, its steps and its encrypted secrets in one transaction; ErrRepeated when there is a
// run with its id. It does not start the run.
func (s *Store) Create(ctx context.Context, n New) error {
	created, err := s.asRows(n, time.Now())
	if err != nil {
		return err
	}
	created.run.TraceParent = telemetry.TraceParent(ctx)
	var batch db.Batch
	if err := s.insert(ctx, &batch, created); err != nil {
		return err
	}
	if err := audit.Record(ctx, &batch, n.Starter.Actor(), audit.RunCreate, n.ID.String(), creation(created.run, n.Secrets)...); err != nil {
		return err
	}
	err = batch.Send(ctx, s.pool)
	if refused, is := errors.AsType[*pgconn.PgError](err); is && refused.ConstraintName == "runs_pkey" {
		return ErrRepeated
	}
	if err != nil {
		return fmt.Errorf("insert run %s: %w", n.ID, err)
	}
	s.fresh.Remember(n.ID, created)
	return nil
}

// creation describes a new run in the audit log. Its values are in the run's record only, which is deleted
// earlier: people type passwords into ordinary fields. The digest tells whether the record was changed.
func creation(row db.Run, secrets map[string]string) []audit.Change {
	return append([]audit.Change{audit.Changed("templateRef", nil, row.TemplateRef), audit.Changed("spec", nil, row.SpecDigest)}, secretChanges(secrets)...)
}

// secretChanges names the secrets that a run got.
func secretChanges(secrets map[string]string) []audit.Change {
	var changes []audit.Change
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		changes = append(changes, audit.Secret("secrets."+name))
	}
	return changes
}

// asRows are the rows of a new run.
func (s *Store) asRows(n New, at time.Time) (stateRows, error) {
	spec, err := plainjson.Marshal(n.Spec)
	if err != nil {
		return stateRows{}, fmt.Errorf("run %s: encode its spec: %w", n.ID, err)
	}
	sealed, err := s.sealSecrets(n.ID, n.Secrets)
	if err != nil {
		return stateRows{}, err
	}
	startedBy, err := encodeStarter(n.Starter)
	if err != nil {
		return stateRows{}, fmt.Errorf("run %s: %w", n.ID, err)
	}
	rows := stateRows{sealed: sealed, run: db.Run{ID: n.ID, TemplateRef: n.TemplateRef, Title: n.Title, Subject: n.Subject,
		Warnings: n.Warnings, Spec: spec, SpecDigest: template.Digest(spec), CreatedBy: orNull(n.Starter.UserRef()), Starter: startedBy, Status: string(StatusOpen), Phase: string(PhaseRunning),
		CreatedAt: at.Truncate(time.Microsecond)}}
	for i, step := range n.Spec.Steps {
		rows.steps = append(rows.steps, db.RunStepStatesRow{RunID: n.ID, Position: int32(i), StepID: step.ID, Name: step.Name, Action: step.Action,
			Status: string(StatusOpen)})
	}
	return rows, nil
}

func (s *Store) insert(ctx context.Context, tx db.DBTX, rows stateRows) error {
	id := rows.run.ID
	row := db.InsertRunParams{ID: id, TemplateRef: rows.run.TemplateRef, Title: rows.run.Title, Subject: rows.run.Subject,
		Spec: rows.run.Spec, SpecDigest: rows.run.SpecDigest, CreatedBy: rows.run.CreatedBy, Starter: rows.run.Starter, Status: rows.run.Status, Phase: rows.run.Phase,
		CreatedAt: rows.run.CreatedAt, Warnings: rows.run.Warnings, TraceParent: rows.run.TraceParent}
	if err := s.queries.InsertRun(ctx, tx, row); err != nil {
		return fmt.Errorf("insert run %s: %w", id, err)
	}
	steps := db.InsertRunStepsParams{RunID: id}
	for _, step := range rows.steps {
		steps.Positions = append(steps.Positions, step.Position)
		steps.StepIds = append(steps.StepIds, step.StepID)
		steps.Names = append(steps.Names, step.Name)
		steps.Actions = append(steps.Actions, step.Action)
	}
	if err := s.queries.InsertRunSteps(ctx, tx, steps); err != nil {
		return fmt.Errorf("insert the steps of run %s: %w", id, err)
	}
	return s.putSecrets(ctx, tx, id, rows.sealed)
}

// Get is the run with this id; a fault of kind NotFound, in Backstage's words, when there is none, and a
// *policy.DeniedError when it is not covered by the grant.
func (s *Store) Get(ctx context.Context, granted Grant, id uuid.UUID) (Run, error) {
	row, err := s.queries.RunByID(ctx, s.pool, id)
	if err != nil {
		return Run{}, notFound(err, id)
	}
	r, err := forDisplay(row)
	if err != nil {
		return Run{}, err
	}
	return r, granted.Check(r, id.String())
}

// Check finds out what Get would, and reads no more of the run than that takes.
func (s *Store) Check(ctx context.Context, granted Grant, id uuid.UUID) error {
	creator, err := s.queries.RunCreator(ctx, s.pool, id)
	if err != nil {
		return notFound(err, id)
	}
	return granted.Check(Run{ID: id, CreatedBy: creator}, id.String())
}

// Matching returns those of the runs that exist, that the grant covers and that match the filter.
func (s *Store) Matching(ctx context.Context, readable Grant, filter Creators, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
	rows, err := s.queries.RunCreators(ctx, s.pool, ids)
	if err != nil {
		return nil, fmt.Errorf("creators of runs: %w", err)
	}
	matching := make(map[uuid.UUID]bool, len(rows))
	for _, row := range rows {
		r := Run{ID: row.ID, CreatedBy: row.CreatedBy}
		matching[r.ID] = readable.Allows(r) && Rules.Allows(filter, r)
	}
	return matching, nil
}

// Sample counts the runs of a grant that match the filter, and returns the ids of the newest.
func (s *Store) Sample(ctx context.Context, readable Grant, filter Creators, size int) (int, []uuid.UUID, error) {
	both := createdIn(creatorsOf(readable).and(filter))
	none := []string{}
	count, err := s.queries.CountRuns(ctx, db.PlanEach(s.pool), db.CountRunsParams{Everybody: both.everybody, OnlyCreators: both.only,
		ExceptCreators: both.except, Statuses: none, Phases: none, Creators: none, Templates: none, Causes: none})
	if err != nil {
		return 0, nil, fmt.Errorf("count the runs that meet conditions: %w", err)
	}
	rows, err := s.queries.ListRunsNewestFirst(ctx, db.PlanEach(s.pool), db.ListRunsNewestFirstParams{Everybody: both.everybody, OnlyCreators: both.only,
		ExceptCreators: both.except, Statuses: none, Phases: none, Creators: none, Templates: none, Causes: none, MaxRows: int32(size)})
	if err != nil {
		return 0, nil, fmt.Errorf("list runs that meet conditions: %w", err)
	}
	ids := make([]uuid.UUID, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	return int(count), ids, nil
}

// unreadableError says that a run's spec or starter cannot be decoded.
type unreadableError struct{ err error }

func (e *unreadableError) Error() string { return e.err.Error() }

// forDisplay decodes a run for people. A run whose spec cannot be decoded is shown without it.
func forDisplay(row db.Run) (Run, error) {
	r, err := fromRow(row)
	if _, unreadable := errors.AsType[*unreadableError](err); unreadable {
		return r, nil
	}
	return r, err
}

// Exists says whether there is a run with this id.
func (s *Store) Exists(ctx context.Context, id uuid.UUID) (bool, error) {
	exists, err := s.queries.RunExists(ctx, s.pool, id)
	if err != nil {
		return false, fmt.Errorf("look for run %s: %w", id, err)
	}
	return exists, nil
}

func notFound(err error, id uuid.UUID) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return fault.New(fault.NotFound, "No task with id '%s' found", id)
	}
	return fmt.Errorf("read run %s: %w", id, err)
}

func fromRow(row db.Run) (Run, error) { return fromRowWith(row, decodeSpec) }

func decodeSpec(row db.Run) (spec template.TaskSpec, err error) {
	err = json.Unmarshal(row.Spec, &spec)
	return spec, err
}

func fromRowWith(row db.Run, decode func(db.Run) (template.TaskSpec, error)) (Run, error) {
	r, err := withoutSpec(row)
	if err != nil {
		return Run{}, err
	}
	if r.Spec, err = decode(row); err != nil {
		return r, &unreadableError{fmt.Errorf("run %s: decode its spec: %w", row.ID, err)}
	}
	if r.Starter, err = decodeStarter(row.Starter); err != nil {
		return r, &unreadableError{fmt.Errorf("run %s: %w", row.ID, err)}
	}
	return r, nil
}

// withoutSpec leaves the spec undecoded.
func withoutSpec(row db.Run) (Run, error) {
	r := Run{
		ID: row.ID, TemplateRef: row.TemplateRef, Title: row.Title, Subject: row.Subject, RawSpec: row.Spec,
		CreatedBy: orEmpty(row.CreatedBy), Status: Status(row.Status), Phase: Phase(row.Phase), Generation: int(row.Generation),
		CreatedAt: row.CreatedAt, StartedAt: orZero(row.StartedAt), FinishedAt: orZero(row.FinishedAt),
		TimedFrom:       *cmp.Or(row.TimedFrom, row.StartedAt, &row.CreatedAt),
		LastHeartbeatAt: orZero(row.LastHeartbeatAt), WorkflowRunID: orEmpty(row.WorkflowRunID),
		CancelRequested: row.CancelRequested, LostWorkers: int(row.Unreturned),
		FailedStep: orEmpty(row.FailedStep), TraceParent: orEmpty(row.TraceParent), Cause: orEmpty(row.Cause), Output: row.Output, Warnings: row.Warnings,
	}
	var err error
	if r.Failure, err = decodeFailure(row.Error); err != nil {
		return Run{}, fmt.Errorf("run %s: decode its error: %w", row.ID, err)
	}
	return r, nil
}

// Steps are the run's steps in order, with secrets masked.
func (s *Store) Steps(ctx context.Context, id uuid.UUID) ([]Step, error) {
	rows, err := s.queries.RunStepsByRun(ctx, s.pool, id)
	if err != nil {
		return nil, fmt.Errorf("read the steps of run %s: %w", id, err)
	}
	return stepsFromRows(rows)
}

func stepsFromRows(rows []db.RunStep) ([]Step, error) {
	steps := make([]Step, len(rows))
	for i, row := range rows {
		var err error
		if steps[i], err = stepFromRow(row); err != nil {
			return nil, err
		}
	}
	return steps, nil
}

func stepFromRow(row db.RunStep) (Step, error) {
	failure, err := decodeFailure(row.Error)
	if err != nil {
		return Step{}, fmt.Errorf("run %s: decode the error of step %s: %w", row.RunID, row.StepID, err)
	}
	return Step{
		Position: int(row.Position), ID: row.StepID, Name: row.Name, Action: row.Action, Status: Status(row.Status),
		FailedAttempts: int(row.FailedAttempts), StartedAt: orZero(row.StartedAt), EndedAt: orZero(row.EndedAt),
		WaitingUntil: orZero(row.WaitingUntil), Input: row.Input, Output: row.Output, Failure: failure,
		Workspace: orEmpty(row.Workspace), Warnings: row.Warnings, WorkspaceExpired: row.WorkspaceSpent, IterationsDone: int(row.IterationsDone),
	}, nil
}

// sealSecrets encrypts secrets; nil when there are none.
func (s *Store) sealSecrets(id uuid.UUID, secrets map[string]string) ([]byte, error) {
	if len(secrets) == 0 {
		return nil, nil
	}
	plain, err := json.Marshal(secrets)
	if err != nil {
		return nil, fmt.Errorf("encode the secrets of run %s: %w", id, err)
	}
	return s.keys.Seal(plain, id.String()), nil
}

// putSecrets stores encrypted secrets; nil keeps the present ones.
func (s *Store) putSecrets(ctx context.Context, tx db.DBTX, id uuid.UUID, sealed []byte) error {
	if sealed == nil {
		return nil
	}
	if err := s.queries.InsertRunSecrets(ctx, tx, id, sealed); err != nil {
		return fmt.Errorf("store the secrets of run %s: %w", id, err)
	}
	return nil
}

// Orders are the columns that runs can be listed by.
var Orders = []string{"created_at", "status", "created_by"}

// maxPage bounds a page of runs.
const maxPage = 1000

// Query selects runs. Empty lists select everything.
type Query struct {
	Statuses  []string
	Phases    []string
	Creators  []string
	Templates []string
	// Causes are ids of causes, as Run.Cause has them.
	Causes []string
	// IDPrefix is how the ids begin, with or without their dashes. One that no id can begin with selects
	// nothing.
	IDPrefix string
	// Since and Until bound when a run was created, Until itself excluded; zero times bound nothing.
	Since, Until time.Time
	// OrderBy is one of Orders; "" is created_at.
	OrderBy   string
	Ascending bool
	// Limit is the size of the page; 0, or more than maxPage, is maxPage.
	Limit  int
	Offset int
	// Specs reads RawSpec, which is large.
	Specs bool
}

// List is one page of the granted runs, newest first unless the query says otherwise, and the number of all
// that match. Steps, output and events are not read, and the spec only where the query wants it, undecoded.
func (s *Store) List(ctx context.Context, granted Grant, q Query) ([]Run, int, error) {
	first, last, possible := idRange(q.IDPrefix)
	if !possible {
		return []Run{}, 0, nil
	}
	seen := asParameters(granted)
	newest := db.ListRunsNewestFirstParams{Everybody: seen.everybody, OnlyCreators: seen.only, ExceptCreators: seen.except,
		Statuses: orNone(q.Statuses), Phases: orNone(q.Phases), Creators: orNone(q.Creators),
		Templates: orNone(q.Templates), Causes: orNone(q.Causes), Since: orNoTime(q.Since), Until: orNoTime(q.Until), FirstID: first, LastID: last,
		Skip: int32(min(q.Offset, math.MaxInt32)), MaxRows: maxPage, WithSpecs: q.Specs}
	if q.Limit > 0 {
		newest.MaxRows = int32(min(q.Limit, maxPage))
	}
	count, err := s.queries.CountRuns(ctx, db.PlanEach(s.pool), db.CountRunsParams{
		Everybody: seen.everybody, OnlyCreators: seen.only, ExceptCreators: seen.except,
		Statuses: newest.Statuses, Phases: newest.Phases, Creators: newest.Creators,
		Templates: newest.Templates, Causes: newest.Causes, Since: newest.Since, Until: newest.Until, FirstID: first, LastID: last})
	if err != nil {
		return nil, 0, fmt.Errorf("count runs: %w", err)
	}
	rows, err := s.list(ctx, q, newest)
	if err != nil {
		return nil, 0, fmt.Errorf("list runs: %w", err)
	}
	runs := make([]Run, len(rows))
	for i, row := range rows {
		runs[i], err = withoutSpec(db.Run{ID: row.ID, TemplateRef: row.TemplateRef, Title: row.Title, Subject: row.Subject,
			Spec: row.Spec, CreatedBy: row.CreatedBy, Status: row.Status, Phase: row.Phase, CreatedAt: row.CreatedAt,
			StartedAt: row.StartedAt, FinishedAt: row.FinishedAt, TimedFrom: row.TimedFrom, LastHeartbeatAt: row.LastHeartbeatAt,
			FailedStep: row.FailedStep, Error: row.Error, Cause: row.Cause})
		if err != nil {
			return nil, 0, err
		}
		runs[i].failedStepName = row.FailedStepName
	}
	return runs, int(count), nil
}

// list uses the statement whose order an index has, where the order is the usual one.
func (s *Store) list(ctx context.Context, q Query, newest db.ListRunsNewestFirstParams) ([]db.ListRunsNewestFirstRow, error) {
	if (q.OrderBy == "" || q.OrderBy == "created_at") && !q.Ascending {
		return s.queries.ListRunsNewestFirst(ctx, db.PlanEach(s.pool), newest)
	}
	ordered, err := s.queries.ListRunsOrdered(ctx, db.PlanEach(s.pool), db.ListRunsOrderedParams{
		Everybody: newest.Everybody, OnlyCreators: newest.OnlyCreators, ExceptCreators: newest.ExceptCreators,
		Statuses: newest.Statuses, Phases: newest.Phases,
		Creators: newest.Creators, Templates: newest.Templates, Causes: newest.Causes, Since: newest.Since, Until: newest.Until,
		FirstID: newest.FirstID, LastID: newest.LastID, Skip: newest.Skip, MaxRows: newest.MaxRows, WithSpecs: newest.WithSpecs,
		OrderBy: cmp.Or(q.OrderBy, "created_at"), Descending: !q.Ascending})
	rows := make([]db.ListRunsNewestFirstRow, len(ordered))
	for i, row := range ordered {
		rows[i] = db.ListRunsNewestFirstRow(row)
	}
	return rows, err
}

// idRange is the first and the last id that begin with some hexadecimal digits; no range when there are none,
// and false when no id begins so.
func idRange(prefix string) (first, last *uuid.UUID, possible bool) {
	if prefix == "" {
		return nil, nil, true
	}
	const digits = 32
	written := strings.ReplaceAll(prefix, "-", "")
	if len(written) > digits {
		return nil, nil, false
	}
	from, err := uuid.Parse(written + strings.Repeat("0", digits-len(written)))
	if err != nil {
		return nil, nil, false
	}
	to := uuid.MustParse(written + strings.Repeat("f", digits-len(written)))
	return &from, &to, true
}

// ForgetSecrets deletes the secrets of a run that has ended. A run that was reopened keeps them.
func (s *Store) ForgetSecrets(ctx context.Context, id uuid.UUID) error {
	if err := s.queries.DeleteSecretsOfEndedRun(ctx, s.pool, id); err != nil {
		return fmt.Errorf("delete the secrets of run %s: %w", id, err)
	}
	return nil
}

func (s *Store) inTx(ctx context.Context, do func(tx pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.pool, do)
}

func decodeFailure(data []byte) (*fault.Failure, error) {
	if len(data) == 0 {
		return nil, nil
	}
	failure := &fault.Failure{}
	if err := json.Unmarshal(data, failure); err != nil {
		return nil, err
	}
	return failure, nil
}

// encodeFailure writes a failure without NUL characters, which Postgres cannot read from JSON.
func encodeFailure(f *fault.Failure) ([]byte, error) {
	if f == nil {
		return nil, nil
	}
	kept := *f
	for _, text := range []*string{&kept.Name, &kept.Message, &kept.Advice} {
		*text = strings.ReplaceAll(*text, "\x00", "\uFFFD")
	}
	return json.Marshal(kept)
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func orEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func orNoTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func orNone(values []string) []string {
	if values == nil {
		return []string{}
	}
	return values
}
