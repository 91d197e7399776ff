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

// Access is what a client is for. A GitHub App gives tokens for just that.
type Access struct {
	// Owner is whose repositories they are.
	Owner string
	// Repository is the only one that is concerned, "" for all of the owner's.
	Repository string
	// Permissions are what is to be done, in GitHub's names: {"contents": "write"}. None means reading files.
	Permissions map[string]string
}

func (a Access) reads() bool { return len(a.Permissions) == 0 }

func (a Access) permissions() map[string]string {
	if a.reads() {
		return map[string]string{"contents": "read", "metadata": "read"}
	}
	return a.Permissions
}

// key tells the tokens of an installation apart.
func (a Access) key(installationID int64) string {
	asked := a.permissions()
	key := []string{strconv.FormatInt(installationID, 10), strings.ToLower(a.Repository)}
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		key = append(key, name+":"+asked[name])
	}
	return strings.Join(key, " ")
}

// missing lists the permissions that are needed beyond those that are there.
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

// Credential is what a request is authenticated with.
type Credential struct {
	// Token is a secret, "" for none.
	Token string
	// Absent says, when there is no token, why each App has none: "GitHub App 4711 is not installed for
	// acme".
	Absent []string
}

// authenticator finds the credential for a request.
type authenticator interface {
	credential(ctx context.Context) (Credential, error)
	// refused is told of a token that the API did not take, and says whether asking again may give another.
	refused(token string) bool
}

// Client speaks to the API of a GitHub host. It sends its token to the API's own host only, follows redirects
// only within that GitHub, and bounds the answers it reads.
type Client struct {
	*github.Client
	authenticator authenticator
}

// Credential is what the next request is sent with, and what git over HTTPS is to be given as its password. A
// token that comes from an App is good for another ten minutes at least.
func (c *Client) Credential(ctx context.Context) (Credential, error) {
	return c.authenticator.credential(ctx)
}

// ClientFor makes a client for the API of a GitHub host among hosts. token takes the place of the configured
// Apps and token; "" leaves them. A host that is no GitHub is an input fault.
func ClientFor(hosts *integration.Set, name string, access Access, token string) (*Client, error) {
	found, _ := hosts.ByHost(name)
	host, is := found.(*Host)
	if !is {
		return nil, fault.New(fault.Input,
			"There is no GitHub integration that matches %s. Please add a configuration for an integration.", name)
	}
	return host.Client(access, token)
}

// Client makes a client for the host's API. token takes the place of the configured Apps and token; "" leaves
// them.
func (h *Host) Client(access Access, token string) (*Client, error) {
	if h.config.APIBaseURL == "" {
		return nil, fault.New(fault.Input, "The GitHub integration for %s has no apiBaseUrl. Please add it to its configuration.", h.config.Host)
	}
	return h.client(access, token)
}

func (h *Host) client(access Access, token string) (*Client, error) {
	credentials := &credentials{apps: h.apps, token: h.config.Token, access: access, given: token}
	client, err := newClient(h.config, h.transport, credentials)
	return &Client{Client: client, authenticator: credentials}, err
}

func newClient(config Config, over http.RoundTripper, authenticator authenticator) (*github.Client, error) {
	base, err := url.Parse(config.APIBaseURL + "/")
	if err != nil {
		return nil, fmt.Errorf("GitHub integration '%s': %w", config.Host, err)
	}
	client := github.NewClient(&http.Client{
		Transport:     &transport{next: over, apiHost: base.Host, authenticator: authenticator},
		CheckRedirect: config.checkRedirect,
	})
	client.BaseURL = base
	client.UserAgent = "portico"
	return client, nil
}

// credentials choose among what is configured for a host.
type credentials struct {
	apps []*app
	// token is the integration's, given the caller's own.
	token, given string
	access       Access
}

// credential is the caller's token, else that of the first App that has one, else the integration's, else, to
// read, that of an App with public access. An App that should have one and cannot get it is an error, unless
// another has one.
func (c *credentials) credential(ctx context.Context) (Credential, error) {
	if c.given != "" {
		return Credential{Token: c.given}, nil
	}
	token, absent, err := firstToken(c.apps, func(a *app) (string, error) { return a.token(ctx, c.access) })
	if err != nil || token != "" {
		return Credential{Token: token}, err
	}
	if c.token != "" || !c.access.reads() {
		return Credential{Token: c.token, Absent: absent}, nil
	}
	open := slices.DeleteFunc(slices.Clone(c.apps), func(a *app) bool { return !a.PublicAccess })
	token, _, err = firstToken(open, func(a *app) (string, error) { return a.publicToken(ctx) })
	return Credential{Token: token, Absent: absent}, err
}

// firstToken asks Apps in turn. Absent says why each had none.
func firstToken(apps []*app, ask func(*app) (string, error)) (token string, absent []string, err error) {
	var failed error
	for _, each := range apps {
		token, err := ask(each)
		if err == nil {
			return token, nil, nil
		}
		if without, is := errors.AsType[*absentError](err); is {
			absent = append(absent, without.reason)
			continue
		}
		failed = errors.Join(failed, err)
	}
	return "", absent, failed
}

func (c *credentials) refused(token string) bool {
	return slices.ContainsFunc(c.apps, func(a *app) bool { return a.revoked(token) })
}
