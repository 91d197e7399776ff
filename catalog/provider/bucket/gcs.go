package bucket

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"

	"cloud.google.com/go/storage"
	"gocloud.dev/blob"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"golang.org/x/oauth2/jwt"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/integration/buckets"
)

// gcsBuckets are names at Google.
var gcsBuckets = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$`)

// gcsPlace is a bucket of Google Cloud Storage. Objects have the addresses that Backstage's reader understands.
func gcsPlace(configured config.GoogleGCSProvider, options Options) (place, error) {
	account := options.Integrations.GoogleGCS
	switch {
	case !gcsBuckets.MatchString(configured.BucketName):
		return place{}, fmt.Errorf("bucketName '%s' is no name of a bucket", configured.BucketName)
	case (account.ClientEmail == "") != (account.PrivateKey == ""):
		return place{}, errors.New("integrations.googleGcs has one of clientEmail and privateKey without the other")
	}
	tokens := gcsTokens(account, options.Transport)
	open := func(ctx context.Context, client *http.Client) (*blob.Bucket, error) {
		// The sweep reads a page again, and waits in the meantime.
		return buckets.OpenGCS(ctx, buckets.GCS{Bucket: configured.BucketName, Tokens: tokens, Scope: storage.ScopeReadOnly}, client)
	}
	return place{name: "gs://" + configured.BucketName, base: "https://storage.cloud.google.com/" + configured.BucketName, open: open,
		rights: "the role Storage Object Viewer"}, nil
}

// gcsTokens are those of the configured account, nil without one. A token is kept until it expires.
func gcsTokens(account config.GoogleGCS, transport http.RoundTripper) oauth2.TokenSource {
	if account.ClientEmail == "" {
		return nil
	}
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{Timeout: requestTimeout, Transport: transport})
	signer := jwt.Config{Email: account.ClientEmail, PrivateKey: []byte(account.PrivateKey), Scopes: []string{storage.ScopeReadOnly}, TokenURL: google.JWTTokenURL}
	return signer.TokenSource(ctx)
}
