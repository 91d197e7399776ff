package policy

import (
	"context"
	"fmt"
	"slices"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
)

// Decider decides what a principal may do. An error means that no decision could be made; callers refuse
// then.
type Decider interface {
	Decide(ctx context.Context, principal identity.Principal, permission Permission) (Decision, error)
}

// Decision is a decider's answer. The zero value denies.
type Decision struct {
	Result Result
	// Conditions say which resources a Conditional decision allows.
	Conditions Criteria
}

// Result is the result of a decision, in the words of Backstage's permission API.
type Result string

// The results. Whatever is none of them denies.
const (
	Denied      Result = "DENY"
	Allowed     Result = "ALLOW"
	Conditional Result = "CONDITIONAL"
)

// DeniedError says who was refused what. It is a fault of kind NotAllowed.
type DeniedError struct {
	Principal  identity.Principal
	Permission Permission
	// Resource is the reference of the thing concerned (an entity reference, a run's id), "" when there is
	// none.
	Resource string
}

func (e *DeniedError) Error() string {
	refusal := fmt.Sprintf("%s may not %s", subject(e.Principal), e.Permission)
	if e.Resource == "" {
		return refusal
	}
	return refusal + " on " + e.Resource
}

// Unwrap makes it a fault of kind NotAllowed.
func (e *DeniedError) Unwrap() error { return fault.New(fault.NotAllowed, "%s", e.Error()) }

func subject(p identity.Principal) string {
	if p.Subject == "" {
		return "an unauthenticated caller"
	}
	return p.Subject
}

// Require asks for a permission that is had for everything or not at all: one without a resource type, or one
// whose resource nobody can tell apart by rules. Conditions are refused like a denial, because nothing here
// could check them. A refusal is a *DeniedError that names the resource, if it is not "".
func Require(ctx context.Context, decider Decider, principal identity.Principal, permission Permission, resource string) error {
	decision, err := decide(ctx, decider, principal, permission)
	if err == nil && decision.Result != Allowed {
		return &DeniedError{Principal: principal, Permission: permission, Resource: resource}
	}
	return err
}

func decide(ctx context.Context, decider Decider, principal identity.Principal, permission Permission) (Decision, error) {
	decision, err := decider.Decide(ctx, principal, permission)
	if err != nil {
		return Decision{}, fmt.Errorf("decide whether %s may %s: %w", subject(principal), permission, err)
	}
	return decision, nil
}

// AllowKnown allows every authenticated principal everything that its token is good for, and nobody else
// anything.
type AllowKnown struct{}

// Decide implements Decider.
func (AllowKnown) Decide(_ context.Context, principal identity.Principal, permission Permission) (Decision, error) {
	refused := func(restriction identity.Restriction) bool { return !permits(restriction, permission) }
	if principal.Kind == identity.KindNone || slices.ContainsFunc(principal.Restrictions, refused) {
		return Decision{Result: Denied}, nil
	}
	return Decision{Result: Allowed}, nil
}
