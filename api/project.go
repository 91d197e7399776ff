package api

import (
	"net/http"

	"github.com/portico-dev/portico/audit"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/project"
)

// NewProjectPlugin serves the part of /api/portico about the source code project of an entity.
func NewProjectPlugin(service *project.Service) Plugin {
	p := &projectAPI{service}
	return plugin{id: "portico", routes: []route{
		{method: http.MethodGet, path: ofEntity + "/builds", access: authenticated,
			summary: "Lists the newest builds of an entity", serve: ok("the builds", p.builds), fails: missing},
		{method: http.MethodGet, path: ofEntity + "/builds/:id/jobs", access: authenticated,
			summary: "Lists the jobs of a build", serve: ok("the jobs", p.jobs), fails: []fault.Kind{fault.NotFound, fault.BadGateway}},
		{method: http.MethodPost, path: ofEntity + "/builds/:id/rerun", access: authenticated, command: true, audit: records(audit.BuildRerun),
			summary: "Runs a build again", serve: empty(http.StatusAccepted, "the host runs it again", p.rerun),
			fails: []fault.Kind{fault.NotFound, fault.Conflict, fault.BadGateway}},
		{method: http.MethodGet, path: ofEntity + "/pull-requests", access: authenticated,
			summary: "Lists the open pull requests of an entity", serve: ok("the pull requests", p.pullRequests), fails: missing},
	}}
}

type projectAPI struct{ service *project.Service }

// buildList lists builds, of each host the newest first.
type buildList found[shownBuild]

type shownBuild struct {
	ID        string                  `json:"id"`
	Source    string                  `json:"source"`
	Name      string                  `json:"name,omitempty"`
	Title     string                  `json:"title,omitempty"`
	Branch    string                  `json:"branch,omitempty"`
	Commit    string                  `json:"commit,omitempty"`
	Status    integration.BuildStatus `json:"status"              jsonschema:"enum=queued,enum=running,enum=waiting,enum=succeeded,enum=failed,enum=cancelled,enum=skipped,enum=unknown"`
	Trigger   string                  `json:"trigger,omitempty"`
	StartedAt string                  `json:"startedAt,omitempty" jsonschema:"format=date-time"`
	// Seconds is how long it took, absent while it goes on.
	Seconds float64 `json:"seconds,omitempty"`
	By      string  `json:"by,omitempty"`
	URL     string  `json:"url"`
	// CanRerun says that the host may run it again.
	CanRerun bool `json:"canRerun"`
}

func (p *projectAPI) builds(c *call) (buildList, error) {
	found, err := p.service.Builds(c.Request.Context(), c.principal, c.entityRef())
	listed := buildList{Items: []shownBuild{}, Problems: orEmpty(found.Problems)}
	for _, build := range found.Builds {
		listed.Items = append(listed.Items, shownBuild{ID: build.ID, Source: build.Source, Name: build.Name, Title: build.Title, Branch: build.Branch,
			Commit: build.Commit, Status: build.Status, Trigger: build.Trigger, StartedAt: isoTime(build.StartedAt),
			Seconds: build.Duration.Seconds(), By: build.By, URL: build.URL, CanRerun: build.CanRerun})
	}
	return listed, err
}

type jobList struct {
	Items []shownJob `json:"items"`
}

type shownJob struct {
	Name      string                  `json:"name"`
	Stage     string                  `json:"stage,omitempty"`
	Status    integration.BuildStatus `json:"status"              jsonschema:"enum=queued,enum=running,enum=waiting,enum=succeeded,enum=failed,enum=cancelled,enum=skipped,enum=unknown"`
	StartedAt string                  `json:"startedAt,omitempty" jsonschema:"format=date-time"`
	Seconds   float64                 `json:"seconds,omitempty"`
	URL       string                  `json:"url"`
}

func (p *projectAPI) jobs(c *call) (jobList, error) {
	found, err := p.service.Jobs(c.Request.Context(), c.principal, c.entityRef(), c.Param("id"))
	listed := jobList{Items: []shownJob{}}
	for _, job := range found {
		listed.Items = append(listed.Items, shownJob{Name: job.Name, Stage: job.Stage, Status: job.Status, StartedAt: isoTime(job.StartedAt),
			Seconds: job.Duration.Seconds(), URL: job.URL})
	}
	return listed, err
}

func (p *projectAPI) rerun(c *call) error {
	return p.service.Rerun(c.Request.Context(), c.principal, c.entityRef(), c.Param("id"))
}

// pullRequestList lists open pull requests, of each host the newest first.
type pullRequestList found[shownPullRequest]

type shownPullRequest struct {
	Source    string                  `json:"source"`
	Number    int64                   `json:"number"`
	Title     string                  `json:"title"`
	Author    string                  `json:"author,omitempty"`
	Draft     bool                    `json:"draft"`
	Review    integration.ReviewState `json:"review"              jsonschema:"enum=pending,enum=approved,enum=changesRequested"`
	Branch    string                  `json:"branch"`
	Target    string                  `json:"target"`
	CreatedAt string                  `json:"createdAt,omitempty" jsonschema:"format=date-time"`
	URL       string                  `json:"url"`
}

func (p *projectAPI) pullRequests(c *call) (pullRequestList, error) {
	found, err := p.service.PullRequests(c.Request.Context(), c.principal, c.entityRef())
	listed := pullRequestList{Items: []shownPullRequest{}, Problems: orEmpty(found.Problems)}
	for _, pull := range found.PullRequests {
		listed.Items = append(listed.Items, shownPullRequest{Source: pull.Source, Number: pull.Number, Title: pull.Title, Author: pull.Author,
			Draft: pull.Draft, Review: pull.Review, Branch: pull.Branch, Target: pull.Target, CreatedAt: isoTime(pull.CreatedAt), URL: pull.URL})
	}
	return listed, err
}
