package rbac

import (
	"slices"

	"github.com/portico-dev/portico/policy"
)

// adminRole is the role of the configured admins.
const adminRole = "role:default/rbac_admin"

// The authors of roles that nobody made by the API, as the RBAC plugin names them.
var authors = map[Source]string{FromFile: "csv permission policy file", FromConfiguration: "application configuration"}

const (
	adminDescription   = "The default permission policy for the admin role allows for the creation, deletion, updating, and reading of roles and permission policies."
	defaultDescription = "Role with default permissions for all users and groups."
)

// wanted is what the configuration and the files say.
type wanted struct {
	configured *roleSet
	// fromFile is nil when one of the files cannot be used: the roles of files stay as they are then.
	fromFile *roleSet
	// conditions are those of the file of conditions. When hasConditions is false, the stored ones stay.
	conditions    []lineOf[checkedCondition]
	hasConditions bool

	files    Files
	places   *places
	problems []Problem
	// taken are the roles that do not count because the API had created others under their names before.
	taken []string
}

// roleSet is all roles of one source, with their policies.
type roleSet struct {
	source   Source
	roles    []*wantedRole
	policies []Policy
	byRef    map[string]*wantedRole
}

// wantedRole is a role with the first line that names it.
type wantedRole struct {
	Role
	line int
}

func newRoleSet(source Source) *roleSet {
	return &roleSet{source: source, byRef: map[string]*wantedRole{}}
}

// role is the role with a reference, which is added if it is not there.
func (s *roleSet) role(ref string, line int) *wantedRole {
	if s.byRef[ref] == nil {
		s.byRef[ref] = &wantedRole{line: line, Role: Role{Ref: ref, Metadata: Metadata{Source: s.source, Author: authors[s.source], ModifiedBy: authors[s.source]}}}
		s.roles = append(s.roles, s.byRef[ref])
	}
	return s.byRef[ref]
}

func (s *roleSet) has(ref string) bool { return s.byRef[ref] != nil }

// remove removes a role with its policies.
func (s *roleSet) remove(ref string) {
	s.roles = slices.DeleteFunc(s.roles, func(r *wantedRole) bool { return r.Ref == ref })
	s.policies = slices.DeleteFunc(s.policies, func(p Policy) bool { return p.Role == ref })
	delete(s.byRef, ref)
}

// roles are the admins and the default role.
func (c Configured) roles() *roleSet {
	set := newRoleSet(FromConfiguration)
	if len(c.Admins) > 0 {
		role := set.role(adminRole, 0)
		role.Members, role.Metadata.Description = c.Admins, new(adminDescription)
		for _, p := range []Policy{
			{Permission: string(policy.PolicyEntity), Action: "read"},
			{Permission: string(policy.PolicyEntityCreate), Action: "create"},
			{Permission: string(policy.PolicyEntity), Action: "delete"},
			{Permission: string(policy.PolicyEntity), Action: "update"},
			{Permission: string(policy.CatalogEntity), Action: "read"},
		} {
			p.Role, p.Effect = adminRole, Allow
			set.policies = append(set.policies, p)
		}
	}
	if c.DefaultRole != "" {
		set.role(c.DefaultRole, 0).Metadata.Description = new(defaultDescription)
		set.policies = append(set.policies, ofRole(c.DefaultRole, c.DefaultPolicies)...)
	}
	return set
}

// parseFiles reads what the files say.
func (s *Service) parseFiles(files fileContents) *wanted { return s.parseNamed(s.options.Files, files) }

// parseNamed is parseFiles for files of other names.
func (s *Service) parseNamed(named Files, files fileContents) *wanted {
	w := &wanted{configured: s.options.Configured.roles(), files: named}
	var parsed policyFile
	if reason := files.policiesWrong; reason != "" {
		w.problems = append(w.problems, Problem{File: w.files.Policies, Reason: reason})
	} else {
		var problems []Problem
		parsed, problems = parsePolicies(w.files.Policies, files.policies)
		w.addPolicies(parsed, problems)
	}
	w.places = newPlaces(w.files, parsed)
	if reason := files.conditionsWrong; reason != "" {
		w.problems = append(w.problems, Problem{File: w.files.Conditions, Reason: reason})
		return w
	}
	conditions, problems := s.rules.parseConditions(w.files.Conditions, files.conditions)
	w.problems = append(w.problems, problems...)
	w.places.conditions = conditions
	w.conditions, w.hasConditions = conditions, len(problems) == 0
	return w
}

// tolerates reports whether the rest of a file with problems is used.
func (w *wanted) tolerates(problems []Problem) bool { return len(problems) == 0 || w.files.SkipInvalid }

func (w *wanted) addPolicies(parsed policyFile, problems []Problem) {
	w.problems = append(w.problems, problems...)
	if !w.tolerates(problems) {
		return
	}
	w.fromFile = newRoleSet(FromFile)
	for _, m := range parsed.members {
		role := w.fromFile.role(m.value.role, m.line)
		role.Members = append(role.Members, m.value.member)
	}
	for _, p := range parsed.policies {
		w.fromFile.role(p.value.Role, p.line)
		w.fromFile.policies = append(w.fromFile.policies, p.value)
	}
}

// sync makes the stored roles of the configuration and the files what they say.
func (c *change) sync(w *wanted) error {
	w.settle(c.stored)
	for _, set := range []*roleSet{w.configured, w.fromFile} {
		if set == nil {
			continue
		}
		if err := c.removeRoles(set.gone(c.roles)); err != nil {
			return err
		}
	}
	for _, set := range []*roleSet{w.configured, w.fromFile} {
		if set == nil {
			continue
		}
		if err := c.syncRoles(set); err != nil {
			return err
		}
	}
	return c.syncConditions(w)
}

// settle decides which of the files count, given what is stored. A role without its conditions could have more
// rights than the files say. So without usable conditions, the roles of the file of policies do not count
// either.
func (w *wanted) settle(now stored) {
	w.checkOrigins(now)
	if w.hasConditions {
		w.keepConditionsOf(w.rolesOfFile(now))
	}
	if !w.hasConditions {
		w.fromFile = nil
	}
}

// checkOrigins finds roles that already come from elsewhere. They stay as they are. A role of the API stands for
// itself alone: the rest of the file counts. One of the configuration is a mistake in the files.
func (w *wanted) checkOrigins(now stored) {
	for _, existing := range now.roles {
		if w.configured.has(existing.Ref) && existing.Metadata.Source == FromREST {
			w.configured.remove(existing.Ref)
			w.taken = append(w.taken, existing.Ref)
			w.problems = append(w.problems, Problem{File: "permission.rbac", Reason: existing.Ref + " was created by the API; delete it there"})
		}
	}
	if w.fromFile == nil {
		return
	}
	var problems []Problem
	for _, role := range slices.Clone(w.fromFile.roles) {
		existing, _ := now.role(role.Ref)
		switch {
		case w.configured.has(role.Ref):
			problems = append(problems, Problem{w.files.Policies, role.line, role.Ref + " comes from the configuration"})
			w.fromFile.remove(role.Ref)
		case existing.Metadata.Source == FromREST:
			w.problems = append(w.problems, Problem{w.files.Policies, role.line, role.Ref + " comes from the API"})
			w.skip(role.Ref)
		}
	}
	w.problems = append(w.problems, problems...)
	if !w.tolerates(problems) {
		w.fromFile = nil
	}
}

// skip leaves out a role of the file, with its policies and conditions, because the API has one of this name.
func (w *wanted) skip(ref string) {
	w.taken = append(w.taken, ref)
	w.fromFile.remove(ref)
	w.conditions = slices.DeleteFunc(slices.Clone(w.conditions), func(line lineOf[checkedCondition]) bool { return line.value.Role == ref })
}

// gone are the stored roles of the set's source that the set does not have, and those of a file that the
// configuration now has.
func (s *roleSet) gone(roles []Role) []string {
	var refs []string
	for _, r := range roles {
		moved := s.source == FromConfiguration && r.Metadata.Source == FromFile && s.has(r.Ref)
		if moved || r.Metadata.Source == s.source && !s.has(r.Ref) {
			refs = append(refs, r.Ref)
		}
	}
	return refs
}

// syncRoles adds and changes the roles of one source, with their policies.
func (c *change) syncRoles(set *roleSet) error {
	for _, role := range set.roles {
		if err := c.syncRole(role.Role); err != nil {
			return err
		}
	}
	var policies []Policy
	for _, p := range c.stored.policies {
		if existing, _ := c.role(p.Role); set.has(p.Role) && existing.Metadata.Source == set.source {
			policies = append(policies, p)
		}
	}
	if err := c.removePolicies(without(policies, set.policies)); err != nil {
		return err
	}
	return c.addPolicies(without(set.policies, policies))
}

// syncRole adds a role, or gives it the members that it is to have.
func (c *change) syncRole(role Role) error {
	existing, found := c.role(role.Ref)
	if !found || existing.Metadata.Source != role.Metadata.Source {
		return c.addRole(role)
	}
	added, removed := without(role.Members, existing.Members), without(existing.Members, role.Members)
	if len(added)+len(removed) == 0 {
		return nil
	}
	if err := c.changeRole(existing, role); err != nil {
		return err
	}
	if err := c.removeMembers(role.Ref, removed); err != nil {
		return err
	}
	return c.addMembers(role.Ref, added)
}

// keepConditionsOf keeps the conditions of roles that the file of policies has. Others are problems.
func (w *wanted) keepConditionsOf(fromFile map[string]bool) {
	problems := ofUnknownRoles(w.files.Conditions, w.conditions, fromFile)
	w.problems = append(w.problems, problems...)
	w.conditions = slices.DeleteFunc(slices.Clone(w.conditions), func(line lineOf[checkedCondition]) bool {
		return !fromFile[line.value.Role]
	})
	w.hasConditions = w.tolerates(problems)
}

// ofUnknownRoles are the conditions of roles that are not known, as problems.
func ofUnknownRoles(file string, conditions []lineOf[checkedCondition], known map[string]bool) (problems []Problem) {
	for _, line := range conditions {
		if !known[line.value.Role] {
			problems = append(problems, Problem{file, line.line, line.value.Role + " is not a role in the file of policies"})
		}
	}
	return problems
}

// syncConditions makes the conditions of the roles of the file what the file of conditions says. One that is
// about the same as a stored one keeps its id.
func (c *change) syncConditions(w *wanted) error {
	if !w.hasConditions {
		return nil
	}
	fromFile := w.rolesOfFile(c.stored)
	left := slices.DeleteFunc(slices.Clone(c.conditions), func(stored Condition) bool { return !fromFile[stored.Role] })
	for _, line := range w.conditions {
		var err error
		if left, err = c.syncCondition(line.value.ConditionSpec, left); err != nil {
			return err
		}
	}
	return c.removeConditions(left...)
}

// rolesOfFile are the roles that the file has, or had when it was last used.
func (w *wanted) rolesOfFile(now stored) map[string]bool {
	refs := map[string]bool{}
	if w.fromFile != nil {
		for _, r := range w.fromFile.roles {
			refs[r.Ref] = true
		}
		return refs
	}
	for _, r := range now.roles {
		refs[r.Ref] = r.Metadata.Source == FromFile && !w.configured.has(r.Ref)
	}
	return refs
}

// syncCondition stores one condition, and returns the stored ones that are left.
func (c *change) syncCondition(spec ConditionSpec, stored []Condition) (left []Condition, err error) {
	at := slices.IndexFunc(stored, func(other Condition) bool { return len(overlap(spec, other.ConditionSpec)) > 0 })
	if at < 0 {
		_, err = c.addCondition(spec)
		return stored, err
	}
	if !spec.sameAs(stored[at].ConditionSpec) {
		err = c.changeCondition(stored[at], spec)
	}
	return slices.Delete(stored, at, at+1), err
}
