package rbac

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// Basis is what a decision was made by.
type Basis string

const (
	// ByToken is a decision without roles: the token of the caller permits the permission or not.
	ByToken Basis = "token"
	// BySuperUser is an approval because the caller is a super user.
	BySuperUser Basis = "superUser"
	// ByConditions is a decision by conditions of roles.
	ByConditions Basis = "conditions"
	// ByPolicies is a decision by policies of roles.
	ByPolicies Basis = "policies"
	// ByNothing is a denial because no role of the caller is about the permission.
	ByNothing Basis = "nothing"
	// ByFailure is a denial because the decision failed.
	ByFailure Basis = "failure"
)

// Explanation says what a decision was made from, and what would change it.
type Explanation struct {
	Basis Basis `json:"basis"`
	// SuperUser is the user or group that is a super user, of a decision BySuperUser.
	SuperUser string `json:"superUser,omitempty"`
	// Failure is why a decision ByFailure failed.
	Failure string `json:"failure,omitempty"`
	// DecidedAs is the permission of Backstage that decided, because no role of the user names Portico's own.
	DecidedAs policy.Permission `json:"decidedAs,omitempty"`
	// Roles are all roles that the user has.
	Roles []HeldRole `json:"roles"`
	// Policies are the policies that decided, of a decision ByPolicies. One that denies counts before those that
	// allow.
	Policies []PlacedPolicy `json:"policies"`
	// Conditions are the conditions that decided, of a decision ByConditions. One of them must hold.
	Conditions []PlacedCondition `json:"conditions"`
	// Changes are roles that would allow more, the smallest first; at most maxChanges.
	Changes []Change `json:"changes"`
	// Maintainers are users and groups who may change roles; at most maxMaintainers. There are none for an
	// approval.
	Maintainers []string `json:"maintainers"`

	// Decision is the decision.
	Decision policy.Decision `json:"-"`
}

// NamedRole is a role with where it comes from.
type NamedRole struct {
	Role   string `json:"role"`
	Source Source `json:"source"`
	// Owner is a user or group, "" if the role has none.
	Owner string `json:"owner,omitempty"`
}

// HeldRole is a role of a user.
type HeldRole struct {
	NamedRole
	// Groups lead from the user to the role: a group of the user, the groups above it, and last the one that is
	// a member of the role. There are none if the user is a member, or if everybody has the role.
	Groups []string `json:"groups"`
	// Everybody says that all users have the role.
	Everybody bool `json:"everybody,omitempty"`
	// Place is the line with the membership.
	Place
}

// PlacedPolicy is a policy with where it comes from.
type PlacedPolicy struct {
	Policy

	Source Source `json:"source"`
	Place
}

// PlacedCondition is a condition with where it comes from.
type PlacedCondition struct {
	Condition

	Source Source `json:"source"`
	Place
}

// Doing is what a Change does with a role.
type Doing string

const (
	// Join gives a role to the user.
	Join Doing = "join"
	// Leave takes a role from the user.
	Leave Doing = "leave"
)

// Change is a change of one role of the user after which the decision allows more.
type Change struct {
	Do Doing `json:"do"`
	NamedRole
	// Result is the decision after the change, by these policies or conditions.
	Result     policy.Result     `json:"result"`
	Policies   []PlacedPolicy    `json:"policies"`
	Conditions []PlacedCondition `json:"conditions"`

	// Decision is the decision after the change.
	Decision policy.Decision `json:"-"`
}

const (
	maxChanges     = 5
	maxMaintainers = 10
)

// recorder collects what a decision is made from, while it is made. A nil recorder collects nothing. So a
// decision and its explanation are made by the same code.
type recorder struct {
	basis    Basis
	super    string
	failure  string
	deputy   policy.Permission
	now      *snapshot
	subjects []string
	held     []string
	criteria []*checkedCondition
	deciding []Policy
}

func (r *recorder) superUser(ref string) {
	if r != nil {
		r.basis, r.super = BySuperUser, ref
	}
}

// roles records the roles of subjects: the user, and groups, the nearest first.
func (r *recorder) roles(now *snapshot, subjects, roles []string) {
	if r != nil {
		r.basis, r.now, r.subjects, r.held = ByNothing, now, subjects, roles
	}
}

func (r *recorder) decidesAs(deputy policy.Permission) {
	if r != nil {
		r.deputy = deputy
	}
}

func (r *recorder) conditions(conditions []*checkedCondition) {
	if r != nil {
		r.basis, r.criteria = ByConditions, conditions
	}
}

func (r *recorder) policies(now *snapshot, roles []string, about target) {
	if r == nil || !now.has(about, roles) {
		return
	}
	r.basis = ByPolicies
	for _, p := range now.all.policies {
		if p.Permission == about.object && p.Action == about.action && slices.Contains(roles, p.Role) {
			r.deciding = append(r.deciding, p)
		}
	}
}

func (r *recorder) failed(err error) {
	if r != nil {
		r.basis, r.failure = ByFailure, err.Error()
	}
}

// Explain decides like Decide, or like DecideQuery about a permission that Portico does not know, and says
// what the decision was made from. Who may ask is for the caller to check.
func (d *Decider) Explain(ctx context.Context, principal identity.Principal, q Query) (Explanation, error) {
	seen := &recorder{basis: ByToken}
	decision, err := d.recorded(ctx, principal, q, seen)
	if err != nil {
		return Explanation{}, err
	}
	e := Explanation{Decision: decision, Basis: seen.basis, SuperUser: seen.super, Failure: seen.failure, DecidedAs: seen.deputy,
		Roles: []HeldRole{}, Changes: []Change{}, Maintainers: []string{}}
	e.Policies, e.Conditions = seen.placed()
	if seen.now == nil {
		return e, nil
	}
	if e.Roles, err = d.heldRoles(ctx, principal.Subject, seen); err != nil {
		return Explanation{}, err
	}
	if decision.Result != policy.Allowed {
		e.Changes, e.Maintainers = d.changes(principal, q, seen, decision), d.maintainers(seen.now)
	}
	return e, nil
}

func (d *Decider) recorded(ctx context.Context, principal identity.Principal, q Query, seen *recorder) (policy.Decision, error) {
	if permission := policy.Permission(q.Permission); permission.IsKnown() {
		return d.decideKnown(ctx, principal, permission, seen)
	}
	return d.decideQuery(ctx, principal, q, seen)
}

// placed are what decided, with where it comes from.
func (r *recorder) placed() ([]PlacedPolicy, []PlacedCondition) {
	policies, conditions := []PlacedPolicy{}, []PlacedCondition{}
	for _, p := range r.deciding {
		policies = append(policies, PlacedPolicy{p, r.now.named(p.Role).Source, r.now.places.ofPolicy(p)})
	}
	for _, c := range r.criteria {
		conditions = append(conditions, PlacedCondition{c.Condition, r.now.named(c.Role).Source, r.now.places.ofCondition(c.Condition)})
	}
	return policies, conditions
}

// named is a role with where it comes from.
func (s *snapshot) named(ref string) NamedRole {
	role, _ := s.all.role(ref)
	named := NamedRole{Role: ref, Source: role.Metadata.Source}
	if role.Metadata.Owner != nil {
		named.Owner = *role.Metadata.Owner
	}
	return named
}

// heldRoles are the recorded roles, each with how the user has it.
func (d *Decider) heldRoles(ctx context.Context, user string, seen *recorder) ([]HeldRole, error) {
	above, err := waysUp(ctx, d.options.LinksOf, user, seen.subjects[1:])
	if err != nil {
		return nil, err
	}
	held := make([]HeldRole, len(seen.held))
	for i, role := range seen.held {
		held[i] = HeldRole{NamedRole: seen.now.named(role), Groups: []string{}}
		at := slices.IndexFunc(seen.subjects, func(subject string) bool { return slices.Contains(seen.now.rolesOf[subject], role) })
		if at < 0 {
			held[i].Everybody = true
			continue
		}
		held[i].Place = seen.now.places.ofMember(seen.subjects[at], role)
		if at > 0 {
			held[i].Groups = above.path(user, seen.subjects[at])
		}
	}
	return held, nil
}

// changes are the roles that allow more than a decision if the user joins or leaves them. Each is tried with
// the code that decides. Roles with few policies and conditions are first, because they give the least
// besides.
func (d *Decider) changes(principal identity.Principal, q Query, seen *recorder, before policy.Decision) []Change {
	changes := []Change{}
	for _, role := range seen.now.all.roles {
		change := Change{Do: Join, NamedRole: seen.now.named(role.Ref)}
		roles := slices.Sorted(slices.Values(append([]string{role.Ref}, seen.held...)))
		if slices.Contains(seen.held, role.Ref) {
			change.Do, roles = Leave, without(seen.held, []string{role.Ref})
		}
		if role.Ref == seen.now.everyone {
			continue // all have it, and nobody can leave it
		}
		after := &recorder{now: seen.now}
		var err error
		if change.Decision, err = d.decide(seen.now, roles, principal, q, after); err != nil {
			continue
		}
		change.Result = change.Decision.Result
		if !allowsMore(change, before.Result, len(after.criteria) > len(seen.criteria)) {
			continue
		}
		change.Policies, change.Conditions = after.placed()
		changes = append(changes, change)
	}
	size := seen.now.sizes()
	slices.SortStableFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(size[a.Role], size[b.Role]), cmp.Compare(a.Role, b.Role))
	})
	return changes[:min(len(changes), maxChanges)]
}

// allowsMore compares a change with the decision before it. A further condition can allow more.
func allowsMore(change Change, before policy.Result, furtherCondition bool) bool {
	switch change.Result {
	case policy.Allowed:
		return true
	case policy.Conditional:
		return before == policy.Denied || furtherCondition
	default:
		return false
	}
}

// rank has changes that allow everything before those with conditions, and joining a role before leaving one.
func rank(c Change) int {
	order := []struct {
		result policy.Result
		do     Doing
	}{{policy.Allowed, Join}, {policy.Allowed, Leave}, {policy.Conditional, Join}}
	for i, place := range order {
		if c.Result == place.result && c.Do == place.do {
			return i
		}
	}
	return len(order)
}

// sizes are how many policies and conditions each role has.
func (s *snapshot) sizes() map[string]int {
	size := map[string]int{}
	for _, p := range s.all.policies {
		size[p.Role]++
	}
	for _, c := range s.all.conditions {
		size[c.Role]++
	}
	return size
}

// maintainers are the members of roles that may change all roles, and the super users.
func (d *Decider) maintainers(now *snapshot) []string {
	all := slices.Clone(d.options.SuperUsers)
	for _, role := range now.all.roles {
		decision, err := d.decide(now, []string{role.Ref}, identity.Principal{}, queryAbout(policy.PolicyEntityUpdate), nil)
		if err == nil && decision.Result == policy.Allowed {
			all = append(all, role.Members...)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return append([]string{}, all[:min(len(all), maxMaintainers)]...)
}

// Link is the membership of a user in a group, or of a group in the group above it.
type Link struct{ Member, Group string }

// LinksOf finds the links of a user and of groups.
type LinksOf func(ctx context.Context, user string, groups []string) ([]Link, error)

// memberships has for each group the one below it, or the user, on the shortest path from the user.
type memberships map[string]string

// waysUp finds the shortest paths from a user to groups.
func waysUp(ctx context.Context, linksOf LinksOf, user string, groups []string) (memberships, error) {
	below := memberships{}
	if len(groups) == 0 || linksOf == nil {
		return below, nil
	}
	links, err := linksOf(ctx, user, groups)
	if err != nil {
		return nil, fmt.Errorf("how %s belongs to groups: %w", user, err)
	}
	groupsOf := map[string][]string{}
	for _, link := range links {
		groupsOf[link.Member] = append(groupsOf[link.Member], link.Group)
	}
	for queue := []string{user}; len(queue) > 0; queue = queue[1:] {
		for _, group := range groupsOf[queue[0]] {
			if _, known := below[group]; !known && group != user {
				below[group] = queue[0]
				queue = append(queue, group)
			}
		}
	}
	return below, nil
}

// path is the groups from a user to a group, which is the last. Without links it is the group alone.
func (m memberships) path(user, group string) []string {
	path := []string{group}
	for below := m[group]; below != "" && below != user; below = m[below] {
		path = append(path, below)
	}
	slices.Reverse(path)
	return path
}
