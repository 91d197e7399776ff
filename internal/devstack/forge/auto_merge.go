package forge

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// autoMerge is the wish that a pull request is merged by the host as soon as nothing blocks that.
type autoMerge struct {
	By string `json:"by"`
	// Method is in the words of the REST API: "merge", "squash".
	Method    string    `json:"method"`
	EnabledAt time.Time `json:"enabledAt"`
}

// mergeableState is GitHub's word for whether a pull request can be merged: "blocked" while its base demands more approvals.
func mergeableState(repo *repository, one pull) string {
	protected, is := repo.Protection[one.Base]
	if !is || protected.RequiredPullRequestReviews == nil {
		return "clean"
	}
	approved := 0
	for _, said := range one.Reviews {
		if said.State == "APPROVED" {
			approved++
		}
	}
	if approved < protected.RequiredPullRequestReviews.RequiredApprovingReviewCount {
		return "blocked"
	}
	return "clean"
}

// enableAutoMerge refuses what GitHub refuses: a repository that does not allow it, and a pull request that can be merged at once.
func enableAutoMerge(ctx context.Context, q *query, _ any, arguments map[string]any) (any, error) {
	input, _ := arguments["input"].(map[string]any)
	method := strings.ToLower(textOf(input, "mergeMethod"))
	repo, found := q.forge.pullByNode(textOf(input, "pullRequestId"))
	if repo == nil {
		return nil, &queryError{Kind: "NOT_FOUND", Message: fmt.Sprintf("Could not resolve to a node with the global id of '%s'.", textOf(input, "pullRequestId"))}
	}
	found, err := q.forge.findPull(ctx, repo, strconv.Itoa(found.Number)) // with the tip that its branch has now
	if err != nil {
		return nil, err
	}
	if err := q.may(repo.Owner, "pull_requests:write"); err != nil {
		return nil, err
	}
	allowed := map[string]bool{"merge": repo.Settings.AllowMergeCommit, "squash": repo.Settings.AllowSquashMerge, "rebase": repo.Settings.AllowRebaseMerge}
	switch {
	case !repo.Settings.AllowAutoMerge:
		return nil, unprocessable("Auto merge is not allowed for this repository")
	case !allowed[method]:
		return nil, unprocessable(fmt.Sprintf("Merge method %s is not allowed on this repository", method))
	case textOf(input, "expectedHeadOid") != "" && textOf(input, "expectedHeadOid") != found.HeadHash:
		return nil, unprocessable("Head branch was modified. Review and try the merge again.")
	case found.ClosedAt != nil:
		return nil, unprocessable("Pull request is closed")
	case mergeableState(repo, found) == "clean":
		return nil, unprocessable("Pull request Pull request is in clean status")
	}
	_, err = q.forge.changePull(repo, found.Number, func(one *pull) error {
		one.AutoMerge = &autoMerge{By: q.forge.user, Method: method, EnabledAt: now()}
		found.AutoMerge = one.AutoMerge
		return nil
	})
	return node{"EnablePullRequestAutoMergePayload", found}, err
}

func unprocessable(message string) error { return &queryError{Kind: "UNPROCESSABLE", Message: message} }

// pullByNode finds a pull request by its global id.
func (f *Forge) pullByNode(id string) (*repository, pull) {
	for _, owner := range f.store.listOwners() {
		for _, repo := range f.store.listRepositories(owner.Login) {
			for _, one := range repo.Pulls {
				if nodeID("PullRequest", one.ID) == id {
					return repo, one
				}
			}
		}
	}
	return nil, pull{}
}

// mergeIfReady merges a pull request that waits for it and is not blocked any more.
func (f *Forge) mergeIfReady(ctx context.Context, repo *repository, number int) error {
	found, err := f.findPull(ctx, repo, strconv.Itoa(number))
	if err != nil || found.AutoMerge == nil || found.ClosedAt != nil || mergeableState(repo, found) != "clean" {
		return err
	}
	_, err = f.merge(ctx, repo, found, mergeWish{MergeMethod: found.AutoMerge.Method})
	return err
}

// autoMergeObject is the form of the wish in a pull request, null without one.
func (s shapes) autoMergeObject(one pull, by object) any {
	if one.AutoMerge == nil {
		return nil
	}
	return object{"enabled_by": by, "merge_method": one.AutoMerge.Method, "commit_title": "", "commit_message": ""}
}
