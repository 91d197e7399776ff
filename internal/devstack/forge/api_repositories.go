package forge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

func (f *Forge) createInOrganization(x *exchange) (int, any, error) {
	organization, err := f.organization(x.value("org"))
	if err != nil {
		return 0, nil, err
	}
	return f.createRepository(x, organization)
}

// listRepositoriesOfUser lists all repositories, those that were pushed to last first: the token's user may read each.
// It sorts by no other time.
func (f *Forge) listRepositoriesOfUser(x *exchange) (int, any, error) {
	var all []*repository
	for _, owner := range f.store.listOwners() {
		all = append(all, f.store.listRepositories(owner.Login)...)
	}
	slices.SortStableFunc(all, func(a, b *repository) int { return b.PushedAt.Compare(a.PushedAt) })
	page, err := pageOf(x, all)
	if err != nil {
		return 0, nil, err
	}
	described := []object{}
	for _, repo := range page {
		one, err := f.fullRepository(x, repo)
		if err != nil {
			return 0, nil, err
		}
		described = append(described, one)
	}
	return http.StatusOK, described, nil
}

func (f *Forge) createForUser(x *exchange) (int, any, error) {
	user, err := f.store.owner(f.user)
	if err != nil {
		return 0, nil, err
	}
	return f.createRepository(x, user)
}

func (f *Forge) createRepository(x *exchange, owner *account) (int, any, error) {
	body := repositoryChange{settings: defaultSettings()}
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	if body.Name == "" {
		return 0, nil, invalid("Repository", "name", "missing_field", "name is missing")
	}
	if err := body.settle(owner); err != nil {
		return 0, nil, err
	}
	name := strings.TrimSuffix(body.Name, ".git") // as GitHub does
	repo, err := f.store.createRepository(x.r.Context(), owner, name, body.settings)
	if errors.Is(err, errTaken) {
		return 0, nil, &apiError{
			status: http.StatusUnprocessableEntity, message: "Repository creation failed.",
			resource: "Repository", code: "custom", field: "name", detail: errTaken.Error(),
		}
	}
	if err == nil {
		err = f.adopt(x, repo)
	}
	if err == nil && body.AutoInit {
		err = f.initialCommit(x.r.Context(), repo)
	}
	if err != nil {
		return 0, nil, err
	}
	return f.describe(x, http.StatusCreated, repo)
}

// initialCommit is the commit with which GitHub begins a repository when it is asked to.
func (f *Forge) initialCommit(ctx context.Context, repo *repository) error {
	bare := f.store.open(repo)
	tree, err := f.writeTree(ctx, bare, "", []newEntry{{Path: "README.md", Mode: "100644", Content: new("# " + repo.Name + "\n")}})
	if err != nil {
		return err
	}
	environment := append((*signature)(nil).environment("AUTHOR", f.signature()), (*signature)(nil).environment("COMMITTER", f.signature())...)
	hash, err := bare.feed(ctx, environment, "Initial commit", "commit-tree", tree, "-F", "-")
	if err != nil {
		return err
	}
	_, err = bare.feed(ctx, nil, "", "update-ref", "refs/heads/main", hash)
	return err
}

// repositoryChange is the body of POST and PATCH. Missing fields keep the values of the embedded settings.
type repositoryChange struct {
	settings
	Name          string  `json:"name"`
	Private       *bool   `json:"private"`
	Visibility    *string `json:"visibility"`
	DefaultBranch string  `json:"default_branch"`
	AutoInit      bool    `json:"auto_init"`
}

// settle combines the fields private and visibility, of which visibility wins, and rejects values that GitHub
// rejects.
func (c *repositoryChange) settle(owner *account) error {
	switch {
	case c.Visibility != nil:
		c.settings.Visibility = *c.Visibility
	case c.Private != nil && *c.Private:
		c.settings.Visibility = visibilityPrivate
	case c.Private != nil:
		c.settings.Visibility = visibilityPublic
	}
	allowed := []struct {
		field, value string
		values       []string
	}{
		{"visibility", c.settings.Visibility, []string{visibilityPublic, visibilityPrivate, visibilityInternal}},
		{"squash_merge_commit_title", c.SquashMergeCommitTitle, []string{"PR_TITLE", "COMMIT_OR_PR_TITLE"}},
		{"squash_merge_commit_message", c.SquashMergeCommitMessage, []string{"PR_BODY", "COMMIT_MESSAGES", "BLANK"}},
	}
	for _, check := range allowed {
		if !slices.Contains(check.values, check.value) {
			return invalid("Repository", check.field, "invalid", fmt.Sprintf("%q is none of %s", check.value, strings.Join(check.values, ", ")))
		}
	}
	if c.settings.Visibility == visibilityInternal && owner.Kind != kindOrganization {
		return invalid("Repository", "visibility", "invalid", "Only organization-owned repositories can have internal visibility")
	}
	if !c.AllowMergeCommit && !c.AllowSquashMerge && !c.AllowRebaseMerge {
		return invalid("Repository", "merge_commit_allowed", "invalid", "no_merge_method")
	}
	if len([]rune(c.Description)) > 350 {
		return invalid("Repository", "description", "invalid", "description cannot be more than 350 characters")
	}
	return nil
}

func (f *Forge) getRepository(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	return f.describe(x, http.StatusOK, repo)
}

func (f *Forge) describe(x *exchange, status int, repo *repository) (int, any, error) {
	described, err := f.fullRepository(x, repo)
	return status, described, err
}

func (f *Forge) fullRepository(x *exchange, repo *repository) (object, error) {
	owner, err := f.store.owner(repo.Owner)
	if err != nil {
		return nil, err
	}
	branch, err := f.store.open(repo).defaultBranch()
	if err != nil {
		return nil, err
	}
	return x.shapes.fullRepository(repo, owner, branch), nil
}

func (f *Forge) patchRepository(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	owner, err := f.store.owner(repo.Owner)
	if err != nil {
		return 0, nil, err
	}
	body := repositoryChange{settings: repo.Settings}
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	if body.Name != "" && body.Name != repo.Name {
		return 0, nil, invalid("Repository", "name", "custom", "this local forge does not rename repositories")
	}
	if err := body.settle(owner); err != nil {
		return 0, nil, err
	}
	if err := f.changeDefaultBranch(x, repo, body.DefaultBranch); err != nil {
		return 0, nil, err
	}
	repo, err = f.update(x, func(repo *repository) error { repo.Settings = body.settings; return nil })
	if err != nil {
		return 0, nil, err
	}
	return f.describe(x, http.StatusOK, repo)
}

func (f *Forge) changeDefaultBranch(x *exchange, repo *repository, branch string) error {
	bare := f.store.open(repo)
	current, err := bare.defaultBranch()
	if err != nil || branch == "" || branch == current {
		return err
	}
	if _, err := bare.resolve(x.r.Context(), "refs/heads/"+branch); err != nil {
		return invalid("Repository", "default_branch", "invalid", fmt.Sprintf("The branch %s was not found", branch))
	}
	return bare.setDefaultBranch(x.r.Context(), branch)
}

func (f *Forge) deleteRepository(x *exchange) (int, any, error) {
	return http.StatusNoContent, nil, f.store.deleteRepository(x.value("owner"), x.value("repo"))
}

func (f *Forge) getTopics(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, object{"names": repo.Topics}, nil
}

var topicPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,49}$`)

func (f *Forge) putTopics(x *exchange) (int, any, error) {
	body := struct{ Names []string }{Names: []string{}}
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	if len(body.Names) > 20 {
		return 0, nil, refused("A repository cannot have more than 20 topics.")
	}
	for _, topic := range body.Names {
		if !topicPattern.MatchString(topic) {
			return 0, nil, refused(
				"Topics must start with a lowercase letter or number, consist of 50 characters or less, and can include hyphens.")
		}
	}
	repo, err := f.update(x, func(repo *repository) error {
		repo.Topics = body.Names
		slices.Sort(repo.Topics)
		repo.Topics = slices.Compact(repo.Topics)
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, object{"names": repo.Topics}, nil
}
