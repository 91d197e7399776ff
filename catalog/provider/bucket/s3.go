package bucket

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"gocloud.dev/blob"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/integration/buckets"
)

var (
	// regions and bucketNames are names at AWS. They become parts of the name of a host.
	regions     = regexp.MustCompile(`^[a-z]{2,}(-[a-z0-9]+)+$`)
	bucketNames = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
)

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
		// The sweep reads a page again, and waits in the meantime.
		return buckets.OpenS3(ctx, buckets.S3{Bucket: configured.BucketName, Region: region, Endpoint: server.Endpoint, PathStyle: server.S3ForcePathStyle,
			Account: account}, client)
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
	case !bucketNames.MatchString(configured.BucketName):
		return "", fmt.Errorf("bucketName '%s' is no name of a bucket", configured.BucketName)
	case region == "":
		return "", errors.New("region is missing, and the environment has no AWS_REGION")
	case !regions.MatchString(region):
		return "", fmt.Errorf("'%s' is no region of AWS: they are written as in eu-west-1", region)
	}
	return region, nil
}

func s3AccountOf(id string, server config.AWSS3, all config.AWS) (buckets.S3Account, error) {
	if id != "" {
		return buckets.AccountOf(id, all)
	}
	if server.AccessKeyID != "" {
		return buckets.S3Account{AccessKeyID: server.AccessKeyID, SecretAccessKey: string(server.SecretAccessKey)}.Checked("integrations.awsS3[0]")
	}
	if main := all.MainAccount; main != nil && server.Endpoint == "" {
		return buckets.S3Account{AccessKeyID: main.AccessKeyID, SecretAccessKey: string(main.SecretAccessKey), Profile: main.Profile}.Checked("aws.mainAccount")
	}
	return buckets.S3Account{}, nil
}
