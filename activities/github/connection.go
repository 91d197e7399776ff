package github

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/scaffolder/action"
)

// requestTimeout bounds one request to the API.
const requestTimeout = time.Minute

// connection is the way to one repository on one host, whether it exists or not.
type connection struct {
	target integration.Repo
	client *github.Client
	token  string
}

// connect prepares requests about a repository. A token takes the place of the integration's.
func (p *publish) connect(target integration.Repo, token string) (*connection, error) {
	client, err := p.options.Hosts.GitHub(target.Host, token)
	if err != nil {
		return nil, err
	}
	if token == "" {
		host, _ := p.options.Hosts.ByHost(target.Host)
		token = host.GitHub.Token
	}
	if token == "" {
		return nil, action.Advise(fault.New(fault.Authentication, "There is no token for %s.", target.Host),
			"Add one to its entry under integrations.github and retry, or pass the user's as the step's token.")
	}
	return &connection{target: target, client: client, token: token}, nil
}

// name is "owner/repo".
func (c *connection) name() string { return c.target.Owner + "/" + c.target.Repo }

// ask makes one request under a deadline and explains its failure; doing starts the message.
func (c *connection) ask(ctx context.Context, doing string, request func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if err := request(bounded); err != nil {
		return c.explain(ctx, err, doing)
	}
	return nil
}

// find looks the repository up: nil when there is none that the token may see.
func (c *connection) find(ctx context.Context) (*github.Repository, error) {
	var found *github.Repository
	err := c.ask(ctx, "looking for "+c.name(), func(ctx context.Context) (err error) {
		found, _, err = c.client.Repositories.Get(ctx, c.target.Owner, c.target.Repo)
		if isStatus(err, http.StatusNotFound) {
			found, err = nil, nil
		}
		return err
	})
	return found, err
}

// owner is the account that a repository is for.
type owner struct {
	login          string
	isOrganization bool
}

func (c *connection) findOwner(ctx context.Context) (owner, error) {
	var account *github.User
	err := c.ask(ctx, "looking for the owner "+c.target.Owner, func(ctx context.Context) (err error) {
		account, _, err = c.client.Users.Get(ctx, c.target.Owner)
		return err
	})
	return owner{login: account.GetLogin(), isOrganization: account.GetType() == "Organization"}, err
}

// mayCreate looks whether the token's user could own the repository, as far as that can be told without trying.
func (p *publication) mayCreate(ctx context.Context) error {
	if !p.owner.isOrganization {
		return p.ownsPersonalRepositories(ctx)
	}
	return p.ask(ctx, "looking for a membership of "+p.owner.login, func(ctx context.Context) error {
		_, _, err := p.client.Organizations.GetOrgMembership(ctx, "", p.owner.login)
		if isStatus(err, http.StatusForbidden) {
			// An app's token has no user who could be a member; its installation decides.
			return nil
		}
		return err
	})
}

// ownsPersonalRepositories makes sure that the token is the owner's: GitHub creates a personal repository for whoever asks.
func (p *publication) ownsPersonalRepositories(ctx context.Context) error {
	var user *github.User
	err := p.ask(ctx, "asking whose token this is", func(ctx context.Context) (err error) {
		user, _, err = p.client.Users.Get(ctx, "")
		return err
	})
	if err != nil {
		return err
	}
	if !strings.EqualFold(user.GetLogin(), p.owner.login) {
		return action.Advise(fault.New(fault.NotAllowed, "%s on %s is a user, and the token is %s's: only %s can create repositories there.",
			p.owner.login, p.target.Host, user.GetLogin(), p.owner.login), "Choose an organization, or pass the token of %s.", p.owner.login)
	}
	return nil
}
