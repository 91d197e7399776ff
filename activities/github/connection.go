package github

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	githubhost "github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/scaffolder/action"
)

// requestTimeout bounds one request to the API.
const requestTimeout = time.Minute

// connection makes requests about one repository on one host, whether it exists or not.
type connection struct {
	target integration.Repo
	client *githubhost.Client
	hosts  *integration.Set
	// token is the step's token, "" to use the integration's credentials.
	token string
	// lostToken says that the repository was created with a token that the step passed. It is not kept, so
	// the integration's credentials are used instead.
	lostToken bool
}

// permissions are the permissions to request for a GitHub App's token, by GitHub's names.
type permissions map[string]string

// Looking for a repository and creating it need a token for all of the owner's repositories.
var (
	mayLook   = permissions{"metadata": "read"}
	mayCreate = permissions{"metadata": "read", "administration": "write"}
)

// connect prepares requests about a repository. A token replaces the integration's credentials.
func (p *publish) connect(ctx context.Context, target integration.Repo, token string, needed permissions) (*connection, error) {
	c := &connection{target: target, hosts: p.options.Hosts, token: token}
	if err := c.reconnect(githubhost.Access{Owner: target.Owner, Permissions: needed}); err != nil {
		return nil, err
	}
	_, err := c.credential(ctx)
	return c, err
}

// restrict continues with a token for this repository only, which must exist, and with the permissions needed
// there.
func (c *connection) restrict(ctx context.Context, needed permissions) error {
	err := c.reconnect(githubhost.Access{Owner: c.target.Owner, Repository: c.target.Repo, Permissions: needed})
	if err != nil {
		return err
	}
	found, err := c.client.Credential(ctx)
	if err != nil {
		return c.explain(ctx, err, "getting a token for "+c.name())
	}
	if found.Token == "" {
		// A new repository may not be known to every server of GitHub yet.
		return action.Advise(action.Transient(fmt.Errorf("there is no token for %s: %s", c.name(), strings.Join(found.Absent, "; ")), 0),
			"Give the App access to %s, then retry.", c.name())
	}
	return nil
}

func (c *connection) reconnect(access githubhost.Access) error {
	client, err := githubhost.ClientFor(c.hosts, c.target.Host, access, c.token)
	c.client = client
	return err
}

// credential is the token of the requests, for git. That there is none is an error.
func (c *connection) credential(ctx context.Context) (string, error) {
	found, err := c.client.Credential(ctx)
	if err != nil {
		return "", c.explain(ctx, err, "getting a token for "+c.target.Owner)
	}
	if found.Token != "" {
		return found.Token, nil
	}
	problem := fmt.Sprintf("There is no token for %s.", c.target.Host)
	if len(found.Absent) > 0 {
		problem = fmt.Sprintf("There is no token for %s: %s.", c.target.Host, strings.Join(found.Absent, "; "))
	}
	return "", action.Advise(fault.New(fault.Authentication, "%s", problem),
		"Install an App for %s, or add a token to the entry of %s under integrations.github, and retry, or pass the user's as the step's token.",
		c.target.Owner, c.target.Host)
}

// name is "owner/repo".
func (c *connection) name() string { return c.target.Owner + "/" + c.target.Repo }

// ask makes one request under a deadline and explains its failure. The message starts with doing.
func (c *connection) ask(ctx context.Context, doing string, request func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if err := request(bounded); err != nil {
		return c.explain(ctx, err, doing)
	}
	return nil
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

// checkCreation checks whether the token's user may create the repository, as far as that is visible without
// trying.
func (p *publication) checkCreation(ctx context.Context) error {
	if !p.owner.isOrganization {
		return p.requireOwnToken(ctx)
	}
	return p.ask(ctx, "looking for a membership of "+p.owner.login, func(ctx context.Context) error {
		_, _, err := p.client.Organizations.GetOrgMembership(ctx, "", p.owner.login)
		if isStatus(err, http.StatusForbidden) {
			// An App's token has no user, and so no membership. Its installation decides.
			return nil
		}
		return err
	})
}

// requireOwnToken makes sure that the token is the owner's: GitHub creates a personal repository for the
// token's user, whatever the request says.
func (p *publication) requireOwnToken(ctx context.Context) error {
	var user *github.User
	err := p.ask(ctx, "asking whose token this is", func(ctx context.Context) (err error) {
		user, _, err = p.client.Users.Get(ctx, "")
		return err
	})
	if isStatus(err, http.StatusForbidden) {
		return action.Advise(fault.Wrap(fault.NotAllowed, err, "%s on %s is a user, and only users can create repositories for themselves, "+
			"not Apps.", p.owner.login, p.target.Host), "Choose an organization, or pass the token of %s.", p.owner.login)
	}
	if err != nil {
		return err
	}
	if !strings.EqualFold(user.GetLogin(), p.owner.login) {
		return action.Advise(fault.New(fault.NotAllowed, "%s on %s is a user, and the token is %s's: only %s can create repositories there.",
			p.owner.login, p.target.Host, user.GetLogin(), p.owner.login), "Choose an organization, or pass the token of %s.", p.owner.login)
	}
	return nil
}
