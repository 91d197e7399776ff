package catalog

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
)

// Ancestor is an entity on the path from a location to another entity. It lists the references of its
// parents.
type Ancestor struct {
	Entity           json.RawMessage `json:"entity"`
	ParentEntityRefs []string        `json:"parentEntityRefs"`
}

// Ancestry lists an entity and all its ancestors, the entity first. A root that the principal may not read is
// refused. Under conditions, a root that does not exist is refused too. Ancestors that the principal may not
// read are left out.
func (s *Service) Ancestry(ctx context.Context, principal identity.Principal, ref entity.Ref) ([]Ancestor, error) {
	root := ref.String()
	readable, err := s.readable(ctx, principal)
	if err != nil {
		return nil, err
	}
	if readable.IsNothing() {
		return nil, readable.Refusal(root)
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
	found, err := s.documents(ctx, readable, order, nil)
	if err != nil {
		return nil, err
	}
	if _, conditional := readable.Filter(); conditional && found[root] == nil {
		return nil, readable.Refusal(root)
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
