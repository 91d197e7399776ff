package api

import (
	"net/http"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
)

// NewAuthPlugin serves sign-in. guest is nil where guest sign-in is disabled.
func NewAuthPlugin(issuer *identity.Issuer, guest *identity.Guest) Plugin {
	a := &auth{issuer: issuer, guest: guest}
	signIn := open("one signs in before one has a token")
	refused := []fault.Kind{fault.Authentication, fault.NotFound}
	return plugin{id: "auth", routes: []route{
		{method: http.MethodGet, path: "/guest/refresh", access: signIn, looseQuery: true,
			summary: "Signs in as the guest", serve: ok("the session", a.refreshGuest), fails: refused},
		{method: http.MethodPost, path: "/guest/refresh", access: signIn, audit: unrecorded("the guest is nobody in particular"), looseQuery: true,
			summary: "Signs in as the guest", serve: ok("the session", a.refreshGuest), fails: refused},
		{method: http.MethodPost, path: "/guest/logout", access: open("a session is the browser's to forget"), audit: unrecorded("it changes nothing: a session is the browser's"), looseQuery: true,
			summary: "Signs out", serve: empty(http.StatusOK, "signed out", a.logout)},
		{method: http.MethodGet, path: "/v1/userinfo", access: authenticated,
			summary: "Describes the caller", serve: ok("the claims", a.userInfo)},
		{method: http.MethodGet, path: "/.well-known/jwks.json", access: open("public keys are public"),
			summary: "Lists the keys that user tokens are signed with", serve: writes[keySet]("a JSON Web Key Set", a.keys)},
	}}
}

type auth struct {
	issuer *identity.Issuer
	guest  *identity.Guest
}

type session struct {
	Profile           profile           `json:"profile"`
	BackstageIdentity backstageIdentity `json:"backstageIdentity"`
}

// profile is a person's profile from a sign-in provider; a guest has none.
type profile struct {
	DisplayName string `json:"displayName,omitempty"`
	Email       string `json:"email,omitempty"`
	Picture     string `json:"picture,omitempty"`
}

type backstageIdentity struct {
	Token            string       `json:"token"`
	Identity         userIdentity `json:"identity"`
	ExpiresInSeconds int          `json:"expiresInSeconds"`
}

type userIdentity struct {
	Type                string   `json:"type"`
	UserEntityRef       string   `json:"userEntityRef"`
	OwnershipEntityRefs []string `json:"ownershipEntityRefs"`
}

func (a *auth) refreshGuest(c *call) (session, error) {
	if a.guest == nil {
		return session{}, fault.New(fault.NotFound, "Unknown auth provider 'guest'")
	}
	// A page of another origin cannot send this header without a preflight (CSRF).
	if c.GetHeader("X-Requested-With") != "XMLHttpRequest" {
		return session{}, fault.New(fault.Authentication, "Invalid X-Requested-With header")
	}
	c.Header("Cache-Control", "no-store")
	guest, err := a.guest.SignIn(c.Request.Context())
	if err != nil {
		return session{}, err
	}
	return session{BackstageIdentity: backstageIdentity{
		Token:            guest.Token,
		Identity:         userIdentity{Type: "user", UserEntityRef: guest.UserRef, OwnershipEntityRefs: guest.Ownership},
		ExpiresInSeconds: int(identity.TokenLifetime.Seconds()),
	}}, nil
}

// userInfo is the response of OpenID Connect's endpoint of that name, with the ownership references.
type userInfo struct {
	Claims userClaims `json:"claims"`
}

type userClaims struct {
	Subject   string   `json:"sub"`
	Ownership []string `json:"ent"`
}

func (a *auth) userInfo(c *call) (userInfo, error) {
	if c.principal.Kind != identity.KindUser {
		return userInfo{}, fault.New(fault.Input, "Userinfo endpoint must be called with a token that represents a user principal")
	}
	c.Header("Cache-Control", "no-store")
	return userInfo{userClaims{c.principal.Subject, orEmpty(c.principal.Ownership)}}, nil
}

func (a *auth) logout(*call) error { return nil }

// keySet is a JSON Web Key Set (RFC 7517) of keys on an elliptic curve (RFC 7518, section 6.2.1).
type keySet struct {
	Keys []publicKey `json:"keys"`
}

type publicKey struct {
	Type      string `json:"kty"`
	ID        string `json:"kid"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	Y         string `json:"y"`
}

// keys serves the public keys.
func (a *auth) keys(c *call) error {
	keys, err := a.issuer.PublicKeys(c.Request.Context())
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, keys)
}
