package azure

import (
	"context"
	"fmt"
	"os"

	"github.com/portico-dev/portico/activities/internal/gitcommit"
	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// push is the actions azure:repository:push and azure:repo:push.
type push struct {
	options Options
	id      string
	schema  string
}

// Describe lists the action with the published schema.
func (p *push) Describe() action.Description {
	return action.Description{
		ID:            p.id,
		Description:   "Commits the files of a cloned repository of Azure DevOps, and pushes the commit to a branch.",
		InputSchema:   schema(p.schema),
		UsesWorkspace: true,
		Examples:      pushExamples(p.id, p.schema == "push.input"),
		Undoes:        "Deletes the branch if the step created it, otherwise reverts the commit by another one. Both stay if somebody has committed on top of them.",
		Needs:         needsToken("Code (read and write)"),
		Differences: []string{
			"The commit goes on top of the one that was cloned, or of the branch's own where the branch exists. A branch that has moved on since is left " +
				"untouched and fails the step.",
			"Files that were deleted from the workspace stay in the repository, as in Backstage.",
			"Where the step has no message, it is `scaffolder.defaultCommitMessage`, else `Initial commit`.",
		},
	}
}

func pushExamples(id string, withRemote bool) []action.Example {
	remote := ""
	if withRemote {
		remote = "\n      remoteUrl: https://dev.azure.com/acme/web/_git/infrastructure"
	}
	return []action.Example{
		{
			Description: "Push what the steps since the clone have written to a new branch",
			Example: `steps:
  - id: push
    name: Push to a branch
    action: ` + id + `
    input:` + remote + `
      branch: add-${{ parameters.name }}
      sourcePath: ./infrastructure
      gitCommitMessage: Add ${{ parameters.name }}
`,
		},
		{
			Description: "Push to the main branch, as somebody",
			Example: `steps:
  - id: push
    name: Push
    action: ` + id + `
    input:` + remote + `
      branch: main
      gitAuthorName: Ann
      gitAuthorEmail: ann@example.com
`,
		},
	}
}

// pushInput is the input of azure:repository:push and azure:repo:push.
type pushInput struct {
	gitpush.Inputs

	RemoteURL  string `json:"remoteUrl"`
	Branch     string `json:"branch"`
	SourcePath string `json:"sourcePath"`
	Token      string `json:"token"`
}

// commitKind is the kind of effect that a commit is.
const commitKind = "azure:commit"

// commitRecord is what the ledger keeps about a commit.
type commitRecord struct {
	place
	gitcommit.Record

	Repo string `json:"repo"`
}

func (r commitRecord) name() string {
	return fmt.Sprintf("%s/%s/%s: %s", r.Organization, r.Project, r.Repo, r.Branch)
}

// pushing is one execution of a push.
type pushing struct {
	landing gitcommit.Landing
	input   pushInput
}

func (p *push) prepare(ctx context.Context, call *action.Call, source *os.Root) (*pushing, error) {
	input := pushInput{Branch: "scaffolder"}
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	if err := gitpush.CheckBranch("branch", input.Branch); err != nil {
		return nil, err
	}
	input.Inputs = input.Or(p.options.Author, p.options.CommitMessage, "Initial commit")
	origin, err := gitpush.OriginOf(source)
	if err != nil {
		return nil, err
	}
	if err := p.checkOrigin(input, origin); err != nil {
		return nil, err
	}
	c, repo, err := p.options.connectToRemote(call, origin.URL, input.Token)
	if err != nil {
		return nil, err
	}
	record := commitRecord{place: c.place, Repo: repo}
	if record.Record, err = gitcommit.At(ctx, c.remote(repo), input.Branch, origin.Branch); err != nil {
		return nil, err
	}
	if err := standOn(ctx, c.remote(repo), &record.Record, origin); err != nil {
		return nil, err
	}
	record, err = resource.Remembered(ctx, call, resource.KeyOf(call, commitKind, record.name()), record)
	return &pushing{landing: c.landing(record, input.Author()), input: input}, err
}

// standOn puts the commit on top of the one that was cloned, because the files are those of that one: on a new branch,
// and on the branch that was cloned. There, a newest commit with the same files does as well: a rollback left it.
func standOn(ctx context.Context, remote gitpush.Remote, record *gitcommit.Record, origin gitpush.Origin) error {
	if !record.Created && (record.Branch != origin.Branch || record.Base == origin.Commit) {
		return nil
	}
	if !record.Created {
		newest, hasSame, err := remote.HasFilesOf(ctx, record.Branch, origin.Commit)
		if err != nil || hasSame {
			record.Base = newest
			return err
		}
	}
	record.From, record.Base = origin.Branch, origin.Commit
	return nil
}

// checkOrigin makes sure that the repository of the step is the one that was cloned.
func (p *push) checkOrigin(input pushInput, origin gitpush.Origin) error {
	if input.RemoteURL == "" {
		return nil
	}
	wanted, wantedRepo, err := p.options.placeOf(input.RemoteURL)
	if err != nil {
		return err
	}
	cloned, clonedRepo, err := p.options.placeOf(origin.URL)
	if err != nil {
		return err
	}
	if wanted != cloned || wantedRepo != clonedRepo {
		return action.InputError("The directory was cloned from %s, not from remoteUrl", origin.URL)
	}
	return nil
}

func (c *connection) landing(record commitRecord, author gitpush.Author) gitcommit.Landing {
	return gitcommit.Landing{
		Remote: c.remote(record.Repo), Record: record.Record, Kind: commitKind, Name: record.name(), Author: author,
		Data: func(complete gitcommit.Record) any {
			record.Record = complete
			return record
		},
	}
}

// Run commits and pushes.
func (p *push) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	source, err := p.open(call)
	if err != nil {
		return nil, err
	}
	defer source.Close()
	pushing, err := p.prepare(ctx, call, source)
	if err != nil {
		return nil, err
	}
	_, err = pushing.landing.Run(ctx, call, source, pushing.input.GitCommitMessage)
	return nil, err
}

func (p *push) open(call *action.Call) (*os.Root, error) {
	var input pushInput
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	return gitpush.OpenSource(call.Workspace, input.SourcePath)
}

// Plan says what Run would push. A plan that has no clone yet cannot say to where.
func (p *push) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	if call.Workspace == nil {
		return action.Plan{Summary: "push the files of the clone"}, nil
	}
	source, err := p.open(call)
	if err != nil {
		return action.Plan{}, err
	}
	defer source.Close()
	pushing, err := p.prepare(ctx, call, source)
	if err != nil {
		return action.Plan{}, err
	}
	return resource.Plan(ctx, pushing.landing.Spec(), "commit the files of the clone to "+pushing.landing.Name)
}

// Undo deletes the branch, or reverts the commit.
func (p *push) Undo(ctx context.Context, call *action.UndoCall) error {
	connect := func(record commitRecord) (*connection, error) { return p.options.reconnect(record.place, call) }
	return resource.Undo(ctx, call, connect, func(c *connection, record commitRecord) resource.Spec[*gitcommit.Landed] {
		return c.landing(record, p.options.Author).Spec()
	})
}
