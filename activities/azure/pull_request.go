package azure

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// pullRequest is the actions azure:pr:create and azure:repo:pr.
type pullRequest struct {
	options Options
	id      string
	schema  string
}

// Describe lists the action with the published schema.
func (p *pullRequest) Describe() action.Description {
	return action.Description{
		ID:           p.id,
		Description:  "Opens a pull request in a repository of Azure DevOps.",
		InputSchema:  schema(p.schema + ".input"),
		OutputSchema: schema(p.schema + ".output"),
		Examples:     pullRequestExamples(p.id, map[string]string{"pull-request": "repoName", "repo-pull-request": "repoId"}[p.schema]),
		Undoes:       "Abandons the pull request, unless it was completed or people have commented on it.",
		Needs:        needsToken("Code (read and write), and Work Items (read and write) for `workItemId`"),
		Differences: []string{
			"A pull request of the same branches that is open already is left untouched and fails the step.",
			"`workItemId` is linked when the pull request is created, not by a change of the work item afterwards.",
		},
	}
}

func pullRequestExamples(id, repository string) []action.Example {
	return []action.Example{
		{
			Description: "Propose a branch",
			Example: `steps:
  - id: propose
    name: Open a pull request
    action: ` + id + `
    input:
      organization: acme
      project: web
      ` + repository + `: infrastructure
      sourceBranch: add-${{ parameters.name }}
      title: Add ${{ parameters.name }}
`,
		},
		{
			Description: "Propose it for another branch, and merge it as soon as the policies allow",
			Example: `steps:
  - id: propose
    name: Open a pull request
    action: ` + id + `
    input:
      organization: acme
      project: web
      ` + repository + `: infrastructure
      sourceBranch: add-shop
      targetBranch: develop
      title: Add the shop
      description: Creates the database of the shop.
      autoComplete: true
`,
		},
	}
}

// pullRequestInput is the input of azure:pr:create and azure:repo:pr.
type pullRequestInput struct {
	Server             string `json:"server"`
	Organization       string `json:"organization"`
	Project            string `json:"project"`
	RepoName           string `json:"repoName"`
	RepoID             string `json:"repoId"`
	SourceBranch       string `json:"sourceBranch"`
	TargetBranch       string `json:"targetBranch"`
	Title              string `json:"title"`
	Description        string `json:"description"`
	SupportsIterations *bool  `json:"supportsIterations"`
	AutoComplete       bool   `json:"autoComplete"`
	MergeStrategy      string `json:"mergeStrategy"`
	WorkItemID         string `json:"workItemId"`
	Token              string `json:"token"`
}

// pullRequestKind is the kind of effect that a pull request is.
const pullRequestKind = "azure:pull-request"

// pullRequestRecord is what the ledger keeps about a pull request.
type pullRequestRecord struct {
	place

	Repo   string `json:"repo"`
	Source string `json:"source"`
	Target string `json:"target"`
}

func (r pullRequestRecord) name() string {
	return fmt.Sprintf("%s/%s/%s: %s into %s", r.Organization, r.Project, r.Repo, r.Source, r.Target)
}

// opened is a pull request as the API returns it.
type opened struct {
	ID        int       `json:"pullRequestId"`
	Status    string    `json:"status"`
	Created   time.Time `json:"creationDate"`
	CreatedBy identity  `json:"createdBy"`
}

// pullPath is the API's path of a part of the pull requests of the record's repository.
func (c *connection) pullPath(record pullRequestRecord, query url.Values, segments ...string) string {
	return c.path(query, append([]string{"git", "repositories", record.Repo, "pullrequests"}, segments...)...)
}

// pullRequests describes a pull request to package resource. Azure DevOps allows one active one from a branch to
// another.
func (c *connection) pullRequests(record pullRequestRecord) resource.Spec[*opened] {
	return resource.Spec[*opened]{
		Title:  fmt.Sprintf("the pull request of %s on %s", record.name(), c.Host),
		Intent: action.Intent{Kind: pullRequestKind, Name: record.name(), Data: record},
		Find: func(ctx context.Context, effect action.Effect) (*resource.Found[*opened], error) {
			return c.findPullRequest(ctx, record, effect)
		},
		Delete: func(ctx context.Context, one *opened) error {
			return c.Send(ctx, "abandoning the pull request of "+record.name(), http.MethodPatch,
				c.pullPath(record, nil, strconv.Itoa(one.ID)), map[string]string{"status": "abandoned"}, nil)
		},
		Hidden: c.hiddenBecause,
		Used: func(ctx context.Context, _ action.Effect, one *opened) (string, error) {
			if one.Status == "completed" {
				return "it was completed", nil
			}
			return c.commentsOn(ctx, record, one)
		},
	}
}

// findPullRequest finds the pull request of the effect, or the active one. An abandoned one is gone.
func (c *connection) findPullRequest(ctx context.Context, record pullRequestRecord, effect action.Effect) (*resource.Found[*opened], error) {
	listed, err := c.listPullRequests(ctx, record)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(listed, func(one opened) bool {
		return one.Status == "active" || one.Status == "completed" && strconv.Itoa(one.ID) == effect.ExternalID
	})
	if at < 0 {
		return nil, nil
	}
	me, err := c.whoAmI(ctx)
	if err != nil {
		return nil, err
	}
	return foundPullRequest(&listed[at], me), nil
}

// foundPullRequest belongs to an effect whose record says that there was none before, if the token's user has opened it
// since.
func foundPullRequest(one *opened, me identity) *resource.Found[*opened] {
	return &resource.Found[*opened]{
		Thing: one, ID: strconv.Itoa(one.ID),
		MadeFor: func(effect action.Effect) bool {
			record, err := resource.RecordOf[pullRequestRecord](effect)
			return err == nil && record.Absent && one.CreatedBy.ID == me.ID && resource.MadeSince(effect, one.Created)
		},
	}
}

// listPullRequests lists the pull requests from one branch to another, the newest first.
func (c *connection) listPullRequests(ctx context.Context, record pullRequestRecord) ([]opened, error) {
	var found struct {
		Value []opened `json:"value"`
	}
	query := url.Values{
		"searchCriteria.status": {"all"}, "searchCriteria.sourceRefName": {heads + record.Source}, "searchCriteria.targetRefName": {heads + record.Target},
	}
	err := c.Send(ctx, "listing the pull requests of "+record.Repo, http.MethodGet, c.pullPath(record, query), nil, &found)
	return found.Value, hostapi.Absent(err)
}

const heads = "refs/heads/"

// commentsOn says whether people have commented on a pull request. The system comments on each.
func (c *connection) commentsOn(ctx context.Context, record pullRequestRecord, one *opened) (string, error) {
	var found struct {
		Value []struct {
			Comments []struct {
				Type string `json:"commentType"`
			} `json:"comments"`
		} `json:"value"`
	}
	err := c.Send(ctx, "listing the comments on the pull request of "+record.name(), http.MethodGet,
		c.pullPath(record, nil, strconv.Itoa(one.ID), "threads"), nil, &found)
	for _, thread := range found.Value {
		for _, comment := range thread.Comments {
			if comment.Type != "system" {
				return "people have commented on it", nil
			}
		}
	}
	return "", err
}

func (p *pullRequest) prepare(ctx context.Context, call *action.Call) (*connection, pullRequestInput, pullRequestRecord, error) {
	var none pullRequestRecord
	input := pullRequestInput{
		Server: publicHost, Organization: "not-empty", SourceBranch: "scaffolder", TargetBranch: "main", MergeStrategy: "rebaseMerge",
	}
	if err := call.Decode(&input); err != nil {
		return nil, input, none, err
	}
	if err := input.check(); err != nil {
		return nil, input, none, err
	}
	c, err := p.options.connect(call, place{Host: input.Server, Organization: input.Organization, Project: input.Project}, input.Token)
	if err != nil {
		return nil, input, none, err
	}
	record := pullRequestRecord{place: c.place, Repo: cmp.Or(input.RepoName, input.RepoID), Source: input.SourceBranch, Target: input.TargetBranch}
	listed, err := c.listPullRequests(ctx, record)
	if err != nil {
		return nil, input, none, err
	}
	record.Absent = !slices.ContainsFunc(listed, func(one opened) bool { return one.Status == "active" })
	record, err = resource.Remembered(ctx, call, resource.KeyOf(call, pullRequestKind, record.name()), record)
	return c, input, record, err
}

func (i pullRequestInput) check() error {
	if err := cmp.Or(gitpush.CheckBranch("sourceBranch", i.SourceBranch), gitpush.CheckBranch("targetBranch", i.TargetBranch)); err != nil {
		return err
	}
	if _, err := strconv.Atoi(cmp.Or(i.WorkItemID, "0")); err != nil {
		return action.InputError("If specified, Work Item ID must be a number")
	}
	if isNoName(cmp.Or(i.RepoName, i.RepoID)) {
		return action.InputError("%q is not a name or an id of a repository", cmp.Or(i.RepoName, i.RepoID))
	}
	return nil
}

// Run opens the pull request.
func (p *pullRequest) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	c, input, record, err := p.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	spec := c.pullRequests(record)
	spec.Create = func(ctx context.Context, _ action.Effect) (*resource.Found[*opened], error) {
		call.Log.Info("Creating PR to merge %s into %s", heads+input.SourceBranch, heads+input.TargetBranch)
		return c.open(ctx, record, input)
	}
	one, _, err := resource.Ensure(ctx, call, spec)
	if err != nil {
		return nil, err
	}
	if input.AutoComplete { // this cannot be set when the pull request is created
		call.Log.Info("Setting auto-complete on PR %d", one.ID)
		body := map[string]any{
			"autoCompleteSetBy": one.CreatedBy, "completionOptions": map[string]any{"deleteSourceBranch": true, "mergeStrategy": input.MergeStrategy},
		}
		path := c.pullPath(record, nil, strconv.Itoa(one.ID))
		if err := c.Send(ctx, "setting the auto-completion of the pull request", http.MethodPatch, path, body, nil); err != nil {
			return nil, err
		}
	}
	return action.Output{"pullRequestId": one.ID}, nil
}

func (c *connection) open(ctx context.Context, record pullRequestRecord, input pullRequestInput) (*resource.Found[*opened], error) {
	body := map[string]any{
		"sourceRefName": heads + input.SourceBranch, "targetRefName": heads + input.TargetBranch, "title": input.Title, "description": input.Description,
	}
	if input.WorkItemID != "" {
		body["workItemRefs"] = []map[string]string{{"id": input.WorkItemID}}
	}
	query := url.Values{}
	if input.SupportsIterations != nil {
		query.Set("supportsIterations", strconv.FormatBool(*input.SupportsIterations))
	}
	one := &opened{}
	err := c.Send(ctx, "opening the pull request of "+record.name(), http.MethodPost, c.pullPath(record, query), body, one)
	if rest.IsStatus(err, http.StatusConflict) {
		return nil, resource.Exists(err)
	}
	return foundPullRequest(one, identity{}), err
}

// Plan says what Run would open.
func (p *pullRequest) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	c, _, record, err := p.prepare(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	return resource.Plan(ctx, c.pullRequests(record), "open the pull request of "+record.name()+" on "+c.Host)
}

// Undo abandons the pull request.
func (p *pullRequest) Undo(ctx context.Context, call *action.UndoCall) error {
	connect := func(record pullRequestRecord) (*connection, error) { return p.options.reconnect(record.place, call) }
	return resource.Undo(ctx, call, connect, (*connection).pullRequests)
}
