// Package s3test runs a real server of S3's protocol for tests, over a directory that is gone with it.
package s3test

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/devstack/servers"
)

// AccessKeyID and SecretAccessKey are the keys that the server accepts.
const (
	AccessKeyID     = "AKIATEST"
	SecretAccessKey = "test-secret-access-key"
)

// Server is a running server.
type Server struct {
	URL string

	client *s3.Client
}

// Start runs a server until the test ends. Without a binary, it skips the test.
func Start(t testing.TB) Server {
	t.Helper()
	if os.Getenv(servers.S3.Variable) == "" {
		t.Skipf("%s does not name a server of S3's protocol: `make test` builds one", servers.S3.Variable)
	}
	server, err := servers.S3.Start(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop(context.WithoutCancel(t.Context()))) })
	address := server.Printed[0]
	return Server{URL: address, client: s3.New(s3.Options{BaseEndpoint: &address, Region: "eu-west-1", UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(AccessKeyID, SecretAccessKey, "")})}
}

// Bucket is a bucket for one test.
type Bucket struct {
	Name string

	server Server
}

// Bucket creates an empty bucket.
func (s Server) Bucket(t testing.TB) Bucket {
	t.Helper()
	return s.BucketNamed(t, "test-"+uuid.NewString())
}

// BucketNamed creates an empty bucket with a name.
func (s Server) BucketNamed(t testing.TB, name string) Bucket {
	t.Helper()
	b := Bucket{Name: name, server: s}
	_, err := s.client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &b.Name})
	require.NoError(t, err)
	return b
}

// KeepVersions keeps the versions of objects from now on.
func (b Bucket) KeepVersions(t testing.TB) {
	t.Helper()
	_, err := b.server.client.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: &b.Name,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	require.NoError(t, err)
}

// Put writes an object, as somebody else does.
func (b Bucket) Put(t testing.TB, key, content string) {
	t.Helper()
	_, err := b.server.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b.Name, Key: &key, Body: strings.NewReader(content)})
	require.NoError(t, err)
}

// Remove deletes an object.
func (b Bucket) Remove(t testing.TB, key string) {
	t.Helper()
	_, err := b.server.client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &b.Name, Key: &key})
	require.NoError(t, err)
}

// State lists the objects with their contents, a line each.
func (b Bucket) State(t testing.TB) []string {
	t.Helper()
	listed, err := b.server.client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &b.Name})
	require.NoError(t, err)
	lines := []string{}
	for _, one := range listed.Contents {
		found, err := b.server.client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b.Name, Key: one.Key})
		require.NoError(t, err)
		content, err := io.ReadAll(found.Body)
		require.NoError(t, err)
		require.NoError(t, found.Body.Close())
		lines = append(lines, aws.ToString(one.Key)+": "+string(content))
	}
	slices.Sort(lines)
	return lines
}
