package bitbucketserver

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	serverhost "github.com/portico-dev/portico/integration/bitbucketserver"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
)

// place is a repository, and what the ledger keeps about it.
type place struct {
	Host    string `json:"host"`
	Project string `json:"project"`
	Repo    string `json:"repo"`
	// Secret is the run's secret from which the step's token was taken, "" for the configured credentials.
	Secret string `json:"secret,omitempty"`
}

// fullName is "PROJECT/repo".
func (p place) fullName() string { return p.Project + "/" + p.Repo }

// connection makes requests about one repository, whether it exists or not.
type connection struct {
	hostapi.API

	place
	account serverhost.Account
}

// connect prepares the requests of a step about the repository of a repoUrl. Its token replaces the configured
// credentials.
func (o Options) connect(call *action.Call, repoURL, token string) (*connection, error) {
	target, err := o.Hosts.ParseRepoURL(repoURL)
	if err != nil {
		return nil, err
	}
	if err := action.RequireUserToken(o.RequireUserCredentials, token, target.Host); err != nil {
		return nil, err
	}
	at := place{Host: target.Host, Project: target.Project, Repo: target.Repo, Secret: action.NameOfSecret(call.Secrets, token)}
	return o.connectAs(at, token)
}

// reconnect prepares the requests of an undo.
func (o Options) reconnect(at place, call *action.UndoCall) (*connection, error) {
	return o.connectAs(at, call.Secrets[at.Secret])
}

func (o Options) connectAs(at place, token string) (*connection, error) {
	host, err := integration.HostOf[*serverhost.Host](o.Hosts, at.Host)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{at.Project, at.Repo} {
		if strings.ContainsAny(name, `/\?#%`) || integration.HasTraversal(name) {
			return nil, action.InputError("%q is not a name that Bitbucket takes for a project or a repository", name)
		}
	}
	account := host.Account(token)
	if account.Password == "" {
		return nil, action.Advise(fault.New(fault.Authentication, "Authorization has not been provided for %s. Please add either (a) a user login auth token, "+
			"or (b) a token or (c) username + password to the integration config.", at.Host),
			"Add the credentials to the entry of %s under integrations.bitbucketServer and retry, or pass a token in the template.", at.Host)
	}
	return &connection{API: hostapi.API{Name: at.Host, Section: "integrations.bitbucketServer", Client: account.API}, place: at, account: account}, nil
}

// path is the API's path of a part of the repository. The segments are escaped.
func (c *connection) path(query url.Values, segments ...string) string {
	path := integration.JoinPath("", append([]string{"projects", c.Project, "repos", c.Repo}, segments...)...).EscapedPath()
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path
}

// remote is the repository for Git.
func (c *connection) remote() gitpush.Remote {
	return gitpush.Remote{
		Host: c.Host, Name: c.fullName(), Username: c.account.Username, Token: c.account.Password,
		URL: c.account.BaseURL + integration.JoinPath("", "scm", c.Project, c.Repo+".git").EscapedPath(),
	}
}

// page is a page of a listing.
type page[T any] struct {
	Values []T `json:"values"`
}

// link is an address.
type link struct {
	Href string `json:"href"`
	Name string `json:"name"`
}

// first is the first address of a list, "" for none.
func first(links []link) string {
	if len(links) == 0 {
		return ""
	}
	return links[0].Href
}

// hiddenBecause says why something of the repository may exist although the credentials do not show it.
func (c *connection) hiddenBecause(ctx context.Context) (string, error) {
	there, err := c.lookUp(ctx)
	if err != nil || there != nil {
		return "", err
	}
	return c.Host + " does not show the repository " + c.fullName() + " to the credentials", nil
}

// hiddenProject says why a repository may exist although it is not shown: its project is not shown either.
func (c *connection) hiddenProject(ctx context.Context) (string, error) {
	err := c.Send(ctx, "looking for the project "+c.Project, http.MethodGet, "/projects/"+url.PathEscape(c.Project), nil, nil)
	if rest.IsStatus(err, http.StatusNotFound) || rest.IsStatus(err, http.StatusForbidden) || rest.IsStatus(err, http.StatusUnauthorized) {
		return c.Host + " does not show the project " + c.Project + " to the credentials", nil
	}
	return "", err
}
