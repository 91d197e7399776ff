package github

import (
	"context"

	"github.com/google/go-github/v60/github"
)

// protect sets the rules of the default branch. Where GitHub does not allow that (a private repository on a
// free plan), the log has a warning and the step continues.
func (p *publication) protect(ctx context.Context) error {
	if !p.input.ProtectDefaultBranch {
		return nil
	}
	branch := p.input.DefaultBranch
	err := p.ask(ctx, "protecting the branch "+branch+" of "+p.name(), func(ctx context.Context) error {
		_, _, err := p.client.Repositories.UpdateBranchProtection(ctx, p.target.Owner, p.target.Repo, branch, p.rules())
		return err
	})
	if err == nil && p.input.RequiredCommitSigning {
		err = p.ask(ctx, "requiring signatures on the branch "+branch+" of "+p.name(), func(ctx context.Context) error {
			_, _, err := p.client.Repositories.RequireSignaturesOnProtectedBranch(ctx, p.target.Owner, p.target.Repo, branch)
			return err
		})
	}
	return p.optional(ctx, err, "protection of the default branch")
}

func (p *publication) rules() *github.ProtectionRequest {
	contexts := append([]string{}, p.input.RequiredStatusCheckContexts...)
	rules := &github.ProtectionRequest{
		RequiredStatusChecks: &github.RequiredStatusChecks{Strict: p.input.RequireBranchesToBeUpToDate, Contexts: &contexts},
		RequiredPullRequestReviews: &github.PullRequestReviewsEnforcementRequest{
			RequiredApprovingReviewCount: p.input.RequiredApprovingReviewCount,
			RequireCodeOwnerReviews:      p.input.RequireCodeOwnerReviews,
			DismissStaleReviews:          p.input.DismissStaleReviews,
			RequireLastPushApproval:      &p.input.RequireLastPushApproval,
		},
		EnforceAdmins:                  p.input.ProtectEnforceAdmins,
		RequireLinearHistory:           &p.input.RequiredLinearHistory,
		RequiredConversationResolution: &p.input.RequiredConversationResolution,
	}
	if allowed := p.input.BypassPullRequestAllowances.named(); allowed != nil {
		rules.RequiredPullRequestReviews.BypassPullRequestAllowancesRequest = (*github.BypassPullRequestAllowancesRequest)(allowed)
	}
	rules.Restrictions = p.input.Restrictions.named()
	return rules
}

// named converts to GitHub's form, with empty lists for what was left out; nil for nil.
func (a *actors) named() *github.BranchRestrictionsRequest {
	if a == nil {
		return nil
	}
	return &github.BranchRestrictionsRequest{
		Users: append([]string{}, a.Users...), Teams: append([]string{}, a.Teams...), Apps: append([]string{}, a.Apps...),
	}
}
