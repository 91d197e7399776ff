package github

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
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

// with is the permissions and a further one.
func (p permissions) with(name, level string) permissions {
	extended := maps.Clone(p)
	extended[name] = level
	return extended
}

// Looking for a repository and creating it need a token for all of the owner's repositories.
var (
	mayLook   = permissions{"metadata": "read"}
	mayCreate = permissions{"metadata": "read", "administration": "write"}
)

// begin prepares the requests of a step about the repository that its repoUrl names, with a token for all of
// the owner's repositories. A token of the step replaces the integration's credentials.
func (o Options) begin(ctx context.Context, repoURL, token string, needed permissions) (*connection, error) {
	target, err := o.target(repoURL, token)
	if err != nil {
		return nil, err
	}
	return o.connect(ctx, target, token, githubhost.Access{Owner: target.Owner, Permissions: needed})
}

// beginWithin is begin for a repository that exists: the token of an App is for it alone.
func (o Options) beginWithin(ctx context.Context, repoURL, token string, needed permissions) (*connection, error) {
	target, err := o.target(repoURL, token)
	if err != nil {
		return nil, err
	}
	return o.connect(ctx, target, token, githubhost.Access{Owner: target.Owner, Repository: target.Repo, Permissions: needed})
}

// target reads a repoUrl, and requires the user's token where the configuration does. GitHub leaves .git out of the name of
// a new repository, so x.git means x.
func (o Options) target(repoURL, token string) (integration.Repo, error) {
	target, err := o.Hosts.ParseRepoURL(repoURL)
	if err != nil {
		return integration.Repo{}, err
	}
	target.Repo = strings.TrimSuffix(target.Repo, ".git")
	return target, action.RequireUserToken(o.RequireUserCredentials, token, target.Host)
}

// resume prepares the requests of an undo about the repository in which a thing was made, with a token for
// all of the owner's repositories. A step's own token is not kept: the user's is used in its place.
func (o Options) resume(ctx context.Context, call *action.UndoCall, where place, needed permissions) (*connection, error) {
	token := ""
	if where.OwnToken {
		token = call.Secrets[action.UserTokenSecret]
	}
	target := integration.Repo{Host: where.Host, Owner: where.Owner, Repo: where.Repo}
	c, err := o.connect(ctx, target, token, githubhost.Access{Owner: target.Owner, Permissions: needed})
	if err != nil {
		return nil, err
	}
	c.lostToken = where.OwnToken && token == ""
	return c, nil
}

func (o Options) connect(ctx context.Context, target integration.Repo, token string, access githubhost.Access) (*connection, error) {
	c := &connection{target: target, hosts: o.Hosts, token: token}
	if err := c.reconnect(access); err != nil {
		return nil, err
	}
	_, err := c.credential(ctx)
	return c, err
}

// place is what the ledger keeps about each thing, so that it can be found for the undo: the repository that
// it is, or is in.
type place struct {
	Host  string `json:"host"`
	Owner string `json:"owner"`
	Repo  string `json:"repo"`
	// OwnToken says that the step passed a token of its own, so that the integration's may not see the
	// repository.
	OwnToken bool `json:"ownToken,omitempty"`
}

func (c *connection) place() place {
	return place{Host: c.target.Host, Owner: c.target.Owner, Repo: c.target.Repo, OwnToken: c.token != ""}
}

// recordOf reads what the ledger keeps about a thing: a place, or a struct that embeds one.
func recordOf[T interface{ at() place }](effect action.Effect) (T, error) {
	var record T
	if err := json.Unmarshal(effect.Data, &record); err != nil || record.at().Host == "" {
		return record, action.Final(fmt.Errorf("effect %s %q: its record does not say which repository it is about", effect.ID, effect.Name))
	}
	return record, nil
}

func (p place) at() place { return p }

// isConfirmed reports whether the ledger has the thing as made by the run.
func isConfirmed(effect action.Effect) bool {
	return effect.State == action.EffectCreated || effect.State == action.EffectKept
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
