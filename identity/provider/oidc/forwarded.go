package oidc

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity/provider"
)

// OAuth2Proxy is Backstage's name of the provider for oauth2-proxy.
const OAuth2Proxy = "oauth2Proxy"

// maxForwarded is the size of an identity token in a header, in bytes.
const maxForwarded = 16 << 10

// Forwarded signs people in by the identity token that a proxy in front of Portico, which is the client of an
// OpenID provider, passes on in each request.
type Forwarded struct {
	provider *Provider
	header   string
}

var _ provider.Proxy = (*Forwarded)(nil)

// NewForwarded makes no request. The options need ID, Issuer and ClientID, which is the proxy's.
func NewForwarded(options Options, header string) *Forwarded {
	return &Forwarded{New(options), header}
}

// ConfigureOAuth2Proxy converts the configuration of oauth2-proxy, and returns the header with the identity
// token. Backstage has neither issuer nor audience, and believes headers that anybody can send.
func ConfigureOAuth2Proxy(configured config.OAuth2Proxy) (options Options, header string, err error) {
	if configured.Issuer == "" || configured.Audience == "" {
		return Options{}, "", errors.New("issuer and audience are missing: they are the OpenID issuer of oauth2-proxy and its client id. " +
			"Portico verifies the identity token that oauth2-proxy passes on, because anybody can send its other headers")
	}
	issuer, err := url.Parse(configured.Issuer)
	if err != nil || issuer.Host == "" {
		return Options{}, "", errors.New("issuer must be the URL of an OpenID issuer")
	}
	return Options{ID: OAuth2Proxy, Issuer: strings.TrimSuffix(configured.Issuer, "/.well-known/openid-configuration"), ClientID: configured.Audience},
		cmp.Or(configured.JWTHeader, "x-oauth2-proxy-id-token"), nil
}

// Check reports whether the issuer can be reached, as Provider.Check does.
func (f *Forwarded) Check(ctx context.Context) error { return f.provider.Check(ctx) }

// Identify verifies the identity token in the headers: issuer, signature, audience, authorized party and times.
// The token may follow the word Bearer, as in an Authorization header.
func (f *Forwarded) Identify(ctx context.Context, headers http.Header) (provider.Person, error) {
	tokens := headers.Values(f.header)
	if len(tokens) == 0 {
		return provider.Person{}, fault.New(fault.Authentication, "The request did not come through the proxy '%s', or it passes on no identity token: there is no header %s",
			f.provider.options.ID, f.header)
	}
	if len(tokens) > 1 || len(tokens[0]) > maxForwarded {
		return provider.Person{}, f.provider.invalid(errors.New("there are several, or it is too large"))
	}
	at, err := f.provider.discover(ctx)
	if err != nil {
		return provider.Person{}, err
	}
	token := tokens[0]
	if scheme, rest, found := strings.Cut(token, " "); found && strings.EqualFold(scheme, "bearer") {
		token = rest
	}
	_, read, err := f.provider.verifyToken(f.provider.withClient(ctx), at, strings.TrimSpace(token))
	if err != nil {
		return provider.Person{}, err
	}
	if read.text("sub") == "" {
		return provider.Person{}, f.provider.invalid(errors.New("it is about nobody"))
	}
	return read.person(f.provider.options), nil
}
