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

// Refused is the failure of a request to the token endpoint of the provider with this id. The endpoint's text
// is left out, except for its codes: it may repeat what was sent.
func Refused(id string, err error) error {
	answered, is := errors.AsType[*oauth2.RetrieveError](err)
	if !is {
		return Unavailable(id, err)
	}
	return fault.New(fault.Authentication, "The provider '%s' refused the sign-in: %s", id, cmp.Or(answered.ErrorCode, answered.Response.Status))
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
