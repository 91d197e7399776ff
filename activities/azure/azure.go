// Package azure holds the actions that change Azure DevOps: publish:azure, which creates a repository and pushes the
// workspace as its first commit, azure:repository:* and azure:repo:* for repositories that exist, azure:pr:create, and
// azure:pipeline:*. Package integration/azure knows the hosts and their tokens.
//
// A repeated run creates nothing twice. Azure DevOps has no place for a mark that people would not see, so what was
// there is looked at before the intent is recorded, and the record says so (docs/decisions/0052).
package azure

import (
	"embed"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/scaffolder/action"
)

//go:embed schema
var schemas embed.FS

// schema is one of the embedded schemas. All of them are there: the tests describe every action.
func schema(name string) []byte {
	content, err := schemas.ReadFile("schema/" + name + ".json")
	if err != nil {
		panic(err)
	}
	return content
}

// Options are what the configuration says about the actions.
type Options struct {
	// Hosts are the configured integrations.
	Hosts *integration.Set
	// Author is scaffolder.defaultAuthor. An empty part is Backstage's: Scaffolder <scaffolder@backstage.io>.
	Author gitpush.Author
	// CommitMessage is scaffolder.defaultCommitMessage, "initial commit" when empty.
	CommitMessage string
	// RequireUserCredentials is scaffolder.requireScmUserCredentials: the template must pass the user's
	// token.
	RequireUserCredentials bool
}

// Actions are all actions for Azure DevOps.
func Actions(options Options) []action.Action {
	return []action.Action{
		&publish{options: options},
		&clone{options: options, id: "azure:repository:clone", hasOutput: true}, &clone{options: options, id: "azure:repo:clone"},
		&push{options: options, id: "azure:repository:push", schema: "push.input"}, &push{options: options, id: "azure:repo:push", schema: "repo-push.input"},
		&pullRequest{options: options, id: "azure:pr:create", schema: "pull-request"}, &pullRequest{options: options, id: "azure:repo:pr", schema: "repo-pull-request"},
		&createPipeline{options: options}, &permit{options: options}, &runPipeline{options: options},
	}
}

// needsToken is what every action needs: a token with these scopes.
func needsToken(scopes string) []string {
	return []string{"A `personalAccessToken` under `integrations.azure` for the organization, or the input `token`, with the scopes " + scopes + "."}
}
