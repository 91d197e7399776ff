package catalog

import (
	"context"
	"fmt"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

const (
	// maxGroupDepth bounds the levels of parent groups that are followed.
	maxGroupDepth = 32
	// maxGroups bounds the groups of a user, because tokens contain them.
	maxGroups = 500
)

// GroupsOf lists the groups of a user and all their parent groups, the nearest first. It returns none for a
// user who is not in the catalog. It follows relations without reading entities, so a principal that may read
// entities only under conditions is refused.
func (s *Service) GroupsOf(ctx context.Context, principal identity.Principal, user entity.Ref) ([]string, error) {
	ref := user.String()
	if err := s.require(ctx, principal, policy.CatalogEntityRead, ref); err != nil {
		return nil, err
	}
	groups, err := s.queries.CatalogGroupsOf(ctx, s.pool, maxGroups, ref, maxGroupDepth)
	if err != nil {
		return nil, fmt.Errorf("groups of %s: %w", ref, err)
	}
	return groups, nil
}
