// Package buckets opens buckets of S3, Azure Blob Storage and Google Cloud Storage: with configured credentials, or with those that
// the environment has. It does not know what is stored in them.
package buckets

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/blob/s3blob"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"google.golang.org/api/option"

	"github.com/portico-dev/portico/config"
)

// S3 is a bucket of S3, on AWS or another server.
type S3 struct {
	Bucket string
	// Region is "" for that of the environment. A server at an Endpoint has one name for all of it, which it does not use.
	Region, Endpoint string
	PathStyle        bool
	Account          S3Account
	// Encryption is how what is written is encrypted, "" for what the bucket says.
	Encryption string
	// Attempts are those of a request; 0 and 1 mean that nothing is tried again.
	Attempts int
}

// S3Account is who reaches the bucket. The zero value is who the environment says.
type S3Account struct {
	AccessKeyID, SecretAccessKey, Profile string
	// RoleARN is a role that the account assumes.
	RoleARN string
}

// AccountOf is the account with an id, of aws.accounts.
func AccountOf(id string, all config.AWS) (S3Account, error) {
	n := slices.IndexFunc(all.Accounts, func(one config.AWSProfile) bool { return one.AccountID == id })
	if n < 0 {
		return S3Account{}, fmt.Errorf("accountId %s is none of aws.accounts", id)
	}
	one := all.Accounts[n]
	switch {
	case one.RoleName != "":
		return S3Account{}, fmt.Errorf("aws.accounts[%d].roleName is not supported: give the account keys or a profile that assumes the role", n)
	case one.AccessKeyID == "" && one.Profile == "":
		return S3Account{}, fmt.Errorf("aws.accounts[%d] has neither an accessKeyId nor a profile", n)
	}
	return S3Account{AccessKeyID: one.AccessKeyID, SecretAccessKey: string(one.SecretAccessKey), Profile: one.Profile}.Checked(fmt.Sprintf("aws.accounts[%d]", n))
}

// Checked is the account, unless one half of its pair of keys is missing. key is where it is configured.
func (a S3Account) Checked(key string) (S3Account, error) {
	if (a.AccessKeyID == "") != (a.SecretAccessKey == "") {
		return S3Account{}, fmt.Errorf("%s has one of accessKeyId and secretAccessKey without the other", key)
	}
	return a, nil
}

// OpenS3 opens a bucket, whose requests go by the client. The caller closes it.
func OpenS3(ctx context.Context, at S3, client *http.Client) (*blob.Bucket, error) {
	connected, err := connectS3(ctx, at, client)
	if err != nil {
		return nil, err
	}
	// Other servers may not know the newer checksums.
	checksums := aws.RequestChecksumCalculationWhenSupported
	if at.Endpoint != "" {
		checksums = aws.RequestChecksumCalculationWhenRequired
	}
	made := s3.NewFromConfig(connected, func(o *s3.Options) {
		o.HTTPClient, o.UsePathStyle, o.RequestChecksumCalculation = client, at.PathStyle, checksums
		o.DisableLogOutputChecksumValidationSkipped = true // it would be a line for each object that another program has written
		o.Retryer = aws.NopRetryer{}
		if at.Attempts > 1 {
			o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = at.Attempts })
		}
		if at.Endpoint != "" {
			o.BaseEndpoint = &at.Endpoint
		}
	})
	return s3blob.OpenBucket(ctx, made, at.Bucket, &s3blob.Options{EncryptionType: types.ServerSideEncryption(at.Encryption), RequestChecksumCalculation: checksums})
}

func connectS3(ctx context.Context, at S3, client *http.Client) (aws.Config, error) {
	var settings []func(*awsconfig.LoadOptions) error
	if at.Region != "" {
		settings = append(settings, awsconfig.WithRegion(at.Region))
	}
	switch {
	case at.Account.AccessKeyID != "":
		settings = append(settings, awsconfig.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(at.Account.AccessKeyID, at.Account.SecretAccessKey, "")))
	case at.Account.Profile != "":
		settings = append(settings, awsconfig.WithSharedConfigProfile(at.Account.Profile))
	}
	connected, err := awsconfig.LoadDefaultConfig(ctx, settings...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("credentials for AWS: %w", err)
	}
	if connected.Region == "" {
		if at.Endpoint == "" {
			return aws.Config{}, fmt.Errorf("the region of the bucket %s is missing, and the environment has no AWS_REGION", at.Bucket)
		}
		connected.Region = "us-east-1"
	}
	if at.Account.RoleARN != "" {
		service := sts.NewFromConfig(connected, func(o *sts.Options) { o.HTTPClient = client })
		connected.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(service, at.Account.RoleARN,
			func(o *stscreds.AssumeRoleOptions) { o.RoleSessionName = "portico" }))
	}
	return connected, nil
}

// Azure is a container of Azure Blob Storage. The first of AccountKey, SASToken and Credential counts; without all, the credentials
// of the environment do.
type Azure struct {
	// Address is that of the container.
	Address, AccountName string
	AccountKey, SASToken config.Secret
	Credential           config.AADCredential
	// ConnectionString has the account with its address and key, and stands for all of the above; Container is then the name.
	ConnectionString config.Secret
	Container        string
	// Retries are those of a request.
	Retries int
}

// OpenAzure opens a container, whose requests go by the client. The caller closes it.
func OpenAzure(ctx context.Context, at Azure, client *http.Client) (*blob.Bucket, error) {
	connected, err := connectAzure(at, client)
	if err != nil {
		return nil, err
	}
	return azureblob.OpenBucket(ctx, connected, nil)
}

// connectAzure makes the client of a container with the first credentials that there are.
func connectAzure(at Azure, client *http.Client) (*container.Client, error) {
	retries := int32(-1) // none
	if at.Retries > 0 {
		retries = int32(min(at.Retries, 20))
	}
	options := &container.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: client, Retry: policy.RetryOptions{MaxRetries: retries}}}
	switch {
	case at.ConnectionString != "":
		connected, err := container.NewClientFromConnectionString(string(at.ConnectionString), at.Container, options)
		if err != nil {
			return nil, errors.New("the connectionString is not one of a storage account") // the error may repeat the key
		}
		return connected, nil
	case at.AccountKey != "":
		shared, err := container.NewSharedKeyCredential(at.AccountName, string(at.AccountKey))
		if err != nil {
			return nil, fmt.Errorf("the accountKey of %s is no key: it is written in base64", at.AccountName)
		}
		return container.NewClientWithSharedKeyCredential(at.Address, shared, options)
	case at.SASToken != "":
		return container.NewClientWithNoCredential(at.Address+"?"+strings.TrimPrefix(string(at.SASToken), "?"), options)
	}
	token, err := azureToken(at.Credential)
	if err != nil {
		return nil, fmt.Errorf("credentials for the storage account %s: %w", at.AccountName, err)
	}
	return container.NewClient(at.Address, token, options)
}

// azureToken signs in as an application, or as who the environment says.
func azureToken(configured config.AADCredential) (azcore.TokenCredential, error) {
	if configured.ClientID != "" {
		return azidentity.NewClientSecretCredential(configured.TenantID, configured.ClientID, string(configured.ClientSecret), nil)
	}
	return azidentity.NewDefaultAzureCredential(nil)
}

// GCS is a bucket of Google Cloud Storage.
type GCS struct {
	Bucket string
	// Tokens sign in. Nil is who the environment says, within Scope.
	Tokens oauth2.TokenSource
	Scope  string
	// Retry tries requests again that can be.
	Retry bool
}

// OpenGCS opens a bucket, whose requests go by the client. The caller closes it.
func OpenGCS(ctx context.Context, at GCS, client *http.Client) (*blob.Bucket, error) {
	tokens := at.Tokens
	if tokens == nil {
		found, err := google.FindDefaultCredentials(ctx, at.Scope)
		if err != nil {
			return nil, fmt.Errorf("credentials for Google Cloud Storage: %w", err)
		}
		tokens = found.TokenSource
	}
	signed := *client
	signed.Transport = &oauth2.Transport{Base: client.Transport, Source: tokens}
	connected, err := storage.NewClient(ctx, option.WithHTTPClient(&signed), storage.WithJSONReads())
	if err != nil {
		return nil, fmt.Errorf("connect to Google Cloud Storage: %w", err)
	}
	if !at.Retry {
		connected.SetRetry(storage.WithPolicy(storage.RetryNever))
	}
	return gcsblob.OpenBucket(ctx, nil, at.Bucket, &gcsblob.Options{Client: connected})
}
