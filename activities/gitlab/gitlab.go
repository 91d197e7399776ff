// Package gitlab holds the actions that change a GitLab host: publish:gitlab, which creates a project and
// pushes the workspace as its first commit, publish:gitlab:merge-request, and gitlab:* for what belongs to a
// project or a group. Package integration/gitlab knows the hosts and their credentials.
//
// A repeated run creates nothing twice. GitLab has no place for a mark that people would not see, so what was
// there is looked at before the intent is recorded, and the record says so: a thing that was absent then, and
// was made since by the token's user, is this run's. The first commit of a project has the time of the intent,
// so the same workspace gives the same commit, and a repeated push finds it there.
package gitlab

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

// Actions are all actions for GitLab.
func Actions(options Options) []action.Action {
	return []action.Action{
		&publish{options: options}, &mergeRequest{options: options}, &repoPush{options: options},
		&variable{options: options}, newAccessToken(options), newDeployToken(options),
		&groupPath{options: options}, &groupAccess{options: options}, &migrate{options: options},
		&pipeline{options: options}, &issue{options: options}, &issueEdit{options: options}, &userInfo{options: options},
	}
}

// needsToken is what every action needs.
func needsToken(permission string) []string {
	return []string{"An entry of `integrations.gitlab` for the host whose token has the scope `api`, or the user's token as the input `token`. " +
		"Its user " + permission}
}
