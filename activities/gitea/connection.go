package gitea

import (
	"context"
	"net/http"
	"net/url"

	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	giteahost "github.com/portico-dev/portico/integration/gitea"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// connection makes requests about one repository, whether it exists or not.
type connection struct {
	hostapi.API

	target  integration.Repo
	account giteahost.Account
}

// record is what the ledger keeps about a repository, so that it can be found for the undo.
type record struct {
	Host  string `json:"host"`
	Owner string `json:"owner"`
	Repo  string `json:"repo"`
}

func targetOf(effect action.Effect) (integration.Repo, error) {
	kept, err := resource.RecordOf[record](effect)
	return integration.Repo{Host: kept.Host, Owner: kept.Owner, Repo: kept.Repo}, err
}

func (o Options) connect(target integration.Repo) (*connection, error) {
	host, err := integration.HostOf[*giteahost.Host](o.Hosts, target.Host)
	if err != nil {
		return nil, err
	}
	account := host.Account()
	c := &connection{API: hostapi.API{Name: target.Host, Section: "integrations.gitea", Client: account.API}, target: target, account: account}
	if c.account.Password == "" {
		return nil, action.Advise(fault.New(fault.Authentication, "Credentials for Gitea integration required for this action."),
			"Add a username and a password to the entry of %s under integrations.gitea, then retry.", target.Host)
	}
	return c, nil
}

// name is "owner/repo".
func (c *connection) name() string { return c.target.Owner + "/" + c.target.Repo }

// address is the page of the repository.
func (c *connection) address() string {
	return c.account.BaseURL + "/" + url.PathEscape(c.target.Owner) + "/" + url.PathEscape(c.target.Repo)
}

// path is the API's path of a part of the repository, which is escaped.
func (c *connection) path(part string) string {
	return "/repos/" + url.PathEscape(c.target.Owner) + "/" + url.PathEscape(c.target.Repo) + part
}

// user is the account of the credentials.
type user struct {
	Login   string `json:"login"`
	IsAdmin bool   `json:"is_admin"`
}

func (c *connection) whoAmI(ctx context.Context) (user, error) {
	var account user
	err := c.Send(ctx, "asking whose credentials these are", http.MethodGet, "/user", nil, &account)
	return account, err
}
