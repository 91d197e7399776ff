package gitlab

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// repoPush is the action gitlab:repo:push.
type repoPush struct{ options Options }

// Describe lists the action with Backstage's schemas.
func (*repoPush) Describe() action.Description {
	return action.Description{
		ID:          "gitlab:repo:push",
		Description: "Commits files of the workspace to a branch of a GitLab project, which is created if it is not there.",
		Examples: []action.Example{
			{
				Description: "Commit the workspace to a new branch",
				Example: `steps:
  - id: push
    name: Push to GitLab
    action: gitlab:repo:push
    input:
      repoUrl: gitlab.com?owner=acme&repo=shop
      branchName: add-pipeline
      commitMessage: Add a pipeline
`,
			},
			{
				Description: "Change files of a directory on the default branch",
				Example: `steps:
  - id: push
    name: Push to GitLab
    action: gitlab:repo:push
    input:
      repoUrl: ${{ parameters.repoUrl }}
      branchName: main
      commitMessage: Change the manifests
      sourcePath: manifests
      targetPath: deploy
      commitAction: update
`,
			},
		},
		InputSchema:   schema("repo-push.input"),
		OutputSchema:  schema("repo-push.output"),
		UsesWorkspace: true,
		Undoes: "Deletes the branch if the step created it, otherwise reverts the commit by another one. Both stay if somebody has committed on " +
			"top of them.",
		Needs: needsToken("may push to the branch."),
		Differences: []string{
			"Where the branch is not there, `auto` compares with the branch that it is created from. Backstage takes every file for a new one.",
			"Without a change, there is no commit and no `commitHash`, unless `allowEmpty` is set.",
			"Symbolic links are left out with a warning, for GitLab's API takes none.",
		},
	}
}

// repoPushInput is the input of gitlab:repo:push.
type repoPushInput struct {
	credentials
	BranchName    string `json:"branchName"`
	CommitMessage string `json:"commitMessage"`
	SourcePath    string `json:"sourcePath"`
	TargetPath    string `json:"targetPath"`
	CommitAction  string `json:"commitAction"`
	AllowEmpty    bool   `json:"allowEmpty"`
}

// pushing is one execution of gitlab:repo:push.
type pushing struct {
	*connection

	call  *action.Call
	input repoPushInput
	pid   string
	files []gitpush.File
	// branch is where the commit goes, nil when it is created from from.
	branch *gitlab.Branch
	from   string
}

// pidOf is the project that a repoUrl names: by its number, or its path.
func pidOf(target integration.Repo) string {
	if target.Project != "" {
		return target.Project
	}
	return target.Owner + "/" + target.Repo
}

func (r *repoPush) prepare(ctx context.Context, call *action.Call) (*pushing, error) {
	input := repoPushInput{CommitAction: autoFile}
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	if err := gitpush.CheckBranch("branchName", input.BranchName); err != nil {
		return nil, err
	}
	target, err := r.options.target(input.RepoURL)
	if err != nil {
		return nil, err
	}
	connected, err := r.options.connect(target.Host, input.Token)
	if err != nil {
		return nil, err
	}
	p := &pushing{connection: connected, call: call, input: input, pid: pidOf(target)}
	if p.files, err = filesFrom(ctx, call, input.SourcePath); err != nil {
		return nil, err
	}
	if p.branch, err = p.connection.branch(ctx, p.pid, input.BranchName); err != nil || p.branch != nil {
		return p, err
	}
	p.from, err = p.defaultBranch(ctx, p.pid)
	return p, err
}

// change is what the step commits, seen from a branch.
func (p *pushing) change(ctx context.Context, branch string) (change, error) {
	made := change{message: p.input.CommitMessage}
	var there map[string]*gitlab.TreeNode
	if p.input.CommitAction == autoFile {
		var err error
		if there, err = p.tree(ctx, p.pid, branch, p.input.TargetPath); err != nil {
			return change{}, err
		}
	}
	made.files = changes(p.files, p.input.TargetPath, p.input.CommitAction, there)
	return made, nil
}

// branchRecord is the record of the branch that the step creates.
func (p *pushing) branchRecord() branchRecord {
	return branchRecord{
		place: p.place(p.input.Token, p.branch == nil), Project: p.pid, Branch: p.input.BranchName, From: p.from,
		Digest: digestOf(p.input.CommitMessage),
	}
}

// Run commits.
func (r *repoPush) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	p, err := r.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	record := p.branchRecord()
	before, err := resource.Earlier(ctx, call, resource.KeyOf(call, branchKind, record.name()))
	if err != nil {
		return nil, err
	}
	var hash string
	if p.branch == nil || before.ID != "" {
		hash, err = p.toNewBranch(ctx, record, before)
	} else {
		hash, err = p.toBranch(ctx)
	}
	if err != nil {
		return nil, err
	}
	output := action.Output{"projectid": p.pid, "projectPath": p.pid}
	if hash != "" {
		output["commitHash"] = hash
	}
	return output, nil
}

// toNewBranch commits to a branch that this step creates, or has created.
func (p *pushing) toNewBranch(ctx context.Context, record branchRecord, before action.Effect) (string, error) {
	if before.ID != "" {
		var err error
		if record, err = resource.RecordOf[branchRecord](before); err != nil {
			return "", err
		}
	}
	made, err := p.change(ctx, record.From)
	if err != nil {
		return "", err
	}
	spec := p.branches(record)
	found, _, err := resource.Ensure(ctx, p.call, spec)
	if err != nil {
		return "", err
	}
	if len(made.files) == 0 && p.input.AllowEmpty && len(found.own) == 0 {
		return p.emptyCommit(ctx, made)
	}
	return p.commitOnce(ctx, record, found, made)
}

func (p *pushing) emptyCommit(ctx context.Context, made change) (string, error) {
	made.files = []fileChange{}
	commit, err := p.commit(ctx, p.pid, p.input.BranchName, made)
	if err != nil {
		return "", err
	}
	return commit.ID, nil
}

// commitKind is the kind of effect that a commit on a branch of others is.
const commitKind = "gitlab:commit"

// commitRecord is what the ledger keeps about a commit.
type commitRecord struct {
	place
	Project string `json:"project"`
	Branch  string `json:"branch"`
	// Base is the newest commit of the branch before.
	Base   string `json:"base"`
	Digest string `json:"digest"`
}

func (r commitRecord) name() string { return "on " + r.Branch + " of " + r.Project }

// landed is a commit of a step, and what came on top of it.
type landed struct {
	hash string
	url  string
	// onTop are the commits since.
	onTop []*gitlab.Commit
}

// commits describes a commit to package resource.
func (c *connection) commits(record commitRecord) resource.Spec[*landed] {
	return resource.Spec[*landed]{
		Title:  fmt.Sprintf("the commit %s on %s", record.name(), c.host),
		Intent: action.Intent{Kind: commitKind, Name: record.name(), Data: record},
		Find: func(ctx context.Context, effect action.Effect) (*resource.Found[*landed], error) {
			return c.findCommit(ctx, record, effect, nil)
		},
		Delete: func(ctx context.Context, made *landed) error { return c.revert(ctx, record, made) },
		Hidden: func(ctx context.Context) (string, error) { return c.hiddenProject(ctx, record.Project) },
		Used: func(_ context.Context, _ action.Effect, made *landed) (string, error) {
			if len(made.onTop) > 0 {
				return "somebody has committed on top of it", nil
			}
			return "", nil
		},
	}
}

// findCommit looks among the commits since the intent for that of the effect, which holds wanted if that is
// given. One that was reverted is gone.
func (c *connection) findCommit(ctx context.Context, record commitRecord, effect action.Effect, wanted *change) (*resource.Found[*landed], error) {
	if record.Base == "" {
		return nil, nil
	}
	commits, _, err := c.since(ctx, record.Project, record.Base, record.Branch)
	if err != nil {
		return nil, err
	}
	for n, commit := range commits {
		if commit.ID != effect.ExternalID && !(effect.State == action.EffectIntended && isOurs(commit, effect, record.Digest)) {
			continue
		}
		if isReverted(commits[n+1:], commit.ID) {
			return nil, nil
		}
		if wanted != nil && effect.State == action.EffectIntended {
			if holds, err := c.holds(ctx, record.Project, commit.ID, *wanted); err != nil || !holds {
				return nil, err
			}
		}
		return foundCommit(&landed{hash: commit.ID, url: commit.WebURL, onTop: commits[n+1:]}), nil
	}
	return nil, nil
}

func foundCommit(made *landed) *resource.Found[*landed] {
	return &resource.Found[*landed]{
		Thing: made, ID: made.hash, URL: made.url, MadeFor: func(action.Effect) bool { return true }, // findCommit has checked that
	}
}

func isReverted(later []*gitlab.Commit, hash string) bool {
	for _, commit := range later {
		if strings.Contains(commit.Message, "This reverts commit "+hash) {
			return true
		}
	}
	return false
}

func (c *connection) revert(ctx context.Context, record commitRecord, made *landed) error {
	return c.ask(ctx, "reverting the commit "+record.name(), func(within gitlab.RequestOptionFunc) error {
		_, _, err := c.client.Commits.RevertCommit(record.Project, made.hash, &gitlab.RevertCommitOptions{Branch: &record.Branch}, within)
		return err
	})
}

// toBranch commits to a branch that was there.
func (p *pushing) toBranch(ctx context.Context) (string, error) {
	record := commitRecord{
		place: p.place(p.input.Token, false), Project: p.pid, Branch: p.input.BranchName, Digest: digestOf(p.input.CommitMessage),
	}
	if p.branch.Commit != nil {
		record.Base = p.branch.Commit.ID
	}
	spec, made, err := p.commitSpec(ctx, record)
	if err != nil || spec == nil {
		return "", err
	}
	spec.Create = func(ctx context.Context, _ action.Effect) (*resource.Found[*landed], error) {
		commit, err := p.commit(ctx, p.pid, record.Branch, made)
		if err != nil {
			return nil, err
		}
		return foundCommit(&landed{hash: commit.ID, url: commit.WebURL}), nil
	}
	landed, _, err := resource.Ensure(ctx, p.call, *spec)
	if err != nil {
		return "", err
	}
	return landed.hash, nil
}

// commitSpec describes the commit that the step makes, nil when there is nothing to commit. What an earlier
// attempt recorded counts: seen from its base, the files are to be changed.
func (p *pushing) commitSpec(ctx context.Context, record commitRecord) (*resource.Spec[*landed], change, error) {
	key := resource.KeyOf(p.call, commitKind, record.name())
	before, err := resource.Earlier(ctx, p.call, key)
	if err != nil {
		return nil, change{}, err
	}
	seenFrom := record.Branch
	if before.ID != "" {
		if record, err = resource.RecordOf[commitRecord](before); err != nil {
			return nil, change{}, err
		}
		seenFrom = record.Base
	}
	made, err := p.change(ctx, seenFrom)
	if err != nil || len(made.files) == 0 && !p.input.AllowEmpty {
		return nil, made, err
	}
	if made.files == nil {
		made.files = []fileChange{}
	}
	spec := p.commits(record)
	spec.Find = func(ctx context.Context, effect action.Effect) (*resource.Found[*landed], error) {
		return p.findCommit(ctx, record, effect, &made)
	}
	return &spec, made, nil
}

// Plan says what Run would create.
func (r *repoPush) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	p, err := r.prepare(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	if p.branch == nil {
		return resource.Plan(ctx, p.branches(p.branchRecord()), fmt.Sprintf("create the branch %s of %s on %s and commit to it",
			p.input.BranchName, p.pid, p.host))
	}
	made, err := p.change(ctx, p.input.BranchName)
	if err != nil {
		return action.Plan{}, err
	}
	if len(made.files) == 0 && !p.input.AllowEmpty {
		return action.Plan{Summary: fmt.Sprintf("leave the branch %s of %s on %s as it is: the files are the same", p.input.BranchName, p.pid, p.host)}, nil
	}
	name := commitRecord{Project: p.pid, Branch: p.input.BranchName}.name()
	return action.Plan{
		Summary: fmt.Sprintf("change %d files on the branch %s of %s on %s", len(made.files), p.input.BranchName, p.pid, p.host),
		Creates: []action.PlannedEffect{{Kind: commitKind, Name: name}},
	}, nil
}

// Undo deletes the branch, or reverts the commit.
func (r *repoPush) Undo(ctx context.Context, call *action.UndoCall) error {
	if call.Effect.Kind == branchKind {
		return r.options.undoBranch(ctx, call)
	}
	record, err := resource.RecordOf[commitRecord](call.Effect)
	if err != nil {
		return err
	}
	connected, err := r.options.reconnect(record.place, call)
	if err != nil {
		return err
	}
	err = resource.Remove(ctx, call, connected.commits(record))
	if isStatus(err, http.StatusBadRequest) {
		return &action.InUseError{Reason: fmt.Sprintf("The commit %s was left alone: GitLab cannot revert it. Revert it yourself if nobody needs it.", record.name())}
	}
	return err
}
