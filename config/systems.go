package config

import "time"

// Jenkins is the server of the actions on jobs, in the form of Backstage's plugin for it.
type Jenkins struct {
	BaseURL            string            `yaml:"baseUrl"`
	Username           string            `yaml:"username"`
	APIKey             Secret            `yaml:"apiKey"`
	Headers            map[string]Secret `yaml:"headers"`
	CrumbIssuerEnabled bool              `yaml:"crumbIssuerEnabled"`
}

// Jira is the site of the action that creates issues.
type Jira struct {
	URL      string `yaml:"url"`
	APIToken Secret `yaml:"apiToken"`
}

// ServiceNow is the instance of the actions on tables, in the form of Backstage's plugin for it.
type ServiceNow struct {
	BaseURL  string `yaml:"baseUrl"`
	Username string `yaml:"username"`
	Password Secret `yaml:"password"`
}

// Slack is where messages go, in the form of the plugin for it. WebhookHosts are Portico's own.
type Slack struct {
	WebhookURL       Secret   `yaml:"webhookUrl"`
	WebhookHosts     []string `yaml:"webhookHosts"`
	Token            Secret   `yaml:"token"`
	ConversationID   string   `yaml:"conversationId"`
	ConversationName string   `yaml:"conversationName"`
}

// MSTeams is where messages go, in the form of the plugin for it. WebhookHosts are Portico's own.
type MSTeams struct {
	WebhookURL   Secret   `yaml:"webhookUrl"`
	WebhookHosts []string `yaml:"webhookHosts"`
}

// SonarQube are the servers on which templates may create projects, in the form of Backstage's plugin for it.
type SonarQube struct {
	BaseURL   string              `yaml:"baseUrl"`
	Instances []SonarQubeInstance `yaml:"instances"`
}

// SonarQubeInstance is a further server.
type SonarQubeInstance struct {
	BaseURL string `yaml:"baseUrl"`
}

// URLs are the addresses of all of them.
func (s SonarQube) URLs() []string {
	var urls []string
	for _, one := range append([]SonarQubeInstance{{s.BaseURL}}, s.Instances...) {
		if one.BaseURL != "" {
			urls = append(urls, one.BaseURL)
		}
	}
	return urls
}

// Sentry is where projects are created, in the form of Backstage's module for it. APIBaseURL is empty for sentry.io.
type Sentry struct {
	Token      Secret `yaml:"token"`
	APIBaseURL string `yaml:"apiBaseUrl"`
}

// PagerDuty is where services are created, in the form of PagerDuty's plugin for Backstage.
type PagerDuty struct {
	APIToken   Secret `yaml:"apiToken"`
	APIBaseURL string `yaml:"apiBaseUrl"`
}

// TeraSky is the section of TeraSky's plugin kubernetes-ingestor. The actions of its utilities read a part of it.
type TeraSky struct {
	AnnotationPrefix string `yaml:"annotationPrefix"`
	// DefaultOwner, AllowedClusterNames, ArgoIntegration, Mappings and Components are for the entities of workloads.
	DefaultOwner        string               `yaml:"defaultOwner"`
	AllowedClusterNames []string             `yaml:"allowedClusterNames"`
	ArgoIntegration     bool                 `yaml:"argoIntegration"`
	Mappings            KubernetesMappings   `yaml:"mappings"`
	Components          KubernetesComponents `yaml:"components"`
	Crossplane          struct {
		XRDs struct {
			PublishPhase TeraSkyPublish `yaml:"publishPhase"`
		} `yaml:"xrds"`
	} `yaml:"crossplane"`
	GenericCRDTemplates struct {
		PublishPhase struct {
			Target string `yaml:"target"`
		} `yaml:"publishPhase"`
	} `yaml:"genericCRDTemplates"`
}

// KubernetesMappings say what the names of entities are made of; each is one of the plugin's models.
type KubernetesMappings struct {
	NamespaceModel           string `yaml:"namespaceModel"`
	NameModel                string `yaml:"nameModel"`
	TitleModel               string `yaml:"titleModel"`
	SystemModel              string `yaml:"systemModel"`
	ReferencesNamespaceModel string `yaml:"referencesNamespaceModel"`
}

// KubernetesComponents says which workloads become entities.
type KubernetesComponents struct {
	Enabled                      bool     `yaml:"enabled"`
	IngestAsResources            bool     `yaml:"ingestAsResources"`
	OnlyIngestAnnotatedResources bool     `yaml:"onlyIngestAnnotatedResources"`
	ExcludedNamespaces           []string `yaml:"excludedNamespaces"`
	// Namespaces are the only ones that are read; empty means all. It is Portico's own.
	Namespaces                  []string         `yaml:"namespaces"`
	CustomWorkloadTypes         []WorkloadType   `yaml:"customWorkloadTypes"`
	DisableDefaultWorkloadTypes bool             `yaml:"disableDefaultWorkloadTypes"`
	TaskRunner                  KubernetesRunner `yaml:"taskRunner"`
}

// WorkloadType is a kind of objects that become entities besides the usual workloads.
type WorkloadType struct {
	Group             string `yaml:"group"`
	APIVersion        string `yaml:"apiVersion"`
	Plural            string `yaml:"plural"`
	DefaultType       string `yaml:"defaultType"`
	IngestAsResources bool   `yaml:"ingestAsResources"`
}

// KubernetesRunner says when clusters are read.
type KubernetesRunner struct {
	Frequency time.Duration `yaml:"frequency"`
	Timeout   time.Duration `yaml:"timeout"`
}

// TeraSkyPublish says where manifests are pushed.
type TeraSkyPublish struct {
	Target string `yaml:"target"`
	Git    struct {
		RepoURL      string `yaml:"repoUrl"`
		TargetBranch string `yaml:"targetBranch"`
	} `yaml:"git"`
}

// Quay is the company's own Quay, in the form of Backstage's plugin for it.
type Quay struct {
	UIURL string `yaml:"uiUrl"`
}
