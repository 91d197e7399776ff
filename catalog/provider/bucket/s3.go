package bucket

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"

	"github.com/portico-dev/portico/config"
)

var (
	// regions and buckets are names at AWS. They become parts of the name of a host.
	regions = regexp.MustCompile(`^[a-z]{2,}(-[a-z0-9]+)+$`)
	buckets = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
)

// s3Account is who reads a bucket. The zero value is who the environment says.
type s3Account struct{ accessKeyID, secretAccessKey, profile string }

// s3Place is a bucket of S3. As in Backstage, the first entry of integrations.awsS3 says where, and aws as whom; without
// an account there, the keys of the entry count.
func s3Place(configured config.AWSS3Provider, options Options) (place, error) {
	var server config.AWSS3
	if len(options.Integrations.AWSS3) > 0 {
		server = options.Integrations.AWSS3[0]
	}
	region, err := s3Region(configured, server)
	if err != nil {
		return place{}, err
	}
	account, err := s3AccountOf(configured.AccountID, server, options.AWS)
	if err != nil {
		return place{}, err
	}
	base := "https://" + configured.BucketName + ".s3." + region + ".amazonaws.com"
	if server.Endpoint != "" {
		at, err := baseOf(server.Endpoint, "integrations.awsS3[0].endpoint")
		if err != nil {
			return place{}, err
		}
		if server.S3ForcePathStyle {
			at.Path += "/" + configured.BucketName
		} else {
			at.Host = configured.BucketName + "." + at.Host
		}
		base = at.String()
	} else if server.S3ForcePathStyle {
		base = "https://s3." + region + ".amazonaws.com/" + configured.BucketName
	}
	open := func(ctx context.Context, client *http.Client) (*blob.Bucket, error) {
		connected, err := connectS3(ctx, region, account)
		if err != nil {
			return nil, err
		}
		return s3blob.OpenBucket(ctx, s3.NewFromConfig(connected, func(o *s3.Options) {
			o.HTTPClient, o.UsePathStyle = client, server.S3ForcePathStyle
			o.Retryer = aws.NopRetryer{} // the sweep reads the page again, and waits in the meantime
			if server.Endpoint != "" {
				o.BaseEndpoint = &server.Endpoint
			}
		}), configured.BucketName, nil)
	}
	return place{name: "s3://" + configured.BucketName, base: base, open: open, rights: "s3:ListBucket and s3:GetObject for the bucket"}, nil
}

// s3Region is the region of a bucket. A server besides AWS has one name for all of it, which it does not use.
func s3Region(configured config.AWSS3Provider, server config.AWSS3) (string, error) {
	region := configured.Region
	if region == "" {
		found, err := awsconfig.NewEnvConfig()
		if err != nil {
			return "", fmt.Errorf("the environment for AWS: %w", err)
		}
		region = found.Region
	}
	if region == "" && server.Endpoint != "" {
		region = "us-east-1"
	}
	switch {
	case !buckets.MatchString(configured.BucketName):
		return "", fmt.Errorf("bucketName '%s' is no name of a bucket", configured.BucketName)
	case region == "":
		return "", errors.New("region is missing, and the environment has no AWS_REGION")
	case !regions.MatchString(region):
		return "", fmt.Errorf("'%s' is no region of AWS: they are written as in eu-west-1", region)
	}
	return region, nil
}

func s3AccountOf(id string, server config.AWSS3, all config.AWS) (s3Account, error) {
	if id != "" {
		n := slices.IndexFunc(all.Accounts, func(one config.AWSProfile) bool { return one.AccountID == id })
		if n < 0 {
			return s3Account{}, fmt.Errorf("accountId %s is none of aws.accounts", id)
		}
		one := all.Accounts[n]
		switch {
		case one.RoleName != "":
			return s3Account{}, fmt.Errorf("aws.accounts[%d].roleName is not supported: give the account keys or a profile that assumes the role", n)
		case one.AccessKeyID == "" && one.Profile == "":
			return s3Account{}, fmt.Errorf("aws.accounts[%d] has neither an accessKeyId nor a profile", n)
		}
		return checked(s3Account{one.AccessKeyID, string(one.SecretAccessKey), one.Profile}, fmt.Sprintf("aws.accounts[%d]", n))
	}
	if server.AccessKeyID != "" {
		return checked(s3Account{accessKeyID: server.AccessKeyID, secretAccessKey: string(server.SecretAccessKey)}, "integrations.awsS3[0]")
	}
	if main := all.MainAccount; main != nil && server.Endpoint == "" {
		return checked(s3Account{main.AccessKeyID, string(main.SecretAccessKey), main.Profile}, "aws.mainAccount")
	}
	return s3Account{}, nil
}

func checked(account s3Account, key string) (s3Account, error) {
	if (account.accessKeyID == "") != (account.secretAccessKey == "") {
		return s3Account{}, fmt.Errorf("%s has one of accessKeyId and secretAccessKey without the other", key)
	}
	return account, nil
}

func connectS3(ctx context.Context, region string, account s3Account) (aws.Config, error) {
	settings := []func(*awsconfig.LoadOptions) error{awsconfig.WithRegion(region)}
	switch {
	case account.accessKeyID != "":
		settings = append(settings, awsconfig.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(account.accessKeyID, account.secretAccessKey, "")))
	case account.profile != "":
		settings = append(settings, awsconfig.WithSharedConfigProfile(account.profile))
	}
	connected, err := awsconfig.LoadDefaultConfig(ctx, settings...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("credentials for AWS: %w", err)
	}
	return connected, nil
}
