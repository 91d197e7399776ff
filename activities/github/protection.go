package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"
)

// protection is the request for the rules of a branch. It has the fields of Backstage's request. Fields that are
// nil are left out, unless GitHub requires them: then null switches the rule off.
type protection struct {
	StatusChecks           *statusChecks `json:"required_status_checks"`
	Reviews                *reviews      `json:"required_pull_request_reviews"`
	Restrictions           *actors       `json:"restrictions"`
	EnforceAdmins          bool          `json:"enforce_admins"`
	ConversationResolution bool          `json:"required_conversation_resolution"`
	LinearHistory          bool          `json:"required_linear_history"`
	BlockCreations         bool          `json:"block_creations"`
	// The rest are rules that a branch has before an update.
	AllowForcePushes *bool `json:"allow_force_pushes,omitempty"`
	AllowDeletions   *bool `json:"allow_deletions,omitempty"`
}

type statusChecks struct {
	Strict   bool     `json:"strict"`
	Contexts []string `json:"contexts"`
}

type reviews struct {
	Count              int     `json:"required_approving_review_count"`
	ByCodeOwners       bool    `json:"require_code_owner_reviews"`
	DismissStale       bool    `json:"dismiss_stale_reviews"`
	ByAnotherThanLast  bool    `json:"require_last_push_approval"`
	BypassedByThemself *actors `json:"bypass_pull_request_allowances,omitempty"`
}

func (i protectionInput) rules(enforceAdmins bool) protection {
	return protection{
		StatusChecks: &statusChecks{Strict: i.RequireBranchesToBeUpToDate, Contexts: append([]string{}, i.RequiredStatusCheckContexts...)},
		Reviews: &reviews{
			Count: i.RequiredApprovingReviewCount, ByCodeOwners: i.RequireCodeOwnerReviews, DismissStale: i.DismissStaleReviews,
			ByAnotherThanLast: i.RequireLastPushApproval, BypassedByThemself: i.BypassPullRequestAllowances,
		},
		Restrictions: i.Restrictions, EnforceAdmins: enforceAdmins, ConversationResolution: i.RequiredConversationResolution,
		LinearHistory: i.RequiredLinearHistory, BlockCreations: i.BlockCreations,
	}
}

// protectDefault sets the rules of the default branch. Where GitHub does not allow that (a private repository on
// a free plan), the log has a warning and the step continues.
func (p *publication) protectDefault(ctx context.Context) error {
	if !p.input.ProtectDefaultBranch {
		return nil
	}
	err := p.protect(ctx, p.input.DefaultBranch, p.input.rules(p.input.ProtectEnforceAdmins), p.input.RequiredCommitSigning)
	return optional(ctx, p.call.Log, err, "protection of the default branch")
}

// protect sets the rules of a branch, and whether its commits must be signed.
func (c *connection) protect(ctx context.Context, branch string, rules protection, signatures bool) error {
	if err := c.putProtection(ctx, branch, rules); err != nil || !signatures {
		return err
	}
	return c.requireSignatures(ctx, branch)
}

func (c *connection) requireSignatures(ctx context.Context, branch string) error {
	return c.ask(ctx, "requiring signatures on the branch "+branch+" of "+c.name(), func(ctx context.Context) error {
		_, _, err := c.client.Repositories.RequireSignaturesOnProtectedBranch(ctx, c.target.Owner, c.target.Repo, branch)
		return err
	})
}

const (
	// branchAttempts and branchWait are how often GitHub is asked to protect a branch that was pushed a moment
	// ago: not every server knows it at once.
	branchAttempts = 6
	branchWait     = 500 * time.Millisecond
)

func (c *connection) putProtection(ctx context.Context, branch string, rules protection) error {
	put := func(ctx context.Context) error {
		request, err := c.client.NewRequest(http.MethodPut, c.protectionPath(branch), rules)
		if err != nil {
			return err
		}
		_, err = c.client.Do(ctx, request, nil)
		return err
	}
	for attempt := 1; ; attempt++ {
		err := c.ask(ctx, "protecting the branch "+branch+" of "+c.name(), put)
		if !saysNoBranch(err) || attempt == branchAttempts {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("protecting the branch %s of %s: %w", branch, c.name(), ctx.Err())
		case <-time.After(branchWait):
		}
	}
}

func (c *connection) protectionPath(branch string) string {
	return fmt.Sprintf("repos/%s/%s/branches/%s/protection", c.target.Owner, c.target.Repo, url.PathEscape(branch))
}

func saysNoBranch(err error) bool {
	var answer *github.ErrorResponse
	return errors.As(err, &answer) && answer.Response.StatusCode == http.StatusNotFound && strings.Contains(answer.Message, "Branch not found")
}
