package github

import (
	"context"
	"fmt"
	"iter"
	"net/http"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/catalog/provider/internal/githublists"
	githubhost "github.com/portico-dev/portico/integration/github"
)

// Repository is a repository of an owner.
type Repository struct {
	Owner, Name, URL string
	// Branch is the default branch, "" for an empty repository.
	Branch         string
	Topics         []string
	Archived, Fork bool
	// Described means that the descriptor is there.
	Described bool
}

// listedAtOnce is the number of repositories of a page.
const listedAtOnce = 100

// Repositories lists all repositories of an owner, each once, with whether it has a descriptor at a path. The list ends
// with an error when it cannot be complete.
func Repositories(ctx context.Context, host *githubhost.Host, owner, descriptor string) iter.Seq2[Repository, error] {
	return repositories(ctx, host, owner, descriptor, listedAtOnce)
}

func repositories(ctx context.Context, host *githubhost.Host, owner, descriptor string, atOnce int) iter.Seq2[Repository, error] {
	p := &Provider{name: "repositories of " + owner, path: descriptor,
		lists: githublists.Reader{Host: host, Owners: []string{owner}, Sizes: []int{atOnce}}}
	return func(yield func(Repository, error) bool) {
		listed := map[string]bool{} // a list whose rows move is read again from its beginning
		for cursor := ""; ; {
			var edges []edge
			step, err := p.lists.Read(ctx, cursor, func(ctx context.Context, client *githubhost.Client, at githublists.Position) (list githublists.List, err error) {
				edges, list, err = p.ask(ctx, client, at)
				return list, err
			})
			if err != nil {
				yield(Repository{}, fmt.Errorf("%s: %w", p.name, err))
				return
			}
			for _, one := range edges[step.Skip:] {
				if listed[one.Node.ID] {
					continue
				}
				listed[one.Node.ID] = true
				if !yield(one.Node.listed(step.Owner), nil) {
					return
				}
			}
			if cursor = step.Next; cursor == "" {
				return
			}
		}
	}
}

func (r repository) listed(owner string) Repository {
	listed := Repository{Owner: owner, Name: r.Name, URL: r.URL, Topics: r.topics(), Archived: r.IsArchived, Fork: r.IsFork, Described: r.hasFile()}
	if r.DefaultBranchRef != nil {
		listed.Branch = r.DefaultBranchRef.Name
	}
	return listed
}

// Proposed is the page of a pull request from a branch of a repository, open or not, "" when there has been none.
func Proposed(ctx context.Context, host *githubhost.Host, owner, name, branch string) (string, error) {
	client, err := host.Client(githubhost.Access{Owner: owner, Repository: name, Permissions: map[string]string{"pull_requests": "read", "metadata": "read"}}, "")
	if err != nil {
		return "", err
	}
	found, answer, err := client.PullRequests.List(ctx, owner, name, &github.PullRequestListOptions{State: "all", Head: owner + ":" + branch,
		ListOptions: github.ListOptions{PerPage: 1}})
	if answer != nil && answer.StatusCode == http.StatusNotFound {
		return "", nil // pull requests are switched off
	}
	if err != nil {
		return "", fmt.Errorf("pull requests of %s/%s: %w", owner, name, err)
	}
	if len(found) == 0 {
		return "", nil
	}
	return found[0].GetHTMLURL(), nil
}
