package store_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/store"
)

// changedSite is a directory with only the files that changed, and the digests of the others.
func changedSite(t *testing.T, changes map[string]string, published map[string]techdocs.Digest) (directory string, kept map[string]techdocs.Digest) {
	t.Helper()
	kept = map[string]techdocs.Digest{}
	for name, as := range published {
		if _, is := changes[name]; !is {
			kept[name] = as
		}
	}
	return write(t, t.TempDir(), changes), kept
}

// TestOnlyWhatHasChangedIsBrought: files that are published stay, and what the site has no more goes.
func TestOnlyWhatHasChangedIsBrought(t *testing.T) {
	t.Parallel()
	inEachPlace(t, func(p *place) {
		require.NoError(p, p.Publish(p.Context(), shop, site(p.T, map[string]string{"old/index.html": "old", "folder/x": "file"})))
		published, err := p.Digests(p.Context(), shop)
		require.NoError(p, err)
		require.Len(p, published, 7)
		require.Equal(p, techdocs.DigestOf([]byte("h1 {}")), published["assets/main.css"])

		directory, kept := changedSite(p.T, map[string]string{"index.html": "<h1>New</h1>", "folder": "now a file", "techdocs_metadata.json": `{"etag":"two"}`}, published)
		delete(kept, "old/index.html")
		delete(kept, "folder/x")
		require.NoError(p, p.PublishRest(p.Context(), shop, directory, kept))
		require.Equal(p, []string{
			"default/component/shop/assets/main.css: h1 {}",
			"default/component/shop/folder: now a file",
			"default/component/shop/guide/index.html: <h1>Guide</h1>",
			"default/component/shop/index.html: <h1>New</h1>",
			"default/component/shop/search/search_index.json: {\"docs\":[]}",
			"default/component/shop/techdocs_metadata.json: {\"etag\":\"two\"}",
		}, p.state())
	})
}

// TestNothingIsBroughtToASiteThatSomebodyElseChanged: also when the other content is as long.
func TestNothingIsBroughtToASiteThatSomebodyElseChanged(t *testing.T) {
	t.Parallel()
	for what, meddle := range map[string]func(p *place){
		"replaced": func(p *place) { p.put("default/component/shop/guide/index.html", "<h1>Other</h1>") },
		"as long":  func(p *place) { p.put("default/component/shop/guide/index.html", "<h1>guide</h1>") },
		"removed": func(p *place) {
			require.NoError(p, p.Publish(p.Context(), shop, site(p.T, map[string]string{"guide/index.html": ""})))
		},
		"deleted": func(p *place) { require.NoError(p, p.Delete(p.Context(), shop)) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			inEachPlace(t, func(p *place) {
				require.NoError(p, p.Publish(p.Context(), shop, site(p.T, nil)))
				published, err := p.Digests(p.Context(), shop)
				require.NoError(p, err)
				directory, kept := changedSite(p.T, map[string]string{"index.html": "<h1>New</h1>"}, published)
				meddle(p)
				before := p.state()
				require.ErrorIs(p, p.PublishRest(p.Context(), shop, directory, kept), techdocs.ErrNotKept)
				require.Equal(p, before, p.state())
			})
		})
	}
}

// TestAnUploadThatWasCutOffIsGoneOnWith: what the place has counts, not what somebody meant to bring there.
func TestAnUploadThatWasCutOffIsGoneOnWith(t *testing.T) {
	t.Parallel()
	p, through := behindWire(t, nil)
	require.NoError(t, p.Publish(t.Context(), shop, site(t, nil)))
	published, err := p.Digests(t.Context(), shop)
	require.NoError(t, err)
	changes := map[string]string{"assets/main.css": "h2 {}", "index.html": "<h1>New</h1>", "techdocs_metadata.json": `{"etag":"two"}`}
	directory, kept := changedSite(t, changes, published)
	ctx, stop := context.WithCancel(t.Context())
	through.fail(func(request string) string {
		if request == "PUT index.html" {
			stop()
			return "before"
		}
		return ""
	})
	require.Error(t, p.PublishRest(ctx, shop, directory, kept))
	through.fail(nil)
	require.Equal(t, "<h1>Shop</h1>", p.read("index.html"))

	published, err = p.Digests(t.Context(), shop)
	require.NoError(t, err)
	require.Equal(t, techdocs.DigestOf([]byte("h2 {}")), published["assets/main.css"])
	delete(changes, "assets/main.css")
	directory, kept = changedSite(t, changes, published)
	through.requests()
	require.NoError(t, p.PublishRest(t.Context(), shop, directory, kept))
	require.Equal(t, []string{"index.html", "techdocs_metadata.json"}, written(through.requests(), "PUT"))
	require.Equal(t, "<h1>New</h1>", p.read("index.html"))
	require.Equal(t, "h2 {}", p.read("assets/main.css"))
}

// TestDigestsOfAFolderAreThoseOfItsFiles: also of those that changed without getting longer, a moment after they were read, and with the
// time that they had.
func TestDigestsOfAFolderAreThoseOfItsFiles(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	p, err := store.NewFolder(directory, store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	require.NoError(t, p.Publish(t.Context(), shop, site(t, nil)))
	file := filepath.Join(directory, "default", "component", "shop", "index.html")
	long := time.Now().Add(-time.Hour)
	for i := range 20 {
		content := "<h1>" + strings.Repeat(string(rune('a'+i)), 4) + "</h1>"
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		require.NoError(t, os.Chtimes(file, long, long))
		for range 2 {
			published, err := p.Digests(t.Context(), shop)
			require.NoError(t, err)
			require.Equal(t, techdocs.DigestOf([]byte(content)), published["index.html"])
		}
	}
}
