package gitlab

import (
	"net/http"
	"strings"

	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/hostevents"
)

// Webhook takes the webhooks of projects and groups on GitLab, and its system hooks.
type Webhook struct{ secrets hostevents.Secrets }

// NewWebhook creates a Webhook for deliveries with one of the secret tokens.
func NewWebhook(secrets hostevents.Secrets) *Webhook { return &Webhook{secrets} }

// Topic implements hostevents.Source.
func (*Webhook) Topic() string { return "gitlab" }

// Type implements hostevents.Source.
func (*Webhook) Type() string { return integration.TypeGitLab }

// delivered is the part of a delivery that is read. GitLab has its own fields for each kind of hook.
type delivered struct {
	ObjectKind string `json:"object_kind"`
	EventName  string `json:"event_name"`
	Ref        string `json:"ref"`
	Before     string `json:"before"`
	After      string `json:"after"`
	Project    struct {
		WebURL        string `json:"web_url"`
		DefaultBranch string `json:"default_branch"`
	} `json:"project"`
	Commits      []hostevents.Commit `json:"commits"`
	TotalCommits int                 `json:"total_commits_count"`
	// Request is the merge request of an event about one.
	Request struct {
		IID    int    `json:"iid"`
		URL    string `json:"url"`
		Action string `json:"action"`
		// OldRev is the last commit before, in an update that brought others.
		OldRev     string `json:"oldrev"`
		LastCommit struct {
			ID string `json:"id"`
		} `json:"last_commit"`
	} `json:"object_attributes"`
	// Path and OldPath are those of a project.
	Path    string `json:"path_with_namespace"`
	OldPath string `json:"old_path_with_namespace"`
	// Group is the path of a group, FullPath that of a subgroup.
	Group    string `json:"group_path"`
	FullPath string `json:"full_path"`
}

// Read implements hostevents.Source.
func (w *Webhook) Read(header http.Header, body []byte) (hostevents.Delivery, error) {
	secret, err := w.secrets.Sent(header.Get("X-Gitlab-Token"))
	if err != nil {
		return hostevents.Delivery{}, err
	}
	var sent delivered
	if err := hostevents.Decode(body, &sent); err != nil {
		return hostevents.Delivery{}, err
	}
	// A retry has the same key; older versions only send the id of the event.
	id := header.Get("Idempotency-Key")
	if id == "" {
		id = header.Get("X-Gitlab-Event-Uuid")
	}
	delivery := hostevents.Delivery{ID: hostevents.IDOf(id, body), Host: secret.Host}
	if claim, is := sent.claim(strings.TrimRight(header.Get("X-Gitlab-Instance"), "/")); is {
		delivery.Claims = append(delivery.Claims, claim)
	}
	return delivery, nil
}

// projectKinds are the events about a project.
var projectKinds = map[string]hostevents.Kind{
	"project_create": hostevents.Created, "project_rename": hostevents.Renamed, "project_transfer": hostevents.Transferred,
	"project_destroy": hostevents.Deleted, "project_update": hostevents.Edited,
}

// peopleKinds are the events about the people of a group.
var peopleKinds = map[string]hostevents.Kind{
	"user_add_to_group": hostevents.MembershipChanged, "user_remove_from_group": hostevents.MembershipChanged,
	"user_update_for_group": hostevents.MembershipChanged, "subgroup_create": hostevents.TeamChanged, "subgroup_destroy": hostevents.TeamChanged,
	"group_create": hostevents.TeamChanged, "group_destroy": hostevents.TeamChanged, "group_rename": hostevents.TeamChanged,
}

// claim translates an event of an instance; false when it is not about the catalog.
func (d delivered) claim(instance string) (hostevents.Claim, bool) {
	switch d.ObjectKind {
	case "push", "tag_push":
		return d.push()
	case "merge_request":
		return d.proposed()
	}
	if kind, is := projectKinds[d.EventName]; is && d.Path != "" {
		claim := hostevents.Claim{Kind: kind, URL: instance + "/" + d.Path}
		if d.OldPath != "" {
			claim.Former = instance + "/" + d.OldPath
		}
		return claim, true
	}
	group := d.FullPath
	if group == "" {
		group = d.Group
	}
	kind, is := peopleKinds[d.EventName]
	return hostevents.Claim{Kind: kind, URL: instance + "/" + group}, is && group != ""
}

func (d delivered) push() (hostevents.Claim, bool) {
	branch, is := hostevents.BranchOf(d.Ref)
	claim := hostevents.Claim{Kind: hostevents.Pushed, URL: d.Project.WebURL, Push: hostevents.Push{Ref: branch, DefaultBranch: d.Project.DefaultBranch}}
	// GitLab lists some of the commits, and none of a branch that was created or deleted.
	isWhole := d.Before != hostevents.NoCommit && d.After != hostevents.NoCommit && d.TotalCommits <= len(d.Commits)
	claim.SetPaths(d.Commits, isWhole)
	return claim, is
}

// proposed translates what changes the commits of a merge request, or ends it. GitLab also reports other updates, such as
// those of labels.
func (d delivered) proposed() (hostevents.Claim, bool) {
	isClosed := false
	switch d.Request.Action {
	case "open", "reopen":
	case "close", "merge":
		isClosed = true
	case "update":
		if d.Request.OldRev == "" {
			return hostevents.Claim{}, false
		}
	default:
		return hostevents.Claim{}, false
	}
	return hostevents.Claim{Kind: hostevents.Proposed, URL: d.Project.WebURL,
		Pull: &hostevents.Pull{Number: d.Request.IID, URL: d.Request.URL, Head: d.Request.LastCommit.ID, IsClosed: isClosed}}, d.Request.IID > 0
}
