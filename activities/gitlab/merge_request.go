package gitlab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// mergeRequest is the action publish:gitlab:merge-request.
type mergeRequest struct{ options Options }

// Describe lists the action with Backstage's schemas.
func (*mergeRequest) Describe() action.Description {
	return action.Description{
		ID:          "publish:gitlab:merge-request",
		Description: "Commits files of the workspace to a new branch of a GitLab project, and opens a merge request.",
		Examples: []action.Example{
			{
				Description: "Open a merge request with the files of the workspace",
				Example: `steps:
  - id: request
    name: Open a merge request
    action: publish:gitlab:merge-request
    input:
      repoUrl: gitlab.com?owner=acme&repo=infrastructure
      branchName: add-shop
      title: Add the shop
      description: Creates the database of the shop.
`,
			},
			{
				Description: "Put one directory below another, and ask people for a review",
				Example: `steps:
  - id: request
    name: Open a merge request
    action: publish:gitlab:merge-request
    input:
      repoUrl: ${{ parameters.repoUrl }}
      branchName: add-${{ parameters.name }}
      targetBranchName: main
      title: Add ${{ parameters.name }}
      sourcePath: manifests
      targetPath: services/${{ parameters.name }}
      assignee: ann
      reviewers: [ben]
      labels: [created]
      removeSourceBranch: true
`,
			},
		},
		InputSchema:   schema("merge-request.input"),
		OutputSchema:  schema("merge-request.output"),
		UsesWorkspace: true,
		Undoes: "Closes the merge request and deletes the branch, unless it was merged, people have commented on it, or somebody has pushed to " +
			"the branch.",
		Needs: needsToken("is a developer of the project."),
		Differences: []string{
			"The error for a branch that exists has its address. Backstage prints `undefined` where GitLab does not say it.",
			"Symbolic links are left out with a warning, for GitLab's API takes none.",
			"A file whose content is in the target branch already is left out of the commit.",
			"A project that is not found is named in the error.",
		},
	}
}

// mergeRequestInput is the input of publish:gitlab:merge-request.
type mergeRequestInput struct {
	credentials
	Title                            string          `json:"title"`
	Description                      *string         `json:"description"`
	BranchName                       string          `json:"branchName"`
	TargetBranchName                 string          `json:"targetBranchName"`
	SourcePath                       string          `json:"sourcePath"`
	TargetPath                       string          `json:"targetPath"`
	CommitAction                     string          `json:"commitAction"`
	ProjectID                        string          `json:"projectid"`
	RemoveSourceBranch               bool            `json:"removeSourceBranch"`
	Assignee                         string          `json:"assignee"`
	Reviewers                        []string        `json:"reviewers"`
	AssignReviewersFromApprovalRules bool            `json:"assignReviewersFromApprovalRules"`
	Labels                           json.RawMessage `json:"labels"`
	AutoMerge                        bool            `json:"autoMerge"`
}

// proposal is one execution of publish:gitlab:merge-request.
type proposal struct {
	*connection

	call   *action.Call
	input  mergeRequestInput
	pid    string
	target string
	made   change
	// branch is the branch, nil when it is not there yet.
	branch *gitlab.Branch
}

func (m *mergeRequest) prepare(ctx context.Context, call *action.Call) (*proposal, error) {
	input := mergeRequestInput{CommitAction: autoFile}
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	if err := gitpush.CheckBranch("branchName", input.BranchName); err != nil {
		return nil, err
	}
	target, err := m.options.target(input.RepoURL)
	if err != nil {
		return nil, err
	}
	connected, err := m.options.connect(target.Host, input.Token)
	if err != nil {
		return nil, err
	}
	p := &proposal{connection: connected, call: call, input: input, pid: pidOf(target), target: input.TargetBranchName}
	if input.ProjectID != "" {
		call.Log.Warn(`Property "projectid" is deprecated and no longer to needed to create a MR`)
	}
	if p.target == "" {
		if p.target, err = p.defaultBranch(ctx, p.pid); err != nil {
			return nil, err
		}
	}
	if p.made, err = p.change(ctx); err != nil {
		return nil, err
	}
	p.branch, err = p.connection.branch(ctx, p.pid, input.BranchName)
	return p, err
}

// change is what the step commits. A targetPath also names the source where there is no sourcePath, as it did in
// old versions of Backstage.
func (p *proposal) change(ctx context.Context) (change, error) {
	made := change{message: p.input.Title}
	if p.input.CommitAction == skipFile {
		return made, nil
	}
	directory := p.input.SourcePath
	if directory == "" {
		directory = p.input.TargetPath
	}
	files, err := filesFrom(ctx, p.call, directory)
	if err != nil {
		return change{}, err
	}
	var there map[string]*gitlab.TreeNode
	if p.input.CommitAction == autoFile {
		if there, err = p.tree(ctx, p.pid, p.target, p.input.TargetPath); err != nil {
			return change{}, err
		}
	}
	made.files = changes(files, p.input.TargetPath, p.input.CommitAction, there)
	return made, nil
}

func (p *proposal) branchRecord() branchRecord {
	return branchRecord{
		place: p.place(p.input.Token, p.branch == nil), Project: p.pid, Branch: p.input.BranchName, From: p.target,
		Digest: p.made.digest(),
	}
}

// Run commits, and opens the merge request.
func (m *mergeRequest) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	p, err := m.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	if err := p.fillBranch(ctx); err != nil {
		return nil, err
	}
	spec, err := p.spec(ctx)
	if err != nil {
		return nil, err
	}
	opened, _, err := resource.Ensure(ctx, call, spec)
	if err != nil {
		return nil, inputFailure(err, "Merge request creation failed.")
	}
	if err := p.askApprovers(ctx, opened); err != nil {
		return nil, err
	}
	if err := p.mergeWhenReady(ctx, opened); err != nil {
		return nil, err
	}
	return action.Output{
		"projectid": p.pid, "projectPath": p.pid, "targetBranchName": p.target, "mergeRequestUrl": opened.WebURL,
	}, nil
}

// fillBranch creates the branch and commits to it. A branch that exists is refused, unless there is nothing to
// commit.
func (p *proposal) fillBranch(ctx context.Context) error {
	record := p.branchRecord()
	before, err := resource.Earlier(ctx, p.call, resource.KeyOf(p.call, branchKind, record.name()))
	switch {
	case err != nil:
		return err
	case before.ID != "":
		if record, err = resource.RecordOf[branchRecord](before); err != nil {
			return err
		}
	case p.branch != nil && len(p.made.files) == 0:
		p.call.Log.Info("Using existing branch %s without modification.", p.input.BranchName)
		return nil
	}
	found, _, err := resource.Ensure(ctx, p.call, p.branches(record))
	if errors.Is(err, resource.ErrTaken) {
		return p.explainTaken(ctx, err)
	}
	if err != nil {
		return err
	}
	_, err = p.commitOnce(ctx, record, found, p.made)
	return err
}

// explainTaken says where the branch is, and its merge request if it has one.
func (p *proposal) explainTaken(ctx context.Context, taken error) error {
	address := p.client.Page(p.pid + "/-/tree/" + p.input.BranchName)
	if p.branch != nil && p.branch.WebURL != "" {
		address = p.branch.WebURL
	}
	requests, err := p.mergeRequests(ctx, p.pid, &gitlab.ListProjectMergeRequestsOptions{SourceBranch: &p.input.BranchName})
	if err != nil {
		return err
	}
	text := "The branch creation failed because the branch already exists at: " + address
	if len(requests) > 0 {
		text += ". Additionally, there is a Merge Request for this branch: " + requests[0].WebURL
	}
	return action.Advise(action.InputError("%s%w", text, silent{taken}), "Start a new run with another branchName, or delete the branch and retry.")
}

// silent is a cause without a text.
type silent struct{ error }

func (silent) Error() string { return "" }

// Unwrap gives the cause to errors.Is.
func (s silent) Unwrap() error { return s.error }

func (c *connection) mergeRequests(ctx context.Context, pid string, options *gitlab.ListProjectMergeRequestsOptions) ([]*gitlab.BasicMergeRequest, error) {
	var found []*gitlab.BasicMergeRequest
	err := c.ask(ctx, "listing the merge requests of "+pid, func(within gitlab.RequestOptionFunc) (err error) {
		found, _, err = c.client.MergeRequests.ListProjectMergeRequests(pid, options, within)
		return absent(err)
	})
	return found, err
}

// mergeRequestKind is the kind of effect that a merge request is.
const mergeRequestKind = "gitlab:merge-request"

// mergeRequestRecord is what the ledger keeps about a merge request.
type mergeRequestRecord struct {
	place
	Project string `json:"project"`
	Source  string `json:"source"`
	Target  string `json:"target"`
	Digest  string `json:"digest"`
}

func (r mergeRequestRecord) name() string {
	return fmt.Sprintf("%s: %s into %s", r.Project, r.Source, r.Target)
}

// requests describes a merge request to package resource. GitLab allows one open one from a branch to another.
func (c *connection) requests(record mergeRequestRecord) resource.Spec[*gitlab.BasicMergeRequest] {
	return resource.Spec[*gitlab.BasicMergeRequest]{
		Title:  fmt.Sprintf("the merge request of %s on %s", record.name(), c.host),
		Intent: action.Intent{Kind: mergeRequestKind, Name: record.name(), Data: record},
		Find: func(ctx context.Context, effect action.Effect) (*resource.Found[*gitlab.BasicMergeRequest], error) {
			return c.findMergeRequest(ctx, record, effect)
		},
		Delete: func(ctx context.Context, opened *gitlab.BasicMergeRequest) error {
			return c.ask(ctx, "closing the merge request of "+record.name(), func(within gitlab.RequestOptionFunc) error {
				_, _, err := c.client.MergeRequests.UpdateMergeRequest(record.Project, opened.IID,
					&gitlab.UpdateMergeRequestOptions{StateEvent: new("close")}, within)
				return err
			})
		},
		Hidden: func(ctx context.Context) (string, error) { return c.hiddenProject(ctx, record.Project) },
		Used: func(ctx context.Context, effect action.Effect, opened *gitlab.BasicMergeRequest) (string, error) {
			return c.useOfMergeRequest(ctx, record, effect, opened)
		},
	}
}

// findMergeRequest finds the merge request of the effect, or the open one. A closed one is gone.
func (c *connection) findMergeRequest(ctx context.Context, record mergeRequestRecord, effect action.Effect) (*resource.Found[*gitlab.BasicMergeRequest], error) {
	listed, err := c.mergeRequests(ctx, record.Project, &gitlab.ListProjectMergeRequestsOptions{
		SourceBranch: &record.Source, TargetBranch: &record.Target,
	})
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(listed, func(one *gitlab.BasicMergeRequest) bool {
		return one.State == "opened" || one.State != "closed" && id(one.ID) == effect.ExternalID
	})
	if at < 0 {
		return nil, nil
	}
	me, err := c.whoAmI(ctx)
	if err != nil {
		return nil, err
	}
	return foundMergeRequest(listed[at], me), nil
}

func foundMergeRequest(opened *gitlab.BasicMergeRequest, me *gitlab.User) *resource.Found[*gitlab.BasicMergeRequest] {
	return &resource.Found[*gitlab.BasicMergeRequest]{
		Thing: opened, ID: id(opened.ID), URL: opened.WebURL,
		MadeFor: func(effect action.Effect) bool {
			return wasAbsent(effect) && opened.Author != nil && opened.Author.ID == me.ID && madeSince(effect, opened.CreatedAt)
		},
	}
}

func (c *connection) useOfMergeRequest(ctx context.Context, record mergeRequestRecord, effect action.Effect, opened *gitlab.BasicMergeRequest) (string, error) {
	switch {
	case opened.State == "merged":
		return "it was merged", nil
	case opened.UserNotesCount > 0:
		return "people have commented on it", nil
	}
	commits, _, err := c.since(ctx, record.Project, record.Target, record.Source)
	if err != nil {
		return "", err
	}
	for _, commit := range commits {
		if record.Digest != "" && !isOurs(commit, effect, record.Digest) {
			return "somebody has pushed to its branch", nil
		}
	}
	return "", nil
}

// spec describes the merge request to package resource, for creating it.
func (p *proposal) spec(ctx context.Context) (resource.Spec[*gitlab.BasicMergeRequest], error) {
	record := mergeRequestRecord{Project: p.pid, Source: p.input.BranchName, Target: p.target}
	if len(p.made.files) > 0 {
		record.Digest = p.made.digest()
	}
	open, err := p.mergeRequests(ctx, p.pid, &gitlab.ListProjectMergeRequestsOptions{
		SourceBranch: &record.Source, TargetBranch: &record.Target, State: new("opened"),
	})
	if err != nil {
		return resource.Spec[*gitlab.BasicMergeRequest]{}, err
	}
	record.place = p.place(p.input.Token, len(open) == 0)
	if record, err = resource.Remembered(ctx, p.call, resource.KeyOf(p.call, mergeRequestKind, record.name()), record); err != nil {
		return resource.Spec[*gitlab.BasicMergeRequest]{}, err
	}
	spec := p.requests(record)
	spec.Create = p.open
	return spec, nil
}

// open opens the merge request.
func (p *proposal) open(ctx context.Context, _ action.Effect) (*resource.Found[*gitlab.BasicMergeRequest], error) {
	body := map[string]any{
		"source_branch": p.input.BranchName, "target_branch": p.target, "title": p.input.Title,
		"remove_source_branch": p.input.RemoveSourceBranch,
	}
	if p.input.Description != nil {
		body["description"] = *p.input.Description
	}
	if len(p.input.Labels) > 0 {
		body["labels"] = p.input.Labels
	}
	if p.input.Assignee != "" {
		found, err := p.usersNamed(ctx, []string{p.input.Assignee}, "an assignee")
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			body["assignee_id"] = found[0]
		}
	}
	if p.input.Reviewers != nil {
		found, err := p.usersNamed(ctx, p.input.Reviewers, "this reviewer")
		if err != nil {
			return nil, err
		}
		body["reviewer_ids"] = found
	}
	var opened gitlab.BasicMergeRequest
	err := p.send(ctx, "opening the merge request in "+p.pid, http.MethodPost, path("projects", p.pid, "merge_requests"), body, &opened)
	switch {
	case saysTaken(err):
		return nil, resource.Exists(err)
	case err != nil:
		return nil, err
	}
	return foundMergeRequest(&opened, &gitlab.User{}), nil
}

// usersNamed are the numbers of users. One that is not there is left out with a warning, as in Backstage.
func (p *proposal) usersNamed(ctx context.Context, names []string, what string) ([]int64, error) {
	numbers := []int64{}
	for _, name := range names {
		user, err := p.findUser(ctx, name)
		if err != nil {
			return nil, err
		}
		if user == nil {
			p.call.Log.Warn("Failed to find gitlab user id for %s. Proceeding with MR creation without %s.", name, what)
			continue
		}
		numbers = append(numbers, user.ID)
	}
	return numbers, nil
}

const (
	// preparing is how long GitLab may take to prepare a merge request, and preparingStep how often it is asked.
	preparing     = time.Minute
	preparingStep = time.Second
)

// prepared waits until GitLab has worked out the merge request's state, which it does after it was opened. After
// a while it goes on with what there is.
func (p *proposal) prepared(ctx context.Context, opened *gitlab.BasicMergeRequest) (*gitlab.MergeRequest, error) {
	until := time.NewTimer(preparing)
	defer until.Stop()
	for {
		var current *gitlab.MergeRequest
		err := p.ask(ctx, "looking at the merge request of "+p.pid, func(within gitlab.RequestOptionFunc) (err error) {
			current, _, err = p.client.MergeRequests.GetMergeRequest(p.pid, opened.IID, nil, within)
			return err
		})
		if err != nil || !slices.Contains([]string{"preparing", "approvals_syncing", "checking", "unchecked"}, current.DetailedMergeStatus) {
			return current, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-until.C:
			return current, nil
		case <-time.After(preparingStep):
		}
	}
}

// askApprovers adds the people whom the approval rules name to the reviewers. They are known only after the merge
// request was opened.
func (p *proposal) askApprovers(ctx context.Context, opened *gitlab.BasicMergeRequest) error {
	if !p.input.AssignReviewersFromApprovalRules {
		return nil
	}
	current, err := p.prepared(ctx, opened)
	if err != nil {
		return err
	}
	var rules []*gitlab.MergeRequestApprovalRule
	err = p.ask(ctx, "listing the approval rules of the merge request", func(within gitlab.RequestOptionFunc) (err error) {
		rules, _, err = p.client.MergeRequestApprovals.GetApprovalRules(p.pid, opened.IID, within)
		return err
	})
	if isAnswer(err) && !action.IsTransient(err) {
		p.call.Log.Warn("Failed to retrieve approval rules for MR %d: %s. Proceeding with MR creation without reviewers from approval rules.",
			opened.IID, err)
		return nil
	}
	if err != nil {
		return err
	}
	wanted := []int64{}
	for _, one := range current.Reviewers {
		wanted = append(wanted, one.ID)
	}
	there := len(wanted)
	for _, rule := range rules {
		for _, approver := range rule.EligibleApprovers {
			if !slices.Contains(wanted, approver.ID) {
				wanted = append(wanted, approver.ID)
			}
		}
	}
	if len(wanted) == there {
		return nil
	}
	return p.send(ctx, "adding reviewers to the merge request of "+p.pid, http.MethodPut,
		path("projects", p.pid, "merge_requests", id(opened.IID)), map[string]any{"reviewer_ids": wanted}, nil)
}

// mergeWhenReady lets GitLab merge when all its checks succeed.
func (p *proposal) mergeWhenReady(ctx context.Context, opened *gitlab.BasicMergeRequest) error {
	if !p.input.AutoMerge {
		return nil
	}
	current, err := p.prepared(ctx, opened)
	if err != nil {
		return err
	}
	if current.MergeWhenPipelineSucceeds || current.State == "merged" {
		return nil
	}
	err = p.ask(ctx, "setting the merge request of "+p.pid+" to be merged by GitLab", func(within gitlab.RequestOptionFunc) error {
		_, _, err := p.client.MergeRequests.AcceptMergeRequest(p.pid, opened.IID, &gitlab.AcceptMergeRequestOptions{AutoMerge: new(true)}, within)
		return err
	})
	if isStatus(err, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusConflict, http.StatusUnprocessableEntity) {
		return action.Advise(action.InputError("GitLab does not merge the merge request of %s by itself: its state is %q.", p.pid, current.DetailedMergeStatus),
			"Merge it yourself, or make it mergeable and retry.")
	}
	return err
}

// Plan says what Run would create.
func (m *mergeRequest) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	p, err := m.prepare(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	var plan action.Plan
	if p.branch == nil || len(p.made.files) > 0 {
		plan, err = resource.Plan(ctx, p.branches(p.branchRecord()), "")
		if errors.Is(err, resource.ErrTaken) {
			return action.Plan{}, p.explainTaken(ctx, err)
		}
		if err != nil {
			return action.Plan{}, err
		}
	}
	spec, err := p.spec(ctx)
	if err != nil {
		return action.Plan{}, err
	}
	request, err := resource.Plan(ctx, spec, "")
	if err != nil {
		return action.Plan{}, err
	}
	plan.Creates = append(plan.Creates, request.Creates...)
	plan.Summary = fmt.Sprintf("commit %d files to the branch %s of %s on %s and open a merge request into %s", len(p.made.files),
		p.input.BranchName, p.pid, p.host, p.target)
	return plan, nil
}

// Undo closes the merge request, or deletes the branch.
func (m *mergeRequest) Undo(ctx context.Context, call *action.UndoCall) error {
	if call.Effect.Kind == branchKind {
		return m.options.undoBranch(ctx, call)
	}
	record, err := resource.RecordOf[mergeRequestRecord](call.Effect)
	if err != nil {
		return err
	}
	connected, err := m.options.reconnect(record.place, call)
	if err != nil {
		return err
	}
	return resource.Remove(ctx, call, connected.requests(record))
}
