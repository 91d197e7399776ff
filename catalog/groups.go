package catalog

import (
	"context"
	"fmt"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

const (
	// maxGroupDepth is how many groups above each other are walked.
	maxGroupDepth = 32
	// maxGroups is how many groups a user has at the most: they are carried in tokens.
	maxGroups = 500
)

// GroupsOf lists the groups that a user is a member of and all groups above them, the nearest first. A user
// who is not in the catalog has none. It follows relations and looks at no entity, so whoever reads entities
// under conditions is refused.
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
