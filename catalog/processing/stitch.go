package processing

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/fault"
)

// stitchVersion begins every served entity's hash. Increase it when the same input produces another output:
// entities of older versions are stitched again. Version 4 also stores repository, branch and own_hash.
const stitchVersion = 4

// stitchedAtOnce is the number of entities that one goroutine stitches before it takes others.
const stitchedAtOnce = 20

// maxOutdated bounds the entities of older versions whose stitching is requested at once.
const maxOutdated = 2000

// maxConflictsShown bounds the conflicts in a status. maxChildrenShown bounds the failed entities below a
// Location. Backstage only logs conflicts, in the same words.
const (
	maxConflictsShown = 20
	maxChildrenShown  = 20
)

// stitch stitches one batch of entities whose parts changed, and reports whether there was one. When the
// database rejects a batch, each entity is stitched alone, so that a bad one does not block the others.
func (e *Engine) stitch(ctx context.Context) (bool, error) {
	refs, err := e.stitchBatch(ctx, func(ctx context.Context, tx pgx.Tx) ([]string, error) {
		return e.queries.CatalogTakeStitches(ctx, tx, stitchSize, e.bursts.minAge().Seconds())
	})
	if err == nil && len(refs) == 0 {
		return e.bursts.wait(ctx), nil
	}
	if err == nil || !db.Refused(err) {
		return len(refs) > 0, err
	}
	for _, ref := range refs {
		if _, err := e.stitchBatch(ctx, e.takeStitch(ref)); err == nil {
			continue
		} else if !db.Refused(err) {
			return false, err
		} else if err := e.giveUp(ctx, ref, err); err != nil {
			return false, err
		}
	}
	return len(refs) > 0, nil
}

// takeStitch takes the request of one entity.
func (e *Engine) takeStitch(ref string) func(ctx context.Context, tx pgx.Tx) ([]string, error) {
	return func(ctx context.Context, tx pgx.Tx) ([]string, error) {
		return e.queries.CatalogTakeStitch(ctx, tx, ref)
	}
}

// RestitchOutdated requests the stitching of entities that an older version stitched, at most maxOutdated,
// and returns how many it requested. During an upgrade there can be new ones at any time, because engines of
// the older release still stitch. Entities that cannot be served are left out.
func (e *Engine) RestitchOutdated(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	requested, err := e.queries.CatalogRequestOutdatedStitches(ctx, db.PlanEach(e.pool), stitchVersion, maxOutdated)
	return int(requested), wrapped(err, "request stitches of what an older version stitched")
}

// stitchBatch stitches the entities whose requests it takes, and returns their references, also on an error.
func (e *Engine) stitchBatch(ctx context.Context, take func(ctx context.Context, tx pgx.Tx) ([]string, error)) (refs []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	var news []unserved
	err = Transact(ctx, e.pool, func(tx pgx.Tx) error {
		if refs, err = take(ctx, tx); err != nil {
			return fmt.Errorf("take stitch requests: %w", err)
		}
		if len(refs) == 0 {
			return nil
		}
		all, err := e.parts(ctx, tx, refs)
		if err != nil {
			return err
		}
		made, failed := e.stitchAll(all)
		if err := e.serve(ctx, tx, refs, made); err != nil {
			return err
		}
		if err := e.keepMissing(ctx, tx, refs); err != nil {
			return err
		}
		news, err = e.saveUnserved(ctx, tx, all, failed)
		return err
	})
	if err == nil {
		e.tellUnserved(ctx, news)
	}
	return refs, err
}

// giveUp records that an entity cannot be served, and deletes the stitch request.
func (e *Engine) giveUp(ctx context.Context, ref string, refused error) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	var news []unserved
	err := Transact(ctx, e.pool, func(tx pgx.Tx) error {
		if _, err := e.queries.CatalogTakeStitch(ctx, tx, ref); err != nil {
			return fmt.Errorf("take the stitch request of %s: %w", ref, err)
		}
		all, err := e.parts(ctx, tx, []string{ref})
		if err != nil {
			return err
		}
		news, err = e.saveUnserved(ctx, tx, all, []unserved{{ref, refused}})
		return err
	})
	if err == nil {
		e.tellUnserved(ctx, news)
	}
	return err
}

// unserved is an entity that cannot be stitched or stored, and the reason.
type unserved struct {
	ref string
	err error
}

// saveUnserved records which entities could not be served, and which could. It returns those that newly could
// not.
func (e *Engine) saveUnserved(ctx context.Context, tx pgx.Tx, all []parts, failed []unserved) (news []unserved, err error) {
	why := map[string]string{}
	for _, f := range failed {
		encoded, err := encodeErrors([]*entity.Error{failure(fault.Input, "%s cannot be served: %s", f.ref, f.err)})
		if err != nil {
			return nil, fmt.Errorf("why %s cannot be served: %w", f.ref, err)
		}
		why[f.ref] = encoded
	}
	var refs, reasons []string
	for _, p := range all {
		if reason, is := why[p.EntityRef]; is || p.Unserved != nil {
			refs, reasons = append(refs, p.EntityRef), append(reasons, reason)
		}
	}
	if len(refs) == 0 {
		return nil, nil
	}
	changed, err := e.queries.CatalogSaveUnserved(ctx, tx, refs, reasons)
	if err != nil {
		return nil, fmt.Errorf("note what cannot be served: %w", err)
	}
	parents, err := e.queries.CatalogParents(ctx, tx, changed)
	if err != nil {
		return nil, fmt.Errorf("find who brought what cannot be served: %w", err)
	}
	isChanged := setOf(changed)
	news = slices.DeleteFunc(failed, func(f unserved) bool { return !isChanged[f.ref] })
	return news, wrapped(e.state.requestStitches(ctx, tx, parents), "request stitches of parents")
}

func (e *Engine) tellUnserved(ctx context.Context, news []unserved) {
	for _, n := range news {
		attributes := []any{"entity", n.ref, "error", n.err}
		if panicked, is := errors.AsType[*panicError](n.err); is {
			attributes = append(attributes, "stack", string(panicked.stack))
		}
		e.log.WarnContext(ctx, "catalog: an entity cannot be served", attributes...)
	}
}

// parts are the inputs from which one entity is stitched.
type parts struct {
	db.CatalogStitchInputsRow
	relations []entity.Relation
	// conflicts are references that the entity, a Location, claimed and did not get.
	conflicts []db.CatalogConflictsByClaimantRow
	// children are the failed children of the entity, a Location.
	children []db.CatalogFailedChildrenRow
}

// parts reads the parts of those references that have been processed.
func (e *Engine) parts(ctx context.Context, tx pgx.Tx, refs []string) ([]parts, error) {
	inputs, err := e.queries.CatalogStitchInputs(ctx, tx, settling.Seconds(), refs)
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
	failed, err := e.queries.CatalogFailedChildren(ctx, tx, refs, maxChildrenShown+1)
	if err != nil {
		return nil, fmt.Errorf("read what is wrong with children: %w", err)
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
	for _, row := range failed {
		if p := byRef[row.ParentRef]; p != nil {
			p.children = append(p.children, row)
		}
	}
	return all, nil
}

// stitched is one served entity.
type stitched struct {
	id uuid.UUID
	// kind is in lower case, like ref.
	kind, ref, hash string
	// ownHash is the hash of the entity's own document, without what others say about it.
	ownHash  string
	document json.RawMessage
	rows     []entity.SearchRow
	// isNew means that the entity was not served before.
	isNew bool
	// changedBy is what made a new version, zero when this is the served version. replaces says that a new version
	// replaces a served one.
	changedBy Cause
	replaces  bool
	// repository and branch are those of the file, "" for any other location.
	repository, branch string
}

// stitchAll stitches entities, on all cores, and leaves out those whose served form is unchanged. An entity that
// fails keeps its served form.
func (e *Engine) stitchAll(all []parts) (made []stitched, failed []unserved) {
	results, failures := make([]stitched, len(all)), make([]error, len(all))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for begin := 0; begin < len(all); begin += stitchedAtOnce {
		group.Go(func() error {
			for i := begin; i < min(begin+stitchedAtOnce, len(all)); i++ {
				results[i], failures[i] = all[i].stitchSafely()
			}
			return nil
		})
	}
	_ = group.Wait() // what failed is in failures
	for i, p := range all {
		if failures[i] != nil {
			failed = append(failed, unserved{p.EntityRef, failures[i]})
		} else if results[i].hash != p.ServedHash {
			if results[i].kind != "location" { // a Location is at several places at once
				results[i].repository, results[i].branch = e.pipeline.RepositoryOf(p.LocationKey)
			}
			made = append(made, results[i])
		}
	}
	return made, failed
}

// stitchSafely is stitch with recovery: a panic fails the entity and not the process.
func (p parts) stitchSafely() (made stitched, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = &panicError{cause, debug.Stack()}
		}
	}()
	return p.stitch()
}

// panicError is a recovered panic. Its message has the cause only; the stack is for the log.
type panicError struct {
	cause any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("putting it together panicked: %v", e.cause) }

// stitch builds the served entity from the processed one, its relations, its errors and its identity.
func (p parts) stitch() (stitched, error) {
	e, order, err := entity.Decode(p.Processed)
	if err != nil {
		return stitched{}, fmt.Errorf("decode processed entity %s: %w", p.EntityRef, err)
	}
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
	rows := entity.SearchRows(e, p.relations)
	document, err := order.Marshal(e)
	if err != nil {
		return stitched{}, fmt.Errorf("encode %s: %w", p.EntityRef, err)
	}
	hash := fmt.Sprintf("%d:%s", stitchVersion, hashOf(document))
	made := stitched{id: p.EntityID, kind: strings.ToLower(e.Kind()), ref: p.EntityRef, hash: hash, ownHash: hashOf(p.Processed), document: document, rows: rows, isNew: p.IsNew}
	if p.isNewVersion(made) {
		made.changedBy, made.replaces = p.cause(made), p.ServedHash != ""
	}
	return made, nil
}

func outgoing(relations []entity.Relation) []any {
	shown := make([]any, len(relations))
	for i, relation := range relations {
		shown[i] = map[string]any{"type": relation.Type, "targetRef": relation.TargetRef}
	}
	return shown
}

// failures are the errors of the last processing, those of the children, and the conflicts. They are shown on
// the last valid content.
func (p parts) failures() ([]*entity.Error, error) {
	var failures []*entity.Error
	if len(p.Errors) > 0 {
		if err := json.Unmarshal(p.Errors, &failures); err != nil {
			return nil, fmt.Errorf("decode the errors of %s: %w", p.EntityRef, err)
		}
	}
	for i, child := range p.children {
		if i == maxChildrenShown {
			failures = append(failures, failure(fault.Input, "More entities of this location cannot be read than these %d", maxChildrenShown))
			break
		}
		failures = append(failures, childFailures(child)...)
	}
	for i, conflict := range p.conflicts {
		if i == maxConflictsShown {
			return append(failures, failure(fault.Conflict, "%d more entities are claimed by other locations already", len(p.conflicts)-i)), nil
		}
		failures = append(failures, conflictFailure(conflict))
	}
	return failures, nil
}

// childFailures are the errors of a child as its Location shows them: with name and position.
func childFailures(child db.CatalogFailedChildrenRow) []*entity.Error {
	location := ""
	if child.LocationKey != nil {
		location = *child.LocationKey
	}
	failures := slices.Concat(decodeErrors(child.Errors), decodeErrors(child.Unserved))
	for _, failure := range failures {
		failure.Message = fmt.Sprintf("%s %s: %s", child.EntityRef, position(location, lineOf(child.Line)), failure.Message)
	}
	return failures
}

// conflictFailure says that another location holds a reference. It includes the errors there if that entity
// never had a valid result.
func conflictFailure(conflict db.CatalogConflictsByClaimantRow) *entity.Error {
	shown := failure(fault.Conflict, "Detected conflicting entityRef %s already referenced by %s and now also %s; the first keeps it",
		conflict.EntityRef, conflict.HolderKey, conflict.ClaimantKey)
	if broken := decodeErrors(conflict.HolderErrors); len(broken) > 0 {
		shown.Message += ", though it cannot be read there: " + describe(broken[0])
	}
	return shown
}

// status returns the failures as Backstage's status items.
func status(failures []*entity.Error) map[string]any {
	items := make([]any, len(failures))
	for i, failure := range failures {
		items[i] = statusItem("backstage.io/catalog-processing", LevelError, failure)
	}
	return map[string]any{"items": items}
}

func statusItem(kind string, level Level, failure *entity.Error) map[string]any {
	return map[string]any{"type": kind, "level": level, "message": describe(failure), "error": failure}
}

// serve writes entities and their search rows, and deletes the requested references that no longer exist.
func (e *Engine) serve(ctx context.Context, tx pgx.Tx, asked []string, served []stitched) error {
	if err := e.queries.CatalogRemoveReplacedEntities(ctx, tx, Cause{Kind: CauseOrphan}.String(), asked); err != nil {
		return fmt.Errorf("remove replaced entities: %w", err)
	}
	if len(served) == 0 {
		return nil
	}
	if err := e.keepRevisions(ctx, tx, served); err != nil {
		return err
	}
	var entities db.CatalogSaveEntitiesParams
	var added []db.CatalogAddSearchRowsParams
	var replaced searchRows
	for _, one := range served {
		entities.EntityIds = append(entities.EntityIds, one.id)
		entities.Refs = append(entities.Refs, one.ref)
		entities.Hashes = append(entities.Hashes, one.hash)
		entities.Entities = append(entities.Entities, string(one.document))
		entities.OwnHashes = append(entities.OwnHashes, one.ownHash)
		entities.ChangedBy = append(entities.ChangedBy, one.changedBy.String())
		entities.Repositories, entities.Branches = append(entities.Repositories, one.repository), append(entities.Branches, one.branch)
		if one.isNew {
			added = append(added, one.searchRows()...)
		} else {
			replaced.add(one)
		}
	}
	if err := e.queries.CatalogSaveEntities(ctx, tx, entities); err != nil {
		return fmt.Errorf("save served entities: %w", err)
	}
	if err := e.addSearchRows(ctx, tx, added); err != nil {
		return err
	}
	if len(replaced.EntityIds) == 0 {
		return nil
	}
	return wrapped(e.queries.CatalogReplaceSearchRows(ctx, tx, db.CatalogReplaceSearchRowsParams(replaced)), "replace search rows")
}

// addSearchRows adds the search rows of new entities, in the order of the largest index of all: neighbours there are
// written together.
func (e *Engine) addSearchRows(ctx context.Context, tx pgx.Tx, rows []db.CatalogAddSearchRowsParams) error {
	if len(rows) == 0 {
		return nil
	}
	slices.SortFunc(rows, func(a, b db.CatalogAddSearchRowsParams) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(textOf(a.Value), textOf(b.Value)))
	})
	_, err := e.queries.CatalogAddSearchRows(ctx, tx, rows)
	return wrapped(err, "add search rows")
}

// searchRows are the search rows of an entity.
func (s stitched) searchRows() []db.CatalogAddSearchRowsParams {
	rows := make([]db.CatalogAddSearchRowsParams, len(s.rows))
	for i, row := range s.rows {
		rows[i] = db.CatalogAddSearchRowsParams{EntityID: s.id, Kind: s.kind, Key: textOf(&row.Key)}
		if row.Value != nil {
			rows[i].Value, rows[i].OriginalValue = new(textOf(row.Value)), new(textOf(row.OriginalValue))
		}
	}
	return rows
}

// searchRows are the search rows of some entities, as columns for a query.
type searchRows db.CatalogReplaceSearchRowsParams

func (s *searchRows) add(one stitched) {
	s.EntityIds = append(s.EntityIds, one.id)
	for _, row := range one.searchRows() {
		s.RowIds, s.Kinds, s.Keys = append(s.RowIds, row.EntityID), append(s.Kinds, row.Kind), append(s.Keys, row.Key)
		s.HasValues = append(s.HasValues, row.Value != nil)
		s.Values, s.Originals = append(s.Values, textOf(row.Value)), append(s.Originals, textOf(row.OriginalValue))
	}
}

// keepMissing keeps right which of the asked references are missing. Whatever changes that asks for a stitch of the
// reference: a relation to it, its first version, its removal.
func (e *Engine) keepMissing(ctx context.Context, tx pgx.Tx, asked []string) error {
	return wrapped(e.queries.CatalogKeepMissing(ctx, tx, asked), "note which entities are missing")
}

// textOf is a search value that Postgres accepts: without NUL characters.
func textOf(value *string) string {
	if value == nil {
		return ""
	}
	return strings.ReplaceAll(*value, "\x00", "\uFFFD")
}
