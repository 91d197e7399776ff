// Package config reads Portico's configuration: Backstage's app-config.yaml files. It merges them,
// substitutes environment variables and included files, checks the result against schema.yaml and decodes it
// into one typed value. It knows the types of the keys only; the packages that use a key know its meaning.
package config

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Config is the configuration of Portico. Every field has its key, default and description in schema.yaml. A
// test checks that both agree.
type Config struct {
	App          App          `yaml:"app"`
	Backend      Backend      `yaml:"backend"`
	Auth         Auth         `yaml:"auth"`
	Integrations Integrations `yaml:"integrations"`
	Catalog      Catalog      `yaml:"catalog"`
	Scaffolder   Scaffolder   `yaml:"scaffolder"`
	Permission   Permission   `yaml:"permission"`
	Events       Events       `yaml:"events"`
	Discovery    Discovery    `yaml:"discovery"`
	Proxy        Proxy        `yaml:"proxy"`
	ArgoCD       ArgoCD       `yaml:"argocd"`
	AWS          AWS          `yaml:"aws"`
	Jenkins      Jenkins      `yaml:"jenkins"`
	Jira         Jira         `yaml:"jira"`
	MSTeams      MSTeams      `yaml:"ms-teams"`
	PagerDuty    PagerDuty    `yaml:"pagerDuty"`
	Quay         Quay         `yaml:"quay"`
	ServiceNow   ServiceNow   `yaml:"servicenow"`
	Slack        Slack        `yaml:"slack"`
	SonarQube    SonarQube    `yaml:"sonarqube"`
	TechDocs     TechDocs     `yaml:"techdocs"`
	TeraSky      TeraSky      `yaml:"kubernetesIngestor"`
	Vault        Vault        `yaml:"vault"`
	Search       Search       `yaml:"search"`
	Kubernetes   Kubernetes   `yaml:"kubernetes"`
	Portico      Portico      `yaml:"portico"`
	// EnableExperimentalRedirectFlow signs people in by redirects of the whole page instead of a popup
	// window.
	EnableExperimentalRedirectFlow bool `yaml:"enableExperimentalRedirectFlow"`

	// Warnings are keys that nothing reads and whose names are close to a key that is read.
	Warnings []Problem `yaml:"-"`

	place func(path ...string) string `yaml:"-"`
}

// Place is where the value at a path of keys is written, as file:line, for messages. List items have their numbers
// as keys. It is "" where nothing is written, and in a configuration that was not loaded.
func (c *Config) Place(path ...string) string {
	if c.place == nil {
		return ""
	}
	return c.place(path...)
}

// App is the portal's title and address. BaseURL defaults to Backend.BaseURL.
type App struct {
	Title   string `yaml:"title"`
	BaseURL string `yaml:"baseUrl"`
}

// Backend is the HTTP server. BaseURL defaults to a URL built from Listen.
type Backend struct {
	BaseURL string `yaml:"baseUrl"`
	// TrustProxy are the trusted proxies as written; see TrustedProxies.
	TrustProxy []string    `yaml:"trustProxy"`
	Listen     Listen      `yaml:"listen"`
	Auth       BackendAuth `yaml:"auth"`
	Reading    Reading     `yaml:"reading"`
	// CORS is nil when no other origin may call the API. No CORS headers are sent then.
	CORS *CORS `yaml:"cors"`
	CSP  CSP   `yaml:"csp"`
	// RateLimit is nil when no address is limited.
	RateLimit *RateLimits `yaml:"rateLimit"`
}

// RateLimits are the limits of each address: for all requests, and for those to single plugins.
type RateLimits struct {
	RateLimit `yaml:",inline"`

	// Global enables the limit for all requests.
	Global bool                 `yaml:"global"`
	Plugin map[string]RateLimit `yaml:"plugin"`
}

// RateLimit is how many requests of one address are served in a window.
type RateLimit struct {
	Window               time.Duration `yaml:"window"`
	IncomingRequestLimit int           `yaml:"incomingRequestLimit"`
	// IPAllowList are the addresses without the limit.
	IPAllowList            []string `yaml:"ipAllowList"`
	SkipSuccessfulRequests bool     `yaml:"skipSuccessfulRequests"`
	SkipFailedRequests     bool     `yaml:"skipFailedRequests"`
}

// Exempt is IPAllowList as addresses.
func (l RateLimit) Exempt() []netip.Addr {
	var addresses []netip.Addr
	for _, text := range l.IPAllowList {
		address, _ := netip.ParseAddr(text) // the schema has checked it
		addresses = append(addresses, address.Unmap())
	}
	return addresses
}

// Listen is a listen address. An empty Host is every interface, Port 0 is any free port.
type Listen struct {
	Host string `yaml:"host"`
	Port int    `yaml:"port"`
}

// BackendAuth is the authentication of machines that call the API.
type BackendAuth struct {
	ExternalAccess []ExternalAccess `yaml:"externalAccess"`
	// Keys is Backstage's older form of entries of type legacy.
	Keys []SharedKey `yaml:"keys"`
}

// SharedKey is a base64 secret with which Backstage's older backends sign tokens for each other.
type SharedKey struct {
	Secret Secret `yaml:"secret"`
}

// Types of ExternalAccess.
const (
	AccessStatic = "static"
	AccessLegacy = "legacy"
	AccessJWKS   = "jwks"
)

// ExternalAccess is one kind of token for machines.
type ExternalAccess struct {
	// Type is static for a fixed token, legacy for tokens that are signed with a shared secret, and jwks for
	// tokens of an issuer who publishes its keys. Options has the values of this type only.
	Type    string                `yaml:"type"`
	Options ExternalAccessOptions `yaml:"options"`
	// AccessRestrictions, when not empty, limit what the tokens may do.
	AccessRestrictions []AccessRestriction `yaml:"accessRestrictions"`
}

// ExternalAccessOptions identify the tokens.
type ExternalAccessOptions struct {
	// Token is the token of a static entry. Secret is the secret of a legacy one, in base64.
	Token  Secret `yaml:"token"`
	Secret Secret `yaml:"secret"`
	// Subject is the name of the holder of a static or legacy token.
	Subject string `yaml:"subject"`
	// The rest is for jwks: the URL of the keys, and the claims that tokens must have. An empty list accepts
	// any claim.
	URL           string   `yaml:"url"`
	Issuer        []string `yaml:"issuer"`
	Audience      []string `yaml:"audience"`
	Algorithm     []string `yaml:"algorithm"`
	SubjectPrefix string   `yaml:"subjectPrefix"`
}

// AccessRestriction allows one plugin. Permissions, when not empty, are the only ones allowed.
type AccessRestriction struct {
	Plugin              string              `yaml:"plugin"`
	Permission          []string            `yaml:"permission"`
	PermissionAttribute PermissionAttribute `yaml:"permissionAttribute"`
}

// PermissionAttribute limits a restriction to permissions with one of these actions (create, read, update,
// delete).
type PermissionAttribute struct {
	Action []string `yaml:"action"`
}

// Reading lists further hosts from which URLs may be read, in addition to those of the integrations.
type Reading struct {
	Allow []ReadingAllow `yaml:"allow"`
}

// ReadingAllow is one such host: "example.com", "example.com:8080", "example.com:8000-9000" or
// "*.example.com". Paths, when not empty, are the only path prefixes allowed.
type ReadingAllow struct {
	Host  string   `yaml:"host"`
	Paths []string `yaml:"paths"`
}

// CSP is the part of Backstage's content security policy that Portico supports.
type CSP struct {
	// ImageSources are the sources of pictures. Nil is the portal itself and the hosts of the integrations.
	ImageSources []string `yaml:"img-src"`
}

// CORS lists the web origins that may call the API. Origin has globs.
type CORS struct {
	Origin         []string      `yaml:"origin"`
	Methods        []string      `yaml:"methods"`
	AllowedHeaders []string      `yaml:"allowedHeaders"`
	ExposedHeaders []string      `yaml:"exposedHeaders"`
	Credentials    bool          `yaml:"credentials"`
	MaxAge         time.Duration `yaml:"maxAge"`
}

// Auth configures sign-in.
type Auth struct {
	// Environment selects the configuration of a provider.
	Environment string        `yaml:"environment"`
	Providers   AuthProviders `yaml:"providers"`
	// OmitIdentityTokenOwnershipClaim leaves the ent claim out of user tokens.
	OmitIdentityTokenOwnershipClaim bool `yaml:"omitIdentityTokenOwnershipClaim"`
	// ExperimentalExtraAllowedOrigins are the origins, with globs, of further portals in which people sign
	// in.
	ExperimentalExtraAllowedOrigins []string `yaml:"experimentalExtraAllowedOrigins"`
}

// AuthProviders holds the configured sign-in methods.
type AuthProviders struct {
	// Guest is nil when it is not configured.
	Guest *Guest `yaml:"guest"`
	// These are proxies in front of Portico; nil when they are not configured.
	GCPIAP      *GCPIAP      `yaml:"gcpIap"`
	CFAccess    *CFAccess    `yaml:"cfaccess"`
	AWSALB      *AWSALB      `yaml:"awsalb"`
	OAuth2Proxy *OAuth2Proxy `yaml:"oauth2Proxy"`
	// OAuth are the providers to which browsers are sent, by id and environment.
	OAuth map[string]map[string]OAuthProvider `yaml:",inline"`
}

// OAuthProvider is a client at a provider. Each provider uses some of the keys.
type OAuthProvider struct {
	ClientID     string `yaml:"clientId"`
	ClientSecret Secret `yaml:"clientSecret"`
	// CallbackURL is empty for Portico's own address of it.
	CallbackURL      string   `yaml:"callbackUrl"`
	AdditionalScopes []string `yaml:"additionalScopes"`
	// SessionDuration is how long a browser stays signed in at most.
	SessionDuration time.Duration `yaml:"sessionDuration"`
	SignIn          SignIn        `yaml:"signIn"`
	// Prompt is the OpenID parameter; empty is the provider's preset, and auto none.
	Prompt string `yaml:"prompt"`
	// StartURLSearchParams are further parameters of the address to which browsers are sent.
	StartURLSearchParams map[string]string `yaml:"startUrlSearchParams"`
	// TokenEndpointAuthMethod is how the client authenticates; empty is as the provider lists.
	TokenEndpointAuthMethod string `yaml:"tokenEndpointAuthMethod"`
	// The rest says where the provider is, and what is particular about it.
	MetadataURL     string `yaml:"metadataUrl"`
	Issuer          string `yaml:"issuer"`
	Audience        string `yaml:"audience"`
	AuthServerID    string `yaml:"authServerId"`
	IDP             string `yaml:"idp"`
	TenantID        string `yaml:"tenantId"`
	DomainHint      string `yaml:"domainHint"`
	Domain          string `yaml:"domain"`
	Connection      string `yaml:"connection"`
	ConnectionScope string `yaml:"connectionScope"`
	Organization    string `yaml:"organization"`
	// EnterpriseInstanceURL is empty for github.com.
	EnterpriseInstanceURL string `yaml:"enterpriseInstanceUrl"`
}

// GCPIAP is Google Cloud's Identity-Aware Proxy.
type GCPIAP struct {
	Audience  string `yaml:"audience"`
	JWTHeader string `yaml:"jwtHeader"`
	SignIn    SignIn `yaml:"signIn"`
}

// CFAccess is Cloudflare Access.
type CFAccess struct {
	TeamName      string `yaml:"teamName"`
	Audience      string `yaml:"audience"`
	JWTHeaderName string `yaml:"jwtHeaderName"`
	SignIn        SignIn `yaml:"signIn"`
}

// AWSALB is an Application Load Balancer of AWS.
type AWSALB struct {
	Issuer string `yaml:"issuer"`
	Signer string `yaml:"signer"`
	Region string `yaml:"region"`
	SignIn SignIn `yaml:"signIn"`
}

// OAuth2Proxy is oauth2-proxy, which passes on the identity tokens of its OpenID provider.
type OAuth2Proxy struct {
	Issuer    string `yaml:"issuer"`
	Audience  string `yaml:"audience"`
	JWTHeader string `yaml:"jwtHeader"`
	SignIn    SignIn `yaml:"signIn"`
}

// SignIn decides which user of the catalog somebody is.
type SignIn struct {
	Resolvers []SignInResolver `yaml:"resolvers"`
}

// SignInResolver is one way to find the user. The first that finds one counts.
type SignInResolver struct {
	Resolver                                   string   `yaml:"resolver"`
	AllowedDomains                             []string `yaml:"allowedDomains"`
	DangerouslyAllowSignInWithoutUserInCatalog bool     `yaml:"dangerouslyAllowSignInWithoutUserInCatalog"`
	// Expression is that of the resolver expression, in CEL.
	Expression string `yaml:"expression"`
}

// Guest signs everybody in as one user, without credentials.
type Guest struct {
	UserEntityRef string `yaml:"userEntityRef"`
	// OwnershipEntityRefs are the references by which the guest owns entities; empty means its own.
	OwnershipEntityRefs                []string `yaml:"ownershipEntityRefs"`
	DangerouslyAllowOutsideDevelopment bool     `yaml:"dangerouslyAllowOutsideDevelopment"`
}

// Integrations are the source code hosts.
type Integrations struct {
	// GitHub always has an entry for github.com, without credentials when it is not configured.
	GitHub           []GitHub           `yaml:"github"`
	Azure            []Azure            `yaml:"azure"`
	Gerrit           []Gerrit           `yaml:"gerrit"`
	AWSS3            []AWSS3            `yaml:"awsS3"`
	AzureBlobStorage []AzureBlobStorage `yaml:"azureBlobStorage"`
	GoogleGCS        GoogleGCS          `yaml:"googleGcs"`
	BitbucketCloud   []BitbucketCloud   `yaml:"bitbucketCloud"`
	BitbucketServer  []BitbucketServer  `yaml:"bitbucketServer"`
	Gitea            []Gitea            `yaml:"gitea"`
	GitLab           []GitLab           `yaml:"gitlab"`
}

// Azure is one host of Azure DevOps.
type Azure struct {
	Host        string            `yaml:"host"`
	Credentials []AzureCredential `yaml:"credentials"`
}

// AzureCredential is a token for organizations. Without any, it is for all that no other credential names.
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

// Gerrit is one Gerrit host. BaseURL is https:// and the host, and the other URLs are BaseURL, unless they are
// configured.
type Gerrit struct {
	Host           string `yaml:"host"`
	BaseURL        string `yaml:"baseUrl"`
	CloneURL       string `yaml:"cloneUrl"`
	GitilesBaseURL string `yaml:"gitilesBaseUrl"`
	Username       string `yaml:"username"`
	Password       Secret `yaml:"password"`
}

// GitHub is one GitHub host. APIBaseURL is https://api.github.com for github.com unless it is configured.
type GitHub struct {
	Host       string      `yaml:"host"`
	APIBaseURL string      `yaml:"apiBaseUrl"`
	RawBaseURL string      `yaml:"rawBaseUrl"`
	Token      Secret      `yaml:"token"`
	Apps       []GitHubApp `yaml:"apps"`
}

// GitHubApp is a GitHub App. Its installation tokens are preferred over Token.
type GitHubApp struct {
	AppID      int64  `yaml:"appId"`
	PrivateKey Secret `yaml:"privateKey"`
	// AllowedInstallationOwners, when not nil, are the only owners whose installations are used.
	AllowedInstallationOwners []string `yaml:"allowedInstallationOwners"`
	PublicAccess              bool     `yaml:"publicAccess"`
	// WebhookSecret signs the app's events, "" when it sends none here.
	WebhookSecret Secret `yaml:"webhookSecret"`
}

// Events says which webhooks of source code hosts are taken.
type Events struct {
	Modules EventModules `yaml:"modules"`
}

// EventModules are the webhooks by the kind of their hosts. GitHub's apps may have secrets of their own.
type EventModules struct {
	GitHub         EventModule `yaml:"github"`
	GitLab         EventModule `yaml:"gitlab"`
	Gitea          EventModule `yaml:"gitea"`
	BitbucketCloud EventModule `yaml:"bitbucketCloud"`
	AzureDevOps    EventModule `yaml:"azureDevOps"`
}

// EventModule is one kind of webhook. An empty secret takes none.
type EventModule struct {
	WebhookSecret Secret `yaml:"webhookSecret"`
}

// Catalog configures the sources and the processing of entities.
type Catalog struct {
	Locations []CatalogLocation `yaml:"locations"`
	// Rules limit which kinds may come from which locations. Nil (no catalog.rules at all) allows Component,
	// API and Location.
	Rules []CatalogRule `yaml:"rules"`
	// ProcessingInterval is the minimum time between two reads of an entity; 0 means that entities are not
	// read again.
	ProcessingInterval              time.Duration `yaml:"processingInterval"`
	OrphanStrategy                  string        `yaml:"orphanStrategy"`
	Readonly                        bool          `yaml:"readonly"`
	DefaultLocationConflictStrategy string        `yaml:"defaultLocationConflictStrategy"`
	Events                          CatalogEvents `yaml:"events"`
	// OrphanProviderStrategy says what happens to the entities of a source that the configuration has no more.
	OrphanProviderStrategy string       `yaml:"orphanProviderStrategy"`
	Sweep                  CatalogSweep `yaml:"sweep"`
	// Providers are the sources that are read by schedule.
	Providers CatalogProviders `yaml:"providers"`
	History   CatalogHistory   `yaml:"history"`
	Model     CatalogModel     `yaml:"model"`
}

// CatalogHistory configures the versions of entities that are served no more.
type CatalogHistory struct {
	// Retention is how long a version is kept after its end, 0 for ever.
	Retention time.Duration `yaml:"retention"`
}

// CatalogSweep are the settings of the sweeps of all sources.
type CatalogSweep struct {
	// MaxRemovals is how much a sweep may remove without a decision: a share such as "20%", or a number.
	MaxRemovals string `yaml:"maxRemovals"`
}

// CatalogEvents says who is told of changes in the catalog.
type CatalogEvents struct {
	Webhooks []CatalogWebhook `yaml:"webhooks"`
}

// CatalogWebhook gets the changes of served entities. Its name is unique.
type CatalogWebhook struct {
	Name    string `yaml:"name"`
	Webhook `yaml:",inline"`
}

// CatalogLocation is a file or URL from which entities are read. Its Rules apply to this location only.
type CatalogLocation struct {
	Type   string                `yaml:"type"`
	Target string                `yaml:"target"`
	Rules  []CatalogLocationRule `yaml:"rules"`
}

// CatalogLocationRule allows kinds of entities from one location.
type CatalogLocationRule struct {
	Allow []AllowedKind `yaml:"allow"`
}

// CatalogRule allows kinds of entities from the given locations, or from anywhere without locations.
type CatalogRule struct {
	Allow     []AllowedKind         `yaml:"allow"`
	Locations []CatalogRuleLocation `yaml:"locations"`
}

// AllowedKind is a kind. A SpecType that is not empty restricts it to one spec.type.
type AllowedKind struct {
	Kind     string `yaml:"kind"`
	SpecType string `yaml:"spec.type"`
}

// CatalogRuleLocation matches locations by type, and by either an exact target or a glob.
type CatalogRuleLocation struct {
	Type    string `yaml:"type"`
	Exact   string `yaml:"exact"`
	Pattern string `yaml:"pattern"`
}

// Scaffolder configures the runs of templates.
type Scaffolder struct {
	DefaultAuthor             Author             `yaml:"defaultAuthor"`
	DefaultCommitMessage      string             `yaml:"defaultCommitMessage"`
	DefaultEnvironment        DefaultEnvironment `yaml:"defaultEnvironment"`
	ConcurrentTasksLimit      int                `yaml:"concurrentTasksLimit"`
	RequireSCMUserCredentials bool               `yaml:"requireScmUserCredentials"`
	HTTP                      ScaffolderHTTP     `yaml:"http"`
	Sentry                    Sentry             `yaml:"sentry"`
}

// ScaffolderHTTP limits the action http:backstage:request. Empty lists limit nothing.
type ScaffolderHTTP struct {
	AllowedMethods []string `yaml:"allowedMethods"`
	AllowedHosts   []string `yaml:"allowedHosts"`
}

// Author is the author of commits.
type Author struct {
	Name  string `yaml:"name"`
	Email string `yaml:"email"`
}

// DefaultEnvironment is available to every template as environment.parameters and environment.secrets.
type DefaultEnvironment struct {
	Parameters map[string]string `yaml:"parameters"`
	Secrets    map[string]Secret `yaml:"secrets"`
}

// Permission enables the permission system.
type Permission struct {
	Enabled bool `yaml:"enabled"`
	// RBAC is nil when there are no roles: every signed-in user may do everything then.
	RBAC *RBAC `yaml:"rbac"`
}

// RBAC configures roles, with the keys of Backstage's RBAC plugin.
type RBAC struct {
	// PoliciesFile is a CSV file of roles, ConditionsFile a YAML file of conditions; "" is none.
	PoliciesFile   string    `yaml:"policies-csv-file"`
	ConditionsFile string    `yaml:"conditionalPoliciesFile"`
	FileReload     bool      `yaml:"policyFileReload"`
	Admin          RBACAdmin `yaml:"admin"`
	Plugins        []string  `yaml:"pluginsWithPermission"`
	MaxDepth       int       `yaml:"maxDepth"`
	// Precedence is PrecedenceBasic or PrecedenceConditional.
	Precedence string `yaml:"policyDecisionPrecedence"`
	// Default is nil when there is no role that everybody has.
	Default                *DefaultPermissions `yaml:"defaultPermissions"`
	UseOwnershipEntityRefs bool                `yaml:"useOwnershipEntityRefs"`
	Validation             RBACValidation      `yaml:"validation"`
}

// What decides first.
const (
	PrecedenceBasic       = "basic"
	PrecedenceConditional = "conditional"
)

// RBACAdmin lists those who may change roles, and those who may do everything.
type RBACAdmin struct {
	Users      []EntityName `yaml:"users"`
	SuperUsers []EntityName `yaml:"superUsers"`
}

// EntityName is the reference of a user or a group.
type EntityName struct {
	Name string `yaml:"name"`
}

// DefaultPermissions is the role that everybody has.
type DefaultPermissions struct {
	Role        string            `yaml:"defaultRole"`
	Permissions []BasicPermission `yaml:"basicPermissions"`
}

// BasicPermission is a permission, or a resource type, and an action.
type BasicPermission struct {
	Permission string `yaml:"permission"`
	Action     string `yaml:"action"`
}

// RBACValidation bounds conditions and their file.
type RBACValidation struct {
	Conditions     ConditionLimits     `yaml:"conditionalPolicies"`
	ConditionsFile ConditionFileLimits `yaml:"conditionalPoliciesFile"`
}

// ConditionLimits bound one condition.
type ConditionLimits struct {
	Depth int `yaml:"maxConditionDepth"`
	Nodes int `yaml:"maxConditionNodeCount"`
	Items int `yaml:"maxCriteriaItems"`
}

// ConditionFileLimits bound the file of conditions.
type ConditionFileLimits struct {
	Bytes     int `yaml:"maxBytes"`
	Documents int `yaml:"maxDocuments"`
}

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

const (
	githubHost   = "github.com"
	githubAPIURL = "https://api.github.com"
	githubRawURL = "https://raw.githubusercontent.com"
)

// derive sets values that default to a function of others.
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
	c.Portico.TokenExchange.Audience = cmp.Or(c.Portico.TokenExchange.Audience, c.Backend.BaseURL)
	c.Integrations.deriveGitHub()
}

// deriveGitHub sets github.com's addresses and adds the entry that always exists.
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

// derive parses an address that was written as one string, which decoding has stored in Host.
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
