package gitlab

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/rest"
)

// Client calls the API of a GitLab host. It sends its token to the host's own URLs only, follows redirects
// only there, bounds the responses that it reads, and makes each request once: its callers retry.
type Client struct {
	*gitlab.Client
	token, page string
}

// ClientFor creates a client for the API of a GitLab host among hosts. token replaces the configured one; ""
// keeps it. A host that is not a GitLab is an input fault.
func ClientFor(hosts *integration.Set, name, token string) (*Client, error) {
	host, err := integration.HostOf[*Host](hosts, name)
	if err != nil {
		return nil, err
	}
	return host.Client(token)
}

// Client creates a client for the host's API. token replaces the configured one; "" keeps it.
func (h *Host) Client(token string) (*Client, error) {
	token = cmp.Or(token, h.config.Token)
	api := rest.New(rest.Options{
		Name: h.Name(), Key: "integrations.gitlab", BaseURL: h.config.APIBaseURL, Transport: h.over(token, false), Authenticate: rest.Bearer(token),
	})
	carrier := api.HTTP()
	carrier.Transport = listener{carrier.Transport}
	client, err := gitlab.NewAuthSourceClient(gitlab.Unauthenticated{}, gitlab.WithBaseURL(h.config.APIBaseURL),
		gitlab.WithHTTPClient(carrier), gitlab.WithoutRetries(), gitlab.WithUserAgent("portico"))
	if err != nil {
		return nil, fmt.Errorf("GitLab integration '%s': %w", h.config.Host, err)
	}
	return &Client{Client: client, token: token, page: h.config.BaseURL}, nil
}

// Token is the token of the client's requests, and the password for git over HTTPS. It is "" for none.
func (c *Client) Token() string { return c.token }

// Page is the URL of GitLab's page at a path.
func (c *Client) Page(path string) string { return c.page + "/" + strings.TrimPrefix(path, "/") }

type refusalKey struct{}

// maxRefusalBytes bounds what is kept of a refusal.
const maxRefusalBytes = 64 << 10

// Listen returns a context for one request, and a function that returns the body of GitLab's response if that
// was an error. The official client keeps no body of a 404.
func Listen(ctx context.Context) (listening context.Context, refusal func() []byte) {
	var body []byte
	return context.WithValue(ctx, refusalKey{}, &body), func() []byte { return body }
}

// listener keeps the bodies of error responses for Listen.
type listener struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (l listener) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := l.next.RoundTrip(request)
	if err != nil || response.StatusCode < http.StatusBadRequest {
		return response, err
	}
	if kept, asked := request.Context().Value(refusalKey{}).(*[]byte); asked {
		// A body that breaks off is as good as none: the status is what counts.
		*kept, _ = io.ReadAll(io.LimitReader(response.Body, maxRefusalBytes))
		response.Body = remainder{io.MultiReader(strings.NewReader(string(*kept)), response.Body), response.Body}
	}
	return response, nil
}

// remainder is a body whose beginning was read already.
type remainder struct {
	io.Reader
	io.Closer
}
