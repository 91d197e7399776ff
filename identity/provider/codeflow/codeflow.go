// Package codeflow has what the providers with OAuth's code flow (RFC 6749, section 4.1) share: the HTTP client,
// the parameters of the authorization request, and what a refusal of the provider means.
package codeflow

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"golang.org/x/oauth2"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
)

const (
	// deadline bounds one request to a provider, and maxResponse its answer in bytes.
	deadline    = 10 * time.Second
	maxResponse = 1 << 20
)

// Client sends requests to a provider. It bounds their time and the size of their answers. An answer with
// status 5xx or 429 is a *StatusError. A nil transport is http.DefaultTransport.
func Client(transport http.RoundTripper) *http.Client {
	if transport == nil {
		transport = http.DefaultTransport
	}
	return &http.Client{Timeout: deadline, Transport: readable{next: bounded{transport}, failed: isOutage}}
}

// Parameters are added to the address to which the browser is sent: the provider's preset, changed by the
// configuration. Parameters without a value are left out.
func Parameters(configured config.OAuthProvider, preset map[string]string) map[string]string {
	parameters := map[string]string{}
	maps.Copy(parameters, preset)
	parameters["prompt"] = cmp.Or(configured.Prompt, parameters["prompt"])
	if configured.Prompt == "auto" {
		delete(parameters, "prompt")
	}
	maps.Copy(parameters, configured.StartURLSearchParams)
	maps.DeleteFunc(parameters, func(_, value string) bool { return value == "" })
	return parameters
}

// CheckQuery checks the query with which the browser came back from the provider with this id: a refusal, or
// no code, is a fault of kind Authentication.
func CheckQuery(id string, query url.Values) error {
	if code := query.Get("error"); code != "" {
		message := code
		if description := query.Get("error_description"); description != "" {
			message += ": " + description
		}
		return fault.New(fault.Authentication, "The provider '%s' refused the sign-in: %s", id, message)
	}
	if query.Get("code") == "" {
		return fault.New(fault.Authentication, "The provider '%s' sent no code", id)
	}
	return nil
}

// endedGrants are the error codes of a token endpoint about the grant of a person: it is none, or it has ended.
// All others are about Portico's client or about the provider: Auth0 says access_denied for a wrong secret.
var endedGrants = []string{
	"invalid_grant",                                              // RFC 6749, section 5.2
	"interaction_required", "login_required", "consent_required", // OpenID Connect Core 3.1.2.6; Microsoft's token endpoint has them too
	"bad_verification_code", "bad_refresh_token", "unverified_user_email", // GitHub's
}

// Refused is the failure of a request to the token endpoint of the provider with this id. It is of kind
// Authentication only if the endpoint says that the grant of the person has ended, because that ends a session.
// The endpoint's text is left out, except for its codes: it may repeat what was sent.
func Refused(id string, err error) error {
	answered, is := errors.AsType[*oauth2.RetrieveError](err)
	if !is {
		return Unavailable(id, err)
	}
	if slices.Contains(endedGrants, answered.ErrorCode) {
		return fault.New(fault.Authentication, "The provider '%s' refused the sign-in: %s", id, answered.ErrorCode)
	}
	return fault.New(fault.Unavailable, "The sign-in provider '%s' cannot be used now: it answered Portico's request with '%s'. "+
		"Ask whoever runs Portico to check the client's id, secret and scopes in auth.providers.%s", id, cmp.Or(answered.ErrorCode, answered.Response.Status), id)
}

// Unavailable is the fault of a provider that does not answer, or that asks to come back later.
func Unavailable(id string, err error) error {
	return fault.Wrap(fault.Unavailable, err, "The sign-in provider '%s' does not answer. Try again later", id)
}

// Scopes are the scopes of all lists, each once.
func Scopes(lists ...[]string) []string {
	var kept []string
	for _, scope := range slices.Concat(lists...) {
		if scope != "" && !slices.Contains(kept, scope) {
			kept = append(kept, scope)
		}
	}
	return kept
}
