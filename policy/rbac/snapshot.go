package rbac

import (
	"cmp"
	"slices"
	"strings"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	casbinrbac "github.com/casbin/casbin/v2/rbac"
	"github.com/casbin/casbin/v2/rbac/default-role-manager"

	"github.com/portico-dev/portico/policy"
)

// snapshot is what decisions read: the roles at one moment. It never changes.
type snapshot struct {
	// rolesOf has the roles of each member, and everybody the role that all users have, "" for none.
	rolesOf  map[string][]string
	everyone string
	// hasGroups says that some role has a group as a member.
	hasGroups bool
	// enforcers has a casbin enforcer for each object (a permission or a resource type) and action that
	// policies are about.
	enforcers map[target]*enforcer
	// conditions has the conditions of each role.
	conditions map[string][]checkedCondition
}

// target is what a policy is about.
type target struct{ object, action string }

func newSnapshot(all stored, conditions []checkedCondition, everyone string) (*snapshot, error) {
	s := &snapshot{rolesOf: map[string][]string{}, everyone: everyone, enforcers: map[target]*enforcer{}, conditions: map[string][]checkedCondition{}}
	for _, role := range all.roles {
		for _, member := range role.Members {
			s.rolesOf[member] = append(s.rolesOf[member], role.Ref)
			s.hasGroups = s.hasGroups || strings.HasPrefix(member, kindGroup+":")
		}
	}
	lines := map[target][]Policy{}
	for _, p := range all.policies {
		about := target{p.Permission, p.Action}
		lines[about] = append(lines[about], p)
	}
	for about, policies := range lines {
		var err error
		if s.enforcers[about], err = newEnforcer(policies); err != nil {
			return nil, err
		}
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

// enforcer is a casbin enforcer with the policies about one object and action. The matcher requires that both
// are equal, so no other policy could match, and casbin has few policies to go through.
type enforcer struct {
	casbin *casbin.Enforcer
	// roles are those that have a policy here.
	roles map[string]bool
}

func newEnforcer(policies []Policy) (*enforcer, error) {
	parsed, err := model.NewModelFromString(modelText)
	if err != nil {
		return nil, err
	}
	e := &enforcer{roles: map[string]bool{}}
	if e.casbin, err = casbin.NewEnforcer(parsed, adapter(policies)); err != nil {
		return nil, err
	}
	e.casbin.SetRoleManager(heldRoles{defaultrolemanager.NewRoleManager(1)})
	if err := e.casbin.BuildRoleLinks(); err != nil { // it has the model use the role manager
		return nil, err
	}
	for _, p := range policies {
		e.roles[p.Role] = true
	}
	return e, nil
}

// anyOf reports whether one of the roles has a policy here.
func (e *enforcer) anyOf(roles []string) bool {
	return slices.ContainsFunc(roles, func(role string) bool { return e.roles[role] })
}

func (e *enforcer) allows(roles []string, about target) (bool, error) {
	return e.casbin.Enforce(asSubject(roles), about.object, about.action)
}

// heldRoles is casbin's role manager. The subject of a request is the list of all the roles that the caller
// has: the members are in the snapshot and the groups in the catalog, so casbin has no links of its own.
type heldRoles struct{ casbinrbac.RoleManager }

// HasLink reports whether a subject has a role.
func (heldRoles) HasLink(subject, role string, _ ...string) (bool, error) {
	return strings.Contains(subject, asSubject([]string{role})), nil
}

// asSubject joins roles with spaces, which no role has in its name.
func asSubject(roles []string) string { return " " + strings.Join(roles, " ") + " " }

// conditionsOn are the conditions of the roles on a permission. A role with two conditions on it decides
// nothing: collision is then its name.
func (s *snapshot) conditionsOn(roles []string, q Query) (found []policy.Criteria, collision string) {
	for _, role := range roles {
		before := len(found)
		for _, c := range s.conditions[role] {
			if c.ResourceType == q.ResourceType && c.about(q.Permission, cmp.Or(q.Action, noAction)) {
				found = append(found, c.criteria)
			}
		}
		if len(found) > before+1 {
			return nil, role
		}
	}
	return found, ""
}
