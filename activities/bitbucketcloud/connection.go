package bitbucketcloud

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	cloudhost "github.com/portico-dev/portico/integration/bitbucketcloud"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// place is a repository, and what the ledger keeps about it.
type place struct {
	Host      string `json:"host"`
	Workspace string `json:"workspace"`
	Repo      string `json:"repo"`
	// Secret is the run's secret from which the step's token was taken, "" for the configured credentials.
	Secret string `json:"secret,omitempty"`
}

// fullName is "workspace/repo".
func (p place) fullName() string { return p.Workspace + "/" + p.Repo }

// connection makes requests about one repository, whether it exists or not.
type connection struct {
	hostapi.API

	place
	account cloudhost.Account
}

// connect prepares the requests of a step. Its token replaces the configured credentials.
func (o Options) connect(call *action.Call, at place, token string) (*connection, error) {
	if err := action.RequireUserToken(o.RequireUserCredentials, token, at.Host); err != nil {
		return nil, err
	}
	at.Secret = action.NameOfSecret(call.Secrets, token)
	return o.connectAs(at, token)
}

// reconnect prepares the requests of an undo.
func (o Options) reconnect(at place, call *action.UndoCall) (*connection, error) {
	return o.connectAs(at, call.Secrets[at.Secret])
}

func (o Options) connectAs(at place, token string) (*connection, error) {
	host, err := integration.HostOf[*cloudhost.Host](o.Hosts, at.Host)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{at.Workspace, at.Repo} {
		if name == "" || strings.ContainsAny(name, `/\?#%`) || integration.HasTraversal(name) {
			return nil, action.InputError("%q is not a name that Bitbucket takes for a workspace or a repository", name)
		}
	}
	account := host.Account(token)
	if account.Password == "" {
		return nil, action.Advise(fault.New(fault.Authentication, "Authorization has not been provided for Bitbucket Cloud. Please add either username + "+
			"appPassword to the Integrations config or a user login auth token"),
			"Add the credentials to the entry of %s under integrations.bitbucketCloud and retry, or pass a token in the template.", at.Host)
	}
	return &connection{API: hostapi.API{Name: at.Host, Section: "integrations.bitbucketCloud", Client: account.API}, place: at, account: account}, nil
}

// connectTo prepares the requests of a step about the repository of a repoUrl.
func (o Options) connectTo(call *action.Call, repoURL, token string) (*connection, integration.Repo, error) {
	target, err := o.Hosts.ParseRepoURL(repoURL)
	if err != nil {
		return nil, target, err
	}
	c, err := o.connect(call, place{Host: target.Host, Workspace: target.Workspace, Repo: target.Repo}, token)
	return c, target, err
}

// path is the API's path of a part of the repository. The segments are escaped.
func (c *connection) path(query url.Values, segments ...string) string {
	path := integration.JoinPath("", append([]string{"repositories", c.Workspace, c.Repo}, segments...)...).EscapedPath()
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path
}

// remote is the repository for Git.
func (c *connection) remote() gitpush.Remote {
	return gitpush.Remote{
		Host: c.Host, Name: c.fullName(), Username: c.account.Username, Token: c.account.Password,
		URL: c.account.BaseURL + integration.JoinPath("", c.Workspace, c.Repo+".git").EscapedPath(),
	}
}

// page is a page of a listing.
type page[T any] struct {
	Values []T `json:"values"`
}

// where is a condition in Bitbucket's query language.
func where(field, value string) string { return field + " = " + strconv.Quote(value) }

// user is an account of Bitbucket.
type user struct {
	UUID string `json:"uuid"`
}

// whoAmI is the user of the credentials. The access token of a repository, a project or a workspace has none: "".
func (c *connection) whoAmI(ctx context.Context) (user, error) {
	var account user
	err := c.Send(ctx, "asking whose credentials these are", http.MethodGet, "/user", nil, &account)
	if rest.IsStatus(err, http.StatusForbidden) || rest.IsStatus(err, http.StatusUnauthorized) {
		return user{}, nil
	}
	return account, err
}

// isBy reports whether somebody may be who made a thing: it is not known that somebody else did.
func (u user) isBy(other user) bool { return u.UUID == "" || other.UUID == "" || u.UUID == other.UUID }

// hiddenBecause says why something of the repository may exist although the credentials do not show it.
func (c *connection) hiddenBecause(ctx context.Context) (string, error) {
	there, err := c.lookUp(ctx, c.Repo)
	if err != nil || there != nil {
		return "", err
	}
	return c.Host + " does not show the repository " + c.fullName() + " to the credentials", nil
}
