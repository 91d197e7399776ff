package bucket_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/bucket"
	"github.com/portico-dev/portico/catalog/provider/providertest"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/internal/testkit/s3test"
)

// everywhere runs a test on every service.
func everywhere(t *testing.T, test func(t *testing.T, start func(*testing.T) service)) {
	t.Helper()
	for name, start := range map[string]func(*testing.T) service{"Azure": onAzure, "Google": onGoogle} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start)
		})
	}
	t.Run("S3", func(t *testing.T) {
		t.Parallel()
		test(t, onS3(s3test.Start(t)))
	})
}

func TestItConforms(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, start func(*testing.T) service) {
		t.Helper()
		providertest.Conform(t, func(t *testing.T) providertest.Source {
			t.Helper()
			made := start(t)
			refs := []string{}
			for n := range 7 {
				key := fmt.Sprintf("systems/%d.yaml", n)
				made.put(key, fmt.Sprintf("kind: System # %d\n", n))
				refs = append(refs, "location:default/"+entity.LocationEntityName("url", made.base+key))
			}
			return providertest.Source{
				New: func() provider.Provider {
					source := made.source(t)
					bucket.SetPageSizes(source, 4, 3) // pages of 3, 1 and 3
					return source
				},
				Inject: made.inject, Refs: refs, Pages: 3,
				Remove: func() { made.remove("systems/2.yaml") },
				Add:    func() { made.put("systems/0a.yaml", "kind: System\n") },
			}
		})
	})
}

func TestDescriptorsAreReadAlong(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, start func(*testing.T) service) {
		t.Helper()
		made := start(t)
		made.put("a b*.yml", "kind: API\n")
		made.put("teams/web.yaml", "kind: Group\n")
		made.put("teams/empty.yaml", "")
		made.put("teams/large.yaml", strings.Repeat("#", 1<<20+1))
		made.put("readme.md", "# Nothing")
		page, err := made.source(t).ReadPage(t.Context(), "")
		require.NoError(t, err)
		targets, files := []string{}, map[string]string{}
		for _, one := range page.Entities {
			targets = append(targets, strings.TrimPrefix(one.Location.Target, made.base))
		}
		for _, one := range page.Files {
			require.NotNil(t, one.Body)
			files[strings.TrimPrefix(one.URL, made.base)] = string(one.Body)
		}
		require.Equal(t, []string{"a%20b%2A.yml", "teams/empty.yaml", "teams/large.yaml", "teams/web.yaml"}, targets)
		require.Equal(t, map[string]string{"a%20b%2A.yml": "kind: API\n", "teams/empty.yaml": "", "teams/web.yaml": "kind: Group\n"}, files)
		require.Equal(t, []string{"teams/large.yaml is not read: it has 1048577 bytes, more than the 1048576 of a descriptor"}, page.Remarks)
	})
}

func TestThePrefixSelects(t *testing.T) {
	t.Parallel()
	made := onS3(s3test.Start(t))(t)
	made.put("teams/web.yaml", "kind: Group\n")
	made.put("systems/web.yaml", "kind: System\n")
	only := made.configured.AWSS3["x"]
	only.Prefix = "teams/"
	made.configured.AWSS3["x"] = only
	source := made.source(t)
	require.Equal(t, []string{"awsS3", "s3://" + only.BucketName + "/teams/", "awsS3-provider:x"}, []string{source.Kind, source.Place, source.Name()})
	page, err := source.ReadPage(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, page.Entities, 1)
	require.Equal(t, made.base+"teams/web.yaml", page.Entities[0].Location.Target)
}

// TestAnObjectThatVanishesIsNoHole: it is gone from the page only when a new list does not have it.
func TestAnObjectThatVanishesIsNoHole(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, start func(*testing.T) service) {
		t.Helper()
		made := start(t)
		made.put("a.yaml", "kind: API\n")
		made.put("b.yaml", "kind: API\n")
		isOf := func(r *http.Request, key string) bool { return strings.HasSuffix(r.URL.Path, key) }
		made.inject(func(r *http.Request) providertest.Fault {
			if isOf(r, "/b.yaml") {
				return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { w.WriteHeader(http.StatusNotFound) }
			}
			return nil
		})
		page, err := made.source(t).ReadPage(t.Context(), "")
		require.ErrorContains(t, err, "b.yaml is gone")
		require.Zero(t, page)
		_, passes := integration.MayPass(err)
		require.True(t, passes)

		var once atomic.Bool
		made.inject(func(r *http.Request) providertest.Fault {
			if isOf(r, "/b.yaml") && once.CompareAndSwap(false, true) {
				made.remove("b.yaml")
			}
			return nil
		})
		page, err = made.source(t).ReadPage(t.Context(), "")
		require.NoError(t, err)
		require.Len(t, page.Entities, 1)
		require.Len(t, page.Files, 1)
	})
}

// TestItFollowsNoRedirect: what an answer says must not choose where Portico sends its requests.
func TestItFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, start func(*testing.T) service) {
		t.Helper()
		var asked atomic.Int64
		other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
		t.Cleanup(other.Close)
		made := start(t)
		made.put("a.yaml", "kind: API\n")
		for _, status := range []int{http.StatusMovedPermanently, http.StatusTemporaryRedirect} {
			made.inject(func(*http.Request) providertest.Fault {
				return func(w http.ResponseWriter, r *http.Request, _ http.Handler) { http.Redirect(w, r, other.URL, status) }
			})
			_, err := made.source(t).ReadPage(t.Context(), "")
			require.Error(t, err)
		}
		require.Zero(t, asked.Load())
	})
}

func TestErrorsSayWhatIsMissingAndNoSecret(t *testing.T) {
	t.Parallel()
	wrong := onS3(s3test.Start(t))(t)
	wrong.options.Integrations.AWSS3[0].SecretAccessKey = "another-s3cret"
	_, err := wrong.source(t).ReadPage(t.Context(), "")
	require.ErrorContains(t, err, "could not list the objects of s3://")
	require.ErrorContains(t, err, "403 Forbidden")
	require.ErrorContains(t, err, "(SignatureDoesNotMatch)")
	require.ErrorContains(t, err, "s3:ListBucket")
	require.NotContains(t, err.Error(), "s3cret")

	gone := onAzure(t)
	gone.options.Integrations.AzureBlobStorage[0].Endpoint = "http://127.0.0.1:1"
	_, err = gone.source(t).ReadPage(t.Context(), "")
	require.ErrorContains(t, err, "could not list the objects of acme/catalog")
	require.NotContains(t, err.Error(), "s3cret")
}

func TestConfigurationsThatCannotWork(t *testing.T) {
	t.Parallel()
	endpoint := config.Integrations{AWSS3: []config.AWSS3{{Endpoint: "https://s3.acme.example"}}}
	s3 := func(one config.AWSS3Provider) config.CatalogProviders {
		return config.CatalogProviders{AWSS3: map[string]config.AWSS3Provider{"x": one}}
	}
	azure := func(one config.AzureBlobProvider) config.CatalogProviders {
		return config.CatalogProviders{AzureBlob: map[string]config.AzureBlobProvider{"x": one}}
	}
	accounts := config.AWS{Accounts: []config.AWSProfile{{AccountID: "1", RoleName: "reader"}, {AccountID: "2"}, {AccountID: "3", AccessKeyID: "AKIA"}}}
	for says, test := range map[string]struct {
		configured config.CatalogProviders
		options    bucket.Options
	}{
		"awsS3.x: bucketName 'x/y' is no name":                {s3(config.AWSS3Provider{BucketName: "x/y"}), bucket.Options{Integrations: endpoint}},
		"awsS3.x: 'eu-west-1.evil.example/' is no region":     {s3(config.AWSS3Provider{BucketName: "acme", Region: "eu-west-1.evil.example/"}), bucket.Options{}},
		"awsS3.x: accountId 9 is none of aws.accounts":        {s3(config.AWSS3Provider{BucketName: "acme", Region: "eu-west-1", AccountID: "9"}), bucket.Options{AWS: accounts}},
		"awsS3.x: aws.accounts[0].roleName is not supported":  {s3(config.AWSS3Provider{BucketName: "acme", Region: "eu-west-1", AccountID: "1"}), bucket.Options{AWS: accounts}},
		"awsS3.x: aws.accounts[1] has neither":                {s3(config.AWSS3Provider{BucketName: "acme", Region: "eu-west-1", AccountID: "2"}), bucket.Options{AWS: accounts}},
		"awsS3.x: aws.accounts[2] has one of accessKeyId and": {s3(config.AWSS3Provider{BucketName: "acme", Region: "eu-west-1", AccountID: "3"}), bucket.Options{AWS: accounts}},
		"azureBlob.x: integrations.azureBlobStorage has no":   {azure(config.AzureBlobProvider{ContainerName: "catalog", AccountName: "acme"}), bucket.Options{}},
		"azureBlob.x: accountName 'evil.example/' is no name": {azure(config.AzureBlobProvider{ContainerName: "catalog", AccountName: "evil.example/"}), bucket.Options{}},
		"azureBlob.x: containerName '..' is no name":          {azure(config.AzureBlobProvider{ContainerName: "..", AccountName: "acme"}), bucket.Options{}},
		"azureBlob.x: integrations.azureBlobStorage[0].aadCred": {azure(config.AzureBlobProvider{ContainerName: "catalog", AccountName: "acme"}), bucket.Options{Integrations: config.Integrations{
			AzureBlobStorage: []config.AzureBlobStorage{{AccountName: "acme", Host: "blob.core.windows.net", AADCredential: config.AADCredential{ClientID: "x"}}}}}},
		"googleGcs.x: bucketName '' is no name": {config.CatalogProviders{GoogleGCS: map[string]config.GoogleGCSProvider{"x": {}}}, bucket.Options{}},
		"googleGcs.x: integrations.googleGcs has one of": {config.CatalogProviders{GoogleGCS: map[string]config.GoogleGCSProvider{"x": {BucketName: "acme"}}},
			bucket.Options{Integrations: config.Integrations{GoogleGCS: config.GoogleGCS{ClientEmail: "a@acme.example"}}}},
	} {
		_, err := bucket.Sources(test.configured, test.options)
		require.ErrorContains(t, err, "catalog.providers."+says)
		require.Equal(t, fault.Input, fault.KindOf(err))
	}
}

// TestSeveralOfEachKind: each has its name, and S3 of AWS has AWS's addresses.
func TestSeveralOfEachKind(t *testing.T) {
	t.Parallel()
	sources, err := bucket.Sources(config.CatalogProviders{
		AWSS3:     map[string]config.AWSS3Provider{"b": {BucketName: "bbb", Region: "eu-west-1"}, "a": {BucketName: "aaa", Region: "us-east-2"}},
		AzureBlob: map[string]config.AzureBlobProvider{"a": {ContainerName: "aaa", AccountName: "acme"}, "b": {ContainerName: "bbb", AccountName: "acme"}},
		GoogleGCS: map[string]config.GoogleGCSProvider{"a": {BucketName: "aaa"}, "b": {BucketName: "bbb", Prefix: "teams/"}},
	}, bucket.Options{Integrations: config.Integrations{AzureBlobStorage: []config.AzureBlobStorage{{AccountName: "acme", Host: "blob.core.windows.net"}}}})
	require.NoError(t, err)
	names, places := []string{}, []string{}
	for _, one := range sources {
		names, places = append(names, one.Name()), append(places, one.Place)
	}
	require.Equal(t, []string{"awsS3-provider:a", "awsS3-provider:b", "azureBlobStorage-provider:a", "azureBlobStorage-provider:b", "googleGcs-provider:a", "googleGcs-provider:b"}, names)
	require.Equal(t, []string{"s3://aaa", "s3://bbb", "acme/aaa", "acme/bbb", "gs://aaa", "gs://bbb/teams/"}, places)
}

// TestUnchangedObjectsAreOnlyListed: descriptors that have not changed take one request for the list, and one that has changed is read.
func TestUnchangedObjectsAreOnlyListed(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, start func(*testing.T) service) {
		t.Helper()
		const objects = 120
		made, etags := start(t), map[string]string{}
		for n := range objects {
			made.put(fmt.Sprintf("systems/%03d.yaml", n), fmt.Sprintf("kind: System # %d\n", n))
		}
		known := func(ctx context.Context, _ []string) (map[string]string, error) { return etags, ctx.Err() }
		sweep := func() (requests, files int, read []string) {
			source := made.source(t)
			again, is := source.Provider.(provider.Rereader)
			require.True(t, is)
			stored := map[string]string{}
			for cursor, pages := "", 0; pages < 10; pages++ {
				page, err := again.Reread(t.Context(), cursor, known)
				require.NoError(t, err)
				requests, files = requests+page.Requests, files+len(page.Files)
				for _, file := range page.Files {
					stored[file.URL] = file.ETag
					if file.Body != nil {
						read = append(read, string(file.Body))
					}
				}
				if cursor = page.Next; cursor == "" {
					break
				}
			}
			etags = stored
			return requests, files, read
		}
		first, files, read := sweep()
		require.Equal(t, []int{objects + 3, objects, objects}, []int{first, files, len(read)})
		again, files, read := sweep()
		require.Equal(t, []int{1, objects}, []int{again, files})
		require.Empty(t, read)
		made.put("systems/007.yaml", "kind: System # X\n") // as long as before
		changed, _, read := sweep()
		require.Equal(t, 2, changed)
		require.Equal(t, []string{"kind: System # X\n"}, read)
	})
}
