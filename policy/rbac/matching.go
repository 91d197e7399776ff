package rbac

import (
	"context"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// maxMatched bounds the references of one call of MatchingRoles.
const maxMatched = 5000

// MatchingRoles reports for each reference whether there is a role that the principal may read and that meets
// the criteria, which are conditions over Rules. More than maxMatched references are a fault of kind Input.
func (s *Service) MatchingRoles(ctx context.Context, principal identity.Principal, criteria policy.Criteria, refs []string) ([]bool, error) {
	if len(refs) > maxMatched {
		return nil, fault.New(fault.Input, "There are more references than the %d that are answered at once", maxMatched)
	}
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
		matching[i] = found && visible[ref] && Rules.Allows(filter, role)
	}
	return matching, nil
}
