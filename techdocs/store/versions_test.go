package store_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/store"
)

func versionOfShop(version string) techdocs.Ref {
	ref := shop
	ref.Version = version
	return ref
}

// content is a file of a version, "" without one.
func (p *place) content(ref techdocs.Ref, name string) string {
	p.Helper()
	file, err := p.Open(p.Context(), ref, name)
	if fault.KindOf(err) == fault.NotFound {
		return ""
	}
	require.NoError(p, err)
	text, err := io.ReadAll(file)
	require.NoError(p, err)
	require.NoError(p, file.Close())
	require.Len(p, text, int(file.Size))
	return string(text)
}

// blobs are the contents of versions that are stored.
func (p *place) blobs() []string {
	var found []string
	for _, line := range p.state() {
		if strings.HasPrefix(line, ".versions/default/component/shop/blobs/") {
			found = append(found, line)
		}
	}
	return found
}

// TestVersionsShareTheirContents: what two versions have is stored once, and nothing of the current documentation changes.
func TestVersionsShareTheirContents(t *testing.T) {
	t.Parallel()
	inEachPlace(t, func(p *place) {
		require.NoError(p, p.Publish(p.Context(), shop, site(p.T, nil)))
		current := p.state()
		first, second, sameName := versionOfShop("v1.0"), versionOfShop("release/v1.1"), versionOfShop("V1.0")
		done, err := p.Upload(p.Context(), first, site(p.T, nil))
		require.NoError(p, err)
		require.Equal(p, store.Published{Uploaded: 5}, done)
		done, err = p.Upload(p.Context(), second, site(p.T, map[string]string{"guide/index.html": "<h1>New guide</h1>", "copy.html": "<h1>Shop</h1>"}))
		require.NoError(p, err)
		require.Equal(p, store.Published{Uploaded: 1, Unchanged: 5}, done)
		done, err = p.Upload(p.Context(), sameName, site(p.T, map[string]string{"index.html": "<h1>SHOP</h1>"}))
		require.NoError(p, err)
		require.Equal(p, 1, done.Uploaded)
		require.Len(p, p.blobs(), 7)
		require.Subset(p, p.state(), current, "the layout of Backstage is as it was")
		require.Len(p, p.state(), len(current)+7+3)

		require.Equal(p, "<h1>Guide</h1>", p.content(first, "guide/index.html"))
		require.Equal(p, "<h1>New guide</h1>", p.content(second, "guide/index.html"))
		require.Equal(p, "<h1>Shop</h1>", p.content(second, "copy.html"))
		require.Equal(p, "<h1>SHOP</h1>", p.content(sameName, "index.html"))
		require.Empty(p, p.content(first, "copy.html"))
		require.Empty(p, p.content(versionOfShop("v9"), "index.html"))
		_, err = p.Open(p.Context(), first, "guide")
		require.ErrorIs(p, err, store.ErrDirectory)
		one, err := p.Open(p.Context(), first, "index.html")
		require.NoError(p, err)
		other, err := p.Open(p.Context(), second, "copy.html")
		require.NoError(p, err)
		require.Equal(p, one.ETag, other.ETag, "a browser that has the one has the other")
		require.NoError(p, one.Close())
		require.NoError(p, other.Close())
		for _, ref := range []techdocs.Ref{first, second, shop} {
			there, err := p.Exists(p.Context(), ref)
			require.NoError(p, err)
			require.True(p, there)
		}
		require.NoError(p, p.Delete(p.Context(), shop))
		require.Equal(p, "<h1>Guide</h1>", p.content(first, "guide/index.html"), "versions outlive the current documentation")
	})
}

// TestCollectDeletesWhatNoVersionHas and nothing else, also after a publication that was broken off.
func TestCollectDeletesWhatNoVersionHas(t *testing.T) {
	t.Parallel()
	inEachPlace(t, func(p *place) {
		first, second := versionOfShop("v1"), versionOfShop("v2")
		require.NoError(p, p.Publish(p.Context(), first, site(p.T, map[string]string{"only.html": "<p>of the first</p>"})))
		require.NoError(p, p.Publish(p.Context(), second, site(p.T, map[string]string{"guide/index.html": "<h1>Second</h1>"})))
		p.put(".versions/default/component/shop/blobs/"+strings.Repeat("0", 64), "of a process that died before it wrote the list")
		count, err := p.Collect(p.Context(), shop)
		require.NoError(p, err)
		require.Equal(p, 1, count)
		require.NoError(p, p.Publish(p.Context(), second, site(p.T, map[string]string{"guide/index.html": "<h1>Second again</h1>"})), "a tag has moved")
		require.NoError(p, p.Delete(p.Context(), first))
		require.NoError(p, p.Delete(p.Context(), first), "twice is as good as once")
		require.Empty(p, p.content(first, "index.html"))
		count, err = p.Collect(p.Context(), shop)
		require.NoError(p, err)
		require.Equal(p, 3, count, "only.html, the guide of the first, and the earlier guide of the second")
		require.Equal(p, "<h1>Second again</h1>", p.content(second, "guide/index.html"))
		require.Equal(p, "<h1>Shop</h1>", p.content(second, "index.html"))
		there, err := p.Exists(p.Context(), second)
		require.NoError(p, err)
		require.True(p, there)

		p.put(".versions/default/component/shop/sites/v3.json", "not JSON")
		before := p.blobs()
		_, err = p.Collect(p.Context(), shop)
		require.ErrorContains(p, err, "v3.json is not the list of a version")
		require.Equal(p, before, p.blobs(), "nothing is deleted that a list may need")
		require.NoError(p, p.DeleteVersions(p.Context(), shop))
		require.Empty(p, p.state())
	})
}

// TestAContentThatIsGoneIsMended by the next build, and is no page that is not there.
func TestAContentThatIsGoneIsMended(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	sites, err := store.NewFolder(directory, store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sites.Close()) })
	version := versionOfShop("v1")
	require.NoError(t, sites.Publish(t.Context(), version, site(t, nil)))
	require.NoError(t, os.RemoveAll(filepath.Join(directory, ".versions/default/component/shop/blobs")))
	_, err = sites.Open(t.Context(), version, "index.html")
	require.Error(t, err)
	require.NotEqual(t, fault.NotFound, fault.KindOf(err))
	there, err := sites.Exists(t.Context(), version)
	require.NoError(t, err)
	require.False(t, there)
	require.NoError(t, sites.Publish(t.Context(), version, site(t, nil)))
	there, err = sites.Exists(t.Context(), version)
	require.NoError(t, err)
	require.True(t, there)
}

// TestAnUploadThatFailsLeavesTheVersionAsItWas: the list is written last.
func TestAnUploadThatFailsLeavesTheVersionAsItWas(t *testing.T) {
	t.Parallel()
	p, wire := behindWire(t, nil)
	version := versionOfShop("v1")
	require.NoError(t, p.Publish(t.Context(), version, site(t, nil)))
	wire.fail(func(request string) string {
		if strings.HasPrefix(request, "PUT blobs/") {
			return "before"
		}
		return ""
	})
	changed := site(t, map[string]string{"index.html": "<h1>New</h1>"})
	require.Error(t, p.Publish(t.Context(), version, changed))
	require.Equal(t, "<h1>Shop</h1>", p.content(version, "index.html"))
	lost := false
	wire.fail(func(request string) string {
		if !lost && strings.HasPrefix(request, "PUT sites/") {
			lost = true
			return "after"
		}
		return ""
	})
	require.NoError(t, p.Publish(t.Context(), version, changed), "only the answer was lost")
	require.True(t, lost)
	require.Equal(t, "<h1>New</h1>", p.content(version, "index.html"))
}

// TestVersionsDoNotLeaveTheirFolder holds names that would to what none can be.
func TestVersionsDoNotLeaveTheirFolder(t *testing.T) {
	t.Parallel()
	inEachPlace(t, func(p *place) {
		for _, name := range []string{"..", "../x", "a/../b", "/a", "a/", "a//b", ".git", "a/.b", "a\x00b", "a\\b", "a b", "\u202egpj", "a~b", strings.Repeat("v", 101), "e\u0301", "\xff"} {
			require.Error(p, p.Publish(p.Context(), versionOfShop(name), site(p.T, nil)), "%q", name)
			_, err := p.Open(p.Context(), versionOfShop(name), "index.html")
			require.Equal(p, fault.NotFound, fault.KindOf(err), "%q: %v", name, err)
			require.Empty(p, p.state(), "%q", name)
		}
		for _, name := range []string{"release/v1", "größe/ä-1", "shop@1.2.0", "v1.0+build_7", "版本", strings.Repeat("v", 100)} {
			require.NoError(p, p.Publish(p.Context(), versionOfShop(name), site(p.T, nil)), "%q", name)
			require.Equal(p, "<h1>Shop</h1>", p.content(versionOfShop(name), "index.html"), "%q", name)
		}
		_, err := p.Open(p.Context(), techdocs.Ref{Namespace: ".versions", Kind: "default", Name: "component"}, "shop/sites/release~v1.json")
		require.Error(p, err, "the lists are no files of a site")
	})
}

// TestLargeFilesAndManyFilesOfVersions are read in parts, and decoded once.
func TestLargeFilesOfVersions(t *testing.T) {
	t.Parallel()
	inEachPlace(t, func(p *place) {
		large, packed := strings.Repeat("0123456789", 300_000), strings.Repeat("<p>text</p>", 200_000)
		version := versionOfShop("v1")
		require.NoError(p, p.Publish(p.Context(), version, site(p.T, map[string]string{"video.mp4": large, "large.html": packed})))
		file, err := p.Open(p.Context(), version, "video.mp4")
		require.NoError(p, err)
		_, err = file.Seek(1_000_003, io.SeekStart)
		require.NoError(p, err)
		part := make([]byte, 5)
		_, err = io.ReadFull(file, part)
		require.NoError(p, err)
		require.Equal(p, "34567", string(part))
		require.NoError(p, file.Close())
		require.Equal(p, packed, p.content(version, "large.html"))
		var stored int
		for _, line := range p.blobs() {
			stored += len(line)
		}
		require.Less(p, stored, len(large)+100_000, "texts are packed")
	})
}

// TestAMigrationLeavesVersionsAlone: their folder is no namespace.
func TestAMigrationLeavesVersionsAlone(t *testing.T) {
	t.Parallel()
	p := inFolder(t, func(c *config.TechDocs) { c.LegacyUseCaseSensitiveTripletPaths = true })
	require.NoError(t, p.Publish(t.Context(), versionOfShop("V1"), site(t, nil)))
	before := p.state()
	done, err := p.Migrate(t.Context(), store.Migration{RemoveOriginal: true})
	require.NoError(t, err)
	require.Equal(t, store.Migrated{}, done)
	require.Equal(t, before, p.state())
}

// TestFiftyVersionsCostLittle of a site of a hundred pages, of which each version changes one page.
func TestFiftyVersionsCostLittle(t *testing.T) {
	t.Parallel()
	p := inFolder(t, nil)
	files := map[string]string{}
	for n := range 100 {
		files[fmt.Sprintf("page-%d/index.html", n)] = strings.Repeat(fmt.Sprintf("<p>Text of the page %d</p>", n), 400)
	}
	var one int
	for version := range 50 {
		files[fmt.Sprintf("page-%d/index.html", version)] += fmt.Sprintf("<p>New in version %d</p>", version)
		require.NoError(t, p.Publish(t.Context(), versionOfShop(fmt.Sprintf("v1.%d", version)), site(t, files)))
		if version == 0 {
			one = len(p.blobs())
		}
	}
	require.Len(t, p.blobs(), one+49)
}
