package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
)

const (
	// shownBuilds is how many runs of workflows are listed, and shownJobs how many jobs of one.
	shownBuilds = 20
	shownJobs   = 100
)

// The permissions that a GitHub App needs for builds.
var (
	mayReadBuilds = map[string]string{"actions": "read"}
	mayRunBuilds  = map[string]string{"actions": "write"}
)

// Builds implements integration.BuildHost: the runs of GitHub Actions.
func (h *Host) Builds(ctx context.Context, repo integration.Repo) ([]integration.Build, error) {
	client, err := h.clientOf(repo, mayReadBuilds)
	if err != nil {
		return nil, err
	}
	options := &github.ListWorkflowRunsOptions{ExcludePullRequests: true, ListOptions: github.ListOptions{PerPage: shownBuilds}}
	listed, _, err := client.Actions.ListRepositoryWorkflowRuns(ctx, repo.Owner, repo.Repo, options)
	if err != nil {
		return nil, client.failure(ctx, h.repositoryAPI(repo)+"/actions/runs", err)
	}
	builds := make([]integration.Build, len(listed.WorkflowRuns))
	for n, run := range listed.WorkflowRuns {
		builds[n] = build(run)
	}
	return builds, nil
}

func build(run *github.WorkflowRun) integration.Build {
	made := integration.Build{
		ID: strconv.FormatInt(run.GetID(), 10), Name: run.GetName(), Title: run.GetDisplayTitle(), Branch: run.GetHeadBranch(), Commit: run.GetHeadSHA(),
		Status: buildStatus(run.GetStatus(), run.GetConclusion()), Trigger: run.GetEvent(), StartedAt: run.GetRunStartedAt().Time,
		By: run.GetTriggeringActor().GetLogin(), URL: run.GetHTMLURL(),
	}
	if made.StartedAt.IsZero() {
		made.StartedAt = run.GetCreatedAt().Time
	}
	if made.CanRerun = made.Status.Ended(); made.CanRerun {
		made.Duration = max(0, run.GetUpdatedAt().Sub(made.StartedAt))
	}
	return made
}

// buildStatuses has the statuses of GitHub, and the conclusions of what is completed.
var buildStatuses = map[string]integration.BuildStatus{
	"requested": integration.BuildQueued, "queued": integration.BuildQueued, "pending": integration.BuildQueued,
	"in_progress": integration.BuildRunning, "waiting": integration.BuildWaiting, "action_required": integration.BuildWaiting,
	"success": integration.BuildSucceeded, "neutral": integration.BuildSucceeded,
	"failure": integration.BuildFailed, "timed_out": integration.BuildFailed, "startup_failure": integration.BuildFailed,
	"cancelled": integration.BuildCancelled, "stale": integration.BuildCancelled, "skipped": integration.BuildSkipped,
}

func buildStatus(status, conclusion string) integration.BuildStatus {
	if status == "completed" {
		status = conclusion
	}
	if known, is := buildStatuses[status]; is {
		return known
	}
	return integration.BuildUnknown
}

// Jobs implements integration.BuildHost: the jobs of the newest attempt of a run.
func (h *Host) Jobs(ctx context.Context, repo integration.Repo, id string) ([]integration.Job, error) {
	number, err := buildNumber(id)
	if err != nil {
		return nil, err
	}
	client, err := h.clientOf(repo, mayReadBuilds)
	if err != nil {
		return nil, err
	}
	options := &github.ListWorkflowJobsOptions{ListOptions: github.ListOptions{PerPage: shownJobs}}
	listed, _, err := client.Actions.ListWorkflowJobs(ctx, repo.Owner, repo.Repo, number, options)
	if err != nil {
		return nil, client.failure(ctx, h.repositoryAPI(repo)+"/actions/runs/"+id+"/jobs", err)
	}
	jobs := make([]integration.Job, len(listed.Jobs))
	for n, job := range listed.Jobs {
		jobs[n] = integration.Job{Name: job.GetName(), Status: buildStatus(job.GetStatus(), job.GetConclusion()),
			StartedAt: job.GetStartedAt().Time, URL: job.GetHTMLURL()}
		if job.CompletedAt != nil && job.StartedAt != nil {
			jobs[n].Duration = max(0, job.GetCompletedAt().Sub(job.GetStartedAt().Time))
		}
	}
	return jobs, nil
}

// Rerun implements integration.BuildHost. GitHub refuses a run that goes on, or is older than thirty days.
func (h *Host) Rerun(ctx context.Context, repo integration.Repo, id string) error {
	number, err := buildNumber(id)
	if err != nil {
		return err
	}
	client, err := h.clientOf(repo, mayRunBuilds)
	if err != nil {
		return err
	}
	credential, err := client.Credential(ctx)
	if err != nil {
		return err
	}
	if credential.Token == "" {
		return fault.New(fault.Conflict, "Portico has no credentials to run builds of %s/%s again: %s", repo.Owner, repo.Repo,
			strings.Join(credential.Absent, "; "))
	}
	_, err = client.Actions.RerunWorkflowByID(ctx, repo.Owner, repo.Repo, number)
	var refused *github.ErrorResponse
	if errors.As(err, &refused) && (refused.Response.StatusCode == http.StatusForbidden || refused.Response.StatusCode == http.StatusConflict) {
		return fault.Wrap(fault.Conflict, err, "%s does not run the build %s again: %s", h.Name(), id, refused.Message)
	}
	if err != nil {
		return client.failure(ctx, h.repositoryAPI(repo)+"/actions/runs/"+id+"/rerun", err)
	}
	return nil
}

// buildNumber reads the number of a run.
func buildNumber(id string) (int64, error) {
	number, err := strconv.ParseUint(id, 10, 63)
	if err != nil {
		return 0, fault.Wrap(fault.NotFound, err, "There is no build %q", id)
	}
	return int64(number), nil
}

// clientOf creates a client for one repository, with the credentials of the configuration.
func (h *Host) clientOf(repo integration.Repo, permissions map[string]string) (*Client, error) {
	return h.Client(Access{Owner: repo.Owner, Repository: repo.Repo, Permissions: permissions}, "")
}

func (h *Host) repositoryAPI(repo integration.Repo) string {
	return fmt.Sprintf("%s/repos/%s/%s", h.config.APIBaseURL, repo.Owner, repo.Repo)
}
