// Package github signs people in with an OAuth app, or with a GitHub App on behalf of its users, at github.com
// or a GitHub Enterprise. GitHub has no identity tokens: who somebody is, its REST API says.
package github

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/go-github/v60/github"
	"golang.org/x/oauth2"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity/provider"
	"github.com/portico-dev/portico/identity/provider/codeflow"
)

// ID is the name of the provider in addresses and messages.
const ID = "github"

// requiredScopes are for GET /user and GET /user/emails.
var requiredScopes = []string{"read:user", "user:email"}

// accessTokenPrefix marks an access token that is kept in place of a refresh token, which OAuth apps do not
// have. Backstage has the same mark.
const accessTokenPrefix = "access-token-v2."

// Options configure a provider.
type Options struct {
	ClientID, ClientSecret string
	// BaseURL is where people sign in: https://github.com. APIBaseURL is the REST API, with a slash at the end:
	// https://api.github.com/.
	BaseURL    string
	APIBaseURL *url.URL
	// CallbackURL is where GitHub sends the browser back to.
	CallbackURL string
	// Scopes are asked for in addition to read:user and user:email. GitHub Apps have none.
	Scopes []string
	// Parameters are added to the address to which the browser is sent.
	Parameters map[string]string
	// Transport sends the requests to GitHub; nil is http.DefaultTransport.
	Transport http.RoundTripper
}

// Configure converts the configuration of the provider. callbackURL is used where none is configured. Missing
// values are an error that names the key.
func Configure(configured config.OAuthProvider, callbackURL string) (Options, error) {
	if configured.ClientSecret == "" {
		return Options{}, errors.New("clientSecret is missing: GitHub requires it")
	}
	base := cmp.Or(strings.TrimSuffix(configured.EnterpriseInstanceURL, "/"), "https://github.com")
	api, err := apiOf(base)
	if err != nil {
		return Options{}, fmt.Errorf("enterpriseInstanceUrl: %w", err)
	}
	return Options{ClientID: configured.ClientID, ClientSecret: string(configured.ClientSecret), BaseURL: base, APIBaseURL: api,
		CallbackURL: cmp.Or(configured.CallbackURL, callbackURL), Scopes: configured.AdditionalScopes,
		Parameters: codeflow.Parameters(configured, nil)}, nil
}

// apiOf is the address of the REST API. GitHub's clouds have a host for it, and an Enterprise Server a path.
func apiOf(base string) (*url.URL, error) {
	parsed, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	if parsed.Host == "github.com" || strings.HasSuffix(parsed.Host, ".ghe.com") {
		parsed.Host = "api." + parsed.Host
		return parsed.JoinPath("/"), nil
	}
	return parsed.JoinPath("api/v3/"), nil
}

// Provider is one app at one GitHub.
type Provider struct {
	options Options
	app     codeflow.App
}

var _ provider.OAuth = (*Provider)(nil)

// New makes no request.
func New(options Options) *Provider {
	oauth := oauth2.Config{ClientID: options.ClientID, ClientSecret: options.ClientSecret, RedirectURL: options.CallbackURL,
		Scopes: codeflow.Scopes(requiredScopes, options.Scopes), Endpoint: oauth2.Endpoint{AuthURL: options.BaseURL + "/login/oauth/authorize",
			TokenURL: options.BaseURL + "/login/oauth/access_token", AuthStyle: oauth2.AuthStyleInParams}}
	return &Provider{options: options, app: codeflow.NewApp(ID, oauth, options.Parameters, options.Transport)}
}

// Start returns GitHub's authorization page with the parameters of the attempt. An Enterprise Server may be too old
// for PKCE.
func (p *Provider) Start(_ context.Context, attempt provider.Attempt) (string, error) {
	return p.app.Start(attempt), nil
}

// Callback redeems the code, and asks GitHub whose token it got.
func (p *Provider) Callback(ctx context.Context, attempt provider.Attempt, query url.Values) (provider.Login, error) {
	token, err := p.app.Redeem(ctx, attempt, query)
	if err != nil {
		return provider.Login{}, err
	}
	return p.login(ctx, tokensOf(token))
}

// Refresh asks GitHub again whose the kept access token is. A token that was revoked is refused. Only GitHub
// Apps have refresh tokens, if their tokens expire.
func (p *Provider) Refresh(ctx context.Context, last provider.Tokens) (provider.Login, error) {
	if access, kept := strings.CutPrefix(last.Refresh, accessTokenPrefix); kept {
		return p.login(ctx, provider.Tokens{Access: access, Refresh: last.Refresh, Scope: last.Scope})
	}
	token, err := p.app.Renew(ctx, last.Refresh)
	if err != nil {
		return provider.Login{}, err
	}
	return p.login(ctx, tokensOf(token))
}

// tokensOf converts an answer of the token endpoint. GitHub separates scopes by commas.
func tokensOf(token *oauth2.Token) provider.Tokens {
	granted, _ := token.Extra("scope").(string)
	return provider.Tokens{Access: token.AccessToken, Refresh: cmp.Or(token.RefreshToken, accessTokenPrefix+token.AccessToken),
		Scope: strings.ReplaceAll(granted, ",", " "), Expiry: token.Expiry}
}

// login asks GitHub whose the access token is. An error comes with the tokens.
func (p *Provider) login(ctx context.Context, tokens provider.Tokens) (provider.Login, error) {
	client := p.api(&oauth2.Transport{Source: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: tokens.Access}), Base: p.app.Client.Transport})
	login := provider.Login{Tokens: tokens}
	user, _, err := client.Users.Get(ctx, "")
	if err != nil {
		return login, failure(err)
	}
	if user.GetID() == 0 {
		return login, codeflow.Unavailable(ID, errors.New("the answer about the user has no id"))
	}
	email, err := verifiedEmail(ctx, client)
	if err != nil {
		return login, err
	}
	// A login can be changed and then taken by somebody else. The number stays.
	id := strconv.FormatInt(user.GetID(), 10)
	login.Person = provider.Person{Subject: id, UserID: id, Username: user.GetLogin(),
		Profile: provider.Profile{Email: email, DisplayName: cmp.Or(user.GetName(), user.GetLogin()), Picture: user.GetAvatarURL()}}
	return login, nil
}

// verifiedEmail is the primary address if it is verified. It is "" where the token may not read addresses:
// people can take away scopes, and a GitHub App may lack the permission.
func verifiedEmail(ctx context.Context, client *github.Client) (string, error) {
	emails, _, err := client.Users.ListEmails(ctx, &github.ListOptions{PerPage: 100})
	if status := statusOf(err); status == http.StatusForbidden || status == http.StatusNotFound {
		return "", nil
	}
	if err != nil {
		return "", failure(err)
	}
	for _, email := range emails {
		if email.GetPrimary() && email.GetVerified() {
			return email.GetEmail(), nil
		}
	}
	return "", nil
}

// Logout revokes the access token that was kept. GitHub itself has no address for the end of a session.
func (p *Provider) Logout(ctx context.Context, last provider.Tokens, _ string) (string, error) {
	access, kept := strings.CutPrefix(last.Refresh, accessTokenPrefix)
	if !kept {
		return "", nil
	}
	client := p.api(&github.BasicAuthTransport{Username: p.options.ClientID, Password: p.options.ClientSecret, Transport: p.app.Client.Transport})
	_, err := client.Authorizations.Revoke(ctx, p.options.ClientID, access)
	if status := statusOf(err); status == http.StatusNotFound || status == http.StatusUnprocessableEntity {
		return "", nil // the token has ended before
	}
	if err != nil {
		return "", fmt.Errorf("revoke the access token at '%s': %w", ID, err)
	}
	return "", nil
}

// api is a client for one person: go-github stops all requests of a client whose rate limit is reached.
func (p *Provider) api(authenticated http.RoundTripper) *github.Client {
	client := github.NewClient(&http.Client{Timeout: p.app.Client.Timeout, CheckRedirect: p.app.Client.CheckRedirect, Transport: authenticated})
	client.BaseURL = p.options.APIBaseURL
	client.UserAgent = "portico"
	return client
}

// failure converts an error of the REST API: a token that is refused is the person's, and everything else is
// a GitHub that does not answer now, as is a rate limit.
func failure(err error) error {
	switch statusOf(err) {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fault.Wrap(fault.Authentication, err, "The provider '%s' does not accept the sign-in any more. Sign in again", ID)
	}
	return codeflow.Unavailable(ID, err)
}

// statusOf is the status of an answer that is not about a rate limit, 0 for other errors.
func statusOf(err error) int {
	answered, is := errors.AsType[*github.ErrorResponse](err)
	if !is {
		return 0
	}
	return answered.Response.StatusCode
}
