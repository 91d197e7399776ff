package processing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/db"
)

// Sources of entities. A source may drop only its own entities.
const (
	// SourceConfig is catalog.locations of the configuration.
	SourceConfig = "config"
	// SourceLocations is the table of registered locations.
	SourceLocations = "locations"
)

// notification is the Postgres channel on which CatalogNotify wakes engines. The payload is empty, or urgentTopic when
// there are urgent entities.
const (
	notification = "portico_catalog"
	urgentTopic  = "urgent"
)

// attempts bounds the tries of a transaction that Postgres aborts because of a conflict with another.
const attempts = 4

// planAgain has the statements of a transaction planned for the rows that they are given, and for the tables as they
// are. A plan that a connection keeps is for ten rows, and often from when the tables were empty: it reads them from
// end to end for every batch of an import that fills them. All rows are found by keys. A plan that has to scan something seems
// to cost so much then that it would be compiled, which takes longer than it runs.
const planAgain = "select set_config('plan_cache_mode', 'force_custom_plan', true), set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)"

// Transact runs work in a transaction, and retries it when Postgres aborted it because of a deadlock. All
// writes of the catalog can be repeated.
func Transact(ctx context.Context, pool *pgxpool.Pool, work func(tx pgx.Tx) error) error {
	planned := func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, planAgain); err != nil {
			return fmt.Errorf("have statements planned again: %w", err)
		}
		return work(tx)
	}
	for attempt := 1; ; attempt++ {
		err := pgx.BeginFunc(ctx, pool, planned)
		var failed *pgconn.PgError
		aborted := errors.As(err, &failed) && (failed.Code == "40P01" || failed.Code == "40001")
		if !aborted || attempt == attempts {
			return err
		}
	}
}

// State changes the record of discovered entities. Each method runs in the caller's transaction and notifies
// the engines.
type State struct {
	queries *db.Queries
	model   *entity.Model
}

// NewState makes a State of the built-in kinds. It holds no connection.
func NewState() State { return State{queries: db.New()} }

// WithModel is the state of the kinds of a model.
func (s State) WithModel(model *entity.Model) State {
	s.model = model
	return s
}

// Add makes a source emit entities. Entities that another location holds are not written; they are recorded
// and returned as conflicts.
func (s State) Add(ctx context.Context, tx db.DBTX, source string, entities []Emitted) (refused []Emitted, err error) {
	if len(entities) == 0 {
		return nil, nil
	}
	offers := newOffers()
	for _, e := range entities {
		e.askedBy = causeOf(ctx).String()
		offers.add(EmitterOf(source), e)
	}
	accepted, err := s.upsert(ctx, tx, offers)
	if err != nil {
		return nil, err
	}
	targets := make([]string, 0, len(accepted))
	for _, edge := range accepted {
		targets = append(targets, edge.target)
	}
	if err := s.queries.CatalogAddSourceTargets(ctx, tx, source, targets); err != nil {
		return nil, fmt.Errorf("add entities of source %s: %w", source, err)
	}
	if err := s.recordConflicts(ctx, tx, offers.rejected); err != nil {
		return nil, err
	}
	for _, offer := range offers.rejected {
		refused = append(refused, offer.entity)
	}
	if err := s.requestStitches(ctx, tx, targets); err != nil {
		return nil, fmt.Errorf("request stitches of source %s: %w", source, err)
	}
	return refused, s.notify(ctx, tx)
}

// EmitterOf is the emitter name of a source, beside entities, whose emitter name is their reference.
func EmitterOf(source string) string { return "source:" + source }

// Drop makes a source stop emitting entities. They are deleted at once, with everything below them that
// nothing else emits.
func (s State) Drop(ctx context.Context, tx db.DBTX, source string, refs []string) error {
	orphans, err := s.Release(ctx, tx, source, refs)
	if err != nil {
		return err
	}
	return s.Remove(ctx, tx, orphans)
}

// Release makes a source stop emitting entities, and locks and returns those that nothing emits any more, with
// everything below them. The caller passes them to Remove.
func (s State) Release(ctx context.Context, tx db.DBTX, source string, refs []string) (orphans []string, err error) {
	if len(refs) == 0 {
		return nil, nil
	}
	dropped, err := s.queries.CatalogDropSourceTargets(ctx, tx, source, refs)
	if err != nil {
		return nil, fmt.Errorf("drop entities of source %s: %w", source, err)
	}
	orphans, err = s.lockOrphans(ctx, tx, dropped)
	return orphans, wrapped(err, "find what source "+source+" leaves behind")
}

// lockOrphans finds and locks the entities that would be orphaned without the roots. An entity that is being
// processed may have got children before its lock was acquired, so it repeats until it finds nothing new.
func (s State) lockOrphans(ctx context.Context, tx db.DBTX, roots []string) ([]string, error) {
	for locked := roots; ; {
		if _, err := s.queries.CatalogLockStates(ctx, tx, locked); err != nil {
			return nil, fmt.Errorf("lock orphans: %w", err)
		}
		below, err := s.queries.CatalogDescendantsOnlyBelow(ctx, tx, roots)
		if err != nil {
			return nil, fmt.Errorf("find what is below orphans: %w", err)
		}
		isLocked := setOf(locked)
		if !slices.ContainsFunc(below, func(ref string) bool { return !isLocked[ref] }) {
			return below, nil
		}
		locked = below
	}
}

// Replace makes a source emit exactly these entities, and schedules them to be processed. It records which are
// new or gone.
func (s State) Replace(ctx context.Context, tx db.DBTX, source string, entities []Emitted) error {
	before, err := s.queries.CatalogTargetsBySource(ctx, tx, source)
	if err != nil {
		return fmt.Errorf("list entities of source %s: %w", source, err)
	}
	refs := make([]string, len(entities))
	for i, e := range entities {
		refs[i] = e.Ref
	}
	stays, was := setOf(refs), setOf(before)
	come := slices.DeleteFunc(slices.Clone(refs), func(ref string) bool { return was[ref] })
	gone := slices.DeleteFunc(before, func(ref string) bool { return stays[ref] })
	if len(come)+len(gone) > 0 {
		if err := audit.Record(ctx, tx, processor, audit.LocationConfigure, source, named(gone, come)...); err != nil {
			return err
		}
	}
	if err := s.Drop(ctx, tx, source, gone); err != nil {
		return err
	}
	if err := s.clearConflicts(ctx, tx, []string{EmitterOf(source)}, nil); err != nil {
		return err
	}
	if _, err := s.Add(ctx, tx, source, entities); err != nil {
		return err
	}
	return s.makeDue(ctx, tx, refs)
}

// Refresh schedules an entity and the locations above it to be processed now, before what is due by its interval.
// Files that a sweep brought are forgotten, so that their hosts are asked. It reports whether the entity exists.
func (s State) Refresh(ctx context.Context, tx db.DBTX, ref string) (bool, error) {
	touched, err := s.queries.CatalogRefreshAncestors(ctx, tx, causeOf(ctx).String(), ref)
	if err != nil {
		return false, fmt.Errorf("refresh %s: %w", ref, err)
	}
	if len(touched) == 0 {
		return false, nil
	}
	if err := s.queries.CatalogForgetFiles(ctx, tx, touched); err != nil {
		return false, fmt.Errorf("forget the stored files of %s: %w", ref, err)
	}
	return true, s.notifyUrgent(ctx, tx)
}

// RefreshKinds schedules all entities of some kinds to be processed, because what is valid may have changed.
func (s State) RefreshKinds(ctx context.Context, tx db.DBTX, kinds []string) error {
	prefixes := make([]string, len(kinds))
	for i, kind := range kinds {
		prefixes[i] = strings.ToLower(kind) + ":"
	}
	made, err := s.queries.CatalogMakeKindsDue(ctx, tx, prefixes)
	if err != nil {
		return fmt.Errorf("process %s anew: %w", strings.Join(kinds, ", "), err)
	}
	if made == 0 {
		return nil
	}
	return s.notify(ctx, tx)
}

// RemoveByUID removes one entity and schedules its parents to be processed. A parent that still emits the
// entity restores it under another uid; a source does so at once. It returns the entity's reference, "" for
// an unknown uid, which changes nothing.
func (s State) RemoveByUID(ctx context.Context, tx db.DBTX, uid uuid.UUID) (ref string, err error) {
	ref, err = s.queries.CatalogRefByID(ctx, tx, uid)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("find entity %s: %w", uid, err)
	}
	if _, err := s.queries.CatalogLockStates(ctx, tx, []string{ref}); err != nil {
		return "", fmt.Errorf("lock %s: %w", ref, err)
	}
	parents, err := s.queries.CatalogParents(ctx, tx, []string{ref})
	if err != nil {
		return "", fmt.Errorf("find the parents of %s: %w", ref, err)
	}
	brought, err := s.emittedBySources(ctx, tx, ref)
	if err != nil {
		return "", err
	}
	if err := s.Remove(ctx, tx, []string{ref}); err != nil {
		return "", err
	}
	if err := s.queries.CatalogMakeDueAfresh(ctx, tx, parents); err != nil {
		return "", fmt.Errorf("refresh the parents of %s: %w", ref, err)
	}
	for source, e := range brought {
		if _, err := s.Add(ctx, tx, source, []Emitted{e}); err != nil {
			return "", err
		}
	}
	return ref, nil
}

// emittedBySources returns an entity as the sources that emit it directly would emit it again.
func (s State) emittedBySources(ctx context.Context, tx db.DBTX, ref string) (map[string]Emitted, error) {
	sources, err := s.queries.CatalogSourcesOf(ctx, tx, ref)
	if err != nil || len(sources) == 0 {
		return nil, wrapped(err, "find the sources of "+ref)
	}
	row, err := s.queries.CatalogStateByRef(ctx, tx, ref)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", ref, err)
	}
	again := Emitted{Ref: row.EntityRef, Document: row.Unprocessed}
	if row.LocationKey != nil {
		again.LocationKey = *row.LocationKey
	}
	brought := make(map[string]Emitted, len(sources))
	for _, source := range sources {
		brought[source] = again
	}
	return brought, nil
}

// maxRestored bounds the registered locations that are restored at once.
const maxRestored = 1000

// RestoreLocations emits the Location entities of registered locations that have lost theirs, whatever the
// cause, and returns how many there were.
func (s State) RestoreLocations(ctx context.Context, tx db.DBTX) (int, error) {
	lost, err := s.queries.CatalogLostLocations(ctx, tx, SourceLocations, maxRestored)
	if err != nil {
		return 0, fmt.Errorf("find lost locations: %w", err)
	}
	entities := make([]Emitted, len(lost))
	for i, row := range lost {
		entities[i], err = EmitLocation(row.EntityRef, entity.LocationSpec{Type: row.Type, Target: row.Target})
		if err != nil {
			return 0, err
		}
	}
	refused, err := s.Add(ctx, tx, SourceLocations, entities)
	return len(lost) - len(refused), err
}

// EmitLocation emits the Location entity, with reference ref, of a registered location.
func EmitLocation(ref string, spec entity.LocationSpec) (Emitted, error) {
	named, err := entity.ParseRef(ref, entity.Ref{})
	if err != nil {
		return Emitted{}, fmt.Errorf("entity of location %s: %w", spec, err)
	}
	e := entity.LocationEntity(spec)
	e.Metadata()["name"] = named.Name
	return Emit(e, nil, spec)
}

// RemoveOrphans removes up to a thousand entities that nothing emits any more, with everything below them
// that nothing else emits, and returns the number of orphans.
func (s State) RemoveOrphans(ctx context.Context, tx db.DBTX) (int, error) {
	candidates, err := s.queries.CatalogOrphans(ctx, tx, 1000)
	if err != nil || len(candidates) == 0 {
		return 0, wrapped(err, "list orphans")
	}
	if _, err := s.queries.CatalogLockStates(ctx, tx, candidates); err != nil {
		return 0, fmt.Errorf("lock orphans: %w", err)
	}
	orphans, err := s.queries.CatalogStillOrphaned(ctx, tx, candidates)
	if err != nil || len(orphans) == 0 {
		return 0, wrapped(err, "check orphans")
	}
	below, err := s.lockOrphans(ctx, tx, orphans)
	if err != nil {
		return 0, err
	}
	if err := s.Remove(ctx, tx, below); err != nil {
		return 0, err
	}
	return len(orphans), audit.Record(ctx, tx, processor, audit.CatalogClean, wholeCatalog, named(below, nil)...)
}

// Remove deletes entities, which the caller has locked, and all records about them. Other locations may then
// claim their references. It requests stitches first, because a stitcher that holds such a request waits for
// none of this transaction's locks.
func (s State) Remove(ctx context.Context, tx db.DBTX, refs []string) error {
	if len(refs) == 0 {
		return nil
	}
	neighbours, err := s.queries.CatalogRelationNeighbours(ctx, tx, refs)
	if err != nil {
		return fmt.Errorf("find the neighbours of entities to remove: %w", err)
	}
	claimants, err := s.queries.CatalogReleaseClaims(ctx, tx, refs)
	if err != nil {
		return fmt.Errorf("release claims: %w", err)
	}
	steps := []struct {
		what string
		do   func(ctx context.Context, tx db.DBTX, refs []string) error
		refs []string
	}{
		{"request stitches of neighbours", s.requestStitches, slices.Concat(refs, neighbours, claimants)},
		{"delete references", s.queries.CatalogDeleteReferences, refs},
		{"delete states", s.queries.CatalogDeleteStates, refs},
		{"delete served entities", s.deleteEntities, refs},
		{"forget claims", s.queries.CatalogDeleteClaims, refs},
		{"refresh claimants", s.queries.CatalogMakeDueAfresh, claimants},
	}
	for _, step := range steps {
		if err := step.do(ctx, tx, step.refs); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return s.notify(ctx, tx)
}

// deleteEntities stops serving entities. Without a stated cause, they were orphans.
func (s State) deleteEntities(ctx context.Context, tx db.DBTX, refs []string) error {
	cause := causeOf(ctx)
	if cause.Kind == CauseUnknown {
		cause.Kind = CauseOrphan
	}
	return s.queries.CatalogDeleteEntities(ctx, tx, cause.String(), refs)
}

func (s State) makeDue(ctx context.Context, tx db.DBTX, refs []string) error {
	if err := s.queries.CatalogMakeDue(ctx, tx, refs); err != nil {
		return fmt.Errorf("make entities due: %w", err)
	}
	return s.notify(ctx, tx)
}

// notify notifies the engines when the transaction commits.
func (s State) notify(ctx context.Context, tx db.DBTX) error {
	return wrapped(s.queries.CatalogNotify(ctx, tx, ""), "notify the engines")
}

// notifyUrgent notifies the engines of urgent entities when the transaction commits.
func (s State) notifyUrgent(ctx context.Context, tx db.DBTX) error {
	return wrapped(s.queries.CatalogNotify(ctx, tx, urgentTopic), "notify the engines of urgent entities")
}

// requestStitches requests the stitching of entities.
func (s State) requestStitches(ctx context.Context, tx db.DBTX, refs []string) error {
	return s.queries.CatalogRequestStitches(ctx, tx, false, refs)
}

func setOf(refs []string) map[string]bool {
	set := make(map[string]bool, len(refs))
	for _, ref := range refs {
		set[ref] = true
	}
	return set
}

func wrapped(err error, what string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
