package argocd

import (
	"encoding/json"
	"time"
)

const (
	// InCluster is the address of the cluster in which Argo CD runs.
	InCluster = "https://kubernetes.default.svc"
	// Finalizer has Argo CD delete what was deployed together with the resource.
	Finalizer = "resources-finalizer.argocd.argoproj.io"
)

// Metadata is that of a Kubernetes object.
type Metadata struct {
	Name              string            `json:"name"`
	Namespace         string            `json:"namespace,omitempty"`
	UID               string            `json:"uid,omitempty"`
	CreationTimestamp time.Time         `json:"creationTimestamp,omitzero"`
	DeletionTimestamp *time.Time        `json:"deletionTimestamp,omitempty"`
	Labels            map[string]string `json:"labels,omitempty"`
	Annotations       map[string]string `json:"annotations,omitempty"`
	Finalizers        []string          `json:"finalizers"`
}

// Project is an AppProject, as far as Portico writes and reads it.
type Project struct {
	Metadata Metadata `json:"metadata"`
	Spec     struct {
		Destinations []Destination `json:"destinations"`
		SourceRepos  []string      `json:"sourceRepos"`
	} `json:"spec"`
}

// Destination is where something is deployed.
type Destination struct {
	Name      string `json:"name,omitempty"`
	Namespace string `json:"namespace"`
	Server    string `json:"server"`
}

// Application is an Application, as far as Portico writes and reads it.
type Application struct {
	Metadata Metadata        `json:"metadata"`
	Spec     ApplicationSpec `json:"spec"`
	Status   Status          `json:"status,omitzero"`
}

// ApplicationSpec is what an application deploys, and where. One with several sources has Sources and no Source.
type ApplicationSpec struct {
	Destination          Destination     `json:"destination"`
	Project              string          `json:"project"`
	RevisionHistoryLimit int             `json:"revisionHistoryLimit"`
	Source               Source          `json:"source"`
	Sources              []Source        `json:"sources,omitempty"`
	SyncPolicy           json.RawMessage `json:"syncPolicy"`
}

// Source is a directory of a Git repository, or a chart.
type Source struct {
	Path           string `json:"path"`
	RepoURL        string `json:"repoURL"`
	Chart          string `json:"chart,omitempty"`
	TargetRevision string `json:"targetRevision,omitempty"`
}

// Status is what Argo CD has found out about an application.
type Status struct {
	Sync           SyncStatus     `json:"sync"`
	Health         Health         `json:"health"`
	Conditions     []Condition    `json:"conditions,omitempty"`
	OperationState OperationState `json:"operationState,omitzero"`
	History        []Deployment   `json:"history,omitempty"`
	Summary        struct {
		Images       []string `json:"images,omitempty"`
		ExternalURLs []string `json:"externalURLs,omitempty"`
	} `json:"summary,omitzero"`
}

// SyncStatus says whether what is deployed is what the sources say.
type SyncStatus struct {
	// Status is Synced, OutOfSync or Unknown.
	Status string `json:"status"`
	// Revision is that of the source, Revisions those of the Sources.
	Revision  string   `json:"revision,omitempty"`
	Revisions []string `json:"revisions,omitempty"`
}

// Health says whether what is deployed works.
type Health struct {
	// Status is Healthy, Progressing, Degraded, Suspended, Missing or Unknown.
	Status  string `json:"status"`
	Message string `json:"message,omitempty"`
}

// Condition is something that is wrong with an application, or worth a warning.
type Condition struct {
	// Type ends with Error or Warning.
	Type               string    `json:"type"`
	Message            string    `json:"message"`
	LastTransitionTime time.Time `json:"lastTransitionTime,omitzero"`
}

// OperationState is the latest synchronization. Its zero value says that there was none.
type OperationState struct {
	// Phase is Running, Terminating, Failed, Error or Succeeded.
	Phase      string    `json:"phase"`
	Message    string    `json:"message,omitempty"`
	StartedAt  time.Time `json:"startedAt,omitzero"`
	FinishedAt time.Time `json:"finishedAt,omitzero"`
	Operation  struct {
		InitiatedBy Initiator `json:"initiatedBy,omitzero"`
	} `json:"operation,omitzero"`
}

// Initiator is who began a synchronization: a user, or Argo CD itself.
type Initiator struct {
	Username  string `json:"username,omitempty"`
	Automated bool   `json:"automated,omitempty"`
}

// Deployment is an entry of an application's history.
type Deployment struct {
	ID          int64     `json:"id"`
	DeployedAt  time.Time `json:"deployedAt"`
	Revision    string    `json:"revision,omitempty"`
	Revisions   []string  `json:"revisions,omitempty"`
	Source      Source    `json:"source,omitzero"`
	Sources     []Source  `json:"sources,omitempty"`
	InitiatedBy Initiator `json:"initiatedBy,omitzero"`
}
