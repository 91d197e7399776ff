// Package nav builds the navigation of a site: from the nav of mkdocs.yml, or from the folders of its pages.
package nav

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/site/config"
	"github.com/portico-dev/portico/techdocs/site/files"
	"github.com/portico-dev/portico/techdocs/site/quote"
)

// Page is a page of the site, whether it is in the nav or not, or another file that the nav has, such as a PDF.
type Page struct {
	File *files.File
	// Title is how the nav and the page show it, as HTML when TitleIsHTML is true. It is that of mkdocs.yml until the page is rendered.
	Title       string
	Titled      bool
	TitleIsHTML bool
	// InNav says that the nav has it. Previous and Next are its neighbours there; Parent is its section, nil at the top.
	InNav          bool
	Previous, Next *Page
	Parent         *Item
}

// URL is the URL of the page in the site, empty for the home page.
func (p *Page) URL() string { return p.File.PageURL() }

// Home says whether the page is the home page of the site.
func (p *Page) Home() bool {
	return p.Parent == nil && p.File.Name == "index" && (p.File.URL == "./" || p.File.URL == "index.html")
}

// FileTitle is the title of a page that has none: its name in words, "Home" for the home page. Another file keeps its name.
func (p *Page) FileTitle() string {
	switch {
	case p.Home():
		return "Home"
	case !p.File.Page:
		return path.Base(p.File.Src)
	}

	return Title(p.File.Name)
}

// Title makes a title of a name: a name in lower case gets a capital first letter.
func Title(name string) string {
	words := strings.NewReplacer("-", " ", "_", " ").Replace(name)
	if strings.ToLower(words) != words {
		return words
	}
	first, size := utf8.DecodeRuneInString(words)
	if size == 0 {
		return words
	}

	return string(unicode.ToTitle(first)) + words[size:]
}

// Item is an entry of the nav: a section, a page or a link.
type Item struct {
	// Title is that of a section or link; that of a page is in Page. Titled is false when the author gave none.
	Title    string
	Titled   bool
	Section  bool
	Children []*Item
	Page     *Page
	Link     string
	Parent   *Item
	At       config.Position
}

// Nav is the navigation of a site.
type Nav struct {
	Items []*Item
	// Pages are those of the nav in its order, and All every published page in the order of the files.
	Pages, All []*Page
	byFile     map[*files.File]*Page
}

// PageOf returns the page of a file, nil when it is neither a published page nor in the nav.
func (n *Nav) PageOf(file *files.File) *Page { return n.byFile[file] }

// Home returns the home page, nil when there is none.
func (n *Nav) Home() *Page {
	for _, page := range n.Pages {
		if page.Home() {
			return page
		}
	}

	return nil
}

// Count is the number of entries.
func (n *Nav) Count() int { return count(n.Items) }

func count(items []*Item) int {
	sum := len(items)
	for _, item := range items {
		sum += count(item.Children)
	}

	return sum
}

// Build makes the navigation. With entries nil it follows from the folders.
func Build(entries []config.NavItem, set *files.Set, levels config.Validation) (*Nav, []techdocs.Problem) {
	b := &builder{set: set, levels: levels, nav: &Nav{byFile: map[*files.File]*Page{}}}
	if len(entries) == 0 {
		entries = Automatic(set)
	}
	b.nav.Items = b.items(entries, nil)
	for i, page := range b.nav.Pages {
		page.Previous, page.Next = nil, nil
		if i > 0 {
			page.Previous = b.nav.Pages[i-1]
		}
		if i+1 < len(b.nav.Pages) {
			page.Next = b.nav.Pages[i+1]
		}
	}
	for _, file := range set.Pages() {
		page := b.nav.byFile[file]
		if page == nil {
			page = &Page{File: file}
			b.nav.byFile[file] = page
			if severity := levels.NavOmitted.Severity(); severity != "" && file.Inclusion != files.NotInNav {
				b.report(config.Position{File: file.Real}, severity, "the page %q is not in nav", file.Src)
			}
		}
		b.nav.All = append(b.nav.All, page)
	}
	b.links(b.nav.Items)

	return b.nav, b.problems
}

// Automatic makes entries of the folders: each is a section named after it.
func Automatic(set *files.Set) []config.NavItem {
	var root config.NavItem
	for _, file := range set.Pages() {
		if file.Inclusion == files.NotInNav {
			continue
		}
		branch := &root
		folders := strings.Split(file.Src, "/")
		for _, folder := range folders[:len(folders)-1] {
			branch = section(branch, Title(folder))
		}
		branch.Children = append(branch.Children, config.NavItem{Path: file.Src})
	}

	return root.Children
}

// section returns the section of a title, which it adds if it is missing.
func section(branch *config.NavItem, title string) *config.NavItem {
	for i := range branch.Children {
		if branch.Children[i].Section && branch.Children[i].Title == title {
			return &branch.Children[i]
		}
	}
	branch.Children = append(branch.Children, config.NavItem{Title: title, Titled: true, Section: true})

	return &branch.Children[len(branch.Children)-1]
}

type builder struct {
	set      *files.Set
	levels   config.Validation
	nav      *Nav
	problems []techdocs.Problem
}

func (b *builder) report(at config.Position, severity, format string, args ...any) {
	b.problems = append(b.problems, at.Problem(severity, format, args...))
}

func (b *builder) items(entries []config.NavItem, parent *Item) []*Item {
	items := make([]*Item, 0, len(entries))
	for _, entry := range entries {
		item := &Item{Title: entry.Title, Titled: entry.Titled, Section: entry.Section, Parent: parent, At: entry.At}
		items = append(items, item)
		if entry.Section {
			item.Children = b.items(entry.Children, item)

			continue
		}
		lookup := entry.Path
		if b.levels.NavAbsolute == config.RelativeToDocs {
			lookup = strings.TrimLeft(lookup, "/")
		}
		file := b.set.Get(lookup)
		if file == nil {
			item.Link = entry.Path

			continue
		}
		if !file.Inclusion.Published() && b.levels.NavNotFound != config.Ignore {
			b.report(entry.At, techdocs.Info, "nav has the page %q, which is excluded from the site", file.Src)
		}
		page := b.nav.byFile[file]
		if page == nil {
			page = &Page{File: file, Title: entry.Title, Titled: entry.Titled}
			b.nav.byFile[file] = page
		}
		page.InNav, page.Parent = true, parent
		if !page.Titled && (!file.Page || !file.Inclusion.Published()) {
			page.Title = page.FileTitle() // It is not rendered, so there is no better one.
		}
		item.Page = page
		b.nav.Pages = append(b.nav.Pages, page)
	}

	return items
}

// links reports entries that lead to no page. A link to another site is fine.
func (b *builder) links(items []*Item) {
	for _, item := range items {
		b.links(item.Children)
		if item.Section || item.Page != nil {
			continue
		}
		url := quote.Split(item.Link)
		switch {
		case url.Scheme != "" || url.Host != "":
		case strings.HasPrefix(item.Link, "/") && b.levels.NavAbsolute != config.RelativeToDocs:
			if severity := b.levels.NavAbsolute.Severity(); severity != "" {
				b.report(item.At, severity, "nav has the absolute path %q, which is left as it is", item.Link)
			}
		default:
			if severity := b.levels.NavNotFound.Severity(); severity != "" {
				b.report(item.At, severity, "nav has %q, but there is no such page in docs_dir", item.Link)
			}
		}
	}
}
