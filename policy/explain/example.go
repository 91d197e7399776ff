package explain

import (
	"context"

	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/policy/authorize"
	"github.com/portico-dev/portico/policy/rbac"
)

// Meets reports whether one resource meets criteria.
type Meets func(criteria policy.Criteria) (bool, error)

// Principal explains the decision of roles about a principal whom the caller vouches for, and about a
// resource that need not be stored; nil is no resource. Nobody is asked for permission: it is for tests of
// policies.
func Principal(ctx context.Context, roles *rbac.Decider, principal identity.Principal, q Question, resource Meets) (Explanation, error) {
	q.Query = authorize.Described(q.Query)
	explained, err := roles.Explain(ctx, principal, q.Query)
	if err != nil {
		return Explanation{}, err
	}
	e := describe(principal, q)
	e.Explanation = explained
	if resource == nil {
		return e.on(nil)
	}
	return e.on(func(criteria policy.Criteria, _ bool) (Verdict, error) {
		meets, err := resource(criteria)
		if meets {
			return Holds, err
		}
		return Fails, err
	})
}
