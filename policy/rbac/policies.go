package rbac

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// maxPolicies bounds the policies of one request.
const maxPolicies = 10_000

// ListedPolicy is a policy as lists have it, with the source of its role.
type ListedPolicy struct {
	Policy
	Source Source
}

// PolicyFilter selects policies. Empty fields select all, except that a filter without a role selects none.
type PolicyFilter struct{ Role, Permission, Action, Effect string }

// Policies lists the policies of all roles that a principal may read.
func (s *Service) Policies(ctx context.Context, principal identity.Principal, filter PolicyFilter) ([]ListedPolicy, error) {
	return s.policies(ctx, principal, func(p Policy) bool {
		if filter == (PolicyFilter{}) {
			return true
		}
		return p.Role == filter.Role && matches(filter.Permission, p.Permission) && matches(filter.Action, p.Action) && matches(filter.Effect, p.Effect)
	})
}

func matches(asked, value string) bool { return asked == "" || asked == value }

// PoliciesOf lists the policies of one role. A role without any, one that the principal may not read, and a
// reference of another kind are not found.
func (s *Service) PoliciesOf(ctx context.Context, principal identity.Principal, ref string) ([]ListedPolicy, error) {
	found, err := s.policies(ctx, principal, func(p Policy) bool { return p.Role == ref })
	if err != nil {
		return nil, err
	}
	if err := checkRef(ref, kindRole, kindUser, kindGroup); err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fault.New(fault.NotFound, "There are no policies of %s", ref)
	}
	return found, nil
}

func (s *Service) policies(ctx context.Context, principal identity.Principal, selects func(Policy) bool) ([]ListedPolicy, error) {
	all, visible, err := s.visible(ctx, principal)
	if err != nil {
		return nil, err
	}
	listed := []ListedPolicy{}
	for _, p := range all.policies {
		if visible[p.Role] && selects(p) {
			role, _ := all.role(p.Role)
			listed = append(listed, ListedPolicy{asShown(p), role.Metadata.Source})
		}
	}
	return listed, nil
}

// asShown gives the permission to create roles its name: older files have it under a resource type that it
// lost.
func asShown(p Policy) Policy {
	if p.Permission == string(policy.PolicyEntity) && p.Action == policy.PolicyEntityCreate.Action() {
		p.Permission = string(policy.PolicyEntityCreate)
	}
	return p
}

// CreatePolicies adds policies to roles of the API: all of them, or none. A policy that its role has already
// is a fault of kind Conflict.
func (s *Service) CreatePolicies(ctx context.Context, principal identity.Principal, policies []Policy) error {
	edit, err := s.createPolicies(ctx, principal, policies)
	return s.perform(ctx, principal, edit, err)
}

func (s *Service) createPolicies(ctx context.Context, principal identity.Principal, policies []Policy) (edit, error) {
	granted, err := s.mayAdd(ctx, principal)
	if err != nil {
		return nil, err
	}
	if len(policies) == 0 {
		return nil, fault.New(fault.Input, "permission policy must be present")
	}
	if err := checkPolicies(policies, "policy"); err != nil {
		return nil, err
	}
	return func(c *change) error {
		for _, p := range policies {
			if err := c.mayAddPolicy(granted, p); err != nil {
				return err
			}
		}
		if err := c.noneStored(policies); err != nil {
			return err
		}
		return c.addPolicies(policies)
	}, nil
}

func (c *change) mayAddPolicy(granted grant, p Policy) error {
	if !strings.HasPrefix(p.Role, kindRole+":") {
		return fault.New(fault.NotAllowed, "Policies are for roles, not for %s: give it a role", p.Role)
	}
	role, found := c.role(p.Role)
	if !found {
		return fault.New(fault.NotFound, "Corresponding role %s was not found", p.Role)
	}
	if err := fromSource(role, "add policy "+p.columns()); err != nil {
		return err
	}
	return granted.Check(role, role.Ref)
}

func (p Policy) columns() string {
	return strings.Join([]string{p.Role, p.Permission, p.Action, p.Effect}, ",")
}

// PolicyUpdate is policies of one role as the caller has read them, and as they are to be.
type PolicyUpdate struct{ Old, New []Policy }

// UpdatePolicies replaces policies of a role by others. It returns false if both are the same. There are at
// least as many new ones as old ones, and the role must not have the new ones yet.
func (s *Service) UpdatePolicies(ctx context.Context, principal identity.Principal, ref string, update PolicyUpdate) (changed bool, err error) {
	edit, err := s.updatePolicies(ctx, principal, ref, update)
	return edit != nil, s.perform(ctx, principal, edit, err)
}

// updatePolicies returns no edit if there is nothing to change.
func (s *Service) updatePolicies(ctx context.Context, principal identity.Principal, ref string, update PolicyUpdate) (edit, error) {
	granted, err := s.mayChange(ctx, principal, policy.PolicyEntityUpdate)
	if err != nil {
		return nil, err
	}
	old, replacement := ofRole(ref, update.Old), ofRole(ref, update.New)
	switch {
	case len(old) == 0:
		return nil, fault.New(fault.Input, "'oldPolicy' object must be present")
	case len(replacement) == 0:
		return nil, fault.New(fault.Input, "'newPolicy' object must be present")
	}
	if err := checkPolicies(old, "old policy"); err != nil {
		return nil, err
	}
	if err := checkPolicies(replacement, "new policy"); err != nil {
		return nil, err
	}
	if len(without(old, replacement)) == 0 && len(without(replacement, old)) == 0 {
		return nil, nil
	}
	if len(replacement) < len(old) {
		return nil, fault.New(fault.Input, "'oldPolicy' object has more permission policies compared to 'newPolicy' object")
	}
	return func(c *change) error {
		if err := c.mayChangePolicies(granted, ref, "edit", old); err != nil {
			return err
		}
		if err := c.noneStored(replacement); err != nil {
			return err
		}
		if err := c.removePolicies(old); err != nil {
			return err
		}
		return c.addPolicies(replacement)
	}, nil
}

// DeletePolicies deletes policies of a role: all of them, or none. A policy that the role does not have is a
// fault of kind NotFound.
func (s *Service) DeletePolicies(ctx context.Context, principal identity.Principal, ref string, policies []Policy) error {
	edit, err := s.deletePolicies(ctx, principal, ref, policies)
	return s.perform(ctx, principal, edit, err)
}

func (s *Service) deletePolicies(ctx context.Context, principal identity.Principal, ref string, policies []Policy) (edit, error) {
	granted, err := s.mayChange(ctx, principal, policy.PolicyEntityDelete)
	if err != nil {
		return nil, err
	}
	gone := ofRole(ref, policies)
	if len(gone) == 0 {
		return nil, fault.New(fault.Input, "permission policy must be present")
	}
	if err := checkPolicies(gone, "policy"); err != nil {
		return nil, err
	}
	return func(c *change) error {
		if err := c.mayChangePolicies(granted, ref, "delete", gone); err != nil {
			return err
		}
		return c.removePolicies(gone)
	}, nil
}

// mayChangePolicies checks that the caller may change the role, that it has all policies, and that the API may
// change it. Who may not change the role learns nothing of it.
func (c *change) mayChangePolicies(granted grant, ref, doing string, policies []Policy) error {
	role, _ := c.role(ref)
	if err := granted.Check(role, ref); err != nil {
		return err
	}
	if unknown := without(policies, c.stored.policies); len(unknown) > 0 {
		return fault.New(fault.NotFound, "Policy '%s' not found", unknown[0])
	}
	return fromSource(role, fmt.Sprintf("%s policy %s", doing, policies[0].columns()))
}

func (c *change) noneStored(policies []Policy) error {
	if taken := within(policies, c.stored.policies); len(taken) > 0 {
		return fault.New(fault.Conflict, "Policy '%s' has been already stored", taken[0])
	}
	return nil
}

// checkPolicies checks each policy, and that none is there twice.
func checkPolicies(policies []Policy, what string) error {
	if len(policies) > maxPolicies {
		return fault.New(fault.Input, "a request has at most %d policies", maxPolicies)
	}
	seen := map[Policy]bool{}
	for _, p := range policies {
		if err := checkPolicy(p); err != nil {
			return fault.Wrap(fault.Input, err, "Invalid %s definition. Cause: %s", what, err)
		}
		if err := checkRef(p.Role, kindRole, kindUser, kindGroup); err != nil {
			return fault.Wrap(fault.Input, err, "Invalid %s definition. Cause: %s", what, err)
		}
		if seen[p] {
			return fault.New(fault.Conflict, "Duplicate policies found; %s, %s, %s, %s is a duplicate", p.Role, p.Permission, p.Action, p.Effect)
		}
		seen[p] = true
	}
	return nil
}

// ofRole are the policies as those of a role.
func ofRole(ref string, policies []Policy) []Policy {
	policies = slices.Clone(policies)
	for i := range policies {
		policies[i].Role = ref
	}
	return policies
}
