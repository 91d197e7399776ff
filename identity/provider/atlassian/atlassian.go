// Package atlassian signs people in with an Atlassian account, or with an account of Bitbucket Cloud. Neither has
// identity tokens: who somebody is, their REST APIs say.
package atlassian

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/oauth2"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity/provider"
	"github.com/portico-dev/portico/identity/provider/codeflow"
)

// The names of the providers in addresses and messages, which are Backstage's.
const (
	Atlassian = "atlassian"
	Bitbucket = "bitbucket"
)

// service is what is particular about one provider.
type service struct {
	authorizeAt, redeemAt string
	authStyle             oauth2.AuthStyle
	// api is the address of the REST API, without a slash at the end.
	api        string
	scopes     []string
	parameters func(configured config.OAuthProvider) map[string]string
	// person asks the API whose the access token is.
	person func(ctx context.Context, ask asker) (provider.Person, error)
}

// services are the providers by their names.
var services = map[string]service{
	Atlassian: {
		authorizeAt: "https://auth.atlassian.com/authorize", redeemAt: "https://auth.atlassian.com/oauth/token", authStyle: oauth2.AuthStyleInParams,
		api:    "https://api.atlassian.com",
		scopes: []string{"offline_access", "read:me"},
		parameters: func(configured config.OAuthProvider) map[string]string {
			return map[string]string{"audience": cmp.Or(configured.Audience, "api.atlassian.com"), "prompt": "consent"}
		},
		person: atlassianPerson,
	},
	Bitbucket: {
		authorizeAt: "https://bitbucket.org/site/oauth2/authorize", redeemAt: "https://bitbucket.org/site/oauth2/access_token", authStyle: oauth2.AuthStyleInHeader,
		api:        "https://api.bitbucket.org/2.0",
		scopes:     []string{"account"},
		parameters: func(config.OAuthProvider) map[string]string { return nil },
		person:     bitbucketPerson,
	},
}

// IDs lists the providers that Configure knows.
func IDs() []string { return slices.Sorted(maps.Keys(services)) }

// Options configure a provider.
type Options struct {
	// ID is Atlassian or Bitbucket.
	ID                     string
	ClientID, ClientSecret string
	// Endpoint and APIURL are where the provider is. APIURL has no slash at the end.
	Endpoint oauth2.Endpoint
	APIURL   string
	// CallbackURL is where the provider sends the browser back to.
	CallbackURL string
	// Scopes are what is asked for.
	Scopes []string
	// Parameters are added to the address to which the browser is sent.
	Parameters map[string]string
	// Transport sends the requests; nil is http.DefaultTransport.
	Transport http.RoundTripper
}

// Configure converts the configuration of the provider with this id. callbackURL is used where none is configured.
// Missing values are an error that names the key.
func Configure(id string, configured config.OAuthProvider, callbackURL string) (Options, error) {
	known, is := services[id]
	if !is {
		return Options{}, fmt.Errorf("%s is no provider of Atlassian: known are %s", id, strings.Join(IDs(), ", "))
	}
	if configured.ClientSecret == "" {
		return Options{}, errors.New("clientSecret is missing: Atlassian requires it")
	}
	return Options{ID: id, ClientID: configured.ClientID, ClientSecret: string(configured.ClientSecret), APIURL: known.api,
		Endpoint:    oauth2.Endpoint{AuthURL: known.authorizeAt, TokenURL: known.redeemAt, AuthStyle: known.authStyle},
		CallbackURL: cmp.Or(configured.CallbackURL, callbackURL), Scopes: codeflow.Scopes(known.scopes, configured.AdditionalScopes),
		Parameters: codeflow.Parameters(configured, known.parameters(configured))}, nil
}

// Provider is one client at one of the providers.
type Provider struct {
	options Options
	app     codeflow.App
}

var _ provider.OAuth = (*Provider)(nil)

// New makes no request. The options are those of Configure.
func New(options Options) *Provider {
	oauth := oauth2.Config{ClientID: options.ClientID, ClientSecret: options.ClientSecret, RedirectURL: options.CallbackURL, Scopes: options.Scopes, Endpoint: options.Endpoint}
	return &Provider{options: options, app: codeflow.NewApp(options.ID, oauth, options.Parameters, options.Transport)}
}

// Start returns the authorization page with the parameters of the attempt.
func (p *Provider) Start(_ context.Context, attempt provider.Attempt) (string, error) {
	return p.app.Start(attempt), nil
}

// Callback redeems the code, and asks whose token it got.
func (p *Provider) Callback(ctx context.Context, attempt provider.Attempt, query url.Values) (provider.Login, error) {
	token, err := p.app.Redeem(ctx, attempt, query)
	if err != nil {
		return provider.Login{}, err
	}
	return p.login(ctx, token)
}

// Refresh redeems the refresh token, which Atlassian accepts once, and asks whose the new token is.
func (p *Provider) Refresh(ctx context.Context, last provider.Tokens) (provider.Login, error) {
	token, err := p.app.Renew(ctx, last.Refresh)
	if err != nil {
		return provider.Login{}, err
	}
	return p.login(ctx, token)
}

// Logout does nothing: neither provider documents a way to revoke a token. Atlassian's refresh tokens end when they are
// not used for 90 days.
func (p *Provider) Logout(context.Context, provider.Tokens, string) (string, error) { return "", nil }

// asker reads JSON from a path of the API.
type asker func(ctx context.Context, path string, into any) error

// login asks whose the access token is. An error comes with the tokens.
func (p *Provider) login(ctx context.Context, token *oauth2.Token) (provider.Login, error) {
	login := provider.Login{Tokens: p.tokensOf(token)}
	person, err := services[p.options.ID].person(ctx, func(ctx context.Context, path string, into any) error {
		return p.app.Get(ctx, p.options.APIURL+path, token.AccessToken, into)
	})
	if err != nil {
		return login, codeflow.APIFailure(p.options.ID, err)
	}
	if person.Subject == "" {
		return login, fault.New(fault.Unavailable, "The provider '%s' did not say who this is", p.options.ID)
	}
	login.Person = person
	return login, nil
}

// tokensOf converts an answer of the token endpoint. Bitbucket says scopes, not scope.
func (p *Provider) tokensOf(token *oauth2.Token) provider.Tokens {
	tokens := provider.Tokens{Access: token.AccessToken, Refresh: token.RefreshToken, Expiry: token.Expiry, Scope: strings.Join(p.options.Scopes, " ")}
	for _, name := range []string{"scope", "scopes"} {
		if granted, _ := token.Extra(name).(string); granted != "" {
			tokens.Scope = granted
		}
	}
	return tokens
}

// atlassianPerson reads who an Atlassian account is. It has no user name: people choose and change the nickname, and
// several may have the same.
func atlassianPerson(ctx context.Context, ask asker) (provider.Person, error) {
	claims := map[string]any{}
	if err := ask(ctx, "/me", &claims); err != nil {
		return provider.Person{}, err
	}
	email := text(claims, "email")
	if claims["email_verified"] == false {
		email = ""
	}
	id := text(claims, "account_id")
	return provider.Person{Subject: id, UserID: id, Claims: claims,
		Profile: provider.Profile{Email: email, DisplayName: text(claims, "name"), Picture: text(claims, "picture")}}, nil
}

// bitbucketPerson reads who an account of Bitbucket Cloud is. The user name can be changed, and the UUID stays.
func bitbucketPerson(ctx context.Context, ask asker) (provider.Person, error) {
	claims := map[string]any{}
	if err := ask(ctx, "/user", &claims); err != nil {
		return provider.Person{}, err
	}
	email, err := confirmedEmail(ctx, ask)
	if err != nil {
		return provider.Person{}, err
	}
	links, _ := claims["links"].(map[string]any)
	avatar, _ := links["avatar"].(map[string]any)
	id := text(claims, "uuid")
	return provider.Person{Subject: id, UserID: id, Username: text(claims, "username"), Claims: claims,
		Profile: provider.Profile{Email: email, DisplayName: text(claims, "display_name"), Picture: text(avatar, "href")}}, nil
}

// confirmedEmail is the primary address of Bitbucket if it is confirmed. It is "" where the token may not read
// addresses.
func confirmedEmail(ctx context.Context, ask asker) (string, error) {
	var page struct {
		Values []struct {
			Email     string `json:"email"`
			Primary   bool   `json:"is_primary"`
			Confirmed bool   `json:"is_confirmed"`
		} `json:"values"`
	}
	err := ask(ctx, "/user/emails?pagelen=100", &page)
	if status, is := errors.AsType[*codeflow.StatusError](err); is && status.Status == http.StatusForbidden {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	for _, one := range page.Values {
		if one.Primary && one.Confirmed {
			return one.Email, nil
		}
	}
	return "", nil
}

func text(of map[string]any, name string) string {
	value, _ := of[name].(string)
	return value
}
