package rbac

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// RoleDraft is all of a role as a person wants it to be.
type RoleDraft struct {
	RoleSpec

	// OldRef is the role that gets the name Ref, "" for one that keeps its name.
	OldRef     string           `json:"oldName,omitempty"`
	Policies   []Policy         `json:"policies"`
	Conditions []ConditionDraft `json:"conditions"`
	// Version is the WholeRole's that the person has changed, "" for a new role.
	Version string `json:"version,omitempty"`
}

// ConditionDraft is a condition of a draft. ID is that of the stored condition that it replaces, 0 for a new
// one.
type ConditionDraft struct {
	ID int64 `json:"id,omitempty"`
	ConditionSpec
}

// SaveRole creates a role of the API, or makes it what a draft says, in one transaction. A new name takes all that
// belongs to the role along. A role that was changed
// since the draft's version was read is a fault of kind Conflict. It needs the permissions that each part of the
// change needs by itself.
func (s *Service) SaveRole(ctx context.Context, principal identity.Principal, draft RoleDraft) error {
	edit, err := s.saveRole(ctx, principal, draft)
	return s.perform(ctx, principal, edit, err)
}

func (s *Service) saveRole(ctx context.Context, principal identity.Principal, draft RoleDraft) (edit, error) {
	may, err := s.mayEdit(ctx, principal)
	if err != nil {
		return nil, err
	}
	members, err := s.checkDraft(&draft)
	if err != nil {
		return nil, err
	}
	role := Role{Ref: draft.Ref, Members: members, Metadata: Metadata{Source: FromREST, Author: principal.Subject, ModifiedBy: principal.Subject,
		Description: draft.description(new("")), Owner: draft.owner(new(""))}}
	was := cmp.Or(draft.OldRef, role.Ref)
	return func(c *change) error {
		_, taken := c.role(role.Ref)
		if draft.Version == "" {
			return c.createWhole(may, role, taken, draft)
		}
		existing, found := c.role(was)
		if !found {
			return fault.New(fault.Conflict, "%s was deleted since you began to edit it", was)
		}
		if err := fromSource(existing, "edit role"); err != nil {
			return err
		}
		now := c.whole(existing)
		if now.Version != draft.Version {
			return fault.New(fault.Conflict, "%s was changed since you began to edit it", was)
		}
		if taken && role.Ref != was {
			return fault.New(fault.Conflict, "There is already a role %s", role.Ref)
		}
		return c.replaceWhole(may, now, role, draft)
	}, nil
}

// editing are the permissions for the parts of a change.
type editing struct {
	// create is the refusal of new roles, policies and conditions, nil for none.
	create         error
	update, remove grant
}

// mayEdit asks for all permissions at once, because the decider must not be asked in a transaction. Whoever has
// none is refused.
func (s *Service) mayEdit(ctx context.Context, principal identity.Principal) (may editing, err error) {
	if may.update, err = Rules.Ask(ctx, s.options.Ask, principal, policy.PolicyEntityUpdate); err != nil {
		return editing{}, err
	}
	if may.remove, err = Rules.Ask(ctx, s.options.Ask, principal, policy.PolicyEntityDelete); err != nil {
		return editing{}, err
	}
	may.create = policy.Require(ctx, s.options.Ask, principal, policy.PolicyEntityCreate, "")
	if may.create != nil && may.update.IsNothing() && may.remove.IsNothing() {
		return editing{}, may.create
	}
	if principal.Kind != identity.KindUser {
		return editing{}, errServices
	}
	return may, nil
}

// adding checks that something may be added to a role.
func (e editing) adding(to Role) error {
	if e.create != nil {
		return e.create
	}
	return ofAdding(e.update).Check(to, to.Ref)
}

// checkDraft checks all parts of a draft, gives them its role, and returns its members in lower case.
func (s *Service) checkDraft(draft *RoleDraft) ([]string, error) {
	members, err := checkRole(draft.RoleSpec)
	if err != nil {
		return nil, err
	}
	if err := checkOldName(*draft); err != nil {
		return nil, err
	}
	draft.Policies = ofRole(draft.Ref, draft.Policies)
	if err := checkPolicies(draft.Policies, "policy"); err != nil {
		return nil, err
	}
	if len(draft.Conditions) > maxConditions {
		return nil, fault.New(fault.Input, "a role has at most %d conditions", maxConditions)
	}
	for i := range draft.Conditions {
		id, each := draft.Conditions[i].ID, &draft.Conditions[i].ConditionSpec
		each.Role, each.Result = draft.Ref, policy.Conditional
		if _, err := s.rules.checkCondition(*each); err != nil {
			return nil, fault.Wrap(fault.KindOf(err), err, "condition %d: %s", i+1, err)
		}
		for _, other := range draft.Conditions[:i] {
			if id != 0 && id == other.ID {
				return nil, fault.New(fault.Input, "condition %d has the id of another one", i+1)
			}
			if both := overlap(*each, other.ConditionSpec); len(both) > 0 {
				return nil, fault.New(fault.Input, "condition %d is about the same as another one: %s", i+1, strings.Join(both, ", "))
			}
		}
	}
	return members, nil
}

func checkOldName(draft RoleDraft) error {
	switch {
	case draft.OldRef == "" || draft.OldRef == draft.Ref:
		return nil
	case draft.Version == "":
		return fault.New(fault.Input, "'version' must say which %s gets the name %s", draft.OldRef, draft.Ref)
	default:
		return checkRef(draft.OldRef, kindRole)
	}
}

// maxConditions bounds the conditions of a draft.
const maxConditions = 200

func (c *change) createWhole(may editing, role Role, taken bool, draft RoleDraft) error {
	if may.create != nil {
		return may.create
	}
	if taken {
		return fault.New(fault.Conflict, "There is already a role %s", role.Ref)
	}
	role.Metadata.Owner = draft.owner(&role.Metadata.Author)
	if err := c.addRole(role); err != nil {
		return err
	}
	return c.replaceParts(may, WholeRole{Role: role}, draft)
}

// replaceWhole makes a role what a draft says.
func (c *change) replaceWhole(may editing, now WholeRole, to Role, draft RoleDraft) error {
	added, removed := without(to.Members, now.Members), without(now.Members, to.Members)
	described := !equal(now.Metadata.Description, to.Metadata.Description) || !equal(now.Metadata.Owner, to.Metadata.Owner)
	itself := described || now.Ref != to.Ref || len(added) > 0 || len(removed) > 0
	if itself {
		if err := may.update.Check(now.Role, now.Ref); err != nil {
			return err
		}
		if err := c.changeRole(now.Role, to); err != nil {
			return err
		}
		now.rename(to.Ref)
	}
	if err := c.removeMembers(to.Ref, removed); err != nil {
		return err
	}
	if err := c.addMembers(to.Ref, added); err != nil {
		return err
	}
	if err := c.replaceParts(may, now, draft); err != nil || itself || !c.changed {
		return err
	}
	return c.touchRole(to)
}

// rename gives a role and all that belongs to it another name.
func (w *WholeRole) rename(ref string) {
	w.Ref = ref
	for i := range w.Policies {
		w.Policies[i].Role = ref
	}
	for i := range w.Conditions {
		w.Conditions[i].Role = ref
	}
}

// equal compares optional texts, of which an absent one is as good as an empty one.
func equal(a, b *string) bool {
	if a == nil || b == nil {
		return (a == nil || *a == "") && (b == nil || *b == "")
	}
	return *a == *b
}

// replaceParts makes the policies and conditions of a role those of a draft.
func (c *change) replaceParts(may editing, now WholeRole, draft RoleDraft) error {
	added, removed := changedPolicies(now, draft.Policies)
	if len(added) > 0 {
		if err := may.adding(now.Role); err != nil {
			return err
		}
		if err := c.addPolicies(added); err != nil {
			return err
		}
	}
	if len(removed) > 0 {
		if err := may.remove.Check(now.Role, now.Ref); err != nil {
			return err
		}
		if err := c.removePolicies(removed); err != nil {
			return err
		}
	}
	return c.replaceConditions(may, now, draft.Conditions)
}

// changedPolicies compares the policies of a role, as lists show them, with others.
func changedPolicies(now WholeRole, wanted []Policy) (added, removed []Policy) {
	stored := map[Policy]bool{}
	keep := setOf(wanted)
	for _, p := range now.Policies {
		shown := asShown(p.Policy)
		stored[shown] = true
		if !keep[shown] {
			removed = append(removed, p.Policy)
		}
	}
	return slices.DeleteFunc(slices.Clone(wanted), func(p Policy) bool { return stored[p] }), removed
}

// replaceConditions makes the conditions of a role those of a draft. Removed ones are first, because others may be
// about the same.
func (c *change) replaceConditions(may editing, now WholeRole, wanted []ConditionDraft) error {
	kept := map[int64]ConditionSpec{}
	for _, each := range wanted {
		if each.ID != 0 {
			kept[each.ID] = each.ConditionSpec
		}
	}
	for _, stored := range now.Conditions {
		spec, keep := kept[stored.ID]
		delete(kept, stored.ID)
		if err := c.replaceCondition(may, now.Role, stored.Condition, spec, keep); err != nil {
			return err
		}
	}
	for id := range kept {
		return unknownCondition(id)
	}
	for _, each := range wanted {
		if each.ID != 0 {
			continue
		}
		if err := cmp.Or(may.adding(now.Role), needsNames(each.ConditionSpec)); err != nil {
			return err
		}
		if _, err := c.addCondition(each.ConditionSpec); err != nil {
			return err
		}
	}
	return nil
}

// replaceCondition removes a condition that is not kept, and changes one that is to be another.
func (c *change) replaceCondition(may editing, role Role, stored Condition, spec ConditionSpec, keep bool) error {
	switch {
	case !keep:
		if err := may.remove.Check(role, role.Ref); err != nil {
			return err
		}
		return c.removeConditions(stored)
	case stored.sameAs(spec):
		return nil
	default:
		if err := cmp.Or(may.update.Check(role, role.Ref), needsNames(spec)); err != nil {
			return err
		}
		return c.changeCondition(stored, spec)
	}
}
