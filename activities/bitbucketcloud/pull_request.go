package bitbucketcloud

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/portico-dev/portico/activities/internal/gitcommit"
	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/rest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// pullRequest is the action publish:bitbucketCloud:pull-request.
type pullRequest struct{ options Options }

// Describe lists the action with Backstage's schemas.
func (*pullRequest) Describe() action.Description {
	return action.Description{
		ID:            "publish:bitbucketCloud:pull-request",
		Description:   "Commits the files of the workspace to a new branch of a Bitbucket Cloud repository, and opens a pull request for it.",
		Examples:      pullRequestExamples,
		InputSchema:   schema("pull-request.input"),
		OutputSchema:  schema("pull-request.output"),
		UsesWorkspace: true,
		Undoes: "Declines the pull request, and deletes the branch if the step created it. A pull request that was merged or commented on is kept, and " +
			"so is a branch to which somebody else has pushed.",
		Needs: needsAccount("It may write to the repository and to its pull requests."),
		Differences: []string{
			"The branch is created at the commit at which the target branch was, not at the target branch by name.",
			"Files whose path contains `.git`, such as `.gitignore` and those of `.github`, are committed too. Backstage leaves them out.",
			"A configured `token` suffices, with or without a `username`. Backstage pushes with `appPassword` only.",
		},
	}
}

var pullRequestExamples = []action.Example{
	{
		Description: "Propose the files of the workspace",
		Example: `steps:
  - id: propose
    name: Open a pull request
    action: publish:bitbucketCloud:pull-request
    input:
      repoUrl: bitbucket.org?workspace=acme&project=WEB&repo=infrastructure
      title: Add the shop
      sourceBranch: add-shop
`,
	},
	{
		Description: "Propose them for a branch, with a description, which is the message of the commit too",
		Example: `steps:
  - id: propose
    name: Open a pull request
    action: publish:bitbucketCloud:pull-request
    input:
      repoUrl: ${{ parameters.repoUrl }}
      title: Add ${{ parameters.name }}
      description: Creates the database of ${{ parameters.name }}.
      sourceBranch: add-${{ parameters.name }}
      targetBranch: develop
`,
	},
}

// pullRequestInput is the input of publish:bitbucketCloud:pull-request.
type pullRequestInput struct {
	RepoURL        string  `json:"repoUrl"`
	Title          string  `json:"title"`
	Description    *string `json:"description"`
	TargetBranch   string  `json:"targetBranch"`
	SourceBranch   string  `json:"sourceBranch"`
	Token          string  `json:"token"`
	GitAuthorName  string  `json:"gitAuthorName"`
	GitAuthorEmail string  `json:"gitAuthorEmail"`
}

// message is that of the commit.
func (i pullRequestInput) message(configured string) string {
	if i.Description != nil {
		return *i.Description
	}
	return configured
}

// proposal is one execution of publish:bitbucketCloud:pull-request.
type proposal struct {
	*connection

	call   *action.Call
	input  pullRequestInput
	target string
}

// prepare reads the input, and finds the target branch. It changes nothing.
func (p *pullRequest) prepare(ctx context.Context, call *action.Call) (*proposal, error) {
	var input pullRequestInput
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	if err := gitpush.CheckBranch("sourceBranch", input.SourceBranch); err != nil {
		return nil, err
	}
	if input.TargetBranch != "" {
		if err := gitpush.CheckBranch("targetBranch", input.TargetBranch); err != nil {
			return nil, err
		}
	}
	c, _, err := p.options.connectTo(call, input.RepoURL, input.Token)
	if err != nil {
		return nil, err
	}
	proposed := &proposal{connection: c, call: call, input: input, target: input.TargetBranch}
	if proposed.target == "" {
		proposed.target, err = c.defaultBranch(ctx)
	}
	return proposed, err
}

func (c *connection) defaultBranch(ctx context.Context) (string, error) {
	one, err := c.lookUp(ctx, c.Repo)
	if err != nil {
		return "", err
	}
	if one == nil || one.MainBranch.Name == "" {
		return "", action.Advise(fault.New(fault.NotFound, "Could not fetch default branch for %s", c.fullName()),
			"Check that the repository is there, has a commit and can be read by the account, then retry.")
	}
	return one.MainBranch.Name, nil
}

// Run commits to a new branch, and opens the pull request. A branch that is there already is proposed as it is.
func (p *pullRequest) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	proposed, err := p.propose(ctx, call)
	if err != nil {
		return nil, err
	}
	opened, err := proposed.Run(ctx, call)
	if err != nil {
		return nil, err
	}
	return action.Output{"pullRequestUrl": opened.Links.Self.Href}, nil
}

// propose finds out what Run has to do. It changes nothing.
func (p *pullRequest) propose(ctx context.Context, call *action.Call) (*gitcommit.Proposal[*opened], error) {
	proposed, err := p.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	landing, err := proposed.landing(ctx, p.options)
	if err != nil {
		return nil, err
	}
	return &gitcommit.Proposal[*opened]{Commit: landing, Message: proposed.input.message(p.options.CommitMessage), Request: proposed.spec}, nil
}

// branchKind is the kind of effect that a created branch is.
const branchKind = "bitbucketCloud:branch"

// branchRecord is what the ledger keeps about a branch.
type branchRecord struct {
	place
	gitcommit.Record
}

// landing is the commit of the step, nil when the source branch is somebody else's.
func (p *proposal) landing(ctx context.Context, options Options) (*gitcommit.Landing, error) {
	at, err := gitcommit.At(ctx, p.remote(), p.input.SourceBranch, p.target)
	if err != nil {
		return nil, err
	}
	record := branchRecord{place: p.place, Record: at}
	key := resource.KeyOf(p.call, branchKind, record.name())
	if record, err = resource.Remembered(ctx, p.call, key, record); err != nil || !record.Created {
		return nil, err
	}
	if record.Base == "" {
		return nil, action.InputError("targetBranch %q is not a branch of %s", p.target, p.fullName())
	}
	author := gitpush.Author{Name: p.input.GitAuthorName, Email: p.input.GitAuthorEmail}.Or(options.Author)
	landing := p.landingOf(record, author)
	landing.Begin = func(ctx context.Context) error {
		p.call.Log.Info("source branch not found -> creating branch named: %s", record.Branch)
		return p.createBranch(ctx, record)
	}
	return &landing, nil
}

func (r branchRecord) name() string { return r.fullName() + ": " + r.Branch }

func (c *connection) landingOf(record branchRecord, author gitpush.Author) gitcommit.Landing {
	return gitcommit.Landing{
		Remote: c.remote(), Record: record.Record, Kind: branchKind, Name: record.name(), Author: author,
		Data: func(complete gitcommit.Record) any {
			record.Record = complete
			return record
		},
	}
}

func (c *connection) createBranch(ctx context.Context, record branchRecord) error {
	body := map[string]any{"name": record.Branch, "target": map[string]string{"hash": record.Base}}
	err := c.Send(ctx, "creating the branch "+record.Branch, http.MethodPost, c.path(nil, "refs", "branches"), body, nil)
	if rest.IsStatus(err, http.StatusBadRequest) && strings.Contains(err.Error(), "already exists") {
		return resource.Exists(err)
	}
	return hostapi.InWords(err, "Unable to create branch")
}

// Plan says what Run would create.
func (p *pullRequest) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	proposed, err := p.propose(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	return proposed.Plan(ctx)
}

// Undo declines the pull request, or deletes the branch.
func (p *pullRequest) Undo(ctx context.Context, call *action.UndoCall) error {
	if call.Effect.Kind == branchKind {
		connect := func(record branchRecord) (*connection, error) { return p.options.reconnect(record.place, call) }
		return resource.Undo(ctx, call, connect, func(c *connection, record branchRecord) resource.Spec[*gitcommit.Landed] {
			return c.landingOf(record, p.options.Author).Spec()
		})
	}
	connect := func(record pullRequestRecord) (*connection, error) { return p.options.reconnect(record.place, call) }
	return resource.Undo(ctx, call, connect, (*connection).pullRequests)
}

// pullRequestKind is the kind of effect that a pull request is.
const pullRequestKind = "bitbucketCloud:pull-request"

// pullRequestRecord is what the ledger keeps about a pull request.
type pullRequestRecord struct {
	place

	Source string `json:"source"`
	Target string `json:"target"`
	// After is the number of the newest pull request of the two branches before.
	After int `json:"after"`
}

func (r pullRequestRecord) name() string {
	return fmt.Sprintf("%s: %s into %s", r.fullName(), r.Source, r.Target)
}

// opened is a pull request as the API returns it.
type opened struct {
	ID           int       `json:"id"`
	State        string    `json:"state"`
	CreatedOn    time.Time `json:"created_on"`
	Author       user      `json:"author"`
	CommentCount int       `json:"comment_count"`
	Links        struct {
		Self link `json:"self"`
		HTML link `json:"html"`
	} `json:"links"`
}

// pullRequests describes a pull request to package resource.
func (c *connection) pullRequests(record pullRequestRecord) resource.Spec[*opened] {
	return resource.Spec[*opened]{
		Title:  fmt.Sprintf("the pull request of %s on %s", record.name(), c.Host),
		Intent: action.Intent{Kind: pullRequestKind, Name: record.name(), Data: record},
		Find: func(ctx context.Context, effect action.Effect) (*resource.Found[*opened], error) {
			return c.findPullRequest(ctx, record, effect)
		},
		Delete: func(ctx context.Context, one *opened) error {
			return c.Send(ctx, "declining the pull request of "+record.name(), http.MethodPost,
				c.path(nil, "pullrequests", strconv.Itoa(one.ID), "decline"), nil, nil)
		},
		Hidden: c.hiddenBecause,
		Used: func(_ context.Context, _ action.Effect, one *opened) (string, error) {
			switch {
			case one.State == "MERGED":
				return "it was merged", nil
			case one.CommentCount > 0:
				return "people have commented on it", nil
			}
			return "", nil
		},
	}
}

// findPullRequest finds the pull request of the effect: the one with its number, or one that was opened since by the
// same user. A declined one is gone.
func (c *connection) findPullRequest(ctx context.Context, record pullRequestRecord, effect action.Effect) (*resource.Found[*opened], error) {
	if effect.Fresh || effect.ID == "" {
		return nil, nil // nothing can have been opened for it
	}
	listed, err := c.listPullRequests(ctx, record)
	if err != nil {
		return nil, err
	}
	me, err := c.whoAmI(ctx)
	if err != nil {
		return nil, err
	}
	for _, one := range listed {
		number := strconv.Itoa(one.ID)
		if one.State == "DECLINED" || one.State == "SUPERSEDED" || effect.ExternalID != "" && effect.ExternalID != number {
			continue
		}
		if one.ID > record.After && me.isBy(one.Author) && resource.MadeSince(effect, one.CreatedOn) {
			return foundPullRequest(&one), nil
		}
	}
	return nil, nil
}

// foundPullRequest belongs to the effect: findPullRequest has left out the others.
func foundPullRequest(one *opened) *resource.Found[*opened] {
	return &resource.Found[*opened]{
		Thing: one, ID: strconv.Itoa(one.ID), URL: one.Links.HTML.Href, MadeFor: func(action.Effect) bool { return true },
	}
}

// listPullRequests lists the newest pull requests from one branch to another, the newest first.
func (c *connection) listPullRequests(ctx context.Context, record pullRequestRecord) ([]opened, error) {
	var found page[opened]
	query := url.Values{
		"q":     {where("source.branch.name", record.Source) + " AND " + where("destination.branch.name", record.Target)},
		"state": {"OPEN", "MERGED", "DECLINED", "SUPERSEDED"}, "sort": {"-id"}, "pagelen": {"50"},
	}
	err := c.Send(ctx, "listing the pull requests of "+c.fullName(), http.MethodGet, c.path(query, "pullrequests"), nil, &found)
	return found.Values, hostapi.Absent(err)
}

// spec describes the pull request to package resource, for creating it.
func (p *proposal) spec(ctx context.Context) (resource.Spec[*opened], error) {
	record := pullRequestRecord{place: p.place, Source: p.input.SourceBranch, Target: p.target}
	listed, err := p.listPullRequests(ctx, record)
	if err != nil {
		return resource.Spec[*opened]{}, err
	}
	for _, one := range listed {
		record.After = max(record.After, one.ID)
	}
	if record, err = resource.Remembered(ctx, p.call, resource.KeyOf(p.call, pullRequestKind, record.name()), record); err != nil {
		return resource.Spec[*opened]{}, err
	}
	spec := p.pullRequests(record)
	spec.Create = p.open
	return spec, nil
}

// open opens the pull request.
func (p *proposal) open(ctx context.Context, _ action.Effect) (*resource.Found[*opened], error) {
	branch := func(name string) map[string]any { return map[string]any{"branch": map[string]string{"name": name}} }
	summary := map[string]string{}
	if p.input.Description != nil {
		summary["raw"] = *p.input.Description
	}
	body := map[string]any{
		"title": p.input.Title, "summary": summary, "state": "OPEN", "source": branch(p.input.SourceBranch), "destination": branch(p.target),
	}
	one := &opened{}
	err := p.Send(ctx, "opening the pull request in "+p.fullName(), http.MethodPost, p.path(nil, "pullrequests"), body, one)
	if err != nil {
		return nil, hostapi.InWords(err, "Unable to create pull requests")
	}
	return foundPullRequest(one), nil
}
