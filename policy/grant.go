package policy

import (
	"context"
	"fmt"

	"github.com/portico-dev/portico/identity"
)

// Grant is what one permission allows one principal: nothing, everything, or the resources that match a
// filter. Statements that read resources take it as a parameter, so that they cannot run without a decision.
// The zero value allows nothing.
type Grant[R, F any] struct {
	result Result
	// filter and allows belong to a conditional grant.
	filter F
	allows func(filter F, resource R) bool
	// denied is the error for resources that are not covered.
	denied DeniedError
}

// Ask asks the decider for a permission on resources of the rules' type. A denial is not an error: the grant
// covers nothing. A permission on another resource type is an error, and so are invalid conditions.
func (r Rules[R, F]) Ask(ctx context.Context, decider Decider, principal identity.Principal, permission Permission) (Grant[R, F], error) {
	if permission.ResourceType() != r.ResourceType {
		return Grant[R, F]{}, fmt.Errorf("the permission %s is not about the resource type %q", permission, r.ResourceType)
	}
	decision, err := decide(ctx, decider, principal, permission)
	if err != nil {
		return Grant[R, F]{}, err
	}
	grant := Grant[R, F]{result: decision.Result, denied: DeniedError{Principal: principal, Permission: permission}}
	if decision.Result != Conditional {
		return grant, nil
	}
	grant.allows = r.Allows
	if grant.filter, err = r.Filter(decision.Conditions); err != nil {
		return Grant[R, F]{}, fmt.Errorf("the conditions under which %s may %s: %w", subject(principal), permission, err)
	}
	return grant, nil
}

// Everything is the grant for Portico's own internal work. No decider is asked.
func (Rules[R, F]) Everything() Grant[R, F] { return Grant[R, F]{result: Allowed} }

// IsNothing reports that the grant covers no resource.
func (g Grant[R, F]) IsNothing() bool { return g.result != Allowed && g.result != Conditional }

// Filter is the filter of a conditional grant; conditional is false when the grant covers everything or
// nothing.
func (g Grant[R, F]) Filter() (filter F, conditional bool) { return g.filter, g.result == Conditional }

// Allows reports whether the grant covers a resource.
func (g Grant[R, F]) Allows(resource R) bool {
	return g.result == Allowed || g.result == Conditional && g.allows(g.filter, resource)
}

// Check returns a *DeniedError with the name for a resource that the grant does not cover, else nil.
func (g Grant[R, F]) Check(resource R, name string) error {
	if g.Allows(resource) {
		return nil
	}
	return g.Refusal(name)
}

// Refusal is the *DeniedError for a resource that the grant does not cover. The name is "" without a
// resource.
func (g Grant[R, F]) Refusal(name string) error {
	denied := g.denied
	denied.Resource = name
	return &denied
}

// IsEverything reports that the grant covers every resource.
func (g Grant[R, F]) IsEverything() bool { return g.result == Allowed }

// Hide marks the fault about a missing resource as the denial of one that the principal must not notice.
func (g Grant[R, F]) Hide(name string, missing error) error {
	return &HiddenError{Permission: g.denied.Permission, Resource: name, Missing: missing}
}
