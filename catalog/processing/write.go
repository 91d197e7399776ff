package processing

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/db"
)

// batch is finished work that is being written to the database.
type batch struct {
	state State
	tx    pgx.Tx
	// good and bad are the results that changed. A good entity is served, along with the errors of its
	// targets. A bad one keeps its last valid content.
	good, bad []outcome
	// first are the results of new entities that were stored with them.
	first  []outcome
	offers *offers
	// touched are the references whose served form may change.
	touched map[string]bool
	// urgent means that this goes before what is due by its interval, and so do the children that it changes.
	urgent bool
	// dropped are the entities that are no longer emitted, by who emitted them.
	dropped map[string][]string
}

type outcome struct {
	work
	hash string
}

// write stores finished work in one transaction and releases the entities. Results of documents that changed
// meanwhile are dropped. It has its own deadline, so that finished work is still written when the engine
// stops.
func (s lane) write(ctx context.Context, done []work) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	var b *batch
	err := Transact(ctx, s.pool, func(tx pgx.Tx) error {
		current, schedules, err := s.lockCurrent(ctx, tx, done)
		if err != nil {
			return err
		}
		b = &batch{state: s.state, tx: tx, offers: newOffers(), touched: map[string]bool{}, dropped: map[string][]string{}, urgent: s.urgent}
		if err := b.sort(current); err != nil {
			return err
		}
		// First, because what follows makes entities due again, and looks whether others ever had a valid result.
		if err := s.release(ctx, tx, schedules, slices.Concat(b.good, b.bad)); err != nil {
			return err
		}
		if err := s.writeReads(ctx, tx, current); err != nil {
			return err
		}
		return b.write(ctx)
	})
	if err != nil {
		return err
	}
	s.bursts.note(len(b.good) + len(b.first))
	s.logErrors(ctx, b)
	s.logRemarks(ctx, b)
	for _, rejected := range b.offers.rejected {
		s.log.WarnContext(ctx, "catalog: an entity is claimed twice; the first place keeps it",
			"entity", rejected.entity.Ref, "claimant", rejected.entity.LocationKey, "emitter", rejected.emitter)
	}
	return nil
}

// logErrors logs the errors that are new.
func (s lane) logErrors(ctx context.Context, b *batch) {
	for _, o := range slices.Concat(b.bad, b.good) {
		known := map[string]bool{}
		for _, failure := range decodeErrors(o.row.Errors) {
			known[describe(failure)] = true
		}
		for _, failure := range o.result.Errors {
			text := describe(failure)
			if known[text] {
				continue
			}
			known[text] = true
			location, line := failure.Location, failure.Line
			if location == "" {
				location, line = o.result.location, lineOf(o.row.Line)
			}
			s.log.WarnContext(ctx, "catalog: not all of it can be read", "entity", o.row.EntityRef, "location", location, "line", line, "error", text)
		}
	}
}

// logRemarks logs the remarks of results that changed.
func (s lane) logRemarks(ctx context.Context, b *batch) {
	for _, o := range slices.Concat(b.good, b.first) {
		texts := make([]string, len(o.result.Remarks))
		for i, remark := range o.result.Remarks {
			texts[i] = remark.Message
		}
		if len(texts) > 0 {
			s.log.WarnContext(ctx, "catalog: an entity is served that is not as it should be",
				"entity", o.row.EntityRef, "location", o.result.location, "line", lineOf(o.row.Line), "remarks", texts)
		}
	}
}

func lineOf(stored *int32) int {
	if stored == nil {
		return 0
	}
	return int(*stored)
}

// lockCurrent locks all rows that the results will be written to, in one global order. It returns the results
// that are still current: the entity is still held, and its document has not changed.
func (s lane) lockCurrent(ctx context.Context, tx pgx.Tx, done []work) (current []work, schedules []schedule, err error) {
	refs := map[string]bool{}
	for _, item := range done {
		refs[item.row.EntityRef] = true
		for _, child := range item.result.Children {
			refs[child.Ref] = true
		}
	}
	locked, err := s.queries.CatalogLockStates(ctx, tx, slices.Sorted(maps.Keys(refs)))
	if err != nil {
		return nil, nil, fmt.Errorf("lock the entities of a batch: %w", err)
	}
	held := make(map[uuid.UUID]string, len(locked))
	for _, row := range locked {
		if row.HeldBy != nil && *row.HeldBy == s.holder {
			held[row.EntityID] = row.UnprocessedHash
		}
	}
	for _, item := range done {
		if held[item.row.EntityID] != item.row.UnprocessedHash {
			schedules = append(schedules, schedule{row: item.row})
			continue
		}
		current, schedules = append(current, item), append(schedules, s.schedule(item))
	}
	return current, schedules, nil
}

// sort keeps the results that differ from the last ones.
func (b *batch) sort(items []work) error {
	for _, item := range items {
		if item.result.Unchanged {
			continue
		}
		hash, err := item.result.hash()
		if err != nil {
			return fmt.Errorf("result of %s: %w", item.row.EntityRef, err)
		}
		switch {
		case hash == item.row.ResultHash:
		case item.result.Failed:
			b.bad = append(b.bad, outcome{item, hash})
		default:
			b.good = append(b.good, outcome{item, hash})
		}
	}
	return nil
}

func (b *batch) write(ctx context.Context) error {
	if len(b.good)+len(b.bad) == 0 {
		return nil
	}
	for _, o := range slices.Concat(b.good, b.bad) {
		b.touched[o.row.EntityRef] = true
	}
	steps := []func(context.Context) error{b.acceptFailures, b.writeChildren, b.writeRelations, b.stitchParents, b.recordChanges}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	// Who asked for thousands of entities waits for all of them, and not for the first. Urgent stitches do not wait until a burst is
	// over: each of these entities would be stitched again when its neighbours are there.
	isUrgent := b.urgent && len(b.touched) <= stitchSize
	if err := b.state.queries.CatalogRequestStitches(ctx, b.tx, isUrgent, slices.Sorted(maps.Keys(b.touched))); err != nil {
		return fmt.Errorf("request stitches: %w", err)
	}
	if b.urgent {
		return b.hurry(ctx)
	}
	return b.state.notify(ctx, b.tx)
}

// hurry makes the children urgent that are due, because they were changed. Those that were stored with their results are not.
func (b *batch) hurry(ctx context.Context) error {
	stored := make(map[string]bool, len(b.first))
	for _, o := range b.first {
		stored[o.row.EntityRef] = true
	}
	var children []string
	for _, o := range b.good {
		for _, child := range o.result.Children {
			if !stored[child.Ref] {
				children = append(children, child.Ref)
			}
		}
	}
	if _, err := b.state.queries.CatalogHurryDue(ctx, b.tx, children); err != nil {
		return fmt.Errorf("make changed children urgent: %w", err)
	}
	if err := b.state.notify(ctx, b.tx); err != nil {
		return err
	}
	return b.state.notifyUrgent(ctx, b.tx)
}

// acceptFailures lets others claim the references of entities that never had a valid result.
func (b *batch) acceptFailures(ctx context.Context) error {
	var neverGood []string
	for _, o := range b.bad {
		if o.row.NeverGood {
			neverGood = append(neverGood, o.row.EntityRef)
		}
	}
	return b.refreshClaimants(ctx, neverGood)
}

// refreshClaimants schedules the claimants of references whose holders never had a valid result: they may
// take over now.
func (b *batch) refreshClaimants(ctx context.Context, held []string) error {
	if len(held) == 0 {
		return nil
	}
	claimants, err := b.state.queries.CatalogClaimants(ctx, b.tx, held)
	if err != nil {
		return fmt.Errorf("find claimants: %w", err)
	}
	b.touch(claimants)
	return wrapped(b.state.queries.CatalogMakeDueAfresh(ctx, b.tx, claimants), "refresh claimants")
}

// stitchParents requests stitches of the Locations whose status shows errors of these entities.
func (b *batch) stitchParents(ctx context.Context) error {
	var changed []string
	for _, o := range slices.Concat(b.bad, b.good) {
		if len(o.result.Errors) > 0 || o.row.Errors != nil {
			changed = append(changed, o.row.EntityRef)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	parents, err := b.state.queries.CatalogParents(ctx, b.tx, changed)
	b.touch(parents)
	return wrapped(err, "find who brought what is wrong")
}

// writeChildren stores the children of the entities. A child that was added or dropped may have become, or
// ceased to be, an orphan.
func (b *batch) writeChildren(ctx context.Context) error {
	if len(b.good) == 0 {
		return nil
	}
	var emitters []string
	for _, o := range b.good {
		emitters = append(emitters, o.row.EntityRef)
		for _, child := range o.result.Children {
			child.askedBy = o.row.AskedBy
			b.offers.add(o.row.EntityRef, child)
		}
	}
	edges, err := b.state.upsert(ctx, b.tx, b.offers)
	if err != nil {
		return err
	}
	b.noteStored()
	stays, err := b.unread(ctx)
	if err != nil {
		return err
	}
	var sources, targets []string
	for _, edge := range slices.Concat(edges, stays) {
		sources, targets = append(sources, edge.source), append(targets, edge.target)
	}
	dropped, err := b.state.queries.CatalogDropChildren(ctx, b.tx, emitters, sources, targets)
	if err != nil {
		return fmt.Errorf("drop children: %w", err)
	}
	for _, edge := range dropped {
		b.dropped[edge.SourceRef] = append(b.dropped[edge.SourceRef], edge.TargetRef)
		b.touch([]string{edge.TargetRef})
	}
	added, err := b.state.queries.CatalogAddChildren(ctx, b.tx, sources, targets)
	if err != nil {
		return fmt.Errorf("add children: %w", err)
	}
	b.touch(added)
	if err := b.state.clearConflicts(ctx, b.tx, emitters, b.offers.rejected); err != nil {
		return err
	}
	return b.state.recordConflicts(ctx, b.tx, b.offers.rejected)
}

// noteStored notes the results of new entities that were stored with them.
func (b *batch) noteStored() {
	for _, one := range b.offers.stored {
		row := db.CatalogClaimDueRow{EntityID: one.id, EntityRef: one.Ref, LocationKey: one.LocationKey, Line: new(int32(one.Line)), NeverGood: true}
		b.first = append(b.first, outcome{work{row: row, result: one.processed.result}, one.processed.hash})
		b.touch([]string{one.Ref})
	}
}

// unread returns the edges to children that came from places that could not be read now.
func (b *batch) unread(ctx context.Context) ([]edge, error) {
	places := map[string][]place{}
	for _, o := range b.good {
		if len(o.result.Unread) > 0 {
			places[o.row.EntityRef] = o.result.Unread
		}
	}
	if len(places) == 0 {
		return nil, nil
	}
	children, err := b.state.queries.CatalogChildrenWithPlaces(ctx, b.tx, slices.Sorted(maps.Keys(places)))
	if err != nil {
		return nil, fmt.Errorf("find what came from places that cannot be read: %w", err)
	}
	var stays []edge
	for _, child := range children {
		covers := func(p place) bool { return child.LocationKey != nil && p.covers(*child.LocationKey) }
		if slices.ContainsFunc(places[child.SourceRef], covers) {
			stays = append(stays, edge{child.SourceRef, child.TargetRef})
		}
	}
	return stays, nil
}

// writeRelations replaces the relations that the entities declare. Both ends of a changed relation are
// stitched.
func (b *batch) writeRelations(ctx context.Context) error {
	if len(b.good) == 0 {
		return nil
	}
	var first []db.CatalogAddFirstRelationsParams
	var rows db.CatalogAddRelationsParams
	var origins []uuid.UUID
	for _, o := range slices.Concat(b.good, b.first) {
		if !o.row.NeverGood {
			origins = append(origins, o.row.EntityID)
		}
		for _, relation := range o.result.Relations {
			if o.row.NeverGood {
				first = append(first, db.CatalogAddFirstRelationsParams{OriginID: o.row.EntityID, SourceRef: relation.SourceRef, Type: relation.Type, TargetRef: relation.TargetRef})
				b.touch([]string{relation.SourceRef})
				continue
			}
			rows.OriginIds, rows.Sources = append(rows.OriginIds, o.row.EntityID), append(rows.Sources, relation.SourceRef)
			rows.Types, rows.Targets = append(rows.Types, relation.Type), append(rows.Targets, relation.TargetRef)
		}
	}
	if len(first) > 0 {
		if _, err := b.state.queries.CatalogAddFirstRelations(ctx, b.tx, first); err != nil {
			return fmt.Errorf("add first relations: %w", err)
		}
	}
	if len(origins) == 0 {
		return nil
	}
	return b.replaceRelations(ctx, origins, rows)
}

// replaceRelations replaces the relations of entities that may have declared some before.
func (b *batch) replaceRelations(ctx context.Context, origins []uuid.UUID, rows db.CatalogAddRelationsParams) error {
	gone, err := b.state.queries.CatalogDropRelations(ctx, b.tx, db.CatalogDropRelationsParams{
		Origins: origins, OriginIds: rows.OriginIds, Sources: rows.Sources, Types: rows.Types, Targets: rows.Targets})
	if err != nil {
		return fmt.Errorf("drop relations: %w", err)
	}
	added, err := b.state.queries.CatalogAddRelations(ctx, b.tx, rows)
	if err != nil {
		return fmt.Errorf("add relations: %w", err)
	}
	b.touch(gone, added)
	return nil
}

func (b *batch) touch(lists ...[]string) {
	for _, refs := range lists {
		for _, ref := range refs {
			b.touched[ref] = true
		}
	}
}

// RemoveOrphans removes the entities that nothing emits any more and returns the number of orphans.
func (e *Engine) RemoveOrphans(ctx context.Context) (int, error) {
	return e.count(ctx, e.state.RemoveOrphans)
}

// RestoreLocations restores the Location entities of registered locations that have lost theirs, and returns
// their number.
func (e *Engine) RestoreLocations(ctx context.Context) (int, error) {
	return e.count(ctx, e.state.RestoreLocations)
}

// count runs do in one transaction and returns its count.
func (e *Engine) count(ctx context.Context, do func(ctx context.Context, tx db.DBTX) (int, error)) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	counted := 0
	err := Transact(ctx, e.pool, func(tx pgx.Tx) error {
		var err error
		counted, err = do(ctx, tx)
		return err
	})
	return counted, err
}
