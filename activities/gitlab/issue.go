package gitlab

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// issue is the action gitlab:issues:create.
type issue struct{ options Options }

// Describe lists the action with Backstage's schemas.
func (*issue) Describe() action.Description {
	return action.Description{
		ID:          "gitlab:issues:create",
		Description: "Creates an issue in a GitLab project.",
		Examples: []action.Example{
			{
				Description: "Create an issue in the project that repoUrl names",
				Example: `steps:
  - id: issue
    name: Create an issue
    action: gitlab:issues:create
    input:
      repoUrl: gitlab.com?owner=acme&repo=shop
      title: Plan the first release
`,
			},
			{
				Description: "Create an incident with labels for a user",
				Example: `steps:
  - id: issue
    name: Create an incident
    action: gitlab:issues:create
    input:
      repoUrl: ${{ parameters.repoUrl }}
      projectId: acme/operations
      title: ${{ parameters.title }}
      description: ${{ parameters.description }}
      labels: urgent,shop
      assignees: [12]
      issueType: incident
      dueDate: "2030-03-01T00:00:00Z"
`,
			},
		},
		InputSchema:  schema("issue.input"),
		OutputSchema: schema("issue.output"),
		Undoes:       "Closes the issue, unless people have commented on it.",
		Needs:        needsToken("may create issues in the project."),
		Differences:  []string{"Without `createdAt`, the issue's time is that of the step's first attempt."},
	}
}

// issueInput is the input of gitlab:issues:create.
type issueInput struct {
	credentials
	ProjectID   projectID `json:"projectId"`
	Title       string    `json:"title"`
	Assignees   []int64   `json:"assignees"`
	Description string    `json:"description"`
	Labels      string    `json:"labels"`

	Confidential        bool   `json:"confidential"`
	CreatedAt           string `json:"createdAt"`
	DueDate             string `json:"dueDate"`
	DiscussionToResolve string `json:"discussionToResolve"`
	// The rest is sent as it is, if it is given.
	EpicID                             json.RawMessage `json:"epicId"`
	IssueType                          json.RawMessage `json:"issueType"`
	MergeRequestToResolveDiscussionsOf json.RawMessage `json:"mergeRequestToResolveDiscussionsOf"`
	MilestoneID                        json.RawMessage `json:"milestoneId"`
	Weight                             json.RawMessage `json:"weight"`
}

// body is the issue as GitLab takes it. A time without one in the input is that of the intent, so that every
// attempt asks for the same.
func (i issueInput) body(intended time.Time) map[string]any {
	body := map[string]any{
		"title": i.Title, "description": i.Description, "assignee_ids": append([]int64{}, i.Assignees...), "confidential": i.Confidential,
		"labels": i.Labels, "created_at": inMilliseconds(i.CreatedAt, intended), "discussion_to_resolve": i.DiscussionToResolve,
	}
	if i.DueDate != "" {
		body["due_date"] = inMilliseconds(i.DueDate, intended)
	}
	for name, value := range map[string]json.RawMessage{
		"epic_id": i.EpicID, "issue_type": i.IssueType, "merge_request_to_resolve_discussions_of": i.MergeRequestToResolveDiscussionsOf,
		"milestone_id": i.MilestoneID, "weight": i.Weight,
	} {
		if value != nil {
			body[name] = value
		}
	}
	return body
}

// inMilliseconds is a time of the input as Backstage sends it.
func inMilliseconds(given string, otherwise time.Time) string {
	when, err := time.Parse(time.RFC3339, given)
	if err != nil {
		when = otherwise
	}
	return when.UTC().Format("2006-01-02T15:04:05.000Z")
}

// issueKind is the kind of effect that an issue is.
const issueKind = "gitlab:issue"

// issueRecord is what the ledger keeps about an issue.
type issueRecord struct {
	place
	Project string `json:"project"`
	Title   string `json:"title"`
	// After is the number, within the project, of the newest issue of the token's user with this title before.
	After int64 `json:"after"`
}

func (r issueRecord) name() string { return fmt.Sprintf("%q of %s", r.Title, r.Project) }

// issues describes an issue to package resource.
func (c *connection) issues(record issueRecord) resource.Spec[*gitlab.Issue] {
	return resource.Spec[*gitlab.Issue]{
		Title:  fmt.Sprintf("the issue %s on %s", record.name(), c.host),
		Intent: action.Intent{Kind: issueKind, Name: record.name(), Data: record},
		Find: func(ctx context.Context, effect action.Effect) (*resource.Found[*gitlab.Issue], error) {
			return c.findIssue(ctx, record, effect)
		},
		Delete: func(ctx context.Context, opened *gitlab.Issue) error {
			return c.ask(ctx, "closing the issue "+record.name(), func(within gitlab.RequestOptionFunc) error {
				_, _, err := c.client.Issues.UpdateIssue(record.Project, opened.IID, &gitlab.UpdateIssueOptions{StateEvent: new("close")}, within)
				return err
			})
		},
		Hidden: func(ctx context.Context) (string, error) { return c.hiddenProject(ctx, record.Project) },
		Used: func(_ context.Context, _ action.Effect, opened *gitlab.Issue) (string, error) {
			if opened.UserNotesCount > 0 {
				return "people have commented on it", nil
			}
			return "", nil
		},
	}
}

// findIssue finds the issue of the effect. Titles are not unique: the run's is the one with the title that came
// after the intent.
func (c *connection) findIssue(ctx context.Context, record issueRecord, effect action.Effect) (*resource.Found[*gitlab.Issue], error) {
	if effect.Fresh || effect.ID == "" {
		return nil, nil // nothing can have been created for it
	}
	named, err := c.issuesTitled(ctx, record.Project, record.Title)
	if err != nil {
		return nil, err
	}
	for _, one := range named {
		if one.IID > record.After && (effect.ExternalID == "" || effect.ExternalID == id(one.ID)) {
			return foundIssue(one), nil
		}
	}
	return nil, nil
}

// foundIssue belongs to the effect: findIssue has left out the others.
func foundIssue(opened *gitlab.Issue) *resource.Found[*gitlab.Issue] {
	return &resource.Found[*gitlab.Issue]{
		Thing: opened, ID: id(opened.ID), URL: opened.WebURL, MadeFor: func(action.Effect) bool { return true },
	}
}

// issuesTitled lists the issues of the token's user with a title.
func (c *connection) issuesTitled(ctx context.Context, pid, title string) ([]*gitlab.Issue, error) {
	me, err := c.whoAmI(ctx)
	if err != nil {
		return nil, err
	}
	listed, err := all(ctx, c, "listing the issues of "+pid,
		func(page gitlab.ListOptions, within gitlab.RequestOptionFunc) ([]*gitlab.Issue, *gitlab.Response, error) {
			found, answer, err := c.client.Issues.ListProjectIssues(pid, &gitlab.ListProjectIssuesOptions{
				ListOptions: page, AuthorID: &me.ID, Search: &title, In: new("title"),
			}, within)
			return found, answer, absent(err)
		})
	var named []*gitlab.Issue
	for _, one := range listed {
		if one.Title == title {
			named = append(named, one)
		}
	}
	return named, err
}

func (i *issue) prepare(ctx context.Context, call *action.Call) (*connection, issueInput, resource.Spec[*gitlab.Issue], error) {
	var input issueInput
	var none resource.Spec[*gitlab.Issue]
	if err := call.Decode(&input); err != nil {
		return nil, input, none, err
	}
	if input.ProjectID == "" {
		target, err := i.options.target(input.RepoURL)
		if err != nil {
			return nil, input, none, err
		}
		input.ProjectID = projectID(pidOf(target))
	}
	connected, err := i.options.connectTo(input.credentials)
	if err != nil {
		return nil, input, none, err
	}
	record := issueRecord{place: connected.place(input.Token, true), Project: string(input.ProjectID), Title: input.Title}
	named, err := connected.issuesTitled(ctx, record.Project, record.Title)
	for _, one := range named {
		record.After = max(record.After, one.IID)
	}
	if err == nil {
		record, err = resource.Remembered(ctx, call, resource.KeyOf(call, issueKind, record.name()), record)
	}
	return connected, input, connected.issues(record), err
}

// Run creates the issue.
func (i *issue) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	connected, input, spec, err := i.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	spec.Create = func(ctx context.Context, effect action.Effect) (*resource.Found[*gitlab.Issue], error) {
		var created gitlab.Issue
		err := connected.send(ctx, "creating an issue of "+string(input.ProjectID), http.MethodPost,
			path("projects", string(input.ProjectID), "issues"), input.body(effect.IntendedAt), &created)
		if err != nil {
			return nil, err
		}
		return foundIssue(&created), nil
	}
	created, _, err := resource.Ensure(ctx, call, spec)
	if err != nil {
		return nil, err
	}
	return action.Output{"issueUrl": created.WebURL, "issueId": created.ID, "issueIid": created.IID}, nil
}

// Undo closes the issue.
func (i *issue) Undo(ctx context.Context, call *action.UndoCall) error {
	record, err := resource.RecordOf[issueRecord](call.Effect)
	if err != nil {
		return err
	}
	connected, err := i.options.reconnect(record.place, call)
	if err != nil {
		return err
	}
	spec := connected.issues(record)
	find := spec.Find
	spec.Find = func(ctx context.Context, effect action.Effect) (*resource.Found[*gitlab.Issue], error) {
		found, err := find(ctx, effect)
		if found != nil && found.Thing.State == "closed" {
			return nil, err
		}
		return found, err
	}
	return resource.Remove(ctx, call, spec)
}

// Plan says what Run would create.
func (i *issue) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	_, _, spec, err := i.prepare(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	return resource.Plan(ctx, spec, "create "+spec.Title)
}
