package github

import (
	"context"
	_ "embed" // for the schemas
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

var (
	//go:embed schema/issues_create.input.json
	issuesCreateInputSchema []byte
	//go:embed schema/issues_create.output.json
	issuesCreateOutputSchema []byte
)

// issuesCreate is the action github:issues:create.
type issuesCreate struct{ options Options }

// Describe lists the action with Backstage's schemas.
func (*issuesCreate) Describe() action.Description {
	return action.Description{
		ID:             "github:issues:create",
		Description:    "Creates an issue on GitHub.",
		Examples:       issuesCreateExamples,
		InputSchema:    issuesCreateInputSchema,
		OutputSchema:   issuesCreateOutputSchema,
		SupportsDryRun: true,
		Undoes: "Closes the issue as not planned, because GitHub lets nobody delete one with a token. It stays open if somebody has commented " +
			"on it, changed it or closed it since.",
		Needs: []string{"An entry of `integrations.github` for the host, whose token or App has `issues: write`."},
		Differences: []string{
			"GitHub has no key that makes the request safe to repeat. An attempt after one that was cut off adopts an issue that has appeared " +
				"since with the same title and text.",
		},
	}
}

var issuesCreateExamples = []action.Example{
	{
		Description: "Open an issue",
		Example: `steps:
  - id: issue
    name: Open an issue
    action: github:issues:create
    input:
      repoUrl: ${{ parameters.repoUrl }}
      title: Say what ${{ parameters.name }} is for
`,
	},
	{
		Description: "Ask a team's repository for access, with labels and somebody who answers",
		Example: `steps:
  - id: request
    name: Ask for access
    action: github:issues:create
    input:
      repoUrl: github.com?owner=acme&repo=access
      title: Access for ${{ parameters.name }}
      body: |
        The service was created by ${{ user.ref }}.
      labels: [access]
      assignees: [octocat]
`,
	},
}

type issuesCreateInput struct {
	target

	Title     string          `json:"title"`
	Body      *string         `json:"body"`
	Assignees *[]string       `json:"assignees"`
	Milestone json.RawMessage `json:"milestone"`
	Labels    *[]string       `json:"labels"`
}

// issueRequest is the body of a request that creates an issue, as Backstage sends it. A milestone may be a
// number or text.
type issueRequest struct {
	Title     string          `json:"title"`
	Body      *string         `json:"body,omitempty"`
	Assignees *[]string       `json:"assignees,omitempty"`
	Milestone json.RawMessage `json:"milestone,omitempty"`
	Labels    *[]string       `json:"labels,omitempty"`
}

// wantedIssue finds an issue again. Texts may hold secrets, so their digests are kept.
type wantedIssue struct {
	Title string `json:"title"`
	Body  string `json:"body"`
}

func (w wantedIssue) matches(issue *github.Issue) bool {
	return digestOf(issue.GetTitle()) == w.Title && digestOf(issue.GetBody()) == w.Body
}

var mayWriteIssues = permissions{"metadata": "read", "issues": "write"}

// issueStep is one execution of github:issues:create.
type issueStep struct {
	*part[*github.Issue]

	input issuesCreateInput
}

func (a *issuesCreate) prepare(ctx context.Context, call *action.Call) (*issueStep, error) {
	var input issuesCreateInput
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	c, err := a.options.beginWithin(ctx, input.RepoURL, input.Token, mayWriteIssues)
	if err != nil {
		return nil, err
	}
	body := ""
	if input.Body != nil {
		body = *input.Body
	}
	p := c.issue(wantedIssue{Title: digestOf(input.Title), Body: digestOf(body)})
	p.name = "issue " + input.Title
	p.create = func(ctx context.Context) (*github.Issue, error) {
		request := issueRequest{Title: input.Title, Body: input.Body, Assignees: input.Assignees, Milestone: input.Milestone, Labels: input.Labels}
		created := &github.Issue{}
		err := c.send(ctx, "creating an issue of "+c.name(), http.MethodPost, "issues", request, created)
		return created, err
	}
	return &issueStep{part: p, input: input}, nil
}

// Run creates the issue. A dry run gives an address of the form that a real one has.
func (a *issuesCreate) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	step, err := a.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	title, at := step.input.Title, step.connection.target
	call.Log.Info("Creating issue %q on repo %s", title, at.Repo)
	if call.DryRun {
		call.Log.Info("Performing dry run of creating issue %q", title)
		call.Log.Info("Dry run complete")
		return action.Output{"issueUrl": fmt.Sprintf("https://github.com/%s/%s/issues/42", at.Owner, at.Repo), "issueNumber": 42}, nil
	}
	issue, err := step.ensure(ctx, call)
	if err != nil {
		return nil, err
	}
	if err := step.noteNumber(ctx, call, issue.GetNumber()); err != nil {
		return nil, err
	}
	call.Log.Info("Successfully created issue #%d: %s", issue.GetNumber(), issue.GetHTMLURL())
	return action.Output{"issueUrl": issue.GetHTMLURL(), "issueNumber": issue.GetNumber()}, nil
}

// Plan says which issue Run would create.
func (a *issuesCreate) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	step, err := a.prepare(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	return step.plan(ctx, fmt.Sprintf("open the issue %q of %s", step.input.Title, step.connection.name()))
}

// Undo closes the issue, unless somebody has used it.
func (a *issuesCreate) Undo(ctx context.Context, call *action.UndoCall) error {
	var wanted wantedIssue
	where, err := wantedOf(call.Effect, &wanted)
	if err != nil {
		return err
	}
	c, err := a.options.resume(ctx, call, where, mayWriteIssues)
	if err != nil {
		return err
	}
	p := c.issue(wanted)
	list := p.list
	p.list = func(ctx context.Context, effect action.Effect) ([]*github.Issue, error) {
		// What is closed needs no undoing.
		all, err := list(ctx, effect)
		return slices.DeleteFunc(all, func(issue *github.Issue) bool { return issue.GetState() == "closed" }), err
	}
	return p.undo(ctx, call)
}

func (c *connection) issue(wanted wantedIssue) *part[*github.Issue] {
	return &part[*github.Issue]{
		connection: c, kind: "github:issue", title: "the issue", wanted: wanted,
		list: func(ctx context.Context, effect action.Effect) ([]*github.Issue, error) {
			return c.listIssues(ctx, effect, wanted)
		},
		describe: func(issue *github.Issue) resource.Found[*github.Issue] {
			return resource.Found[*github.Issue]{ID: idOf(int64(issue.GetNumber())), URL: issue.GetHTMLURL()}
		},
		remove: func(ctx context.Context, issue *github.Issue) error {
			body := map[string]string{"state": "closed", "state_reason": "not_planned"}
			return gone(c.send(ctx, "closing an issue of "+c.name(), http.MethodPatch, fmt.Sprintf("issues/%d", issue.GetNumber()), body, nil))
		},
		used: func(_ context.Context, _ action.Effect, issue *github.Issue) (string, error) {
			switch {
			case issue.GetComments() > 0:
				return "it has comments", nil
			case !wanted.matches(issue):
				return "its title or its text was changed", nil
			}
			return "", nil
		},
	}
}

// listIssues lists the issue of the effect, or the newest ones with the wanted title and text.
func (c *connection) listIssues(ctx context.Context, effect action.Effect, wanted wantedIssue) ([]*github.Issue, error) {
	if effect.ExternalID != "" {
		issue := &github.Issue{}
		err := c.send(ctx, "looking for an issue of "+c.name(), http.MethodGet, "issues/"+effect.ExternalID, nil, issue)
		return []*github.Issue{issue}, err
	}
	var newest []*github.Issue
	err := c.ask(ctx, "listing the issues of "+c.name(), func(ctx context.Context) (err error) {
		options := &github.IssueListByRepoOptions{State: "all", ListOptions: github.ListOptions{PerPage: 100}}
		newest, _, err = c.client.Issues.ListByRepo(ctx, c.target.Owner, c.target.Repo, options)
		return err
	})
	matching := slices.DeleteFunc(newest, func(issue *github.Issue) bool { return issue.IsPullRequest() || !wanted.matches(issue) })
	slices.Reverse(matching)
	return matching, err
}
