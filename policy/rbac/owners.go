package rbac

import (
	"slices"

	"github.com/portico-dev/portico/policy"
)

// Rules are the permission rules of the resource type policy-entity: roles, with their policies and
// conditions.
var Rules = policy.Rules[Role, filter]{
	ResourceType: policy.PolicyEntity,
	ByName: map[string]policy.Rule[filter]{
		"IS_OWNER": policy.NewRule("owners", func(p struct{ Owners []string }) filter {
			return func(r Role) bool { return r.Metadata.Owner != nil && slices.Contains(p.Owners, *r.Metadata.Owner) }
		}),
	},
	All: func(filters []filter) filter {
		return func(r Role) bool { return !slices.ContainsFunc(filters, func(f filter) bool { return !f(r) }) }
	},
	Any: func(filters []filter) filter {
		return func(r Role) bool { return slices.ContainsFunc(filters, func(f filter) bool { return f(r) }) }
	},
	Not:    func(f filter) filter { return func(r Role) bool { return !f(r) } },
	Allows: func(f filter, r Role) bool { return f(r) },
}

// filter is a condition on roles. There are few, so none of it becomes SQL.
type filter func(Role) bool

// grant is the roles on which a principal has a permission.
type grant = policy.Grant[Role, filter]
