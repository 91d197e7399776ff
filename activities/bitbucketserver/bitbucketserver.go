// Package bitbucketserver holds the actions that change Bitbucket Server or Data Center: publish:bitbucketServer, which
// creates a repository and pushes the workspace as its first commit, and publish:bitbucketServer:pull-request. Package
// integration/bitbucketserver knows the hosts and their credentials.
//
// A repeated run creates nothing twice. What was there is looked at before the intent is recorded, and the record says
// so (docs/decisions/0052).
package bitbucketserver

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

// Actions are all actions for Bitbucket Server.
func Actions(options Options) []action.Action {
	return []action.Action{&publish{options: options}, &pullRequest{options: options}}
}

// needsAccount is what every action needs.
func needsAccount(permission string) []string {
	return []string{"An entry of `integrations.bitbucketServer` for the host with a `token`, or a `username` and a `password`, or the input `token`. " + permission}
}
