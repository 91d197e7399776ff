package signin

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/oauth2"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity/provider"
)

// FlowLifetime is how long somebody may take to sign in at a provider.
const FlowLifetime = 10 * time.Minute

// Request is somebody's wish to sign in.
type Request struct {
	Provider    string `json:"provider"`
	Environment string `json:"environment"`
	// Scope is asked for in addition, separated by spaces.
	Scope string `json:"scope,omitempty"`
	// Origin is that of the page which asks. RedirectURL is where the browser goes at the end if Redirect is
	// true. The caller has checked that both are allowed.
	Origin      string `json:"origin,omitempty"`
	RedirectURL string `json:"redirectUrl,omitempty"`
	// Redirect means that the whole page goes to the provider, instead of a popup window.
	Redirect bool `json:"redirect,omitempty"`
}

// Flow is a sign-in on its way. The browser keeps it sealed in a cookie, which ties the provider's answer to
// the browser that asked.
type Flow struct {
	Request Request `json:"request"`

	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"`
	State    string    `json:"state"`
	Until    time.Time `json:"until"`
}

// Start begins a sign-in. It returns the address to which the browser must be sent, and the value of the
// cookie that the browser must bring back.
func (s *Service) Start(ctx context.Context, request Request) (address, cookie string, err error) {
	client, err := s.client(request.Provider, request.Environment)
	if err != nil {
		return "", "", err
	}
	flow := Flow{Request: request, Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Until: time.Now().Add(FlowLifetime)}
	flow.State = stateOf(request)
	address, err = client.OAuth.Start(ctx, flow.attempt())
	if err != nil {
		s.refusedBy(ctx, client, err)
		return "", "", err
	}
	plain, err := json.Marshal(flow)
	if err != nil {
		return "", "", fmt.Errorf("encode a sign-in: %w", err)
	}
	return address, base64.RawURLEncoding.EncodeToString(s.Seals.Seal(plain, flowContext(request.Provider))), nil
}

func (f Flow) attempt() provider.Attempt {
	return provider.Attempt{State: f.State, Nonce: f.Nonce, Verifier: f.Verifier, Scopes: strings.Fields(f.Request.Scope)}
}

// flowContext is the seal context of a flow: the cookie of one provider is no cookie for another.
func flowContext(id string) string { return "sign-in at " + id }

// stateOf is the state parameter in Backstage's form. Only its equality counts here: everything else is read
// from the cookie.
func stateOf(request Request) string {
	values := url.Values{"nonce": {rand.Text()}, "env": {request.Environment}}
	for name, value := range map[string]string{"origin": request.Origin, "redirectUrl": request.RedirectURL, "scope": request.Scope} {
		if value != "" {
			values.Set(name, value)
		}
	}
	values.Set("flow", "popup")
	if request.Redirect {
		values.Set("flow", "redirect")
	}
	return hex.EncodeToString([]byte(values.Encode()))
}

// Returning opens the flow of a browser that returns from a provider with a state. A state that is not this
// browser's is a fault of kind NotAllowed.
func (s *Service) Returning(id, cookie, state string) (Flow, error) {
	if cookie == "" {
		return Flow{}, fault.New(fault.NotAllowed, "Auth response is missing cookie nonce")
	}
	sealed, err := base64.RawURLEncoding.DecodeString(cookie)
	if err != nil {
		return Flow{}, fault.New(fault.NotAllowed, "Invalid nonce")
	}
	plain, err := s.Seals.Open(sealed, flowContext(id))
	if err != nil {
		return Flow{}, fault.New(fault.NotAllowed, "Invalid nonce")
	}
	var flow Flow
	if err := json.Unmarshal(plain, &flow); err != nil {
		return Flow{}, fmt.Errorf("decode a sign-in: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(flow.State), []byte(state)) == 0 {
		return Flow{}, fault.New(fault.NotAllowed, "Invalid nonce")
	}
	if time.Now().After(flow.Until) {
		return Flow{}, fault.New(fault.NotAllowed, "The sign-in took longer than %d minutes. Try again", int(FlowLifetime.Minutes()))
	}
	return flow, nil
}

// noRefreshToken is the message to a person whose page went to a provider that gives no refresh token. The
// page that comes back has no session other than the one that it can renew.
const noRefreshToken = "The provider '%s' gave no refresh token, and signing in without a popup window needs one. " +
	"Ask whoever runs Portico to add offline_access to the provider's additionalScopes, or to let the provider give one"

// Finish ends a sign-in with the query that the provider sent. It returns the session, and the secret by
// which the browser renews it: "" when the provider gives no refresh token, which is a fault of kind
// Authentication if Request.Redirect. The session of the secret that the browser had before ends.
func (s *Service) Finish(ctx context.Context, flow Flow, query url.Values, before string) (Session, string, error) {
	client, err := s.client(flow.Request.Provider, flow.Request.Environment)
	if err != nil {
		return Session{}, "", err
	}
	login, err := client.OAuth.Callback(ctx, flow.attempt(), query)
	if err != nil {
		s.refusedBy(ctx, client, err)
		return Session{}, "", err
	}
	if flow.Request.Redirect && login.Tokens.Refresh == "" {
		err := fault.New(fault.Authentication, noRefreshToken, client.Provider)
		s.refusedBy(ctx, client, err)
		return Session{}, "", err
	}
	found, err := s.resolve(ctx, client, login.Person)
	if err != nil {
		return Session{}, "", err
	}
	id, err := sessionFor(login)
	if err != nil {
		return Session{}, "", err
	}
	session, err := s.issue(ctx, id, provider.Identity{UserRef: found.UserRef, Profile: login.Person.Profile})
	if err != nil {
		return Session{}, "", err
	}
	session.Tokens = &login.Tokens
	if err := s.End(ctx, client.Provider, before); err != nil {
		return Session{}, "", err
	}
	if login.Tokens.Refresh == "" {
		s.Log.WarnContext(ctx, "the provider gave no refresh token: its people must sign in again whenever they load the portal",
			"provider", client.Provider, "env", client.Environment)
		return session, "", s.recordStart(ctx, s.Pool, client.Provider, found.UserRef, login.Person)
	}
	secret, err := s.begin(ctx, client, id, found.UserRef, login)
	return session, secret, err
}

// sessionFor is the id of a new session, zero for a login that cannot be renewed and gets none.
func sessionFor(login provider.Login) (uuid.UUID, error) {
	if login.Tokens.Refresh == "" {
		return uuid.Nil, nil
	}
	id, err := uuid.NewV7()
	if err != nil {
		return uuid.Nil, fmt.Errorf("id of a session: %w", err)
	}
	return id, nil
}

// refusedBy logs a sign-in that the provider refused, or whose answer is not valid.
func (s *Service) refusedBy(ctx context.Context, client *Client, err error) {
	s.Log.WarnContext(ctx, "a sign-in failed at the provider", "provider", client.Provider, "env", client.Environment, "reason", err.Error(),
		"cause", errors.Unwrap(err))
}
