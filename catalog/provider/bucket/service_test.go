package bucket_test

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/bucket"
	"github.com/portico-dev/portico/catalog/provider/providertest"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/internal/testkit/s3test"
)

// service is one bucket at a service that can be made to fail.
type service struct {
	// base is the address below which objects are.
	base       string
	configured config.CatalogProviders
	options    bucket.Options
	put        func(key, content string)
	remove     func(key string)
	inject     func(pick func(*http.Request) providertest.Fault)
}

func (s service) source(t *testing.T) provider.Source {
	t.Helper()
	sources, err := bucket.Sources(s.configured, s.options)
	require.NoError(t, err)
	require.Len(t, sources, 1)
	return sources[0]
}

// front puts faults in front of a service.
func front(t *testing.T, behind http.Handler) (address string, inject func(func(*http.Request) providertest.Fault)) {
	t.Helper()
	var picks atomic.Pointer[func(*http.Request) providertest.Fault]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if pick := picks.Load(); pick != nil && *pick != nil && r.URL.Path != "/token" {
			if fault := (*pick)(r); fault != nil {
				fault(w, r, behind)
				return
			}
		}
		behind.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, func(pick func(*http.Request) providertest.Fault) { picks.Store(&pick) }
}

// onS3 is a bucket at a real server of S3's protocol.
func onS3(server s3test.Server) func(*testing.T) service {
	return func(t *testing.T) service {
		t.Helper()
		made := server.Bucket(t)
		behind, err := url.Parse(server.URL)
		require.NoError(t, err)
		address, inject := front(t, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(behind)
			r.Out.Host = r.In.Host // it is signed
		}, ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }})
		return service{
			base:       address + "/" + made.Name + "/",
			configured: config.CatalogProviders{AWSS3: map[string]config.AWSS3Provider{"x": {BucketName: made.Name, Region: "eu-west-1"}}},
			options: bucket.Options{Integrations: config.Integrations{AWSS3: []config.AWSS3{{Endpoint: address, S3ForcePathStyle: true,
				AccessKeyID: s3test.AccessKeyID, SecretAccessKey: s3test.SecretAccessKey}}}},
			put:    func(key, content string) { made.Put(t, key, content) },
			remove: func(key string) { made.Remove(t, key) },
			inject: inject,
		}
	}
}

// objects are those of a stand-in for a service, which answers what the service's documentation says.
type objects struct {
	mutex   sync.Mutex
	content map[string]string
}

func (o *objects) put(key, content string) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.content[key] = content
}

func (o *objects) remove(key string) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	delete(o.content, key)
}

// list is a page of keys; its marker is the last key.
func (o *objects) list(prefix, after, size string) (keys []string, next string) {
	limit, _ := strconv.Atoi(size)
	for _, key := range slices.Sorted(maps.Keys(o.content)) {
		if !strings.HasPrefix(key, prefix) || after != "" && key <= after {
			continue
		}
		if len(keys) == limit {
			return keys, keys[limit-1]
		}
		keys = append(keys, key)
	}
	return keys, ""
}

// hashOf is the hash of an object as both services say it.
func hashOf(content string) string {
	sum := md5.Sum([]byte(content))
	return base64.StdEncoding.EncodeToString(sum[:])
}

const modified = "Mon, 02 Jan 2006 15:04:05 GMT"

// onAzure is a container at a stand-in for Azure Blob Storage.
func onAzure(t *testing.T) service {
	t.Helper()
	all := &objects{content: map[string]string{}}
	address, inject := front(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all.mutex.Lock()
		defer all.mutex.Unlock()
		query := r.URL.Query()
		switch key := strings.TrimPrefix(r.URL.Path, "/catalog/"); {
		case query.Get("sig") != "s3cret":
			http.Error(w, "<Error><Code>AuthenticationFailed</Code></Error>", http.StatusForbidden)
		case r.URL.Path == "/catalog" && query.Get("comp") == "list" && query.Get("restype") == "container":
			keys, next := all.list(query.Get("prefix"), query.Get("marker"), query.Get("maxresults"))
			w.Header().Set("Content-Type", "application/xml")
			fmt.Fprint(w, `<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="catalog"><Blobs>`)
			for _, key := range keys {
				fmt.Fprint(w, "<Blob><Name>")
				xml.EscapeText(w, []byte(key)) //nolint:errcheck // A test's caller may be gone.
				fmt.Fprintf(w, "</Name><Properties><Last-Modified>%s</Last-Modified><Content-Length>%d</Content-Length><Content-MD5>%s</Content-MD5></Properties></Blob>",
					modified, len(all.content[key]), hashOf(all.content[key]))
			}
			fmt.Fprintf(w, "</Blobs><NextMarker>%s</NextMarker></EnumerationResults>", next)
		default:
			content, is := all.content[key]
			if !is {
				http.Error(w, "<Error><Code>BlobNotFound</Code></Error>", http.StatusNotFound)
				return
			}
			w.Header().Set("Last-Modified", modified)
			fmt.Fprint(w, content)
		}
	}))
	return service{
		base:       address + "/catalog/",
		configured: config.CatalogProviders{AzureBlob: map[string]config.AzureBlobProvider{"x": {ContainerName: "catalog", AccountName: "acme"}}},
		options:    bucket.Options{Integrations: config.Integrations{AzureBlobStorage: []config.AzureBlobStorage{{AccountName: "acme", Endpoint: address, SASToken: "?sv=1&sig=s3cret"}}}},
		put:        all.put, remove: all.remove, inject: inject,
	}
}

// elsewhere sends everything to one server, whatever its address.
type elsewhere struct{ to *url.URL }

func (e elsewhere) RoundTrip(request *http.Request) (*http.Response, error) {
	changed := request.Clone(request.Context())
	changed.URL.Scheme, changed.URL.Host = e.to.Scheme, e.to.Host
	return http.DefaultTransport.RoundTrip(changed)
}

// googleKey is the private key of a service account.
var googleKey = sync.OnceValues(func() (config.Secret, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	return config.Secret(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})), err
})

// onGoogle is a bucket at a stand-in for Google Cloud Storage, and for its server of tokens.
func onGoogle(t *testing.T) service {
	t.Helper()
	all := &objects{content: map[string]string{}}
	address, inject := front(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all.mutex.Lock()
		defer all.mutex.Unlock()
		w.Header().Set("Content-Type", "application/json")
		query := r.URL.Query()
		switch key := strings.TrimPrefix(r.URL.Path, "/storage/v1/b/acme-catalog/o/"); {
		case r.URL.Path == "/token":
			fmt.Fprint(w, `{"access_token": "ya29", "token_type": "Bearer", "expires_in": 3600}`)
		case r.Header.Get("Authorization") != "Bearer ya29":
			http.Error(w, `{"error": {"code": 401}}`, http.StatusUnauthorized)
		case r.URL.Path == "/storage/v1/b/acme-catalog/o":
			keys, next := all.list(query.Get("prefix"), query.Get("pageToken"), query.Get("maxResults"))
			items := []map[string]string{}
			for _, key := range keys {
				items = append(items, map[string]string{"kind": "storage#object", "name": key, "size": strconv.Itoa(len(all.content[key])), "md5Hash": hashOf(all.content[key])})
			}
			json.NewEncoder(w).Encode(map[string]any{"kind": "storage#objects", "items": items, "nextPageToken": next}) //nolint:errcheck // A test's caller may be gone.
		default:
			content, is := all.content[key]
			if !is || query.Get("alt") != "media" {
				http.Error(w, `{"error": {"code": 404, "errors": [{"reason": "notFound"}]}}`, http.StatusNotFound)
				return
			}
			w.Header().Set("Content-Type", "application/yaml")
			w.Header().Set("X-Goog-Generation", "1")
			fmt.Fprint(w, content)
		}
	}))
	to, err := url.Parse(address)
	require.NoError(t, err)
	key, err := googleKey()
	require.NoError(t, err)
	return service{
		base:       "https://storage.cloud.google.com/acme-catalog/",
		configured: config.CatalogProviders{GoogleGCS: map[string]config.GoogleGCSProvider{"x": {BucketName: "acme-catalog"}}},
		options: bucket.Options{Integrations: config.Integrations{GoogleGCS: config.GoogleGCS{ClientEmail: "reader@acme.example", PrivateKey: key}},
			Transport: elsewhere{to}},
		put: all.put, remove: all.remove, inject: inject,
	}
}
