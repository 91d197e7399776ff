package project

import (
	"context"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/subject"
	"github.com/portico-dev/portico/policy"
)

// PullRequests are the open pull requests of an entity.
type PullRequests struct {
	PullRequests []PullRequest
	Problems     []subject.Problem
}

// PullRequest is an open pull request of an entity's project.
type PullRequest struct {
	integration.PullRequest

	// Source is the host.
	Source string
}

// PullRequests lists the open pull requests of an entity's projects, of each host the newest first.
func (s *Service) PullRequests(ctx context.Context, principal identity.Principal, ref entity.Ref) (PullRequests, error) {
	places, problems, err := s.find(ctx, principal, policy.PullRequestRead, ref)
	if err != nil {
		return PullRequests{}, err
	}
	all := PullRequests{Problems: problems}
	for _, at := range places {
		host, has := at.host.(integration.PullRequestHost)
		if !has {
			continue
		}
		found, err := list(ctx, s, &s.pulls, at.key(), at, func(ctx context.Context) ([]integration.PullRequest, error) { return host.PullRequests(ctx, at.repo) })
		if err != nil {
			return PullRequests{}, err
		}
		for _, pull := range found.items {
			all.PullRequests = append(all.PullRequests, PullRequest{pull, host.Name()})
		}
		if found.reason != "" {
			all.Problems = append(all.Problems, subject.Problem{Source: host.Name(), Message: found.reason})
		}
	}
	return all, nil
}
