package config

import "time"

// Who builds the sites of TechDocs.
const (
	DocsBuiltHere      = "local"
	DocsBuiltElsewhere = "external"
)

// Where the sites of TechDocs are stored.
const (
	DocsInFolder = "local"
	DocsInS3     = "awsS3"
	DocsInGCS    = "googleGcs"
	DocsInAzure  = "azureBlobStorage"
	DocsInSwift  = "openStackSwift"
)

// TechDocs is the documentation of entities.
type TechDocs struct {
	// Builder is DocsBuiltHere or DocsBuiltElsewhere.
	Builder   string            `yaml:"builder"`
	Generator TechDocsGenerator `yaml:"generator"`
	Publisher TechDocsPublisher `yaml:"publisher"`
	Cache     TechDocsCache     `yaml:"cache"`
	// LegacyUseCaseSensitiveTripletPaths keeps the case of namespace, kind and name in paths.
	LegacyUseCaseSensitiveTripletPaths bool `yaml:"legacyUseCaseSensitiveTripletPaths"`
	// Sanitizer is what the HTML of documentation may have in the portal besides what is harmless.
	Sanitizer TechDocsSanitizer `yaml:"sanitizer"`
}

// TechDocsSanitizer permits more of the HTML of documentation. The expressions are those of JavaScript.
type TechDocsSanitizer struct {
	AllowedIframeHosts                      []string `yaml:"allowedIframeHosts"`
	AllowedCustomElementTagNameRegExp       string   `yaml:"allowedCustomElementTagNameRegExp"`
	AllowedCustomElementAttributeNameRegExp string   `yaml:"allowedCustomElementAttributeNameRegExp"`
	AdditionalAllowedURIProtocols           []string `yaml:"additionalAllowedURIProtocols"`
}

// TechDocsGenerator renders sites.
type TechDocsGenerator struct {
	MkDocs DocsSettings `yaml:"mkdocs"`
}

// DocsSettings are what is added to the settings of sites, and what they may have.
type DocsSettings struct {
	OmitTechDocsCorePlugin            bool     `yaml:"omitTechdocsCorePlugin"`
	LegacyCopyReadmeMdToIndexMd       bool     `yaml:"legacyCopyReadmeMdToIndexMd"`
	DefaultPlugins                    []string `yaml:"defaultPlugins"`
	DangerouslyAllowAdditionalKeys    []string `yaml:"dangerouslyAllowAdditionalKeys"`
	DangerouslyAllowAdditionalPlugins []string `yaml:"dangerouslyAllowAdditionalPlugins"`
	DisableExternalFonts              bool     `yaml:"disableExternalFonts"`
}

// Which sites MkDocs renders.
const (
	MkDocsIfNeeded = "auto"
	MkDocsAlways   = "always"
	MkDocsNever    = "never"
)

// MkDocs is the program that renders what Portico's own engine cannot, and its limits for one site.
type MkDocs struct {
	// Use is MkDocsIfNeeded, MkDocsAlways or MkDocsNever.
	Use        string        `yaml:"use"`
	Program    string        `yaml:"program"`
	Network    bool          `yaml:"network"`
	Unconfined bool          `yaml:"unconfined"`
	Time       time.Duration `yaml:"time"`
	MemoryMiB  int           `yaml:"memoryMiB"`
	OutputMiB  int           `yaml:"outputMiB"`
	Files      int           `yaml:"files"`
	Processes  int           `yaml:"processes"`
}

// TechDocsPublisher is where sites are stored. Only the values of Type count.
type TechDocsPublisher struct {
	Type             string        `yaml:"type"`
	Local            DocsFolder    `yaml:"local"`
	AWSS3            DocsS3        `yaml:"awsS3"`
	GoogleGCS        DocsGCS       `yaml:"googleGcs"`
	AzureBlobStorage DocsAzure     `yaml:"azureBlobStorage"`
	OpenStackSwift   DocsOpenStack `yaml:"openStackSwift"`
}

// DocsFolder is a folder. Empty is static/docs in the data directory.
type DocsFolder struct {
	PublishDirectory string `yaml:"publishDirectory"`
}

// DocsS3 is a bucket of S3.
type DocsS3 struct {
	// AccountID is one of aws.accounts. Without it and without Credentials, the credentials of the environment count.
	AccountID       string            `yaml:"accountId"`
	Credentials     DocsS3Credentials `yaml:"credentials"`
	BucketName      string            `yaml:"bucketName"`
	BucketRootPath  string            `yaml:"bucketRootPath"`
	Region          string            `yaml:"region"`
	Endpoint        string            `yaml:"endpoint"`
	ForcePathStyle  bool              `yaml:"s3ForcePathStyle"`
	Encryption      string            `yaml:"sse"`
	HTTPSProxy      string            `yaml:"httpsProxy"`
	MaximumAttempts int               `yaml:"maxAttempts"`
}

// DocsS3Credentials are a pair of keys, a role that is assumed with them or with those of the environment, or both.
type DocsS3Credentials struct {
	AccessKeyID     string `yaml:"accessKeyId"`
	SecretAccessKey Secret `yaml:"secretAccessKey"`
	RoleARN         string `yaml:"roleArn"`
}

// DocsGCS is a bucket of Google Cloud Storage.
type DocsGCS struct {
	BucketName     string `yaml:"bucketName"`
	BucketRootPath string `yaml:"bucketRootPath"`
	// Credentials are those of a service account as JSON. Empty: those of the environment count.
	Credentials Secret `yaml:"credentials"`
	// ProjectID is read and not needed: the name of a bucket is unique.
	ProjectID string `yaml:"projectId"`
}

// DocsAzure is a container of Azure Blob Storage.
type DocsAzure struct {
	ContainerName    string               `yaml:"containerName"`
	Credentials      DocsAzureCredentials `yaml:"credentials"`
	ConnectionString Secret               `yaml:"connectionString"`
}

// DocsAzureCredentials are those of a storage account. Without a key, the credentials of the environment count.
type DocsAzureCredentials struct {
	AccountName string `yaml:"accountName"`
	AccountKey  Secret `yaml:"accountKey"`
}

// DocsOpenStack is a container of OpenStack Swift, reached by its API of S3.
type DocsOpenStack struct {
	ContainerName string                   `yaml:"containerName"`
	AuthURL       string                   `yaml:"authUrl"`
	SwiftURL      string                   `yaml:"swiftUrl"`
	Credentials   DocsOpenStackCredentials `yaml:"credentials"`
}

// DocsOpenStackCredentials are EC2 credentials.
type DocsOpenStackCredentials struct {
	ID     string `yaml:"id"`
	Secret Secret `yaml:"secret"`
}

// TechDocsCache is how long files of a bucket are served from memory without asking the bucket; zero asks each time.
type TechDocsCache struct {
	TTL time.Duration `yaml:"ttl"`
}

// DocsBuilds are the builds of documentation.
type DocsBuilds struct {
	// MaxConcurrentBuilds is how many sites one worker builds at once, 0 for none.
	MaxConcurrentBuilds int `yaml:"maxConcurrentBuilds"`
	// CheckInterval is how often the sources of a site that somebody reads are looked at, and ChecksPerMinute how many sites of one host.
	CheckInterval   time.Duration `yaml:"checkInterval"`
	ChecksPerMinute int           `yaml:"checksPerMinute"`
	// MaxMegabytes and MaxFiles bound the sources of a site.
	MaxMegabytes int          `yaml:"maxMegabytes"`
	MaxFiles     int          `yaml:"maxFiles"`
	Diagrams     DocsDiagrams `yaml:"diagrams"`
	// BuildRetention is how long builds are kept.
	BuildRetention time.Duration `yaml:"buildRetention"`
	// MaxVersions bounds the versions of a site besides previews, and MaxPreviews those; 0 for none.
	MaxVersions int `yaml:"maxVersions"`
	MaxPreviews int `yaml:"maxPreviews"`
}

// DocsDiagrams are the servers that may be asked to draw diagrams, and how long each may take.
type DocsDiagrams struct {
	Servers []string      `yaml:"servers"`
	Time    time.Duration `yaml:"time"`
}
