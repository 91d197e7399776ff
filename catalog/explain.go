package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// Explanation says why an entity is as it is.
type Explanation struct {
	EntityRef string
	// Location is the file that claims the entity, type:target, and Line where it begins there, 0 when that is not known.
	Location string
	Line     int
	// Path leads from the source to the entity's own Location, and is empty when a source emits the entity itself.
	// Locations that the principal may not read are left out.
	Path []Origin
	// Sources emit the first of the path, or the entity itself: config, locations, or the name of another source.
	Sources []string
	// ChangedAt is when the entity became what it is, and ChangedBy what made it so.
	ChangedAt time.Time
	ChangedBy processing.Cause
	Version   int
	// SeenAt is when the entity was last found at its place, zero when that is not known. DueAt is when it is looked for
	// again.
	SeenAt, DueAt time.Time
	// Errors are those of the last processing, of which the entity keeps what was valid before.
	Errors    []Problem
	Conflicts []Conflict
	// Missing are the relations that lead to no entity that the principal may read. There may be more than these.
	Missing []entity.Relation
	// Owner says whether somebody owns the entity.
	Owner Ownership
}

// Origin is a Location on the path to an entity.
type Origin struct {
	EntityRef string
	// Location is the file that the Location is from, or its own target when a source emits it.
	Location string
	Line     int
	// SeenAt is when its targets were last read without an error, zero when they never were. DueAt is when they are read
	// again.
	SeenAt, DueAt time.Time
}

// Problem is an error with its place.
type Problem struct {
	Name, Message string
	// Location is the file, type:target. Line is 0 when it is not known.
	Location string
	Line     int
}

// Ownership says whether an entity has an owner.
type Ownership string

const (
	// Owned means that there is an owner.
	Owned Ownership = "owned"
	// OwnerMissing means that the owner that is named is no entity that the principal may read.
	OwnerMissing Ownership = "missing"
	// Unowned means that an entity of this kind should have an owner and names none.
	Unowned Ownership = "none"
	// OwnerUnneeded means that entities of this kind need no owner.
	OwnerUnneeded Ownership = "unneeded"
)

// ownedKinds are the kinds that should have an owner, in lower case.
var ownedKinds = []string{"api", "component", "domain", "resource", "system", "template"}

// relationOwnedBy is the type of the relation from an entity to its owner.
const relationOwnedBy = "ownedBy"

// maxExplained bounds each list of an explanation.
const maxExplained = 100

// Explain says where an entity is from, what changed it last, and what is wrong with it. Its errors are those of
// EntityByRef.
func (s *Service) Explain(ctx context.Context, principal identity.Principal, ref entity.Ref) (Explanation, error) {
	readable, err := s.readable(ctx, principal)
	if err != nil {
		return Explanation{}, err
	}
	document, err := s.EntityJSON(ctx, principal, ref)
	if err != nil {
		return Explanation{}, err
	}
	row, err := s.queries.CatalogExplanation(ctx, s.pool, ref.String())
	if errors.Is(err, pgx.ErrNoRows) {
		return Explanation{}, noEntity(ref) // it was removed since
	}
	if err != nil {
		return Explanation{}, fmt.Errorf("explain %s: %w", ref, err)
	}
	explained := Explanation{EntityRef: ref.String(), Location: row.LocationKey, Line: intOf(row.Line), ChangedBy: processing.ParseCause(row.ChangedBy),
		Version: int(row.Version), ChangedAt: timeOf(row.UpdatedAt), SeenAt: timeOf(row.ReadAt), DueAt: row.NextUpdateAt}
	for _, e := range processing.StoredErrors(row.Errors, row.Unserved) {
		explained.Errors = append(explained.Errors, problemOf(e, row.LocationKey, intOf(row.Line)))
	}
	steps := []func(context.Context, query.Grant, *Explanation) error{s.explainOrigin, s.explainConflicts, s.explainRelations}
	for _, step := range steps {
		if err := step(ctx, readable, &explained); err != nil {
			return Explanation{}, fmt.Errorf("explain %s: %w", ref, err)
		}
	}
	var e entity.Entity
	if err := json.Unmarshal(document, &e); err != nil {
		return Explanation{}, fmt.Errorf("decode entity %s: %w", ref, err)
	}
	explained.Owner = ownership(e, explained.Missing)
	return explained, nil
}

func intOf(stored *int32) int {
	if stored == nil {
		return 0
	}
	return int(*stored)
}

func timeOf(stored *time.Time) time.Time {
	if stored == nil {
		return time.Time{}
	}
	return *stored
}

// problemOf is an error with its place, which is that of its entity unless it has its own.
func problemOf(e *entity.Error, location string, line int) Problem {
	if e.Location != "" {
		location, line = e.Location, e.Line
	}
	return Problem{Name: e.Name, Message: e.Message, Location: location, Line: line}
}

// explainOrigin follows the shortest path from the entity to a source.
func (s *Service) explainOrigin(ctx context.Context, readable query.Grant, explained *Explanation) error {
	edges, err := s.queries.CatalogAncestry(ctx, s.pool, explained.EntityRef)
	if err != nil {
		return fmt.Errorf("ancestry: %w", err)
	}
	path := pathOf(explained.EntityRef, edges)
	rows, err := s.queries.CatalogPlacesOf(ctx, s.pool, path)
	if err != nil {
		return fmt.Errorf("places of its Locations: %w", err)
	}
	shown, err := s.documents(ctx, readable, slices.Clone(path), nil)
	if err != nil {
		return err
	}
	places := make(map[string]db.CatalogPlacesOfRow, len(rows))
	for _, row := range rows {
		places[row.EntityRef] = row
	}
	explained.Sources = places[path[len(path)-1]].Sources
	if len(path) > 1 { // whoever reads its Location finds it
		explained.SeenAt, explained.DueAt = timeOf(places[path[1]].ReadAt), places[path[1]].NextUpdateAt
	}
	for _, ref := range slices.Backward(path[1:]) {
		if row, there := places[ref]; there && shown[ref] != nil {
			explained.Path = append(explained.Path, Origin{EntityRef: ref, Location: row.LocationKey, Line: intOf(row.Line), SeenAt: timeOf(row.ReadAt), DueAt: row.NextUpdateAt})
		}
	}
	return nil
}

// pathOf is the shortest path from an entity to one without parents, by edges that are sorted by their distance from it.
func pathOf(ref string, edges []db.CatalogAncestryRow) []string {
	path, seen := []string{ref}, map[string]bool{ref: true}
	for {
		i := slices.IndexFunc(edges, func(e db.CatalogAncestryRow) bool { return e.TargetRef == path[len(path)-1] && !seen[e.ParentRef] })
		if i < 0 {
			return path
		}
		path = append(path, edges[i].ParentRef)
		seen[edges[i].ParentRef] = true
	}
}

func (s *Service) explainConflicts(ctx context.Context, _ query.Grant, explained *Explanation) error {
	rows, err := s.queries.CatalogConflictsOf(ctx, s.pool, explained.EntityRef, maxExplained)
	if err != nil {
		return fmt.Errorf("conflicts: %w", err)
	}
	explained.Conflicts = s.conflictsOf(rows)
	return nil
}

// explainRelations finds the relations that lead to nothing.
func (s *Service) explainRelations(ctx context.Context, readable query.Grant, explained *Explanation) error {
	rows, err := s.query(ctx, query.MissingTargets(readable, explained.EntityRef, maxExplained))
	if err != nil {
		return fmt.Errorf("relations that lead to nothing: %w", err)
	}
	explained.Missing, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (relation entity.Relation, err error) {
		relation.SourceRef = explained.EntityRef
		return relation, row.Scan(&relation.Type, &relation.TargetRef)
	})
	if err != nil {
		return fmt.Errorf("relations that lead to nothing: %w", err)
	}
	return nil
}

// ownership says whether an entity has an owner that is not among the missing entities.
func ownership(e entity.Entity, missing []entity.Relation) Ownership {
	owners := 0
	for _, relation := range entity.ServedRelations(e) {
		if relation.Type == relationOwnedBy {
			owners++
		}
	}
	lost := 0
	for _, relation := range missing {
		if relation.Type == relationOwnedBy {
			lost++
		}
	}
	switch {
	case owners > lost:
		return Owned
	case owners > 0:
		return OwnerMissing
	case slices.Contains(ownedKinds, e.Ref().Kind):
		return Unowned
	default:
		return OwnerUnneeded
	}
}

// ResolveConflict gives an entity to the location that claims it too. See processing.State.GiveTo.
func (s *Service) ResolveConflict(ctx context.Context, principal identity.Principal, ref entity.Ref, claimant string) error {
	if err := s.require(ctx, principal, policy.CatalogIngestionManage, ref.String()); err != nil {
		return err
	}
	if err := s.writable(); err != nil {
		return err
	}
	ctx = requested(ctx, principal)
	return s.transact(ctx, func(tx pgx.Tx) error {
		holder, err := s.state.GiveTo(ctx, tx, ref.String(), claimant)
		if err != nil {
			return err
		}
		return audit.Record(ctx, tx, principal.Actor(), audit.ConflictResolve, ref.String(), audit.Changed("location", withoutSecrets(holder), withoutSecrets(claimant)))
	})
}

// withoutSecrets is a location reference for people.
func withoutSecrets(location string) string {
	spec, err := entity.ParseLocationRef(location)
	if err != nil {
		return location
	}
	return spec.WithoutSecrets()
}
