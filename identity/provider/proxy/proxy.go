// Package proxy signs people in by what an identity-aware proxy in front of Portico says about them. Only what
// the proxy has signed counts: anybody who reaches Portico past the proxy can send the same headers.
package proxy

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/identity/provider"
	"github.com/portico-dev/portico/identity/provider/codeflow"
)

// clockSkew is the tolerated difference between the proxy's clock and ours.
const clockSkew = time.Minute

// Options describe a proxy. All fields but the last two are required.
type Options struct {
	// ID is the name of the provider in addresses and messages.
	ID string
	// Header is the header with the signed assertion.
	Header string
	// Issuer and Audience are those of its assertions. Without an audience, an assertion for another service
	// behind the same proxy would be accepted.
	Issuer, Audience string
	// KeysURL is the address of the JSON Web Key Set, and Algorithm the only algorithm that the proxy signs
	// with.
	KeysURL   string
	Algorithm jose.SignatureAlgorithm
	// Transport fetches the keys; nil is http.DefaultTransport. Log reports failures to fetch; nil is slog's
	// default.
	Transport http.RoundTripper
	Log       *slog.Logger
}

// Provider verifies the assertions of one proxy.
type Provider struct {
	options Options
	keys    *identity.KeySource
}

var _ provider.Proxy = (*Provider)(nil)

// New makes no request.
func New(options Options) *Provider {
	return &Provider{options, identity.NewKeySource(options.KeysURL, codeflow.Client(options.Transport), options.Log)}
}

// claims are what a proxy says about a person. It vouches for the address: there is no claim that says whether it
// is verified.
type claims struct {
	jwt.Claims

	Email string `json:"email"`
	Name  string `json:"name"`
	// all are the claims by their names.
	all map[string]any
}

// Identify verifies the assertion in the headers: signature, issuer, audience and times.
func (p *Provider) Identify(ctx context.Context, headers http.Header) (provider.Person, error) {
	assertion, err := provider.OnlyHeader(p.options.ID, p.options.Header, headers)
	if err != nil {
		return provider.Person{}, err
	}
	stated, err := p.verify(ctx, assertion)
	if err != nil {
		return provider.Person{}, err
	}
	expected := jwt.Expected{Issuer: p.options.Issuer, AnyAudience: jwt.Audience{p.options.Audience}, Time: time.Now()}
	if err := stated.ValidateWithLeeway(expected, clockSkew); err != nil {
		return provider.Person{}, p.invalid(err.Error())
	}
	if stated.Expiry == nil {
		return provider.Person{}, p.invalid("it never expires")
	}
	if stated.Subject == "" {
		return provider.Person{}, p.invalid("it is about nobody")
	}
	return provider.Person{Subject: stated.Subject, UserID: stated.Subject, Profile: provider.Profile{Email: stated.Email, DisplayName: stated.Name},
		Claims: stated.all}, nil
}

// verify returns the claims if one of the proxy's keys has signed them.
func (p *Provider) verify(ctx context.Context, assertion string) (claims, error) {
	parsed, err := jwt.ParseSigned(assertion, []jose.SignatureAlgorithm{p.options.Algorithm})
	if err != nil || len(parsed.Headers) != 1 {
		return claims{}, p.invalid("it is not signed with " + string(p.options.Algorithm))
	}
	keys, err := p.keys.Find(ctx, string(p.options.Algorithm), parsed.Headers[0].KeyID)
	if err != nil {
		return claims{}, codeflow.Unavailable(p.options.ID, err)
	}
	for _, key := range keys {
		var stated claims
		if parsed.Claims(key, &stated, &stated.all) == nil {
			return stated, nil
		}
	}
	return claims{}, p.invalid("no key of the proxy has signed it")
}

func (p *Provider) invalid(reason string) error { return invalid(p.options.ID, reason) }

func invalid(id, reason string) error {
	return fault.New(fault.Authentication, "The assertion of the proxy '%s' is not valid: %s", id, reason)
}
