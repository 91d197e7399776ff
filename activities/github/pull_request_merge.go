package github

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/fault"
	githubhost "github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// autoMergeQuery sets a pull request to be merged by GitHub. The REST API cannot.
const autoMergeQuery = `mutation($pull: ID!, $head: GitObjectID!, $method: PullRequestMergeMethod!) {
  enablePullRequestAutoMerge(input: {pullRequestId: $pull, expectedHeadOid: $head, mergeMethod: $method}) {
    pullRequest { id }
  }
}`

const (
	// examining is how long a step waits for GitHub to work out whether a new pull request can be merged.
	examining     = 15 * time.Second
	examiningStep = 500 * time.Millisecond
)

// mergeWhenReady has GitHub merge the pull request when nothing blocks that any more. One that nothing blocks is merged at once,
// because GitHub refuses to wait for nothing. What others have pushed meanwhile is not merged.
func (p *proposal) mergeWhenReady(ctx context.Context, number int) error {
	if !p.input.AutoMerge {
		return nil
	}
	pull, err := p.examined(ctx, number)
	if err != nil || isMerged(pull) || pull.GetAutoMerge() != nil {
		return err
	}
	if pull.GetHead().GetSHA() != p.commits[len(p.commits)-1] {
		return action.Advise(fault.New(fault.Conflict, "The pull request %d of %s has commits that the run did not make.", number, p.name()),
			"Look at it and merge it yourself, then retry.")
	}
	// Checks that are not required may be missing or have failed: they block nothing.
	if slices.Contains([]string{"clean", "unstable", "has_hooks"}, pull.GetMergeableState()) {
		return p.mergeNow(ctx, pull)
	}
	doing := fmt.Sprintf("setting the pull request %d of %s to be merged by %s", number, p.name(), p.target.Host)
	err = p.ask(ctx, doing, func(ctx context.Context) error {
		variables := map[string]any{"pull": pull.GetNodeID(), "head": pull.GetHead().GetSHA(), "method": strings.ToUpper(p.mergeMethod())}
		return p.client.Query(ctx, autoMergeQuery, variables, &struct{}{})
	})
	if refused, is := errors.AsType[*githubhost.QueryError](err); is && refused.Has("UNPROCESSABLE") {
		return action.Advise(err, "Allow auto-merge in the settings of the repository, or merge the pull request yourself, then retry.")
	}
	return err
}

// mergedBefore is the pull request of an earlier attempt if it was merged since, otherwise nil. Nothing is left to do then, and its
// branch may be gone.
func (p *proposal) mergedBefore(ctx context.Context) (*github.PullRequest, error) {
	effect, err := resource.Earlier(ctx, p.call, p.pullIntent(pullRecord{}).Key)
	if err != nil || effect.ExternalID == "" {
		return nil, err
	}
	found, err := p.findPull(ctx, effect, pullRecord{})
	if err != nil || found == nil || !isMerged(found.Thing) {
		return nil, err
	}
	return found.Thing, nil
}

// examined is the pull request after GitHub has worked out whether it can be merged, which it does after it was opened. After
// a while it is what there is.
func (p *proposal) examined(ctx context.Context, number int) (*github.PullRequest, error) {
	until := time.NewTimer(examining)
	defer until.Stop()
	for {
		pull, err := p.readPull(ctx, number, pullRecord{})
		if err == nil && pull == nil {
			err = fault.New(fault.NotFound, "The pull request %d of %s is gone.", number, p.name())
		}
		if err != nil || pull.GetState() == "closed" || pull.GetMergeableState() != "unknown" {
			return pull, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-until.C:
			return pull, nil
		case <-time.After(examiningStep):
		}
	}
}

// mergeMethod is a way to merge that the repository allows. It does not say so to tokens that may not push; then it is GitHub's default.
func (p *proposal) mergeMethod() string {
	switch {
	case p.repository.AllowMergeCommit == nil || p.repository.GetAllowMergeCommit():
		return "merge"
	case p.repository.GetAllowSquashMerge():
		return "squash"
	default:
		return "rebase"
	}
}

func (p *proposal) mergeNow(ctx context.Context, pull *github.PullRequest) error {
	p.call.Log.Info("Nothing blocks the pull request %d: merging it", pull.GetNumber())
	return p.ask(ctx, fmt.Sprintf("merging the pull request %d of %s", pull.GetNumber(), p.name()), func(ctx context.Context) error {
		_, _, err := p.client.PullRequests.Merge(ctx, p.target.Owner, p.target.Repo, pull.GetNumber(), "",
			&github.PullRequestOptions{SHA: pull.GetHead().GetSHA(), MergeMethod: p.mergeMethod()})
		return err
	})
}
