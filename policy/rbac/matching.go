package rbac

import (
	"context"
	"slices"

	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// MatchingRoles reports for each reference whether there is a role that the principal may read and that meets
// the criteria, which are conditions over Rules.
func (s *Service) MatchingRoles(ctx context.Context, principal identity.Principal, criteria policy.Criteria, refs []string) ([]bool, error) {
	all, visible, err := s.visible(ctx, principal)
	if err != nil {
		return nil, err
	}
	filter, err := Rules.Filter(criteria)
	if err != nil {
		return nil, err
	}
	matching := make([]bool, len(refs))
	for i, ref := range refs {
		role, found := all.role(ref)
		matching[i] = found && slices.Contains(visible, ref) && Rules.Allows(filter, role)
	}
	return matching, nil
}
