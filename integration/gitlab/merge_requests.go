package gitlab

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/internal/details"
)

// mergeRequest is a merge request of a list.
type mergeRequest struct {
	IID          int64     `json:"iid"`
	Title        string    `json:"title"`
	Author       account   `json:"author"`
	Draft        bool      `json:"draft"`
	SourceBranch string    `json:"source_branch"`
	TargetBranch string    `json:"target_branch"`
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`
	WebURL       string    `json:"web_url"`
	// Status says what keeps it from being merged.
	Status   string `json:"detailed_merge_status"`
	approved bool
}

// PullRequests implements integration.PullRequestHost: the open merge requests of a project.
func (h *Host) PullRequests(ctx context.Context, repo integration.Repo) ([]integration.PullRequest, error) {
	p := h.configured(repo)
	var listed []mergeRequest
	if _, err := p.api.JSON(ctx, p.path("merge_requests"), url.Values{"state": {"opened"}, "per_page": {shownItems}}, &listed); err != nil {
		return nil, err
	}
	err := details.Complete(ctx, &h.approvals, listed,
		func(one mergeRequest) string { return fmt.Sprintf("%s!%d %s", p.name, one.IID, one.UpdatedAt) },
		p.isApproved,
		func(one *mergeRequest, approved bool) { one.approved = approved })
	if err != nil {
		return nil, err
	}
	pulls := make([]integration.PullRequest, len(listed))
	for n, one := range listed {
		pulls[n] = integration.PullRequest{
			Number: one.IID, Title: one.Title, Author: one.Author.Username, Draft: one.Draft, Review: one.review(), Branch: one.SourceBranch,
			Target: one.TargetBranch, CreatedAt: one.CreatedAt, URL: one.WebURL,
		}
	}
	return pulls, nil
}

// isApproved reports whether somebody has approved a merge request. A GitLab without approvals answers 404.
func (p *project) isApproved(ctx context.Context, one mergeRequest) (bool, error) {
	var given struct {
		By []struct{} `json:"approved_by"`
	}
	_, err := p.api.JSON(ctx, p.path("merge_requests", strconv.FormatInt(one.IID, 10), "approvals"), nil, &given)
	if fault.KindOf(err) == fault.NotFound {
		return false, nil
	}
	return len(given.By) > 0, err
}

func (r mergeRequest) review() integration.ReviewState {
	switch {
	case r.Status == "requested_changes":
		return integration.ReviewChangesRequested
	case r.approved:
		return integration.ReviewApproved
	default:
		return integration.ReviewPending
	}
}
