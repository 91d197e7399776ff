package rbac

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/recall"
)

const (
	// groupsValidity is how long the groups of a user are remembered, and groupsRemembered of how many users.
	groupsValidity   = time.Second
	groupsRemembered = 10_000
	// maxGroups bounds the groups of a user. A user in more is refused: one of the others could have a role
	// that denies.
	maxGroups = 10_000
	// MaxDepth bounds the levels of groups above those that a user is a member of.
	MaxDepth = 32
)

// Query asks for a permission that need not be one of Portico's. Action is "" for a permission without an
// action, ResourceType "" for one without resources.
type Query struct {
	Permission   string
	Action       string
	ResourceType policy.ResourceType
}

// target is what policies that name the permission are about.
func (q Query) target() target { return target{q.Permission, cmp.Or(q.Action, noAction)} }

// deputy is the query that decides where nothing names a permission of Portico's own, the zero value without one.
func (q Query) deputy() Query {
	if deputy := policy.Permission(q.Permission).Deputy(); deputy != "" {
		return queryAbout(deputy)
	}
	return Query{}
}

// typeTarget is what policies on the resource type are about; its object is "" without one, and where policies on the
// type do not count.
func (q Query) typeTarget() target {
	about := q.target()
	about.object = string(q.ResourceType)
	if countsByNameOnly(q.Permission) {
		about.object = ""
	}
	// This permission had a resource type in older releases, and roles still have policies on it.
	if q.Permission == string(policy.PolicyEntityCreate) {
		about.object = string(policy.PolicyEntity)
	}
	return about
}

// GroupsOf finds the groups of a user, and the groups above them up to a number of levels; at most limit of
// all.
type GroupsOf func(ctx context.Context, user string, levels, limit int) ([]string, error)

// DeciderOptions configure a Decider.
type DeciderOptions struct {
	Log      *slog.Logger
	GroupsOf GroupsOf
	// LinksOf finds how a user belongs to groups, for explanations. Nil explains without it.
	LinksOf LinksOf
	// SuperUsers are users and groups that may do everything.
	SuperUsers []string
	// Depth is how many levels of groups above a user's own count; at most MaxDepth.
	Depth int
	// PoliciesFirst has policies decide before conditions. Otherwise a condition of any role decides.
	PoliciesFirst bool
	// ByOwnership has the caller's ownership references count as members too, beside the groups in the
	// catalog.
	ByOwnership bool
}

// Decider decides by roles. It is safe for concurrent use, and loading roles never makes a decision wait. A
// Decider without roles allows users nothing.
type Decider struct {
	options  DeciderOptions
	snapshot atomic.Pointer[snapshot]
	groups   *recall.Memory[string, []string]
}

// NewDecider makes a decider without roles. A Service loads them.
func NewDecider(options DeciderOptions) *Decider {
	d := &Decider{options: options, groups: recall.New[string, []string](groupsRemembered, groupsValidity)}
	d.snapshot.Store(&snapshot{})
	return d
}

// Decide implements policy.Decider.
func (d *Decider) Decide(ctx context.Context, principal identity.Principal, permission policy.Permission) (policy.Decision, error) {
	return d.decideKnown(ctx, principal, permission, nil)
}

func (d *Decider) decideKnown(ctx context.Context, principal identity.Principal, permission policy.Permission, seen *recorder) (policy.Decision, error) {
	if principal.Kind != identity.KindUser || !policy.TokenPermits(principal, permission) {
		return policy.AllowKnown{}.Decide(ctx, principal, permission)
	}
	return d.decideQuery(ctx, principal, queryAbout(permission), seen)
}

// queryAbout is the query for a permission of Portico.
func queryAbout(permission policy.Permission) Query {
	return Query{Permission: string(permission), Action: permission.Action(), ResourceType: permission.ResourceType()}
}

// DecideQuery decides about a permission that the caller describes. Only users have roles: others are
// refused. An error means that the caller's groups could not be read. What goes wrong in a decision itself is
// logged and denied.
func (d *Decider) DecideQuery(ctx context.Context, principal identity.Principal, q Query) (policy.Decision, error) {
	return d.decideQuery(ctx, principal, q, nil)
}

// decideQuery is DecideQuery. The recorder gets what the decision is made from.
func (d *Decider) decideQuery(ctx context.Context, principal identity.Principal, q Query, seen *recorder) (policy.Decision, error) {
	if principal.Kind != identity.KindUser {
		return policy.Decision{Result: policy.Denied}, nil
	}
	if ref := d.superUser(principal); ref != "" {
		seen.superUser(ref)
		return policy.Decision{Result: policy.Allowed}, nil
	}
	now := d.snapshot.Load()
	roles, err := d.roles(ctx, now, principal, seen)
	if err != nil {
		return policy.Decision{}, err
	}
	decision, err := d.decide(now, roles, principal, q, seen)
	if err != nil {
		seen.failed(err)
		d.options.Log.ErrorContext(ctx, "a decision failed and is a denial", "principal", principal.Subject, "permission", q.Permission, "error", err)
		return policy.Decision{Result: policy.Denied}, nil
	}
	return decision, nil
}

// superUser is the reference by which a principal may do everything, "" if there is none.
func (d *Decider) superUser(principal identity.Principal) string {
	for _, ref := range d.options.SuperUsers {
		if ref == principal.Subject || slices.Contains(principal.Ownership, ref) {
			return ref
		}
	}
	return ""
}

// roles are the roles of a user, with those of their groups.
func (d *Decider) roles(ctx context.Context, now *snapshot, principal identity.Principal, seen *recorder) ([]string, error) {
	var groups []string
	if now.hasGroups {
		var err error
		if groups, err = d.groupsOf(ctx, principal.Subject); err != nil {
			return nil, err
		}
	}
	return d.rolesIn(now, principal, groups, seen), nil
}

// rolesIn are the roles of a user who is in these groups.
func (d *Decider) rolesIn(now *snapshot, principal identity.Principal, groups []string, seen *recorder) []string {
	subjects := []string{principal.Subject}
	if d.options.ByOwnership {
		subjects = append(subjects, principal.Ownership...)
	}
	subjects = append(subjects, groups...)
	roles := now.roles(subjects)
	seen.roles(now, subjects, roles)
	return roles
}

func (d *Decider) groupsOf(ctx context.Context, user string) ([]string, error) {
	if groups, known := d.groups.Get(user); known {
		return groups, nil
	}
	groups, err := d.options.GroupsOf(ctx, user, d.options.Depth, maxGroups+1)
	if err != nil {
		return nil, fmt.Errorf("groups of %s: %w", user, err)
	}
	if err := checkGroups(user, groups); err != nil {
		return nil, err
	}
	d.groups.Remember(user, groups)
	return groups, nil
}

func checkGroups(user string, groups []string) error {
	if len(groups) > maxGroups {
		return fault.New(fault.NotAllowed, "%s is in more than %d groups, too many to decide what they may do", user, maxGroups)
	}
	return nil
}

// decide is the order of the RBAC plugin: conditions, then policies that name the permission, then policies
// on its resource type. One of Portico's own is decided by what names it, else by its deputy.
func (d *Decider) decide(now *snapshot, roles []string, principal identity.Principal, q Query, seen *recorder) (policy.Decision, error) {
	if deputy := q.deputy(); deputy.Permission != "" && !now.names(roles, q) {
		seen.decidesAs(policy.Permission(deputy.Permission))
		q = deputy
	}
	about, byType := q.target(), q.typeTarget()
	if byType.object != "" && !now.has(about, roles) {
		about = byType
	}
	if q.ResourceType != "" && !(d.options.PoliciesFirst && now.has(about, roles)) {
		conditions, collision := now.conditionsOn(roles, q)
		if collision != "" {
			return policy.Decision{}, fmt.Errorf("%s has several conditions on it", collision)
		}
		if len(conditions) > 0 {
			seen.conditions(conditions)
			return conditional(conditions, principal)
		}
	}
	seen.policies(now, roles, about)
	if now.allows(roles, about) {
		return policy.Decision{Result: policy.Allowed}, nil
	}
	return policy.Decision{Result: policy.Denied}, nil
}

// conditional allows under any of the conditions.
func conditional(conditions []*checkedCondition, principal identity.Principal) (policy.Decision, error) {
	joined := conditions[0].criteria
	if len(conditions) > 1 {
		joined = policy.Criteria{}
		for _, c := range conditions {
			joined.AnyOf = append(joined.AnyOf, c.criteria)
		}
	}
	criteria, err := forPrincipal(joined, principal)
	return policy.Decision{Result: policy.Conditional, Conditions: criteria}, err
}
