package integration

import (
	"context"
	"time"
)

// BuildHost is a Host that builds its repositories: GitHub Actions, GitLab's pipelines. The repository has the parts
// that CheckRepo requires. Errors are like those of Set.ReadURL.
type BuildHost interface {
	Host
	// Builds lists the newest builds of a repository, the newest first, as many as people read.
	Builds(ctx context.Context, repo Repo) ([]Build, error)
	// Jobs lists the jobs of a build, in their order.
	Jobs(ctx context.Context, repo Repo, id string) ([]Job, error)
	// Rerun builds again what a build has built, or the jobs of it that did not succeed. A build that the host does
	// not run again is a fault of kind Conflict.
	Rerun(ctx context.Context, repo Repo, id string) error
}

// Build is one execution of a repository's pipeline.
type Build struct {
	// ID is the host's number of the build within its repository.
	ID string
	// Name is the name of the workflow or pipeline, and Title what was built in the words of its commit. Both may be "".
	Name, Title string
	// Branch is the branch or the tag, and Commit the hash.
	Branch, Commit string
	Status         BuildStatus
	// Trigger is why it began, in the host's word: push, schedule.
	Trigger string
	// StartedAt is when it began, or was queued.
	StartedAt time.Time
	// Duration is how long it took, 0 while it goes on or where the host does not say.
	Duration time.Duration
	// By is the login of who started it, "" when nobody is known.
	By string
	// URL is its page.
	URL string
	// CanRerun says that the host may run it again, as far as its status shows.
	CanRerun bool
}

// Job is a part of a build.
type Job struct {
	Name string
	// Stage is the stage of the pipeline, "" where there are none.
	Stage     string
	Status    BuildStatus
	StartedAt time.Time
	Duration  time.Duration
	URL       string
}

// BuildStatus is the state of a build or a job, in the same words for all hosts.
type BuildStatus string

// The states.
const (
	BuildQueued  BuildStatus = "queued"
	BuildRunning BuildStatus = "running"
	// BuildWaiting waits for a person: an approval, a manual job.
	BuildWaiting   BuildStatus = "waiting"
	BuildSucceeded BuildStatus = "succeeded"
	BuildFailed    BuildStatus = "failed"
	BuildCancelled BuildStatus = "cancelled"
	BuildSkipped   BuildStatus = "skipped"
	// BuildUnknown is a state that Portico does not know.
	BuildUnknown BuildStatus = "unknown"
)

// Ended reports whether nothing more happens by itself.
func (s BuildStatus) Ended() bool {
	return s == BuildSucceeded || s == BuildFailed || s == BuildCancelled || s == BuildSkipped
}

// PullRequestHost is a Host with pull requests, or merge requests. The repository has the parts that CheckRepo
// requires. Errors are like those of Set.ReadURL.
type PullRequestHost interface {
	Host
	// PullRequests lists the open pull requests of a repository, the newest first, as many as people read.
	PullRequests(ctx context.Context, repo Repo) ([]PullRequest, error)
}

// PullRequest is an open pull request.
type PullRequest struct {
	Number int64
	Title  string
	// Author is a login, "" when the account is gone.
	Author string
	Draft  bool
	Review ReviewState
	// Branch is what is to be merged into Target.
	Branch, Target string
	CreatedAt      time.Time
	URL            string
}

// ReviewState is what reviewers say about a pull request.
type ReviewState string

// The states of a review. One reviewer who requests changes outweighs the others' approvals.
const (
	ReviewPending          ReviewState = "pending"
	ReviewApproved         ReviewState = "approved"
	ReviewChangesRequested ReviewState = "changesRequested"
)
