package rbac

import (
	"cmp"
	"context"
	"slices"

	"github.com/portico-dev/portico/identity"
)

// Holdings are the roles of a user.
type Holdings struct {
	// SuperUser is the user or group by which the user may do everything, "" without one. Roles do not matter
	// then, and are left out.
	SuperUser string    `json:"superUser,omitempty"`
	Roles     []Holding `json:"roles"`
}

// Holding is a role of a user, with what it says.
type Holding struct {
	HeldRole

	Description string `json:"description,omitempty"`
	// Permits are what the role says about permissions, in order; at most maxPermits. Total counts all.
	Permits []Permit `json:"permits"`
	Total   int      `json:"total"`
}

// Permit is what a role says about a permission, or about all permissions of a resource type that have an
// action.
type Permit struct {
	// Name is a permission or a resource type.
	Name   string `json:"name"`
	Action string `json:"action"`
	// Effect is allow, deny or conditional.
	Effect string `json:"effect"`
}

const (
	maxPermits = 200
	// effectConditional is the effect of a condition.
	effectConditional = "conditional"
)

// Holdings returns the roles of a user, as decisions about them see them.
func (d *Decider) Holdings(ctx context.Context, principal identity.Principal) (Holdings, error) {
	held := Holdings{SuperUser: d.superUser(principal), Roles: []Holding{}}
	if held.SuperUser != "" {
		return held, nil
	}
	seen := &recorder{}
	if _, err := d.roles(ctx, d.snapshot.Load(), principal, seen); err != nil {
		return Holdings{}, err
	}
	roles, err := d.heldRoles(ctx, principal.Subject, seen)
	if err != nil {
		return Holdings{}, err
	}
	for _, each := range roles {
		held.Roles = append(held.Roles, seen.now.holding(each))
	}
	return held, nil
}

func (s *snapshot) holding(of HeldRole) Holding {
	role, _ := s.all.role(of.Role)
	permits := []Permit{}
	for _, p := range s.all.policies {
		if p.Role == of.Role {
			permits = append(permits, Permit{p.Permission, p.Action, p.Effect})
		}
	}
	for _, c := range s.conditions[of.Role] {
		for _, about := range c.Permissions {
			permits = append(permits, Permit{cmp.Or(about.Name, string(c.ResourceType)), about.Action, effectConditional})
		}
	}
	slices.SortFunc(permits, func(a, b Permit) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Action, b.Action), cmp.Compare(a.Effect, b.Effect))
	})
	h := Holding{HeldRole: of, Permits: permits[:min(len(permits), maxPermits)], Total: len(permits)}
	if role.Metadata.Description != nil {
		h.Description = *role.Metadata.Description
	}
	return h
}

// Ways finds the shortest ways from a user to groups. The result lists the groups on the way to a group, which
// is the last.
func Ways(ctx context.Context, linksOf LinksOf, user string, groups []string) (func(group string) []string, error) {
	ways, err := waysUp(ctx, linksOf, user, groups)
	return func(group string) []string { return ways.path(user, group) }, err
}
