package github

import (
	"net/http"
	"slices"
	"strings"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/hostevents"
)

// Webhook takes the webhooks of organizations, repositories and apps on GitHub and GitHub Enterprise.
type Webhook struct{ secrets hostevents.Secrets }

// NewWebhook creates a Webhook for deliveries that are signed with one of the secrets.
func NewWebhook(secrets hostevents.Secrets) *Webhook { return &Webhook{secrets} }

// Topic implements hostevents.Source.
func (*Webhook) Topic() string { return "github" }

// Type implements hostevents.Source.
func (*Webhook) Type() string { return integration.TypeGitHub }

// maxCommits is the number of commits that GitHub lists in a push. There may be more.
const maxCommits = 2048

// delivered is the part of a delivery that is read.
type delivered struct {
	Action     string              `json:"action"`
	Repository *pushedRepository   `json:"repository"`
	Ref        string              `json:"ref"`
	Created    bool                `json:"created"`
	Deleted    bool                `json:"deleted"`
	Forced     bool                `json:"forced"`
	Commits    []hostevents.Commit `json:"commits"`
	Changes    repositoryChanges   `json:"changes"`
	Owner      *eventOrganization  `json:"organization"`
	Pull       *eventPull          `json:"pull_request"`
	Sender     struct {
		HTMLURL string `json:"html_url"`
	} `json:"sender"`
}

type eventPull struct {
	Number  int    `json:"number"`
	HTMLURL string `json:"html_url"`
	Head    struct {
		SHA string `json:"sha"`
	} `json:"head"`
}

type pushedRepository struct {
	Name          string `json:"name"`
	HTMLURL       string `json:"html_url"`
	DefaultBranch string `json:"default_branch"`
}

type repositoryChanges struct {
	Repository struct {
		Name struct {
			From string `json:"from"`
		} `json:"name"`
	} `json:"repository"`
	Owner struct {
		From struct {
			User         *eventOrganization `json:"user"`
			Organization *eventOrganization `json:"organization"`
		} `json:"from"`
	} `json:"owner"`
}

type eventOrganization struct {
	Login string `json:"login"`
}

// Read implements hostevents.Source.
func (w *Webhook) Read(header http.Header, body []byte) (hostevents.Delivery, error) {
	secret, err := w.secrets.Signed(header.Get("X-Hub-Signature-256"), "sha256=", body)
	if err != nil {
		return hostevents.Delivery{}, err
	}
	var sent delivered
	if err := hostevents.Decode(body, &sent); err != nil {
		return hostevents.Delivery{}, err
	}
	delivery := hostevents.Delivery{ID: hostevents.IDOf(header.Get("X-Github-Delivery"), body), Host: secret.Host}
	if claim, is := sent.claim(header.Get("X-Github-Event")); is {
		delivery.Claims = append(delivery.Claims, claim)
	}
	return delivery, nil
}

// claim translates an event; false when it is not about the catalog.
func (d delivered) claim(event string) (hostevents.Claim, bool) {
	switch event {
	case "push":
		return d.push()
	case "repository":
		return d.repository()
	case "pull_request":
		return d.proposed()
	case "team", "team_add":
		return d.people(hostevents.TeamChanged)
	case "membership":
		return d.people(hostevents.MembershipChanged)
	case "organization":
		return d.people(hostevents.OrganizationChanged)
	default:
		return hostevents.Claim{}, false
	}
}

func (d delivered) push() (hostevents.Claim, bool) {
	branch, is := hostevents.BranchOf(d.Ref)
	if !is || d.Repository == nil {
		return hostevents.Claim{}, false
	}
	claim := hostevents.Claim{Kind: hostevents.Pushed, URL: d.Repository.HTMLURL,
		Push: hostevents.Push{Ref: branch, DefaultBranch: d.Repository.DefaultBranch}}
	// The commits do not tell what a new, deleted or rewritten branch has lost.
	claim.SetPaths(d.Commits, !d.Created && !d.Deleted && !d.Forced && len(d.Commits) < maxCommits)
	return claim, true
}

// proposed translates what changes the commits of a pull request, or ends it.
func (d delivered) proposed() (hostevents.Claim, bool) {
	if d.Repository == nil || d.Pull == nil || d.Pull.Number <= 0 || !slices.Contains([]string{"opened", "reopened", "synchronize", "closed"}, d.Action) {
		return hostevents.Claim{}, false
	}
	return hostevents.Claim{Kind: hostevents.Proposed, URL: d.Repository.HTMLURL,
		Pull: &hostevents.Pull{Number: d.Pull.Number, URL: d.Pull.HTMLURL, Head: d.Pull.Head.SHA, IsClosed: d.Action == "closed"}}, true
}

// repositoryKinds are the actions of the event repository.
var repositoryKinds = map[string]hostevents.Kind{
	"created": hostevents.Created, "renamed": hostevents.Renamed, "transferred": hostevents.Transferred, "deleted": hostevents.Deleted,
	"archived": hostevents.Archived, "unarchived": hostevents.Unarchived, "privatized": hostevents.VisibilityChanged,
	"publicized": hostevents.VisibilityChanged, "edited": hostevents.Edited,
}

func (d delivered) repository() (hostevents.Claim, bool) {
	kind, known := repositoryKinds[d.Action]
	if !known || d.Repository == nil {
		return hostevents.Claim{}, false
	}
	return hostevents.Claim{Kind: kind, URL: d.Repository.HTMLURL, Former: d.former()}, true
}

// former is the page that a renamed or transferred repository had before, "" otherwise.
func (d delivered) former() string {
	owner, isPage := cutLast(d.Repository.HTMLURL)
	root, hasOwner := cutLast(owner)
	from := d.Changes.Owner.From
	switch {
	case d.Changes.Repository.Name.From != "" && isPage:
		return owner + "/" + d.Changes.Repository.Name.From
	case from.Organization != nil && hasOwner:
		return root + "/" + from.Organization.Login + "/" + d.Repository.Name
	case from.User != nil && hasOwner:
		return root + "/" + from.User.Login + "/" + d.Repository.Name
	default:
		return ""
	}
}

// people translates an event about the people of an organization.
func (d delivered) people(kind hostevents.Kind) (hostevents.Claim, bool) {
	host, isPage := cutLast(d.Sender.HTMLURL)
	if d.Owner == nil || !isPage {
		return hostevents.Claim{}, false
	}
	return hostevents.Claim{Kind: kind, URL: host + "/" + d.Owner.Login}, true
}

// cutLast cuts off what follows the last slash of a URL, and the slash.
func cutLast(page string) (before string, found bool) {
	at := strings.LastIndexByte(page, '/')
	if at < 0 {
		return page, false
	}
	return page[:at], true
}
