package rbac

import (
	"maps"
	"slices"
)

// stored is all that the database has.
type stored struct {
	// roles are in the order of their creation.
	roles      []Role
	policies   []Policy
	conditions []Condition
	// plugins are the ids that were added by REST.
	plugins []string
	// revision counts the changes that made the rest what it is.
	revision int64
	// index has the place of each role in roles.
	index map[string]int
}

// role is the role with a reference; false if there is none.
func (s *stored) role(ref string) (Role, bool) {
	at, found := s.index[ref]
	if !found {
		return Role{}, false
	}
	return s.roles[at], true
}

// condition is the condition with an id; false if there is none.
func (s *stored) condition(id int64) (Condition, bool) {
	at := s.conditionAt(id)
	if at < 0 {
		return Condition{}, false
	}
	return s.conditions[at], true
}

// conditionAt is the place of the condition with an id; negative if there is none.
func (s *stored) conditionAt(id int64) int {
	return slices.IndexFunc(s.conditions, func(c Condition) bool { return c.ID == id })
}

// clone is a copy that can be changed.
func (s *stored) clone() stored {
	clone := *s
	clone.roles, clone.policies, clone.conditions = slices.Clone(s.roles), slices.Clone(s.policies), slices.Clone(s.conditions)
	clone.index = maps.Clone(s.index)
	return clone
}

// addRole adds a role without its members.
func (s *stored) addRole(r Role) {
	r.Members = []string{}
	s.index[r.Ref] = len(s.roles)
	s.roles = append(s.roles, r)
}

// changeRole gives a role the reference, the description, the owner and the last author of another one.
func (s *stored) changeRole(ref string, to Role) {
	at := s.index[ref]
	delete(s.index, ref)
	s.index[to.Ref] = at
	role := &s.roles[at]
	role.Ref, role.Metadata.Description, role.Metadata.Owner, role.Metadata.ModifiedBy = to.Ref, to.Metadata.Description, to.Metadata.Owner, to.Metadata.ModifiedBy
	if ref == to.Ref {
		return
	}
	for i := range s.policies {
		if s.policies[i].Role == ref {
			s.policies[i].Role = to.Ref
		}
	}
	for i := range s.conditions {
		if s.conditions[i].Role == ref {
			s.conditions[i].Role = to.Ref
		}
	}
}

// setMembers changes the members of a role.
func (s *stored) setMembers(ref string, change func(now []string) []string) {
	role := &s.roles[s.index[ref]]
	role.Members = change(role.Members)
}

// removeRoles removes roles with their members, policies and conditions.
func (s *stored) removeRoles(refs []string) {
	gone := setOf(refs)
	s.roles = slices.DeleteFunc(s.roles, func(r Role) bool { return gone[r.Ref] })
	s.policies = slices.DeleteFunc(s.policies, func(p Policy) bool { return gone[p.Role] })
	s.conditions = slices.DeleteFunc(s.conditions, func(c Condition) bool { return gone[c.Role] })
	clear(s.index)
	for at, role := range s.roles {
		s.index[role.Ref] = at
	}
}
