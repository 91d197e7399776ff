package site

import (
	"container/list"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/markdown"
	"github.com/portico-dev/portico/techdocs/site/files"
	"github.com/portico-dev/portico/techdocs/site/nav"
	"github.com/portico-dev/portico/techdocs/site/searchindex"
	"github.com/portico-dev/portico/techdocs/site/theme"
)

// digest names a text.
type digest = [sha256.Size]byte

// converted is a page as HTML, with what it depends on besides its source: it is as good as new while links and snippets are the same.
type converted struct {
	html, title string
	meta        map[string]any
	contents    []theme.Heading
	anchors     []string
	problems    []techdocs.Problem
	content     searchindex.Content
	links       [][2]string
	snippets    []included
	// fetched says that a server made a part of it.
	fetched bool
	// shown is the file of the page as it was last made, for somebody who may have it already.
	shown atomic.Pointer[shown]
}

// shown is a page within what all pages of its site have around them.
type shown struct {
	look   digest
	digest techdocs.Digest
}

// look names what is around the pages of the site, besides themselves: with the same look, a page is the same file.
func (b *build) look() digest {
	hash := sha256.New()
	site, c := b.theme.Site(), b.site
	fmt.Fprintf(hash, "%q\n", []any{site.Name, site.Description, site.Author, site.Copyright, site.RepoURL, site.RepoName, site.Language, site.Direction,
		site.Features, site.ExtraCSS, c.SiteURL, c.RepoURL, c.EditURI, c.EditURITemplate, c.UseDirectoryURLs})
	for _, include := range b.includes {
		fmt.Fprintf(hash, "%q\n", []string{include.alias, include.repoURL, include.editURI})
	}
	page := func(p *nav.Page) {
		fmt.Fprintf(hash, "%q %t %t %t\n", []string{p.URL(), p.Title, p.File.Src}, p.TitleIsHTML, p.Titled, p.InNav)
	}
	var walk func(items []*nav.Item)
	walk = func(items []*nav.Item) {
		for _, item := range items {
			fmt.Fprintf(hash, "%q %t %t %d\n", []string{item.Title, item.Link}, item.Titled, item.Section, len(item.Children))
			if item.Page != nil {
				page(item.Page)
			}
			walk(item.Children)
		}
	}
	walk(b.nav.Items)
	for _, p := range b.nav.All {
		page(p)
	}

	return digest(hash.Sum(nil))
}

// included is a snippet that a page asked for. Its digest is zero when there was none.
type included struct {
	name   string
	digest digest
}

func (c *converted) bytes() int64 {
	size := len(c.html) + len(c.content.Text) + 1<<10
	for _, section := range c.content.Sections {
		size += len(section.Text)
	}
	for _, link := range c.links {
		size += len(link[0]) + len(link[1])
	}

	return int64(size)
}

// cache keeps converted pages between builds, up to a number of bytes; those that were not used for longest go first. Most pages of a site
// are the same from one build to the next, and converting them is most of the work.
type cache struct {
	limit int64
	mutex sync.Mutex
	size  int64
	items map[digest]*list.Element
	order *list.List // of *cached, the last used first
}

type cached struct {
	key  digest
	page *converted
}

func newCache(limit int64) *cache {
	return &cache{limit: limit, items: map[digest]*list.Element{}, order: list.New()}
}

func (c *cache) get(key digest) *converted {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	item := c.items[key]
	if item == nil {
		return nil
	}
	c.order.MoveToFront(item)
	entry, _ := item.Value.(*cached)

	return entry.page
}

func (c *cache) put(key digest, page *converted) {
	if page.fetched || page.bytes() > c.limit/8 {
		return
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if item := c.items[key]; item != nil {
		c.remove(item)
	}
	c.items[key] = c.order.PushFront(&cached{key: key, page: page})
	c.size += page.bytes()
	for c.size > c.limit {
		c.remove(c.order.Back())
	}
}

func (c *cache) remove(item *list.Element) {
	entry, _ := c.order.Remove(item).(*cached)
	delete(c.items, entry.key)
	c.size -= entry.page.bytes()
}

// settingsDigest names the settings of a converter: another setting gives another page.
func settingsDigest(settings markdown.Config) (digest, error) {
	parts := []any{settings.TechDocsCore, settings.UseBlocks}
	for _, extension := range settings.Extensions {
		parts = append(parts, extension.Name, extension.Options)
	}
	content, err := json.Marshal(parts)
	if err != nil {
		return digest{}, fmt.Errorf("name the settings of Markdown: %w", err)
	}

	return sha256.Sum256(content), nil
}

// key names a page with its settings.
func (b *build) key(file *files.File, text []byte) digest {
	hash := sha256.New()
	_, _ = hash.Write(b.settings[:])
	_, _ = hash.Write([]byte(file.Real + "\x00" + file.Src + "\x00"))
	_, _ = hash.Write(text)

	return digest(hash.Sum(nil))
}

// current says whether a page of the cache is what converting it again would give. It resolves its links, which finds their problems.
func (b *build) current(p *page, found *converted) bool {
	p.links = b.resolver.Page(p.nav.File)
	for _, link := range found.links {
		if p.links.Resolve(link[0]) != link[1] {
			return false
		}
	}
	for _, snippet := range found.snippets {
		if b.snippetDigest(b.snippet(p.nav.File, snippet.name)) != snippet.digest {
			return false
		}
	}

	return true
}

func (*build) snippetDigest(content []byte, err error) digest {
	if err != nil {
		return digest{}
	}

	return sha256.Sum256(content)
}
