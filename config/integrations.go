package config

import (
	"cmp"
	"strings"
)

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

const (
	githubHost   = "github.com"
	githubAPIURL = "https://api.github.com"
	githubRawURL = "https://raw.githubusercontent.com"
)

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
