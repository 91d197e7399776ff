package processing

import (
	"context"
	"fmt"

	"github.com/portico-dev/portico/db"
)

// edge says who emitted whom.
type edge struct{ source, target string }

// offer is one emitter's claim to an entity.
type offer struct {
	emitter string
	entity  Emitted
}

// offers are the entities that emitters of one batch want to have written. Within a batch, as in the database, the first
// place that claims a reference keeps it.
type offers struct {
	entities map[string]Emitted
	accepted []offer
	rejected []offer
}

func newOffers() *offers { return &offers{entities: map[string]Emitted{}} }

func (o *offers) add(emitter string, e Emitted) {
	first, taken := o.entities[e.Ref]
	if taken && first.LocationKey != e.LocationKey {
		o.rejected = append(o.rejected, offer{emitter, e})
		return
	}
	if !taken {
		o.entities[e.Ref] = e
	}
	o.accepted = append(o.accepted, offer{emitter, e})
}

// upsert writes the offered entities and returns the edges to those that were accepted; the others join the rejected.
func (s State) upsert(ctx context.Context, tx db.DBTX, o *offers) ([]edge, error) {
	var rows db.CatalogUpsertStatesParams
	for ref, e := range o.entities {
		rows.Refs = append(rows.Refs, ref)
		rows.LocationKeys = append(rows.LocationKeys, e.LocationKey)
		rows.Documents = append(rows.Documents, string(e.Document))
		rows.Hashes = append(rows.Hashes, e.hash())
	}
	written, err := s.queries.CatalogUpsertStates(ctx, tx, rows)
	if err != nil {
		return nil, fmt.Errorf("write discovered entities: %w", err)
	}
	accepted := make(map[string]bool, len(written))
	for _, ref := range written {
		accepted[ref] = true
	}
	var edges []edge
	for _, offer := range o.accepted {
		if accepted[offer.entity.Ref] {
			edges = append(edges, edge{offer.emitter, offer.entity.Ref})
		} else {
			o.rejected = append(o.rejected, offer)
		}
	}
	return edges, nil
}

// claims are rejected offers as rows, each once.
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

// recordConflicts keeps what was rejected, with both claimants.
func (s State) recordConflicts(ctx context.Context, tx db.DBTX, rejected []offer) error {
	if len(rejected) == 0 {
		return nil
	}
	rows := claimsOf(rejected)
	err := s.queries.CatalogSaveConflicts(ctx, tx, rows.refs, rows.keys, rows.claimants)
	return wrapped(err, "record conflicts")
}

// settleConflicts forgets the conflicts of emitters over what is not among the rejected any more.
func (s State) settleConflicts(ctx context.Context, tx db.DBTX, emitters []string, rejected []offer) error {
	rows := claimsOf(rejected)
	err := s.queries.CatalogForgetClaims(ctx, tx, db.CatalogForgetClaimsParams{
		Claimants: emitters, Refs: rows.refs, ClaimantKeys: rows.keys, ClaimedBy: rows.claimants})
	return wrapped(err, "forget settled conflicts")
}
