package rbac

import (
	"cmp"
	"slices"
	"strings"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
)

// snapshot is what decisions read: the roles at one moment. It never changes.
type snapshot struct {
	// loaded is false before the first roles are there.
	loaded bool
	// all is everything that the database had, and places has its places in files. Only explanations read
	// them.
	all    stored
	places *places
	// rolesOf has the roles of each member, and everybody the role that all users have, "" for none.
	rolesOf  map[string][]string
	everyone string
	// hasGroups says that some role has a group as a member.
	hasGroups bool
	// verdicts has, for each object (a permission or a resource type) and action, the roles with policies
	// about it, and what casbin decides about each of these roles.
	verdicts map[target]map[string]bool
	// conditions has the conditions of each role.
	conditions map[string][]checkedCondition
}

// target is what a policy is about.
type target struct{ object, action string }

func newSnapshot(all stored, conditions []checkedCondition, configured Configured, at *places) (*snapshot, error) {
	s := &snapshot{loaded: true, all: all, places: at, rolesOf: map[string][]string{}, verdicts: map[target]map[string]bool{}, conditions: map[string][]checkedCondition{}}
	for _, role := range all.roles {
		if configured.isDefault(role) {
			s.everyone = role.Ref
		}
		for _, member := range role.Members {
			s.rolesOf[member] = append(s.rolesOf[member], role.Ref)
			s.hasGroups = s.hasGroups || strings.HasPrefix(member, kindGroup+":")
		}
	}
	if err := s.judge(all.policies); err != nil {
		return nil, err
	}
	for _, c := range conditions {
		s.conditions[c.Role] = append(s.conditions[c.Role], c)
	}
	return s, nil
}

// roles are the roles of the subjects, each once and in order.
func (s *snapshot) roles(subjects []string) []string {
	var roles []string
	for _, subject := range subjects {
		roles = append(roles, s.rolesOf[subject]...)
	}
	if s.everyone != "" {
		roles = append(roles, s.everyone)
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}

// modelText is the casbin model of the RBAC plugin.
const modelText = `
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act, eft
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act
`

// judge has casbin decide about each role with policies, once and not in each request: casbin goes through
// all policies of an enforcer, which takes hundreds of microseconds. The matcher requires the same role,
// object and action, so each decision needs only the policies with these.
func (s *snapshot) judge(policies []Policy) error {
	parsed, err := model.NewModelFromString(modelText)
	if err != nil {
		return err
	}
	type subject struct {
		role  string
		about target
	}
	lines := map[subject]adapter{}
	for _, p := range policies {
		about := subject{p.Role, target{p.Permission, p.Action}}
		lines[about] = append(lines[about], p)
	}
	for of, lines := range lines {
		enforcer, err := casbin.NewEnforcer(parsed.Copy(), lines)
		if err != nil {
			return err
		}
		allowed, err := enforcer.Enforce(of.role, of.about.object, of.about.action)
		if err != nil {
			return err
		}
		if s.verdicts[of.about] == nil {
			s.verdicts[of.about] = map[string]bool{}
		}
		s.verdicts[of.about][of.role] = allowed
	}
	return nil
}

// has reports whether one of the roles has a policy about a target.
func (s *snapshot) has(about target, roles []string) bool {
	return slices.ContainsFunc(roles, func(role string) bool { _, has := s.verdicts[about][role]; return has })
}

// names reports whether one of the roles has a policy that names a permission, or a condition about it.
func (s *snapshot) names(roles []string, q Query) bool {
	if s.has(q.target(), roles) {
		return true
	}
	conditions, collision := s.conditionsOn(roles, q)
	return len(conditions) > 0 || collision != ""
}

// allows is the model's effect over several roles: some role with policies about the target allows it, and
// none denies it.
func (s *snapshot) allows(roles []string, about target) bool {
	some := false
	for _, role := range roles {
		allowed, has := s.verdicts[about][role]
		if has && !allowed {
			return false
		}
		some = some || has
	}
	return some
}

// conditionsOn are the conditions of the roles on a permission. A role with two conditions on it decides
// nothing: collision is then its name.
func (s *snapshot) conditionsOn(roles []string, q Query) (found []*checkedCondition, collision string) {
	for _, role := range roles {
		before := len(found)
		for i := range s.conditions[role] {
			c := &s.conditions[role][i]
			if c.ResourceType == q.ResourceType && c.about(q.Permission, cmp.Or(q.Action, noAction)) {
				found = append(found, c)
			}
		}
		if len(found) > before+1 {
			return nil, role
		}
	}
	return found, ""
}
