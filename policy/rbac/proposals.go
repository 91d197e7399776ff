package rbac

import (
	"context"
	"slices"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
)

// Proposal is one change of roles, as a request to the API would make it. Exactly one of its fields is set.
type Proposal struct {
	CreateRole *RoleSpec `json:"createRole,omitempty"`
	// UpdateRole changes members, metadata or the name of a role.
	UpdateRole   *NamedUpdate `json:"updateRole,omitempty"`
	DeleteRole   *string      `json:"deleteRole,omitempty"`
	RemoveMember *NamedMember `json:"removeMember,omitempty"`
	// SaveRole changes all of a role, as the portal does.
	SaveRole *RoleDraft `json:"saveRole,omitempty"`

	AddPolicies    []Policy           `json:"addPolicies,omitempty"`
	UpdatePolicies *NamedPolicyUpdate `json:"updatePolicies,omitempty"`
	// RemovePolicies are policies of one role.
	RemovePolicies []Policy `json:"removePolicies,omitempty"`

	CreateCondition *ConditionSpec `json:"createCondition,omitempty"`
	// UpdateCondition is a condition with the id of the one that it replaces.
	UpdateCondition *Condition `json:"updateCondition,omitempty"`
	DeleteCondition *int64     `json:"deleteCondition,omitempty"`
}

// NamedUpdate is an update of a role.
type NamedUpdate struct {
	Role string `json:"role"`
	RoleUpdate
}

// NamedMember is a member of a role.
type NamedMember struct {
	Role   string `json:"role"`
	Member string `json:"memberReference"`
}

// NamedPolicyUpdate is an update of policies of a role.
type NamedPolicyUpdate struct {
	Role string   `json:"role"`
	Old  []Policy `json:"oldPolicy"`
	New  []Policy `json:"newPolicy"`
}

// prepare checks a proposal and that the principal may make it, as the request would be checked. It returns no
// edit if there is nothing to change.
func (s *Service) prepare(ctx context.Context, principal identity.Principal, p Proposal) (edit, error) {
	var prepared []func() (edit, error)
	add := func(given bool, prepare func() (edit, error)) {
		if given {
			prepared = append(prepared, prepare)
		}
	}
	add(p.CreateRole != nil, func() (edit, error) { return s.createRole(ctx, principal, *p.CreateRole) })
	add(p.UpdateRole != nil, func() (edit, error) {
		return s.updateRole(ctx, principal, p.UpdateRole.Role, p.UpdateRole.RoleUpdate)
	})
	add(p.DeleteRole != nil, func() (edit, error) { return s.deleteRole(ctx, principal, *p.DeleteRole, nil) })
	add(p.RemoveMember != nil, func() (edit, error) {
		return s.removeMember(ctx, principal, p.RemoveMember.Role, p.RemoveMember.Member, nil)
	})
	add(p.SaveRole != nil, func() (edit, error) { return s.saveRole(ctx, principal, *p.SaveRole) })
	add(p.AddPolicies != nil, func() (edit, error) { return s.createPolicies(ctx, principal, p.AddPolicies) })
	add(p.UpdatePolicies != nil, func() (edit, error) {
		return s.updatePolicies(ctx, principal, p.UpdatePolicies.Role, PolicyUpdate{Old: p.UpdatePolicies.Old, New: p.UpdatePolicies.New})
	})
	add(p.RemovePolicies != nil, func() (edit, error) { return s.removePolicies(ctx, principal, p.RemovePolicies) })
	add(p.CreateCondition != nil, func() (edit, error) {
		return s.createCondition(ctx, principal, *p.CreateCondition, new(int64))
	})
	add(p.UpdateCondition != nil, func() (edit, error) {
		return s.updateCondition(ctx, principal, p.UpdateCondition.ID, p.UpdateCondition.ConditionSpec, nil)
	})
	add(p.DeleteCondition != nil, func() (edit, error) { return s.deleteCondition(ctx, principal, *p.DeleteCondition, nil) })
	if len(prepared) != 1 {
		return nil, fault.New(fault.Input, "a change has exactly one member, such as createRole or addPolicies, and this one has %d", len(prepared))
	}
	return prepared[0]()
}

// removePolicies is deletePolicies of the role that the policies name.
func (s *Service) removePolicies(ctx context.Context, principal identity.Principal, policies []Policy) (edit, error) {
	var ref string
	if len(policies) > 0 {
		ref = policies[0].Role
	}
	if slices.ContainsFunc(policies, func(p Policy) bool { return p.Role != ref }) {
		return nil, fault.New(fault.Input, "removePolicies: the policies are of several roles; make a change of each")
	}
	return s.deletePolicies(ctx, principal, ref, policies)
}
