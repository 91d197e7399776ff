package explain

import (
	"context"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy/rbac"
)

// Self is who a person is here.
type Self struct {
	User string `json:"user"`
	// Groups are the person's groups in the catalog, the nearest first; at most catalog.MaxGroups.
	Groups []Group `json:"groups"`
	// ByRoles says that roles decide what people may do.
	ByRoles bool `json:"byRoles"`
	rbac.Holdings
}

// Group is a group of a person.
type Group struct {
	Ref string `json:"ref"`
	// Way is the groups by which the person is in it: one of the person's own, the groups above it, and last
	// the group itself.
	Way []string `json:"way"`
}

// Self says who the caller is: a person's groups and roles, as they are now.
func (s *Service) Self(ctx context.Context, principal identity.Principal) (Self, error) {
	user := principal.UserRef()
	if user == "" {
		return Self{}, fault.New(fault.NotAllowed, "Only a signed-in person has groups and roles")
	}
	self := Self{User: user, Groups: []Group{}, ByRoles: s.options.Roles != nil, Holdings: rbac.Holdings{Roles: []rbac.Holding{}}}
	refs, err := s.options.MemberOf(ctx, user)
	if err != nil {
		return Self{}, err
	}
	way, err := rbac.Ways(ctx, s.options.LinksOf, user, refs)
	if err != nil {
		return Self{}, err
	}
	for _, ref := range refs {
		self.Groups = append(self.Groups, Group{ref, way(ref)})
	}
	if self.ByRoles {
		self.Holdings, err = s.options.Roles.Holdings(ctx, principal)
	}
	return self, err
}
