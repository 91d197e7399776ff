// Package markdown turns the Markdown of MkDocs with mkdocs-techdocs-core into HTML, exactly as those do: Python-Markdown, the extensions
// of pymdown-extensions, and lists of mdx_truly_sane_lists. It knows one page at a time; sites are in techdocs/site.
//
// The steps are those of Python-Markdown, because their order decides what odd input means: the source is prepared (front matter, fenced
// code, raw HTML), then processors read its blocks into a tree, the texts in the tree are read (package inline), the tree is finished
// (table of contents, footnotes, attributes), and what was kept aside is put back into its HTML.
package markdown

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/markdown/internal/highlight"
	"github.com/portico-dev/portico/techdocs/markdown/internal/inline"
	"github.com/portico-dev/portico/techdocs/markdown/internal/snippets"
	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// MaxSource is how large the source of a page can be.
const MaxSource = 5 << 20

// LinkKind is what a link is for.
type LinkKind int

// Kinds of links.
const (
	// LinkPage is the href of an a.
	LinkPage LinkKind = iota
	// LinkImage is the src of an img.
	LinkImage
)

// A Page is the source of a page, and what the caller does for it.
type Page struct {
	// Source begins with the front matter.
	Source []byte
	// Path is for messages.
	Path string
	// Link returns the address to write for one that Markdown made a link or an image with, not raw HTML. Nil: the same one.
	Link func(kind LinkKind, url string) string
	// Snippet reads a file for a snippet; the caller confines it. An error means that there is none. Nil: there are none.
	Snippet func(name string) ([]byte, error)
	// Fetch asks a server of diagrams. Only addresses of servers in the options are asked. Nil: none is asked, and diagrams are an error.
	Fetch func(ctx context.Context, method, url string, body []byte) ([]byte, error)
}

// Result is a page as HTML.
type Result struct {
	// HTML is the inside of the article, without the h1 of the theme.
	HTML string
	// Title is the text of the h1 that the page begins with, as HTML without elements, or empty.
	Title string
	// Meta is the front matter.
	Meta map[string]any
	TOC  []*Heading
	// Anchors are the ids that links to the page can name, sorted.
	Anchors []string
	// Problems are what the author should know.
	Problems []techdocs.Problem
}

// A Converter reads pages. It is safe for concurrent use.
type Converter struct {
	extensions selection
	processors []processor

	inline           *inline.Parser
	highlighter      *highlight.Highlighter
	plainHighlighter *highlight.Highlighter
	snippets         *snippets.Expander

	toc        tocOptions
	footnotes  footnoteOptions
	plantuml   *plantuml
	math       *math
	codehilite *codehilite
	blocks     map[string]*blockKind
	fenceKinds []fenceKind

	criticMode                          string
	definitionIndent                    int
	alerts, saneHeaders, noIndentedCode bool
	preserveTabs, relaxedHeaders        bool
	separateQuotes, callouts            bool
	attrLists                           bool
	alignAttribute                      bool
	tasksCustom, tasksClickable         bool
	tabs, blockTabs                     tabOptions
	stripHTML                           func(html string) string
	glossary                            map[string]string
	captions                            captionOptions
}

// A page is one that is being read.
type page struct {
	conv    *Converter
	ctx     context.Context //nolint:containedctx // It lives as long as one call.
	input   Page
	source  string
	failure error

	problems []techdocs.Problem

	processors []processor
	states     []state
	depth      int
	work       int
	nextCheck  int

	stash         tree.Stash
	savedFences   map[string]savedFence
	edits         []string
	inline        inline.Document
	footnotes     footnotes
	abbreviations map[string]string
	blocks        blockStack

	codeBlocks int
	tabSets    int
	anchors    map[string]struct{}
	toc        []*Heading
	tocElement *tree.Element
	title      string
}

// Convert reads a page. An error is a fault of kind fault.Input with the place of what is wrong, unless the context ended.
func (c *Converter) Convert(ctx context.Context, input Page) (Result, error) {
	p := &page{
		conv: c, ctx: ctx, input: input, processors: c.processors, savedFences: map[string]savedFence{},
		footnotes: newFootnotes(c.footnotes), abbreviations: maps.Clone(c.glossary), anchors: map[string]struct{}{},
	}
	if p.abbreviations == nil {
		p.abbreviations = map[string]string{}
	}

	p.inline = inline.Document{
		References: map[string]inline.Reference{}, Stash: &p.stash, Problems: func(message string) { p.warn(0, message) },
	}
	if c.footnotes.enabled {
		p.inline.Footnote = p.footnotes.ref
	}

	result, err := p.convert()
	result.Problems = p.problems

	return result, err
}

func (p *page) convert() (Result, error) {
	if len(p.input.Source) > MaxSource {
		return Result{}, fault.New(fault.Input, "%s has %d bytes: a page can have %d", p.input.Path, len(p.input.Source), MaxSource)
	}

	if !utf8.Valid(p.input.Source) {
		return Result{}, fault.New(fault.Input, "%s: line %d is not UTF-8; save the file as UTF-8", p.input.Path, badLine(p.input.Source))
	}

	p.source = strings.TrimPrefix(string(p.input.Source), "\ufeff")
	p.source = strings.ReplaceAll(strings.ReplaceAll(p.source, "\r\n", "\n"), "\r", "\n")
	text, meta := frontMatter(p.source)

	if p.conv.alerts {
		text = alerts(text)
	}

	html := ""
	if !isBlank(text) {
		html = p.html(text)
	}

	if p.failure != nil {
		return Result{}, p.failure
	}

	return Result{HTML: html, Title: p.title, Meta: meta, TOC: p.toc, Anchors: slices.Sorted(maps.Keys(p.anchors))}, nil
}

func badLine(source []byte) int {
	line := 1

	for len(source) > 0 {
		r, n := utf8.DecodeRune(source)
		if r == utf8.RuneError && n == 1 {
			break
		}

		if r == '\n' {
			line++
		}

		source = source[n:]
	}

	return line
}

// html runs the steps.
func (p *page) html(text string) string {
	text = p.prepare(text)
	root := tree.New("div")

	if p.failure == nil {
		p.parseText(root, text)
	}

	if p.failure == nil {
		p.finishTree(root)
	}

	if p.failure != nil {
		return ""
	}

	var out strings.Builder

	out.Grow(2 * len(text))
	root.WriteHTML(&out)

	html := out.String()
	html = html[len("<div>"):strings.LastIndex(html, "</div>")]

	return strings.TrimFunc(p.finish(strings.TrimFunc(html, isSpace)), isSpace)
}

// prepare makes the text of blocks of a source: what must not be read as such is kept aside.
func (p *page) prepare(text string) string {
	if p.conv.has("markdown_inline_graphviz") {
		text = p.graphviz(text)
	}

	if p.conv.snippets != nil {
		text = p.expandSnippets(text)
	}

	text = p.critic(text)
	if p.conv.preserveTabs {
		text = p.keepTabs(text)
	}

	text = normalize(text)

	if p.conv.criticMode == "view" {
		text = edgesRestorer.Replace(text)
	}

	if p.conv.plantuml != nil {
		text = p.diagrams(text)
	}

	if p.conv.has("meta") {
		text = metaLines(text)
	}

	if len(p.conv.fenceKinds) > 0 && (strings.Contains(text, "```") || strings.Contains(text, "~~~")) {
		text = strings.Join(p.fences(strings.Split(text, "\n")), "\n")
	}

	return p.takeRawHTML(expandMarks(text))
}

func (p *page) expandSnippets(text string) string {
	read := p.input.Snippet
	if read == nil {
		read = func(name string) ([]byte, error) { return nil, fault.New(fault.NotFound, "there is no file %s", name) }
	}

	text, problems, err := p.conv.snippets.Expand(text, read)
	for _, problem := range problems {
		// Not a warning: MkDocs says nothing, and a strict site is built.
		p.report(techdocs.Info, problem.Line, problem.Message)
	}

	if err != nil {
		p.failure = err
	}

	return text
}

// finishTree does what Python-Markdown's tree processors do, in their order.
func (p *page) finishTree(root *tree.Element) {
	c := p.conv

	if c.footnotes.enabled {
		p.addFootnotes(root)
	}

	if c.has("pymdownx.highlight") || c.codehilite != nil {
		p.highlightIndented(root)
	}

	if c.has("pymdownx.tasklist") {
		p.taskLists(root)
	}

	c.inline.Run(root, &p.inline)

	if c.callouts {
		finishCallouts(root)
	}

	if c.footnotes.enabled {
		p.finishFootnotes(root)
	}

	if c.has("legacy_attrs") {
		applyLegacyAttrs(root)
	}

	prettify(root)
	c.inline.Shorten(root)

	if c.attrLists {
		p.applyAttrLists(root)
	}

	p.abbreviate(root)
	c.inline.Symbols(root, &p.inline)

	if c.toc.enabled {
		p.addContents(root)
	}

	p.collectAnchors(root)

	p.slugTabs(root)
	p.numberFigures(root)
	p.findTitle(root)
	unescapeTree(root)
	p.rewriteLinks(root)
}

func (p *page) collectAnchors(root *tree.Element) {
	root.All(func(e *tree.Element) bool {
		if id := e.Get("id"); id != "" {
			p.anchors[unescape(id)] = struct{}{}
		}

		if name := e.Get("name"); name != "" && e.Tag == "a" {
			p.anchors[name] = struct{}{}
		}

		return true
	})
}

// findTitle takes the title of the page from the h1 that it begins with.
func (p *page) findTitle(root *tree.Element) {
	if len(root.Children) == 0 || root.Children[0].Tag != "h1" {
		return
	}

	heading := root.Children[0].Clone()
	if last := heading.Last(); last != nil && last.Tag == "a" && last.Get("class") == "headerlink" {
		heading.Remove(last)
	}

	replaceElements(heading, func(e *tree.Element) (string, bool) {
		switch {
		case e.Tag == "sup":
			return "", strings.HasPrefix(e.Get("id"), "fnref")
		case e.Tag == "img":
			return e.Get("alt"), e.Get("alt") != ""
		}

		return "", false
	})
	p.title = stripTags(p.innerHTML(heading))
}

func (p *page) rewriteLinks(root *tree.Element) {
	if p.input.Link == nil {
		return
	}

	root.All(func(e *tree.Element) bool {
		key, kind := "href", LinkPage

		switch e.Tag {
		case "a":
		case "img":
			key, kind = "src", LinkImage
		default:
			return true
		}

		if url, ok := e.Lookup(key); ok && !strings.Contains(url, tree.Amp) {
			e.Set(key, p.input.Link(kind, url))
		}

		return true
	})
}

func (c *Converter) has(extension string) bool { return c.extensions.on(extension) }

// fail ends the page with an error. The line counts from 1 in the file; 0 means that it is not known.
func (p *page) fail(line int, message string) {
	if p.failure != nil {
		return
	}

	p.problems = append(p.problems, techdocs.Problem{Severity: "error", File: p.input.Path, Line: line, Message: message})

	place := p.input.Path
	if line > 0 {
		place = fmt.Sprintf("%s, line %d", place, line)
	}

	p.failure = fault.New(fault.Input, "%s: %s", place, message)
}

func (p *page) warn(line int, message string) { p.report(techdocs.Warning, line, message) }

func (p *page) report(severity string, line int, message string) {
	if len(p.problems) < techdocs.MaxProblems {
		p.problems = append(p.problems, techdocs.Problem{Severity: severity, File: p.input.Path, Line: line, Message: message})
	}
}

// lineOf is the line of the source in which a text is first, or 0.
func (p *page) lineOf(text string) int {
	i := strings.Index(p.source, text)
	if i < 0 {
		return 0
	}

	return 1 + strings.Count(p.source[:i], "\n")
}

// spend counts work that does not depend on the size of the source alone.
func (p *page) spend(bytes int) {
	const weight = 4

	if p.work += weight * bytes; p.work > maxWork {
		p.fail(0, "the page takes too long to read; it repeats something that does not end, such as a tag without its closing bracket")
	}
}

func (p *page) checkContext() {
	const step = 1 << 24

	p.nextCheck = p.work + step

	if err := p.ctx.Err(); err != nil && p.failure == nil {
		p.failure = fmt.Errorf("read page %s: %w", p.input.Path, err)
	}
}
