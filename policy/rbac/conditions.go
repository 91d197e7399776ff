package rbac

import (
	"context"
	"slices"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// ConditionFilter selects conditions: those that match all fields that are not empty, and have all the
// actions.
type ConditionFilter struct {
	Role, PluginID string
	ResourceType   policy.ResourceType
	Actions        []string
}

func (f ConditionFilter) selects(c Condition) bool {
	for _, action := range f.Actions {
		if !slices.ContainsFunc(c.Permissions, func(entry ConditionPermission) bool { return entry.Action == action }) {
			return false
		}
	}
	return matches(f.Role, c.Role) && matches(f.PluginID, c.PluginID) && matches(string(f.ResourceType), string(c.ResourceType))
}

// Conditions lists the conditions of roles that a principal may read.
func (s *Service) Conditions(ctx context.Context, principal identity.Principal, filter ConditionFilter) ([]Condition, error) {
	all, visible, err := s.visible(ctx, principal)
	if err != nil {
		return nil, err
	}
	for _, action := range filter.Actions {
		if !slices.Contains(actions, action) {
			return nil, fault.New(fault.Input, "Invalid permission action query value: %s. Permission name should be string.", action)
		}
	}
	listed := []Condition{}
	for _, c := range all.conditions {
		if visible[c.Role] && filter.selects(c) {
			listed = append(listed, c)
		}
	}
	return listed, nil
}

// Condition returns one condition. One of a role that the principal may not read is not found.
func (s *Service) Condition(ctx context.Context, principal identity.Principal, id int64) (Condition, error) {
	all, visible, err := s.visible(ctx, principal)
	if err != nil {
		return Condition{}, err
	}
	condition, found := all.condition(id)
	if !found || !visible[condition.Role] {
		return Condition{}, unknownCondition(id)
	}
	return condition, nil
}

func unknownCondition(id int64) error {
	return fault.New(fault.NotFound, "Condition with id %d was not found", id)
}

// CreateCondition adds a condition to a role and returns its id. It must be about named permissions, and not
// about one that another condition of the role is about.
func (s *Service) CreateCondition(ctx context.Context, principal identity.Principal, spec ConditionSpec) (id int64, err error) {
	edit, err := s.createCondition(ctx, principal, spec, &id)
	err = s.perform(ctx, principal, edit, err)
	return id, err
}

// createCondition sets the id when the edit is made.
func (s *Service) createCondition(ctx context.Context, principal identity.Principal, spec ConditionSpec, id *int64) (edit, error) {
	granted, err := s.mayAdd(ctx, principal)
	if err != nil {
		return nil, err
	}
	if err := s.checkNamed(spec); err != nil {
		return nil, err
	}
	return func(c *change) (err error) {
		if err := c.mayHaveCondition(granted, spec.Role); err != nil {
			return err
		}
		if err := c.noOverlap(spec, 0); err != nil {
			return err
		}
		*id, err = c.addCondition(spec)
		return err
	}, nil
}

// UpdateCondition replaces a condition. That of a role of a file lasts until the files are read again. If the condition
// has none of the versions that were read, it is not replaced; none are all.
func (s *Service) UpdateCondition(ctx context.Context, principal identity.Principal, id int64, spec ConditionSpec, read []string) error {
	edit, err := s.updateCondition(ctx, principal, id, spec, read)
	return s.perform(ctx, principal, edit, err)
}

func (s *Service) updateCondition(ctx context.Context, principal identity.Principal, id int64, spec ConditionSpec, read []string) (edit, error) {
	granted, err := s.mayChange(ctx, principal, policy.PolicyEntityUpdate)
	if err != nil {
		return nil, err
	}
	return func(c *change) error {
		existing, err := c.mayChangeCondition(granted, id)
		if err != nil {
			return err
		}
		if err := existing.unchanged(read); err != nil {
			return err
		}
		if err := s.checkNamed(spec); err != nil {
			return err
		}
		if err := c.mayHaveCondition(granted, spec.Role); err != nil {
			return err
		}
		if err := c.noOverlap(spec, id); err != nil {
			return err
		}
		return c.changeCondition(existing, spec)
	}, nil
}

// DeleteCondition deletes a condition. That of a role of a file comes back when the files are read again. If the
// condition has none of the versions that were read, it is not deleted; none are all.
func (s *Service) DeleteCondition(ctx context.Context, principal identity.Principal, id int64, read []string) error {
	edit, err := s.deleteCondition(ctx, principal, id, read)
	return s.perform(ctx, principal, edit, err)
}

func (s *Service) deleteCondition(ctx context.Context, principal identity.Principal, id int64, read []string) (edit, error) {
	granted, err := s.mayChange(ctx, principal, policy.PolicyEntityDelete)
	if err != nil {
		return nil, err
	}
	return func(c *change) error {
		existing, err := c.mayChangeCondition(granted, id)
		if err != nil {
			return err
		}
		if err := existing.unchanged(read); err != nil {
			return err
		}
		return c.removeConditions(existing)
	}, nil
}

// mayChangeCondition returns the condition with an id, if a grant covers its role.
func (c *change) mayChangeCondition(granted grant, id int64) (Condition, error) {
	condition, found := c.condition(id)
	if !found {
		return Condition{}, unknownCondition(id)
	}
	role, _ := c.role(condition.Role)
	return condition, granted.Check(role, role.Ref)
}

func (c *change) mayHaveCondition(granted grant, ref string) error {
	role, found := c.role(ref)
	if !found {
		return fault.New(fault.NotFound, "Corresponding role %s was not found", ref)
	}
	return granted.Check(role, ref)
}

// noOverlap returns a fault of kind Conflict if another condition than the one with this id is about the
// same.
func (c *change) noOverlap(spec ConditionSpec, id int64) error {
	for _, other := range c.conditions {
		if both := overlap(spec, other.ConditionSpec); other.ID != id && len(both) > 0 {
			return fault.New(fault.Conflict, "Cannot create condition: permission mapping overlaps with existing condition (id: %d) for resource type '%s'. Overlapping entries: %s.",
				other.ID, spec.ResourceType, strings.Join(both, ", "))
		}
	}
	return nil
}

// checkNamed checks a condition of a request. Conditions on all permissions with an action are for files.
func (s *Service) checkNamed(spec ConditionSpec) error {
	if _, err := s.rules.checkCondition(spec); err != nil {
		return err
	}
	return needsNames(spec)
}

// needsNames returns a fault of kind Input for a checked condition on all permissions with an action.
func needsNames(spec ConditionSpec) error {
	if first := spec.Permissions[0]; first.Name == "" {
		return fault.New(fault.Input, `REST API requires permissionMapping entries to include permission name, e.g. {name: "catalog.entity.read", action: "read"}. Received plain action: '%s'. Action-only (broad) format is supported in YAML conditional policies file and provider extension point.`, first.Action)
	}
	return nil
}
