package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/policy"
)

// EntityByRef finds one entity. One that is not there, or not to be seen, is a fault of kind NotFound.
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

// EntityJSON finds one entity as it is served, with its author's order of keys. Errors are EntityByRef's.
func (s *Service) EntityJSON(ctx context.Context, principal identity.Principal, ref entity.Ref) (json.RawMessage, error) {
	found, err := s.documents(ctx, principal, []string{ref.String()}, nil)
	if err != nil {
		return nil, err
	}
	document, there := found[ref.String()]
	if !there {
		return nil, noEntity(ref)
	}
	return document, nil
}

// LocatedEntity is EntityJSON, with the place that the entity was read from. That is the catalog's own record: what the
// entity says of it is for people.
func (s *Service) LocatedEntity(ctx context.Context, principal identity.Principal, ref entity.Ref) (json.RawMessage, provenance.Place, error) {
	filter, readable, err := s.visible(ctx, principal, ref.String(), nil)
	if err != nil {
		return nil, provenance.Place{}, err
	}
	if !readable {
		return nil, provenance.Place{}, noEntity(ref)
	}
	found, err := ask(ctx, s, query.ByRefWithLocation(ref.String(), filter), pgx.RowToStructByPos[struct {
		Document []byte
		Location string
	}])
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, provenance.Place{}, noEntity(ref)
	}
	if err != nil {
		return nil, provenance.Place{}, fmt.Errorf("entity %s: %w", ref, err)
	}
	return found.Document, provenance.Recorded(found.Location), nil
}

func noEntity(ref entity.Ref) error {
	return fault.New(fault.NotFound, "No entity named '%s' found, with kind '%s' in namespace '%s'", ref.Name, ref.Kind, ref.Namespace)
}

// EntityByUID finds one entity by the identity that the catalog gave it. Errors are EntityByRef's.
func (s *Service) EntityByUID(ctx context.Context, principal identity.Principal, uid string) (json.RawMessage, error) {
	missing := fault.New(fault.NotFound, "No entity with uid %s", uid)
	id, err := uuid.Parse(uid)
	if err != nil {
		return nil, missing
	}
	filter, readable, err := s.visible(ctx, principal, "", nil)
	if err != nil {
		return nil, err
	}
	if !readable {
		return nil, missing
	}
	document, err := ask(ctx, s, query.ByUID(id, filter), pgx.RowTo[[]byte])
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, missing
	}
	if err != nil {
		return nil, fmt.Errorf("entity %s: %w", uid, err)
	}
	return document, nil
}

// EntitiesByRefs finds entities by their references, in any case: one document for each reference, in their order, nil
// where there is none.
func (s *Service) EntitiesByRefs(ctx context.Context, principal identity.Principal, refs []string, filter query.Filter, fields query.Fields) ([]json.RawMessage, error) {
	if err := query.CheckRefs(len(refs)); err != nil {
		return nil, err
	}
	found, err := s.documents(ctx, principal, refs, filter)
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

// documents finds entities by their references, under the references in lower case.
func (s *Service) documents(ctx context.Context, principal identity.Principal, refs []string, asked query.Filter) (map[string]json.RawMessage, error) {
	resource := ""
	if len(refs) == 1 {
		resource = refs[0]
	}
	filter, readable, err := s.visible(ctx, principal, resource, asked)
	if err != nil || !readable {
		return nil, err
	}
	rows, err := s.query(ctx, query.ByRefs(refs, filter))
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

// ListQuery asks for entities by offset.
type ListQuery struct {
	Filter query.Filter
	Orders []query.Order
	Fields query.Fields
	// Paged says that Offset and Limit count; otherwise all entities are asked for.
	Paged bool
	// Limit of nil is no limit.
	Limit  *int
	Offset int
}

// Entities finds a list of entities.
func (s *Service) Entities(ctx context.Context, principal identity.Principal, q ListQuery) (*EntityList, error) {
	found := &EntityList{service: s, fields: q.Fields}
	if err := query.CheckOrders(len(q.Orders)); err != nil {
		return found, err
	}
	filter, readable, err := s.visible(ctx, principal, "", q.Filter)
	if err != nil || !readable {
		return found, err
	}
	list := query.List{Filter: filter, Orders: q.Orders, ByRef: q.Paged}
	if !q.Paged {
		return found, found.find(ctx, list)
	}
	list.Offset = q.Offset
	if q.Limit == nil {
		return found, found.find(ctx, list)
	}
	list.Limit = *q.Limit + 1 // one more tells whether there is a next page
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

// DeleteEntity removes an entity by its uid; one that does not exist is removed already. What brought it is read again.
func (s *Service) DeleteEntity(ctx context.Context, principal identity.Principal, uid string) error {
	if err := s.authorize(ctx, principal, policy.CatalogEntityDelete, uid); err != nil {
		return err
	}
	id, err := uuid.Parse(uid)
	if err != nil {
		return nil //nolint:nilerr // no entity has such a uid
	}
	return s.transact(ctx, func(tx pgx.Tx) error { return s.state.RemoveByUID(ctx, tx, id) })
}

// Refresh has an entity, and the locations that led to it, read again soon.
func (s *Service) Refresh(ctx context.Context, principal identity.Principal, ref string) error {
	if err := s.authorize(ctx, principal, policy.CatalogEntityRefresh, ref); err != nil {
		return err
	}
	missing := fault.New(fault.NotFound, "Entity %s not found", ref)
	parsed, err := entity.ParseRef(ref, entity.Ref{})
	if err != nil {
		return missing // what is no reference points at nothing
	}
	found := false
	err = s.transact(ctx, func(tx pgx.Tx) error {
		found, err = s.state.Refresh(ctx, tx, parsed.String())
		return err
	})
	if err == nil && !found {
		return missing
	}
	return err
}
