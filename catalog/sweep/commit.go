package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
)

const (
	// commitBatch bounds the documents of a commit that are in memory at once.
	commitBatch = 1000
	// maxRemovals bounds the entities that a sweep names as removed. All of them are counted.
	maxRemovals = 1000
	// maxAudited bounds the entities that an event of the audit log names.
	maxAudited = 20
)

// errWaits rolls a commit back that a person has to decide about.
var errWaits = errors.New("the sweep would remove too much")

// Commit makes the catalog what a complete sweep brought, in one transaction: only what is new, changed or gone
// is written. A sweep that would remove more than the limit changes nothing and waits for a decision, unless it
// is approved. A sweep in another state stays as it is.
func (s *Store) Commit(ctx context.Context, id uuid.UUID) (Progress, error) {
	var done commit
	err := s.transact(ctx, commitTimeout, func(ctx context.Context, tx pgx.Tx) error {
		done = commit{Store: s, tx: tx}
		return done.run(ctx, id)
	})
	if errors.Is(err, errWaits) {
		return s.wait(ctx, done)
	}
	return progressOf(done.row, db.CatalogSource{}), wrap(err, "commit sweep %s", id)
}

// wait records that a sweep waits for a decision, with what it would change.
func (s *Store) wait(ctx context.Context, would commit) (progress Progress, err error) {
	err = s.transact(ctx, pageTimeout, func(ctx context.Context, tx pgx.Tx) error {
		row, err := s.queries.CatalogMoveSweep(ctx, tx, would.moved(Waiting, Complete))
		if errors.Is(err, pgx.ErrNoRows) {
			row, err = s.queries.CatalogSweepByID(ctx, tx, would.row.ID)
		}
		progress = progressOf(row, db.CatalogSource{})
		return wrap(err, "record that sweep %s waits", would.row.ID)
	})
	return progress, err
}

// commit is one attempt to commit a sweep.
type commit struct {
	*Store
	tx  pgx.Tx
	row db.CatalogSweep
	// moves are entities that the sweep brought from another place than before.
	moves map[string]bool
	// removals are the entities that are removed.
	removals       []string
	added, changed int
	// before is how many entities the source had, with everything below them; 0 when nothing is removed.
	before int
	// lost counts the documents that the catalog had while the sweep read, and has no more.
	lost int
}

// causeOf makes a sweep the cause of what it changes.
func causeOf(id uuid.UUID) processing.Cause {
	return processing.Cause{Kind: processing.CauseSweep, By: id.String()}
}

func (c *commit) run(ctx context.Context, id uuid.UUID) (err error) {
	ctx = processing.CausedBy(ctx, causeOf(id))
	c.row, err = c.queries.CatalogSweepForUpdate(ctx, c.tx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return unknownSweep(id)
	}
	if err != nil || State(c.row.State) != Complete && State(c.row.State) != Approved {
		return err
	}
	for _, step := range []func(context.Context) error{c.check, c.remove, c.bring, c.guard, c.settle, c.storeFiles, c.finish} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// check refuses a sweep whose staged entities are not all there, whatever the reason: what is missing would be
// removed.
func (c *commit) check(ctx context.Context) error {
	staged, err := c.queries.CatalogStagedEntities(ctx, c.tx, c.row.ID)
	if err != nil {
		return fmt.Errorf("count what was staged: %w", err)
	}
	if staged != c.row.Entities {
		return fault.New(fault.Conflict, "%d entities were staged, and %d are there: the database has lost some", c.row.Entities, staged)
	}
	source, err := c.queries.CatalogSourceForShare(ctx, c.tx, c.row.Source)
	if err == nil && Cause(c.row.Cause) == ByRemoval && source.LeftAt == nil {
		return fault.New(fault.Conflict, "the configuration has the source again")
	}
	return wrap(err, "read source %s", c.row.Source)
}

// remove makes the source stop emitting what the sweep did not bring.
func (c *commit) remove(ctx context.Context) error {
	gone, err := c.queries.CatalogSweepGone(ctx, c.tx, c.row.ID, c.row.Source)
	if err != nil {
		return fmt.Errorf("find what is gone: %w", err)
	}
	refs := make([]string, len(gone))
	c.moves = map[string]bool{}
	for i, each := range gone {
		refs[i] = each.TargetRef
		if each.Moved {
			c.moves[each.TargetRef] = true
		}
	}
	orphans, err := c.state.Release(ctx, c.tx, c.row.Source, refs)
	if err != nil {
		return err
	}
	c.removals = slices.DeleteFunc(slices.Sorted(slices.Values(orphans)), func(ref string) bool { return c.moves[ref] })
	if len(c.removals) > 0 {
		stays, err := c.queries.CatalogReachable(ctx, c.tx, c.row.Source)
		if err != nil {
			return fmt.Errorf("count the entities of the source: %w", err)
		}
		c.before = len(c.removals) + int(stays)
	}
	return c.state.Remove(ctx, c.tx, orphans)
}

// guard stops a sweep that removes too much, unless a person has approved it. It comes after bring, so that the
// person sees all that would change.
func (c *commit) guard(context.Context) error {
	if State(c.row.State) != Approved && c.Limit.stops(len(c.removals), c.before, c.row.MaxRemovals) {
		return errWaits
	}
	return nil
}

// bring makes the source emit what is new or has changed, batch by batch.
func (c *commit) bring(ctx context.Context) error {
	come, err := c.queries.CatalogSweepCome(ctx, c.tx, c.row.Source, c.row.ID)
	if err != nil {
		return fmt.Errorf("find what is new or has changed: %w", err)
	}
	for batch := range slices.Chunk(come, commitBatch) {
		if err := c.emit(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// emit makes the source emit the entities of one batch.
func (c *commit) emit(ctx context.Context, batch []db.CatalogSweepComeRow) error {
	refs := make([]string, len(batch))
	for i, each := range batch {
		refs[i] = each.EntityRef
	}
	rows, err := c.queries.CatalogStagedDocuments(ctx, c.tx, c.row.ID, refs)
	if err != nil {
		return fmt.Errorf("read staged entities: %w", err)
	}
	unwritten := map[string]bool{}
	entities := make([]processing.Emitted, 0, len(rows))
	for _, row := range rows {
		if row.Document == "" {
			c.lost++
			unwritten[row.EntityRef] = true
			continue
		}
		entities = append(entities, processing.Emitted{Ref: row.EntityRef, LocationKey: row.LocationKey, Document: json.RawMessage(row.Document)})
	}
	refused, err := c.state.Add(ctx, c.tx, c.row.Source, entities)
	for _, each := range refused {
		unwritten[each.Ref] = true
	}
	for _, each := range batch {
		switch {
		case unwritten[each.EntityRef]:
		case each.Emitted || c.moves[each.EntityRef]:
			c.changed++
		default:
			c.added++
		}
	}
	return err
}

// settle forgets the conflicts that this sweep ended.
func (c *commit) settle(ctx context.Context) error {
	err := c.queries.CatalogSettleSweepConflicts(ctx, c.tx, processing.EmitterOf(c.row.Source), c.row.ID)
	return wrap(err, "forget settled conflicts")
}

// storeFiles keeps the files that the sweep brought, and has the entities processed that read one that changed.
func (c *commit) storeFiles(ctx context.Context) error {
	changed, err := c.queries.CatalogStoreSweepFiles(ctx, c.tx, c.row.Source, c.row.ID)
	if err != nil || len(changed) == 0 {
		return wrap(err, "store files")
	}
	for i, url := range changed {
		changed[i] = "url:" + url
	}
	if err := c.queries.CatalogMakeReadersDue(ctx, c.tx, causeOf(c.row.ID).String(), changed, c.row.Source); err != nil {
		return fmt.Errorf("have changed files read: %w", err)
	}
	return wrap(c.queries.CatalogNotify(ctx, c.tx, ""), "notify the engines")
}

// finish ends the sweep as committed.
func (c *commit) finish(ctx context.Context) error {
	if len(c.removals)+c.added+c.changed > 0 {
		sweeper := identity.System("sweep of " + c.row.Source).Actor()
		if err := audit.Record(ctx, c.tx, sweeper, audit.SweepCommit, c.row.Source, c.described()...); err != nil {
			return err
		}
	}
	row, err := c.queries.CatalogMoveSweep(ctx, c.tx, c.moved(State(c.row.State), State(c.row.State)))
	if err != nil {
		return fmt.Errorf("record what changed: %w", err)
	}
	c.row, err = c.end(ctx, c.tx, row.ID, Committed, nil)
	return err
}

// moved is the move of the sweep from one state to another, with what it changes.
func (c *commit) moved(to, from State) db.CatalogMoveSweepParams {
	return db.CatalogMoveSweepParams{ID: c.row.ID, State: string(to), Before: []string{string(from)}, Added: int32(c.added), Changed: int32(c.changed),
		Removed: int32(len(c.removals)), Removals: c.removals[:min(len(c.removals), maxRemovals)], Remarks: c.remarks()}
}

func (c *commit) remarks() []string {
	if c.lost == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d entities were changed by somebody else while the sweep read; the next sweep brings them", c.lost)}
}

// described describes the changes in the audit log.
func (c *commit) described() []audit.Change {
	return []audit.Change{
		audit.Changed("sweep", nil, c.row.ID), audit.Changed("added", nil, c.added), audit.Changed("changed", nil, c.changed),
		audit.Changed("removed", c.removals[:min(len(c.removals), maxAudited)], nil), audit.Changed("removed.count", len(c.removals), nil),
	}
}
