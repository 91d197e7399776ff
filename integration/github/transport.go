package github

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
)

// maxAnswerBytes bounds the JSON and error responses of an API. A tree of 100,000 files is 30 MB.
const maxAnswerBytes = 64 << 20

// transport authenticates the requests to the API's host only: an archive is redirected to a host that has
// its own tokens. It bounds the responses that are decoded in memory.
type transport struct {
	next          http.RoundTripper
	apiHost       string
	authenticator authenticator
	// budget is shared with other processes, nil for none. Requests in the background leave a part of it to others.
	budget     Budget
	background bool
}

// RoundTrip retries a request once when its token was rejected and there may be another. A rejected request
// has had no effect.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, token, err := t.send(request)
	if err != nil || response.StatusCode != http.StatusUnauthorized || !t.authenticator.refused(token) {
		return response, err
	}
	response.Body.Close()
	again := request.Clone(request.Context())
	if request.GetBody != nil {
		if again.Body, err = request.GetBody(); err != nil {
			return nil, fmt.Errorf("repeat the request with another token: %w", err)
		}
	}
	response, _, err = t.send(again)
	return response, err
}

func (t *transport) send(request *http.Request) (*http.Response, string, error) {
	var credential Credential
	if request.URL.Host == t.apiHost {
		var err error
		if credential, err = t.authenticator.credential(request.Context()); err != nil {
			return nil, "", err
		}
	}
	if err := t.leaveBudget(request, credential); err != nil {
		return nil, "", err
	}
	if credential.Token != "" {
		request = request.Clone(request.Context())
		request.Header.Set("Authorization", "Bearer "+credential.Token)
	}
	response, err := t.next.RoundTrip(request)
	if err != nil {
		return nil, "", err
	}
	if t.budget != nil && credential.Name != "" {
		t.budget.Record(request.Context(), credential.Name, response)
	}
	mediaType, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if response.StatusCode >= http.StatusMultipleChoices || strings.HasSuffix(mediaType, "json") {
		response.Body = http.MaxBytesReader(nil, response.Body, maxAnswerBytes)
	}
	return response, credential.Token, nil
}

// leaveBudget refuses a request in the background while others need what is left of the rate limit.
func (t *transport) leaveBudget(request *http.Request, credential Credential) error {
	if !t.background || t.budget == nil || credential.Name == "" {
		return nil
	}
	resource := "core"
	if strings.HasSuffix(request.URL.Path, "/graphql") {
		resource = "graphql"
	}
	wait, err := t.budget.Wait(request.Context(), credential.Name, resource)
	if err != nil || wait == 0 {
		return err
	}
	return integration.LeftToRuns(credential.Name, wait)
}

// checkRedirect keeps redirects within this GitHub: its own hosts and their subdomains.
func (c Config) checkRedirect(request *http.Request, via []*http.Request) error {
	if len(via) >= integration.MaxRedirects {
		return integration.TooManyRedirects(via)
	}
	if via[0].URL.Scheme == "https" && request.URL.Scheme != "https" || !c.owns(request.URL) {
		return fault.New(fault.NotAllowed, "the redirect to %s leads away from %s", request.URL.Host, c.Host)
	}
	return nil
}

func (c Config) owns(target *url.URL) bool {
	if c.Host == publicHost && strings.HasSuffix(target.Host, ".githubusercontent.com") {
		return true
	}
	if target.Host == c.Host || strings.HasSuffix(target.Host, "."+c.Host) {
		return true
	}
	for _, base := range []string{c.APIBaseURL, c.RawBaseURL} {
		if parsed, err := url.Parse(base); err == nil && parsed.Host == target.Host {
			return true
		}
	}
	return false
}
