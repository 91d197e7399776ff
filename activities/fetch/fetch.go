// Package fetch holds the actions that copy files into the workspace: fetch:plain and fetch:plain:file copy
// them as they are, fetch:template and fetch:template:file render their names and contents. workspace:template and
// workspace:template:file render what is in the workspace already. fetch:cookiecutter renders templates of
// Cookiecutter that need no Python. Package nunjucks
// has the template language, and package integration reads from hosts; this package decides which files are
// copied or rendered, and where they go.
package fetch

import (
	"context"
	_ "embed"
	"encoding/json"
	"os"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

var (
	//go:embed schema/plain.input.json
	plainInput json.RawMessage
	//go:embed schema/plain-file.input.json
	plainFileInput json.RawMessage
	//go:embed schema/template.input.json
	templateInput json.RawMessage
	//go:embed schema/template-file.input.json
	templateFileInput json.RawMessage
	//go:embed schema/workspace-template.input.json
	workspaceTemplateInput json.RawMessage
	//go:embed schema/workspace-file.input.json
	workspaceFileInput json.RawMessage
	//go:embed schema/cookiecutter.input.json
	cookiecutterInput json.RawMessage
)

// Sources is what the actions need of package integration's Set.
type Sources interface {
	ByURL(rawURL string) (integration.Host, bool)
	ResolveURL(base, ref string) (string, error)
	ReadURL(ctx context.Context, rawURL string, options integration.ReadOptions) (integration.Result, error)
	ReadTree(ctx context.Context, rawURL string, options integration.ReadOptions) (*integration.Tree, error)
}

// Files is what the actions need of package integration's Files.
type Files interface {
	// OpenParent opens the directory of a local file; the caller closes it. A place whose
	// files are not to be read is a fault.
	OpenParent(at provenance.Place) (*os.Root, error)
}

// Options are what the actions work with.
type Options struct {
	Sources Sources
	Files   Files
	// Templates gives the environment that skeletons are rendered in.
	Templates func(cookiecutterCompat, trimBlocks, lstripBlocks bool) *nunjucks.Environment
	// Enter limits the memory of what is rendered under the returned context; nil sets no limit. The caller
	// calls leave once the result is written.
	Enter func(ctx context.Context) (entered context.Context, leave func())
	// RequireUserCredentials is scaffolder.requireScmUserCredentials: hosts of integrations are read only
	// with the step's token.
	RequireUserCredentials bool
}

// Actions are the actions of this package.
func Actions(options Options) []action.Action {
	if options.Enter == nil {
		options.Enter = func(ctx context.Context) (context.Context, func()) { return ctx, func() {} }
	}
	return []action.Action{
		plainAction{options: options}, plainFileAction{options: options},
		templateAction{options: options}, templateFileAction{options: options},
		workspaceTemplateAction{options: options}, workspaceFileAction{options: options}, cookiecutterAction{options: options},
	}
}
