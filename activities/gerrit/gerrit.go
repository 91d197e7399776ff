// Package gerrit holds the actions that change a Gerrit host: publish:gerrit, which creates a repository and pushes the
// workspace as its first commit, and publish:gerrit:review, which proposes the workspace as a change. Package
// integration/gerrit knows the hosts and their credentials.
//
// A repeated run creates nothing twice: the Change-Id of a commit is made from its effect, so a change that an
// earlier attempt pushed is found by it.
package gerrit

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	gerrithost "github.com/portico-dev/portico/integration/gerrit"
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
}

// Actions are all actions for Gerrit.
func Actions(options Options) []action.Action {
	return []action.Action{&publish{options: options}, &review{options: options}}
}

// needsAccount is what every action needs.
func needsAccount(permission string) []string {
	return []string{"An entry of `integrations.gerrit` for the host with `baseUrl`, `username` and `password`. The account " + permission}
}

// place is a repository, and what the ledger keeps about it.
type place struct {
	Host string `json:"host"`
	Repo string `json:"repo"`
}

// connection makes requests about one repository, whether it exists or not.
type connection struct {
	hostapi.API

	place
	account gerrithost.Account
}

func (o Options) connect(at place) (*connection, error) {
	host, err := integration.HostOf[*gerrithost.Host](o.Hosts, at.Host)
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(at.Repo, `\?#%`) || integration.HasTraversal(at.Repo) {
		return nil, action.InputError("repo %q of the repoUrl is not a name that Gerrit takes for a repository", at.Repo)
	}
	account := host.Account()
	if account.Password == "" {
		return nil, action.Advise(fault.New(fault.Authentication, "Credentials for Gerrit integration required for this action."),
			"Add a username and a password to the entry of %s under integrations.gerrit, then retry.", at.Host)
	}
	return &connection{API: hostapi.API{Name: at.Host, Section: "integrations.gerrit", Client: account.API}, place: at, account: account}, nil
}

// path is the API's path of the repository, whose name may have slashes.
func (c *connection) path() string { return "/projects/" + url.PathEscape(c.Repo) }

// remoteURL is the URL from which Git clones the repository with credentials.
func (c *connection) remoteURL() string {
	return c.account.CloneURL + "/a/" + integration.EscapePath(c.Repo)
}

// contents is the page of a branch's files.
func (c *connection) contents(branch string) string {
	return c.account.GitilesURL + "/" + c.Repo + "/+/refs/heads/" + branch
}

// remote is the repository for Git.
func (c *connection) remote() gitpush.Remote {
	return gitpush.Remote{Host: c.Host, Name: c.Repo, URL: c.remoteURL(), Username: c.account.Username, Token: c.account.Password}
}

// changeID is the Change-Id of an effect's commit. An effect that was undone and is intended anew has another: Gerrit
// refuses that of an abandoned change. It has forty digits, as Gerrit demands.
func changeID(effect action.Effect) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d", effect.RunID, effect.ID, effect.IntendedAt.UnixMicro()))
	return "I" + hex.EncodeToString(sum[:20])
}

// withChangeID is a message with the Change-Id of an effect.
func withChangeID(message string, effect action.Effect) string {
	return message + "\n\nChange-Id: " + changeID(effect)
}
