package azure

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/portico-dev/portico/activities/internal/gitpush"
	"github.com/portico-dev/portico/activities/internal/hostapi"
	"github.com/portico-dev/portico/integration"
	azurehost "github.com/portico-dev/portico/integration/azure"
	"github.com/portico-dev/portico/scaffolder/action"
)

const (
	// apiVersion is the oldest version of the API that has everything that is asked here, but for what is in preview.
	apiVersion = "6.0"
	// publicHost is the host of actions that have no input for it.
	publicHost = "dev.azure.com"
)

// place is where a thing is, and what the ledger keeps about that.
type place struct {
	Host         string `json:"host"`
	Organization string `json:"organization"`
	Project      string `json:"project"`
	// Secret is the run's secret from which the step's token was taken, "" for the configured token.
	Secret string `json:"secret,omitempty"`
	// Absent says that no such thing was there when the intent was recorded.
	Absent bool `json:"absent,omitempty"`
}

// connection makes requests to one organization with one token.
type connection struct {
	hostapi.API

	place
	account azurehost.Account
}

// connect prepares the requests of a step. Its token replaces the configured one.
func (o Options) connect(call *action.Call, at place, token string) (*connection, error) {
	if err := action.RequireUserToken(o.RequireUserCredentials, token, at.Host); err != nil {
		return nil, err
	}
	at.Secret = action.NameOfSecret(call.Secrets, token)
	return o.connectAs(at, token)
}

// reconnect prepares the requests of an undo.
func (o Options) reconnect(at place, call *action.UndoCall) (*connection, error) {
	return o.connectAs(at, call.Secrets[at.Secret])
}

func (o Options) connectAs(at place, token string) (*connection, error) {
	host, err := integration.HostOf[*azurehost.Host](o.Hosts, at.Host)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(strings.Split(at.Organization+"/"+at.Project, "/"), isNoName) {
		return nil, action.InputError("organization %q and project %q must be names", at.Organization, at.Project)
	}
	account := host.Account(at.Organization, token)
	if account.Token == "" {
		return nil, action.Advise(action.InputError("No credentials provided https://%s/%s, please check your integrations config", at.Host, at.Organization),
			"Add a personalAccessToken for the organization to the entry of %s under integrations.azure and retry, or pass a token in the template.", at.Host)
	}
	return &connection{API: hostapi.API{Name: at.Host, Section: "integrations.azure", Client: account.API}, place: at, account: account}, nil
}

// isNoName reports whether a text cannot be the name of an organization, a project or a repository.
func isNoName(text string) bool {
	return text == "" || text == "." || text == ".." || strings.ContainsAny(text, `/\?#%:*"<>|`)
}

// path is the API's path of a part of the project, with a query. The segments are escaped.
func (c *connection) path(query url.Values, segments ...string) string {
	if query == nil {
		query = url.Values{}
	}
	if !query.Has("api-version") {
		query.Set("api-version", apiVersion)
	}
	return integration.JoinPath("", append([]string{c.Project, "_apis"}, segments...)...).EscapedPath() + "?" + query.Encode()
}

// remote is a repository of the project, for Git.
func (c *connection) remote(repository string) gitpush.Remote {
	return gitpush.Remote{
		Host: c.Host, Name: c.Organization + "/" + c.Project + "/" + repository, Username: "notempty", Token: c.account.Token,
		URL: c.account.URL + integration.JoinPath("", c.Project, "_git", repository).EscapedPath(),
	}
}

// identity is a user of the organization.
type identity struct {
	ID string `json:"id"`
}

// whoAmI is the token's user.
func (c *connection) whoAmI(ctx context.Context) (identity, error) {
	var data struct {
		User identity `json:"authenticatedUser"`
	}
	err := c.Send(ctx, "asking whose token this is", http.MethodGet, "/_apis/connectionData?api-version="+apiVersion+"-preview", nil, &data)
	return data.User, err
}
