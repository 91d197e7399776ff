// Package config reads Portico's configuration: Backstage's app-config.yaml files, merged, with environment
// variables and included files put in, checked against schema.yaml and handed out as one typed value. It
// knows what a key means only as far as its type goes; what to do with it is for the package that uses it.
package config

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Config is everything that Portico reads from its configuration. Every field has its key, default and
// description in schema.yaml; a test holds the two together.
type Config struct {
	App          App          `yaml:"app"`
	Backend      Backend      `yaml:"backend"`
	Auth         Auth         `yaml:"auth"`
	Integrations Integrations `yaml:"integrations"`
	Catalog      Catalog      `yaml:"catalog"`
	Scaffolder   Scaffolder   `yaml:"scaffolder"`
	Permission   Permission   `yaml:"permission"`
	Portico      Portico      `yaml:"portico"`

	// Warnings are keys that nobody reads and that look like one that is read, misspelt.
	Warnings []Problem `yaml:"-"`
}

// App is the portal as people see it. BaseURL is Backend.BaseURL unless it is configured.
type App struct {
	Title   string `yaml:"title"`
	BaseURL string `yaml:"baseUrl"`
}

// Backend is the HTTP server. BaseURL is built from Listen unless it is configured.
type Backend struct {
	BaseURL string      `yaml:"baseUrl"`
	Listen  Listen      `yaml:"listen"`
	Auth    BackendAuth `yaml:"auth"`
	Reading Reading     `yaml:"reading"`
	// CORS is nil when no other origin may call the API: no CORS headers are sent then.
	CORS *CORS `yaml:"cors"`
	CSP  CSP   `yaml:"csp"`
}

// Listen is the address to serve on. An empty Host is every interface, Port 0 is any free port.
type Listen struct {
	Host string `yaml:"host"`
	Port int    `yaml:"port"`
}

// BackendAuth says which machines may call the API.
type BackendAuth struct {
	ExternalAccess []ExternalAccess `yaml:"externalAccess"`
	// Keys is Backstage's older way to write entries of type legacy.
	Keys []SharedKey `yaml:"keys"`
}

// SharedKey is a secret that Backstage's backends of old sign tokens for each other with, in base64.
type SharedKey struct {
	Secret Secret `yaml:"secret"`
}

// Types of ExternalAccess.
const (
	AccessStatic = "static"
	AccessLegacy = "legacy"
	AccessJWKS   = "jwks"
)

// ExternalAccess is one sort of token for machines.
type ExternalAccess struct {
	// Type is static for a token that is passed along as it is, legacy for tokens that are signed with a
	// shared secret, and jwks for tokens of an issuer who publishes the keys. Options has the values of this
	// type only.
	Type    string                `yaml:"type"`
	Options ExternalAccessOptions `yaml:"options"`
	// AccessRestrictions, when not empty, are all that the tokens are good for.
	AccessRestrictions []AccessRestriction `yaml:"accessRestrictions"`
}

// ExternalAccessOptions say which tokens they are.
type ExternalAccessOptions struct {
	// Token is the token of a static entry, Secret that of a legacy one, in base64.
	Token  Secret `yaml:"token"`
	Secret Secret `yaml:"secret"`
	// Subject is the name that the holder of a static or legacy token goes by.
	Subject string `yaml:"subject"`
	// The rest is for jwks: where the keys are, and what tokens must say of themselves where it is not empty.
	URL           string   `yaml:"url"`
	Issuer        []string `yaml:"issuer"`
	Audience      []string `yaml:"audience"`
	Algorithm     []string `yaml:"algorithm"`
	SubjectPrefix string   `yaml:"subjectPrefix"`
}

// AccessRestriction allows one plugin, narrowed to some permissions when any are named.
type AccessRestriction struct {
	Plugin              string              `yaml:"plugin"`
	Permission          []string            `yaml:"permission"`
	PermissionAttribute PermissionAttribute `yaml:"permissionAttribute"`
}

// PermissionAttribute narrows a restriction to permissions with one of these actions (create, read, update,
// delete).
type PermissionAttribute struct {
	Action []string `yaml:"action"`
}

// Reading lists the hosts, besides those of the integrations, that URLs may be read from.
type Reading struct {
	Allow []ReadingAllow `yaml:"allow"`
}

// ReadingAllow is one such host: "example.com", "example.com:8080", "example.com:8000-9000" or
// "*.example.com". Paths, when not empty, are the only path prefixes allowed.
type ReadingAllow struct {
	Host  string   `yaml:"host"`
	Paths []string `yaml:"paths"`
}

// CSP is the part of Backstage's content security policy that the portal heeds.
type CSP struct {
	// ImageSources are where pages may load pictures from; nil is the portal itself and the hosts of the
	// integrations.
	ImageSources []string `yaml:"img-src"`
}

// CORS says which web origins may call the API; Origin holds globs.
type CORS struct {
	Origin         []string      `yaml:"origin"`
	Methods        []string      `yaml:"methods"`
	AllowedHeaders []string      `yaml:"allowedHeaders"`
	ExposedHeaders []string      `yaml:"exposedHeaders"`
	Credentials    bool          `yaml:"credentials"`
	MaxAge         time.Duration `yaml:"maxAge"`
}

// Auth is how people sign in.
type Auth struct {
	Providers AuthProviders `yaml:"providers"`
}

// AuthProviders holds the sign-in methods that are configured; nil means off.
type AuthProviders struct {
	Guest *Guest `yaml:"guest"`
}

// Guest signs everybody in as one user, without a question.
type Guest struct {
	UserEntityRef string `yaml:"userEntityRef"`
	// OwnershipEntityRefs are whose things the guest owns; empty means its own.
	OwnershipEntityRefs                []string `yaml:"ownershipEntityRefs"`
	DangerouslyAllowOutsideDevelopment bool     `yaml:"dangerouslyAllowOutsideDevelopment"`
}

// Integrations are the systems that hold source code.
type Integrations struct {
	// GitHub always holds an entry for github.com, the implied one when it is not configured.
	GitHub []GitHub `yaml:"github"`
	Azure  []Azure  `yaml:"azure"`
	// Gerrit is known by its hosts only: enough to tell what a repoUrl means there.
	Gerrit          []SourceHost      `yaml:"gerrit"`
	BitbucketCloud  []BitbucketCloud  `yaml:"bitbucketCloud"`
	BitbucketServer []BitbucketServer `yaml:"bitbucketServer"`
	Gitea           []Gitea           `yaml:"gitea"`
	GitLab          []GitLab          `yaml:"gitlab"`
}

// Azure is one host of Azure DevOps.
type Azure struct {
	Host        string            `yaml:"host"`
	Credentials []AzureCredential `yaml:"credentials"`
}

// AzureCredential is a token for organizations, or, with none, for all that no other credential names.
type AzureCredential struct {
	Organizations       []string `yaml:"organizations"`
	PersonalAccessToken Secret   `yaml:"personalAccessToken"`
}

// BitbucketCloud is bitbucket.org with its credentials: a token, or a name with a token or an app password.
type BitbucketCloud struct {
	Host        string `yaml:"host"`
	Username    string `yaml:"username"`
	AppPassword Secret `yaml:"appPassword"`
	Token       Secret `yaml:"token"`
}

// BitbucketServer is one host of Bitbucket Server or Data Center. APIBaseURL is rest/api/1.0 there unless it
// is configured.
type BitbucketServer struct {
	Host       string `yaml:"host"`
	APIBaseURL string `yaml:"apiBaseUrl"`
	Token      Secret `yaml:"token"`
	Username   string `yaml:"username"`
	Password   Secret `yaml:"password"`
}

// Gitea is one Gitea host. BaseURL is https:// and the host unless it is configured; a Password without a
// Username is a token.
type Gitea struct {
	Host     string `yaml:"host"`
	BaseURL  string `yaml:"baseUrl"`
	Username string `yaml:"username"`
	Password Secret `yaml:"password"`
}

// GitLab is one GitLab host. APIBaseURL is api/v4 below BaseURL, and BaseURL is https:// and the host, unless
// they are configured.
type GitLab struct {
	Host       string `yaml:"host"`
	APIBaseURL string `yaml:"apiBaseUrl"`
	BaseURL    string `yaml:"baseUrl"`
	Token      Secret `yaml:"token"`
}

// SourceHost is a host of source code as it stands in URLs.
type SourceHost struct {
	Host string `yaml:"host"`
}

// GitHub is one GitHub host. APIBaseURL is https://api.github.com for github.com unless it is configured.
type GitHub struct {
	Host       string      `yaml:"host"`
	APIBaseURL string      `yaml:"apiBaseUrl"`
	RawBaseURL string      `yaml:"rawBaseUrl"`
	Token      Secret      `yaml:"token"`
	Apps       []GitHubApp `yaml:"apps"`
}

// GitHubApp is a GitHub App whose installation tokens are used in place of Token.
type GitHubApp struct {
	AppID      int64  `yaml:"appId"`
	PrivateKey Secret `yaml:"privateKey"`
	// AllowedInstallationOwners, when not nil, are the only owners whose installations are used.
	AllowedInstallationOwners []string `yaml:"allowedInstallationOwners"`
	PublicAccess              bool     `yaml:"publicAccess"`
}

// Catalog is where entities come from and how they are kept.
type Catalog struct {
	Locations []CatalogLocation `yaml:"locations"`
	// Rules say which kinds may come from where. Nil (no catalog.rules at all) allows Component, API and
	// Location.
	Rules []CatalogRule `yaml:"rules"`
	// ProcessingInterval is the shortest time between two readings of an entity; 0 means entities are not
	// read again.
	ProcessingInterval              time.Duration `yaml:"processingInterval"`
	OrphanStrategy                  string        `yaml:"orphanStrategy"`
	Readonly                        bool          `yaml:"readonly"`
	DefaultLocationConflictStrategy string        `yaml:"defaultLocationConflictStrategy"`
}

// CatalogLocation is one place that entities are read from: a file or a URL. What Rules allow is allowed from
// there alone.
type CatalogLocation struct {
	Type   string                `yaml:"type"`
	Target string                `yaml:"target"`
	Rules  []CatalogLocationRule `yaml:"rules"`
}

// CatalogLocationRule allows kinds of entities from one location.
type CatalogLocationRule struct {
	Allow []AllowedKind `yaml:"allow"`
}

// CatalogRule allows kinds of entities, from the given locations or, when there are none, from anywhere.
type CatalogRule struct {
	Allow     []AllowedKind         `yaml:"allow"`
	Locations []CatalogRuleLocation `yaml:"locations"`
}

// AllowedKind is a kind, narrowed to one spec.type when SpecType is not empty.
type AllowedKind struct {
	Kind     string `yaml:"kind"`
	SpecType string `yaml:"spec.type"`
}

// CatalogRuleLocation matches locations by type, and by exact target or by a glob over targets, never both.
type CatalogRuleLocation struct {
	Type    string `yaml:"type"`
	Exact   string `yaml:"exact"`
	Pattern string `yaml:"pattern"`
}

// Scaffolder is how templates run.
type Scaffolder struct {
	DefaultAuthor             Author             `yaml:"defaultAuthor"`
	DefaultCommitMessage      string             `yaml:"defaultCommitMessage"`
	DefaultEnvironment        DefaultEnvironment `yaml:"defaultEnvironment"`
	ConcurrentTasksLimit      int                `yaml:"concurrentTasksLimit"`
	RequireSCMUserCredentials bool               `yaml:"requireScmUserCredentials"`
}

// Author is who commits.
type Author struct {
	Name  string `yaml:"name"`
	Email string `yaml:"email"`
}

// DefaultEnvironment is what every template sees as environment.parameters and environment.secrets.
type DefaultEnvironment struct {
	Parameters map[string]string `yaml:"parameters"`
	Secrets    map[string]Secret `yaml:"secrets"`
}

// Permission turns the permission system on.
type Permission struct {
	Enabled bool `yaml:"enabled"`
}

// Portico is the section that Backstage does not have.
type Portico struct {
	Database   Database   `yaml:"database"`
	Temporal   Temporal   `yaml:"temporal"`
	Encryption Encryption `yaml:"encryption"`
	Workspace  Workspace  `yaml:"workspace"`
	Files      Files      `yaml:"files"`
	Server     Server     `yaml:"server"`
	Run        Run        `yaml:"run"`
	Telemetry  Telemetry  `yaml:"telemetry"`
}

// Telemetry is how Portico is seen from outside.
type Telemetry struct {
	Traces  TelemetryTraces  `yaml:"traces"`
	Metrics TelemetryMetrics `yaml:"metrics"`
}

// TelemetryTraces is where spans go.
type TelemetryTraces struct {
	// Endpoint is the URL of an OTLP collector; empty leaves it to OpenTelemetry's environment variables.
	Endpoint string `yaml:"endpoint"`
	// Protocol is http/protobuf or grpc; empty leaves it to the environment as well.
	Protocol string `yaml:"protocol"`
}

// TelemetryMetrics is where metrics are scraped.
type TelemetryMetrics struct {
	// Address is host:port of the listener of /metrics; empty means that there is none.
	Address string `yaml:"address"`
}

// Database is Postgres. An empty URL lets `portico dev` bring its own.
type Database struct {
	URL Secret `yaml:"url"`
	// DirectURL leads to the same database without a connection pooler; empty means that there is none before
	// URL either.
	DirectURL      Secret `yaml:"directUrl"`
	MaxConnections int    `yaml:"maxConnections"`
}

// Temporal is the cluster that runs are durable on. What is empty here comes from TEMPORAL_* variables or a
// profile of temporal.toml.
type Temporal struct {
	Address   string `yaml:"address"`
	Namespace string `yaml:"namespace"`
	TaskQueue string `yaml:"taskQueue"`
	// BackgroundConcurrency is how many activities one worker runs at once of those that nobody waits for.
	BackgroundConcurrency int    `yaml:"backgroundConcurrency"`
	Profile               string `yaml:"profile"`
	ConfigFile            string `yaml:"configFile"`
	APIKey                Secret `yaml:"apiKey"`
	// APIKeyFile holds the key, and is read for each call.
	APIKeyFile string      `yaml:"apiKeyFile"`
	TLS        TemporalTLS `yaml:"tls"`
	// ConnectTimeout is how long a start waits for the cluster.
	ConnectTimeout time.Duration `yaml:"connectTimeout"`
	// UIURL is where the Temporal Web UI is, for links from runs; empty means no links.
	UIURL string `yaml:"uiUrl"`
}

// TemporalTLS secures the connection to Temporal. Files hold PEM and are read by the process; the others are
// PEM themselves.
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

// Encryption keeps what runs carry unreadable to whoever holds only the database or Temporal's histories.
type Encryption struct {
	// Keys are AES-256 keys: the first encrypts, all of them decrypt.
	Keys []EncryptionKey `yaml:"keys"`
}

// EncryptionKey is one key: 32 bytes in base64, and the name it is known by in what it encrypted.
type EncryptionKey struct {
	ID  string `yaml:"id"`
	Key Secret `yaml:"key"`
}

// Files is what of this machine's files the catalog and templates may read.
type Files struct {
	// Directories may be read from beside those that catalog.locations of type file lie in, each with all
	// below it.
	Directories []string `yaml:"directories"`
}

// Workspace is where the files of a run live between its steps.
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

// Server is the life of the process.
type Server struct {
	// DrainPeriod is how long readiness says that the process will stop before its listener closes.
	DrainPeriod time.Duration `yaml:"drainPeriod"`
	// ShutdownGracePeriod is how long requests and activities may take to finish once the process is told to
	// stop.
	ShutdownGracePeriod time.Duration `yaml:"shutdownGracePeriod"`
	// AllowedHosts are the names that are answered to, beside those of the base URLs, localhost and IP
	// addresses.
	AllowedHosts []string `yaml:"allowedHosts"`
	// WrongTokensPerMinute is how many an address may send.
	WrongTokensPerMinute int `yaml:"wrongTokensPerMinute"`
	// StreamsPerCaller is how many runs one principal may follow at once.
	StreamsPerCaller int `yaml:"streamsPerCaller"`
}

// Run is the life of a template run.
type Run struct {
	// ParkedExpiry is how long a failed run waits for somebody to decide.
	ParkedExpiry time.Duration `yaml:"parkedExpiry"`
	// Retention is how long a run is kept after its end, 0 for ever.
	Retention time.Duration `yaml:"retention"`
	// WorkspaceRetention is how long a run that failed or was cancelled keeps its files.
	WorkspaceRetention time.Duration `yaml:"workspaceRetention"`
	// StuckTimeout is how long a run may fail to be carried on for a reason of its own before it is parked.
	StuckTimeout time.Duration `yaml:"stuckTimeout"`
	// ReconcileInterval is how often the runs that were silent for so long are compared with Temporal.
	ReconcileInterval time.Duration `yaml:"reconcileInterval"`
	// StepTimeout is how long one attempt of a step may take.
	StepTimeout time.Duration `yaml:"stepTimeout"`
	// StrictExpressions fails a step with an input that cannot be evaluated.
	StrictExpressions bool `yaml:"strictExpressions"`
	// StrictInputs refuses inputs that an action does not declare.
	StrictInputs bool   `yaml:"strictInputs"`
	Memory       Memory `yaml:"memory"`
	Retry        Retry  `yaml:"retry"`
}

// Memory bounds what rendering takes.
type Memory struct {
	// EvaluationMiB is for what is rendered together, ProcessMiB for all of it.
	EvaluationMiB int `yaml:"evaluationMiB"`
	ProcessMiB    int `yaml:"processMiB"`
	// Waiting is how many may wait for their share.
	Waiting int `yaml:"waiting"`
}

// Retry paces the automatic retries of a step that failed for a passing reason.
type Retry struct {
	InitialInterval time.Duration `yaml:"initialInterval"`
	MaximumInterval time.Duration `yaml:"maximumInterval"`
	MaximumAttempts int           `yaml:"maximumAttempts"`
}

const (
	githubHost   = "github.com"
	githubAPIURL = "https://api.github.com"
	githubRawURL = "https://raw.githubusercontent.com"
)

// derive fills in the values that follow from others when they are not configured.
func (c *Config) derive() {
	c.Backend.Listen.derive()
	if c.Backend.BaseURL == "" {
		c.Backend.BaseURL = c.Backend.Listen.url()
	}
	if c.App.BaseURL == "" {
		c.App.BaseURL = c.Backend.BaseURL
	}
	c.Backend.BaseURL = strings.TrimRight(c.Backend.BaseURL, "/")
	c.App.BaseURL = strings.TrimRight(c.App.BaseURL, "/")
	c.Integrations.deriveGitHub()
}

// deriveGitHub gives github.com its well-known addresses and adds the entry that is always implied.
func (i *Integrations) deriveGitHub() {
	implied := true
	for n := range i.GitHub {
		entry := &i.GitHub[n]
		entry.APIBaseURL = strings.TrimRight(entry.APIBaseURL, "/")
		entry.RawBaseURL = strings.TrimRight(entry.RawBaseURL, "/")
		if entry.Host != githubHost {
			continue
		}
		implied = false
		entry.APIBaseURL = cmp.Or(entry.APIBaseURL, githubAPIURL)
		entry.RawBaseURL = cmp.Or(entry.RawBaseURL, githubRawURL)
	}
	if implied {
		i.GitHub = append(i.GitHub, GitHub{Host: githubHost, APIBaseURL: githubAPIURL, RawBaseURL: githubRawURL})
	}
}

// derive takes apart an address that was written as one string: its shorthand puts all of it into Host.
func (l *Listen) derive() {
	if host, port, err := splitListen(l.Host); err == nil {
		l.Host, l.Port = host, port
	}
}

// splitListen reads host:port or :port.
func splitListen(address string) (string, int, error) {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not host:port", address)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%q has no port between 0 and 65535", address)
	}
	return host, int(port), nil
}

func (l *Listen) url() string {
	host := l.Host
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = "localhost"
	}
	return (&url.URL{Scheme: "http", Host: net.JoinHostPort(host, strconv.Itoa(l.Port))}).String()
}
