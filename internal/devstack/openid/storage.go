package openid

import (
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// tokenAge is how long access and identity tokens are valid.
const tokenAge = time.Hour

// storage is what the protocol asks of a provider. Access tokens are signed, and not stored.
type storage struct{ *Provider }

var (
	_ op.Storage                   = (*storage)(nil)
	_ op.CanSetUserinfoFromRequest = (*storage)(nil)
)

var errUnsupported = errors.New("this provider does not support it")

func (s *storage) CreateAuthRequest(_ context.Context, asked *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	if slices.Contains(asked.Prompt, oidc.PromptNone) {
		return nil, oidc.ErrLoginRequired() // nobody is signed in at the provider itself
	}
	return s.requests.add(asked), nil
}

func (s *storage) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	if found := s.requests.find(id); found != nil {
		return found, nil
	}
	return nil, errors.New("the sign-in has expired")
}

func (s *storage) SaveAuthCode(_ context.Context, id, code string) error {
	if !s.requests.giveCode(id, code) {
		return errors.New("the sign-in has expired")
	}
	return nil
}

func (s *storage) AuthRequestByCode(_ context.Context, code string) (op.AuthRequest, error) {
	if found := s.requests.redeem(code); found != nil {
		return found, nil
	}
	return nil, errors.New("the code has expired or was used")
}

func (s *storage) DeleteAuthRequest(_ context.Context, id string) error {
	s.requests.remove(id)
	return nil
}

func (*storage) CreateAccessToken(context.Context, op.TokenRequest) (id string, expires time.Time, err error) {
	return "", time.Now().Add(tokenAge), nil
}

func (s *storage) CreateAccessAndRefreshTokens(_ context.Context, asked op.TokenRequest, current string) (id, refresh string, expires time.Time, err error) {
	expires = time.Now().Add(tokenAge)
	if current != "" {
		return "", current, expires, nil
	}
	refresh, err = s.sessions.begin(session{Person: asked.GetSubject(), Scopes: asked.GetScopes(), Since: time.Now()})
	return "", refresh, expires, err
}

// refreshRequest is a refresh of a session.
type refreshRequest struct{ session }

func (*refreshRequest) GetAMR() []string                   { return nil }
func (*refreshRequest) GetAudience() []string              { return []string{ClientID} }
func (r *refreshRequest) GetAuthTime() time.Time           { return r.Since }
func (*refreshRequest) GetClientID() string                { return ClientID }
func (r *refreshRequest) GetScopes() []string              { return r.Scopes }
func (r *refreshRequest) GetSubject() string               { return r.Person }
func (r *refreshRequest) SetCurrentScopes(scopes []string) { r.Scopes = scopes }

func (s *storage) TokenRequestByRefreshToken(_ context.Context, token string) (op.RefreshTokenRequest, error) {
	found, is := s.sessions.find(token)
	if !is {
		return nil, op.ErrInvalidRefreshToken
	}
	return &refreshRequest{found}, nil
}

// TerminateSession does nothing: nobody is signed in at the provider itself.
func (*storage) TerminateSession(context.Context, string, string) error { return nil }

func (s *storage) GetRefreshTokenInfo(_ context.Context, _, token string) (person, id string, err error) {
	found, is := s.sessions.find(token)
	if !is {
		return "", "", op.ErrInvalidRefreshToken
	}
	return found.Person, token, nil
}

func (s *storage) RevokeToken(_ context.Context, token, _, _ string) *oidc.Error {
	if err := s.sessions.end(token); err != nil {
		return oidc.ErrServerError().WithParent(err)
	}
	return nil
}

func (s *storage) SigningKey(context.Context) (op.SigningKey, error) {
	return signingKey{s.keys.signing}, nil
}

func (*storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{algorithm}, nil
}

func (s *storage) KeySet(context.Context) ([]op.Key, error) {
	return []op.Key{publicKey{&s.keys.signing.PublicKey}}, nil
}

func (s *storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id != ClientID {
		return nil, errors.New("there is no such client")
	}
	return client{redirect: s.options.RedirectURI, afterLogout: s.options.LogoutURI}, nil
}

func (s *storage) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	if id != ClientID || subtle.ConstantTimeCompare([]byte(secret), []byte(s.keys.ClientSecret)) == 0 {
		return errors.New("wrong client or secret")
	}
	return nil
}

// SetUserinfoFromScopes does nothing: SetUserinfoFromRequest has replaced it.
func (*storage) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

func (s *storage) SetUserinfoFromRequest(ctx context.Context, into *oidc.UserInfo, asked op.IDTokenRequest, _ []string) error {
	return s.describe(ctx, into, asked.GetSubject())
}

func (s *storage) SetUserinfoFromToken(ctx context.Context, into *oidc.UserInfo, _, person, _ string) error {
	return s.describe(ctx, into, person)
}

// describe refuses somebody who has left.
func (s *storage) describe(ctx context.Context, into *oidc.UserInfo, id string) error {
	person, err := s.people.Person(ctx, id)
	if err != nil {
		return err
	}
	into.Subject, into.Name, into.PreferredUsername, into.Picture = id, person.Name, person.Username, person.claimedPicture()
	if person.Email != "" {
		into.Email, into.EmailVerified = person.Email, true
	}
	return nil
}

func (*storage) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return errUnsupported
}

func (*storage) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return map[string]any{}, nil
}

func (*storage) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errUnsupported
}

func (*storage) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errUnsupported
}

func (*storage) Health(context.Context) error { return nil }
