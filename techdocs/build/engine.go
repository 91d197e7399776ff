package build

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs"
)

// Engine carries builds out. Package workflows implements it on Temporal.
type Engine interface {
	// Wake makes the workflow of a site look at its record, and starts it if it is not there.
	Wake(ctx context.Context, site string, cause Cause) error
}

// Names of the workflow, its signal and its activities in Temporal.
const (
	WorkflowDocsBuild = "DocsBuild"

	// SignalWake says that somebody has asked for a build. It carries nothing.
	SignalWake = "wake"

	ActivityBegin = "begin docs build"
	ActivityBuild = "build docs"
	ActivityIndex = "index docs"
	ActivityEnd   = "end docs build"
)

// WorkflowID is the id of the workflow that builds a site, of which there is one at a time.
func WorkflowID(site string) string { return "docs/" + site }

// Page is the path of the documentation of an entity in the portal.
func Page(site string) string {
	kind, rest, _ := strings.Cut(site, ":")
	namespace, name, _ := strings.Cut(rest, "/")
	return "/docs/" + url.PathEscape(namespace) + "/" + url.PathEscape(kind) + "/" + url.PathEscape(name)
}

// Command is the input of the workflow.
type Command struct {
	// Site is the reference of the entity.
	Site string `json:"site"`
	// Searchable says that the namespace has Portico's search attributes. The workflow then updates them.
	Searchable bool `json:"searchable,omitempty"`
	// URL is the page of the documentation in the portal, "" when it is not known.
	URL string `json:"url,omitempty"`
}

// BeginRequest is the input of ActivityBegin: take the build that was asked for, or find the one that this workflow has taken.
type BeginRequest struct {
	Site       string `json:"site"`
	WorkflowID string `json:"workflowId"`
	// RunID is the first execution of the workflow.
	RunID string `json:"runId"`
}

// Request is the input of ActivityBuild and ActivityIndex.
type Request struct {
	ID   uuid.UUID `json:"id"`
	Site string    `json:"site"`
}

// EndRequest is the input of ActivityEnd.
type EndRequest struct {
	ID    uuid.UUID `json:"id"`
	State State     `json:"state"`
	// IndexSeconds is how long the index took.
	IndexSeconds float64 `json:"indexSeconds,omitempty"`
	// Failure is why, nil for a build that did not fail.
	Failure *fault.Failure `json:"failure,omitempty"`
}

// Progress is the answer of every activity: the build as its record has it.
type Progress struct {
	// ID is zero when no build was asked for.
	ID    uuid.UUID `json:"id"`
	State State     `json:"state"`
	Cause Cause     `json:"cause,omitempty"`
	// Source is where the files are from, and ETag their commit or digest.
	Source string `json:"source,omitempty"`
	ETag   string `json:"etag,omitempty"`
	Engine string `json:"engine,omitempty"`
	Pages  int    `json:"pages,omitempty"`
	// Problems is how many there are.
	Problems int `json:"problems,omitempty"`
	// Built says that the build published a site; without it, nothing has changed.
	Built bool `json:"built,omitempty"`
	// IndexSeconds is how long the index took.
	IndexSeconds float64 `json:"indexSeconds,omitempty"`
	// Wait is how long the host asks to wait before its files are read, with the reason.
	Wait       time.Duration  `json:"wait,omitempty"`
	WaitReason string         `json:"waitReason,omitempty"`
	Failure    *fault.Failure `json:"failure,omitempty"`
}

// State is a state of a build.
type State string

// The states.
const (
	// Requested is a build that somebody asked for and that no workflow has begun.
	Requested State = "requested"
	// Waiting is one that waits for a worker.
	Waiting State = "waiting"
	// Building is one that a worker fetches, renders, publishes or indexes.
	Building State = "building"

	Published State = "published"
	// Unchanged is the end of a build that found the site as its sources are.
	Unchanged State = "unchanged"
	Failed    State = "failed"
)

// HasEnded reports whether nothing happens to the build any more.
func (s State) HasEnded() bool { return slices.Contains([]State{Published, Unchanged, Failed}, s) }

// Cause is why a build was asked for.
type Cause string

// The causes.
const (
	ByPerson   Cause = "person"
	ByPush     Cause = "push"
	BySchedule Cause = "schedule"
	// ByRead is a reader who wants to know whether there is something newer.
	ByRead Cause = "read"
)

// Summary is a cause in a few words.
func (c Cause) Summary() string {
	switch c {
	case ByPush:
		return "after a push"
	case BySchedule:
		return "by schedule"
	case ByRead:
		return "for a reader"
	default:
		return "for a person"
	}
}

// Sentence says who asked for a build.
func (c Cause) Sentence() string {
	switch c {
	case ByPush:
		return "A push to its repository asked for it."
	case BySchedule:
		return "It looks for news because it has not for some time."
	case ByRead:
		return "Somebody reads the site."
	default:
		return "A person asked for it."
	}
}

// siteOf is the name by which the record knows the site of an entity.
func siteOf(ref entity.Ref) string { return ref.String() }

// versionOf is the name by which the record knows a version of a site.
func versionOf(site, version string) string { return techdocs.JoinVersion(site, version) }

// refOf is the site of a record as the store names it.
func refOf(site string) (techdocs.Ref, error) {
	base, version, is := techdocs.SplitVersion(site)
	ref, err := entity.ParseRef(base, entity.Ref{})
	if err != nil || !is {
		return techdocs.Ref{}, fault.Wrap(fault.NotFound, err, "There is no documentation of '%s'", site)
	}
	return techdocs.Ref{Namespace: ref.Namespace, Kind: ref.Kind, Name: ref.Name, Version: version}, nil
}

// splitRef takes the version off the name of a reference, and returns the entity's with the name of the site in the record.
func splitRef(ref entity.Ref) (entity.Ref, string, error) {
	name, version, is := techdocs.SplitVersion(ref.Name)
	if ref.Name = name; !is {
		return ref, "", fault.New(fault.NotFound, "There is no such version of the documentation of %s", ref)
	}
	return ref, versionOf(siteOf(ref), version), nil
}
