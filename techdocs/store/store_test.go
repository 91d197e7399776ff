package store_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit/s3test"
	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/store"
)

var shop = techdocs.Ref{Namespace: "Default", Kind: "Component", Name: "Shop"}

// place is a store of one kind, and what is in it.
type place struct {
	*testing.T
	*store.Store

	// state lists what is stored, a line for each file.
	state func() []string
	// put writes a file, as somebody else does.
	put func(key, content string)
	// configured is how it is opened.
	configured config.TechDocs
}

// places are the kinds of stores: a folder, and a bucket on a real server.
var places = map[string]func(t *testing.T, change func(*config.TechDocs)) *place{"folder": inFolder, "bucket": inBucket}

func inEachPlace(t *testing.T, test func(p *place)) {
	t.Helper()
	for name, open := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(open(t, nil))
		})
	}
}

func inFolder(t *testing.T, change func(*config.TechDocs)) *place {
	t.Helper()
	directory := t.TempDir()
	p := &place{T: t, configured: config.TechDocs{Publisher: config.TechDocsPublisher{Type: config.DocsInFolder, Local: config.DocsFolder{PublishDirectory: directory}}}}
	p.open(change)
	p.state = func() []string { return filesIn(t, directory) }
	p.put = func(key, content string) { write(t, directory, map[string]string{key: content}) }
	return p
}

func inBucket(t *testing.T, change func(*config.TechDocs)) *place {
	t.Helper()
	server := s3test.Start(t)
	bucket := server.Bucket(t)
	p := &place{T: t, configured: config.TechDocs{Publisher: config.TechDocsPublisher{Type: config.DocsInS3, AWSS3: config.DocsS3{BucketName: bucket.Name, Region: "eu-west-1",
		Endpoint: server.URL, ForcePathStyle: true, MaximumAttempts: 1,
		Credentials: config.DocsS3Credentials{AccessKeyID: s3test.AccessKeyID, SecretAccessKey: s3test.SecretAccessKey}}}}}
	p.open(change)
	p.state = func() []string { return bucket.State(t) }
	p.put = func(key, content string) { bucket.Put(t, key, content) }
	return p
}

func (p *place) open(change func(*config.TechDocs)) {
	p.Helper()
	if change != nil {
		change(&p.configured)
	}
	opened, err := store.Open(p.Context(), p.configured, store.Settings{})
	require.NoError(p, err)
	p.Store = opened
	p.Cleanup(func() { require.NoError(p, opened.Close()) })
}

func filesIn(t *testing.T, directory string) []string {
	t.Helper()
	lines := []string{}
	require.NoError(t, filepath.WalkDir(directory, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(directory, path)
		lines = append(lines, filepath.ToSlash(name)+": "+string(content))
		return err
	}))
	slices.Sort(lines)
	return lines
}

// write writes files into a directory, and returns it.
func write(t *testing.T, directory string, files map[string]string) string {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(directory, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	return directory
}

// site is a small site with changes: an empty content leaves a file out.
func site(t *testing.T, changes map[string]string) string {
	t.Helper()
	files := map[string]string{"index.html": "<h1>Shop</h1>", "guide/index.html": "<h1>Guide</h1>", "assets/main.css": "h1 {}", "search/search_index.json": `{"docs":[]}`,
		"techdocs_metadata.json": `{"site_name":"Shop","etag":"one","build_timestamp":1700000000000,"engine":"portico"}`}
	for name, content := range changes {
		files[name] = content
		if content == "" {
			delete(files, name)
		}
	}
	return write(t, t.TempDir(), files)
}

func (p *place) read(path string) string {
	p.Helper()
	file, err := p.Open(p.Context(), shop, path)
	require.NoError(p, err)
	content, err := io.ReadAll(file)
	require.NoError(p, err)
	require.NoError(p, file.Close())
	require.Len(p, content, int(file.Size))
	require.NotZero(p, file.Modified)
	require.NotEmpty(p, file.ETag)
	return string(content)
}

func TestASiteIsPublishedInBackstagesLayout(t *testing.T) {
	t.Parallel()
	inEachPlace(t, func(p *place) {
		done, err := p.Upload(p.Context(), shop, site(p.T, nil))
		require.NoError(p, err)
		require.Equal(p, store.Published{Uploaded: 5}, done)
		require.Equal(p, []string{
			"default/component/shop/assets/main.css: h1 {}",
			"default/component/shop/guide/index.html: <h1>Guide</h1>",
			"default/component/shop/index.html: <h1>Shop</h1>",
			"default/component/shop/search/search_index.json: {\"docs\":[]}",
			"default/component/shop/techdocs_metadata.json: {\"site_name\":\"Shop\",\"etag\":\"one\",\"build_timestamp\":1700000000000,\"engine\":\"portico\"}",
		}, p.state())
		require.Equal(p, "<h1>Guide</h1>", p.read("guide/index.html"))
		found, err := p.Metadata(p.Context(), shop)
		require.NoError(p, err)
		require.Equal(p, "one", found.ETag)
		require.Equal(p, "portico", found.Engine)
		index, err := p.SearchIndex(p.Context(), shop)
		require.NoError(p, err)
		require.Empty(p, index)
		exists, err := p.Exists(p.Context(), shop)
		require.NoError(p, err)
		require.True(p, exists)

		// The second time, only what has changed is uploaded, and what is no part of the site any more is removed.
		done, err = p.Upload(p.Context(), shop, site(p.T, map[string]string{"index.html": "<h1>SHOP</h1>", "guide/index.html": "", "new.png": "png"}))
		require.NoError(p, err)
		require.Equal(p, store.Published{Uploaded: 2, Unchanged: 3, Removed: 1}, done)
		require.Equal(p, "<h1>SHOP</h1>", p.read("index.html"))
		_, err = p.Open(p.Context(), shop, "guide/index.html")
		require.Equal(p, fault.NotFound, fault.KindOf(err))

		require.NoError(p, p.Delete(p.Context(), shop))
		require.NoError(p, p.Delete(p.Context(), shop))
		require.Empty(p, p.state())
		exists, err = p.Exists(p.Context(), shop)
		require.NoError(p, err)
		require.False(p, exists)
	})
}

func TestPathsHaveARootAndMayKeepTheirCase(t *testing.T) {
	t.Parallel()
	keep := func(c *config.TechDocs) {
		c.LegacyUseCaseSensitiveTripletPaths, c.Publisher.AWSS3.BucketRootPath = true, "/acme/docs/"
	}
	small := write(t, t.TempDir(), map[string]string{"Index.html": "x"})
	folder := inFolder(t, keep)
	require.NoError(t, folder.Publish(t.Context(), techdocs.Ref{Kind: "Component", Name: "Shop"}, small))
	require.Equal(t, []string{"default/Component/Shop/Index.html: x"}, folder.state())
	bucket := inBucket(t, keep)
	require.NoError(t, bucket.Publish(t.Context(), shop, small))
	require.Equal(t, []string{"acme/docs/Default/Component/Shop/Index.html: x"}, bucket.state())
	require.Equal(t, "x", bucket.read("Index.html"))
}

// TestNothingOutsideASiteIsRead: neither by paths, nor by links, nor by references.
func TestNothingOutsideASiteIsRead(t *testing.T) {
	t.Parallel()
	inEachPlace(t, func(p *place) {
		require.NoError(p, p.Publish(p.Context(), shop, site(p.T, nil)))
		p.put("secret.txt", "secret")
		p.put("default/component/other/index.html", "secret")
		for _, path := range []string{"", ".", "/", "..", "../other/index.html", "../../../secret.txt", "guide/../../other/index.html", "/index.html", "guide//index.html",
			"guide/", "./index.html", `..\shop\index.html`, "index.html\x00.png", strings.Repeat("a/", 600) + "a", strings.Repeat("a", 500), "index.html/x", "nope"} {
			_, err := p.Open(p.Context(), shop, path)
			require.Equal(p, fault.NotFound, fault.KindOf(err), "%q: %v", path, err)
		}
		for _, ref := range []techdocs.Ref{{Namespace: "default", Kind: "component", Name: ".."}, {Namespace: "..", Kind: "..", Name: ".."}, {Namespace: "default", Kind: "component"}, {Name: "shop"},
			{Namespace: "default", Kind: "component/other", Name: "x"}, {Namespace: "default", Kind: "component", Name: `..\shop`}} {
			_, err := p.Open(p.Context(), ref, "index.html")
			require.Equal(p, fault.Input, fault.KindOf(err), "%v: %v", ref, err)
			require.Equal(p, fault.Input, fault.KindOf(p.Publish(p.Context(), ref, site(p.T, nil))))
			require.Equal(p, fault.Input, fault.KindOf(p.Delete(p.Context(), ref)))
		}
	})
}

func TestLinksLeadNowhereElse(t *testing.T) {
	t.Parallel()
	p := inFolder(t, nil)
	require.NoError(t, p.Publish(t.Context(), shop, site(t, nil)))
	outside := write(t, t.TempDir(), map[string]string{"secret.txt": "secret"})
	published := filepath.Join(p.Name(), "default/component/shop")
	require.NoError(t, os.Symlink(filepath.Join(outside, "secret.txt"), filepath.Join(published, "link.txt")))
	require.NoError(t, os.Symlink(outside, filepath.Join(published, "elsewhere")))
	require.NoError(t, os.Symlink("index.html", filepath.Join(published, "inside.html")))
	for _, path := range []string{"link.txt", "elsewhere/secret.txt"} {
		_, err := p.Open(t.Context(), shop, path)
		require.Equal(t, fault.NotFound, fault.KindOf(err), "%s: %v", path, err)
	}
	require.Equal(t, "<h1>Shop</h1>", p.read("inside.html"))
	_, err := p.Open(t.Context(), shop, "guide")
	require.ErrorIs(t, err, store.ErrDirectory)

	// Nor is what a link shows published.
	for _, leads := range []string{filepath.Join(outside, "secret.txt"), outside, "nowhere"} {
		made := site(t, nil)
		require.NoError(t, os.Symlink(leads, filepath.Join(made, "link.txt")))
		err := p.Publish(t.Context(), shop, made)
		require.Equal(t, fault.Input, fault.KindOf(err))
		require.ErrorContains(t, err, "link.txt is no file of the site")
	}
	require.Equal(t, fault.Input, fault.KindOf(p.Publish(t.Context(), shop, t.TempDir())))
	require.Error(t, p.Publish(context.Background(), shop, filepath.Join(outside, "nope")))
}

// TestAFileMayBecomeADirectory: a page guide.html becomes guide.html/index.html, and back.
func TestAFileMayBecomeADirectory(t *testing.T) {
	t.Parallel()
	inEachPlace(t, func(p *place) {
		for range 2 {
			require.NoError(p, p.Publish(p.Context(), shop, site(p.T, map[string]string{"a": "1"})))
			require.NoError(p, p.Publish(p.Context(), shop, site(p.T, map[string]string{"a/b/c": "2"})))
		}
		require.Equal(p, "2", p.read("a/b/c"))
	})
}
