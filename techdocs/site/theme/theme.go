// Package theme puts the pages of a site into the structure that readers of TechDocs expect: the elements and classes of mkdocs-material,
// whose names are its contract. The looks are our own. Pages have no scripts.
package theme

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"html"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/portico-dev/portico/techdocs/site/config"
	"github.com/portico-dev/portico/techdocs/site/nav"
	"github.com/portico-dev/portico/techdocs/site/quote"
)

//go:embed page.html.tmpl
var pageSource string

//go:embed style.css
var style []byte

var pageTemplate = template.Must(template.New("page").Parse(pageSource))

// Site is what all pages have in common.
type Site struct {
	Name, Description, Author, Copyright string
	RepoURL, RepoName                    string
	Language, Direction                  string
	Features, ExtraCSS                   []string
	Nav                                  *nav.Nav
}

// Heading is an entry of the table of contents. Its name is HTML.
type Heading struct {
	Level    int
	ID, Name string
	Children []Heading
}

// Page is one page.
type Page struct {
	Nav                *nav.Page
	Meta               map[string]any
	Content            string
	Contents           []Heading
	EditURL, Canonical string
}

// Theme renders pages of one site. It is safe for concurrent use.
type Theme struct {
	site       Site
	words      words
	stylesheet string
	features   map[string]bool
	// prune says that each page has only its own branch of the nav.
	prune bool
	home  string
}

// fullNav is how many entries a nav may have to be on each page as a whole. A larger one is cut, as decision 0067 says.
const fullNav = 100

// New prepares a theme.
func New(site Site) *Theme {
	t := &Theme{site: site, features: map[string]bool{}, home: "."}
	for _, feature := range site.Features {
		t.features[feature] = true
	}
	known, is := wordsOf[site.Language]
	if !is {
		known = wordsOf["en"]
	}
	t.words = known
	if site.Direction == "rtl" || site.Direction == "ltr" {
		t.words.direction = site.Direction
	}
	digest := sha256.Sum256(style)
	t.stylesheet = "assets/stylesheets/main." + hex.EncodeToString(digest[:4]) + ".min.css"
	t.prune = t.features["navigation.prune"] || site.Nav.Count() > fullNav
	if home := site.Nav.Home(); home != nil {
		t.home = pathOf(home)
	}

	return t
}

// Site is what the theme was made for.
func (t *Theme) Site() Site { return t.site }

// Assets are the files that the pages refer to, by path in the site.
func (t *Theme) Assets() map[string][]byte { return map[string][]byte{t.stylesheet: style} }

func pathOf(page *nav.Page) string {
	if url := page.URL(); url != "" {
		return url
	}

	return "."
}

type neighbour struct {
	URL, Plain string
	Title      template.HTML
}

type data struct {
	Words struct {
		Language, Direction, Previous, Next, Contents, Edit, Nav, Footer, Tabs, Source string
	}
	SiteName, HTMLTitle, Description, Author, Canonical       string
	Stylesheet, HomeURL, RepoURL, RepoName, EditURL, NavClass string
	ExtraCSS                                                  []string
	Copyright, Nav, Tabs, TOC, Heading, Content               template.HTML
	Previous, Next                                            *neighbour
	HideNav, HideTOC, HideFooter                              bool
}

// Render writes a page.
func (t *Theme) Render(out io.Writer, page Page) error {
	url := page.Nav.URL()
	d := t.common(url)
	d.Description, d.Author = t.site.Description, t.site.Author
	if text, is := page.Meta["description"].(string); is && text != "" {
		d.Description = text
	}
	if text, is := page.Meta["author"].(string); is && text != "" {
		d.Author = text
	}
	d.Canonical, d.EditURL = page.Canonical, page.EditURL
	d.HTMLTitle = t.htmlTitle(page)
	d.Previous, d.Next = t.neighbour(page.Nav.Previous, url), t.neighbour(page.Nav.Next, url)
	hidden := hide(page.Meta)
	d.HideNav, d.HideTOC, d.HideFooter = slices.Contains(hidden, "navigation"), slices.Contains(hidden, "toc"), slices.Contains(hidden, "footer")
	d.Nav = template.HTML(t.nav(page)) //nolint:gosec // Built of escaped parts.
	if t.features["navigation.tabs"] {
		d.Tabs = template.HTML(t.tabs(page)) //nolint:gosec // As above.
		d.NavClass += " md-nav--lifted"
	}
	if t.features["toc.integrate"] {
		d.NavClass += " md-nav--integrated"
	} else {
		d.TOC = template.HTML(t.contents(page.Contents)) //nolint:gosec // Names are HTML of the renderer.
	}
	if !strings.Contains(page.Content, "<h1") {
		d.Heading = titleHTML(page.Nav)
		if d.Heading == "" {
			d.Heading = template.HTML(escape(t.site.Name)) //nolint:gosec // Escaped.
		}
	}
	d.Content = template.HTML(page.Content) //nolint:gosec // It is the page; readers sanitize it, as they have to with MkDocs.
	if err := pageTemplate.Execute(out, d); err != nil {
		return fmt.Errorf("render the page %s: %w", page.Nav.File.Src, err)
	}

	return nil
}

// NotFound writes 404.html.
func (t *Theme) NotFound(out io.Writer) error {
	d := t.common("")
	d.HTMLTitle = t.site.Name
	d.Content = "<h1>404 - Not found</h1>"
	d.Nav = template.HTML(t.nav(Page{})) //nolint:gosec // Built of escaped parts.
	if err := pageTemplate.Execute(out, d); err != nil {
		return fmt.Errorf("render 404.html: %w", err)
	}

	return nil
}

func (t *Theme) common(url string) data {
	d := data{SiteName: t.site.Name, RepoURL: t.site.RepoURL, RepoName: t.site.RepoName}
	w := t.words
	d.Words.Language, d.Words.Direction, d.Words.Previous, d.Words.Next = w.language, w.direction, w.previous, w.next
	d.Words.Contents, d.Words.Edit, d.Words.Nav, d.Words.Footer, d.Words.Tabs, d.Words.Source = w.contents, w.edit, w.nav, w.footer, w.tabs, w.source
	d.Stylesheet, d.HomeURL = quote.Relative(t.stylesheet, url), quote.Relative(t.home, url)
	for _, css := range t.site.ExtraCSS {
		d.ExtraCSS = append(d.ExtraCSS, relative(css, url))
	}
	d.Copyright = template.HTML(t.site.Copyright) //nolint:gosec // HTML in mkdocs.yml, sanitized by readers as the pages are.

	return d
}

// relative returns the URL of a path in the site for a page; other sites and absolute paths stay.
func relative(to, from string) string {
	url := quote.Split(to)
	if url.Scheme != "" || url.Host != "" || strings.HasPrefix(to, "/") || strings.HasPrefix(to, "#") {
		return to
	}
	up := 0
	for rest, is := strings.CutPrefix(to, "../"); is; rest, is = strings.CutPrefix(rest, "../") {
		up++
	}

	return strings.Repeat("../", up) + quote.Relative(to, from)
}

func (t *Theme) neighbour(page *nav.Page, url string) *neighbour {
	if page == nil {
		return nil
	}

	return &neighbour{URL: quote.Relative(pathOf(page), url), Plain: plainTitle(page), Title: titleHTML(page)}
}

func (t *Theme) htmlTitle(page Page) string {
	if title, is := page.Meta["title"]; is && title != nil && title != "" {
		return config.Text(title) + " - " + t.site.Name
	}
	if title := plainTitle(page.Nav); title != "" && !page.Nav.Home() {
		return title + " - " + t.site.Name
	}

	return t.site.Name
}

func hide(meta map[string]any) []string {
	var all []string
	switch value := meta["hide"].(type) {
	case []any:
		for _, item := range value {
			all = append(all, fmt.Sprint(item))
		}
	case string:
		all = strings.Fields(value)
	}

	return all
}

// titleHTML is the title of a page in HTML. A title that an author wrote in YAML is text: its tags are shown, not used, which differs from
// MkDocs; its entities mean what they say.
func titleHTML(page *nav.Page) template.HTML {
	if page.TitleIsHTML {
		return template.HTML(page.Title) //nolint:gosec // HTML of the renderer, without tags.
	}

	return template.HTML(escape(page.Title)) //nolint:gosec // Escaped.
}

// escape escapes text for HTML, except for the & of an entity.
func escape(text string) string {
	if !strings.ContainsAny(text, "&<>\"'") {
		return text
	}

	return html.EscapeString(html.UnescapeString(text))
}

// plainTitle is the title of a page as text.
func plainTitle(page *nav.Page) string {
	title := page.Title
	if page.TitleIsHTML {
		title = stripTags(title)
	}

	return strings.Join(strings.Fields(html.UnescapeString(title)), " ")
}

func stripTags(text string) string {
	var out strings.Builder
	for {
		before, tag, found := strings.Cut(text, "<")
		end := strings.IndexByte(tag, '>')
		if !found || end < 0 {
			return out.String() + text
		}
		out.WriteString(before)
		text = tag[end+1:]
	}
}
