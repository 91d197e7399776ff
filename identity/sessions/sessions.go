// Package sessions lets people see and end the sessions of their browsers, and administrators those of
// everybody. Package signin keeps the sessions.
package sessions

import (
	"context"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/identity/signin"
	"github.com/portico-dev/portico/policy"
)

const (
	// MaxPage bounds the sessions of a page.
	MaxPage = 500
	// maxOwn bounds the sessions that a person sees of themselves.
	maxOwn = 200
)

// Service shows and ends sessions. It is safe for concurrent use.
type Service struct {
	signIn  *signin.Service
	decider policy.Decider
}

// New makes a Service.
func New(signIn *signin.Service, decider policy.Decider) *Service { return &Service{signIn, decider} }

// Own lists the caller's sessions, the latest first. It is for people only.
func (s *Service) Own(ctx context.Context, principal identity.Principal) ([]signin.Stored, error) {
	user, err := person(principal)
	if err != nil {
		return nil, err
	}
	return s.signIn.Sessions(ctx, user, uuid.Nil, maxOwn)
}

// EndOwn ends one of the caller's sessions.
func (s *Service) EndOwn(ctx context.Context, principal identity.Principal, id uuid.UUID) error {
	user, err := person(principal)
	if err != nil {
		return err
	}
	return s.signIn.EndByID(ctx, principal.Actor(), user, id)
}

// EndOthers ends all sessions of the caller except the one that the caller's token belongs to. It returns how
// many.
func (s *Service) EndOthers(ctx context.Context, principal identity.Principal) (int, error) {
	user, err := person(principal)
	if err != nil {
		return 0, err
	}
	return s.signIn.EndAll(ctx, principal.Actor(), user, principal.Session)
}

// person is the caller's user reference. Machines have no sessions.
func person(principal identity.Principal) (string, error) {
	if ref := principal.UserRef(); ref != "" {
		return ref, nil
	}
	return "", fault.New(fault.NotAllowed, "Only a signed-in person has sessions")
}

// Query selects sessions: those of a user, or of all if User is "". Before is the id of the last session of
// the page before.
type Query struct {
	User   string
	Before uuid.UUID
	Limit  int
}

// List lists sessions, the latest first; at most MaxPage.
func (s *Service) List(ctx context.Context, principal identity.Principal, q Query) ([]signin.Stored, error) {
	if err := policy.Require(ctx, s.decider, principal, policy.SessionRead, q.User); err != nil {
		return nil, err
	}
	if q.User != "" {
		var err error
		if q.User, err = userRef(q.User); err != nil {
			return nil, err
		}
	}
	if q.Limit <= 0 || q.Limit > MaxPage {
		q.Limit = MaxPage
	}
	return s.signIn.Sessions(ctx, q.User, q.Before, q.Limit)
}

// End ends anybody's session.
func (s *Service) End(ctx context.Context, principal identity.Principal, id uuid.UUID) error {
	if err := policy.Require(ctx, s.decider, principal, policy.SessionDelete, id.String()); err != nil {
		return err
	}
	return s.signIn.EndByID(ctx, principal.Actor(), "", id)
}

// EndAllOf ends all sessions of a user. It returns how many.
func (s *Service) EndAllOf(ctx context.Context, principal identity.Principal, user string) (int, error) {
	if err := policy.Require(ctx, s.decider, principal, policy.SessionDelete, user); err != nil {
		return 0, err
	}
	user, err := userRef(user)
	if err != nil {
		return 0, err
	}
	return s.signIn.EndAll(ctx, principal.Actor(), user, uuid.Nil)
}

// userRef is the full reference of a user.
func userRef(text string) (string, error) {
	ref, err := entity.ParseRef(text, entity.Ref{Kind: "user", Namespace: entity.DefaultNamespace})
	if err != nil {
		return "", fault.New(fault.Input, "user: %s", err)
	}
	return ref.String(), nil
}
