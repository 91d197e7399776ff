package identity

import (
	"context"
	"fmt"
	"slices"
)

// Directory returns the groups of users.
type Directory interface {
	// MemberOf lists the groups of a user and all their parent groups; none for a user who is not in the
	// catalog.
	MemberOf(ctx context.Context, userRef string) ([]string, error)
}

// Guest signs everybody in as one user, for trying Portico out. Outside development, the configuration must
// allow it.
type Guest struct {
	userRef   string
	ownership []string
	issuer    *Issuer
	directory Directory
}

// NewGuest signs in as userRef. ownership, when not empty, replaces the directory's groups.
func NewGuest(userRef string, ownership []string, issuer *Issuer, directory Directory) *Guest {
	return &Guest{userRef: userRef, ownership: ownership, issuer: issuer, directory: directory}
}

// Session is a signed-in user.
type Session struct {
	UserRef   string
	Ownership []string
	Token     string
}

// SignIn creates a session for any caller.
func (g *Guest) SignIn(ctx context.Context) (Session, error) {
	ownership := slices.Clone(g.ownership)
	if len(ownership) == 0 {
		groups, err := g.directory.MemberOf(ctx, g.userRef)
		if err != nil {
			return Session{}, fmt.Errorf("look up the groups of %s: %w", g.userRef, err)
		}
		ownership = append([]string{g.userRef}, groups...)
	}
	token, err := g.issuer.Issue(ctx, g.userRef, ownership)
	if err != nil {
		return Session{}, err
	}
	return Session{UserRef: g.userRef, Ownership: ownership, Token: token}, nil
}
