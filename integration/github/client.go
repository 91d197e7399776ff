package github

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
)

// Access is the purpose of a client. A GitHub App's token is restricted to it.
type Access struct {
	// Owner is the owner of the repositories.
	Owner string
	// Repository is the only repository, "" for all of the owner's.
	Repository string
	// Permissions are the needed permissions in GitHub's names: {"contents": "write"}. Nil is reading files.
	Permissions map[string]string
	// App is the id of the only App whose tokens are used, 0 for the configured credentials in their order.
	App int64
	// Background requests leave a part of the rate limit to others: when no more than that is left, they are refused with
	// a *ResponseError that says how long to wait.
	Background bool
}

// Budget is what all processes know about the rate limits of the configured credentials.
type Budget = integration.Budget

func (a Access) reads() bool { return len(a.Permissions) == 0 }

func (a Access) permissions() map[string]string {
	if a.reads() {
		return map[string]string{"contents": "read", "metadata": "read"}
	}
	return a.Permissions
}

// key is the cache key of an installation's token for this access.
func (a Access) key(installationID int64) string {
	asked := a.permissions()
	key := []string{strconv.FormatInt(installationID, 10), strings.ToLower(a.Repository)}
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		key = append(key, name+":"+asked[name])
	}
	return strings.Join(key, " ")
}

// missing lists the needed permissions that were not granted.
func (a Access) missing(granted map[string]string) string {
	var missing []string
	asked := a.permissions()
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		if level := granted[name]; level == "" || level == "read" && asked[name] != "read" {
			missing = append(missing, name+": "+asked[name])
		}
	}
	return strings.Join(missing, ", ")
}

// Credential authenticates a request.
type Credential struct {
	// Token is a secret, "" for none.
	Token string
	// Name is the name of a configured credential, without a secret: "github.com/token". It is "" for others.
	Name string
	// OfApp means that it is the token of an App's installation, which acts for no user.
	OfApp bool
	// Absent says, when there is no token, why each App has none: "GitHub App 4711 is not installed for
	// acme".
	Absent []string
}

// authenticator provides the credential for a request.
type authenticator interface {
	credential(ctx context.Context) (Credential, error)
	// refused handles a token that the API rejected, and reports whether a retry may get another.
	refused(token string) bool
}

// Client calls the API of a GitHub host. It sends its token to the API's own host only, follows redirects
// only within that GitHub, and bounds the responses that it reads.
type Client struct {
	*github.Client
	authenticator authenticator
}

// Credential is the credential of the next request. Its token is also the password for git over HTTPS. A
// token from an App is valid for at least ten more minutes.
func (c *Client) Credential(ctx context.Context) (Credential, error) {
	return c.authenticator.credential(ctx)
}

// ClientFor creates a client for the API of a GitHub host among hosts. token replaces the configured Apps and
// token; "" keeps them. A host that is not a GitHub is an input fault.
func ClientFor(hosts *integration.Set, name string, access Access, token string) (*Client, error) {
	found, _ := hosts.ByHost(name)
	host, is := found.(*Host)
	if !is {
		return nil, fault.New(fault.Input,
			"There is no GitHub integration that matches %s. Please add a configuration for an integration.", name)
	}
	return host.Client(access, token)
}

// Client creates a client for the host's API. token replaces the configured Apps and token; "" keeps them.
func (h *Host) Client(access Access, token string) (*Client, error) {
	if h.config.APIBaseURL == "" {
		return nil, fault.New(fault.Input, "The GitHub integration for %s has no apiBaseUrl. Please add it to its configuration.", h.config.Host)
	}
	return h.client(access, token)
}

func (h *Host) client(access Access, token string) (*Client, error) {
	credentials := &credentials{host: h.config.Host, apps: h.apps, token: h.config.Token, access: access, given: token}
	if access.App != 0 {
		only, err := h.app(access.App)
		if err != nil {
			return nil, err
		}
		credentials.apps, credentials.token = []*app{only}, ""
	}
	client, err := newClient(h.config, h.transport, credentials, access.Background)
	return &Client{Client: client, authenticator: credentials}, err
}

func newClient(config Config, over http.RoundTripper, authenticator authenticator, background bool) (*github.Client, error) {
	base, err := url.Parse(config.APIBaseURL + "/")
	if err != nil {
		return nil, fmt.Errorf("GitHub integration '%s': %w", config.Host, err)
	}
	client := github.NewClient(&http.Client{
		Transport: &transport{
			next: over, apiHost: base.Host, authenticator: authenticator, budget: config.Budget, background: background,
		},
		CheckRedirect: config.checkRedirect,
	})
	client.BaseURL = base
	client.UserAgent = "portico"
	return client, nil
}

// credentials chooses among the credentials that are configured for a host.
type credentials struct {
	host string
	apps []*app
	// token is the integration's; given is the caller's.
	token, given string
	access       Access
}

// credential returns the first that exists: the caller's token, the token of the first App that has one, the
// integration's token, and, for reading, the token of an App with public access. When an App fails to get its
// token and no other credential has one, the failure is returned.
func (c *credentials) credential(ctx context.Context) (Credential, error) {
	if c.given != "" {
		return Credential{Token: c.given}, nil
	}
	credential, err := firstToken(c.apps, func(a *app) (Credential, error) { return a.token(ctx, c.access) })
	if err != nil || credential.Token != "" {
		return credential, err
	}
	if c.token != "" {
		return Credential{Token: c.token, Name: c.host + "/token", Absent: credential.Absent}, nil
	}
	if !c.access.reads() {
		return credential, nil
	}
	open := slices.DeleteFunc(slices.Clone(c.apps), func(a *app) bool { return !a.PublicAccess })
	public, err := firstToken(open, func(a *app) (Credential, error) { return a.publicToken(ctx) })
	public.Absent = credential.Absent
	return public, err
}

// firstToken tries Apps in order. Absent has the reason why each had none.
func firstToken(apps []*app, ask func(*app) (Credential, error)) (Credential, error) {
	var failed error
	var absent []string
	for _, each := range apps {
		credential, err := ask(each)
		if err == nil {
			return credential, nil
		}
		if without, is := errors.AsType[*absentError](err); is {
			absent = append(absent, without.reason)
			continue
		}
		failed = errors.Join(failed, err)
	}
	return Credential{Absent: absent}, failed
}

func (c *credentials) refused(token string) bool {
	return slices.ContainsFunc(c.apps, func(a *app) bool { return a.revoked(token) })
}
