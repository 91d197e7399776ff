// Package bitbucketcloud holds the actions that change Bitbucket Cloud: publish:bitbucketCloud, which creates a
// repository and pushes the workspace as its first commit, publish:bitbucketCloud:pull-request,
// bitbucket:pipelines:run and bitbucketCloud:branchRestriction:create. Package integration/bitbucketcloud knows the
// host and its credentials.
//
// A repeated run creates nothing twice. What was there is looked at before the intent is recorded, and the record says
// so (docs/decisions/0052).
package bitbucketcloud

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
	// CommitMessage is scaffolder.defaultCommitMessage.
	CommitMessage string
	// RequireUserCredentials is scaffolder.requireScmUserCredentials: the template must pass the user's
	// token.
	RequireUserCredentials bool
}

// Actions are all actions for Bitbucket Cloud.
func Actions(options Options) []action.Action {
	return []action.Action{
		&publish{options: options}, &pullRequest{options: options}, &pipeline{options: options}, &branchRestriction{options: options},
	}
}

// needsAccount is what every action needs.
func needsAccount(permission string) []string {
	return []string{"An entry of `integrations.bitbucketCloud` with a `token`, or a `username` and an `appPassword`, or the input `token`. " + permission}
}
