// Package rest calls the REST API of a source code host. It sends credentials to the host's own API only,
// follows redirects only within the host, bounds the responses, and converts error responses into errors.
package rest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
)

// maxAnswerBytes bounds one JSON response. A page of a listing is far smaller.
const maxAnswerBytes = 16 << 20

// Options are the settings of a Client.
type Options struct {
	// Name is the host, and Key its section of the configuration (integrations.gitlab); errors mention them.
	Name, Key string
	// BaseURL is the URL of the API. MoreURLs are other URLs of the host that get authenticated requests.
	BaseURL  string
	MoreURLs []string
	// Authenticate sets the credentials in the header of a request; nil sends none.
	Authenticate func(header http.Header)
	// Transport carries the requests.
	Transport http.RoundTripper
	// RedirectsAnswer says that a redirect is an answer of success to Send, as that of Jenkins to what it has done. It
	// is not followed.
	RedirectsAnswer bool
}

// Bearer authenticates with a token; "" sends no credentials.
func Bearer(token string) func(http.Header) {
	if token == "" {
		return nil
	}
	return func(header http.Header) { header.Set("Authorization", "Bearer "+token) }
}

// Basic authenticates with a name and a password; the password "" sends no credentials.
func Basic(username, password string) func(http.Header) {
	if password == "" {
		return nil
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(username + ":" + password))
	return func(header http.Header) { header.Set("Authorization", "Basic "+encoded) }
}

// Client calls one API. It is safe for concurrent use.
type Client struct {
	options Options
	// origins are the scheme and host of each of the host's own URLs.
	origins []string
	http    *http.Client
}

// New creates a client. The URLs of the options must be valid.
func New(options Options) *Client {
	client := &Client{options: options}
	for _, own := range append([]string{options.BaseURL}, options.MoreURLs...) {
		if parsed, err := integration.ParseURL(own); err == nil {
			client.origins = append(client.origins, integration.Origin(parsed))
		}
	}
	client.http = &http.Client{Transport: client, CheckRedirect: client.checkRedirect}
	return client
}

// HTTP is the client's HTTP client, for the official client of a forge: it authenticates requests to the
// host's own URLs, keeps redirects within the host, and bounds the responses.
func (c *Client) HTTP() *http.Client {
	return &http.Client{Transport: bounded{c}, CheckRedirect: c.http.CheckRedirect}
}

// bounded cuts responses off that are too long.
type bounded struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := b.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	response.Body = http.MaxBytesReader(nil, response.Body, maxAnswerBytes)
	return response, nil
}

func (c *Client) owns(target *url.URL) bool {
	return slices.Contains(c.origins, integration.Origin(target))
}

// RoundTrip implements http.RoundTripper. It authenticates requests to the host itself.
func (c *Client) RoundTrip(request *http.Request) (*http.Response, error) {
	if c.options.Authenticate != nil && c.owns(request.URL) {
		request = request.Clone(request.Context())
		c.options.Authenticate(request.Header)
	}
	return c.options.Transport.RoundTrip(request)
}

// checkRedirect keeps redirects within the host.
func (c *Client) checkRedirect(request *http.Request, via []*http.Request) error {
	if c.options.RedirectsAnswer {
		return http.ErrUseLastResponse
	}
	if len(via) >= integration.MaxRedirects {
		return integration.TooManyRedirects(via)
	}
	if !c.owns(request.URL) {
		return fault.New(fault.NotAllowed, "the redirect to %s leads away from %s", request.URL.Host, c.options.Name)
	}
	return nil
}

// Get requests an escaped path below the API's base, which begins with a slash, or else a complete URL of the
// host. The caller closes the body of the response, which is successful. Errors are those of
// integration.AnswerError and integration.RequestError.
func (c *Client) Get(ctx context.Context, path string, query url.Values) (*http.Response, error) {
	return c.GetChanged(ctx, path, query, "")
}

// GetChanged is Get for content with another ETag than the known one; unchanged content is
// integration.ErrNotModified. "" always reads.
func (c *Client) GetChanged(ctx context.Context, path string, query url.Values, etag string) (*http.Response, error) {
	address := path
	if strings.HasPrefix(path, "/") {
		address = c.options.BaseURL + path
	}
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", address, err)
	}
	request.Header.Set("User-Agent", "portico")
	if etag != "" {
		request.Header.Set("If-None-Match", etag)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, integration.RequestError(address, err)
	}
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	response.Body.Close()
	return nil, c.Explain(integration.AnswerError(response, "Request failed for "+address))
}

// Explain adds to an error of integration.AnswerError what to do about rejected credentials. Azure answers them with
// status 203 and a sign-in page.
func (c *Client) Explain(err error) error {
	answered, is := err.(*integration.ResponseError) //nolint:errorlint // it was made just before
	refusals := []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNonAuthoritativeInfo}
	if is && !answered.RateLimited && slices.Contains(refusals, answered.Status) {
		answered.Next = fmt.Sprintf("Check that the credentials of %s under %s have not expired and may read this", c.options.Name, c.options.Key)
	}
	return err
}

// JSON decodes a response, and returns its header.
func (c *Client) JSON(ctx context.Context, path string, query url.Values, into any) (http.Header, error) {
	response, err := c.Get(ctx, path, query)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(http.MaxBytesReader(nil, response.Body, maxAnswerBytes)).Decode(into); err != nil {
		return nil, fmt.Errorf("%s answered %s with something other than the expected JSON: %w", c.options.Name, path, err)
	}
	return response.Header, nil
}

// Bytes reads a response of at most limit bytes; a longer one is an *http.MaxBytesError.
func (c *Client) Bytes(ctx context.Context, path string, query url.Values, limit int64) ([]byte, error) {
	response, err := c.Get(ctx, path, query)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(http.MaxBytesReader(nil, response.Body, limit))
	if err != nil {
		return nil, fmt.Errorf("read %s from %s: %w", path, c.options.Name, err)
	}
	return body, nil
}
