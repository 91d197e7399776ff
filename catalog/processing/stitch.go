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
)

// stitchVersion is part of every served entity's hash: raise it when the same inputs make something else.
const stitchVersion = "1"

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
		inputs, relations, err := e.stitchInputs(ctx, tx, refs)
		if err != nil {
			return err
		}
		served := e.stitchAll(ctx, inputs, relations)
		return e.serve(ctx, tx, refs, served)
	})
	return found, err
}

func (e *Engine) stitchInputs(ctx context.Context, tx pgx.Tx, refs []string) ([]db.CatalogStitchInputsRow, map[string][]entity.Relation, error) {
	inputs, err := e.queries.CatalogStitchInputs(ctx, tx, refs)
	if err != nil {
		return nil, nil, fmt.Errorf("read processed entities: %w", err)
	}
	rows, err := e.queries.CatalogRelationsBySource(ctx, tx, refs)
	if err != nil {
		return nil, nil, fmt.Errorf("read relations: %w", err)
	}
	relations := map[string][]entity.Relation{}
	for _, row := range rows {
		relations[row.SourceRef] = append(relations[row.SourceRef],
			entity.Relation{Type: row.Type, SourceRef: row.SourceRef, TargetRef: row.TargetRef})
	}
	return inputs, relations, nil
}

// stitched is one entity as it is served.
type stitched struct {
	id uuid.UUID
	// kind is in lower case, like ref.
	kind, ref, hash string
	document        json.RawMessage
	rows            []entity.SearchRow
}

// stitchAll puts entities together and leaves out those that come out as they are served already. One that cannot be put together keeps
// its served form.
func (e *Engine) stitchAll(ctx context.Context, inputs []db.CatalogStitchInputsRow, relations map[string][]entity.Relation) []stitched {
	var served []stitched
	for _, input := range inputs {
		made, err := stitch(input, relations[input.EntityRef])
		if err != nil {
			e.log.WarnContext(ctx, "catalog: an entity cannot be served", "entity", input.EntityRef, "error", err)
			continue
		}
		if made.hash != input.ServedHash {
			served = append(served, made)
		}
	}
	return served
}

// stitch puts one entity together: what processing made of it, its relations, its errors, its identity.
func stitch(input db.CatalogStitchInputsRow, relations []entity.Relation) (stitched, error) {
	var e entity.Entity
	if err := json.Unmarshal(input.Processed, &e); err != nil {
		return stitched{}, fmt.Errorf("decode processed entity %s: %w", input.EntityRef, err)
	}
	delete(e, "status")
	if err := attachStatus(e, input.Errors); err != nil {
		return stitched{}, err
	}
	e["relations"] = outgoing(relations)
	if input.Orphan {
		e.SetAnnotation(entity.AnnotationOrphan, "true")
	}
	etag := entity.Etag(e)
	metadata := e.Metadata()
	metadata["uid"] = input.EntityID.String()
	if own, _ := metadata["etag"].(string); own == "" {
		metadata["etag"] = etag
	}
	rows, err := entity.SearchRows(e, relations)
	if err != nil {
		return stitched{}, err
	}
	document, err := entity.Marshal(e, input.Processed)
	if err != nil {
		return stitched{}, fmt.Errorf("encode %s: %w", input.EntityRef, err)
	}
	hash := hashOf(append([]byte(stitchVersion), document...))
	return stitched{id: input.EntityID, kind: strings.ToLower(e.Kind()), ref: input.EntityRef, hash: hash, document: document, rows: rows}, nil
}

func outgoing(relations []entity.Relation) []any {
	shown := make([]any, len(relations))
	for i, relation := range relations {
		shown[i] = map[string]any{"type": relation.Type, "targetRef": relation.TargetRef}
	}
	return shown
}

// attachStatus shows the errors of the last processing on the last good content.
func attachStatus(e entity.Entity, encoded []byte) error {
	if len(encoded) == 0 {
		return nil
	}
	var failures []*entity.Error
	if err := json.Unmarshal(encoded, &failures); err != nil {
		return fmt.Errorf("decode the errors of %s: %w", e.Ref(), err)
	}
	items := make([]any, len(failures))
	for i, failure := range failures {
		items[i] = map[string]any{
			"type": "backstage.io/catalog-processing", "level": "error",
			"message": describe(failure), "error": failure,
		}
	}
	if len(items) > 0 {
		e["status"] = map[string]any{"items": items}
	}
	return nil
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
