package catalog

import (
	"context"
	"fmt"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

const (
	// MaxGroupDepth bounds the levels of parent groups that GroupsOf follows.
	MaxGroupDepth = 32
	// MaxGroups bounds the groups that GroupsOf finds, because tokens contain them.
	MaxGroups = 500
)

// GroupsOf lists the groups of a user and all their parent groups, the nearest first. It returns none for a
// user who is not in the catalog. It follows relations without reading entities, so a principal that may read
// entities only under conditions is refused.
func (s *Service) GroupsOf(ctx context.Context, principal identity.Principal, user entity.Ref) ([]string, error) {
	ref := user.String()
	if err := s.require(ctx, principal, policy.CatalogEntityRead, ref); err != nil {
		return nil, err
	}
	groups, err := s.queries.CatalogGroupsOf(ctx, s.pool, MaxGroups, ref, MaxGroupDepth)
	if err != nil {
		return nil, fmt.Errorf("groups of %s: %w", ref, err)
	}
	return groups, nil
}
