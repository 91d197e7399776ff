package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"github.com/portico-dev/portico/fault"
)

const (
	// tokenType and audience are those of Backstage's user tokens.
	tokenType = "vnd.backstage.user" //nolint:gosec // a type, not a token
	audience  = "backstage"
	// TokenLifetime is how long a user token is valid. The portal renews it earlier.
	TokenLifetime = time.Hour
	// clockSkew is the tolerated difference between two servers' clocks.
	clockSkew = 30 * time.Second
)

// Issuer issues and verifies user tokens: ES256 JWTs of the same form as Backstage's.
type Issuer struct {
	url            string
	keys           *SigningKeys
	ownerships     *Ownerships
	sessions       *sessions
	ownershipClaim bool
	now            func() time.Time
}

// IssuerOptions are the dependencies and settings of an Issuer.
type IssuerOptions struct {
	// URL is the tokens' issuer claim, <backend.baseUrl>/api/auth.
	URL string
	// Keys are the keys that all processes share.
	Keys *SigningKeys
	// Ownerships stores what users own. The sessions of tokens are in the same database.
	Ownerships *Ownerships
	// OwnershipClaim adds the ent claim to tokens.
	OwnershipClaim bool
}

// NewIssuer creates an issuer.
func NewIssuer(options IssuerOptions) *Issuer {
	return &Issuer{url: options.URL, keys: options.Keys, ownerships: options.Ownerships, sessions: newSessions(options.Ownerships.pool),
		ownershipClaim: options.OwnershipClaim, now: time.Now}
}

type userClaims struct {
	jwt.Claims
	// Proof is the signature of the limited token: see Limit.
	Proof string `json:"uip,omitempty"`
	// Ownership is Backstage's older ent claim.
	Ownership []string `json:"ent,omitempty"`
	// Session is the session that the token belongs to, if it belongs to one.
	Session uuid.UUID `json:"sid,omitzero"`
}

// URL is the issuer claim of the tokens.
func (i *Issuer) URL() string { return i.url }

// Issue stores the ownership references of a user, and creates a token for the user. The token belongs to no
// session: it is valid until it expires.
func (i *Issuer) Issue(ctx context.Context, userRef string, ownership []string) (string, error) {
	return i.IssueIn(ctx, uuid.Nil, userRef, ownership)
}

// IssueIn is like Issue, and the token belongs to a session: it is valid no longer than the session.
func (i *Issuer) IssueIn(ctx context.Context, session uuid.UUID, userRef string, ownership []string) (string, error) {
	if err := i.ownerships.put(ctx, userRef, ownership); err != nil {
		return "", err
	}
	return i.issueUser(ctx, session, userRef, ownership, TokenLifetime)
}

func (i *Issuer) issueUser(ctx context.Context, session uuid.UUID, userRef string, ownership []string, lifetime time.Duration) (string, error) {
	key, err := i.keys.newest(ctx)
	if err != nil {
		return "", err
	}
	now := i.now()
	claims := userClaims{Claims: jwt.Claims{Issuer: i.url, Subject: userRef, Audience: jwt.Audience{audience},
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(lifetime))}, Session: session}
	if i.ownershipClaim {
		claims.Ownership = ownership
	}
	unsigned, err := unsignedLimited(key.id, claims.Claims)
	if err != nil {
		return "", err
	}
	if claims.Proof, err = key.signature(unsigned); err != nil {
		return "", fmt.Errorf("sign a limited token for %s: %w", userRef, err)
	}
	token, err := key.sign(tokenType, claims)
	if err != nil {
		return "", fmt.Errorf("sign a token for %s: %w", userRef, err)
	}
	return token, nil
}

// Verify returns the principal of a user token. An invalid token is a fault of kind Authentication; any other
// error means that it could not be verified now.
func (i *Issuer) Verify(ctx context.Context, token string) (Principal, error) {
	var claims userClaims
	if err := i.signed(ctx, token, tokenType, &claims); err != nil {
		return Principal{}, err
	}
	expected := jwt.Expected{Issuer: i.url, AnyAudience: jwt.Audience{audience}, Time: i.now()}
	if err := claims.ValidateWithLeeway(expected, clockSkew); err != nil {
		return Principal{}, fault.Wrap(fault.Authentication, err, "Failed user token verification")
	}
	if err := i.sessions.check(ctx, claims.Session); err != nil {
		return Principal{}, err
	}
	if claims.Ownership == nil {
		var err error
		if claims.Ownership, err = i.ownerships.of(ctx, claims.Subject); err != nil {
			return Principal{}, err
		}
	}
	return Principal{Kind: KindUser, Subject: claims.Subject, Ownership: claims.Ownership, Session: claims.Session, Token: token}, nil
}

// SessionEnded has this process refuse the tokens of a session at once. Other processes notice within
// SessionDelay.
func (i *Issuer) SessionEnded(session uuid.UUID) { i.sessions.forget(session) }

// signed reads the claims of a token of one type that one of our keys has signed. The caller checks them.
func (i *Issuer) signed(ctx context.Context, token, kind string, claims any) error {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return fault.Wrap(fault.Authentication, err, "Failed user token verification")
	}
	if parsed.Headers[0].ExtraHeaders[jose.HeaderType] != kind {
		return fault.New(fault.Authentication, "Failed user token verification")
	}
	key, err := i.keys.public(ctx, parsed.Headers[0].KeyID)
	if err != nil {
		return err
	}
	if key == nil {
		return fault.New(fault.Authentication, "Failed user token verification")
	}
	if err := parsed.Claims(key, claims); err != nil {
		return fault.Wrap(fault.Authentication, err, "Failed user token verification")
	}
	return nil
}

// PublicKeys is the key set (RFC 7517) with which others verify user tokens.
func (i *Issuer) PublicKeys(ctx context.Context) (jose.JSONWebKeySet, error) {
	return i.keys.published(ctx)
}

// Authenticator turns bearer tokens into principals.
type Authenticator struct {
	issuer   *Issuer
	external []ExternalAccess
	plugins  PluginKeys
}

// NewAuthenticator accepts the issuer's tokens and those of machines, which are tried in order.
func NewAuthenticator(issuer *Issuer, external []ExternalAccess) *Authenticator {
	return &Authenticator{issuer: issuer, external: external}
}

// WithPlugins accepts the tokens of plugins too.
func (a *Authenticator) WithPlugins(plugins PluginKeys) *Authenticator {
	return &Authenticator{issuer: a.issuer, external: a.external, plugins: plugins}
}

// AuthenticateLimited is Authenticate for what may be read with a limited user token: it accepts one too.
func (a *Authenticator) AuthenticateLimited(ctx context.Context, token string) (Principal, error) {
	if readBearer(token).kind == limitedType {
		return a.issuer.verifyLimited(ctx, token)
	}
	return a.Authenticate(ctx, token)
}

// Authenticate returns the principal of a token. An invalid token is a fault of kind Authentication. When the
// keys are not available, it is a fault of kind Unavailable.
func (a *Authenticator) Authenticate(ctx context.Context, token string) (Principal, error) {
	presented := readBearer(token)
	switch presented.kind {
	case tokenType:
		return a.issuer.Verify(ctx, token)
	case serviceType:
		return a.issuer.verifyService(ctx, token)
	case runType:
		return a.issuer.verifyRun(ctx, token)
	case pluginType:
		return a.verifyPlugin(ctx, presented)
	case limitedType:
		return Principal{}, fault.New(fault.Authentication, "Illegal limited user token")
	}
	var undecided error
	for _, access := range a.external {
		subject, err := access.recognizer.subject(ctx, presented)
		if err != nil {
			undecided = errors.Join(undecided, err)
			continue
		}
		if subject != "" {
			return Principal{Kind: KindService, Subject: subject, Restrictions: access.restrictions, Token: token}, nil
		}
	}
	if undecided != nil {
		return Principal{}, undecided
	}
	return Principal{}, fault.New(fault.Authentication, "Illegal token")
}
