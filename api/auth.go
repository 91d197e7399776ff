package api

import (
	"net/http"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
)

// NewAuthPlugin serves sign-in. guest is nil where guests may not come in.
func NewAuthPlugin(issuer *identity.Issuer, guest *identity.Guest) Plugin {
	a := &auth{issuer: issuer, guest: guest}
	signIn := open("one signs in before one has a token")
	return plugin{id: "auth", routes: []route{
		{method: http.MethodGet, path: "/guest/refresh", access: signIn, looseQuery: true,
			summary: "Signs in as the guest", answers: ok("the session"), handle: a.refreshGuest},
		{method: http.MethodPost, path: "/guest/refresh", access: signIn, looseQuery: true,
			summary: "Signs in as the guest", answers: ok("the session"), handle: a.refreshGuest},
		{method: http.MethodPost, path: "/guest/logout", access: open("a session is the browser's to forget"), looseQuery: true,
			summary: "Signs out", answers: []answer{{http.StatusOK, "signed out", ""}}, handle: a.logout},
		{method: http.MethodGet, path: "/.well-known/jwks.json", access: open("public keys are public"),
			summary: "Lists the keys that user tokens are signed with", answers: ok("a JSON Web Key Set"), handle: a.keys},
	}}
}

type auth struct {
	issuer *identity.Issuer
	guest  *identity.Guest
}

type sessionBody struct {
	Profile           struct{}          `json:"profile"`
	BackstageIdentity backstageIdentity `json:"backstageIdentity"`
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

func (a *auth) refreshGuest(c *call) error {
	if a.guest == nil {
		return fault.New(fault.NotFound, "Unknown auth provider 'guest'")
	}
	// A page of another origin cannot send this header without asking first (CSRF).
	if c.GetHeader("X-Requested-With") != "XMLHttpRequest" {
		return fault.New(fault.Authentication, "Invalid X-Requested-With header")
	}
	session, err := a.guest.SignIn(c.Request.Context())
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, sessionBody{BackstageIdentity: backstageIdentity{
		Token:            session.Token,
		Identity:         userIdentity{Type: "user", UserEntityRef: session.UserRef, OwnershipEntityRefs: session.Ownership},
		ExpiresInSeconds: int(identity.TokenLifetime.Seconds()),
	}})
}

func (a *auth) logout(c *call) error {
	c.Status(http.StatusOK)
	return nil
}

func (a *auth) keys(c *call) error { return c.json(http.StatusOK, a.issuer.PublicKeys()) }
