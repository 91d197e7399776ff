package azure

import (
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/hostevents"
)

// Webhook takes the service hooks of Azure DevOps. They have basic authentication: the secret is its password.
type Webhook struct{ secrets hostevents.Secrets }

// NewWebhook creates a Webhook for deliveries with one of the secrets as password, of any user.
func NewWebhook(secrets hostevents.Secrets) *Webhook { return &Webhook{secrets} }

// Topic implements hostevents.Source.
func (*Webhook) Topic() string { return "azureDevOps" }

// Type implements hostevents.Source.
func (*Webhook) Type() string { return integration.TypeAzure }

// delivered is the part of a delivery that is read. Azure DevOps does not say which files a push changed.
type delivered struct {
	ID        string `json:"id"`
	EventType string `json:"eventType"`
	Resource  struct {
		RefUpdates []struct {
			Name string `json:"name"`
		} `json:"refUpdates"`
		OldName    string `json:"oldName"`
		Repository struct {
			Name          string `json:"name"`
			RemoteURL     string `json:"remoteUrl"`
			DefaultBranch string `json:"defaultBranch"`
		} `json:"repository"`
	} `json:"resource"`
}

// Read implements hostevents.Source.
func (w *Webhook) Read(header http.Header, body []byte) (hostevents.Delivery, error) {
	secret, err := w.secrets.Sent(password(header.Get("Authorization")))
	if err != nil {
		return hostevents.Delivery{}, err
	}
	var sent delivered
	if err := hostevents.Decode(body, &sent); err != nil {
		return hostevents.Delivery{}, err
	}
	return hostevents.Delivery{ID: hostevents.IDOf(sent.ID, body), Host: secret.Host, Claims: sent.claims()}, nil
}

// password is the password of basic authentication, "" without it.
func password(authorization string) string {
	encoded, _ := strings.CutPrefix(authorization, "Basic ")
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return ""
	}
	_, password, _ := strings.Cut(string(decoded), ":")
	return password
}

// repositoryKinds are the events about a whole repository.
var repositoryKinds = map[string]hostevents.Kind{
	"git.repo.created": hostevents.Created, "git.repo.forked": hostevents.Created, "git.repo.deleted": hostevents.Deleted,
	"git.repo.renamed": hostevents.Renamed, "git.repo.statuschanged": hostevents.Edited,
}

// claims translates an event, which may be about several branches.
func (d delivered) claims() []hostevents.Claim {
	repository := d.Resource.Repository
	if kind, is := repositoryKinds[d.EventType]; is {
		claim := hostevents.Claim{Kind: kind, URL: repository.RemoteURL}
		if old := d.Resource.OldName; old != "" {
			claim.Former = repository.RemoteURL[:strings.LastIndexByte(repository.RemoteURL, '/')+1] + old
		}
		return []hostevents.Claim{claim}
	}
	if d.EventType != "git.push" {
		return nil
	}
	main, _ := hostevents.BranchOf(repository.DefaultBranch)
	var claims []hostevents.Claim
	for _, update := range d.Resource.RefUpdates {
		if branch, is := hostevents.BranchOf(update.Name); is {
			claims = append(claims, hostevents.Claim{Kind: hostevents.Pushed, URL: repository.RemoteURL,
				Push: hostevents.Push{Ref: branch, DefaultBranch: main, AllPaths: true}})
		}
	}
	return claims
}
