package bucket

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"

	"cloud.google.com/go/storage"
	"gocloud.dev/blob"
	"gocloud.dev/blob/gcsblob"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"golang.org/x/oauth2/jwt"
	"google.golang.org/api/option"

	"github.com/portico-dev/portico/config"
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
		return openGCS(ctx, configured.BucketName, tokens, client)
	}
	return place{name: "gs://" + configured.BucketName, base: "https://storage.cloud.google.com/" + configured.BucketName, open: open,
		rights: "the role Storage Object Viewer"}, nil
}

func openGCS(ctx context.Context, name string, tokens oauth2.TokenSource, client *http.Client) (*blob.Bucket, error) {
	if tokens == nil {
		found, err := google.FindDefaultCredentials(ctx, storage.ScopeReadOnly)
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
	connected.SetRetry(storage.WithPolicy(storage.RetryNever)) // the sweep reads the page again, and waits in the meantime
	return gcsblob.OpenBucket(ctx, nil, name, &gcsblob.Options{Client: connected})
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
