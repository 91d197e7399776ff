package codeflow

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity/provider"
)

// App is a client at a provider without identity tokens, of which all addresses are known.
type App struct {
	// ID is the name of the provider in addresses and messages.
	ID    string
	OAuth oauth2.Config
	// Parameters are added to the address to which the browser is sent.
	Parameters map[string]string
	// Client sends the requests: see NewApp.
	Client *http.Client
}

// NewApp makes no request. A nil transport is http.DefaultTransport.
func NewApp(id string, oauth oauth2.Config, parameters map[string]string, transport http.RoundTripper) App {
	client := Client(transport)
	// A redirect would take the secret or a token to another host.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return App{ID: id, OAuth: oauth, Parameters: parameters, Client: client}
}

// Start returns the provider's authorization page with the parameters of the attempt. A provider that does not know
// PKCE ignores the challenge.
func (a App) Start(attempt provider.Attempt) string {
	asked := a.OAuth
	asked.Scopes = Scopes(asked.Scopes, attempt.Scopes)
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(attempt.Verifier)}
	for name, value := range a.Parameters {
		options = append(options, oauth2.SetAuthURLParam(name, value))
	}
	return asked.AuthCodeURL(attempt.State, options...)
}

// Redeem redeems the code in the query with which the browser came back.
func (a App) Redeem(ctx context.Context, attempt provider.Attempt, query url.Values) (*oauth2.Token, error) {
	if err := CheckQuery(a.ID, query); err != nil {
		return nil, err
	}
	token, err := a.OAuth.Exchange(a.withClient(ctx), query.Get("code"), oauth2.VerifierOption(attempt.Verifier))
	if err != nil {
		return nil, Refused(a.ID, err)
	}
	return token, nil
}

// Renew redeems a refresh token.
func (a App) Renew(ctx context.Context, refresh string) (*oauth2.Token, error) {
	token, err := a.OAuth.TokenSource(a.withClient(ctx), &oauth2.Token{RefreshToken: refresh}).Token()
	if err != nil {
		return nil, Refused(a.ID, err)
	}
	return token, nil
}

// Get reads JSON from the provider's API with a person's access token. An answer that refuses the token is a
// *StatusError: see IsRefusal and APIFailure.
func (a App) Get(ctx context.Context, address, access string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+access)
	request.Header.Set("Accept", "application/json")
	response, err := a.Client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return &StatusError{Status: response.StatusCode}
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fmt.Errorf("read the answer of %s: %w", request.URL.Path, err)
	}
	return nil
}

// APIFailure is the failure of a request to a provider's API: a token that is not accepted is the person's, and
// everything else is a provider that does not answer now.
func APIFailure(id string, err error) error {
	if IsRefusal(err) {
		return fault.Wrap(fault.Authentication, err, "The provider '%s' does not accept the sign-in any more. Sign in again", id)
	}
	return Unavailable(id, err)
}

func (a App) withClient(ctx context.Context) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, a.Client)
}
