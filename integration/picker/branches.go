package picker

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/internal/cache"
)

// maxBranches is the greatest number of branches in an answer: nobody reads more, and typing finds the others.
const maxBranches = 100

// Branches are the branches of a repository.
type Branches struct {
	Branches []string `json:"branches"`
	// Reason says why the list is empty, "" when the host returned it.
	Reason string `json:"reason,omitempty"`
}

// Branches lists the branches of a repository whose names begin with a prefix. token is the caller's for the host; ""
// reads with the configured credentials. A host that is not configured is a fault of kind NotFound, and a repository
// without a part that its host needs one of kind Input.
func (s *Service) Branches(ctx context.Context, principal identity.Principal, repo integration.Repo, prefix, token string) (Branches, error) {
	if err := s.authorize(ctx, principal); err != nil {
		return Branches{}, err
	}
	host, err := s.host(repo.Host)
	if err != nil {
		return Branches{}, err
	}
	if err := host.CheckRepo(repo); err != nil {
		return Branches{}, fault.Wrap(fault.Input, err, "The repository has no branches to list: %s", err)
	}
	lister, tells := host.(integration.BranchLister)
	if !tells {
		return Branches{Reason: "Portico cannot ask " + repo.Host + " for branches"}, nil
	}
	if token != "" {
		return s.branches(ctx, lister, repo, prefix, token)
	}
	key := strings.Join([]string{fmt.Sprintf("%q", repo), prefix}, " ")
	return s.listed.Get(ctx, key, func(ctx context.Context) (cache.Fresh[Branches], error) {
		found, err := s.branches(ctx, lister, repo, prefix, "")
		return cache.Fresh[Branches]{Value: found, Until: time.Now().Add(lasting(found.Reason, answerFor))}, err
	})
}

// branches asks the host. What does not exist, or must not be read, has no branches.
func (s *Service) branches(ctx context.Context, lister integration.BranchLister, repo integration.Repo, prefix, token string) (Branches, error) {
	var names []string
	reason, err := s.ask(ctx, repo.Host, func(ctx context.Context) (err error) {
		names, err = lister.Branches(ctx, repo, prefix, token)
		return err
	})
	if fault.KindOf(err) == fault.NotFound {
		return Branches{Reason: "the repository does not exist, or Portico may not read it"}, nil
	}
	return Branches{Branches: names[:min(len(names), maxBranches)], Reason: reason}, err
}
