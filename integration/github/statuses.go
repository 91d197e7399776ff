package github

import (
	"context"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/integration"
)

// maxDescription bounds the description of a status, in bytes, as GitHub does.
const maxDescription = 140

// maySetStatuses is the permission that a GitHub App needs to set the status of a commit.
var maySetStatuses = map[string]string{"statuses": "write"}

// SetStatus implements integration.StatusHost.
func (h *Host) SetStatus(ctx context.Context, repo integration.Repo, commit string, status integration.CommitStatus) error {
	client, err := h.clientOf(repo, maySetStatuses)
	if err != nil {
		return err
	}
	state := "success"
	if status.Failed {
		state = "failure"
	}
	description := status.Short(maxDescription)
	sent := &github.RepoStatus{State: &state, Context: &status.Context, Description: &description}
	if status.URL != "" {
		sent.TargetURL = &status.URL
	}
	if _, _, err := client.Repositories.CreateStatus(ctx, repo.Owner, repo.Repo, commit, sent); err != nil {
		return client.failure(ctx, h.repositoryAPI(repo)+"/statuses/"+commit, err)
	}
	return nil
}
