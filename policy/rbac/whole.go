package rbac

import (
	"context"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// WholeRole is a role with all that belongs to it, as the database had it at one moment.
type WholeRole struct {
	Role
	Place

	// MemberPlaces has the places of the members, in their order.
	MemberPlaces []Place
	Policies     []PlacedPolicy
	Conditions   []PlacedCondition
	// Version changes with every change of the role.
	Version string
	// MayUpdate and MayDelete say what the principal may do with the role, if its source is the API.
	MayUpdate, MayDelete bool
}

// RoleSummary is a role in a list, with the numbers of what belongs to it.
type RoleSummary struct {
	Role

	Policies, Conditions int
}

// Access is what a principal may do with roles at all.
type Access struct{ Read, Create policy.Result }

// Access says what a principal may do with roles at all. Everybody may ask about themselves.
func (s *Service) Access(ctx context.Context, principal identity.Principal) (Access, error) {
	read, err := s.options.Ask.Decide(ctx, principal, policy.PolicyEntityRead)
	if err != nil {
		return Access{}, err
	}
	create, err := s.options.Ask.Decide(ctx, principal, policy.PolicyEntityCreate)
	if principal.Kind != identity.KindUser {
		create.Result = policy.Denied
	}
	return Access{read.Result, create.Result}, err
}

// Summaries lists the roles that a principal may read, with the numbers of what belongs to each.
func (s *Service) Summaries(ctx context.Context, principal identity.Principal) ([]RoleSummary, error) {
	all, visible, err := s.visible(ctx, principal)
	if err != nil {
		return nil, err
	}
	policies, conditions := map[string]int{}, map[string]int{}
	for _, p := range all.policies {
		policies[p.Role]++
	}
	for _, c := range all.conditions {
		conditions[c.Role]++
	}
	listed := []RoleSummary{}
	for _, r := range all.roles {
		if visible[r.Ref] {
			listed = append(listed, RoleSummary{s.asListed(r), policies[r.Ref], conditions[r.Ref]})
		}
	}
	return listed, nil
}

// WholeRole returns one role with all that belongs to it. One that the principal may not read is not found.
func (s *Service) WholeRole(ctx context.Context, principal identity.Principal, ref string) (WholeRole, error) {
	all, visible, err := s.visible(ctx, principal)
	if err != nil {
		return WholeRole{}, err
	}
	if err := checkRef(ref, kindRole); err != nil {
		return WholeRole{}, err
	}
	role, found := all.role(ref)
	if !found || !visible[ref] {
		return WholeRole{}, fault.New(fault.NotFound, "There is no role %s", ref)
	}
	whole := all.whole(s.asListed(role))
	s.place(&whole)
	if role.Metadata.Source != FromREST || principal.Kind != identity.KindUser {
		return whole, nil
	}
	update, err := Rules.Ask(ctx, s.options.Ask, principal, policy.PolicyEntityUpdate)
	if err != nil {
		return WholeRole{}, err
	}
	remove, err := Rules.Ask(ctx, s.options.Ask, principal, policy.PolicyEntityDelete)
	whole.MayUpdate, whole.MayDelete = update.Allows(role), remove.Allows(role)
	return whole, err
}

// whole collects what belongs to a role.
func (s *stored) whole(r Role) WholeRole {
	whole := WholeRole{Role: r, Policies: []PlacedPolicy{}, Conditions: []PlacedCondition{}}
	for _, p := range s.policies {
		if p.Role == r.Ref {
			whole.Policies = append(whole.Policies, PlacedPolicy{Policy: p, Source: r.Metadata.Source})
		}
	}
	for _, c := range s.conditions {
		if c.Role == r.Ref {
			whole.Conditions = append(whole.Conditions, PlacedCondition{Condition: c, Source: r.Metadata.Source})
		}
	}
	whole.Version = versionOf([]any{r.Ref, r.Metadata.Description, r.Metadata.Owner, r.Members, whole.Policies, whole.Conditions})
	return whole
}

// place adds the places in the files, and shows the policies as lists have them.
func (s *Service) place(w *WholeRole) {
	at := s.places()
	w.MemberPlaces = make([]Place, len(w.Members))
	for i, member := range w.Members {
		w.MemberPlaces[i] = at.ofMember(member, w.Ref)
		w.Place = firstOf(w.Place, w.MemberPlaces[i])
	}
	for i, p := range w.Policies {
		w.Policies[i].Place = at.ofPolicy(p.Policy)
		w.Place = firstOf(w.Place, w.Policies[i].Place)
		w.Policies[i].Policy = asShown(p.Policy)
	}
	for i, c := range w.Conditions {
		w.Conditions[i].Place = at.ofCondition(c.Condition)
	}
}

// firstOf is the one of two places in a file that is further up.
func firstOf(a, b Place) Place {
	if a.Line == 0 || b.Line != 0 && b.Line < a.Line {
		return b
	}
	return a
}
