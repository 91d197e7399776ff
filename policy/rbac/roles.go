package rbac

import (
	"context"
	"slices"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// RoleSpec is a role as a request has it. It is not checked.
type RoleSpec struct {
	Ref      string        `json:"name"`
	Members  []string      `json:"memberReferences"`
	Metadata *MetadataSpec `json:"metadata,omitempty"`
}

// MetadataSpec is the metadata of a role in a request. Nil fields were not sent.
type MetadataSpec struct {
	Source      *Source `json:"source,omitempty"`
	Description *string `json:"description,omitempty"`
	Owner       *string `json:"owner,omitempty"`
}

// RoleUpdate is a role as the caller has read it, and as it is to be. Nil fields were not sent.
type RoleUpdate struct {
	Old *RoleSpec `json:"oldRole"`
	New *RoleSpec `json:"newRole"`
	// Read are versions of the role; if it has none of them, it is not updated. None are all.
	Read []string `json:"-"`
}

const (
	maxMembers         = 10_000
	maxDescriptionSize = 10_000
)

// upper is a source as messages have it.
func upper(s Source) string { return strings.ToUpper(string(s)) }

// Roles lists the roles that a principal may read.
func (s *Service) Roles(ctx context.Context, principal identity.Principal) ([]Role, error) {
	all, visible, err := s.visible(ctx, principal)
	if err != nil {
		return nil, err
	}
	listed := []Role{}
	for _, r := range all.roles {
		if visible[r.Ref] {
			listed = append(listed, s.asListed(r))
		}
	}
	return listed, nil
}

// Role returns one role. One that the principal may not read is not found.
func (s *Service) Role(ctx context.Context, principal identity.Principal, ref string) (Role, error) {
	all, visible, err := s.visible(ctx, principal)
	if err != nil {
		return Role{}, err
	}
	if err := checkRef(ref, kindRole, kindUser, kindGroup); err != nil {
		return Role{}, err
	}
	role, found := all.role(ref)
	if !found || !visible[ref] {
		return Role{}, fault.New(fault.NotFound, "There is no role %s", ref)
	}
	return s.asListed(role), nil
}

// CreateRole creates a role, or adds members to one that the API has created. Its owner is the caller unless
// the request has another one. A member that the role has already is a fault of kind Conflict.
func (s *Service) CreateRole(ctx context.Context, principal identity.Principal, spec RoleSpec) error {
	edit, err := s.createRole(ctx, principal, spec)
	return s.perform(ctx, principal, edit, err)
}

func (s *Service) createRole(ctx context.Context, principal identity.Principal, spec RoleSpec) (edit, error) {
	granted, err := s.mayAdd(ctx, principal)
	if err != nil {
		return nil, err
	}
	members, err := checkRole(spec)
	if err != nil {
		return nil, fault.Wrap(fault.KindOf(err), err, "Invalid role definition. Cause: %s", err)
	}
	role := Role{Ref: spec.Ref, Members: members, Metadata: Metadata{Source: FromREST, Author: principal.Subject, ModifiedBy: principal.Subject,
		Description: spec.description(new("")), Owner: spec.owner(&principal.Subject)}}
	return func(c *change) error {
		existing, found := c.role(role.Ref)
		if !found {
			return c.addRole(role)
		}
		if err := fromSource(existing, "add role"); err != nil {
			return err
		}
		if err := granted.Check(existing, existing.Ref); err != nil {
			return err
		}
		if err := noneOf(role.Members, existing); err != nil {
			return err
		}
		if err := c.changeRole(existing, role); err != nil {
			return err
		}
		return c.addMembers(role.Ref, role.Members)
	}, nil
}

// UpdateRole replaces the members of a role that the caller has read by others, and its metadata, and its
// name. What the caller has not read stays. A changed name takes the policies and conditions along.
func (s *Service) UpdateRole(ctx context.Context, principal identity.Principal, ref string, update RoleUpdate) error {
	edit, err := s.updateRole(ctx, principal, ref, update)
	return s.perform(ctx, principal, edit, err)
}

func (s *Service) updateRole(ctx context.Context, principal identity.Principal, ref string, update RoleUpdate) (edit, error) {
	granted, err := s.mayChange(ctx, principal, policy.PolicyEntityUpdate)
	if err != nil {
		return nil, err
	}
	if err := checkRef(ref, kindRole); err != nil {
		return nil, err
	}
	old, members, err := checkUpdate(ref, update)
	if err != nil {
		return nil, err
	}
	return func(c *change) error {
		existing, found := c.role(ref)
		if !found {
			return fault.New(fault.NotFound, "Unable to find metadata for %s", ref)
		}
		if err := fromSource(existing, "edit role"); err != nil {
			return err
		}
		if err := granted.Check(existing, ref); err != nil {
			return err
		}
		if err := c.unchanged(existing, update.Read); err != nil {
			return err
		}
		return c.replaceRole(principal, existing, *update.New, old, members)
	}, nil
}

// replaceRole replaces the old members of a role by others, and its name and metadata.
func (c *change) replaceRole(principal identity.Principal, existing Role, spec RoleSpec, old, members []string) error {
	if unknown := without(old, existing.Members); len(unknown) > 0 {
		return fault.New(fault.NotFound, "Member reference: %s was not found for role %s", unknown[0], existing.Ref)
	}
	added, removed := without(members, old), without(old, members)
	if err := noneOf(added, existing); err != nil {
		return err
	}
	if _, taken := c.role(spec.Ref); taken && spec.Ref != existing.Ref {
		return fault.New(fault.Conflict, "There is already a role %s", spec.Ref)
	}
	to := Role{Ref: spec.Ref, Metadata: Metadata{ModifiedBy: principal.Subject, Owner: spec.owner(new("")), Description: spec.description(existing.Metadata.Description)}}
	if err := c.changeRole(existing, to); err != nil {
		return err
	}
	if err := c.removeMembers(to.Ref, removed); err != nil {
		return err
	}
	return c.addMembers(to.Ref, added)
}

// DeleteRole deletes a role with its members, policies and conditions. If the role has none of the versions that were
// read, it is not deleted; none are all.
func (s *Service) DeleteRole(ctx context.Context, principal identity.Principal, ref string, read []string) error {
	edit, err := s.deleteRole(ctx, principal, ref, read)
	return s.perform(ctx, principal, edit, err)
}

func (s *Service) deleteRole(ctx context.Context, principal identity.Principal, ref string, read []string) (edit, error) {
	return s.deleteFrom(ctx, principal, ref, read, func(c *change, _ Role) error { return c.removeRoles([]string{ref}) })
}

// RemoveMember removes a member from a role that has one of the versions that were read; none are all. A role that
// loses its last member stays.
func (s *Service) RemoveMember(ctx context.Context, principal identity.Principal, ref, member string, read []string) error {
	edit, err := s.removeMember(ctx, principal, ref, member, read)
	return s.perform(ctx, principal, edit, err)
}

func (s *Service) removeMember(ctx context.Context, principal identity.Principal, ref, member string, read []string) (edit, error) {
	member = strings.ToLower(member)
	return s.deleteFrom(ctx, principal, ref, read, func(c *change, existing Role) error {
		if !slices.Contains(existing.Members, member) {
			return fault.New(fault.NotFound, "role member '%s' was not found", member)
		}
		return c.removeMembers(ref, []string{member})
	})
}

// deleteFrom checks that a person may delete a role that they have read, or parts of it. An unknown role is refused
// like one that the person may not delete.
func (s *Service) deleteFrom(ctx context.Context, principal identity.Principal, ref string, read []string, do func(*change, Role) error) (edit, error) {
	granted, err := s.mayChange(ctx, principal, policy.PolicyEntityDelete)
	if err != nil {
		return nil, err
	}
	if err := checkRef(ref, kindRole); err != nil {
		return nil, err
	}
	return func(c *change) error {
		existing, found := c.role(ref)
		if !found {
			return granted.Refusal(ref)
		}
		if err := granted.Check(existing, ref); err != nil {
			return err
		}
		if err := fromSource(existing, "delete role"); err != nil {
			return err
		}
		if err := c.unchanged(existing, read); err != nil {
			return err
		}
		return do(c, existing)
	}, nil
}

// noneOf returns a fault of kind Conflict if a role has one of the members already.
func noneOf(members []string, existing Role) error {
	if taken := within(members, existing.Members); len(taken) > 0 {
		return fault.New(fault.Conflict, "%s is already a member of %s", taken[0], existing.Ref)
	}
	return nil
}

// checkUpdate returns the old and the new members of an update.
func checkUpdate(ref string, update RoleUpdate) (old, members []string, err error) {
	switch {
	case update.Old == nil:
		return nil, nil, fault.New(fault.Input, "'oldRole' object must be present")
	case update.New == nil:
		return nil, nil, fault.New(fault.Input, "'newRole' object must be present")
	}
	before := *update.Old
	before.Ref = ref
	if old, err = checkRole(before); err != nil {
		return nil, nil, fault.Wrap(fault.KindOf(err), err, "Invalid old role object. Cause: %s", err)
	}
	if members, err = checkRole(*update.New); err != nil {
		return nil, nil, fault.Wrap(fault.KindOf(err), err, "Invalid new role object. Cause: %s", err)
	}
	if metadata := update.New.Metadata; metadata != nil && metadata.Source != nil && *metadata.Source != FromREST {
		return nil, nil, fault.New(fault.Input, "The RoleMetadata.source field is 'read-only'.")
	}
	return old, members, nil
}

// checkRole checks a role of a request, and returns its members in lower case.
func checkRole(spec RoleSpec) ([]string, error) {
	switch {
	case spec.Ref == "":
		return nil, fault.New(fault.Input, "'name' field must not be empty")
	case len(spec.Members) == 0:
		return nil, fault.New(fault.Input, "'memberReferences' field must not be empty")
	case len(spec.Members) > maxMembers:
		return nil, fault.New(fault.Input, "'memberReferences' has more than %d members", maxMembers)
	}
	if err := checkRef(spec.Ref, kindRole); err != nil {
		return nil, err
	}
	members := make([]string, len(spec.Members))
	for i, member := range spec.Members {
		if err := checkRef(member, holders...); err != nil {
			return nil, err
		}
		members[i] = strings.ToLower(member)
	}
	sorted := slices.Sorted(slices.Values(members))
	for i := 1; i < len(sorted); i++ {
		if sorted[i] == sorted[i-1] {
			return nil, fault.New(fault.Conflict, "Duplicate role members found; %s, %s is a duplicate", sorted[i], spec.Ref)
		}
	}
	return members, checkMetadata(spec.Metadata)
}

func checkMetadata(metadata *MetadataSpec) error {
	if metadata == nil {
		return nil
	}
	if owner := metadata.Owner; owner != nil && *owner != "" {
		if err := checkRef(*owner, holders...); err != nil {
			return err
		}
	}
	if text := metadata.Description; text != nil && (len(*text) > maxDescriptionSize || strings.ContainsRune(*text, 0)) {
		return fault.New(fault.Input, "'description' must have no NUL and at most %d bytes", maxDescriptionSize)
	}
	return nil
}

// description is the description in a request, or another one.
func (r RoleSpec) description(otherwise *string) *string {
	if r.Metadata == nil || r.Metadata.Description == nil {
		return otherwise
	}
	return r.Metadata.Description
}

// owner is the owner in a request, or another one.
func (r RoleSpec) owner(otherwise *string) *string {
	if r.Metadata == nil || r.Metadata.Owner == nil || *r.Metadata.Owner == "" {
		return otherwise
	}
	return r.Metadata.Owner
}
