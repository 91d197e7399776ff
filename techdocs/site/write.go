package site

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/md5" //nolint:gosec // It tells files apart, as techdocs.Digest does.
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/site/config"
	"github.com/portico-dev/portico/techdocs/site/files"
	"github.com/portico-dev/portico/techdocs/site/quote"
	"github.com/portico-dev/portico/techdocs/site/searchindex"
	"github.com/portico-dev/portico/techdocs/site/source"
	"github.com/portico-dev/portico/techdocs/site/theme"
)

// names are the files written or kept, and the folders made for them.
type names struct {
	mutex   sync.Mutex
	files   map[string]struct{}
	folders map[string]struct{}
	kept    map[string]techdocs.Digest
}

// add notes a file, and says whether its folder was made for another one.
func (n *names) add(name string) bool {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if n.files == nil {
		n.files, n.folders = map[string]struct{}{}, map[string]struct{}{}
	}
	dir := path.Dir(name)
	_, made := n.folders[dir]
	n.files[name] = struct{}{}
	n.folders[dir] = struct{}{}

	return made
}

// keep notes a file that is not written, because it is published. It does not once the file was written: a redirect may replace a page.
func (n *names) keep(name string, as techdocs.Digest) bool {
	n.mutex.Lock()
	_, isWritten := n.files[name]
	_, isKept := n.kept[name]
	n.mutex.Unlock()
	if isWritten && !isKept {
		return false
	}
	n.add(name)
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if n.kept == nil {
		n.kept = map[string]techdocs.Digest{}
	}
	n.kept[name] = as

	return true
}

// wrote notes that a file is written which was to be kept.
func (n *names) wrote(name string) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	delete(n.kept, name)
}

// isPublished keeps a file whose content is published.
func (b *build) isPublished(name string, as techdocs.Digest) bool {
	if known, is := b.options.Published[name]; !is || known != as {
		return false
	}

	return b.written.keep(name, as)
}

// create makes a file in the output, with its folders.
func (b *build) create(name string) (*os.File, error) {
	full := filepath.Join(b.output, filepath.FromSlash(name))
	dir := filepath.Dir(full)
	b.written.wrote(name)
	if b.written.add(name) || b.earlier[name] {
		if file, err := os.Create(full); err == nil || !errors.Is(err, os.ErrNotExist) {
			return file, err
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make a folder of the site: %w", err)
	}

	return os.Create(full)
}

// put writes a file of the output. A file of an earlier build with the same content stays as it is: making files is what a build with
// few changes would spend its time with.
func (b *build) put(name string, content []byte) error {
	if known, is := b.options.Published[name]; is && known.Size == int64(len(content)) && b.isPublished(name, techdocs.DigestOf(content)) {
		return nil
	}
	if b.earlier[name] && b.same(name, content) {
		b.written.wrote(name)
		b.written.add(name)

		return nil
	}
	file, err := b.create(name)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = file.Write(content)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}

	return nil
}

// same says whether a file of the output has the content.
func (b *build) same(name string, content []byte) bool {
	file, err := os.Open(filepath.Join(b.output, filepath.FromSlash(name)))
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	if info, err := file.Stat(); err != nil || info.Size() != int64(len(content)) {
		return false
	}
	buffer, _ := comparisons.Get().(*[64 << 10]byte)
	defer comparisons.Put(buffer)
	for len(content) > 0 {
		n, err := io.ReadFull(file, buffer[:min(len(content), len(buffer))])
		if err != nil || !bytes.Equal(buffer[:n], content[:n]) {
			return false
		}
		content = content[n:]
	}

	return true
}

var comparisons = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// conflicting says whether an error means that a file and a folder of the site have the same name, which the author can mend.
func conflicting(err error) bool {
	return errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EISDIR) || errors.Is(err, syscall.EEXIST) || errors.Is(err, syscall.ENAMETOOLONG)
}

// write writes the site. What has precedence is written last, as in MkDocs.
func (b *build) write(ctx context.Context) error {
	if err := b.readEarlier(); err != nil {
		return err
	}
	if err := b.copyFiles(ctx); err != nil {
		return err
	}
	for name, content := range b.theme.Assets() {
		if err := b.put(name, content); err != nil {
			return err
		}
	}
	last := make(map[string]*page, len(b.pages))
	for _, p := range b.pages {
		last[p.nav.File.Dest] = p
	}
	buffers := sync.Pool{New: func() any { return new(bytes.Buffer) }}
	look := b.look()
	err := b.each(ctx, func(_ context.Context, p *page) error {
		if last[p.nav.File.Dest] != p {
			return nil // Of sub.md and sub/index.md, MkDocs shows the one that it writes last.
		}
		buffer, _ := buffers.Get().(*bytes.Buffer)
		defer buffers.Put(buffer)
		buffer.Reset()

		return b.page(buffer, p, look)
	})
	if err != nil {
		return err
	}
	if err := errors.Join(b.failed(), b.notFound(), b.sitemap(), b.redirects(), b.searchIndex()); err != nil {
		return err
	}
	b.report.Pages = len(b.pages)

	return b.metadata()
}

func (b *build) page(buffer *bytes.Buffer, p *page, look digest) error {
	if before := p.from.shown.Load(); before != nil && before.look == look && b.isPublished(p.nav.File.Dest, before.digest) {
		return nil
	}
	err := b.theme.Render(buffer, theme.Page{
		Nav: p.nav, Meta: p.meta, Content: p.html, Contents: p.contents, EditURL: b.editURL(p.nav.File), Canonical: b.canonical(p.nav),
	})
	if err != nil {
		return err
	}
	if b.options.Published != nil {
		p.from.shown.Store(&shown{look: look, digest: techdocs.DigestOf(buffer.Bytes())})
	}
	if err := b.put(p.nav.File.Dest, buffer.Bytes()); conflicting(err) {
		p.errorf(0, "the page cannot be written as %q: the site has a file or folder of that name, or the name is too long", p.nav.File.Dest)
	} else if err != nil {
		return err
	}

	return nil
}

// copyFiles copies what is no page.
func (b *build) copyFiles(ctx context.Context) error {
	for _, file := range b.set.All {
		if file.Page || !file.Inclusion.Published() {
			continue
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := b.copy(file); conflicting(err) {
			b.add(techdocs.Problem{Severity: techdocs.Error, File: file.Real, Message: fmt.Sprintf(
				"the file cannot be written as %q: the site has a file or folder of that name, or the name is too long", file.Dest)})
		} else if err != nil {
			return err
		}
	}

	return nil
}

func (b *build) copy(file *files.File) error {
	in, _, err := b.tree.Open(file.Real)
	if err != nil {
		return fmt.Errorf("read %s: %w", file.Real, err)
	}
	defer func() { _ = in.Close() }()
	if known, is := b.options.Published[file.Dest]; is && known.Size == file.Size {
		// A file that grows meanwhile is cut, as below.
		as := techdocs.Digest{Size: file.Size}
		hash := md5.New() //nolint:gosec // It tells files apart, as techdocs.Digest does.
		if n, err := io.Copy(hash, io.LimitReader(in, file.Size)); err != nil || n != file.Size {
			return fmt.Errorf("read %s: %w", file.Real, cmp.Or(err, io.ErrUnexpectedEOF))
		}
		if hash.Sum(as.MD5[:0]); b.isPublished(file.Dest, as) {
			return nil
		}
		if _, err := in.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("read %s: %w", file.Real, err)
		}
	}
	if b.earlier[file.Dest] && file.Size <= maxCompared {
		content, err := io.ReadAll(io.LimitReader(in, file.Size))
		if err != nil {
			return fmt.Errorf("read %s: %w", file.Real, err)
		}

		return b.put(file.Dest, content)
	}
	out, err := b.create(file.Dest)
	if err != nil {
		return fmt.Errorf("write %s: %w", file.Dest, err)
	}
	// A file that grows while it is copied is cut: its size was counted before.
	_, err = io.Copy(out, io.LimitReader(in, file.Size))
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("copy %s: %w", file.Real, err)
	}

	return nil
}

func (b *build) notFound() error {
	var buffer bytes.Buffer
	if err := b.theme.NotFound(&buffer); err != nil {
		return err
	}

	return b.put("404.html", buffer.Bytes())
}

// sitemap lists the pages of a site that has an address.
func (b *build) sitemap() error {
	var buffer bytes.Buffer
	buffer.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n")
	for _, p := range b.pages {
		if address := b.canonical(p.nav); address != "" {
			buffer.WriteString("<url><loc>")
			_ = xml.EscapeText(&buffer, []byte(address))
			buffer.WriteString("</loc></url>\n")
		}
	}
	buffer.WriteString("</urlset>\n")
	var compressed bytes.Buffer
	writer := gzip.NewWriter(&compressed)
	_, err := writer.Write(buffer.Bytes())

	return errors.Join(err, writer.Close(), b.put("sitemap.xml", buffer.Bytes()), b.put("sitemap.xml.gz", compressed.Bytes()))
}

func (b *build) searchIndex() error {
	var documents []searchindex.Document
	for _, p := range b.pages {
		documents = append(documents, p.search...)
	}
	file, err := b.create("search/search_index.json")
	if err != nil {
		return fmt.Errorf("write the search index: %w", err)
	}
	if err := errors.Join(searchindex.Write(file, documents), file.Close()); err != nil {
		return fmt.Errorf("write the search index: %w", err)
	}

	return nil
}

// redirects writes the pages of the plugin redirects.
func (b *build) redirects() error {
	for _, plugin := range b.site.Plugins {
		if plugin.Name != "redirects" {
			continue
		}
		maps := plugin.Value.Get("redirect_maps")
		if maps == nil {
			continue
		}
		for _, entry := range maps.Map {
			if err := b.redirect(entry); err != nil {
				return err
			}
		}
	}

	return nil
}

func (b *build) redirect(entry config.Entry) error {
	old, outside := source.Clean(entry.Key)
	if outside != nil {
		b.add(entry.At.Problem(techdocs.Warning, "the redirect from %q leads out of the site; it is left out", entry.Key))

		return nil //nolint:nilerr // It was reported to the author.
	}
	if !files.IsMarkdown(old) {
		b.add(entry.At.Problem(techdocs.Warning, "the redirect from %q is from no page: its name does not end in .md", entry.Key))
	}
	to, _ := entry.Value.Any().(string)
	dest := files.New(old, "", 0, b.site.UseDirectoryURLs).Dest
	address := to
	if scheme := quote.Split(to).Scheme; scheme != "http" && scheme != "https" {
		name, fragment, found := strings.Cut(to, "#")
		file := b.set.Get(name)
		if file == nil || !file.Page || !file.Inclusion.Published() {
			b.add(entry.At.Problem(techdocs.Warning, "the redirect from %q leads to %q, but there is no such page", entry.Key, to))

			return nil
		}
		address = relativePath(file.URL, path.Dir(dest))
		if b.site.UseDirectoryURLs {
			address += "/"
		}
		if found {
			address += "#" + fragment
		}
	}
	var buffer bytes.Buffer
	if err := theme.Redirect(&buffer, address); err != nil {
		return err
	}
	if err := b.put(dest, buffer.Bytes()); conflicting(err) {
		b.add(entry.At.Problem(techdocs.Error, "the redirect from %q cannot be written: the site has a file or folder of that name", entry.Key))
	} else if err != nil {
		return err
	}

	return nil
}

// relativePath relates two paths of the site. The result has no slash at its end.
func relativePath(to, dir string) string {
	return strings.TrimSuffix(quote.Relative(path.Clean(to), dir+"/"), "/")
}

// metadataName is the file that describes a site.
const metadataName = "techdocs_metadata.json"

// metadata describes the site for readers. It is written last: a site with it is complete.
func (b *build) metadata() error {
	all := []string{metadataName}
	for file := range b.written.files {
		if file != metadataName {
			all = append(all, file)
		}
	}
	slices.Sort(all)
	if err := b.removeEarlier(func(name string) bool { _, is := slices.BinarySearch(all, name); return is }); err != nil {
		return err
	}
	description := "None" // The word that MkDocs leaves, and the stock reader hides.
	if b.site.HasDescription {
		description = b.site.SiteDescription
	}
	content, err := json.MarshalIndent(struct {
		SiteName    string   `json:"site_name"`
		Description string   `json:"site_description"`
		ETag        string   `json:"etag,omitempty"`
		Engine      string   `json:"engine"`
		Timestamp   int64    `json:"build_timestamp"`
		Files       []string `json:"files"`
	}{b.site.SiteName, description, b.options.ETag, Engine, b.generator.Now().UnixMilli(), all}, "", "  ")
	if err != nil {
		return fmt.Errorf("describe the site: %w", err)
	}
	b.report.Files, b.report.Kept = len(all), b.written.kept

	return b.put(metadataName, content)
}
