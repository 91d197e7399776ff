package config

import (
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// CatalogProviders are the sources of entities, by Backstage's names.
type CatalogProviders struct {
	// GitHub are searches for descriptors in repositories, by id.
	GitHub map[string]GitHubProvider `yaml:"github"`
	// GitHubOrg are organizations whose users and teams become entities.
	GitHubOrg []GitHubOrgProvider `yaml:"githubOrg"`
	// GitLab are searches for descriptors in projects, by id; with OrgEnabled, users and groups become entities too.
	GitLab map[string]GitLabProvider `yaml:"gitlab"`
	// Gitea are searches for descriptors in the repositories of organizations, by id.
	Gitea map[string]GiteaProvider `yaml:"gitea"`
	// BitbucketCloud are searches for descriptors in the repositories of workspaces, by id.
	BitbucketCloud map[string]BitbucketCloudProvider `yaml:"bitbucketCloud"`
	// AzureDevOps are searches for descriptors in the repositories of projects, by id.
	AzureDevOps map[string]AzureDevOpsProvider `yaml:"azureDevOps"`
	// LDAPOrg are directories whose people and groups become entities, by id.
	LDAPOrg map[string]LDAPProvider `yaml:"ldapOrg"`
	// MicrosoftGraphOrg are tenants of Microsoft Entra whose users and groups become entities, by id.
	MicrosoftGraphOrg map[string]MicrosoftGraphProvider `yaml:"microsoftGraphOrg"`
	// AWSS3, AzureBlob and GoogleGCS are buckets with descriptors, by id. Backstage has none of the last kind.
	AWSS3     map[string]AWSS3Provider     `yaml:"awsS3"`
	AzureBlob map[string]AzureBlobProvider `yaml:"azureBlob"`
	GoogleGCS map[string]GoogleGCSProvider `yaml:"googleGcs"`
	// JSON are servers that answer entities as JSON, by id. Backstage has none of this kind.
	JSON map[string]JSONProvider `yaml:"json"`
}

// AWSS3Provider reads the descriptors of a bucket of S3.
type AWSS3Provider struct {
	BucketName string `yaml:"bucketName"`
	Prefix     string `yaml:"prefix"`
	// Region is "" for that of the environment.
	Region string `yaml:"region"`
	// AccountID is one of aws.accounts, "" for the main account.
	AccountID string   `yaml:"accountId"`
	Schedule  Schedule `yaml:"schedule"`
}

// AzureBlobProvider reads the descriptors of a container of Azure Blob Storage.
type AzureBlobProvider struct {
	ContainerName string `yaml:"containerName"`
	// AccountName is that of an entry of integrations.azureBlobStorage.
	AccountName string   `yaml:"accountName"`
	Schedule    Schedule `yaml:"schedule"`
}

// GoogleGCSProvider reads the descriptors of a bucket of Google Cloud Storage.
type GoogleGCSProvider struct {
	BucketName string   `yaml:"bucketName"`
	Prefix     string   `yaml:"prefix"`
	Schedule   Schedule `yaml:"schedule"`
}

// JSONProvider is a server that answers entities as JSON.
type JSONProvider struct {
	URL      string   `yaml:"url"`
	Schedule Schedule `yaml:"schedule"`
}

// GitHubProvider searches the repositories of an organization or user, or of everybody who has installed an App.
type GitHubProvider struct {
	Host string `yaml:"host"`
	// Exactly one of Organization and App is given.
	Organization string        `yaml:"organization"`
	App          int64         `yaml:"app"`
	CatalogPath  string        `yaml:"catalogPath"`
	Filters      GitHubFilters `yaml:"filters"`
	// ValidateLocationsExist leaves out repositories without the descriptor.
	ValidateLocationsExist bool `yaml:"validateLocationsExist"`
	PageSizes              struct {
		Repositories int `yaml:"repositories"`
	} `yaml:"pageSizes"`
	Schedule Schedule `yaml:"schedule"`
}

// GitHubFilters select repositories. The zero value of a list or a text selects all.
type GitHubFilters struct {
	Branch        string             `yaml:"branch"`
	Repository    string             `yaml:"repository"`
	AllowForks    bool               `yaml:"allowForks"`
	AllowArchived bool               `yaml:"allowArchived"`
	Topic         GitHubTopicFilters `yaml:"topic"`
	Visibility    []string           `yaml:"visibility"`
}

// GitHubTopicFilters select repositories by their topics. Exclude wins over Include.
type GitHubTopicFilters struct {
	Include []string `yaml:"include"`
	Exclude []string `yaml:"exclude"`
}

// GitHubOrgProvider reads users and teams of organizations.
type GitHubOrgProvider struct {
	ID        string `yaml:"id"`
	GitHubURL string `yaml:"githubUrl"`
	// Orgs are the organizations; none means all that have installed an App of the host.
	Orgs                   []string `yaml:"orgs"`
	ExcludeSuspendedUsers  bool     `yaml:"excludeSuspendedUsers"`
	DefaultUserTransformer struct {
		UseVerifiedEmails bool `yaml:"useVerifiedEmails"`
	} `yaml:"defaultUserTransformer"`
	PageSizes struct {
		Teams               int `yaml:"teams"`
		TeamMembers         int `yaml:"teamMembers"`
		OrganizationMembers int `yaml:"organizationMembers"`
	} `yaml:"pageSizes"`
	Schedule Schedule `yaml:"schedule"`
}

// GitLabProvider searches the projects of a group, or of a whole GitLab.
type GitLabProvider struct {
	Host string `yaml:"host"`
	// Group is a path; "" is the whole host.
	Group string `yaml:"group"`
	// Branch is "" for the default branch of each project; FallbackBranch stands for that of a project without one.
	Branch         string `yaml:"branch"`
	FallbackBranch string `yaml:"fallbackBranch"`
	EntityFilename string `yaml:"entityFilename"`
	// The patterns select projects and groups by their paths, and users by their e-mail addresses or names.
	ProjectPattern string   `yaml:"projectPattern"`
	GroupPattern   []string `yaml:"groupPattern"`
	UserPattern    string   `yaml:"userPattern"`
	ExcludeRepos   []string `yaml:"excludeRepos"`
	ExcludeGroups  []string `yaml:"excludeGroups"`
	// Topics are names with commas between them, all of which a project must have.
	Topics               string `yaml:"topics"`
	Membership           bool   `yaml:"membership"`
	SkipForkedRepos      bool   `yaml:"skipForkedRepos"`
	IncludeArchivedRepos bool   `yaml:"includeArchivedRepos"`
	// OrgEnabled reads users and groups too, to which the following apply.
	OrgEnabled              bool     `yaml:"orgEnabled"`
	RestrictUsersToGroup    bool     `yaml:"restrictUsersToGroup"`
	IncludeUsersWithoutSeat bool     `yaml:"includeUsersWithoutSeat"`
	AllowInherited          bool     `yaml:"allowInherited"`
	Relations               []string `yaml:"relations"`
	// Rules are the kinds to read; none are all.
	Rules    []KindRule `yaml:"rules"`
	Schedule Schedule   `yaml:"schedule"`
}

// GiteaProvider searches the repositories of an organization on Gitea.
type GiteaProvider struct {
	Host         string `yaml:"host"`
	Organization string `yaml:"organization"`
	// Branch is "" for the default branch of each repository.
	Branch      string   `yaml:"branch"`
	CatalogPath string   `yaml:"catalogPath"`
	Schedule    Schedule `yaml:"schedule"`
}

// BitbucketCloudProvider searches the repositories of a workspace.
type BitbucketCloudProvider struct {
	Workspace   string                `yaml:"workspace"`
	CatalogPath string                `yaml:"catalogPath"`
	Filters     BitbucketCloudFilters `yaml:"filters"`
	// Level says how Backstage asks its search. Portico lists the repositories, so that it says nothing.
	Level    string   `yaml:"level"`
	Schedule Schedule `yaml:"schedule"`
}

// BitbucketCloudFilters are regular expressions that the whole name must match; "" is all.
type BitbucketCloudFilters struct {
	RepoSlug   string `yaml:"repoSlug"`
	ProjectKey string `yaml:"projectKey"`
}

// AzureDevOpsProvider searches the repositories of a project, or of an organization.
type AzureDevOpsProvider struct {
	Host         string `yaml:"host"`
	Organization string `yaml:"organization"`
	// Project and Repository may have wildcards.
	Project    string `yaml:"project"`
	Repository string `yaml:"repository"`
	// Branch is "" for the default branch of each repository.
	Branch   string   `yaml:"branch"`
	Path     string   `yaml:"path"`
	Schedule Schedule `yaml:"schedule"`
}

// MicrosoftGraphProvider reads users and groups of a tenant.
type MicrosoftGraphProvider struct {
	Target       string `yaml:"target"`
	Authority    string `yaml:"authority"`
	TenantID     string `yaml:"tenantId"`
	ClientID     string `yaml:"clientId"`
	ClientSecret Secret `yaml:"clientSecret"`
	// QueryMode is basic or advanced.
	QueryMode string               `yaml:"queryMode"`
	User      MicrosoftGraphUsers  `yaml:"user"`
	Group     MicrosoftGraphGroups `yaml:"group"`
	// UserGroupMember selects the groups whose members are the users; the zero value means all users.
	UserGroupMember MicrosoftGraphSearch `yaml:"userGroupMember"`
	Schedule        Schedule             `yaml:"schedule"`
}

// MicrosoftGraphSearch selects objects, in the words of Microsoft Graph.
type MicrosoftGraphSearch struct {
	Path   string `yaml:"path"`
	Filter string `yaml:"filter"`
	Search string `yaml:"search"`
}

// MicrosoftGraphUsers selects users.
type MicrosoftGraphUsers struct {
	Path   string   `yaml:"path"`
	Filter string   `yaml:"filter"`
	Expand string   `yaml:"expand"`
	Select []string `yaml:"select"`
}

// MicrosoftGraphGroups selects groups.
type MicrosoftGraphGroups struct {
	Path   string   `yaml:"path"`
	Filter string   `yaml:"filter"`
	Search string   `yaml:"search"`
	Expand string   `yaml:"expand"`
	Select []string `yaml:"select"`
	// IncludeSubGroups reads the groups in the selected ones, too.
	IncludeSubGroups bool `yaml:"includeSubGroups"`
}

// KindRule allows kinds of entities.
type KindRule struct {
	Allow []string `yaml:"allow"`
}

// LDAPProvider reads people and groups of a directory.
type LDAPProvider struct {
	Target string `yaml:"target"`
	// Bind is nil to read as nobody.
	Bind     *LDAPBind    `yaml:"bind"`
	TLS      LDAPTLS      `yaml:"tls"`
	Users    []LDAPUsers  `yaml:"users"`
	Groups   []LDAPGroups `yaml:"groups"`
	Vendor   LDAPVendor   `yaml:"vendor"`
	Schedule Schedule     `yaml:"schedule"`
}

// LDAPBind is as whom a directory is read.
type LDAPBind struct {
	DN     string `yaml:"dn"`
	Secret Secret `yaml:"secret"`
}

// LDAPTLS says how a connection is encrypted. Certs, Keys and CA are files.
type LDAPTLS struct {
	RejectUnauthorized bool   `yaml:"rejectUnauthorized"`
	Certs              string `yaml:"certs"`
	Keys               string `yaml:"keys"`
	CA                 string `yaml:"ca"`
	StartTLS           bool   `yaml:"startTLS"`
}

// LDAPSearch is one search.
type LDAPSearch struct {
	DN      string      `yaml:"dn"`
	Options LDAPOptions `yaml:"options"`
	// Set are values that all entities have, by their paths.
	Set map[string]any `yaml:"set"`
}

// LDAPUsers is a search for users.
type LDAPUsers struct {
	LDAPSearch `yaml:",inline"`

	Map LDAPNames `yaml:"map"`
}

// LDAPGroups is a search for groups.
type LDAPGroups struct {
	LDAPSearch `yaml:",inline"`

	Map LDAPGroupNames `yaml:"map"`
}

// LDAPOptions are the options of a search.
type LDAPOptions struct {
	Scope        string    `yaml:"scope"`
	Filter       string    `yaml:"filter"`
	Attributes   []string  `yaml:"attributes"`
	SizeLimit    int       `yaml:"sizeLimit"`
	TimeLimit    int       `yaml:"timeLimit"`
	DerefAliases int       `yaml:"derefAliases"`
	Paged        LDAPPaged `yaml:"paged"`
}

// LDAPPaged says how entries are asked for. The next page is always asked for after the one before was read.
type LDAPPaged struct {
	Enabled   bool `yaml:"enabled"`
	PageSize  int  `yaml:"pageSize"`
	PagePause bool `yaml:"pagePause"`
}

// LDAPNames are the attributes of which entities are made; "" is none.
type LDAPNames struct {
	RDN         string `yaml:"rdn"`
	Name        string `yaml:"name"`
	Description string `yaml:"description"`
	DisplayName string `yaml:"displayName"`
	Email       string `yaml:"email"`
	Picture     string `yaml:"picture"`
	MemberOf    string `yaml:"memberOf"`
}

// LDAPGroupNames are the attributes of which groups are made; "" is none.
type LDAPGroupNames struct {
	LDAPNames `yaml:",inline"`

	Type    string `yaml:"type"`
	Members string `yaml:"members"`
}

// LDAPVendor are names that the server's vendor decides, "" for those that Portico knows.
type LDAPVendor struct {
	DNAttributeName   string `yaml:"dnAttributeName"`
	UUIDAttributeName string `yaml:"uuidAttributeName"`
	DNCaseSensitive   bool   `yaml:"dnCaseSensitive"`
}

// Schedule says when a source is read.
type Schedule struct {
	Frequency    Frequency     `yaml:"frequency"`
	Timeout      time.Duration `yaml:"timeout"`
	InitialDelay time.Duration `yaml:"initialDelay"`
}

// Frequency is how often a source is read. The zero value means: by hand only.
type Frequency struct {
	Every time.Duration
	// Cron is a cron expression of five fields in UTC, "" without one.
	Cron string
}

// The plain forms of a frequency that is no duration.
const (
	cronPrefix      = "cron "
	manualFrequency = "manual"
)

// UnmarshalYAML reads the plain form.
func (f *Frequency) UnmarshalYAML(node *yaml.Node) error {
	if cron, is := strings.CutPrefix(node.Value, cronPrefix); is {
		*f = Frequency{Cron: cron}
		return nil
	}
	if node.Value == manualFrequency {
		*f = Frequency{}
		return nil
	}
	every, err := parseDuration(node.Value)
	if err != nil {
		every, err = time.ParseDuration(node.Value)
	}
	*f = Frequency{Every: every}
	return err
}

// cronExpression matches five fields. Whether the values exist is for Temporal to say, which runs the schedule.
var cronExpression = regexp.MustCompile(`^[0-9A-Za-z*/,?L#-]+( +[0-9A-Za-z*/,?L#-]+){4}$`)

func (c *checker) checkFrequency(v *value, path string) *yaml.Node {
	if cron := v.field("cron"); cron != nil {
		text := strings.TrimSpace(cron.value.text)
		if !cron.value.isString() || !cronExpression.MatchString(text) {
			c.report(cron.origin, "invalid value for key '%s': not a cron expression of five fields, such as '0 2 * * *'", join(path, "cron"))
			return nil
		}
		return plain(stringTag, cronPrefix+text)
	}
	if trigger := v.field("trigger"); trigger != nil {
		if trigger.value.text != manualFrequency {
			c.report(trigger.origin, "invalid value for key '%s': got %q, wanted %s", join(path, "trigger"), trigger.value.text, manualFrequency)
			return nil
		}
		return plain(stringTag, manualFrequency)
	}
	return c.checkDuration(&schema{Positive: true}, v, path)
}
