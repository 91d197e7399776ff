package github

import (
	"cmp"
	"context"
	_ "embed" // for the schema
	"fmt"
	"net/http"

	"github.com/google/go-github/v60/github"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

//go:embed schema/pages.input.json
var pagesInputSchema []byte

// pagesEnable is the action github:pages:enable.
type pagesEnable struct{ options Options }

// Describe lists the action with Backstage's schema.
func (*pagesEnable) Describe() action.Description {
	return action.Description{
		ID:          "github:pages:enable",
		Description: "Enables GitHub Pages for a repository.",
		Examples:    pagesExamples,
		InputSchema: pagesInputSchema,
		Undoes:      "Disables GitHub Pages, unless somebody has given the site a domain or another source since.",
		Needs: []string{"An entry of `integrations.github` for the host, whose token may administer the repository, or whose App has " +
			"`pages: write` and `administration: write`."},
		Differences: []string{
			"A repository that has Pages already fails the step, and they are left as they are.",
		},
	}
}

var pagesExamples = []action.Example{
	{
		Description: "Publish what a workflow builds",
		Example: `steps:
  - id: pages
    name: Enable GitHub Pages
    action: github:pages:enable
    input:
      repoUrl: ${{ parameters.repoUrl }}
`,
	},
	{
		Description: "Publish the folder docs of the default branch",
		Example: `steps:
  - id: pages
    name: Enable GitHub Pages
    action: github:pages:enable
    input:
      repoUrl: github.com?owner=acme&repo=shop
      buildType: legacy
      sourceBranch: main
      sourcePath: /docs
`,
	},
}

type pagesInput struct {
	target

	BuildType    string `json:"buildType"`
	SourceBranch string `json:"sourceBranch"`
	SourcePath   string `json:"sourcePath"`
}

// wantedPages is the site as the run created it.
type wantedPages struct {
	BuildType string `json:"buildType"`
	Branch    string `json:"branch"`
	Path      string `json:"path"`
}

var mayChangePages = permissions{"metadata": "read", "pages": "write", "administration": "write"}

func (a *pagesEnable) prepare(ctx context.Context, call *action.Call) (*part[*github.Pages], error) {
	input := pagesInput{BuildType: "workflow", SourceBranch: "main", SourcePath: "/"}
	if err := call.Decode(&input); err != nil {
		return nil, err
	}
	c, err := a.options.beginWithin(ctx, input.RepoURL, input.Token, mayChangePages)
	if err != nil {
		return nil, err
	}
	p := c.pages(wantedPages{BuildType: input.BuildType, Branch: input.SourceBranch, Path: input.SourcePath})
	p.create = func(ctx context.Context) (*github.Pages, error) {
		call.Log.Info("Attempting to enable GitHub Pages for %s with %q build type, on source branch %q and source path %q",
			c.name(), input.BuildType, input.SourceBranch, input.SourcePath)
		request := &github.Pages{BuildType: &input.BuildType, Source: &github.PagesSource{Branch: &input.SourceBranch, Path: &input.SourcePath}}
		created := &github.Pages{}
		err := c.send(ctx, "enabling GitHub Pages of "+c.name(), http.MethodPost, "pages", request, created)
		if isStatus(err, http.StatusConflict) {
			return nil, resource.Exists(err)
		}
		return created, err
	}
	return p, nil
}

// Run enables GitHub Pages.
func (a *pagesEnable) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	p, err := a.prepare(ctx, call)
	if err != nil {
		return nil, err
	}
	if _, err := p.ensure(ctx, call); err != nil {
		return nil, err
	}
	call.Log.Info("Completed enabling GitHub Pages")
	return nil, nil
}

// Plan says that Run would enable GitHub Pages.
func (a *pagesEnable) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	p, err := a.prepare(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	return p.plan(ctx, fmt.Sprintf("enable GitHub Pages of %s", p.connection.name()))
}

// Undo disables GitHub Pages, unless somebody has changed the site.
func (a *pagesEnable) Undo(ctx context.Context, call *action.UndoCall) error {
	var wanted wantedPages
	where, err := wantedOf(call.Effect, &wanted)
	if err != nil {
		return err
	}
	c, err := a.options.resume(ctx, call, where, mayChangePages)
	if err != nil {
		return err
	}
	return c.pages(wanted).undo(ctx, call)
}

func (c *connection) pages(wanted wantedPages) *part[*github.Pages] {
	return &part[*github.Pages]{
		connection: c, kind: "github:pages", name: "GitHub Pages", title: "the GitHub Pages site", wanted: wanted,
		isUnique: true, givesIDsAgain: true, list: c.listPages,
		describe: func(site *github.Pages) resource.Found[*github.Pages] {
			return resource.Found[*github.Pages]{ID: "pages", URL: site.GetHTMLURL()}
		},
		remove: func(ctx context.Context, _ *github.Pages) error {
			return gone(c.send(ctx, "disabling GitHub Pages of "+c.name(), http.MethodDelete, "pages", nil, nil))
		},
		used: func(_ context.Context, _ action.Effect, site *github.Pages) (string, error) {
			switch {
			case site.GetCNAME() != "":
				return "it has the domain " + site.GetCNAME(), nil
			case cmp.Or(site.GetBuildType(), wanted.BuildType) != wanted.BuildType,
				wanted.BuildType == "legacy" && (site.GetSource().GetBranch() != wanted.Branch || site.GetSource().GetPath() != wanted.Path):
				return "it was given another source", nil
			}
			return "", nil
		},
	}
}

// listPages lists the one site that the repository may have. GitHub answers 404 for one that it has not, so
// the repository is asked first.
func (c *connection) listPages(ctx context.Context, _ action.Effect) ([]*github.Pages, error) {
	var repository *github.Repository
	err := c.ask(ctx, "looking for "+c.name(), func(ctx context.Context) (err error) {
		repository, _, err = c.client.Repositories.Get(ctx, c.target.Owner, c.target.Repo)
		return err
	})
	if err != nil || !repository.GetHasPages() {
		return nil, err
	}
	site := &github.Pages{}
	if err := c.send(ctx, "looking for GitHub Pages of "+c.name(), http.MethodGet, "pages", nil, site); err != nil {
		return nil, err
	}
	return []*github.Pages{site}, nil
}
