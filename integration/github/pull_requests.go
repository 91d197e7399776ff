package github

import (
	"context"
	"fmt"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/internal/details"
)

const (
	// shownPulls is how many open pull requests are listed. Each costs a request when it has changed.
	shownPulls = 20
	// readReviews is how many reviews of one are read, the oldest first.
	readReviews = 100
)

// mayReadPulls is the permission that a GitHub App needs for pull requests.
var mayReadPulls = map[string]string{"pull_requests": "read"}

// PullRequests implements integration.PullRequestHost.
func (h *Host) PullRequests(ctx context.Context, repo integration.Repo) ([]integration.PullRequest, error) {
	client, err := h.clientOf(repo, mayReadPulls)
	if err != nil {
		return nil, err
	}
	options := &github.PullRequestListOptions{State: "open", ListOptions: github.ListOptions{PerPage: shownPulls}}
	listed, _, err := client.PullRequests.List(ctx, repo.Owner, repo.Repo, options)
	if err != nil {
		return nil, client.failure(ctx, h.repositoryAPI(repo)+"/pulls", err)
	}
	updated := map[int64]time.Time{}
	pulls := make([]integration.PullRequest, len(listed))
	for n, pull := range listed {
		pulls[n] = integration.PullRequest{
			Number: int64(pull.GetNumber()), Title: pull.GetTitle(), Author: pull.GetUser().GetLogin(), Draft: pull.GetDraft(),
			Branch: pull.GetHead().GetRef(), Target: pull.GetBase().GetRef(), CreatedAt: pull.GetCreatedAt().Time, URL: pull.GetHTMLURL(),
		}
		updated[pulls[n].Number] = pull.GetUpdatedAt().Time
	}
	return pulls, details.Complete(ctx, &h.reviews, pulls,
		func(pull integration.PullRequest) string {
			return fmt.Sprintf("%s/%s#%d %s", repo.Owner, repo.Repo, pull.Number, updated[pull.Number])
		},
		func(ctx context.Context, pull integration.PullRequest) (integration.ReviewState, error) {
			reviews, _, err := client.PullRequests.ListReviews(ctx, repo.Owner, repo.Repo, int(pull.Number), &github.ListOptions{PerPage: readReviews})
			if err != nil {
				return "", client.failure(ctx, fmt.Sprintf("%s/pulls/%d/reviews", h.repositoryAPI(repo), pull.Number), err)
			}
			return reviewState(reviews), nil
		},
		func(pull *integration.PullRequest, state integration.ReviewState) { pull.Review = state })
}

// reviewState is what the last review of each reviewer says. Comments change nothing.
func reviewState(reviews []*github.PullRequestReview) integration.ReviewState {
	last := map[string]string{}
	for _, review := range reviews {
		switch state := review.GetState(); state {
		case "APPROVED", "CHANGES_REQUESTED", "DISMISSED":
			last[review.GetUser().GetLogin()] = state
		}
	}
	result := integration.ReviewPending
	for _, state := range last {
		switch state {
		case "CHANGES_REQUESTED":
			return integration.ReviewChangesRequested
		case "APPROVED":
			result = integration.ReviewApproved
		}
	}
	return result
}
