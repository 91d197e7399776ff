// Package oidc signs people in with OpenID Connect: the code flow with PKCE, at any issuer that publishes its
// configuration. Known services are entries of one table (presets.go).
package oidc

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/flight"
	"github.com/portico-dev/portico/identity/provider"
	"github.com/portico-dev/portico/identity/provider/codeflow"
)

const (
	// clockSkew is the tolerated difference between the issuer's clock and ours.
	clockSkew = time.Minute
	// retryInterval is the minimum time between two attempts to read the configuration of an issuer that does
	// not answer.
	retryInterval = 5 * time.Second
	// discoverDeadline bounds the reading of that configuration.
	discoverDeadline = 30 * time.Second
)

// Options configure a provider.
type Options struct {
	// ID is the name of the provider in addresses and messages.
	ID string
	// Issuer is the issuer's URL. Its configuration is read from there.
	Issuer                 string
	ClientID, ClientSecret string
	// AuthMethod is how the client authenticates: client_secret_basic or client_secret_post. Empty is the
	// first of them that the issuer lists.
	AuthMethod string
	// CallbackURL is where the issuer sends the browser back to.
	CallbackURL string
	// Scopes are asked for in addition to openid, profile, email and, if the issuer lists it, offline_access.
	Scopes []string
	// Parameters are added to the address to which the browser is sent.
	Parameters map[string]string
	// UserIDClaim and UsernameClaim are the claims of Person.UserID and Person.Username; empty means sub and
	// preferred_username.
	UserIDClaim, UsernameClaim string
	// Transport sends the requests to the issuer; nil is http.DefaultTransport.
	Transport http.RoundTripper
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Log reports failures to fetch the keys of a Forwarded's issuer; nil is slog's default.
	Log *slog.Logger
}

// Provider is one client at one issuer. It reads the issuer's configuration when it first needs it, and again
// after a failure.
type Provider struct {
	options Options
	client  *http.Client
	flight  flight.Group[*issuer]
	// keys are the issuer's; nil are those of go-oidc, which fetches them whenever a token names an unknown one.
	// That is for tokens that come from the issuer itself.
	keys func(found *issuer) oidc.KeySet

	mutex  sync.Mutex
	issuer *issuer
	// failed is the last failure to read the configuration, at a time.
	failed   error
	failedAt time.Time
}

var _ provider.OAuth = (*Provider)(nil)

// New makes no request.
func New(options Options) *Provider {
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Provider{options: options, client: codeflow.Client(options.Transport)}
}

// issuer is what was read from the issuer.
type issuer struct {
	oauth    oauth2.Config
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	metadata metadata
}

// metadata are the parts of the issuer's configuration that go-oidc does not have.
type metadata struct {
	Issuer      string   `json:"issuer"`
	Scopes      []string `json:"scopes_supported"`
	AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
	Revocation  string   `json:"revocation_endpoint"`
	EndSession  string   `json:"end_session_endpoint"`
	// Algorithms are those of identity tokens.
	Algorithms []string `json:"id_token_signing_alg_values_supported"`
	// NamesItself means that the issuer adds iss to what it sends back (RFC 9207).
	NamesItself bool `json:"authorization_response_iss_parameter_supported"`
}

// Check reports whether the issuer can be reached and is the configured one. It is a fault of kind
// Unavailable otherwise.
func (p *Provider) Check(ctx context.Context) error {
	_, err := p.discover(ctx)
	return err
}

// discover returns the issuer, and reads its configuration if that was not done yet.
func (p *Provider) discover(ctx context.Context) (*issuer, error) {
	if known, err := p.known(); known != nil || err != nil {
		return known, err
	}
	return p.flight.Do(ctx, "", discoverDeadline, func(ctx context.Context) (*issuer, error) {
		found, err := p.read(ctx)
		p.mutex.Lock()
		p.issuer, p.failed, p.failedAt = found, err, p.options.Now()
		p.mutex.Unlock()
		if err != nil {
			return nil, p.unavailable(err)
		}
		return found, nil
	})
}

func (p *Provider) known() (*issuer, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.failed != nil && p.options.Now().Sub(p.failedAt) < retryInterval {
		return nil, p.unavailable(p.failed)
	}
	return p.issuer, nil
}

func (p *Provider) unavailable(err error) error {
	return fault.Wrap(fault.Unavailable, err, "The sign-in provider '%s' cannot be used now: the configuration of %s could not be read. Try again later",
		p.options.ID, p.options.Issuer)
}

// read reads the issuer's configuration. Some issuers end with a slash, which people leave out.
func (p *Provider) read(ctx context.Context) (*issuer, error) {
	ctx = p.withClient(ctx)
	found, err := oidc.NewProvider(ctx, p.options.Issuer)
	if other, is := errors.AsType[*oidc.IssuerMismatchError](err); is && strings.TrimSuffix(other.Discovered, "/") == strings.TrimSuffix(p.options.Issuer, "/") {
		found, err = oidc.NewProvider(ctx, other.Discovered)
	}
	if err != nil {
		return nil, err
	}
	read := &issuer{provider: found}
	if err := found.Claims(&read.metadata); err != nil {
		return nil, fmt.Errorf("read the configuration of %s: %w", p.options.Issuer, err)
	}
	// The verifier compares with the time when a token ends. A clock that is late by the skew gives that much
	// more time.
	late := func() time.Time { return p.options.Now().Add(-clockSkew) }
	checks := &oidc.Config{ClientID: p.options.ClientID, Now: late}
	if p.keys == nil {
		read.verifier = found.VerifierContext(ctx, checks)
	} else {
		checks.SupportedSigningAlgs = read.metadata.Algorithms
		read.verifier = oidc.NewVerifier(read.metadata.Issuer, p.keys(read), checks)
	}
	read.oauth = oauth2.Config{ClientID: p.options.ClientID, ClientSecret: p.options.ClientSecret, Endpoint: found.Endpoint(),
		RedirectURL: p.options.CallbackURL, Scopes: p.scopes(read.metadata)}
	read.oauth.Endpoint.AuthStyle = p.authStyle(read.metadata)
	return read, nil
}

func (p *Provider) scopes(read metadata) []string {
	scopes := []string{oidc.ScopeOpenID, "profile", "email"}
	if slices.Contains(read.Scopes, oidc.ScopeOfflineAccess) {
		scopes = append(scopes, oidc.ScopeOfflineAccess)
	}
	return codeflow.Scopes(scopes, p.options.Scopes)
}

const secretPost = "client_secret_post"

// authStyle is stated, because trying both would present a code twice.
func (p *Provider) authStyle(read metadata) oauth2.AuthStyle {
	method := p.options.AuthMethod
	if method == "" && len(read.AuthMethods) > 0 && !slices.Contains(read.AuthMethods, "client_secret_basic") {
		method = secretPost
	}
	if method == secretPost || p.options.ClientSecret == "" {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}

// Start returns the issuer's authorization endpoint with the parameters of the attempt.
func (p *Provider) Start(ctx context.Context, attempt provider.Attempt) (string, error) {
	at, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	config := at.oauth
	config.Scopes = codeflow.Scopes(config.Scopes, attempt.Scopes)
	options := []oauth2.AuthCodeOption{oidc.Nonce(attempt.Nonce), oauth2.S256ChallengeOption(attempt.Verifier)}
	for name, value := range p.options.Parameters {
		options = append(options, oauth2.SetAuthURLParam(name, value))
	}
	return config.AuthCodeURL(attempt.State, options...), nil
}

// Callback redeems the code and verifies the identity token: issuer, signature, audience, authorized party,
// times and nonce (OpenID Connect Core 3.1.3.7).
func (p *Provider) Callback(ctx context.Context, attempt provider.Attempt, query url.Values) (provider.Login, error) {
	at, err := p.discover(ctx)
	if err != nil {
		return provider.Login{}, err
	}
	if err := p.checkResponse(at, query); err != nil {
		return provider.Login{}, err
	}
	ctx = p.withClient(ctx)
	token, err := at.oauth.Exchange(ctx, query.Get("code"), oauth2.VerifierOption(attempt.Verifier))
	if err != nil {
		return provider.Login{}, codeflow.Refused(p.options.ID, err)
	}
	claims, err := p.verify(ctx, at, token)
	if err != nil {
		return provider.Login{}, err
	}
	if subtle.ConstantTimeCompare([]byte(claims.text("nonce")), []byte(attempt.Nonce)) == 0 {
		return provider.Login{}, p.invalid(errors.New("it is for another sign-in: the nonce differs"))
	}
	person, err := p.person(ctx, at, token, claims)
	return provider.Login{Person: person, Tokens: tokensOf(at, token)}, err
}

// checkResponse checks what the issuer sent along with the browser.
func (p *Provider) checkResponse(at *issuer, query url.Values) error {
	if named := query.Get("iss"); (named != "" || at.metadata.NamesItself) && named != at.metadata.Issuer {
		return fault.New(fault.Authentication, "The answer is not from the provider '%s' but from another issuer", p.options.ID)
	}
	return codeflow.CheckQuery(p.options.ID, query)
}

// Refresh redeems the refresh token. The person is read from the new identity token or, without one, from the
// userinfo endpoint.
func (p *Provider) Refresh(ctx context.Context, last provider.Tokens) (provider.Login, error) {
	at, err := p.discover(ctx)
	if err != nil {
		return provider.Login{}, err
	}
	ctx = p.withClient(ctx)
	token, err := at.oauth.TokenSource(ctx, &oauth2.Token{RefreshToken: last.Refresh}).Token()
	if err != nil {
		return provider.Login{}, codeflow.Refused(p.options.ID, err)
	}
	login := provider.Login{Tokens: tokensOf(at, token)}
	login.Tokens.ID = cmp.Or(login.Tokens.ID, last.ID) // it is the hint of a later logout
	claims := claims{}
	if hasIDToken(token) {
		if claims, err = p.verify(ctx, at, token); err != nil {
			return login, p.unusable(err)
		}
	}
	login.Person, err = p.person(ctx, at, token, claims)
	return login, err
}

// tokensOf converts an answer of the token endpoint.
func tokensOf(at *issuer, token *oauth2.Token) provider.Tokens {
	tokens := provider.Tokens{Access: token.AccessToken, Refresh: token.RefreshToken, Expiry: token.Expiry}
	tokens.ID, _ = token.Extra("id_token").(string)
	if tokens.Scope, _ = token.Extra("scope").(string); tokens.Scope == "" {
		tokens.Scope = strings.Join(at.oauth.Scopes, " ")
	}
	return tokens
}

// verify verifies the identity token of a response.
func (p *Provider) verify(ctx context.Context, at *issuer, token *oauth2.Token) (claims, error) {
	raw, _ := token.Extra("id_token").(string)
	verified, read, err := p.verifyToken(ctx, at, raw)
	if err != nil {
		return nil, err
	}
	if verified.AccessTokenHash != "" {
		if err := verified.VerifyAccessToken(token.AccessToken); err != nil {
			return nil, p.invalid(err)
		}
	}
	return read, nil
}

// verifyToken verifies an identity token by itself: issuer, signature, audience, authorized party and times.
func (p *Provider) verifyToken(ctx context.Context, at *issuer, raw string) (*oidc.IDToken, claims, error) {
	if raw == "" {
		return nil, nil, p.invalid(errors.New("there is none"))
	}
	verified, err := at.verifier.Verify(ctx, raw)
	if isWithoutKeys(err) {
		return nil, nil, codeflow.Unavailable(p.options.ID, err)
	}
	if err != nil {
		return nil, nil, p.invalid(err)
	}
	read := claims{}
	if err := verified.Claims(&read); err != nil {
		return nil, nil, p.invalid(err)
	}
	party := read.text("azp")
	if party != "" && party != p.options.ClientID || party == "" && len(verified.Audience) > 1 {
		return nil, nil, p.invalid(errors.New("it was issued to another client"))
	}
	return verified, read, nil
}

// isWithoutKeys reports whether an identity token was not verified because the issuer's keys could not be
// read. go-oidc says so in its text only.
func isWithoutKeys(err error) bool {
	return err != nil && strings.HasPrefix(err.Error(), "failed to verify signature: "+fetchingKeys)
}

const fetchingKeys = "fetching keys "

func hasIDToken(token *oauth2.Token) bool {
	raw, _ := token.Extra("id_token").(string)
	return raw != ""
}

// person reads the person from the claims, and from the userinfo endpoint what they lack.
func (p *Provider) person(ctx context.Context, at *issuer, token *oauth2.Token, read claims) (provider.Person, error) {
	if read.text("email") == "" && at.provider.UserInfoEndpoint() != "" {
		info, err := at.provider.UserInfo(oidc.ClientContext(ctx, codeflow.StatusErrors(p.client)), oauth2.StaticTokenSource(token))
		if codeflow.IsRefusal(err) {
			return provider.Person{}, fault.Wrap(fault.Authentication, err, "The provider '%s' did not say who this is", p.options.ID)
		}
		if err != nil {
			return provider.Person{}, fault.Wrap(fault.Unavailable, err, "The provider '%s' cannot say now who this is. Try again later", p.options.ID)
		}
		if subject := read.text("sub"); subject != "" && info.Subject != subject {
			return provider.Person{}, p.invalid(errors.New("it is about somebody else than the userinfo endpoint"))
		}
		further := claims{}
		if err := info.Claims(&further); err != nil {
			return provider.Person{}, p.invalid(err)
		}
		for name, value := range further {
			if _, stated := read[name]; !stated {
				read[name] = value
			}
		}
	}
	if read.text("sub") == "" {
		return provider.Person{}, fault.New(fault.Unavailable, "The provider '%s' did not say who this is: there is neither an identity token nor a userinfo endpoint", p.options.ID)
	}
	return read.person(p.options), nil
}

// Logout revokes the refresh token if the issuer can (RFC 7009), and returns the address that ends the
// session at the issuer (OpenID Connect RP-Initiated Logout).
func (p *Provider) Logout(ctx context.Context, last provider.Tokens, returnTo string) (string, error) {
	at, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	err = p.revoke(ctx, at, last.Refresh)
	if at.metadata.EndSession == "" {
		return "", err
	}
	end, parseErr := url.Parse(at.metadata.EndSession)
	if parseErr != nil {
		return "", errors.Join(err, parseErr)
	}
	query := end.Query()
	query.Set("client_id", p.options.ClientID)
	query.Set("post_logout_redirect_uri", returnTo)
	if last.ID != "" {
		query.Set("id_token_hint", last.ID)
	}
	end.RawQuery = query.Encode()
	return end.String(), err
}

func (p *Provider) revoke(ctx context.Context, at *issuer, token string) error {
	if at.metadata.Revocation == "" || token == "" {
		return nil
	}
	form := url.Values{"token": {token}, "token_type_hint": {"refresh_token"}}
	inHeader := at.oauth.Endpoint.AuthStyle == oauth2.AuthStyleInHeader
	if !inHeader {
		form.Set("client_id", p.options.ClientID)
		form.Set("client_secret", p.options.ClientSecret)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, at.metadata.Revocation, strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("revoke the refresh token at '%s': %w", p.options.ID, err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if inHeader {
		request.SetBasicAuth(url.QueryEscape(p.options.ClientID), url.QueryEscape(p.options.ClientSecret))
	}
	response, err := p.client.Do(request)
	if err != nil {
		return fmt.Errorf("revoke the refresh token at '%s': %w", p.options.ID, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("revoke the refresh token at '%s': status %d", p.options.ID, response.StatusCode)
	}
	return nil
}

func (p *Provider) invalid(err error) error {
	return fault.Wrap(fault.Authentication, err, "The identity token of the provider '%s' is not valid: %s", p.options.ID, err)
}

// unusable is the error of a renewal with an identity token that is not valid. The token may be of a key that was
// not published, or our clock may be wrong: that says nothing about the person.
func (p *Provider) unusable(err error) error {
	if fault.KindOf(err) != fault.Authentication {
		return err
	}
	return fault.Wrap(fault.Unavailable, err, "The sign-in provider '%s' cannot be used now: %s", p.options.ID, err)
}

func (p *Provider) withClient(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, p.client)
}
