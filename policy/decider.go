package policy

import (
	"context"
	"fmt"
	"slices"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
)

// Decider decides what a principal may do. An error means that no decision could be made; callers then
// refuse.
type Decider interface {
	Decide(ctx context.Context, principal identity.Principal, permission Permission) (Decision, error)
}

// Decision is the result of a Decider. The zero value denies.
type Decision struct {
	Result Result
	// Conditions are the conditions of a Conditional decision on resources.
	Conditions Criteria
}

// Result is the result of a decision, in the words of Backstage's permission API.
type Result string

// The results. Any other value denies.
const (
	Denied      Result = "DENY"
	Allowed     Result = "ALLOW"
	Conditional Result = "CONDITIONAL"
)

// DeniedError is a refusal with the principal and the permission. It is a fault of kind NotAllowed.
type DeniedError struct {
	Principal  identity.Principal
	Permission Permission
	// Resource is the reference of the resource (an entity reference, a run's id), "" when there is none.
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

// HiddenError is a denial that looks to the principal as if there were no such resource: it has the kind and
// the text of that fault. The audit log has the denial.
type HiddenError struct {
	Permission Permission
	// Resource is the name of the resource, as in DeniedError.
	Resource string
	// Missing is the fault of a resource that does not exist.
	Missing error
}

func (e *HiddenError) Error() string { return e.Missing.Error() }

// Unwrap makes it the fault of a missing resource.
func (e *HiddenError) Unwrap() error { return e.Missing }

func subject(p identity.Principal) string {
	if p.Subject == "" {
		return "an unauthenticated caller"
	}
	return p.Subject
}

// Require checks a permission that does not depend on a resource: one without a resource type, or one whose
// resources have no rules. A conditional decision is refused like a denial, because the conditions cannot be
// checked here. A refusal is a *DeniedError that names the resource, if it is not "".
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

// AllowKnown decides without roles. It allows authenticated principals everything within the restrictions of
// their tokens, except that users may not administrate. It allows others nothing.
type AllowKnown struct {
	// Administrators lets users administrate too: for an installation with a single user.
	Administrators bool
}

// Decide implements Decider.
func (a AllowKnown) Decide(_ context.Context, principal identity.Principal, permission Permission) (Decision, error) {
	needsRole := principal.Kind == identity.KindUser && slices.Contains(administrative, permission) && !a.Administrators
	if needsRole || !TokenPermits(principal, permission) {
		return Decision{Result: Denied}, nil
	}
	return Decision{Result: Allowed}, nil
}

// TokenPermits reports whether the principal is authenticated, and the restrictions of its token permit a
// permission. Every decider checks it first.
func TokenPermits(principal identity.Principal, permission Permission) bool {
	refused := func(restriction identity.Restriction) bool { return !permits(restriction, permission) }
	return principal.Kind != identity.KindNone && !slices.ContainsFunc(principal.Restrictions, refused)
}
