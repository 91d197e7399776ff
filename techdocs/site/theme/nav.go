package theme

import (
	"html"
	"slices"
	"strconv"

	"github.com/portico-dev/portico/techdocs/site/nav"
	"github.com/portico-dev/portico/techdocs/site/quote"
)

// window is how many entries of one list are around the page when the list is cut, and maxList from how many on it is.
const (
	maxList = 200
	window  = 50
)

// navWriter writes the nav as one page shows it.
type navWriter struct {
	theme  *Theme
	page   Page
	url    string
	active map[*nav.Item]bool
	out    []byte
}

func (t *Theme) writer(page Page) *navWriter {
	w := &navWriter{theme: t, page: page, active: map[*nav.Item]bool{}, out: make([]byte, 0, 8<<10)}
	if page.Nav != nil {
		w.url = page.Nav.URL()
		for item := page.Nav.Parent; item != nil; item = item.Parent {
			w.active[item] = true
		}
	}

	return w
}

func (t *Theme) nav(page Page) string {
	w := t.writer(page)
	w.items(t.site.Nav.Items, "__nav", 1, nil)

	return string(w.out)
}

func (w *navWriter) write(parts ...string) {
	for _, part := range parts {
		w.out = append(w.out, part...)
	}
}

// items writes a list. Of a very long list it writes what is around the page, and a link to what is left out.
func (w *navWriter) items(items []*nav.Item, path string, level int, skip *nav.Item) {
	first, last := 0, len(items)
	if len(items) > maxList {
		at := slices.IndexFunc(items, func(item *nav.Item) bool {
			return w.active[item] || w.page.Nav != nil && item.Page == w.page.Nav
		})
		first = max(at-window, 0)
		last = min(max(at, 0)+window+1, len(items))
	}
	w.left(items[:first], first-1)
	for i := first; i < last; i++ {
		if items[i] != skip {
			w.item(items[i], path+"_"+strconv.Itoa(i+1), level)
		}
	}
	w.left(items[last:], 0)
}

// left writes one entry for those that are left out: a link to the nearest of them.
func (w *navWriter) left(items []*nav.Item, nearest int) {
	if len(items) == 0 {
		return
	}
	w.write(`<li class="md-nav__item"><a href="`, w.href(items[nearest]), `" class="md-nav__link"><span class="md-ellipsis">… `,
		strconv.Itoa(len(items)), `</span></a></li>`)
}

// href is the escaped address of an entry; that of a section is that of its first page.
func (w *navWriter) href(item *nav.Item) string {
	for item.Section {
		if len(item.Children) == 0 {
			return "#"
		}
		item = item.Children[0]
	}
	if item.Page != nil {
		return html.EscapeString(quote.Relative(pathOf(item.Page), w.url))
	}
	switch quote.Split(item.Link).Scheme {
	case "javascript", "vbscript", "data":
		return "#"
	}

	return html.EscapeString(relative(item.Link, w.url))
}

func title(item *nav.Item) string {
	switch {
	case item.Page != nil:
		return string(titleHTML(item.Page))
	case item.Titled:
		return escape(item.Title)
	case item.Section:
		return ""
	}

	return escape(item.Link)
}

func (w *navWriter) item(item *nav.Item, path string, level int) {
	switch {
	case item.Section && len(item.Children) > 0:
		w.section(item, path, level)
	case item.Page != nil && item.Page == w.page.Nav:
		w.current(item)
	default:
		w.write(`<li class="md-nav__item"><a href="`, w.href(item), `" class="md-nav__link"><span class="md-ellipsis">`, title(item), `</span></a></li>`)
	}
}

// current writes the page itself, with its headings.
func (w *navWriter) current(item *nav.Item) {
	w.write(`<li class="md-nav__item md-nav__item--active"><input class="md-nav__toggle md-toggle" type="checkbox" id="__toc">`)
	headings := topLevel(w.page.Contents)
	if len(headings) > 0 {
		w.write(`<label class="md-nav__link md-nav__link--active" for="__toc"><span class="md-ellipsis">`, title(item),
			`</span><span class="md-nav__icon md-icon"></span></label>`)
	}
	w.write(`<a href="`, html.EscapeString(quote.Relative(pathOf(item.Page), w.url)), `" class="md-nav__link md-nav__link--active"><span class="md-ellipsis">`,
		title(item), `</span></a>`)
	if len(headings) > 0 {
		w.write(w.theme.contents(w.page.Contents))
	}
	w.write(`</li>`)
}

func (w *navWriter) section(item *nav.Item, path string, level int) {
	features, active := w.theme.features, w.active[item]
	class := "md-nav__item"
	if active {
		class += " md-nav__item--active"
	}
	tabs := features["navigation.tabs"]
	heading := tabs && level == 1 && active || features["navigation.sections"] && (level == 1 && !tabs || tabs && level == 2 && w.active[item.Parent])
	if heading {
		class += " md-nav__item--section"
	}
	if w.theme.prune && !active && !heading {
		w.write(`<li class="`, class, ` md-nav__item--pruned md-nav__item--nested"><a href="`, w.href(item), `" class="md-nav__link"><span class="md-ellipsis">`,
			title(item), `</span><span class="md-nav__icon md-icon"></span></a></li>`)

		return
	}
	toggle, checked, expanded := "md-nav__toggle md-toggle", "", "false"
	if active {
		checked, expanded = " checked", "true"
	} else if features["navigation.expand"] {
		toggle += " md-toggle--indeterminate"
	}
	w.write(`<li class="`, class, ` md-nav__item--nested"><input class="`, toggle, `" type="checkbox" id="`, path, `"`, checked, `>`)
	index := w.index(item)
	w.label(item, index, path)
	w.write(`<nav class="md-nav" data-md-level="`, strconv.Itoa(level), `" aria-labelledby="`, path, `_label" aria-expanded="`, expanded,
		`"><label class="md-nav__title" for="`, path, `"><span class="md-nav__icon md-icon"></span>`, title(item), `</label><ul class="md-nav__list" data-md-scrollfix>`)
	w.items(item.Children, path, level+1, index)
	w.write(`</ul></nav></li>`)
}

// index is the page that the title of a section leads to, with navigation.indexes.
func (w *navWriter) index(item *nav.Item) *nav.Item {
	if !w.theme.features["navigation.indexes"] {
		return nil
	}
	for _, child := range item.Children {
		if child.Page != nil && child.Page.File.Name == "index" {
			return child
		}
	}

	return nil
}

func (w *navWriter) label(item, index *nav.Item, path string) {
	if index == nil {
		w.write(`<label class="md-nav__link" for="`, path, `" id="`, path, `_label" tabindex="0"><span class="md-ellipsis">`, title(item),
			`</span><span class="md-nav__icon md-icon"></span></label>`)

		return
	}
	class := "md-nav__link"
	if index.Page == w.page.Nav {
		class += " md-nav__link--active"
	}
	w.write(`<div class="md-nav__link md-nav__container"><a href="`, w.href(index), `" class="`, class, `"><span class="md-ellipsis">`, title(item), `</span></a>`)
	if len(item.Children) > 1 {
		w.write(`<label class="`, class, `" for="`, path, `" id="`, path, `_label" tabindex="0"><span class="md-nav__icon md-icon"></span></label>`)
	}
	w.write(`</div>`)
}

// tabs writes the top of the nav as tabs.
func (t *Theme) tabs(page Page) string {
	w := t.writer(page)
	for _, item := range t.site.Nav.Items {
		class := "md-tabs__item"
		if w.active[item] || item.Page != nil && item.Page == page.Nav {
			class += " md-tabs__item--active"
		}
		w.write(`<li class="`, class, `"><a href="`, w.href(item), `" class="md-tabs__link">`, title(item), `</a></li>`)
	}

	return string(w.out)
}

// topLevel are the headings below the title of the page.
func topLevel(headings []Heading) []Heading {
	if len(headings) > 0 && headings[0].Level == 1 {
		return headings[0].Children
	}

	return headings
}

// contents writes the table of contents.
func (t *Theme) contents(headings []Heading) string {
	out := append(make([]byte, 0, 2<<10), `<nav class="md-nav md-nav--secondary" aria-label="`+html.EscapeString(t.words.contents)+`">`...)
	if headings = topLevel(headings); len(headings) > 0 {
		out = append(out, `<label class="md-nav__title" for="__toc"><span class="md-nav__icon md-icon"></span>`+html.EscapeString(t.words.contents)+
			`</label><ul class="md-nav__list" data-md-component="toc" data-md-scrollfix>`...)
		for _, heading := range headings {
			out = appendHeading(out, heading)
		}
		out = append(out, `</ul>`...)
	}

	return string(append(out, `</nav>`...))
}

func appendHeading(out []byte, heading Heading) []byte {
	out = append(out, `<li class="md-nav__item"><a href="#`...)
	out = append(out, html.EscapeString(heading.ID)...)
	out = append(out, `" class="md-nav__link"><span class="md-ellipsis">`...)
	out = append(out, heading.Name...)
	out = append(out, `</span></a>`...)
	if len(heading.Children) > 0 {
		out = append(out, `<nav class="md-nav" aria-label="`...)
		out = append(out, html.EscapeString(html.UnescapeString(stripTags(heading.Name)))...)
		out = append(out, `"><ul class="md-nav__list">`...)
		for _, child := range heading.Children {
			out = appendHeading(out, child)
		}
		out = append(out, `</ul></nav>`...)
	}

	return append(out, `</li>`...)
}
