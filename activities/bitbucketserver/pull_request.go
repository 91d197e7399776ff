package bitbucketserver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
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

// pullRequest is the action publish:bitbucketServer:pull-request.
type pullRequest struct{ options Options }

// Describe lists the action with Backstage's schemas.
func (*pullRequest) Describe() action.Description {
	return action.Description{
		ID:            "publish:bitbucketServer:pull-request",
		Description:   "Commits the files of the workspace to a new branch of a Bitbucket Server repository, and opens a pull request for it.",
		Examples:      pullRequestExamples,
		InputSchema:   schema("pull-request.input"),
		OutputSchema:  schema("pull-request.output"),
		UsesWorkspace: true,
		Undoes: "Declines the pull request, and deletes the branch if the step created it. A pull request that was merged or commented on is kept, and " +
			"so is a branch to which somebody else has pushed.",
		Needs: needsAccount("It may write to the repository."),
		Differences: []string{
			"A pull request of the same branches that is open already is left untouched and fails the step.",
			"The repository is pushed to where `apiBaseUrl` says, also where that is not at the root of the host.",
		},
	}
}

var pullRequestExamples = []action.Example{
	{
		Description: "Propose the files of the workspace",
		Example: `steps:
  - id: propose
    name: Open a pull request
    action: publish:bitbucketServer:pull-request
    input:
      repoUrl: bitbucket.example.com?project=WEB&repo=infrastructure
      title: Add the shop
      sourceBranch: add-shop
`,
	},
	{
		Description: "Propose them for a branch, and ask somebody for a review",
		Example: `steps:
  - id: propose
    name: Open a pull request
    action: publish:bitbucketServer:pull-request
    input:
      repoUrl: ${{ parameters.repoUrl }}
      title: Add ${{ parameters.name }}
      description: Creates the database of ${{ parameters.name }}.
      sourceBranch: add-${{ parameters.name }}
      targetBranch: develop
      reviewers: [ann]
`,
	},
}

// pullRequestInput is the input of publish:bitbucketServer:pull-request.
type pullRequestInput struct {
	RepoURL        string   `json:"repoUrl"`
	Title          string   `json:"title"`
	Description    *string  `json:"description"`
	TargetBranch   string   `json:"targetBranch"`
	SourceBranch   string   `json:"sourceBranch"`
	Reviewers      []string `json:"reviewers"`
	Token          string   `json:"token"`
	GitAuthorName  string   `json:"gitAuthorName"`
	GitAuthorEmail string   `json:"gitAuthorEmail"`
}

// message is that of the commit.
func (i pullRequestInput) message(configured string) string {
	if i.Description != nil {
		return *i.Description
	}
	return configured
}

// branch is a branch as the API returns it, and takes it for a pull request.
type branch struct {
	DisplayID    string `json:"displayId"`
	LatestCommit string `json:"latestCommit"`
	// whole is what the API has returned.
	whole json.RawMessage
}

// UnmarshalJSON keeps the whole branch.
func (b *branch) UnmarshalJSON(encoded []byte) error {
	type plain branch
	b.whole = slices.Clone(encoded)
	return json.Unmarshal(encoded, (*plain)(b))
}

// proposal is one execution of publish:bitbucketServer:pull-request.
type proposal struct {
	*connection

	call  *action.Call
	input pullRequestInput
	// target and source are the branches; source is nil when it is not there, or about to change.
	target, source *branch
}

// prepare reads the input, and finds the branches. It changes nothing.
func (p *pullRequest) prepare(ctx context.Context, call *action.Call) (*proposal, error) {
	var input pullRequestInput
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	if err := gitpush.CheckBranch("sourceBranch", input.SourceBranch); err != nil {
		return nil, err
	}
	c, err := p.options.connect(call, input.RepoURL, input.Token)
	if err != nil {
		return nil, err
	}
	if input.TargetBranch == "" {
		if input.TargetBranch, err = c.defaultBranch(ctx); err != nil {
			return nil, err
		}
	}
	proposed := &proposal{connection: c, call: call, input: input}
	if proposed.target, err = c.findBranch(ctx, input.TargetBranch); err != nil {
		return nil, err
	}
	if proposed.target == nil {
		return nil, action.InputError("Target branch '%s' not found in repository %s. Please ensure the branch exists before creating a pull request.",
			input.TargetBranch, c.fullName())
	}
	proposed.source, err = c.findBranch(ctx, input.SourceBranch)
	return proposed, err
}

func (c *connection) defaultBranch(ctx context.Context) (string, error) {
	var found branch
	err := c.Send(ctx, "looking for the default branch of "+c.fullName(), http.MethodGet, c.path(nil, "default-branch"), nil, &found)
	if err != nil || found.DisplayID != "" {
		return found.DisplayID, err
	}
	return "", action.Advise(fault.New(fault.NotFound, "Could not fetch default branch for %s", c.fullName()),
		"Check that the repository has a commit, then retry.")
}

// findBranch finds a branch, nil when there is none.
func (c *connection) findBranch(ctx context.Context, name string) (*branch, error) {
	var found page[branch]
	query := url.Values{"boostMatches": {"true"}, "filterText": {name}}
	err := c.Send(ctx, "looking for the branch "+name, http.MethodGet, c.path(query, "branches"), nil, &found)
	if err != nil {
		return nil, hostapi.InWords(err, "Unable to get branches")
	}
	at := slices.IndexFunc(found.Values, func(one branch) bool { return one.DisplayID == name })
	if at < 0 {
		return nil, nil
	}
	return &found.Values[at], nil
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
	return action.Output{"pullRequestUrl": first(opened.Links.Self)}, nil
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
const branchKind = "bitbucketServer:branch"

// branchRecord is what the ledger keeps about a branch.
type branchRecord struct {
	place
	gitcommit.Record
}

func (r branchRecord) name() string { return r.fullName() + ": " + r.Branch }

// landing is the commit of the step, nil when the source branch is somebody else's.
func (p *proposal) landing(ctx context.Context, options Options) (*gitcommit.Landing, error) {
	record := branchRecord{place: p.place, Record: gitcommit.Record{
		Branch: p.input.SourceBranch, From: p.input.TargetBranch, Base: p.target.LatestCommit, Created: p.source == nil,
	}}
	record, err := resource.Remembered(ctx, p.call, resource.KeyOf(p.call, branchKind, record.name()), record)
	if err != nil || !record.Created {
		return nil, err
	}
	landing := p.landingOf(record, gitpush.Author{Name: p.input.GitAuthorName, Email: p.input.GitAuthorEmail}.Or(options.Author))
	landing.Begin = func(ctx context.Context) error {
		p.call.Log.Info("source branch not found -> creating branch named: %s lastCommit: %s", record.Branch, record.Base)
		return p.createBranch(ctx, record)
	}
	p.source = nil // the commit changes it
	return &landing, nil
}

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
	body := map[string]any{"name": record.Branch, "startPoint": record.Base}
	err := c.Send(ctx, "creating the branch "+record.Branch, http.MethodPost, c.path(nil, "branches"), body, nil)
	if rest.IsStatus(err, http.StatusConflict) {
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
const pullRequestKind = "bitbucketServer:pull-request"

// pullRequestRecord is what the ledger keeps about a pull request.
type pullRequestRecord struct {
	place

	Source string `json:"source"`
	Target string `json:"target"`
	// Absent says that no pull request of these branches was open when the intent was recorded.
	Absent bool `json:"absent"`
}

func (r pullRequestRecord) name() string {
	return fmt.Sprintf("%s: %s into %s", r.fullName(), r.Source, r.Target)
}

// opened is a pull request as the API returns it.
type opened struct {
	ID      int    `json:"id"`
	Version int    `json:"version"`
	State   string `json:"state"`
	// CreatedDate is in milliseconds.
	CreatedDate int64 `json:"createdDate"`
	ToRef       struct {
		ID string `json:"id"`
	} `json:"toRef"`
	Properties struct {
		CommentCount int `json:"commentCount"`
	} `json:"properties"`
	Links struct {
		Self []link `json:"self"`
	} `json:"links"`
}

const heads = "refs/heads/"

// pullRequests describes a pull request to package resource. Bitbucket allows one open one from a branch to another.
func (c *connection) pullRequests(record pullRequestRecord) resource.Spec[*opened] {
	return resource.Spec[*opened]{
		Title:  fmt.Sprintf("the pull request of %s on %s", record.name(), c.Host),
		Intent: action.Intent{Kind: pullRequestKind, Name: record.name(), Data: record},
		Find: func(ctx context.Context, effect action.Effect) (*resource.Found[*opened], error) {
			return c.findPullRequest(ctx, record, effect)
		},
		Delete: func(ctx context.Context, one *opened) error {
			query := url.Values{"version": {strconv.Itoa(one.Version)}}
			return c.Send(ctx, "declining the pull request of "+record.name(), http.MethodPost,
				c.path(query, "pull-requests", strconv.Itoa(one.ID), "decline"), map[string]any{}, nil)
		},
		Hidden: c.hiddenBecause,
		Used: func(_ context.Context, _ action.Effect, one *opened) (string, error) {
			switch {
			case one.State == "MERGED":
				return "it was merged", nil
			case one.Properties.CommentCount > 0:
				return "people have commented on it", nil
			}
			return "", nil
		},
	}
}

// findPullRequest finds the pull request of the effect, or the open one. A declined one is gone.
func (c *connection) findPullRequest(ctx context.Context, record pullRequestRecord, effect action.Effect) (*resource.Found[*opened], error) {
	listed, err := c.listPullRequests(ctx, record)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(listed, func(one opened) bool {
		return one.State == "OPEN" || one.State == "MERGED" && strconv.Itoa(one.ID) == effect.ExternalID
	})
	if at < 0 {
		return nil, nil
	}
	return foundPullRequest(&listed[at]), nil
}

// foundPullRequest belongs to an effect whose record says that there was none before, if it is no older.
func foundPullRequest(one *opened) *resource.Found[*opened] {
	return &resource.Found[*opened]{
		Thing: one, ID: strconv.Itoa(one.ID), URL: first(one.Links.Self),
		MadeFor: func(effect action.Effect) bool {
			record, err := resource.RecordOf[pullRequestRecord](effect)
			return err == nil && record.Absent && resource.MadeSince(effect, time.UnixMilli(one.CreatedDate))
		},
	}
}

// listPullRequests lists the pull requests from one branch to another.
func (c *connection) listPullRequests(ctx context.Context, record pullRequestRecord) ([]opened, error) {
	var found page[opened]
	query := url.Values{"direction": {"OUTGOING"}, "at": {heads + record.Source}, "state": {"ALL"}, "limit": {"100"}}
	err := c.Send(ctx, "listing the pull requests of "+c.fullName(), http.MethodGet, c.path(query, "pull-requests"), nil, &found)
	return slices.DeleteFunc(found.Values, func(one opened) bool { return one.ToRef.ID != heads+record.Target }), hostapi.Absent(err)
}

// spec describes the pull request to package resource, for creating it.
func (p *proposal) spec(ctx context.Context) (resource.Spec[*opened], error) {
	record := pullRequestRecord{place: p.place, Source: p.input.SourceBranch, Target: p.input.TargetBranch}
	listed, err := p.listPullRequests(ctx, record)
	if err != nil {
		return resource.Spec[*opened]{}, err
	}
	record.Absent = !slices.ContainsFunc(listed, func(one opened) bool { return one.State == "OPEN" })
	if record, err = resource.Remembered(ctx, p.call, resource.KeyOf(p.call, pullRequestKind, record.name()), record); err != nil {
		return resource.Spec[*opened]{}, err
	}
	spec := p.pullRequests(record)
	spec.Create = p.open
	return spec, nil
}

// toPropose is the source branch with the step's commit, nil when the host does not show it yet.
func (p *proposal) toPropose(ctx context.Context) (*branch, error) {
	if p.source != nil {
		return p.source, nil
	}
	return p.findBranch(ctx, p.input.SourceBranch)
}

// open opens the pull request.
func (p *proposal) open(ctx context.Context, _ action.Effect) (*resource.Found[*opened], error) {
	source, err := p.toPropose(ctx)
	if err != nil {
		return nil, err
	}
	if source == nil {
		return nil, action.Transient(fmt.Errorf("opening the pull request in %s: the branch %s is not shown yet", p.fullName(), p.input.SourceBranch), 0)
	}
	body := map[string]any{
		"title": p.input.Title, "state": "OPEN", "open": true, "closed": false, "locked": true, "toRef": p.target.whole, "fromRef": source.whole,
	}
	if p.input.Description != nil {
		body["description"] = *p.input.Description
	}
	if p.input.Reviewers != nil {
		reviewers := []any{}
		for _, name := range p.input.Reviewers {
			reviewers = append(reviewers, map[string]any{"user": map[string]string{"name": name}})
		}
		body["reviewers"] = reviewers
	}
	one := &opened{}
	err = p.Send(ctx, "opening the pull request in "+p.fullName(), http.MethodPost, p.path(nil, "pull-requests"), body, one)
	switch {
	case rest.IsStatus(err, http.StatusConflict) && strings.Contains(err.Error(), "Only one pull request"):
		return nil, resource.Exists(err)
	case err != nil:
		return nil, hostapi.InWords(err, "Unable to create pull requests")
	}
	return foundPullRequest(one), nil
}
