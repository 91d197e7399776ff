package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/policy"
)

// EntityByRef finds one entity. An entity that does not exist, or that the principal may not read, is a fault
// of kind NotFound.
func (s *Service) EntityByRef(ctx context.Context, principal identity.Principal, ref entity.Ref) (entity.Entity, error) {
	document, err := s.EntityJSON(ctx, principal, ref)
	if err != nil {
		return nil, err
	}
	var e entity.Entity
	if err := json.Unmarshal(document, &e); err != nil {
		return nil, fmt.Errorf("decode entity %s: %w", ref, err)
	}
	return e, nil
}

// EntityJSON finds one entity as it is served, with the author's order of keys. Its errors are those of
// EntityByRef.
func (s *Service) EntityJSON(ctx context.Context, principal identity.Principal, ref entity.Ref) (json.RawMessage, error) {
	readable, err := s.readable(ctx, principal)
	if err != nil {
		return nil, err
	}
	document, err := s.document(ctx, query.ByRef(readable, ref.String()))
	if err != nil {
		return nil, fmt.Errorf("entity %s: %w", ref, err)
	}
	if document == nil {
		return nil, s.unseen(ctx, readable, query.ByRef(query.Rules.Everything(), ref.String()), ref.String(), noEntity(ref))
	}
	return document, nil
}

// document returns the document that a statement finds by a unique key, or has it from the same question at the same
// revision. Nil is none.
func (s *Service) document(ctx context.Context, statement query.Statement) (json.RawMessage, error) {
	revision, err := s.revision(ctx)
	if err != nil {
		return nil, err
	}
	q := question{revision: revision, statement: statement}
	return answered(ctx, s, q, func(found json.RawMessage) int { return len(found) }, func(ctx context.Context) (json.RawMessage, error) {
		found, err := queryByKey(ctx, s, statement, pgx.RowTo[[]byte])
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, nil
		}
		return found, err
	})
}

// LocatedEntity is EntityJSON with the location from which the entity was read. The location comes from the
// catalog's own record, because the author of an entity can write anything into its annotations.
func (s *Service) LocatedEntity(ctx context.Context, principal identity.Principal, ref entity.Ref) (json.RawMessage, provenance.Place, error) {
	readable, err := s.readable(ctx, principal)
	if err != nil {
		return nil, provenance.Place{}, err
	}
	found, err := queryByKey(ctx, s, query.ByRefWithLocation(readable, ref.String()), pgx.RowToStructByPos[struct {
		Document []byte
		Location string
	}])
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, provenance.Place{}, s.unseen(ctx, readable, query.ByRef(query.Rules.Everything(), ref.String()), ref.String(), noEntity(ref))
	}
	if err != nil {
		return nil, provenance.Place{}, fmt.Errorf("entity %s: %w", ref, err)
	}
	return found.Document, provenance.Recorded(found.Location), nil
}

// unseen is the fault of an entity that was not found among those that the principal may read: a denial, if
// there is one. Whether there is one is asked in any case, so that the time of the answer does not tell.
func (s *Service) unseen(ctx context.Context, readable query.Grant, anybodys query.Statement, name string, missing error) error {
	switch {
	case readable.IsEverything():
		return missing
	case readable.IsNothing():
		return readable.Hide(name, missing)
	}
	_, err := queryByKey(ctx, s, anybodys, func(pgx.CollectableRow) (struct{}, error) { return struct{}{}, nil })
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return missing
	case err != nil:
		return fmt.Errorf("whether there is an entity %s: %w", name, err)
	}
	return readable.Hide(name, missing)
}

func noEntity(ref entity.Ref) error {
	return fault.New(fault.NotFound, "No entity named '%s' found, with kind '%s' in namespace '%s'", ref.Name, ref.Kind, ref.Namespace)
}

// EntityByUID finds one entity by the uid that the catalog gave it. Its errors are those of EntityByRef.
func (s *Service) EntityByUID(ctx context.Context, principal identity.Principal, uid string) (json.RawMessage, error) {
	missing := fault.New(fault.NotFound, "No entity with uid %s", uid)
	id, err := uuid.Parse(uid)
	if err != nil {
		return nil, missing
	}
	readable, err := s.readable(ctx, principal)
	if err != nil {
		return nil, err
	}
	document, err := s.document(ctx, query.ByUID(readable, id))
	if err != nil {
		return nil, fmt.Errorf("entity %s: %w", uid, err)
	}
	if document == nil {
		return nil, s.unseen(ctx, readable, query.ByUID(query.Rules.Everything(), id), uid, missing)
	}
	return document, nil
}

// EntitiesByRefs finds entities by their references, ignoring case. It returns one document for each
// reference, in their order, and nil where none is found.
func (s *Service) EntitiesByRefs(ctx context.Context, principal identity.Principal, refs []string, filter query.Filter, fields query.Fields) ([]json.RawMessage, error) {
	if err := query.CheckRefs(len(refs)); err != nil {
		return nil, err
	}
	readable, err := s.readable(ctx, principal)
	if err != nil {
		return nil, err
	}
	found, err := s.documents(ctx, readable, refs, filter)
	if err != nil {
		return nil, err
	}
	documents := make([]json.RawMessage, len(refs))
	for i, ref := range refs {
		document, there := found[strings.ToLower(ref)]
		if !there {
			continue
		}
		if documents[i], err = fields.Project(document); err != nil {
			return nil, fmt.Errorf("entity %s: %w", ref, err)
		}
	}
	return documents, nil
}

// documents finds entities by their references and returns them by reference in lower case.
func (s *Service) documents(ctx context.Context, readable query.Grant, refs []string, asked query.Filter) (map[string]json.RawMessage, error) {
	rows, err := s.query(ctx, query.ByRefs(readable, refs, asked))
	if err != nil {
		return nil, fmt.Errorf("entities by reference: %w", err)
	}
	found := make(map[string]json.RawMessage, len(refs))
	var ref string
	var document []byte
	_, err = pgx.ForEachRow(rows, []any{&ref, &document}, func() error {
		found[ref] = document
		document = nil
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("entities by reference: %w", err)
	}
	return found, nil
}

// ListQuery selects entities by offset.
type ListQuery struct {
	Filter query.Filter
	Orders []query.Order
	Fields query.Fields
	// Paged enables Offset and Limit. Without it, all entities are returned.
	Paged bool
	// A nil Limit is no limit.
	Limit  *int
	Offset int
}

// Entities returns a list of entities.
func (s *Service) Entities(ctx context.Context, principal identity.Principal, q ListQuery) (*EntityList, error) {
	found := &EntityList{service: s, fields: q.Fields}
	if err := query.CheckOrders(len(q.Orders)); err != nil {
		return found, err
	}
	var err error
	if found.readable, err = s.readable(ctx, principal); err != nil || found.readable.IsNothing() {
		return found, err
	}
	list := query.List{Filter: q.Filter, Orders: q.Orders, ByRef: q.Paged}
	if !q.Paged {
		return found, found.find(ctx, list)
	}
	list.Offset = q.Offset
	if q.Limit == nil {
		return found, found.find(ctx, list)
	}
	list.Limit = *q.Limit + 1 // one more shows whether there is a next page
	if *q.Limit <= readAtOnce {
		err = found.read(ctx, list)
	} else {
		err = found.find(ctx, list)
	}
	if found.cut(*q.Limit) {
		next := q.Offset + *q.Limit
		found.Next = &query.After{Limit: q.Limit, Offset: &next}
	}
	return found, err
}

// EachOfKind calls hand with every entity of a kind that the principal may read.
func (s *Service) EachOfKind(ctx context.Context, principal identity.Principal, kind string, hand func(json.RawMessage) error) error {
	list, err := s.Entities(ctx, principal, ListQuery{Filter: query.Match{Key: "kind", Values: []string{kind}}})
	if err != nil {
		return err
	}
	return list.Each(ctx, hand)
}

// DeleteEntity removes an entity by its uid. Deleting one that does not exist succeeds. The parents of the
// entity are read again. A principal that may delete only some entities is refused all others, including
// those that do not exist.
func (s *Service) DeleteEntity(ctx context.Context, principal identity.Principal, uid string) error {
	deletable, err := s.granted(ctx, principal, policy.CatalogEntityDelete)
	if err != nil {
		return err
	}
	id, malformed := uuid.Parse(uid)
	return s.transact(ctx, func(tx pgx.Tx) error {
		if err := s.check(ctx, tx, deletable, query.ByUID(query.Rules.Everything(), id), uid); err != nil || malformed != nil {
			return err // no entity has a malformed uid
		}
		return s.remove(ctx, tx, principal, id)
	})
}

// remove removes an entity, if it exists.
func (s *Service) remove(ctx context.Context, tx pgx.Tx, principal identity.Principal, uid uuid.UUID) error {
	ref, err := s.state.RemoveByUID(requested(ctx, principal), tx, uid)
	if err != nil || ref == "" {
		return err
	}
	return audit.Record(ctx, tx, principal.Actor(), audit.EntityDelete, ref, audit.Changed("metadata.uid", uid, nil))
}

// check refuses an entity that a grant does not cover; the statement finds its document. Under conditions, an
// entity that does not exist is refused too, so that the answer does not reveal whether it exists.
func (s *Service) check(ctx context.Context, tx pgx.Tx, granted query.Grant, statement query.Statement, name string) error {
	if _, conditional := granted.Filter(); !conditional {
		return granted.Check(nil, name)
	}
	rows, err := tx.Query(ctx, statement.SQL, statement.Args...)
	if err != nil {
		return fmt.Errorf("entity %s: %w", name, err)
	}
	e, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[entity.Entity])
	if errors.Is(err, pgx.ErrNoRows) {
		return granted.Refusal(name)
	}
	if err != nil {
		return fmt.Errorf("entity %s: %w", name, err)
	}
	return granted.Check(e, name)
}

// Refresh schedules an entity, and the locations above it, to be read again soon. It refuses as DeleteEntity
// does.
func (s *Service) Refresh(ctx context.Context, principal identity.Principal, ref string) error {
	refreshable, err := s.granted(ctx, principal, policy.CatalogEntityRefresh)
	if err != nil {
		return err
	}
	missing := fault.New(fault.NotFound, "Entity %s not found", ref)
	parsed, malformed := entity.ParseRef(ref, entity.Ref{})
	found := false
	err = s.transact(ctx, func(tx pgx.Tx) error {
		document := query.ByRef(query.Rules.Everything(), parsed.String())
		if err := s.check(ctx, tx, refreshable, document, ref); err != nil || malformed != nil {
			return err // a malformed reference refers to nothing
		}
		if found, err = s.state.Refresh(requested(ctx, principal), tx, parsed.String()); err != nil || !found {
			return err
		}
		return audit.Record(ctx, tx, principal.Actor(), audit.EntityRefresh, parsed.String())
	})
	if err == nil && !found {
		return missing
	}
	return err
}

// MayRefresh returns nil when the principal may have an entity read again, and refuses as Refresh does.
func (s *Service) MayRefresh(ctx context.Context, principal identity.Principal, ref entity.Ref) error {
	refreshable, err := s.granted(ctx, principal, policy.CatalogEntityRefresh)
	if err != nil {
		return err
	}
	return s.transact(ctx, func(tx pgx.Tx) error {
		return s.check(ctx, tx, refreshable, query.ByRef(query.Rules.Everything(), ref.String()), ref.String())
	})
}

// MatchingEntities reports for each reference, ignoring case, whether there is an entity that the principal
// may read and that meets the criteria, which are conditions over query.Rules.
func (s *Service) MatchingEntities(ctx context.Context, principal identity.Principal, criteria policy.Criteria, refs []string) ([]bool, error) {
	readable, err := s.readable(ctx, principal)
	if err != nil {
		return nil, err
	}
	if err := query.CheckRefs(len(refs)); err != nil {
		return nil, err
	}
	filter, err := query.Rules.Filter(criteria)
	if err != nil {
		return nil, err
	}
	found, err := s.documents(ctx, readable, refs, filter)
	if err != nil {
		return nil, err
	}
	matching := make([]bool, len(refs))
	for i, ref := range refs {
		_, matching[i] = found[strings.ToLower(ref)]
	}
	return matching, nil
}
