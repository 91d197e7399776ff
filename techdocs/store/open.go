package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"

	"cloud.google.com/go/storage"
	"gocloud.dev/blob"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/buckets"
)

// Settings are what a configured store needs besides its own keys.
type Settings struct {
	// DataDirectory has the folder of sites, when none is configured.
	DataDirectory string
	// AWS has the accounts that techdocs.publisher.awsS3.accountId names.
	AWS config.AWS
	// Transport sends the requests; nil is http.DefaultTransport.
	Transport http.RoundTripper
	// Concurrency is that of Options.
	Concurrency int
}

// attemptsOfClients are how often the clients of buckets try a request, where no key says so.
const attemptsOfClients = 5

// Open opens the store of the configuration, without a request to it. A configuration that cannot work is a fault of kind Input that
// names its key. The caller closes the store.
func Open(ctx context.Context, configured config.TechDocs, settings Settings) (*Store, error) {
	if settings.Transport == nil {
		settings.Transport = http.DefaultTransport
	}
	publisher := configured.Publisher
	options := Options{KeepCase: configured.LegacyUseCaseSensitiveTripletPaths, Fresh: configured.Cache.TTL, Concurrency: settings.Concurrency}
	if publisher.Type == config.DocsInFolder {
		directory := publisher.Local.PublishDirectory
		if directory == "" {
			directory = filepath.Join(settings.DataDirectory, "static", "docs")
		}
		return NewFolder(directory, options)
	}
	open := map[string]func(context.Context, config.TechDocsPublisher, Settings, *Options) (*blob.Bucket, error){
		config.DocsInS3: openS3, config.DocsInGCS: openGCS, config.DocsInAzure: openAzure, config.DocsInSwift: openSwift,
	}[publisher.Type]
	if open == nil {
		return nil, fault.New(fault.Input, "Unknown publisher type %s: it is local, awsS3, googleGcs, azureBlobStorage or openStackSwift", publisher.Type)
	}
	bucket, err := open(ctx, publisher, settings, &options)
	if err != nil {
		return nil, fault.Wrap(fault.Input, err, "techdocs.publisher.%s: %s", publisher.Type, err)
	}
	return New(bucket, options), nil
}

func openS3(ctx context.Context, publisher config.TechDocsPublisher, settings Settings, options *Options) (*blob.Bucket, error) {
	at := publisher.AWSS3
	if at.BucketName == "" {
		return nil, errors.New("bucketName is required")
	}
	account, err := buckets.S3Account{AccessKeyID: at.Credentials.AccessKeyID, SecretAccessKey: string(at.Credentials.SecretAccessKey)}.Checked("credentials")
	if at.AccountID != "" {
		account, err = buckets.AccountOf(at.AccountID, settings.AWS)
	}
	if err != nil {
		return nil, err
	}
	account.RoleARN = at.Credentials.RoleARN
	transport, err := throughProxy(settings.Transport, at.HTTPSProxy)
	if err != nil {
		return nil, err
	}
	options.Name, options.Root = "s3://"+at.BucketName, at.BucketRootPath
	return buckets.OpenS3(ctx, buckets.S3{Bucket: at.BucketName, Region: at.Region, Endpoint: at.Endpoint, PathStyle: at.ForcePathStyle, Account: account,
		Encryption: at.Encryption, Attempts: max(at.MaximumAttempts, 1)}, &http.Client{Transport: transport})
}

// throughProxy sends requests through a proxy, if there is one.
func throughProxy(transport http.RoundTripper, proxy string) (http.RoundTripper, error) {
	if proxy == "" {
		return transport, nil
	}
	address, err := url.Parse(proxy)
	if err != nil || address.Host == "" {
		return nil, errors.New("httpsProxy is no address of a proxy: write http://host:port")
	}
	shared, is := http.DefaultTransport.(*http.Transport)
	if !is {
		return nil, errors.New("httpsProxy cannot be used here")
	}
	own := shared.Clone()
	own.Proxy = http.ProxyURL(address)
	return own, nil
}

func openGCS(ctx context.Context, publisher config.TechDocsPublisher, settings Settings, options *Options) (*blob.Bucket, error) {
	at := publisher.GoogleGCS
	if at.BucketName == "" {
		return nil, errors.New("bucketName is required")
	}
	client := &http.Client{Transport: settings.Transport}
	var tokens oauth2.TokenSource
	if at.Credentials != "" {
		account, err := google.JWTConfigFromJSON([]byte(at.Credentials), storage.ScopeReadWrite)
		if err != nil {
			return nil, errors.New("credentials are not the key of a service account: they are the JSON of its file") // the error may repeat them
		}
		tokens = account.TokenSource(context.WithValue(context.WithoutCancel(ctx), oauth2.HTTPClient, client))
	}
	options.Name, options.Root = "gs://"+at.BucketName, at.BucketRootPath
	return buckets.OpenGCS(ctx, buckets.GCS{Bucket: at.BucketName, Tokens: tokens, Scope: storage.ScopeReadWrite, Retry: true}, client)
}

func openAzure(ctx context.Context, publisher config.TechDocsPublisher, settings Settings, options *Options) (*blob.Bucket, error) {
	at := publisher.AzureBlobStorage
	account := at.Credentials.AccountName
	switch {
	case at.ContainerName == "":
		return nil, errors.New("containerName is required")
	case account == "" && at.ConnectionString == "":
		return nil, errors.New("credentials.accountName or connectionString is required")
	}
	options.Name = "azure://" + account + "/" + at.ContainerName
	if at.ConnectionString != "" {
		options.Name = "azure://" + at.ContainerName
	}
	address := "https://" + account + ".blob.core.windows.net/" + at.ContainerName
	return buckets.OpenAzure(ctx, buckets.Azure{Address: address, AccountName: account, AccountKey: at.Credentials.AccountKey, ConnectionString: at.ConnectionString,
		Container: at.ContainerName, Retries: attemptsOfClients}, &http.Client{Transport: settings.Transport})
}

// openSwift opens a container by Swift's API of S3, which is at the root of its host. That needs EC2 credentials. Its region is us-east-1
// unless the environment says otherwise.
func openSwift(ctx context.Context, publisher config.TechDocsPublisher, settings Settings, options *Options) (*blob.Bucket, error) {
	at := publisher.OpenStackSwift
	account, err := buckets.S3Account{AccessKeyID: at.Credentials.ID, SecretAccessKey: string(at.Credentials.Secret)}.Checked("credentials")
	switch {
	case at.ContainerName == "":
		return nil, errors.New("containerName is required")
	case err != nil || account.AccessKeyID == "":
		return nil, errors.New("credentials.id and credentials.secret are required: those of `openstack ec2 credentials create`")
	}
	address, err := url.Parse(at.SwiftURL)
	if err != nil || address.Host == "" {
		return nil, errors.New("swiftUrl is required: the address of Swift, such as https://swift.example.com/swift/v1")
	}
	options.Name = fmt.Sprintf("swift://%s/%s", address.Host, at.ContainerName)
	return buckets.OpenS3(ctx, buckets.S3{Bucket: at.ContainerName, Endpoint: address.Scheme + "://" + address.Host, PathStyle: true,
		Account: account, Attempts: attemptsOfClients}, &http.Client{Transport: settings.Transport})
}
