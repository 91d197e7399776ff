package api

import (
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity/exchange"
)

const (
	exchangeGrant = exchange.GrantType
	// The types of tokens (RFC 8693, section 3).
	typeJWT         = exchange.TypeJWT
	typeIDToken     = "urn:ietf:params:oauth:token-type:id_token"     //nolint:gosec // a type, not a token
	typeAccessToken = "urn:ietf:params:oauth:token-type:access_token" //nolint:gosec // a type, not a token
	// maxForm bounds the form in bytes: it has one token.
	maxForm = 64 << 10
)

// tokenRoute exchanges tokens (RFC 8693). Backstage's authorization server has its endpoint there.
func (a *auth) tokenRoute() route {
	return route{method: http.MethodPost, path: "/v1/token", access: signsIn("a job has no token of Portico yet"), audit: records(audit.TokenExchange), looseQuery: true,
		summary: "Exchanges the identity token of a CI job for a token of Portico", form: []parameter{
			required(text("grant_type", exchangeGrant)), required(text("subject_token", "the job's identity token")),
			required(text("subject_token_type", typeJWT+" or "+typeIDToken)),
			text("requested_token_type", typeAccessToken+" or "+typeJWT), text("audience", "the server's audience, if any"),
		},
		serve: writes[issuedToken]("the token", a.exchange), fails: []fault.Kind{fault.NotFound},
		also: []answer{asJSON[oauthError](http.StatusBadRequest, "the token is not accepted"), asJSON[oauthError](http.StatusServiceUnavailable, "the token cannot be checked now")}}
}

// issuedToken is the response to a token exchange (RFC 8693, section 2.2.1).
type issuedToken struct {
	AccessToken     string `json:"access_token"`
	IssuedTokenType string `json:"issued_token_type"`
	TokenType       string `json:"token_type"`
	ExpiresIn       int    `json:"expires_in"`
}

// oauthError is a failure in OAuth's form (RFC 6749, section 5.2).
type oauthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

func badRequest(code, description string) error {
	return &bodyError{http.StatusBadRequest, oauthError{code, description}}
}

func (a *auth) exchange(c *call) error {
	c.Header("Cache-Control", "no-store")
	if a.Exchange == nil {
		return fault.New(fault.NotFound, "No tokens are exchanged here: set portico.tokenExchange")
	}
	form, err := readForm(c)
	if err != nil {
		return err
	}
	if err := a.checkExchange(form); err != nil {
		return err
	}
	issued, err := a.Exchange.Exchange(c.Request.Context(), form.Get("subject_token"))
	if refused, is := errors.AsType[*fault.Error](err); is {
		return refusedExchange(refused)
	}
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, issuedToken{AccessToken: issued.Token, IssuedTokenType: typeAccessToken, TokenType: "Bearer", ExpiresIn: int(issued.Lifetime.Seconds())})
}

// refusedExchange is the error that RFC 8693 has for every token that is not accepted.
func refusedExchange(refused *fault.Error) error {
	if refused.Kind == fault.Unavailable {
		return &bodyError{http.StatusServiceUnavailable, oauthError{"temporarily_unavailable", refused.Message}}
	}
	return badRequest("invalid_request", refused.Message)
}

// readForm reads the body of a form. Each of its fields is sent once.
func readForm(c *call) (url.Values, error) {
	if mediaType, _, _ := mime.ParseMediaType(c.GetHeader("Content-Type")); mediaType != formContent {
		return nil, badRequest("invalid_request", "The body must be of the type "+formContent)
	}
	data, err := readBounded(c.Request, c.Writer, maxForm)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(data))
	if err != nil {
		return nil, badRequest("invalid_request", "The body is not a form")
	}
	for _, name := range sortedKeys(form) {
		if len(form[name]) > 1 {
			return nil, badRequest("invalid_request", "A field is there more than once")
		}
	}
	return form, nil
}

// checkExchange checks everything but the token.
func (a *auth) checkExchange(form url.Values) error {
	isOneOf := func(name string, values ...string) bool { return slices.Contains(values, form.Get(name)) }
	switch {
	case !isOneOf("grant_type", exchangeGrant):
		return badRequest("unsupported_grant_type", "grant_type must be "+exchangeGrant)
	case form.Get("subject_token") == "":
		return badRequest("invalid_request", "subject_token is missing: it is the job's identity token")
	case !isOneOf("subject_token_type", typeJWT, typeIDToken):
		return badRequest("invalid_request", "subject_token_type must be "+typeJWT)
	case !isOneOf("requested_token_type", "", typeAccessToken, typeJWT):
		return badRequest("invalid_request", "requested_token_type must be "+typeAccessToken)
	case form.Get("actor_token") != "":
		return badRequest("invalid_request", "actor_token is not supported")
	case !isOneOf("audience", "", a.Exchange.Audience) || form.Get("resource") != "":
		return badRequest("invalid_target", "The only audience is "+a.Exchange.Audience)
	case form.Get("scope") != "":
		return badRequest("invalid_scope", "The rule decides what the token may do: send no scope")
	}
	return nil
}
