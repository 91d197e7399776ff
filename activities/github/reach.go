package github

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	githubhost "github.com/portico-dev/portico/integration/github"
)

// GitHub answers 404 both for what does not exist and for what it hides from a token. A 404 proves that a
// repository does not exist only if the token can see all private repositories of the owner.

// hiddenBecause says why the repository may exist although the token does not see it, "" when the token sees
// all.
func (c *connection) hiddenBecause(ctx context.Context) (string, error) {
	reason, err := c.accessLimit(ctx)
	if reason != "" && c.lostToken {
		reason = "it was created with a token that the step passed and that is gone now, and " + reason
	}
	return reason, err
}

// accessLimit says why the token may not see every repository of the owner, "" when it sees all.
func (c *connection) accessLimit(ctx context.Context) (string, error) {
	// A token that is restricted to one repository does not show what its installation covers.
	if err := c.reconnect(githubhost.Access{Owner: c.target.Owner, Permissions: mayLook}); err != nil {
		return "", err
	}
	user, scopes, err := c.whoAmI(ctx)
	if isStatus(err, http.StatusForbidden) {
		return c.installationLimit(ctx)
	}
	switch {
	case err != nil:
		return "", err
	case !seesPrivate(scopes):
		return fmt.Sprintf("%s's token is not known to see all private repositories of %s", user, c.target.Owner), nil
	case strings.EqualFold(user, c.target.Owner):
		return "", nil
	}
	return c.memberLimit(ctx, user)
}

// whoAmI returns the token's user and the scopes of a classic token. An App's token fails with 403.
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

// seesPrivate reports whether a token has the scope to see what its user sees. Fine-grained tokens have no
// scopes, may be limited to some repositories, and do not say so.
func seesPrivate(scopes string) bool {
	for scope := range strings.SplitSeq(scopes, ",") {
		if strings.TrimSpace(scope) == "repo" {
			return true
		}
	}
	return false
}

func (c *connection) installationLimit(ctx context.Context) (string, error) {
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

func (c *connection) memberLimit(ctx context.Context, user string) (string, error) {
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
	return fmt.Sprintf("the token is %s's, who is not an owner of %s and may not see all of its repositories", user, c.target.Owner), nil
}
