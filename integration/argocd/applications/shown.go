package applications

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/portico-dev/portico/integration/argocd"
)

// Application is an application as the page of an entity shows it.
type Application struct {
	// Instance is the name of the instance of Argo CD, Namespace that of the application's resource.
	Instance  string `json:"instance"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	Project   string `json:"project"`
	// URL is its page in Argo CD.
	URL         string      `json:"url,omitempty"`
	Destination Destination `json:"destination"`
	// Sync is Synced, OutOfSync or Unknown.
	Sync string `json:"sync"`
	// Health is Healthy, Progressing, Degraded, Suspended, Missing or Unknown.
	Health        string `json:"health"`
	HealthMessage string `json:"healthMessage,omitempty"`
	// Deleting says that its deletion was asked for.
	Deleting   bool        `json:"deleting,omitempty"`
	Revisions  []Revision  `json:"revisions"`
	Images     []string    `json:"images"`
	Conditions []Condition `json:"conditions"`
	// Operation is the latest synchronization, nil when there was none.
	Operation *Operation `json:"operation,omitempty"`
	// History has the latest deployments first.
	History []Deployment `json:"history"`
}

// Destination is where an application is deployed.
type Destination struct {
	// Cluster is its name in Argo CD, or its address.
	Cluster   string `json:"cluster,omitempty"`
	Namespace string `json:"namespace,omitempty"`
}

// Revision is what of a source is deployed, or was.
type Revision struct {
	// ID is a commit, or the version of a chart.
	ID string `json:"id"`
	// URL is the page of the commit.
	URL string `json:"url,omitempty"`
	// Repository is the address of the source, without credentials.
	Repository string `json:"repository,omitempty"`
}

// Condition is something that is wrong with an application, or worth a warning.
type Condition struct {
	Type    string     `json:"type"`
	Message string     `json:"message"`
	At      *time.Time `json:"at,omitempty"`
}

// Operation is a synchronization.
type Operation struct {
	// Phase is Running, Terminating, Failed, Error or Succeeded.
	Phase   string `json:"phase"`
	Message string `json:"message,omitempty"`
	// By is who began it.
	By         string     `json:"by,omitempty"`
	StartedAt  *time.Time `json:"startedAt,omitempty"`
	FinishedAt *time.Time `json:"finishedAt,omitempty"`
}

// Deployment is an entry of an application's history.
type Deployment struct {
	ID         int64      `json:"id"`
	DeployedAt time.Time  `json:"deployedAt"`
	By         string     `json:"by,omitempty"`
	Revisions  []Revision `json:"revisions"`
}

// Bounds of what is shown.
const (
	maxApplications = 50
	maxRevisions    = 10
	maxImages       = 20
	maxConditions   = 10
	maxHistory      = 10
	maxMessage      = 1000
)

// show is an application of an instance as it is shown.
func (s *Service) show(instance argocd.Instance, found argocd.Application) Application {
	spec, status := found.Spec, found.Status
	shown := Application{
		Instance: instance.Name, Namespace: found.Metadata.Namespace, Name: found.Metadata.Name, Project: spec.Project,
		URL:         instance.Page(found.Metadata.Namespace, found.Metadata.Name),
		Destination: Destination{Cluster: cmp.Or(spec.Destination.Name, spec.Destination.Server), Namespace: spec.Destination.Namespace},
		Sync:        cmp.Or(status.Sync.Status, "Unknown"), Health: cmp.Or(status.Health.Status, "Unknown"), HealthMessage: shorten(status.Health.Message),
		Deleting:  found.Metadata.DeletionTimestamp != nil,
		Revisions: s.revisions(status.Sync.Revision, status.Sync.Revisions, spec.Source, spec.Sources),
		Images:    first(maxImages, status.Summary.Images), Conditions: []Condition{}, History: []Deployment{},
	}
	for _, condition := range first(maxConditions, status.Conditions) {
		shown.Conditions = append(shown.Conditions, Condition{condition.Type, shorten(condition.Message), moment(condition.LastTransitionTime)})
	}
	if operation := status.OperationState; operation.Phase != "" {
		shown.Operation = &Operation{operation.Phase, shorten(operation.Message), by(operation.Operation.InitiatedBy), moment(operation.StartedAt), moment(operation.FinishedAt)}
	}
	for _, deployed := range first(maxHistory, newest(status.History)) {
		shown.History = append(shown.History, Deployment{deployed.ID, deployed.DeployedAt, by(deployed.InitiatedBy),
			s.revisions(deployed.Revision, deployed.Revisions, deployed.Source, deployed.Sources)})
	}
	return shown
}

// newest is a history in the other order: Argo CD has the latest deployment last.
func newest(history []argocd.Deployment) []argocd.Deployment {
	reversed := slices.Clone(history)
	slices.SortStableFunc(reversed, func(a, b argocd.Deployment) int { return b.DeployedAt.Compare(a.DeployedAt) })
	return reversed
}

// revisions pairs revisions with their sources. An application has one of each, or several.
func (s *Service) revisions(one string, several []string, source argocd.Source, sources []argocd.Source) []Revision {
	if len(several) == 0 && one != "" {
		several, sources = []string{one}, []argocd.Source{source}
	}
	shown := []Revision{}
	for n, id := range first(maxRevisions, several) {
		revision := Revision{ID: shorten(id)}
		if n < len(sources) {
			revision.Repository = shorten(sources[n].RepoURL)
			revision.URL, _ = s.options.Hosts.CommitURL(sources[n].RepoURL, id)
		}
		shown = append(shown, revision)
	}
	return shown
}

// first is at most so many items, never nil.
func first[T any](most int, items []T) []T {
	return append([]T{}, items[:min(len(items), most)]...)
}

// by names who began something.
func by(initiator argocd.Initiator) string {
	if initiator.Automated {
		return "Argo CD"
	}
	return initiator.Username
}

// moment is a time, nil for the zero one.
func moment(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

// credentials are those of an address, which Argo CD repeats in messages about it.
var credentials = regexp.MustCompile(`(://)[^/@\s]+@`)

// shorten is a text that may be shown: of bounded length, and without credentials.
func shorten(text string) string {
	text = credentials.ReplaceAllString(text, "$1")
	if len(text) <= maxMessage {
		return text
	}
	return strings.ToValidUTF8(text[:maxMessage], "") + "…"
}
