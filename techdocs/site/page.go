package site

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/markdown"
	"github.com/portico-dev/portico/techdocs/site/config"
	"github.com/portico-dev/portico/techdocs/site/files"
	"github.com/portico-dev/portico/techdocs/site/links"
	"github.com/portico-dev/portico/techdocs/site/nav"
	"github.com/portico-dev/portico/techdocs/site/quote"
	"github.com/portico-dev/portico/techdocs/site/searchindex"
	"github.com/portico-dev/portico/techdocs/site/source"
	"github.com/portico-dev/portico/techdocs/site/theme"
)

// page is a page on its way.
type page struct {
	nav      *nav.Page
	text     string
	html     string
	meta     map[string]any
	contents []theme.Heading
	search   []searchindex.Document
	anchors  []string
	links    *links.Page
	problems []techdocs.Problem
	// from is what the page was made of.
	from *converted
}

var byteOrderMark = []byte("\uFEFF")

// render turns the Markdown of a page into HTML. What the author has to mend is in the problems of the page.
func (b *build) render(ctx context.Context, p *page) error {
	file := p.nav.File
	text, err := b.tree.ReadFile(file.Real, b.generator.Limits.PageBytes)
	if errors.Is(err, source.ErrTooLarge) {
		p.errorf(0, "the page has more than %d bytes, which is the limit", b.generator.Limits.PageBytes)

		return nil
	}
	if err != nil {
		return fmt.Errorf("read the page %s: %w", file.Real, err)
	}
	text = bytes.TrimPrefix(text, byteOrderMark)
	if !utf8.Valid(text) {
		at := invalid(text)
		p.errorf(1+bytes.Count(text[:at], []byte("\n")), "the page is not encoded in UTF-8: it has the byte 0x%02X", text[at])

		return nil
	}
	key := b.key(file, text)
	found := b.cache.get(key)
	if found == nil || !b.current(p, found) {
		if found, err = b.convert(ctx, p, text); err != nil {
			return err
		}
		if found == nil {
			return nil
		}
		b.cache.put(key, found)
	}
	p.from = found
	p.text, p.html, p.meta = string(text), found.html, found.meta
	p.contents, p.anchors, p.problems = found.contents, found.anchors, slices.Clone(found.problems)
	p.title(found.title)
	p.index(found.content)

	return nil
}

// convert calls the converter and notes what the page depends on. Nil without an error: the page is wrong, and has a problem that says how.
func (b *build) convert(ctx context.Context, p *page, text []byte) (*converted, error) {
	file := p.nav.File
	p.links = b.resolver.Page(file)
	page := &converted{}
	input := markdown.Page{Source: text, Path: file.Src}
	input.Link = func(_ markdown.LinkKind, url string) string {
		to := p.links.Resolve(url)
		page.links = append(page.links, [2]string{url, to})

		return to
	}
	input.Snippet = func(name string) ([]byte, error) {
		content, err := b.snippet(file, name)
		page.snippets = append(page.snippets, included{name: name, digest: b.snippetDigest(content, err)})

		return content, err
	}
	if b.generator.Fetch != nil {
		input.Fetch = func(ctx context.Context, method, url string, body []byte) ([]byte, error) {
			page.fetched = true

			return b.generator.Fetch(ctx, method, url, body)
		}
	}
	result, err := b.markdown.Convert(ctx, input)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	for _, problem := range result.Problems {
		problem.File = file.Real
		page.problems = append(page.problems, problem)
	}
	if err != nil {
		p.problems = page.problems
		if count(p.problems, techdocs.Error) == 0 {
			p.errorf(0, "%v", err)
		}

		return nil, nil
	}
	page.html, page.title, page.meta = result.HTML, result.Title, result.Meta
	page.contents, page.anchors = headings(result.TOC), result.Anchors
	page.content = searchindex.Scan(result.HTML)

	return page, nil
}

// invalid returns the place of the first byte that is no UTF-8.
func invalid(text []byte) int {
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}

	return len(text)
}

func (p *page) errorf(line int, format string, args ...any) {
	p.problems = append(p.problems, techdocs.Problem{
		Severity: techdocs.Error, File: p.nav.File.Real, Line: line, Message: fmt.Sprintf(format, args...),
	})
}

func headings(toc []*markdown.Heading) []theme.Heading {
	all := make([]theme.Heading, 0, len(toc))
	for _, heading := range toc {
		all = append(all, theme.Heading{Level: heading.Level, ID: heading.ID, Name: heading.Name, Children: headings(heading.Children)})
	}

	return all
}

// title decides the title of the page: that in nav, in its metadata, of its first heading, or of its file.
func (p *page) title(heading string) {
	if p.nav.Titled {
		return
	}
	title, is := p.meta["title"]
	switch {
	case is && title != nil:
		p.nav.Title = config.Text(title)
	case heading != "":
		p.nav.Title, p.nav.TitleIsHTML = heading, true
	default:
		p.nav.Title = p.nav.FileTitle()
	}
}

// index makes the documents of the search index.
func (p *page) index(content searchindex.Content) {
	url, names := p.nav.URL(), map[string]string{}
	note(names, p.contents)
	p.search = append(make([]searchindex.Document, 0, len(content.Sections)+1), searchindex.Document{Location: url, Text: content.Text, Title: p.nav.Title})
	for _, section := range content.Sections {
		if name, is := names[section.ID]; is {
			p.search = append(p.search, searchindex.Document{Location: url + "#" + section.ID, Text: section.Text, Title: name})
		}
	}
}

// note notes the names of headings by their ids. Of two with one id, the first counts.
func note(names map[string]string, headings []theme.Heading) {
	for _, heading := range headings {
		if _, is := names[heading.ID]; !is {
			names[heading.ID] = heading.Name
		}
		note(names, heading.Children)
	}
}

// checkAnchors reports links to anchors that do not exist. It can be done only when all pages are rendered.
func (b *build) checkAnchors() {
	byFile := make(map[*files.File]*page, len(b.pages))
	for _, p := range b.pages {
		byFile[p.nav.File] = p
	}
	has := func(file *files.File, anchor string) bool {
		to := byFile[file]
		if to == nil {
			return true
		}
		_, is := slices.BinarySearch(to.anchors, anchor)

		return is
	}
	for _, p := range b.pages {
		if p.links == nil {
			continue
		}
		p.links.CheckAnchors(has)
		p.problems = append(p.problems, p.links.Locate(p.text, 0)...)
		p.text = ""
		slices.SortStableFunc(p.problems, func(a, b techdocs.Problem) int { return cmp.Compare(a.Line, b.Line) })
	}
}

// pageProblems are the problems of all pages, in the order of their files.
func (b *build) pageProblems() []techdocs.Problem {
	var problems []techdocs.Problem
	for _, p := range b.pages {
		problems = append(problems, p.problems...)
	}

	return problems
}

// editURL is where the source of a page can be edited, empty when that is not known.
func (b *build) editURL(file *files.File) string {
	c := b.site
	repoURL, editURI, name := c.RepoURL, c.EditURI, file.Src
	if include := b.includeOf(file); include != nil {
		if include.repoURL == "" || include.editURI == "" {
			return ""
		}
		repoURL, editURI, name = include.repoURL, include.editURI, strings.TrimPrefix(file.Src, include.alias+"/")
	} else if c.EditURITemplate != "" {
		return join(repoURL, c.EditPath(name, strings.TrimSuffix(name, files.Extension(name))))
	}
	if editURI == "" {
		return ""
	}
	if !strings.HasSuffix(editURI, "/") {
		editURI += "/"
	}

	return join(repoURL, editURI+name)
}

// join resolves the address of a source from that of the repository, which counts as a folder.
func join(repoURL, editURI string) string {
	if repoURL != "" && !strings.HasPrefix(editURI, "?") && !strings.HasPrefix(editURI, "#") && !strings.HasSuffix(repoURL, "/") {
		repoURL += "/"
	}
	base, err := url.Parse(repoURL)
	if err != nil {
		return ""
	}
	reference, err := url.Parse(editURI)
	if err != nil {
		// A path with a character that is no URL, such as a percent sign.
		if reference, err = url.Parse(quote.Path(editURI)); err != nil {
			return ""
		}
	}

	return base.ResolveReference(reference).String()
}

// canonical is the address of a page below site_url, empty when there is none.
func (b *build) canonical(p *nav.Page) string {
	if b.site.SiteURL == "" {
		return ""
	}
	base, err := url.Parse(b.site.SiteURL)
	if err != nil {
		return ""
	}
	reference, err := url.Parse("./" + p.URL())
	if err != nil {
		return ""
	}

	return base.ResolveReference(reference).String()
}
