// Package hostevents says what happened on a host of source code, in one form for all forges. Each forge's package
// checks and translates what its webhook delivers. Nothing of a delivery is taken as a place before its URL is on a
// configured host. Package catalog/events stores events and acts on them.
package hostevents

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
)

// Kind is what happened.
type Kind string

// The kinds of events.
const (
	// Pushed: a branch or a tag has other commits than before.
	Pushed Kind = "pushed"
	// Created and the following are about a whole repository. Transferred, and Renamed, have its former name.
	Created           Kind = "created"
	Renamed           Kind = "renamed"
	Transferred       Kind = "transferred"
	Deleted           Kind = "deleted"
	Archived          Kind = "archived"
	Unarchived        Kind = "unarchived"
	VisibilityChanged Kind = "visibilityChanged"
	// Edited: other settings of the repository have changed, such as its topics or its default branch.
	Edited Kind = "edited"
	// Proposed: a pull request was opened, has other commits, or was closed. It changes nothing of the repository.
	Proposed Kind = "proposed"
	// TeamChanged and the following are about people. They are events of an owner.
	TeamChanged         Kind = "teamChanged"
	MembershipChanged   Kind = "membershipChanged"
	OrganizationChanged Kind = "organizationChanged"
)

// Delivery is what one request of a webhook delivers.
type Delivery struct {
	// ID is the forge's id of the delivery. A redelivery has the same one.
	ID string
	// Host is the only host whose events the delivery may have, "" for any of the forge: the secret that signed it
	// may belong to one host.
	Host string
	// Claims are the events as the forge reports them, none for a delivery that is not about the catalog.
	Claims []Claim
}

// Claim is an event before its place is known to be on a configured host.
type Claim struct {
	Kind Kind
	// URL is the page of the repository or, for events about people, of the owner. Former is the page that it had
	// before it was renamed or transferred, "" otherwise.
	URL, Former string
	Push
	// Pull is the pull request of an event of kind Proposed, nil otherwise.
	Pull *Pull
}

// Pull is a pull request.
type Pull struct {
	Number int `json:"number"`
	// URL is its page, and Head the hash of its last commit.
	URL  string `json:"url"`
	Head string `json:"head"`
	// IsClosed says that it was merged, or that nobody will.
	IsClosed bool `json:"isClosed,omitempty"`
}

// Push are the changes of an event of kind Pushed.
type Push struct {
	// Ref is the name of the branch or tag.
	Ref string `json:"ref,omitempty"`
	// DefaultBranch is the repository's, "" when the forge does not say.
	DefaultBranch string `json:"defaultBranch,omitempty"`
	// Paths are the files that were added, modified or removed. AllPaths means that any file may have been: the forge
	// does not say, or they are too many.
	Paths    []string `json:"paths,omitempty"`
	AllPaths bool     `json:"allPaths,omitempty"`
}

// MaxPaths bounds the paths of a push. With more of them, AllPaths is set.
const MaxPaths = 3000

// Commit is a commit of a push, in the form that several forges share.
type Commit struct {
	Added    []string `json:"added"`
	Modified []string `json:"modified"`
	Removed  []string `json:"removed"`
}

// NoCommit is the hash with which forges say that a branch did not exist before a push, or does not exist after it.
const NoCommit = "0000000000000000000000000000000000000000"

// SetPaths sets the changed files, each once. areAll means that the commits are all that the push brought, and that it
// removed none. Otherwise any file may have changed.
func (p *Push) SetPaths(commits []Commit, areAll bool) {
	var paths []string
	for _, commit := range commits {
		paths = append(append(append(paths, commit.Added...), commit.Modified...), commit.Removed...)
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	if len(commits) == 0 || !areAll || len(paths) > MaxPaths {
		p.Paths, p.AllPaths = nil, true
		return
	}
	p.Paths = paths
}

// BranchOf is the name of the branch or tag of a full ref: main of refs/heads/main. It reports false for any other ref.
func BranchOf(ref string) (string, bool) {
	for _, kind := range []string{"refs/heads/", "refs/tags/"} {
		if name, is := strings.CutPrefix(ref, kind); is {
			return name, name != ""
		}
	}
	return "", false
}

// Event is what happened on a configured host.
type Event struct {
	Kind Kind `json:"kind"`
	// Host is the host as URLs contain it.
	Host string `json:"host"`
	// Repository is the repository's name in URLs (acme/shop), "" for events about people. Former is the name that it
	// had before, "" otherwise.
	Repository string `json:"repository,omitempty"`
	Former     string `json:"former,omitempty"`
	// Owner is the owner of the event's repository, or whose people it is about.
	Owner string `json:"owner,omitempty"`
	Push
	// Pull is the pull request of an event of kind Proposed, nil otherwise.
	Pull *Pull `json:"pull,omitempty"`
}

// Source is the webhook of one forge. It is safe for concurrent use.
type Source interface {
	// Topic is the last segment of the webhook's address, in Backstage's words: github.
	Topic() string
	// Type is the type of the hosts that send to it: integration.TypeGitHub.
	Type() string
	// Read checks who sent a request and translates it. ErrSignature refuses one that nobody with the secret has
	// sent. Any other error is an input fault: the body is not what the forge sends.
	Read(header http.Header, body []byte) (Delivery, error)
}

// ErrSignature refuses a delivery that was not signed with the secret of its webhook, in Backstage's words.
var ErrSignature = fault.New(fault.NotAllowed, "invalid signature")

// Hosts finds configured hosts. *integration.Set implements it.
type Hosts interface {
	ByURL(rawURL string) (integration.Host, bool)
}

// Place returns the events of a delivery that happened on configured hosts of the source's type, and the claims about
// other places, as texts for the log.
func Place(hosts Hosts, source Source, delivery Delivery) (events []Event, elsewhere []string) {
	for _, claim := range delivery.Claims {
		event, err := claim.at(hosts, source.Type(), delivery.Host)
		if err != nil {
			elsewhere = append(elsewhere, err.Error())
			continue
		}
		events = append(events, event)
	}
	return events, elsewhere
}

// at finds the place of a claim among the hosts of a type.
func (c Claim) at(hosts Hosts, kind, only string) (Event, error) {
	host, known := hosts.ByURL(c.URL)
	if !known || host.Type() != kind || only != "" && host.Name() != only {
		return Event{}, fmt.Errorf("%.200q is on no host for which this webhook is configured", c.URL)
	}
	event := Event{Kind: c.Kind, Host: host.Name(), Push: c.Push, Pull: c.Pull}
	if c.Kind.IsAboutPeople() {
		owner, err := ownerOf(c.URL)
		event.Owner = owner
		return event, err
	}
	place, err := integration.PlaceOf(host, c.URL)
	if err != nil {
		return Event{}, fmt.Errorf("%.200q is not a repository: %w", c.URL, err)
	}
	event.Repository = place.Repository
	event.Owner, _, _ = strings.Cut(place.Repository, "/")
	if former, known := hosts.ByURL(c.Former); known && former.Name() == host.Name() {
		if before, err := integration.PlaceOf(host, c.Former); err == nil {
			event.Former = before.Repository
		}
	}
	return event, nil
}

// IsAboutPeople reports whether the events of a kind are about the people of an owner, and not about a repository.
func (k Kind) IsAboutPeople() bool {
	return k == TeamChanged || k == MembershipChanged || k == OrganizationChanged
}

// ownerOf is the owner that a page is about.
func ownerOf(page string) (string, error) {
	parsed, err := integration.ParseURL(page)
	if err != nil {
		return "", err
	}
	segments, err := integration.Segments(parsed)
	if err != nil || segments[0] == "" {
		return "", fmt.Errorf("%.200q is not the page of an owner", page)
	}
	return strings.Join(segments, "/"), nil
}

// Repositories are the keys of the repositories that an event touches, none for an event about people.
func (e Event) Repositories() []string {
	var keys []string
	for _, name := range []string{e.Repository, e.Former} {
		if name != "" {
			keys = append(keys, integration.RepositoryKey(e.Host, name))
		}
	}
	return keys
}

// Touches reports whether an event may have changed what a place in one of its repositories names. An event about the
// whole repository touches each of its places.
func (e Event) Touches(place integration.Place) bool {
	switch e.Kind {
	case Pushed:
	case Proposed:
		return false
	default:
		return true
	}
	if place.Ref == "" || place.Ref == "HEAD" {
		return (e.DefaultBranch == "" || e.Ref == e.DefaultBranch) && e.touchesPath(place.Path)
	}
	if place.Ref == e.Ref {
		return e.touchesPath(place.Path)
	}
	if place.RefIsWhole {
		return false
	}
	// The name of the branch may have slashes, and the URL does not show where it ends.
	path, is := strings.CutPrefix(place.Ref+"/"+place.Path, e.Ref+"/")
	return is && e.touchesPath(path)
}

// touchesPath reports whether a push changed a file, or one that matches a glob.
func (e Event) touchesPath(path string) bool {
	if e.AllPaths || path == "" {
		return true
	}
	return slices.ContainsFunc(e.Paths, func(changed string) bool {
		return changed == path || doublestar.MatchUnvalidated(path, changed)
	})
}
