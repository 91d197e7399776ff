package azure

import (
	"context"
	"net/url"
	"path"
	"path/filepath"
	"strings"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/scaffolder/action"
)

// clone is the actions azure:repository:clone and azure:repo:clone.
type clone struct {
	action.NoEffects

	options Options
	// id is the action's. Only azure:repository:clone has an output.
	id        string
	hasOutput bool
}

// Describe lists the action with the published schema.
func (c *clone) Describe() action.Description {
	described := action.Description{
		ID:            c.id,
		Description:   "Clones a branch of a repository of Azure DevOps into the workspace.",
		InputSchema:   schema("clone.input"),
		UsesWorkspace: true,
		Examples:      cloneExamples(c.id),
		Needs:         needsToken("Code (read)"),
		Differences: []string{
			"Only the files of the branch's newest commit are copied, without a history. The directory `.git` says where they are from, for a push, and has no objects.",
			"A repository with more than 50,000 files or 512 MiB, or with links that lead out of it, fails the step.",
		},
	}
	if c.hasOutput {
		described.OutputSchema = schema("clone.output")
	}
	return described
}

func cloneExamples(id string) []action.Example {
	return []action.Example{
		{
			Description: "Clone a repository into a directory of the workspace",
			Example: `steps:
  - id: clone
    name: Clone the infrastructure
    action: ` + id + `
    input:
      remoteUrl: https://dev.azure.com/acme/web/_git/infrastructure
      targetPath: ./infrastructure
`,
		},
		{
			Description: "Clone another branch, with a token of the user",
			Example: `steps:
  - id: clone
    name: Clone the infrastructure
    action: ` + id + `
    input:
      remoteUrl: https://dev.azure.com/acme/web/_git/${{ parameters.name }}
      branch: develop
      token: ${{ secrets.USER_OAUTH_TOKEN }}
`,
		},
	}
}

// cloneInput is the input of azure:repository:clone and azure:repo:clone.
type cloneInput struct {
	RemoteURL  string `json:"remoteUrl"`
	Branch     string `json:"branch"`
	TargetPath string `json:"targetPath"`
	Token      string `json:"token"`
}

// Run clones.
func (c *clone) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	input := cloneInput{Branch: "main"}
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	if err := gitpush.CheckBranch("branch", input.Branch); err != nil {
		return nil, err
	}
	connected, repo, err := c.options.connectToRemote(call, input.RemoteURL, input.Token)
	if err != nil {
		return nil, err
	}
	name := path.Clean("./" + strings.TrimPrefix(input.TargetPath, "/"))
	if !filepath.IsLocal(name) {
		return nil, action.InputError("targetPath %q leads out of the workspace", input.TargetPath)
	}
	if err := call.Workspace.MkdirAll(name, 0o755); err != nil {
		return nil, action.InputError("targetPath %q cannot be a directory of the workspace: %w", input.TargetPath, err)
	}
	directory, err := call.Workspace.OpenRoot(name)
	if err != nil {
		return nil, action.InputError("targetPath %q is not a directory of the workspace: %w", input.TargetPath, err)
	}
	defer directory.Close()
	call.Log.Info("Cloning %s of %s", input.Branch, repo)
	if err := connected.remote(repo).Clone(ctx, directory, input.Branch); err != nil {
		return nil, err
	}
	if !c.hasOutput {
		return nil, nil
	}
	return action.Output{"cloneFullPath": directory.Name()}, nil
}

// connectToRemote prepares the requests of a step about the repository of a URL as Git clones it, whose name is
// returned.
func (o Options) connectToRemote(call *action.Call, remoteURL, token string) (c *connection, repo string, err error) {
	at, repo, err := o.placeOf(remoteURL)
	if err != nil {
		return nil, "", err
	}
	c, err = o.connect(call, at, token)
	return c, repo, err
}

// placeOf reads the URL of a repository of a configured host. The user's name in it does not matter.
func (o Options) placeOf(remoteURL string) (at place, repo string, err error) {
	parsed, err := url.Parse(remoteURL)
	if err != nil {
		return place{}, "", action.InputError("remoteUrl is no URL: %w", err)
	}
	parsed.User = nil
	host, found := o.Hosts.ByURL(parsed.String())
	if !found || host.Type() != integration.TypeAzure {
		return place{}, "", action.InputError("No matching integration configuration for host %s, please check your integrations config", parsed.Host)
	}
	read, err := host.Parse(parsed)
	if err != nil {
		return place{}, "", action.InputError("remoteUrl %s: %w", parsed, err)
	}
	names := strings.Split(read.Repository, "/")
	last := len(names) - 1
	if last < 2 {
		return place{}, "", action.InputError("remoteUrl %s has no organization, project and repository", parsed)
	}
	return place{Host: host.Name(), Organization: strings.Join(names[:last-1], "/"), Project: names[last-1]}, names[last], nil
}
