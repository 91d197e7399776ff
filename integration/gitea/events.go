package gitea

import (
	"net/http"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/hostevents"
)

// Webhook takes the webhooks of repositories and organizations on Gitea.
type Webhook struct{ secrets hostevents.Secrets }

// NewWebhook creates a Webhook for deliveries that are signed with one of the secrets.
func NewWebhook(secrets hostevents.Secrets) *Webhook { return &Webhook{secrets} }

// Topic implements hostevents.Source.
func (*Webhook) Topic() string { return "gitea" }

// Type implements hostevents.Source.
func (*Webhook) Type() string { return integration.TypeGitea }

// delivered is the part of a delivery that is read.
type delivered struct {
	Action       string              `json:"action"`
	Ref          string              `json:"ref"`
	Before       string              `json:"before"`
	After        string              `json:"after"`
	Commits      []hostevents.Commit `json:"commits"`
	TotalCommits int                 `json:"total_commits"`
	Repository   struct {
		HTMLURL       string `json:"html_url"`
		DefaultBranch string `json:"default_branch"`
	} `json:"repository"`
}

// Read implements hostevents.Source.
func (w *Webhook) Read(header http.Header, body []byte) (hostevents.Delivery, error) {
	secret, err := w.secrets.Signed(header.Get("X-Gitea-Signature"), "", body)
	if err != nil {
		return hostevents.Delivery{}, err
	}
	var sent delivered
	if err := hostevents.Decode(body, &sent); err != nil {
		return hostevents.Delivery{}, err
	}
	delivery := hostevents.Delivery{ID: hostevents.IDOf(header.Get("X-Gitea-Delivery"), body), Host: secret.Host}
	if claim, is := sent.claim(header.Get("X-Gitea-Event")); is {
		delivery.Claims = append(delivery.Claims, claim)
	}
	return delivery, nil
}

// claim translates an event; false when it is not about the catalog.
func (d delivered) claim(event string) (hostevents.Claim, bool) {
	switch {
	case event == "push":
		return d.push()
	case event == "repository" && d.Action == "created":
		return hostevents.Claim{Kind: hostevents.Created, URL: d.Repository.HTMLURL}, true
	case event == "repository" && d.Action == "deleted":
		return hostevents.Claim{Kind: hostevents.Deleted, URL: d.Repository.HTMLURL}, true
	default:
		return hostevents.Claim{}, false
	}
}

func (d delivered) push() (hostevents.Claim, bool) {
	branch, is := hostevents.BranchOf(d.Ref)
	claim := hostevents.Claim{Kind: hostevents.Pushed, URL: d.Repository.HTMLURL,
		Push: hostevents.Push{Ref: branch, DefaultBranch: d.Repository.DefaultBranch}}
	// Gitea lists some of the commits, five by default.
	isWhole := d.Before != hostevents.NoCommit && d.After != hostevents.NoCommit && d.TotalCommits <= len(d.Commits)
	claim.SetPaths(d.Commits, isWhole)
	return claim, is
}
