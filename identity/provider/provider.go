// Package provider is the contract between sign-in and the services that know people: an OpenID provider, a
// forge, a proxy that authenticates people, or nobody at all for guests. Each kind is a package below this
// one. A provider says who somebody is there. Which user of the catalog that is, is decided by package
// resolver, and sessions are the business of package signin.
package provider

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/portico-dev/portico/fault"
)

// OAuth is a provider to which the browser is sent and from which it returns with a code. Its methods may be
// called concurrently. An error that the person or the provider caused is a fault of kind Authentication; a
// provider that does not answer is one of kind Unavailable.
type OAuth interface {
	// Start returns the address to which the browser is sent.
	Start(ctx context.Context, attempt Attempt) (string, error)
	// Callback redeems the code in the query with which the browser came back.
	Callback(ctx context.Context, attempt Attempt, query url.Values) (Login, error)
	// Refresh asks the provider again who the person is, with the refresh token of the last login. A login
	// without a new refresh token means that the old one stays valid. An error comes with the new tokens if
	// the provider has given them: it may accept the old ones no more. One of kind Authentication ends the
	// session, so it must say that the provider does not accept the person any more. A wrong secret of Portico's is
	// of kind Unavailable.
	Refresh(ctx context.Context, last Tokens) (Login, error)
	// Logout ends the person's session at the provider. It returns the address to which the browser must be
	// sent for that, "" when there is none. From there the browser returns to returnTo.
	Logout(ctx context.Context, last Tokens, returnTo string) (string, error)
}

// Direct is a provider that knows the person from the request itself.
type Direct interface {
	// Authenticate returns who sent a request with these headers.
	Authenticate(ctx context.Context, headers http.Header) (Identity, error)
}

// Proxy is a proxy in front of Portico that has authenticated the person, and says so in each request.
type Proxy interface {
	// Identify returns the person whom the headers of a request are about. Its errors are those of OAuth.
	Identify(ctx context.Context, headers http.Header) (Person, error)
}

// maxSigned is the size of what a proxy has signed, in bytes.
const maxSigned = 16 << 10

// OnlyHeader is what the proxy with this id has signed: the value of one header.
func OnlyHeader(id, header string, headers http.Header) (string, error) {
	values := headers.Values(header)
	if len(values) == 0 {
		return "", fault.New(fault.Authentication, "The request did not come through the proxy '%s', or the proxy does not say who sent it: it has no header %s", id, header)
	}
	if len(values) > 1 || len(values[0]) > maxSigned {
		return "", fault.New(fault.Authentication, "The header %s of the proxy '%s' is not valid: there are several, or it is too large", header, id)
	}
	return values[0], nil
}

// Identity is a user of the catalog, as a Direct provider knows one.
type Identity struct {
	UserRef string
	// Ownership lists the references by which the user owns entities. Empty means those of the catalog.
	Ownership []string
	Profile   Profile
}

// Attempt is one sign-in on its way. Its values are random, and known to the browser that began only.
type Attempt struct {
	// State is returned by the provider unchanged. Nonce must be in the identity token.
	State, Nonce string
	// Verifier is the secret of PKCE (RFC 7636).
	Verifier string
	// Scopes are asked for in addition to those that the provider needs.
	Scopes []string
}

// Login is what a provider says about a person.
type Login struct {
	Person Person
	Tokens Tokens
}

// Person is somebody as the provider knows them. Values that the provider does not have are empty.
type Person struct {
	// Subject identifies the person at the provider for ever.
	Subject string
	// UserID is the person's number or id in the provider's directory, which annotations of catalog entities
	// contain.
	UserID string
	// Username is the name that the person has there.
	Username string
	Profile  Profile
	// Claims are all that the provider says, in a signed token or at its own address, by their names. Some
	// providers have none.
	Claims map[string]any
}

// Profile is how a person is shown.
type Profile struct {
	// Email is empty if the provider says that it is not verified.
	Email, DisplayName, Picture string
}

// Tokens are the provider's tokens. They are secrets, and stored sealed.
type Tokens struct {
	Access  string `json:"access,omitempty"`
	ID      string `json:"id,omitempty"`
	Refresh string `json:"refresh,omitempty"`
	// Scope is what the access token is for, separated by spaces.
	Scope string `json:"scope,omitempty"`
	// Expiry is when the access token ends; zero when the provider does not say.
	Expiry time.Time `json:"expiry,omitzero"`
}
