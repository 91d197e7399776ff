package config

import "time"

// Portico is the section with Portico's own settings.
type Portico struct {
	Database   Database   `yaml:"database"`
	Temporal   Temporal   `yaml:"temporal"`
	Encryption Encryption `yaml:"encryption"`
	Workspace  Workspace  `yaml:"workspace"`
	Files      Files      `yaml:"files"`
	Policy     Policy     `yaml:"policy"`
	Server     Server     `yaml:"server"`
	HTTP       HTTP       `yaml:"http"`
	Form       Form       `yaml:"form"`
	MkDocs     MkDocs     `yaml:"mkdocs"`
	// TokenExchange has no issuers when no tokens are exchanged.
	TokenExchange TokenExchange `yaml:"tokenExchange"`
	Audit         Audit         `yaml:"audit"`
	Run           Run           `yaml:"run"`
	Telemetry     Telemetry     `yaml:"telemetry"`
	Search        PorticoSearch `yaml:"search"`
	TechDocs      DocsBuilds    `yaml:"techdocs"`
}

// Form adds to the forms of templates.
type Form struct {
	// Fields are custom fields by their names, which templates have as ui:field.
	Fields map[string]FormField `yaml:"fields"`
	// Decorators are the form decorators of templates that set a person's token, by their ids.
	Decorators map[string]FormDecorator `yaml:"decorators"`
}

// FormField is a custom field: an element that a JavaScript module defines.
type FormField struct {
	Module  string `yaml:"module"`
	Element string `yaml:"element"`
}

// FormDecorator makes the person's token at a sign-in provider a secret of the run.
type FormDecorator struct {
	Provider string `yaml:"provider"`
	// Scopes are those of the token, none for the provider's usual ones.
	Scopes []string `yaml:"scopes"`
	// Secret is the name under which steps read the token.
	Secret string `yaml:"secret"`
}

// HTTP limits what templates ask Portico's own API.
type HTTP struct {
	// Plugins are the ids of the plugins that http:backstage:request may call as the run's starter.
	Plugins []string `yaml:"plugins"`
}

// Policy is how the files with roles are read.
type Policy struct {
	SkipInvalidLines bool `yaml:"skipInvalidLines"`
}

// Telemetry configures traces and metrics.
type Telemetry struct {
	Traces  TelemetryTraces  `yaml:"traces"`
	Metrics TelemetryMetrics `yaml:"metrics"`
}

// TelemetryTraces configures the export of spans.
type TelemetryTraces struct {
	// Endpoint is the URL of an OTLP collector. When empty, OpenTelemetry's environment variables apply.
	Endpoint string `yaml:"endpoint"`
	// Protocol is http/protobuf or grpc. When empty, the environment variables apply.
	Protocol string `yaml:"protocol"`
}

// TelemetryMetrics configures the endpoint for metrics.
type TelemetryMetrics struct {
	// Address is host:port of the listener of /metrics. When empty, there is none.
	Address string `yaml:"address"`
}

// Database is Postgres. With an empty URL, `portico dev` starts its own.
type Database struct {
	URL Secret `yaml:"url"`
	// DirectURL is the same database without a connection pooler. Empty means that URL has none.
	DirectURL      Secret `yaml:"directUrl"`
	MaxConnections int    `yaml:"maxConnections"`
}

// Temporal is the cluster on which runs are durable. Empty values come from TEMPORAL_* variables or a profile
// of temporal.toml.
type Temporal struct {
	Address   string `yaml:"address"`
	Namespace string `yaml:"namespace"`
	TaskQueue string `yaml:"taskQueue"`
	// BackgroundConcurrency is how many background activities (those for which no user waits) one worker runs
	// at once.
	BackgroundConcurrency int    `yaml:"backgroundConcurrency"`
	Profile               string `yaml:"profile"`
	ConfigFile            string `yaml:"configFile"`
	APIKey                Secret `yaml:"apiKey"`
	// APIKeyFile contains the key. It is read for each call.
	APIKeyFile string      `yaml:"apiKeyFile"`
	TLS        TemporalTLS `yaml:"tls"`
	// ConnectTimeout is how long the start waits for the cluster.
	ConnectTimeout time.Duration `yaml:"connectTimeout"`
	// UIURL is the Temporal Web UI's address for links from runs; empty means no links.
	UIURL string `yaml:"uiUrl"`
	// UIUpstream is the address of a Web UI that Portico serves to those who may see it; empty is none.
	UIUpstream Secret `yaml:"uiUpstream"`
}

// TemporalTLS secures the connection to Temporal. The fields with File are paths of PEM files; the others are
// PEM.
type TemporalTLS struct {
	// Mode is auto, required or disabled.
	Mode           string `yaml:"mode"`
	ServerName     string `yaml:"serverName"`
	ServerCA       string `yaml:"serverCa"`
	ServerCAFile   string `yaml:"serverCaFile"`
	ClientCert     string `yaml:"clientCert"`
	ClientCertFile string `yaml:"clientCertFile"`
	ClientKey      Secret `yaml:"clientKey"`
	ClientKeyFile  string `yaml:"clientKeyFile"`
}

// Encryption protects the secrets of runs, step outputs that may contain them, and the private keys that sign
// tokens from readers of the database and of Temporal's histories. The values of runs are not encrypted.
type Encryption struct {
	// Keys are AES-256 keys: the first encrypts, all of them decrypt.
	Keys []EncryptionKey `yaml:"keys"`
}

// EncryptionKey is one key: 32 bytes in base64, and an id that is stored with what it encrypts.
type EncryptionKey struct {
	ID  string `yaml:"id"`
	Key Secret `yaml:"key"`
}

// Files limits which local files the catalog and templates may read.
type Files struct {
	// Directories may be read in addition to the directories of catalog.locations of type file, each with
	// everything below it.
	Directories []string `yaml:"directories"`
}

// Workspace configures the storage of a run's files between its steps.
type Workspace struct {
	// URL is the bucket (file:///var/lib/portico, s3://..., gs://..., azblob://...); empty means the data
	// directory.
	URL string `yaml:"url"`
	// CacheDirectory is the worker's own copy of recent workspaces; empty means the data directory.
	CacheDirectory string `yaml:"cacheDirectory"`
	// CacheBytes bounds that copy.
	CacheBytes int64 `yaml:"cacheBytes"`
	// MaxBytes and MaxFiles bound one workspace.
	MaxBytes int64 `yaml:"maxBytes"`
	MaxFiles int   `yaml:"maxFiles"`
}

// Server configures the start and stop of the process, and limits per client.
type Server struct {
	// DrainPeriod is the time between the readiness probe's first failure and the closing of the listener.
	DrainPeriod time.Duration `yaml:"drainPeriod"`
	// ShutdownGracePeriod is how long requests and activities may take to finish once the process has been
	// told to stop.
	ShutdownGracePeriod time.Duration `yaml:"shutdownGracePeriod"`
	// AllowedHosts are accepted Host headers, in addition to those of the base URLs, localhost and IP
	// addresses.
	AllowedHosts []string `yaml:"allowedHosts"`
	// WrongTokensPerMinute is how many wrong tokens an address may send.
	WrongTokensPerMinute int               `yaml:"wrongTokensPerMinute"`
	RequestsPerMinute    RequestsPerMinute `yaml:"requestsPerMinute"`
	// StreamsPerCaller is how many runs one principal may follow at once.
	StreamsPerCaller int `yaml:"streamsPerCaller"`
}

// RequestsPerMinute are the requests that are served in a minute for each user, each subject of a machine's
// token, and each address that signs in. 0 is any number.
type RequestsPerMinute struct {
	User    int `yaml:"user"`
	Service int `yaml:"service"`
	SignIn  int `yaml:"signIn"`
}

// Discovery says where plugins of a Backstage are.
type Discovery struct {
	Endpoints []DiscoveryEndpoint `yaml:"endpoints"`
}

// DiscoveryEndpoint is the address of some plugins. {{pluginId}} in it stands for each of them.
type DiscoveryEndpoint struct {
	Target  DiscoveryTarget `yaml:"target"`
	Plugins []string        `yaml:"plugins"`
}

// DiscoveryTarget is an address by which backends reach a plugin.
type DiscoveryTarget struct {
	Internal string `yaml:"internal"`
}

// TokenExchange is what CI jobs get for the identity tokens of their system.
type TokenExchange struct {
	// Audience is the audience of these tokens, by default Backend.BaseURL.
	Audience string `yaml:"audience"`
	// Lifetime is that of the tokens that jobs get.
	Lifetime time.Duration    `yaml:"lifetime"`
	Issuers  []ExchangeIssuer `yaml:"issuers"`
}

// ExchangeIssuer signs the identity tokens of jobs. An empty KeysURL is in its OpenID configuration.
type ExchangeIssuer struct {
	Issuer  string         `yaml:"issuer"`
	KeysURL string         `yaml:"keysUrl"`
	Rules   []ExchangeRule `yaml:"rules"`
}

// ExchangeRule says by their claims which tokens are exchanged, and what the job's token may do.
type ExchangeRule struct {
	Subject            string              `yaml:"subject"`
	Claims             map[string][]string `yaml:"claims"`
	AccessRestrictions []AccessRestriction `yaml:"accessRestrictions"`
}

// Audit configures the audit log.
type Audit struct {
	// Retention is how long an event is kept, 0 for ever.
	Retention time.Duration `yaml:"retention"`
	// Webhook is nil when the events are sent nowhere.
	Webhook *Webhook `yaml:"webhook"`
}

// Webhook is where messages are sent. The URL may have a token of the receiver.
type Webhook struct {
	URL    Secret `yaml:"url"`
	Secret Secret `yaml:"secret"`
}

// Run configures the life of a template's run.
type Run struct {
	// ParkedExpiry is how long a failed run waits for a decision.
	ParkedExpiry time.Duration `yaml:"parkedExpiry"`
	// Retention is how long a run is kept after its end, 0 for ever.
	Retention time.Duration `yaml:"retention"`
	// WorkspaceRetention is how long a run that failed or was cancelled keeps its files.
	WorkspaceRetention time.Duration `yaml:"workspaceRetention"`
	// StuckTimeout is how long a run's workflow may fail for an internal reason before the run is parked.
	StuckTimeout time.Duration `yaml:"stuckTimeout"`
	// ReconcileInterval is how often runs without progress in that time are compared with Temporal.
	ReconcileInterval time.Duration `yaml:"reconcileInterval"`
	// StepTimeout is how long one attempt of a step may take.
	StepTimeout time.Duration `yaml:"stepTimeout"`
	// StrictExpressions fails a step whose input cannot be evaluated.
	StrictExpressions bool `yaml:"strictExpressions"`
	// StrictInputs rejects inputs that an action does not declare.
	StrictInputs bool   `yaml:"strictInputs"`
	Memory       Memory `yaml:"memory"`
	Retry        Retry  `yaml:"retry"`
}

// Memory limits the memory of rendering.
type Memory struct {
	// EvaluationMiB is the limit of one evaluation, ProcessMiB the limit of the process.
	EvaluationMiB int `yaml:"evaluationMiB"`
	ProcessMiB    int `yaml:"processMiB"`
	// Waiting is how many evaluations may wait for memory.
	Waiting int `yaml:"waiting"`
}

// Retry configures the automatic retries of a step after a transient failure.
type Retry struct {
	InitialInterval time.Duration `yaml:"initialInterval"`
	MaximumInterval time.Duration `yaml:"maximumInterval"`
	MaximumAttempts int           `yaml:"maximumAttempts"`
}
