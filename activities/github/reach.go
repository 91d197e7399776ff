package github

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	githubhost "github.com/portico-dev/portico/integration/github"
)

// GitHub answers 404 for what is not there and for what it hides from a token, alike. Only of a token that
// sees all private repositories of the owner does a 404 say that there is none.

// hiddenBecause says why the repository may be there although the token does not see it, "" when the token
// would see it.
func (c *connection) hiddenBecause(ctx context.Context) (string, error) {
	reason, err := c.limitOfSight(ctx)
	if reason != "" && c.lostToken {
		reason = "it was created with a token that the step passed and that is gone now, and " + reason
	}
	return reason, err
}

// limitOfSight says why the token may not see every repository of the owner, "" when it sees all.
func (c *connection) limitOfSight(ctx context.Context) (string, error) {
	// Within one repository an installation's token sees nothing of what the installation reaches.
	if err := c.reconnect(githubhost.Access{Owner: c.target.Owner, Permissions: mayLook}); err != nil {
		return "", err
	}
	user, scopes, err := c.whoAmI(ctx)
	if isStatus(err, http.StatusForbidden) {
		return c.limitOfInstallation(ctx)
	}
	switch {
	case err != nil:
		return "", err
	case !seesPrivate(scopes):
		return fmt.Sprintf("%s's token is not known to see all private repositories of %s", user, c.target.Owner), nil
	case strings.EqualFold(user, c.target.Owner):
		return "", nil
	}
	return c.limitOfMember(ctx, user)
}

// whoAmI is the user of the token, and what a classic token is good for; it fails with 403 for an App's.
func (c *connection) whoAmI(ctx context.Context) (login, scopes string, err error) {
	err = c.ask(ctx, "asking whose token this is", func(ctx context.Context) error {
		user, answer, err := c.client.Users.Get(ctx, "")
		if err == nil {
			login, scopes = user.GetLogin(), answer.Header.Get("X-Oauth-Scopes")
		}
		return err
	})
	return login, scopes, err
}

// seesPrivate says whether a token has the scope that shows it what its user sees. Tokens without scopes,
// which are fine-grained, may be for some repositories only, and do not tell.
func seesPrivate(scopes string) bool {
	for scope := range strings.SplitSeq(scopes, ",") {
		if strings.TrimSpace(scope) == "repo" {
			return true
		}
	}
	return false
}

func (c *connection) limitOfInstallation(ctx context.Context) (string, error) {
	var reached struct {
		Selection string `json:"repository_selection"`
	}
	err := c.ask(ctx, "asking for the repositories of the App's installation", func(ctx context.Context) error {
		request, err := c.client.NewRequest(http.MethodGet, "installation/repositories?per_page=1", nil)
		if err != nil {
			return err
		}
		_, err = c.client.Do(ctx, request, &reached)
		return err
	})
	if err != nil || reached.Selection == "all" {
		return "", err
	}
	return fmt.Sprintf("the App is installed for some of the repositories of %s only", c.target.Owner), nil
}

func (c *connection) limitOfMember(ctx context.Context, user string) (string, error) {
	owns := false
	err := c.ask(ctx, "looking for a membership of "+c.target.Owner, func(ctx context.Context) error {
		membership, _, err := c.client.Organizations.GetOrgMembership(ctx, "", c.target.Owner)
		owns = membership.GetRole() == "admin" && membership.GetState() == "active"
		if isStatus(err, http.StatusForbidden) || isStatus(err, http.StatusNotFound) {
			return nil
		}
		return err
	})
	if err != nil || owns {
		return "", err
	}
	return fmt.Sprintf("the token is %s's, who is no owner of %s and may not see all of its repositories", user, c.target.Owner), nil
}
