// Package policytest provides deciders for tests.
package policytest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// Deny is the entry of a denied permission.
const Deny = "DENY"

// Table is a decider. An entry is Deny, or the criteria under which the permission is granted, as JSON, with
// the aliases of Backstage's RBAC: "$currentUser" is the caller's reference, and "$ownerRefs" in a list are
// all the caller's ownership references. Permissions without an entry are granted. Portico itself has all
// permissions, and anonymous callers have none.
type Table map[policy.Permission]string

// Decide implements policy.Decider. An entry that is not valid criteria is an error.
func (t Table) Decide(_ context.Context, principal identity.Principal, permission policy.Permission) (policy.Decision, error) {
	entry, listed := t[permission]
	switch {
	case principal.Kind == identity.KindNone || listed && entry == Deny && principal.Kind != identity.KindSystem:
		return policy.Decision{Result: policy.Denied}, nil
	case !listed || principal.Kind == identity.KindSystem:
		return policy.Decision{Result: policy.Allowed}, nil
	}
	conditions, err := criteria(entry, principal)
	return policy.Decision{Result: policy.Conditional, Conditions: conditions}, err
}

func criteria(entry string, principal identity.Principal) (policy.Criteria, error) {
	owners := make([]string, len(principal.Ownership))
	for i, ref := range principal.Ownership {
		owners[i] = fmt.Sprintf("%q", ref)
	}
	entry = strings.NewReplacer(`"$currentUser"`, fmt.Sprintf("%q", principal.Subject), `"$ownerRefs"`, strings.Join(owners, ",")).Replace(entry)
	var conditions policy.Criteria
	err := json.Unmarshal([]byte(entry), &conditions)
	return conditions, err
}

// Owned is the criteria of the entities that the caller owns.
const Owned = `{"rule":"IS_ENTITY_OWNER","resourceType":"catalog-entity","params":{"claims":["$ownerRefs"]}}`

// Started is the criteria of the runs that the caller started.
const Started = `{"rule":"IS_TASK_OWNER","resourceType":"scaffolder-task","params":{"createdBy":["$currentUser"]}}`

// Conditions is a decider that grants users every permission on resources of one type under the same
// criteria, which a test may change between two requests. Other principals have all permissions.
type Conditions struct {
	ResourceType policy.ResourceType
	Criteria     policy.Criteria
}

// Decide implements policy.Decider.
func (c *Conditions) Decide(_ context.Context, principal identity.Principal, permission policy.Permission) (policy.Decision, error) {
	if principal.Kind != identity.KindUser || permission.ResourceType() != c.ResourceType {
		return policy.Decision{Result: policy.Allowed}, nil
	}
	return policy.Decision{Result: policy.Conditional, Conditions: c.Criteria}, nil
}

// Generate generates random criteria of at most this depth.
func Generate(random *rand.Rand, depth int, leaf func() policy.Criteria) policy.Criteria {
	several := func() []policy.Criteria {
		parts := make([]policy.Criteria, 1+random.IntN(3))
		for i := range parts {
			parts[i] = Generate(random, depth-1, leaf)
		}
		return parts
	}
	form := random.IntN(4)
	switch {
	case depth == 0 || form == 0:
		return leaf()
	case form == 1:
		return policy.Criteria{AnyOf: several()}
	case form == 2:
		return policy.Criteria{AllOf: several()}
	default:
		inner := Generate(random, depth-1, leaf)
		return policy.Criteria{Not: &inner}
	}
}
