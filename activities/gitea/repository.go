package gitea

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// repository is a repository as the API returns it.
type repository struct {
	ID            int64  `json:"id"`
	FullName      string `json:"full_name"`
	Description   string `json:"description"`
	DefaultBranch string `json:"default_branch"`
	HTMLURL       string `json:"html_url"`
	Forks         int    `json:"forks_count"`
}

// marker is a repository's description from its creation until the run has finished with it. It proves that
// this run created the repository when the process crashed before the ledger had its id.
func marker(effect action.Effect) string {
	return fmt.Sprintf("Being created by Portico: run %s, effect %s", effect.RunID, effect.ID)
}

// repository describes the repository to package resource, for finding and deleting it.
func (c *connection) repository() resource.Spec[*repository] {
	return resource.Spec[*repository]{
		Title:  fmt.Sprintf("the repository %s on %s", c.name(), c.target.Host),
		Find:   c.find,
		Delete: c.remove,
		Hidden: c.hiddenBecause,
		Used:   c.useOf,
	}
}

// repository describes the repository to package resource, for creating it.
func (p *publication) repository() resource.Spec[*repository] {
	spec := p.connection.repository()
	spec.Intent = action.Intent{
		Kind: "gitea:repository", Name: p.name(),
		Key:  fmt.Sprintf("%s/%s/%s/%s", p.call.StepID, p.call.Iteration, p.target.Host, p.name()),
		Data: record{Host: p.target.Host, Owner: p.target.Owner, Repo: p.target.Repo},
	}
	spec.Create = p.create
	return spec
}

func found(one *repository) *resource.Found[*repository] {
	return &resource.Found[*repository]{
		Thing: one, ID: strconv.FormatInt(one.ID, 10), URL: one.HTMLURL,
		MadeFor: func(effect action.Effect) bool { return one.Description == marker(effect) },
	}
}

// find looks the repository up by its name.
func (c *connection) find(ctx context.Context, _ action.Effect) (*resource.Found[*repository], error) {
	one := &repository{}
	err := c.Send(ctx, "looking for "+c.name(), http.MethodGet, c.path(""), nil, one)
	if rest.IsStatus(err, http.StatusNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return found(one), nil
}

// create makes the empty repository, marked as the effect's.
func (p *publication) create(ctx context.Context, effect action.Effect) (*resource.Found[*repository], error) {
	p.call.Log.Info("Creating the %s repository %s on %s", p.input.RepoVisibility, p.name(), p.target.Host)
	path := "/orgs/" + url.PathEscape(p.target.Owner) + "/repos"
	if p.isAccount {
		path = "/user/repos"
	}
	body := map[string]any{
		"name": p.target.Repo, "description": marker(effect), "private": p.input.RepoVisibility == "private", "default_branch": p.input.DefaultBranch,
	}
	created := &repository{}
	err := p.Send(ctx, "creating the repository "+p.name(), http.MethodPost, path, body, created)
	switch {
	case rest.IsStatus(err, http.StatusConflict):
		return nil, resource.Exists(err)
	case err != nil:
		return nil, err
	}
	return found(created), nil
}

// finish sets the description in place of the marker, and the default branch.
func (p *publication) finish(ctx context.Context) error {
	body := map[string]any{"description": p.input.Description, "default_branch": p.input.DefaultBranch}
	return p.Send(ctx, "changing the settings of "+p.name(), http.MethodPatch, p.path(""), body, nil)
}

func (c *connection) remove(ctx context.Context, _ *repository) error {
	return c.Delete(ctx, "deleting the repository "+c.name(), c.path(""))
}

// commits lists the latest two commits of a branch. An empty repository has none.
func (c *connection) commits(ctx context.Context, branch string) ([]gitpush.Existing, error) {
	var listed []struct {
		SHA    string `json:"sha"`
		Commit struct {
			Committer struct {
				Date time.Time `json:"date"`
			} `json:"committer"`
		} `json:"commit"`
	}
	query := url.Values{"sha": {branch}, "limit": {"2"}, "stat": {"false"}, "verification": {"false"}, "files": {"false"}}
	err := c.Send(ctx, "listing the commits of "+c.name(), http.MethodGet, c.path("/commits?"+query.Encode()), nil, &listed)
	if rest.IsStatus(err, http.StatusConflict) {
		return nil, nil
	}
	found := []gitpush.Existing{}
	for _, one := range listed {
		found = append(found, gitpush.Existing{Hash: one.SHA, When: one.Commit.Committer.Date})
	}
	return found, err
}

func (c *connection) hasCommit(ctx context.Context, hash string) (bool, error) {
	err := c.Send(ctx, "looking for a commit of "+c.name(), http.MethodGet, c.path("/git/commits/"+hash), nil, nil)
	if rest.IsStatus(err, http.StatusNotFound) || rest.IsStatus(err, http.StatusUnprocessableEntity) {
		return false, nil
	}
	return err == nil, err
}

// hiddenBecause says why the repository may exist although the account does not see it, "" when it sees all.
func (c *connection) hiddenBecause(ctx context.Context) (string, error) {
	account, err := c.whoAmI(ctx)
	if err != nil || account.IsAdmin || strings.EqualFold(account.Login, c.target.Owner) {
		return "", err
	}
	var may struct {
		IsOwner bool `json:"is_owner"`
	}
	path := fmt.Sprintf("/users/%s/orgs/%s/permissions", url.PathEscape(account.Login), url.PathEscape(c.target.Owner))
	err = c.Send(ctx, "asking for the rights of "+account.Login, http.MethodGet, path, nil, &may)
	if err != nil && !rest.IsStatus(err, http.StatusNotFound) && !rest.IsStatus(err, http.StatusForbidden) {
		return "", err
	}
	if may.IsOwner {
		return "", nil
	}
	return fmt.Sprintf("the account %s is not an owner of %s and may not see all of its repositories", account.Login, c.target.Owner), nil
}

// useOf says what somebody has done with the repository since it was created, "" when nothing.
func (c *connection) useOf(ctx context.Context, effect action.Effect, one *repository) (string, error) {
	switch {
	case !strings.EqualFold(one.FullName, c.name()):
		return "it was moved to " + one.FullName, nil
	case one.Forks > 0:
		return "it was forked", nil
	}
	commits, err := c.commits(ctx, one.DefaultBranch)
	if err != nil {
		return "", err
	}
	if len(commits) > 0 && !gitpush.IsOnly(commits, gitpush.CommittedAt(effect)) {
		return "it has commits that the run did not make", nil
	}
	for _, look := range []struct{ part, query, use string }{
		{"branches", "limit=2", "it has the branch %s"}, {"tags", "limit=1", "it has the tag %s"},
		{"issues", "state=all&limit=1", "it has issues or pull requests (%q)"},
	} {
		var listed []struct{ Name, Title string }
		if err := c.Send(ctx, "listing the "+look.part+" of "+c.name(), http.MethodGet, c.path("/"+look.part+"?"+look.query), nil, &listed); err != nil {
			return "", err
		}
		for _, item := range listed {
			if look.part != "branches" || item.Name != one.DefaultBranch {
				return fmt.Sprintf(look.use, item.Name+item.Title), nil
			}
		}
	}
	return "", nil
}
