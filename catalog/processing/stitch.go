package processing

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
)

// stitchVersion is part of every served entity's hash: raise it when the same inputs make something else.
const stitchVersion = "1"

// maxConflictsShown bounds the conflicts in a status. Backstage only logs them, in the words that are used here.
const maxConflictsShown = 20

// stitch puts together one batch of entities whose parts changed, and says whether there was one.
func (e *Engine) stitch(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	found := false
	err := Transact(ctx, e.pool, func(tx pgx.Tx) error {
		refs, err := e.queries.CatalogTakeStitches(ctx, tx, stitchSize)
		if err != nil {
			return fmt.Errorf("take stitch requests: %w", err)
		}
		if found = len(refs) > 0; !found {
			return nil
		}
		all, err := e.parts(ctx, tx, refs)
		if err != nil {
			return err
		}
		return e.serve(ctx, tx, refs, e.stitchAll(ctx, all))
	})
	return found, err
}

// parts are what one served entity is put together from.
type parts struct {
	db.CatalogStitchInputsRow
	relations []entity.Relation
	// conflicts are what the entity, a Location, claimed without getting it.
	conflicts []db.CatalogConflictsByClaimantRow
}

// parts reads the parts of those of the references that have been processed.
func (e *Engine) parts(ctx context.Context, tx pgx.Tx, refs []string) ([]parts, error) {
	inputs, err := e.queries.CatalogStitchInputs(ctx, tx, refs)
	if err != nil {
		return nil, fmt.Errorf("read processed entities: %w", err)
	}
	related, err := e.queries.CatalogRelationsBySource(ctx, tx, refs)
	if err != nil {
		return nil, fmt.Errorf("read relations: %w", err)
	}
	claimed, err := e.queries.CatalogConflictsByClaimant(ctx, tx, refs)
	if err != nil {
		return nil, fmt.Errorf("read conflicts: %w", err)
	}
	all := make([]parts, len(inputs))
	byRef := make(map[string]*parts, len(inputs))
	for i, input := range inputs {
		all[i].CatalogStitchInputsRow = input
		byRef[input.EntityRef] = &all[i]
	}
	for _, row := range related {
		if p := byRef[row.SourceRef]; p != nil {
			p.relations = append(p.relations, entity.Relation{Type: row.Type, SourceRef: row.SourceRef, TargetRef: row.TargetRef})
		}
	}
	for _, row := range claimed {
		if p := byRef[row.ClaimantRef]; p != nil {
			p.conflicts = append(p.conflicts, row)
		}
	}
	return all, nil
}

// stitched is one entity as it is served.
type stitched struct {
	id uuid.UUID
	// kind is in lower case, like ref.
	kind, ref, hash string
	document        json.RawMessage
	rows            []entity.SearchRow
}

// stitchAll puts entities together and leaves out those that come out as they are served already. One that cannot be
// put together keeps its served form.
func (e *Engine) stitchAll(ctx context.Context, all []parts) []stitched {
	var served []stitched
	for _, p := range all {
		made, err := p.stitch()
		if err != nil {
			e.log.WarnContext(ctx, "catalog: an entity cannot be served", "entity", p.EntityRef, "error", err)
			continue
		}
		if made.hash != p.ServedHash {
			served = append(served, made)
		}
	}
	return served
}

// stitch puts one entity together: what processing made of it, its relations, its errors, its identity.
func (p parts) stitch() (stitched, error) {
	var e entity.Entity
	if err := json.Unmarshal(p.Processed, &e); err != nil {
		return stitched{}, fmt.Errorf("decode processed entity %s: %w", p.EntityRef, err)
	}
	delete(e, "status")
	failures, err := p.failures()
	if err != nil {
		return stitched{}, err
	}
	if len(failures) > 0 {
		e["status"] = status(failures)
	}
	e["relations"] = outgoing(p.relations)
	if p.Orphan {
		e.SetAnnotation(entity.AnnotationOrphan, "true")
	}
	etag := entity.Etag(e)
	metadata := e.Metadata()
	metadata["uid"] = p.EntityID.String()
	if own, _ := metadata["etag"].(string); own == "" {
		metadata["etag"] = etag
	}
	rows, err := entity.SearchRows(e, p.relations)
	if err != nil {
		return stitched{}, err
	}
	document, err := entity.Marshal(e, p.Processed)
	if err != nil {
		return stitched{}, fmt.Errorf("encode %s: %w", p.EntityRef, err)
	}
	hash := hashOf(append([]byte(stitchVersion), document...))
	return stitched{id: p.EntityID, kind: strings.ToLower(e.Kind()), ref: p.EntityRef, hash: hash, document: document, rows: rows}, nil
}

func outgoing(relations []entity.Relation) []any {
	shown := make([]any, len(relations))
	for i, relation := range relations {
		shown[i] = map[string]any{"type": relation.Type, "targetRef": relation.TargetRef}
	}
	return shown
}

// failures are the errors of the last processing, which show on the last good content, and what other places had first.
func (p parts) failures() ([]*entity.Error, error) {
	var failures []*entity.Error
	if len(p.Errors) > 0 {
		if err := json.Unmarshal(p.Errors, &failures); err != nil {
			return nil, fmt.Errorf("decode the errors of %s: %w", p.EntityRef, err)
		}
	}
	for i, conflict := range p.conflicts {
		if i == maxConflictsShown {
			return append(failures, failure(fault.Conflict, "%d more entities are claimed by other locations already", len(p.conflicts)-i)), nil
		}
		failures = append(failures, failure(fault.Conflict, "Detected conflicting entityRef %s already referenced by %s and now also %s; the first keeps it",
			conflict.EntityRef, conflict.HolderKey, conflict.ClaimantKey))
	}
	return failures, nil
}

// status shows failures as Backstage does.
func status(failures []*entity.Error) map[string]any {
	items := make([]any, len(failures))
	for i, failure := range failures {
		items[i] = map[string]any{
			"type": "backstage.io/catalog-processing", "level": "error",
			"message": describe(failure), "error": failure,
		}
	}
	return map[string]any{"items": items}
}

// serve writes entities and their search rows, and removes those of the asked references that are gone.
func (e *Engine) serve(ctx context.Context, tx pgx.Tx, asked []string, served []stitched) error {
	if err := e.queries.CatalogRemoveReplacedEntities(ctx, tx, asked); err != nil {
		return fmt.Errorf("remove replaced entities: %w", err)
	}
	if len(served) == 0 {
		return nil
	}
	var entities db.CatalogSaveEntitiesParams
	var search db.CatalogReplaceSearchRowsParams
	for _, s := range served {
		entities.EntityIds = append(entities.EntityIds, s.id)
		entities.Refs = append(entities.Refs, s.ref)
		entities.Hashes = append(entities.Hashes, s.hash)
		entities.Entities = append(entities.Entities, string(s.document))
		for _, row := range s.rows {
			search.RowIds = append(search.RowIds, s.id)
			search.Kinds = append(search.Kinds, s.kind)
			search.Keys = append(search.Keys, textOf(&row.Key))
			search.HasValues = append(search.HasValues, row.Value != nil)
			search.Values = append(search.Values, textOf(row.Value))
			search.Originals = append(search.Originals, textOf(row.OriginalValue))
		}
	}
	search.EntityIds = entities.EntityIds
	if err := e.queries.CatalogSaveEntities(ctx, tx, entities); err != nil {
		return fmt.Errorf("save served entities: %w", err)
	}
	if err := e.queries.CatalogReplaceSearchRows(ctx, tx, search); err != nil {
		return fmt.Errorf("save search rows: %w", err)
	}
	return nil
}

// textOf is a search value as Postgres takes it: without the NUL character.
func textOf(value *string) string {
	if value == nil {
		return ""
	}
	return strings.ReplaceAll(*value, "\x00", "\uFFFD")
}
