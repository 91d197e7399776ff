package gitlab

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// publish is the action publish:gitlab.
type publish struct{ options Options }

// Describe lists the action with Backstage's schemas.
func (*publish) Describe() action.Description {
	return action.Description{
		ID:            "publish:gitlab",
		Description:   "Creates a project on GitLab and pushes the workspace as its first commit.",
		Examples:      publishExamples,
		InputSchema:   schema("publish.input"),
		OutputSchema:  schema("publish.output"),
		UsesWorkspace: true,
		Undoes: "Deletes the project, unless somebody else has pushed to it, forked or moved it, or it has tags, issues or merge requests. " +
			"Where GitLab keeps deleted projects for some days, it is deleted for good at once if the token may do that.",
		Needs: needsToken("may create projects in the namespace."),
		Differences: []string{
			"A project that exists already is left untouched and fails the step, with a message that says so, unless `skipExisting` is set. " +
				"An attempt after a crash adopts the project of the attempt before.",
			"The commit message is `scaffolder.defaultCommitMessage` where the step has none. Backstage ignores that setting here.",
			"`signCommit` is refused: no key for signing can be configured.",
			"The workspace gets no directory `.git`.",
			"A default branch that GitLab has protected by itself counts as protected, and a member who is there counts as added.",
			"A branch is created from the default branch where it has no `ref`. Backstage takes `master`, also where there is none.",
			"`setUserAsOwner` fails where the integration has no token. Backstage leaves the step out in silence.",
			"A slash in the branch's name is escaped in `repoContentsUrl`.",
			"`description` and `protectDefaultBranch` have the effect that they have in `publish:github`. Backstage does not know them here.",
		},
	}
}

var publishExamples = []action.Example{
	{
		Description: "Publish the workspace to a new private project",
		Example: `steps:
  - id: publish
    name: Publish to GitLab
    action: publish:gitlab
    input:
      repoUrl: gitlab.com?owner=acme&repo=shop
      defaultBranch: main
`,
	},
	{
		Description: "Publish one directory, with settings, a branch for development and a variable for pipelines",
		Example: `steps:
  - id: publish
    name: Publish to GitLab
    action: publish:gitlab
    input:
      repoUrl: ${{ parameters.repoUrl }}
      defaultBranch: main
      sourcePath: service
      settings:
        description: The shop
        visibility: internal
        merge_method: ff
        topics: [shop, go]
      branches:
        - name: develop
          create: true
          protect: true
          ref: main
      projectVariables:
        - key: REGION
          value: eu-west-1
          protected: true
`,
	},
	{
		Description: "Take the project that is there, and publish only where there is none",
		Example: `steps:
  - id: publish
    name: Publish to GitLab
    action: publish:gitlab
    input:
      repoUrl: ${{ parameters.repoUrl }}
      skipExisting: true
`,
	},
}

// publishInput is the input of publish:gitlab.
type publishInput struct {
	credentials
	RepoVisibility   string          `json:"repoVisibility"`
	Description      string          `json:"description"`
	DefaultBranch    string          `json:"defaultBranch"`
	ProtectDefault   bool            `json:"protectDefaultBranch"`
	GitCommitMessage string          `json:"gitCommitMessage"`
	GitAuthorName    string          `json:"gitAuthorName"`
	GitAuthorEmail   string          `json:"gitAuthorEmail"`
	SignCommit       bool            `json:"signCommit"`
	SourcePath       sourcePath      `json:"sourcePath"`
	SkipExisting     bool            `json:"skipExisting"`
	SetUserAsOwner   bool            `json:"setUserAsOwner"`
	OwnerUsername    string          `json:"ownerUsername"`
	Topics           []string        `json:"topics"`
	Settings         map[string]any  `json:"settings"`
	Branches         []branchSetting `json:"branches"`
	ProjectVariables []variableBody  `json:"projectVariables"`
}

// branchSetting is a branch that is created or protected.
type branchSetting struct {
	Name    string `json:"name"`
	Protect bool   `json:"protect"`
	Create  bool   `json:"create"`
	Ref     string `json:"ref"`
}

// sourcePath is a directory of the workspace, or whether all of it is published.
type sourcePath struct {
	directory string
	nothing   bool
}

// UnmarshalJSON reads a text, or true or false.
func (s *sourcePath) UnmarshalJSON(encoded []byte) error {
	var all bool
	if json.Unmarshal(encoded, &all) == nil {
		s.nothing = !all
		return nil
	}
	return json.Unmarshal(encoded, &s.directory)
}

func (p *publish) decode(call *action.Call) (publishInput, error) {
	input := publishInput{RepoVisibility: "private", DefaultBranch: "master"}
	if err := call.Decode(&input); err != nil {
		return publishInput{}, err
	}
	if input.SignCommit {
		return publishInput{}, action.InputError("signCommit: Portico has no key to sign commits with. Leave signCommit out.")
	}
	for _, name := range append([]string{input.DefaultBranch}, input.branchNames()...) {
		if !gitpush.IsBranchName(name) {
			return publishInput{}, action.InputError("%q is not a name that Git takes for a branch", name)
		}
	}
	input.GitCommitMessage = cmp.Or(input.GitCommitMessage, p.options.CommitMessage, "initial commit")
	input.GitAuthorName = cmp.Or(input.GitAuthorName, p.options.Author.Name, "Scaffolder")
	input.GitAuthorEmail = cmp.Or(input.GitAuthorEmail, p.options.Author.Email, "scaffolder@backstage.io")
	return input, nil
}

func (i publishInput) branchNames() []string {
	var names []string
	for _, branch := range i.Branches {
		names = append(names, branch.Name)
	}
	return names
}

// publication is one execution of publish:gitlab.
type publication struct {
	*connection

	action    *publish
	call      *action.Call
	input     publishInput
	target    integration.Repo
	namespace *gitlab.Namespace
	effect    action.Effect
}

// prepare reads the input, and finds the namespace. It changes nothing.
func (p *publish) prepare(ctx context.Context, call *action.Call) (*publication, error) {
	input, err := p.decode(call)
	if err != nil {
		return nil, err
	}
	target, err := p.options.target(input.RepoURL)
	if err != nil {
		return nil, err
	}
	if err := target.Require("owner", "repo"); err != nil {
		return nil, action.InputError("Invalid repo URL passed to publisher: %s, %w", input.RepoURL, err)
	}
	connected, err := p.options.connect(target.Host, input.Token)
	if err != nil {
		return nil, err
	}
	publication := &publication{connection: connected, action: p, call: call, input: input, target: target}
	return publication, publication.findNamespace(ctx)
}

func (p *publication) findNamespace(ctx context.Context) error {
	err := p.ask(ctx, "looking for the namespace "+p.target.Owner, func(within gitlab.RequestOptionFunc) (err error) {
		p.namespace, _, err = p.client.Namespaces.GetNamespace(p.target.Owner, within)
		return err
	})
	if isStatus(err, http.StatusNotFound) {
		return action.Advise(action.InputError("The namespace %s is not found or the user doesn't have permissions to access it", p.target.Owner),
			"Create the group, or give the token's user a role in it, then retry.")
	}
	return err
}

// repository is the last part of the project's path.
func (p *publication) repository() string {
	if named, is := p.input.Settings["path"].(string); is && named != "" {
		return named
	}
	return p.target.Repo
}

// name is the project's path.
func (p *publication) name() string { return p.target.Owner + "/" + p.repository() }

// Run publishes. The default branch exists only after the push, so the branches follow it.
func (p *publish) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	publication, err := p.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	var source *os.Root
	if !publication.input.SourcePath.nothing {
		if source, err = gitpush.OpenSource(call.Workspace, publication.input.SourcePath.directory); err != nil {
			return nil, err
		}
		defer source.Close()
	}
	spec, err := publication.spec(ctx)
	if err != nil {
		return nil, err
	}
	project, effect, err := resource.Ensure(ctx, call, spec)
	if errors.Is(err, resource.ErrTaken) && project != nil && publication.input.SkipExisting {
		call.Log.Info("Repo %s already exists in namespace %s.", publication.repository(), publication.target.Owner)
		return publication.output(project, "", false), nil
	}
	if err != nil {
		return nil, err
	}
	publication.effect = effect
	return publication.complete(ctx, source, project)
}

// complete fills the project, which this run created. Each part can be repeated.
func (p *publication) complete(ctx context.Context, source *os.Root, project *gitlab.Project) (action.Output, error) {
	if err := p.addOwners(ctx, project); err != nil {
		return nil, err
	}
	hash := ""
	if source != nil {
		var err error
		if hash, err = p.push(ctx, source, project); err != nil {
			return nil, err
		}
	}
	if err := p.setBranches(ctx, project); err != nil {
		return nil, err
	}
	if err := p.setVariables(ctx, project); err != nil {
		return nil, err
	}
	return p.output(project, hash, true), nil
}

func (p *publication) output(project *gitlab.Project, hash string, created bool) action.Output {
	remote := strings.TrimSuffix(project.HTTPURLToRepo, ".git")
	output := action.Output{
		"remoteUrl": remote,
		// A slash in the branch's name is escaped, so that a path joined to the URL is not read as part of the
		// name.
		"repoContentsUrl": remote + "/-/blob/" + url.PathEscape(p.input.DefaultBranch),
		"projectId":       project.ID,
		"created":         created,
	}
	if hash != "" {
		output["commitHash"] = hash
	}
	return output
}

// Plan checks that there is no such project yet, and says what Run would do.
func (p *publish) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	publication, err := p.prepare(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	spec, err := publication.spec(ctx)
	if err != nil {
		return action.Plan{}, err
	}
	summary := fmt.Sprintf("create the project %s on %s and push the workspace to %s", publication.name(), publication.host, publication.input.DefaultBranch)
	planned, err := resource.Plan(ctx, spec, summary)
	if errors.Is(err, resource.ErrTaken) && publication.input.SkipExisting {
		return action.Plan{Summary: fmt.Sprintf("leave the project %s on %s as it is", publication.name(), publication.host)}, nil
	}
	return planned, err
}

// push commits the source as the project's first commit, pushes it, and returns its hash.
func (p *publication) push(ctx context.Context, source *os.Root, project *gitlab.Project) (string, error) {
	remote := gitpush.Remote{Host: p.host, Name: p.name(), URL: project.HTTPURLToRepo, Username: "oauth2", Token: p.client.Token()}
	if err := remote.CheckURL(p.client.BaseURL()); err != nil {
		return "", err
	}
	pid := id(project.ID)
	push := gitpush.Push{
		Remote: remote, Branch: p.input.DefaultBranch, Log: p.call.Log,
		Commit: gitpush.Commit{
			Author:  gitpush.Author{Name: p.input.GitAuthorName, Email: p.input.GitAuthorEmail},
			Message: p.input.GitCommitMessage, When: gitpush.CommittedAt(p.effect),
		},
		Latest: func(ctx context.Context) ([]gitpush.Existing, error) {
			return p.latest(ctx, pid, p.input.DefaultBranch)
		},
		Has: func(ctx context.Context, hash string) (bool, error) { return p.hasCommit(ctx, pid, hash) },
		Refused: func(printed string) error {
			if !strings.Contains(printed, "not allowed to") {
				return nil
			}
			return action.Advise(fault.New(fault.NotAllowed, "pushing to %s: %s did not let the token's user push: %s", p.name(), p.host, printed),
				"Give the user the role Maintainer in the namespace, or let developers push to the default branch, then retry.")
		},
	}
	return push.Publish(ctx, source)
}

// latest lists the latest two commits of a branch. A project without commits has none.
func (c *connection) latest(ctx context.Context, pid, branch string) ([]gitpush.Existing, error) {
	var found []gitpush.Existing
	err := c.ask(ctx, "listing the commits of "+branch, func(within gitlab.RequestOptionFunc) error {
		commits, _, err := c.client.Commits.ListCommits(pid, &gitlab.ListCommitsOptions{
			ListOptions: gitlab.ListOptions{PerPage: 2}, RefName: &branch,
		}, within)
		for _, one := range commits {
			found = append(found, existing(one))
		}
		return absent(err)
	})
	return found, err
}

func existing(commit *gitlab.Commit) gitpush.Existing {
	one := gitpush.Existing{Hash: commit.ID}
	if commit.CommittedDate != nil {
		one.When = *commit.CommittedDate
	}
	return one
}

func (c *connection) hasCommit(ctx context.Context, pid, hash string) (known bool, err error) {
	err = c.ask(ctx, "looking for commit "+hash, func(within gitlab.RequestOptionFunc) error {
		_, _, err := c.client.Commits.GetCommit(pid, hash, nil, within)
		known = err == nil
		return absent(err)
	})
	return known, err
}
