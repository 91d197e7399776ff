package store_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs/store"
)

// wire is between a store and a real server of S3's protocol. It records requests, and lets some fail.
type wire struct {
	mutex sync.Mutex
	seen  []string
	// fails is asked for each request, nil to let all pass: "before" refuses it, "after" passes it on and loses the answer.
	fails func(request string) string
}

// requests are those since the last call: their methods and the files they are about.
func (w *wire) requests() []string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	seen := w.seen
	w.seen = nil
	return seen
}

func (w *wire) fail(fails func(string) string) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.fails = fails
}

func (w *wire) observe(r *http.Request) string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	_, file, isFile := strings.Cut(r.URL.Path, "default/component/shop/")
	if !isFile {
		file = "?"
	}
	request := r.Method + " " + file
	w.seen = append(w.seen, request)
	if w.fails == nil {
		return ""
	}
	return w.fails(request)
}

// behindWire is a bucket that is reached through a wire.
func behindWire(t *testing.T, change func(*config.TechDocs)) (*place, *wire) {
	t.Helper()
	through := &wire{}
	p := inBucket(t, func(c *config.TechDocs) {
		upstream, err := url.Parse(c.Publisher.AWSS3.Endpoint)
		require.NoError(t, err)
		proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { // the signature is for the name that was asked
			r.Out.URL.Scheme, r.Out.URL.Host = upstream.Scheme, upstream.Host
		}}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch through.observe(r) {
			case "before":
				w.WriteHeader(http.StatusInsufficientStorage)
			case "after":
				proxy.ServeHTTP(httptest.NewRecorder(), r)
				panic(http.ErrAbortHandler)
			default:
				proxy.ServeHTTP(w, r)
			}
		}))
		t.Cleanup(server.Close)
		c.Publisher.AWSS3.Endpoint = server.URL
		if change != nil {
			change(c)
		}
	})
	return p, through
}

// written are the files of requests with a method.
func written(requests []string, method string) []string {
	var files []string
	for _, request := range requests {
		if file, is := strings.CutPrefix(request, method+" "); is {
			files = append(files, file)
		}
	}
	return files
}

// TestAReaderNeverSeesAPageWithoutWhatItShows: files are uploaded before those that need them, and removed last.
func TestAReaderNeverSeesAPageWithoutWhatItShows(t *testing.T) {
	t.Parallel()
	p, through := behindWire(t, nil)
	require.NoError(t, p.Publish(t.Context(), shop, site(t, map[string]string{"old.css": "old", "old/index.html": "old"})))
	through.requests()
	require.NoError(t, p.Publish(t.Context(), shop, site(t, map[string]string{"index.html": "new", "guide/index.html": "new", "assets/main.css": "new", "assets/new.css": "new",
		"search/search_index.json": `{"docs":[1]}`, "techdocs_metadata.json": `{"etag":"two"}`})))
	requests := through.requests()
	order := written(requests, "PUT")
	require.Len(t, order, 6)
	require.ElementsMatch(t, []string{"assets/main.css", "assets/new.css"}, order[:2])
	require.ElementsMatch(t, []string{"index.html", "guide/index.html"}, order[2:4])
	require.Equal(t, []string{"search/search_index.json", "techdocs_metadata.json"}, order[4:])
	require.ElementsMatch(t, []string{"old.css", "old/index.html"}, written(requests, "DELETE"))
	require.Greater(t, slices.IndexFunc(requests, func(r string) bool { return strings.HasPrefix(r, "DELETE") }), slices.Index(requests, "PUT techdocs_metadata.json"))
}

// TestAnUploadWhoseAnswerWasLostIsNotDoneAgain: the server wrote the file, and the connection broke.
func TestAnUploadWhoseAnswerWasLostIsNotDoneAgain(t *testing.T) {
	t.Parallel()
	p, through := behindWire(t, nil)
	through.fail(func(request string) string {
		if request == "PUT index.html" || request == "PUT techdocs_metadata.json" {
			return "after"
		}
		return ""
	})
	done, err := p.Upload(t.Context(), shop, site(t, nil))
	require.NoError(t, err)
	require.Equal(t, store.Published{Uploaded: 5}, done)
	uploads := written(through.requests(), "PUT")
	require.Len(t, uploads, 5, "each file was uploaded once: %v", uploads)
	require.Len(t, p.state(), 5)
}

// TestAnUploadThatFailsOnceIsTriedAgain: and a lost answer to a deletion does no harm.
func TestAnUploadThatFailsOnceIsTriedAgain(t *testing.T) {
	t.Parallel()
	p, through := behindWire(t, nil)
	require.NoError(t, p.Publish(t.Context(), shop, site(t, map[string]string{"old.css": "old"})))
	failed := map[string]bool{}
	through.fail(func(request string) string {
		if request != "PUT index.html" || failed[request] {
			return ""
		}
		failed[request] = true
		return "before"
	})
	require.NoError(t, p.Publish(t.Context(), shop, site(t, map[string]string{"index.html": "new"})))
	require.Equal(t, "new", p.read("index.html"))
}

// TestAFullBucketLeavesTheEarlierSite: it can be read as it was, and publishing again continues.
func TestAFullBucketLeavesTheEarlierSite(t *testing.T) {
	t.Parallel()
	p, through := behindWire(t, nil)
	require.NoError(t, p.Publish(t.Context(), shop, site(t, nil)))
	through.fail(func(request string) string {
		if strings.HasPrefix(request, "PUT") && strings.HasSuffix(request, ".html") {
			return "before"
		}
		return ""
	})
	changed := map[string]string{"index.html": "<h1>New</h1>", "guide/index.html": "", "assets/new.css": "new", "techdocs_metadata.json": `{"etag":"two"}`}
	_, err := p.Upload(t.Context(), shop, site(t, changed))
	require.ErrorContains(t, err, "publish the documentation of default/component/shop to s3://")
	require.ErrorContains(t, err, "upload index.html")
	require.Equal(t, "<h1>Shop</h1>", p.read("index.html"))
	require.Equal(t, "<h1>Guide</h1>", p.read("guide/index.html"))
	found, err := p.Metadata(t.Context(), shop)
	require.NoError(t, err)
	require.Equal(t, "one", found.ETag)

	through.fail(nil)
	done, err := p.Upload(t.Context(), shop, site(t, changed))
	require.NoError(t, err)
	require.Equal(t, store.Published{Uploaded: 2, Unchanged: 3, Removed: 1}, done)
	require.Equal(t, "<h1>New</h1>", p.read("index.html"))
}

// TestWhoeverPublishesMayStop: between two requests.
func TestWhoeverPublishesMayStop(t *testing.T) {
	t.Parallel()
	p, through := behindWire(t, nil)
	ctx, stop := context.WithCancel(t.Context())
	through.fail(func(request string) string {
		if strings.HasPrefix(request, "PUT") {
			stop()
		}
		return ""
	})
	require.ErrorIs(t, p.Publish(ctx, shop, site(t, nil)), context.Canceled)
	through.fail(nil)
	require.NoError(t, p.Publish(t.Context(), shop, site(t, nil)))
	require.Len(t, p.state(), 5)
}

// TestAFullDiskLeavesTheEarlierSite needs a small file system, which only root can mount.
func TestAFullDiskLeavesTheEarlierSite(t *testing.T) {
	t.Parallel()
	small := t.TempDir()
	if output, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", small).CombinedOutput(); err != nil {
		t.Skipf("no small file system can be mounted here: %s", output)
	}
	t.Cleanup(func() {
		require.NoError(t, exec.CommandContext(context.WithoutCancel(t.Context()), "umount", small).Run())
	})
	sites, err := store.NewFolder(filepath.Join(small, "docs"), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sites.Close()) })
	p := &place{T: t, Store: sites}
	require.NoError(t, p.Publish(t.Context(), shop, site(t, nil)))
	before := filesIn(t, small)

	err = p.Publish(t.Context(), shop, site(t, map[string]string{"assets/large.bin": strings.Repeat("x", 256<<10), "index.html": "new", "guide/index.html": ""}))
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
	require.ErrorContains(t, err, "the disk is full. What was published before is still served")
	require.Equal(t, names(before), names(filesIn(t, small)), "nothing of it is left")
	require.NoError(t, p.Publish(t.Context(), shop, site(t, map[string]string{"index.html": "new"})))
	require.Equal(t, "new", p.read("index.html"))
}

// TestHotFilesAreInMemory: a file that is as it was is not read again, and within the time of the configuration not even asked for.
func TestHotFilesAreInMemory(t *testing.T) {
	t.Parallel()
	p, through := behindWire(t, nil)
	require.NoError(t, p.Publish(t.Context(), shop, site(t, map[string]string{"large.mp4": strings.Repeat("0123456789abcdef", 1<<17)})))
	require.Equal(t, "<h1>Guide</h1>", p.read("guide/index.html"))
	through.requests()
	require.Equal(t, "<h1>Guide</h1>", p.read("guide/index.html"))
	require.Equal(t, []string{"HEAD guide/index.html"}, through.requests())

	// Somebody else publishes.
	p.put("default/component/shop/guide/index.html", "<h1>Other</h1>")
	require.Equal(t, "<h1>Other</h1>", p.read("guide/index.html"))

	// A large file is read from where it is wanted, each time.
	through.requests()
	file, err := p.Open(t.Context(), shop, "large.mp4")
	require.NoError(t, err)
	size, err := file.Seek(0, io.SeekEnd)
	require.NoError(t, err)
	require.Equal(t, int64(16<<17), size)
	_, err = file.Seek(16<<16+1, io.SeekStart)
	require.NoError(t, err)
	part := make([]byte, 16)
	_, err = io.ReadFull(file, part)
	require.NoError(t, err)
	require.Equal(t, "123456789abcdef0", string(part))
	_, err = file.Seek(-17, io.SeekCurrent)
	require.NoError(t, err)
	_, err = io.ReadFull(file, part)
	require.NoError(t, err)
	require.Equal(t, "0123456789abcdef", string(part))
	require.NoError(t, file.Close())
	require.Equal(t, []string{"HEAD large.mp4", "GET large.mp4", "GET large.mp4"}, through.requests())
}

func TestAFreshFileIsNotAskedFor(t *testing.T) {
	t.Parallel()
	p, through := behindWire(t, func(c *config.TechDocs) { c.Cache.TTL = time.Hour })
	require.NoError(t, p.Publish(t.Context(), shop, site(t, nil)))
	for _, path := range []string{"index.html", "techdocs_metadata.json"} {
		p.read(path)
	}
	through.requests()
	p.read("index.html")
	require.Empty(t, through.requests())
	changed, err := p.Refresh(t.Context(), shop)
	require.NoError(t, err)
	require.False(t, changed)

	// Somebody else publishes: a reader sees it after the next look, or when the time is over.
	p.put("default/component/shop/index.html", "<h1>Other</h1>")
	p.put("default/component/shop/techdocs_metadata.json", `{"etag":"two"}`)
	require.Equal(t, "<h1>Shop</h1>", p.read("index.html"))
	changed, err = p.Refresh(t.Context(), shop)
	require.NoError(t, err)
	require.True(t, changed)
	require.Equal(t, "<h1>Other</h1>", p.read("index.html"))

	// What this process publishes is seen at once.
	require.NoError(t, p.Publish(t.Context(), shop, site(t, nil)))
	require.Equal(t, "<h1>Shop</h1>", p.read("index.html"))
}

// TestMigrationGoesOnWhereItStopped: it copies or moves what is not in lower case, and leaves what is no site alone.
// TestAFileThatGrowsMeanwhileIsNotReadIntoMemory: it was small when it was looked at first.
func TestAFileThatGrowsMeanwhileIsNotReadIntoMemory(t *testing.T) {
	t.Parallel()
	p, through := behindWire(t, nil)
	p.put("default/component/shop/video.mp4", "small")
	looks := 0
	through.fail(func(request string) string {
		if looks++; request == "HEAD video.mp4" && looks == 2 {
			p.put("default/component/shop/video.mp4", strings.Repeat("large", 1<<20))
		}
		return ""
	})
	file, err := p.Open(t.Context(), shop, "video.mp4")
	require.NoError(t, err)
	require.Empty(t, written(through.requests(), "GET"), "nothing is read before it is needed")
	content, err := io.ReadAll(file)
	require.NoError(t, err)
	require.Len(t, content, 5<<20)
	require.NoError(t, file.Close())
}

func TestMigrationGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	inEachPlace(t, func(p *place) {
		for key, content := range map[string]string{"Default/Component/Shop/Index.html": "1", "Default/Component/Shop/a/B.css": "2", "default/component/Till/x": "3",
			"default/component/done/x": "4", "README.md": "5", "Some/File": "6", "DEFAULT/api/both/x": "7", "default/api/both/x": "newer"} {
			p.put(key, content)
			if key == "DEFAULT/api/both/x" { // the other one is written after it, whatever the order of the map
				p.put("default/api/both/x", "newer")
			}
		}
		p.put("default/api/both/x", "newer")
		var lines []string
		done, err := p.Migrate(p.Context(), store.Migration{Concurrency: 1, Log: func(line string) { lines = append(lines, line) }})
		require.NoError(p, err)
		require.Equal(p, store.Migrated{Copied: 3, Present: 1}, done)
		require.Contains(p, lines, "default/component/Till/x -> default/component/till/x")
		require.Subset(p, p.state(), []string{"default/component/shop/Index.html: 1", "default/component/shop/a/B.css: 2", "default/component/till/x: 3", "default/api/both/x: newer",
			"Default/Component/Shop/Index.html: 1"})

		done, err = p.Migrate(p.Context(), store.Migration{RemoveOriginal: true})
		require.NoError(p, err)
		require.Equal(p, store.Migrated{Present: 4, Removed: 4}, done)
		require.Equal(p, []string{"README.md: 5", "Some/File: 6", "default/api/both/x: newer", "default/component/done/x: 4", "default/component/shop/Index.html: 1",
			"default/component/shop/a/B.css: 2", "default/component/till/x: 3"}, p.state())
		done, err = p.Migrate(p.Context(), store.Migration{RemoveOriginal: true})
		require.NoError(p, err)
		require.Zero(p, done)
	})
}

// TestAConfigurationThatCannotWorkNamesItsKey: and no message repeats a secret.
func TestAConfigurationThatCannotWorkNamesItsKey(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		change  func(*config.TechDocsPublisher)
		message string
	}{
		{func(p *config.TechDocsPublisher) { p.Type = "ftp" }, "Unknown publisher type ftp"},
		{func(p *config.TechDocsPublisher) { p.Type = config.DocsInS3 }, "techdocs.publisher.awsS3: bucketName is required"},
		{func(p *config.TechDocsPublisher) {
			p.Type, p.AWSS3.BucketName, p.AWSS3.AccountID = config.DocsInS3, "x", "1"
		}, "techdocs.publisher.awsS3: accountId 1 is none of aws.accounts"},
		{func(p *config.TechDocsPublisher) {
			p.Type, p.AWSS3.BucketName, p.AWSS3.Credentials.AccessKeyID = config.DocsInS3, "x", "secret"
		}, "techdocs.publisher.awsS3: credentials has one of accessKeyId and secretAccessKey without the other"},
		{func(p *config.TechDocsPublisher) { p.Type = config.DocsInGCS }, "techdocs.publisher.googleGcs: bucketName is required"},
		{func(p *config.TechDocsPublisher) {
			p.Type, p.GoogleGCS.BucketName, p.GoogleGCS.Credentials = config.DocsInGCS, "x", "secret"
		}, "techdocs.publisher.googleGcs: credentials are not the key of a service account"},
		{func(p *config.TechDocsPublisher) { p.Type = config.DocsInAzure }, "techdocs.publisher.azureBlobStorage: containerName is required"},
		{func(p *config.TechDocsPublisher) {
			p.Type, p.AzureBlobStorage.ContainerName = config.DocsInAzure, "x"
		}, "techdocs.publisher.azureBlobStorage: credentials.accountName or connectionString is required"},
		{func(p *config.TechDocsPublisher) {
			p.Type, p.AzureBlobStorage.ContainerName, p.AzureBlobStorage.ConnectionString = config.DocsInAzure, "x", "secret"
		}, "techdocs.publisher.azureBlobStorage: the connectionString is not one of a storage account"},
		{func(p *config.TechDocsPublisher) {
			p.Type, p.OpenStackSwift.ContainerName = config.DocsInSwift, "x"
		}, "techdocs.publisher.openStackSwift: credentials.id and credentials.secret are required"},
		{func(p *config.TechDocsPublisher) {
			p.Type, p.OpenStackSwift = config.DocsInSwift, config.DocsOpenStack{ContainerName: "x", Credentials: config.DocsOpenStackCredentials{ID: "a", Secret: "secret"}}
		}, "techdocs.publisher.openStackSwift: swiftUrl is required"},
	} {
		var configured config.TechDocs
		test.change(&configured.Publisher)
		_, err := store.Open(t.Context(), configured, store.Settings{})
		require.Equal(t, fault.Input, fault.KindOf(err), test.message)
		require.ErrorContains(t, err, test.message)
		require.NotContains(t, err.Error(), "secret'")
	}
}

// TestEveryKindOfPlaceIsOpened without a request to it.
func TestEveryKindOfPlaceIsOpened(t *testing.T) {
	t.Parallel()
	for name, publisher := range map[string]config.TechDocsPublisher{
		"azure://acme/docs": {Type: config.DocsInAzure, AzureBlobStorage: config.DocsAzure{ContainerName: "docs", Credentials: config.DocsAzureCredentials{AccountName: "acme", AccountKey: "a2V5"}}},
		"azure://docs": {Type: config.DocsInAzure, AzureBlobStorage: config.DocsAzure{ContainerName: "docs",
			ConnectionString: "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=a2V5;EndpointSuffix=core.windows.net"}},
		"swift://swift.example/docs": {Type: config.DocsInSwift, OpenStackSwift: config.DocsOpenStack{ContainerName: "docs", SwiftURL: "https://swift.example/swift/v1",
			Credentials: config.DocsOpenStackCredentials{ID: "a", Secret: "b"}}},
		"s3://docs": {Type: config.DocsInS3, AWSS3: config.DocsS3{BucketName: "docs", Region: "eu-west-1", HTTPSProxy: "http://proxy.example:3128"}},
	} {
		opened, err := store.Open(t.Context(), config.TechDocs{Publisher: publisher}, store.Settings{})
		require.NoError(t, err, name)
		require.Equal(t, name, opened.Name())
		require.NoError(t, opened.Close())
	}
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := store.NewFolder(file, store.Options{})
	require.ErrorContains(t, err, "the folder for documentation")
}

// TestMetadataOfOthersMayBeOdd: a site of another program may have anything in them.
func TestMetadataOfOthersMayBeOdd(t *testing.T) {
	t.Parallel()
	p := inFolder(t, nil)
	for content, etag := range map[string]string{`{"etag":7,"site_name":"x"}`: "", ` {"etag":"a"}` + "\n": "a", `{}`: ""} {
		p.put("default/component/shop/techdocs_metadata.json", content)
		found, err := p.Metadata(t.Context(), shop)
		require.NoError(t, err)
		require.Equal(t, etag, found.ETag)
		require.Equal(t, strings.TrimSpace(content), string(found.Raw))
	}
	for _, content := range []string{"", "null", "[]", "{", "'single'"} {
		p.put("default/component/shop/techdocs_metadata.json", content)
		_, err := p.Metadata(t.Context(), shop)
		require.Equal(t, fault.Input, fault.KindOf(err), content)
	}
}

// names are the names of the files in a state.
func names(state []string) []string {
	var all []string
	for _, line := range state {
		name, _, _ := strings.Cut(line, ": ")
		all = append(all, name)
	}
	return all
}
