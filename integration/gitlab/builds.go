package gitlab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/internal/details"
	"github.com/portico-dev/portico/integration/rest"
)

// shownItems is how many pipelines or merge requests are listed. Each costs a request when it has changed.
const shownItems = "20"

// pipeline is a pipeline. The list lacks the times after its creation and the user.
type pipeline struct {
	ID        int64     `json:"id"`
	Status    string    `json:"status"`
	Name      string    `json:"name"`
	Source    string    `json:"source"`
	Ref       string    `json:"ref"`
	SHA       string    `json:"sha"`
	WebURL    string    `json:"web_url"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	StartedAt time.Time `json:"started_at"`
	Duration  seconds   `json:"duration"`
	User      account   `json:"user"`
}

type account struct {
	Username string `json:"username"`
}

// seconds is a duration in GitLab's form.
type seconds float64

func (s seconds) duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

// Builds implements integration.BuildHost: the pipelines of a project.
func (h *Host) Builds(ctx context.Context, repo integration.Repo) ([]integration.Build, error) {
	p := h.configured(repo)
	var listed []pipeline
	if _, err := p.api.JSON(ctx, p.path("pipelines"), url.Values{"per_page": {shownItems}}, &listed); err != nil {
		return nil, err
	}
	err := details.Complete(ctx, &h.pipelines, listed,
		func(one pipeline) string {
			return fmt.Sprintf("%s %d %s %s", p.name, one.ID, one.Status, one.UpdatedAt)
		},
		func(ctx context.Context, one pipeline) (pipeline, error) {
			_, err := p.api.JSON(ctx, p.path("pipelines", strconv.FormatInt(one.ID, 10)), nil, &one)
			return one, err
		},
		func(one *pipeline, complete pipeline) { *one = complete })
	if err != nil {
		return nil, err
	}
	builds := make([]integration.Build, len(listed))
	for n, one := range listed {
		builds[n] = one.build()
	}
	return builds, nil
}

func (p pipeline) build() integration.Build {
	status := buildStatus(p.Status)
	started := p.StartedAt
	if started.IsZero() {
		started = p.CreatedAt
	}
	return integration.Build{
		ID: strconv.FormatInt(p.ID, 10), Name: p.Name, Branch: p.Ref, Commit: p.SHA, Status: status, Trigger: p.Source, StartedAt: started,
		Duration: p.Duration.duration(), By: p.User.Username, URL: p.WebURL,
		CanRerun: status == integration.BuildFailed || status == integration.BuildCancelled,
	}
}

// buildStatuses has the statuses of pipelines and jobs.
var buildStatuses = map[string]integration.BuildStatus{
	"created": integration.BuildQueued, "waiting_for_resource": integration.BuildQueued, "preparing": integration.BuildQueued,
	"waiting_for_callback": integration.BuildQueued, "pending": integration.BuildQueued, "scheduled": integration.BuildQueued,
	"running": integration.BuildRunning, "canceling": integration.BuildRunning, "manual": integration.BuildWaiting,
	"success": integration.BuildSucceeded, "failed": integration.BuildFailed, "canceled": integration.BuildCancelled, "skipped": integration.BuildSkipped,
}

func buildStatus(status string) integration.BuildStatus {
	return cmp.Or(buildStatuses[status], integration.BuildUnknown)
}

// Jobs implements integration.BuildHost. GitLab lists the last job first.
func (h *Host) Jobs(ctx context.Context, repo integration.Repo, id string) ([]integration.Job, error) {
	if err := checkBuildID(id); err != nil {
		return nil, err
	}
	p := h.configured(repo)
	var listed []struct {
		Name      string    `json:"name"`
		Stage     string    `json:"stage"`
		Status    string    `json:"status"`
		StartedAt time.Time `json:"started_at"`
		Duration  seconds   `json:"duration"`
		WebURL    string    `json:"web_url"`
	}
	if _, err := p.api.JSON(ctx, p.path("pipelines", id, "jobs"), url.Values{"per_page": {pageSize}}, &listed); err != nil {
		return nil, err
	}
	var jobs []integration.Job
	for _, job := range slices.Backward(listed) {
		jobs = append(jobs, integration.Job{Name: job.Name, Stage: job.Stage, Status: buildStatus(job.Status), StartedAt: job.StartedAt,
			Duration: job.Duration.duration(), URL: job.WebURL})
	}
	return jobs, nil
}

// Rerun implements integration.BuildHost: GitLab retries the jobs of a pipeline that failed or were cancelled.
func (h *Host) Rerun(ctx context.Context, repo integration.Repo, id string) error {
	if err := checkBuildID(id); err != nil {
		return err
	}
	p := h.configured(repo)
	err := p.api.Send(ctx, http.MethodPost, p.path("pipelines", id, "retry"), nil, nil)
	refused, is := errors.AsType[*rest.RefusalError](err)
	switch {
	case !is:
		return err
	case refused.Status == http.StatusNotFound:
		return fault.Wrap(fault.NotFound, err, "There is no build %s of %s", id, p.name)
	case refused.Status >= http.StatusInternalServerError || refused.Status == http.StatusTooManyRequests:
		wait, _ := integration.RetryAfter(refused.Header)
		return &integration.ResponseError{Status: refused.Status, RetryAfter: wait, RateLimited: refused.Status == http.StatusTooManyRequests,
			Problem: fmt.Sprintf("%s does not run the build %s again now: %s", h.Name(), id, refused)}
	}
	return fault.Wrap(fault.Conflict, err, "%s does not run the build %s again: %s", h.Name(), id, refused)
}

func checkBuildID(id string) error {
	if _, err := strconv.ParseUint(id, 10, 63); err != nil {
		return fault.Wrap(fault.NotFound, err, "There is no build %q", id)
	}
	return nil
}

// configured connects to a project with the credentials of the configuration.
func (h *Host) configured(repo integration.Repo) *project {
	return h.connect(nameOf(repo), h.config.Token)
}

// nameOf is a project's number, or its path.
func nameOf(repo integration.Repo) string {
	if repo.Project != "" {
		return repo.Project
	}
	return repo.Owner + "/" + repo.Repo
}
