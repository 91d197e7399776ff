package bitbucketcloud

import (
	"net/http"
	"strings"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/hostevents"
)

// Webhook takes the webhooks of repositories and workspaces on Bitbucket Cloud.
type Webhook struct{ secrets hostevents.Secrets }

// NewWebhook creates a Webhook for deliveries that are signed with one of the secrets.
func NewWebhook(secrets hostevents.Secrets) *Webhook { return &Webhook{secrets} }

// Topic implements hostevents.Source.
func (*Webhook) Topic() string { return "bitbucketCloud" }

// Type implements hostevents.Source.
func (*Webhook) Type() string { return integration.TypeBitbucketCloud }

// delivered is the part of a delivery that is read. Bitbucket does not say which files a push changed.
type delivered struct {
	Repository struct {
		FullName string `json:"full_name"`
		Links    struct {
			HTML struct {
				Href string `json:"href"`
			} `json:"html"`
		} `json:"links"`
	} `json:"repository"`
	Push struct {
		Changes []struct {
			New *pushedRef `json:"new"`
			Old *pushedRef `json:"old"`
		} `json:"changes"`
	} `json:"push"`
	Changes struct {
		FullName struct {
			Old string `json:"old"`
		} `json:"full_name"`
	} `json:"changes"`
}

type pushedRef struct {
	Name string `json:"name"`
}

// Read implements hostevents.Source.
func (w *Webhook) Read(header http.Header, body []byte) (hostevents.Delivery, error) {
	secret, err := w.secrets.Signed(header.Get("X-Hub-Signature"), "sha256=", body)
	if err != nil {
		return hostevents.Delivery{}, err
	}
	var sent delivered
	if err := hostevents.Decode(body, &sent); err != nil {
		return hostevents.Delivery{}, err
	}
	return hostevents.Delivery{ID: hostevents.IDOf(header.Get("X-Request-Uuid"), body), Host: secret.Host,
		Claims: sent.claims(header.Get("X-Event-Key"))}, nil
}

// claims translates an event, which may be about several branches.
func (d delivered) claims(event string) []hostevents.Claim {
	page := d.Repository.Links.HTML.Href
	switch event {
	case "repo:push":
		return d.pushes(page)
	case "repo:created":
		return []hostevents.Claim{{Kind: hostevents.Created, URL: page}}
	case "repo:deleted":
		return []hostevents.Claim{{Kind: hostevents.Deleted, URL: page}}
	case "repo:transfer":
		return []hostevents.Claim{{Kind: hostevents.Transferred, URL: page}}
	case "repo:updated":
		claim := hostevents.Claim{Kind: hostevents.Edited, URL: page}
		if old := d.Changes.FullName.Old; old != "" {
			claim.Kind = hostevents.Renamed
			claim.Former = strings.TrimSuffix(page, d.Repository.FullName) + old
		}
		return []hostevents.Claim{claim}
	default:
		return nil
	}
}

func (d delivered) pushes(page string) []hostevents.Claim {
	var claims []hostevents.Claim
	for _, change := range d.Push.Changes {
		ref := change.New
		if ref == nil {
			ref = change.Old
		}
		if ref != nil && ref.Name != "" {
			claims = append(claims, hostevents.Claim{Kind: hostevents.Pushed, URL: page, Push: hostevents.Push{Ref: ref.Name, AllPaths: true}})
		}
	}
	return claims
}
