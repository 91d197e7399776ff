package processing

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/db"
)

// edge records which emitter emitted which entity.
type edge struct{ source, target string }

// offer is an entity that one emitter wants to write.
type offer struct {
	emitter string
	entity  Emitted
}

// offers are the entities that the emitters of one batch want to write. Within a batch, as in the database,
// the first location that claims a reference keeps it.
type offers struct {
	made []offer
	// claimed lists the offers for each reference: the first one from each location.
	claimed map[string][]Emitted
	// rejected are the offers that were not accepted.
	rejected []offer
	// stored are the entities that are new and were stored with their results.
	stored []newEntity
}

// newEntity is an entity that the catalog did not have before.
type newEntity struct {
	id uuid.UUID
	Emitted
}

func newOffers() *offers { return &offers{claimed: map[string][]Emitted{}} }

func (o *offers) add(emitter string, e Emitted) {
	o.made = append(o.made, offer{emitter, e})
	isSamePlace := func(other Emitted) bool { return other.LocationKey == e.LocationKey }
	if !slices.ContainsFunc(o.claimed[e.Ref], isSamePlace) {
		o.claimed[e.Ref] = append(o.claimed[e.Ref], e)
	}
}

// documents are entities as columns for a query. Those that are new get the ids.
type documents struct {
	ids                                   []uuid.UUID
	refs, keys, contents, hashes, askedBy []string
	lines                                 []int32
	// processed and results are the documents and hashes of results, "" without one. dueIn is in seconds.
	processed, results []string
	dueIn              []float64
}

// add adds an entity. Its id begins with the time, so that entities that are written together are neighbours in
// every index by id.
func (d *documents) add(e Emitted) {
	d.ids = append(d.ids, uuid.Must(uuid.NewV7()))
	d.refs, d.keys = append(d.refs, e.Ref), append(d.keys, e.LocationKey)
	d.contents, d.hashes = append(d.contents, string(e.Document)), append(d.hashes, e.hash())
	d.askedBy = append(d.askedBy, e.askedBy)
	d.lines = append(d.lines, int32(min(e.Line, math.MaxInt32)))
	document, hash, dueIn := "", "", 0.0
	if e.processed != nil {
		document, hash, dueIn = string(e.processed.result.Document), e.processed.hash, delayed(closedInterval).Seconds()
	}
	d.processed, d.results, d.dueIn = append(d.processed, document), append(d.results, hash), append(d.dueIn, dueIn)
}

// upsert writes the offered entities and returns the edges to the accepted ones. The others become rejected.
func (s State) upsert(ctx context.Context, tx db.DBTX, o *offers) ([]edge, error) {
	holders, err := s.writeClaimed(ctx, tx, o)
	if err != nil {
		return nil, err
	}
	if err := s.takeOver(ctx, tx, o.refused(holders), holders); err != nil {
		return nil, err
	}
	var edges []edge
	for _, offer := range o.made {
		if key, held := holders[offer.entity.Ref]; held && key == offer.entity.LocationKey {
			edges = append(edges, edge{offer.emitter, offer.entity.Ref})
		} else {
			o.rejected = append(o.rejected, offer)
		}
	}
	return edges, nil
}

// writeClaimed writes the offers of the locations that hold their references, or that claim them first. It
// returns the location that holds each reference. A reference that none of the offering locations holds is
// missing from the result.
func (s State) writeClaimed(ctx context.Context, tx db.DBTX, o *offers) (holders map[string]string, err error) {
	holders = make(map[string]string, len(o.claimed))
	for turn := 0; ; turn++ {
		var offered []Emitted
		for _, ref := range slices.Sorted(maps.Keys(o.claimed)) {
			if _, held := holders[ref]; !held && turn < len(o.claimed[ref]) {
				offered = append(offered, o.claimed[ref][turn])
			}
		}
		if len(offered) == 0 {
			return holders, nil
		}
		for part := range slices.Chunk(offered, writtenAtOnce) {
			if err := s.writeOffered(ctx, tx, o, part, holders); err != nil {
				return nil, err
			}
		}
	}
}

// writtenAtOnce bounds the documents of one statement: they are in memory several times.
const writtenAtOnce = 1000

// writeOffered writes one offer for each of some references, and adds those that are accepted to the holders.
func (s State) writeOffered(ctx context.Context, tx db.DBTX, o *offers, offered []Emitted, holders map[string]string) error {
	var rows documents
	byRef := make(map[string]newEntity, len(offered))
	for _, e := range offered {
		rows.add(e)
		byRef[e.Ref] = newEntity{rows.ids[len(rows.ids)-1], e}
	}
	written, err := s.queries.CatalogUpsertStates(ctx, tx, db.CatalogUpsertStatesParams{
		Ids: rows.ids, Refs: rows.refs, LocationKeys: rows.keys, Documents: rows.contents, Hashes: rows.hashes, Lines: rows.lines, AskedBy: rows.askedBy,
		Processed: rows.processed, ResultHashes: rows.results, DueIn: rows.dueIn})
	if err != nil {
		return fmt.Errorf("write discovered entities: %w", err)
	}
	for _, row := range written {
		one := byRef[row.EntityRef]
		holders[one.Ref] = one.LocationKey
		if one.id == row.EntityID && one.processed != nil {
			o.stored = append(o.stored, one)
		}
	}
	return nil
}

// refused returns the offers from locations that do not hold the reference: the first one for each reference.
func (o *offers) refused(holders map[string]string) map[string]Emitted {
	refused := map[string]Emitted{}
	for ref, claimed := range o.claimed {
		holder, held := holders[ref]
		for _, e := range claimed {
			if _, earlier := refused[ref]; !earlier && (!held || holder != e.LocationKey) {
				refused[ref] = e
			}
		}
	}
	return refused
}

// takeOver gives references to refused offers where the holder never had a valid result and the offer is
// valid: a broken entity must not block a valid one. The former holder becomes a claimant. takeOver updates
// holders.
func (s State) takeOver(ctx context.Context, tx db.DBTX, refused map[string]Emitted, holders map[string]string) error {
	if len(refused) == 0 {
		return nil
	}
	free, err := s.queries.CatalogNeverGood(ctx, tx, slices.Sorted(maps.Keys(refused)))
	if err != nil {
		return fmt.Errorf("find what was never good: %w", err)
	}
	var rows documents
	for _, ref := range free {
		if s.isValid(ctx, refused[ref]) {
			rows.add(refused[ref])
		}
	}
	if len(rows.refs) == 0 {
		return nil
	}
	former, err := s.queries.CatalogHoldersOf(ctx, tx, rows.refs)
	if err != nil {
		return fmt.Errorf("find who holds what was never good: %w", err)
	}
	taken, err := s.queries.CatalogTakeOver(ctx, tx, db.CatalogTakeOverParams{
		Refs: rows.refs, LocationKeys: rows.keys, Documents: rows.contents, Hashes: rows.hashes, Lines: rows.lines})
	if err != nil {
		return fmt.Errorf("take over what was never good: %w", err)
	}
	for _, ref := range taken {
		holders[ref] = refused[ref].LocationKey
	}
	return s.recordLosses(ctx, tx, taken, former)
}

// recordLosses makes former holders claimants of the references that they lost.
func (s State) recordLosses(ctx context.Context, tx db.DBTX, taken []string, former []db.CatalogHoldersOfRow) error {
	if err := s.queries.CatalogDropEmitters(ctx, tx, taken); err != nil {
		return fmt.Errorf("forget who held what was never good: %w", err)
	}
	lost := setOf(taken)
	var rows db.CatalogSaveLossesParams
	for _, holder := range former {
		if lost[holder.TargetRef] {
			rows.Refs, rows.ClaimantKeys = append(rows.Refs, holder.TargetRef), append(rows.ClaimantKeys, holder.LocationKey)
			rows.Claimants, rows.FailedHashes = append(rows.Claimants, holder.SourceRef), append(rows.FailedHashes, holder.UnprocessedHash)
		}
	}
	if err := s.queries.CatalogSaveLosses(ctx, tx, rows); err != nil {
		return fmt.Errorf("record who held what was never good: %w", err)
	}
	return wrapped(s.requestStitches(ctx, tx, rows.Claimants), "request stitches of former holders")
}

// isValid checks an entity as far as that is possible without reading its placeholders.
func (s State) isValid(ctx context.Context, e Emitted) bool {
	var document entity.Entity
	if err := json.Unmarshal(e.Document, &document); err != nil {
		return false
	}
	unread := func(context.Context, string, string) (any, error) { return "unread", nil }
	return entity.ResolvePlaceholders(ctx, document, unread) == nil && s.model.Validate(document) == nil
}

// claims are rejected offers without duplicates, as columns for a query.
type claims struct{ refs, keys, claimants []string }

func claimsOf(rejected []offer) claims {
	var rows claims
	seen := map[[3]string]bool{}
	for _, offer := range rejected {
		id := [3]string{offer.entity.Ref, offer.entity.LocationKey, offer.emitter}
		if seen[id] {
			continue
		}
		seen[id] = true
		rows.refs = append(rows.refs, offer.entity.Ref)
		rows.keys = append(rows.keys, offer.entity.LocationKey)
		rows.claimants = append(rows.claimants, offer.emitter)
	}
	return rows
}

// recordConflicts stores the rejected offers with both locations.
func (s State) recordConflicts(ctx context.Context, tx db.DBTX, rejected []offer) error {
	if len(rejected) == 0 {
		return nil
	}
	rows := claimsOf(rejected)
	err := s.queries.CatalogSaveConflicts(ctx, tx, rows.refs, rows.keys, rows.claimants)
	return wrapped(err, "record conflicts")
}

// clearConflicts deletes the conflicts of emitters that are not among the rejected offers any more.
func (s State) clearConflicts(ctx context.Context, tx db.DBTX, emitters []string, rejected []offer) error {
	rows := claimsOf(rejected)
	err := s.queries.CatalogForgetClaims(ctx, tx, db.CatalogForgetClaimsParams{
		Claimants: emitters, Refs: rows.refs, ClaimantKeys: rows.keys, ClaimedBy: rows.claimants})
	return wrapped(err, "forget settled conflicts")
}
