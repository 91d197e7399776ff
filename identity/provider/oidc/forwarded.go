package oidc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/identity/provider"
)

// OAuth2Proxy is Backstage's name of the provider for oauth2-proxy.
const OAuth2Proxy = "oauth2Proxy"

// Forwarded signs people in by the identity token that a proxy in front of Portico, which is the client of an
// OpenID provider, passes on in each request. Anybody can send such tokens, and name keys that do not exist: the
// issuer's keys come from an identity.KeySource, which fetches them at a limited rate.
type Forwarded struct {
	provider *Provider
	header   string
}

var _ provider.Proxy = (*Forwarded)(nil)

// NewForwarded makes no request. The options need ID, Issuer and ClientID, which is the proxy's.
func NewForwarded(options Options, header string) *Forwarded {
	made := New(options)
	made.keys = func(found *issuer) oidc.KeySet {
		return boundedKeys{identity.NewIssuerKeys(found.metadata.Issuer, made.client, options.Log)}
	}
	return &Forwarded{made, header}
}

// boundedKeys verifies signatures by the keys of a KeySource.
type boundedKeys struct{ source *identity.KeySource }

// VerifySignature implements oidc.KeySet.
func (b boundedKeys) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(token, identity.PublicKeyAlgorithms)
	if err != nil {
		return nil, err
	}
	header := signed.Signatures[0].Header
	keys, err := b.source.Find(ctx, header.Algorithm, header.KeyID)
	if err != nil {
		return nil, fmt.Errorf("%s%w", fetchingKeys, err)
	}
	for _, key := range keys {
		if payload, err := signed.Verify(key); err == nil {
			return payload, nil
		}
	}
	return nil, errors.New("no key of the issuer has signed it")
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
	token, err := provider.OnlyHeader(f.provider.options.ID, f.header, headers)
	if err != nil {
		return provider.Person{}, err
	}
	at, err := f.provider.discover(ctx)
	if err != nil {
		return provider.Person{}, err
	}
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
