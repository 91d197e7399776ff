package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
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
		return nil, fault.New(fault.NotFound, "No entity named '%s' found, with kind '%s' in namespace '%s'", ref.Name, ref.Kind, ref.Namespace)
	}
	return document, nil
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

// EntitiesByRefs finds entities by their references, in any case: one document for each reference, in their order, nil where there is none.
func (s *Service) EntitiesByRefs(ctx context.Context, principal identity.Principal, refs []string, filter query.Filter, fields query.Fields) ([]json.RawMessage, error) {
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

// Entities hands the entities of a list to each, one by one, as they come from the database, and says where the next page begins (nil: this is
// the last). A document is good until each returns; an error of each ends the list and is returned.
func (s *Service) Entities(ctx context.Context, principal identity.Principal, q ListQuery, each func(json.RawMessage) error) (*query.After, error) {
	filter, readable, err := s.visible(ctx, principal, "", q.Filter)
	if err != nil || !readable {
		return nil, err
	}
	list := query.List{Filter: filter, Orders: q.Orders, ByRef: q.Paged}
	if q.Paged {
		list.Offset = q.Offset
		if q.Limit != nil {
			list.Limit = *q.Limit + 1 // one more tells whether there is a next page
		}
	}
	rows, err := s.query(ctx, list.Select())
	if err != nil {
		return nil, fmt.Errorf("list entities: %w", err)
	}
	defer rows.Close()
	for handed := 0; rows.Next(); handed++ {
		if q.Paged && q.Limit != nil && handed == *q.Limit {
			next := q.Offset + *q.Limit
			return &query.After{Limit: q.Limit, Offset: &next}, nil
		}
		document, err := q.Fields.Project(rows.RawValues()[0])
		if err != nil {
			return nil, err
		}
		if err := each(document); err != nil {
			return nil, err
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list entities: %w", err)
	}
	return nil, nil //nolint:nilnil // nil says that this was the last page
}

// EntityQuery asks for a page of entities by cursor. The zero cursor with its filter, order and text is the first page.
type EntityQuery struct {
	Cursor query.Cursor
	// Offset skips entities of the first page's set.
	Offset, Limit int
	Fields        query.Fields
	// SkipTotal leaves TotalItems at 0: counting is not free.
	SkipTotal bool
}

// EntityPage is a page of entities, and the cursors of the pages around it, "" where there is none.
type EntityPage struct {
	Items      []json.RawMessage
	TotalItems int
	Next, Prev string
}

// QueryEntities finds a page of entities.
func (s *Service) QueryEntities(ctx context.Context, principal identity.Principal, q EntityQuery) (EntityPage, error) {
	page, err := q.Cursor.Page(q.Limit)
	if err != nil {
		return EntityPage{}, err
	}
	filter, readable, err := s.visible(ctx, principal, "", page.Filter)
	if err != nil || !readable {
		return EntityPage{}, err
	}
	page.Filter, page.Offset = filter, q.Offset

	answer := EntityPage{}
	cursor := q.Cursor
	if !q.SkipTotal {
		if cursor.TotalItems == nil {
			total, err := s.count(ctx, page)
			if err != nil {
				return EntityPage{}, err
			}
			cursor.TotalItems = &total
		}
		answer.TotalItems = *cursor.TotalItems
	}
	if q.Limit == 0 {
		return answer, nil
	}
	found, err := s.page(ctx, page, q.Fields)
	if err != nil || len(found.items) == 0 {
		return answer, err
	}
	answer.Items = found.items
	answer.Next, answer.Prev, err = found.cursors(cursor)
	return answer, err
}

func (s *Service) count(ctx context.Context, page query.Page) (int, error) {
	total, err := ask(ctx, s, page.Count(), pgx.RowTo[int])
	if err != nil {
		return 0, fmt.Errorf("count entities: %w", err)
	}
	return total, nil
}

// foundPage is a page with the places of its first and last item.
type foundPage struct {
	items       []json.RawMessage
	first, last []string
	// more says that there are items after it.
	more bool
}

// page reads the rows of a page. One row more than asked for tells, forwards, whether there is a next page; backwards there always is.
func (s *Service) page(ctx context.Context, page query.Page, fields query.Fields) (foundPage, error) {
	limit := page.Limit
	if !page.Backwards {
		page.Limit++
	}
	rows, err := s.query(ctx, page.Select())
	if err != nil {
		return foundPage{}, fmt.Errorf("query entities: %w", err)
	}
	found := foundPage{more: page.Backwards}
	var places [][]string
	var id uuid.UUID
	var value *string
	var document []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &value, &document}, func() error {
		if len(found.items) == limit {
			found.more = true
			return nil
		}
		projected, err := fields.Project(document)
		document = nil
		found.items, places = append(found.items, projected), append(places, place(value, id))
		return err
	})
	if err != nil {
		return foundPage{}, fmt.Errorf("query entities: %w", err)
	}
	if page.Backwards {
		slices.Reverse(found.items)
		slices.Reverse(places)
	}
	if len(places) > 0 {
		found.first, found.last = places[0], places[len(places)-1]
	}
	return found, nil
}

func place(value *string, id uuid.UUID) []string {
	if value == nil {
		return []string{id.String()}
	}
	return []string{*value, id.String()}
}

// cursors are those of the pages after and before this one, which was found at cursor.
func (p foundPage) cursors(cursor query.Cursor) (next, prev string, err error) {
	isFirstRequest := len(cursor.FirstSortFieldValues) == 0
	if isFirstRequest {
		cursor.FirstSortFieldValues = p.first
	}
	if p.more {
		forward := cursor
		forward.OrderFieldValues, forward.IsPrevious = p.last, false
		if next, err = forward.Encode(); err != nil {
			return "", "", err
		}
	}
	if !isFirstRequest && strings.Join(p.first, "\x00") != strings.Join(cursor.FirstSortFieldValues, "\x00") {
		backward := cursor
		backward.OrderFieldValues, backward.IsPrevious = p.first, true
		prev, err = backward.Encode()
	}
	return next, prev, err
}

// FacetValue is one value of a facet and how many entities have it.
type FacetValue struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}

// Facets counts the values of each key among the entities that pass the filter. The answer has every key, spelled as asked.
func (s *Service) Facets(ctx context.Context, principal identity.Principal, keys []string, asked query.Filter) (map[string][]FacetValue, error) {
	facets := make(map[string][]FacetValue, len(keys))
	for _, key := range keys {
		facets[key] = []FacetValue{}
	}
	filter, readable, err := s.visible(ctx, principal, "", asked)
	if err != nil || !readable {
		return facets, err
	}
	rows, err := s.query(ctx, query.Facets(keys, filter))
	if err != nil {
		return nil, fmt.Errorf("facets: %w", err)
	}
	counted := map[string][]FacetValue{}
	var key string
	var value FacetValue
	_, err = pgx.ForEachRow(rows, []any{&key, &value.Value, &value.Count}, func() error {
		counted[key] = append(counted[key], value)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("facets: %w", err)
	}
	for _, key := range keys {
		if values := counted[strings.ToLower(key)]; values != nil {
			facets[key] = values
		}
	}
	return facets, nil
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

// Ancestor is an entity on the way from a location to another entity, with the references of those that brought it.
type Ancestor struct {
	Entity           json.RawMessage `json:"entity"`
	ParentEntityRefs []string        `json:"parentEntityRefs"`
}

// Ancestry lists an entity and everything that led to it, the entity first. A root that may not be read is refused; ancestors
// that may not be read are left out.
func (s *Service) Ancestry(ctx context.Context, principal identity.Principal, ref entity.Ref) ([]Ancestor, error) {
	root := ref.String()
	if err := s.authorize(ctx, principal, policy.CatalogEntityRead, root); err != nil {
		return nil, err
	}
	edges, err := s.queries.CatalogAncestry(ctx, s.pool, root)
	if err != nil {
		return nil, fmt.Errorf("ancestry of %s: %w", root, err)
	}
	order := []string{root}
	parents := map[string][]string{root: {}}
	for _, edge := range edges {
		parents[edge.TargetRef] = append(parents[edge.TargetRef], edge.ParentRef)
		if _, seen := parents[edge.ParentRef]; !seen {
			parents[edge.ParentRef] = []string{}
			order = append(order, edge.ParentRef)
		}
	}
	found, err := s.documents(ctx, principal, order, nil)
	if err != nil {
		return nil, err
	}
	if found[root] == nil {
		return nil, fault.New(fault.NotFound, "No such entity %s", root)
	}
	var ancestors []Ancestor
	for _, ref := range order {
		if document, there := found[ref]; there {
			ancestors = append(ancestors, Ancestor{Entity: document, ParentEntityRefs: parents[ref]})
		}
	}
	return ancestors, nil
}
