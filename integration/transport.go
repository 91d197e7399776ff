package integration

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

const (
	// maxRedirects is how many requests one reading may take.
	maxRedirects = 5
	// maxAnswerBytes bounds the JSON and the errors of an API. A tree of 100,000 files is 30 MB.
	maxAnswerBytes = 64 << 20
)

// gitHubTransport authenticates the requests to the API's host, and only those: an archive is redirected to a host that
// has its own tokens. It bounds the answers that are decoded in memory.
type gitHubTransport struct {
	next          http.RoundTripper
	apiHost       string
	authenticator authenticator
}

// RoundTrip sends a request a second time when its token was not taken and there may be another: nothing has come of it.
func (t *gitHubTransport) RoundTrip(request *http.Request) (*http.Response, error) {
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

func (t *gitHubTransport) send(request *http.Request) (*http.Response, string, error) {
	var credential Credential
	if request.URL.Host == t.apiHost {
		var err error
		if credential, err = t.authenticator.credential(request.Context()); err != nil {
			return nil, "", err
		}
	}
	if credential.Token != "" {
		request = request.Clone(request.Context())
		request.Header.Set("Authorization", "Bearer "+credential.Token)
	}
	response, err := t.next.RoundTrip(request)
	if err != nil {
		return nil, "", err
	}
	mediaType, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if response.StatusCode >= http.StatusMultipleChoices || strings.HasSuffix(mediaType, "json") {
		response.Body = http.MaxBytesReader(nil, response.Body, maxAnswerBytes)
	}
	return response, credential.Token, nil
}

// checkRedirect keeps redirects within this GitHub: its own hosts, and their subdomains.
func (g GitHub) checkRedirect(request *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects {
		return tooManyRedirects(via)
	}
	if via[0].URL.Scheme == "https" && request.URL.Scheme != "https" || !g.owns(request.URL) {
		return fmt.Errorf("the redirect to %s leads away from %s", request.URL.Host, g.Host)
	}
	return nil
}

func (g GitHub) owns(target *url.URL) bool {
	if g.Host == gitHubHost && strings.HasSuffix(target.Host, ".githubusercontent.com") {
		return true
	}
	if target.Host == g.Host || strings.HasSuffix(target.Host, "."+g.Host) {
		return true
	}
	for _, base := range []string{g.APIBaseURL, g.RawBaseURL} {
		if parsed, err := url.Parse(base); err == nil && parsed.Host == target.Host {
			return true
		}
	}
	return false
}

func tooManyRedirects(via []*http.Request) error {
	return fmt.Errorf("Too many redirects (max %d) when reading %s", maxRedirects, via[0].URL) //nolint:staticcheck // Backstage's words
}
