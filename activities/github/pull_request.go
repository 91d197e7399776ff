package github

import (
	"cmp"
	"context"
	_ "embed" // for the schemas
	"fmt"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

var (
	//go:embed schema/pull-request.input.json
	pullRequestInputSchema []byte
	//go:embed schema/pull-request.output.json
	pullRequestOutputSchema []byte
)

// pullRequest is the action publish:github:pull-request. It makes a commit by the API, without a clone: blobs,
// a tree and the commit. These are not effects: nobody sees them, and GitHub deletes them, as long as no
// branch leads to them. The branch and the pull request are the effects.
type pullRequest struct{ options Options }

// Describe lists the action with Backstage's schemas.
func (*pullRequest) Describe() action.Description {
	return action.Description{
		ID:             "publish:github:pull-request",
		Description:    "Commits the files of the workspace to a new branch of a GitHub repository, and opens a pull request for it.",
		Examples:       pullRequestExamples,
		InputSchema:    pullRequestInputSchema,
		OutputSchema:   pullRequestOutputSchema,
		SupportsDryRun: true,
		UsesWorkspace:  true,
		Undoes: "Closes the pull request and deletes the branch, and a fork that was made for it. A merged pull request is kept, and so are both " +
			"when somebody else has pushed to the branch. What `update` changed gets its former commit, title and description again.",
		Needs: []string{"An entry of `integrations.github` for the host, whose token or App may write contents and pull requests of the repository, " +
			"and workflows where the files are under `.github/workflows`."},
		Differences: []string{
			"A branch that exists already fails the step before anything is written, unless `update` is set. Backstage's action writes the commit first, " +
				"and moves a branch without an open pull request to it.",
			"Symbolic links are committed as links. Backstage's action leaves out those whose target exists.",
			"A `sourcePath` that does not exist fails the step. Backstage's action opens an empty pull request.",
			"A file in `filesToDelete` that does not exist is named in a warning of the log.",
			"With `autoMerge`, GitHub merges the pull request when its checks and reviews allow it. Backstage's action refuses this input, which templates of modified actions carry.",
			"With more than 50 files, those that are text are sent with the tree, in fewer requests.",
		},
	}
}

var pullRequestExamples = []action.Example{
	{
		Description: "Propose the files of the workspace",
		Example: `steps:
  - id: propose
    name: Open a pull request
    action: publish:github:pull-request
    input:
      repoUrl: ${{ parameters.repoUrl }}
      branchName: add-${{ parameters.name }}
      title: Add ${{ parameters.name }}
      description: Created from the template for services.
`,
	},
	{
		Description: "Propose a directory of Terraform for an infrastructure repository, with people who look at it",
		Example: `steps:
  - id: propose
    name: Ask for a database
    action: publish:github:pull-request
    input:
      repoUrl: github.com?owner=acme&repo=infrastructure
      branchName: database-${{ parameters.name }}
      targetBranchName: develop
      title: Database for ${{ parameters.name }}
      description: ${{ parameters.reason }}
      sourcePath: ./terraform
      targetPath: databases/${{ parameters.name }}
      reviewers: [ann]
      teamReviewers: [platform]
      assignees: [joe]
`,
	},
	{
		Description: "Keep one pull request up to date, and remove a file by it",
		Example: `steps:
  - id: propose
    name: Update the pull request
    action: publish:github:pull-request
    input:
      repoUrl: github.com?owner=acme&repo=shop
      branchName: portico/settings
      title: Update the settings
      description: This replaces the former proposal.
      commitMessage: "chore: update the settings"
      update: true
      filesToDelete: [settings.old.yaml]
      createWhenEmpty: false
`,
	},
}

// pullRequestInput is the input of publish:github:pull-request.
type pullRequestInput struct {
	RepoURL             string   `json:"repoUrl"`
	BranchName          string   `json:"branchName"`
	TargetBranchName    string   `json:"targetBranchName"`
	Title               string   `json:"title"`
	Description         string   `json:"description"`
	Draft               bool     `json:"draft"`
	SourcePath          string   `json:"sourcePath"`
	TargetPath          string   `json:"targetPath"`
	Token               string   `json:"token"`
	Reviewers           []string `json:"reviewers"`
	TeamReviewers       []string `json:"teamReviewers"`
	Assignees           []string `json:"assignees"`
	CommitMessage       string   `json:"commitMessage"`
	Update              bool     `json:"update"`
	ForceFork           bool     `json:"forceFork"`
	GitAuthorName       string   `json:"gitAuthorName"`
	GitAuthorEmail      string   `json:"gitAuthorEmail"`
	ForceEmptyGitAuthor bool     `json:"forceEmptyGitAuthor"`
	// CreateWhenEmpty is true unless the template says otherwise.
	CreateWhenEmpty bool     `json:"createWhenEmpty"`
	AutoMerge       bool     `json:"autoMerge"`
	FilesToDelete   []string `json:"filesToDelete"`
}

// decode reads the input, fills in what the configuration says, and refuses what GitHub would misunderstand.
func (p *pullRequest) decode(call *action.Call) (pullRequestInput, error) {
	input := pullRequestInput{CreateWhenEmpty: true}
	if err := call.Decode(&input); err != nil {
		return input, err
	}
	if err := gitpush.CheckBranch("branchName", input.BranchName); err != nil {
		return input, err
	}
	if input.TargetBranchName != "" {
		if err := gitpush.CheckBranch("targetBranchName", input.TargetBranchName); err != nil {
			return input, err
		}
	}
	for _, deleted := range input.FilesToDelete {
		if _, err := input.within(deleted); err != nil {
			return input, err
		}
	}
	_, err := input.within("file")
	return input, err
}

// within is the path in the repository of a file below targetPath.
func (i pullRequestInput) within(name string) (string, error) {
	joined := path.Join(strings.TrimPrefix(i.TargetPath, "/"), name)
	if joined == "." || joined == ".." || strings.HasPrefix(joined, "../") || strings.HasPrefix(joined, "/") {
		return "", action.InputError("the path %q is not within the repository", joined)
	}
	return joined, nil
}

// author is who the commit is by, nil for the token's user.
func (p *pullRequest) author(input pullRequestInput) *Author {
	author := Author{Name: cmp.Or(input.GitAuthorName, p.options.Author.Name), Email: cmp.Or(input.GitAuthorEmail, p.options.Author.Email)}
	if input.ForceEmptyGitAuthor || author == (Author{}) {
		return nil
	}
	return &Author{Name: cmp.Or(author.Name, "Scaffolder"), Email: cmp.Or(author.Email, "scaffolder@backstage.io")}
}

// proposal is one execution of publish:github:pull-request.
type proposal struct {
	*connection

	call    *action.Call
	input   pullRequestInput
	changes *changes
	message string
	author  *Author
	// repository is the one that the pull request is for.
	repository *github.Repository
	// base is the branch that the pull request is for, and baseCommit its tip.
	base       string
	baseCommit *github.RepositoryCommit
	// head is the repository that gets the branch: the same one, or a fork of the token's user.
	head *connection
	// forker is the user whose fork is to get the branch, "" without a fork. fork is that which the user has
	// already, nil for none.
	forker string
	fork   *github.Repository
	// tree is the tree that was made for the commit, "" for none yet.
	tree string
	// commits are those that this run has made for the branch, and isUpdate says that the branch was there
	// before.
	commits  []string
	isUpdate bool
}

// Permissions of a GitHub App to open a pull request, and to look whether one could.
var (
	mayPropose  = permissions{"metadata": "read", "contents": "write", "pull_requests": "write"}
	mayLookOver = permissions{"metadata": "read", "contents": "read", "pull_requests": "read"}
)

// open reads the input and opens the directory of the files.
func (p *pullRequest) open(call *action.Call) (pullRequestInput, *os.Root, error) {
	input, err := p.decode(call)
	if err != nil {
		return input, nil, err
	}
	source, err := gitpush.OpenSource(call.Workspace, input.SourcePath)
	return input, source, err
}

// prepare lists the files and reads the repository. It changes nothing.
func (p *pullRequest) prepare(ctx context.Context, call *action.Call, source *os.Root, input pullRequestInput, needed permissions) (*proposal, error) {
	changed, err := collect(ctx, call.Log, source, input)
	if err != nil {
		return nil, err
	}
	if changed.hasWorkflow() && needed["contents"] == "write" {
		needed = needed.with("workflows", "write")
	}
	connected, err := p.options.beginWithin(ctx, input.RepoURL, input.Token, needed)
	if err != nil {
		return nil, err
	}
	made := &proposal{
		connection: connected, call: call, input: input, changes: changed, author: p.author(input),
		message: cmp.Or(input.CommitMessage, p.options.CommitMessage, input.Title),
	}
	if err := made.findBase(ctx); err != nil {
		return nil, err
	}
	return made, nil
}

// findBase reads the repository, and the tip of the branch that the pull request is for.
func (p *proposal) findBase(ctx context.Context) error {
	var repository *github.Repository
	isUser := false
	err := p.ask(ctx, "looking for the repository "+p.name(), func(ctx context.Context) error {
		found, answer, err := p.client.Repositories.Get(ctx, p.target.Owner, p.target.Repo)
		if err == nil {
			repository, isUser = found, answer.Header.Get("X-Oauth-Scopes") != ""
		}
		return err
	})
	if isStatus(err, http.StatusNotFound) {
		return action.Advise(fault.Wrap(fault.NotFound, err, "Pull request creation failed; caused by HttpError: Not Found"),
			"%s does not show the repository %s: check its name, and that the token may see it, then retry.", p.target.Host, p.name())
	}
	if err != nil {
		return err
	}
	p.repository = repository
	p.base = cmp.Or(p.input.TargetBranchName, repository.GetDefaultBranch())
	if p.base == p.input.BranchName && !p.input.ForceFork {
		return action.Advise(action.InputError("Pull request creation failed; caused by Error: [octokit-plugin-create-pull-request] "+
			`"head" cannot be the same value as "base"`), "The pull request would be from the branch %s to itself: choose another branchName.", p.base)
	}
	if err := p.findHead(ctx, repository, isUser); err != nil {
		return err
	}
	return p.findTip(ctx)
}

func (p *proposal) findTip(ctx context.Context) error {
	var tips []*github.RepositoryCommit
	err := p.ask(ctx, fmt.Sprintf("looking for the branch %s of %s", p.base, p.name()), func(ctx context.Context) (err error) {
		options := &github.CommitsListOptions{SHA: p.base, ListOptions: github.ListOptions{PerPage: 1}}
		tips, _, err = p.client.Repositories.ListCommits(ctx, p.target.Owner, p.target.Repo, options)
		return err
	})
	switch {
	case isStatus(err, http.StatusConflict):
		return action.Advise(err, "The repository has no commits yet: push to it first, by github:repo:push for example.")
	case err != nil:
		return err
	case len(tips) == 0:
		return fault.New(fault.NotFound, "The branch %s of %s has no commits.", p.base, p.name())
	}
	p.baseCommit = tips[0]
	return nil
}

// Run proposes the files. A retry finds the branch and the pull request of an earlier attempt.
func (p *pullRequest) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	if call.DryRun {
		return p.dryRun(call)
	}
	input, source, err := p.open(call)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	proposed, err := p.prepare(ctx, call, source, input, mayPropose)
	if err != nil {
		return nil, err
	}
	merged, err := proposed.mergedBefore(ctx)
	if err != nil {
		return nil, err
	}
	if merged != nil {
		return outputOf(merged), nil
	}
	if err := proposed.ensureFork(ctx); err != nil {
		return nil, err
	}
	if empty, err := proposed.isSkipped(ctx); err != nil || empty {
		return nil, err
	}
	if err := proposed.ensureBranch(ctx); err != nil {
		return nil, err
	}
	pull, err := proposed.ensurePull(ctx)
	if err != nil {
		return nil, err
	}
	if err := proposed.noteNumber(ctx, call, pull.GetNumber()); err != nil {
		return nil, err
	}
	if err := proposed.inform(ctx, pull.GetNumber()); err != nil {
		return nil, err
	}
	if err := proposed.mergeWhenReady(ctx, pull.GetNumber()); err != nil {
		return nil, err
	}
	return outputOf(pull), nil
}

func outputOf(pull *github.PullRequest) action.Output {
	return action.Output{
		"targetBranchName": pull.GetBase().GetRef(), "remoteUrl": pull.GetHTMLURL(), "pullRequestNumber": pull.GetNumber(),
	}
}

// dryRun answers what Backstage's action does, so that a template's later steps have the values they need.
func (p *pullRequest) dryRun(call *action.Call) (action.Output, error) {
	input, err := p.decode(call)
	if err != nil {
		return nil, err
	}
	call.Log.Info("Performing dry run of creating pull request")
	call.Log.Info("Dry run complete")
	return action.Output{"targetBranchName": input.BranchName, "remoteUrl": input.RepoURL, "pullRequestNumber": 43}, nil
}

// isSkipped reports whether there is nothing to propose, and the template wants no pull request then.
func (p *proposal) isSkipped(ctx context.Context) (bool, error) {
	if p.input.CreateWhenEmpty {
		return false, nil
	}
	tree, err := p.writeTree(ctx)
	if err != nil || tree != p.baseCommit.GetCommit().GetTree().GetSHA() {
		return false, err
	}
	p.call.Log.Info("No changes to commit, pull request was not created")
	return true, nil
}

// inform asks people to review the pull request and to take care of it. Where GitHub refuses that, the log has
// a warning and the step continues, as Backstage's action does.
func (p *proposal) inform(ctx context.Context, number int) error {
	if len(p.input.Reviewers)+len(p.input.TeamReviewers) > 0 {
		request := github.ReviewersRequest{Reviewers: p.input.Reviewers, TeamReviewers: distinct(p.input.TeamReviewers)}
		err := p.ask(ctx, fmt.Sprintf("asking for reviews of the pull request %d of %s", number, p.name()), func(ctx context.Context) error {
			_, _, err := p.client.PullRequests.RequestReviewers(ctx, p.target.Owner, p.target.Repo, number, request)
			return err
		})
		if err := optional(ctx, p.call.Log, err, "the reviewers of the pull request"); err != nil {
			return err
		}
	}
	if len(p.input.Assignees) == 0 {
		return nil
	}
	err := p.ask(ctx, fmt.Sprintf("assigning the pull request %d of %s", number, p.name()), func(ctx context.Context) error {
		_, _, err := p.client.Issues.AddAssignees(ctx, p.target.Owner, p.target.Repo, number, p.input.Assignees)
		return err
	})
	return optional(ctx, p.call.Log, err, "the assignees of the pull request")
}

// distinct is a list without repetitions, in its order.
func distinct(names []string) []string {
	var kept []string
	for _, name := range names {
		if !slices.Contains(kept, name) {
			kept = append(kept, name)
		}
	}
	return kept
}

// Plan checks what Run would do, and says it.
func (p *pullRequest) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	input, source, err := p.open(call)
	if err != nil {
		return action.Plan{}, err
	}
	defer source.Close()
	proposed, err := p.prepare(ctx, call, source, input, mayLookOver)
	if err != nil {
		return action.Plan{}, err
	}
	tip, err := proposed.look(ctx)
	if err != nil {
		return action.Plan{}, err
	}
	if tip != "" && !proposed.input.Update {
		return action.Plan{}, proposed.taken(ctx, fault.Wrap(fault.Conflict, resource.ErrTaken,
			"The branch %s of %s exists already.", input.BranchName, proposed.head.name()))
	}
	return proposed.plan(tip), nil
}

func (p *proposal) plan(tip string) action.Plan {
	verb := "open"
	if tip != "" {
		verb = "update"
	}
	planned := action.Plan{Summary: fmt.Sprintf("%s a pull request of %d files from the branch %s to %s of %s on %s",
		verb, len(p.changes.files)+len(p.changes.deleted), p.input.BranchName, p.base, p.name(), p.target.Host)}
	if p.forker != "" && p.fork == nil {
		planned.Creates = append(planned.Creates, action.PlannedEffect{Kind: forkKind, Name: p.forkIntent().Name})
	}
	for _, intent := range []action.Intent{p.branchIntent(branchRecord{}), p.pullIntent(pullRecord{})} {
		planned.Creates = append(planned.Creates, action.PlannedEffect{Kind: intent.Kind, Name: intent.Name})
	}
	return planned
}

// Undo closes the pull request, deletes the branch, or takes back what an update changed.
func (p *pullRequest) Undo(ctx context.Context, call *action.UndoCall) error {
	switch call.Effect.Kind {
	case pullKind:
		return p.undoPull(ctx, call)
	case branchKind:
		return p.undoBranch(ctx, call)
	case forkKind:
		return p.undoFork(ctx, call)
	default:
		return action.Final(fmt.Errorf("effect %s %q: this action makes no such thing", call.Effect.Kind, call.Effect.Name))
	}
}
