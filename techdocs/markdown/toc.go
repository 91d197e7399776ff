package markdown

import (
	"html"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// A Heading is an entry of the table of contents.
type Heading struct {
	Level int
	ID    string
	// Name is HTML text without elements.
	Name     string
	Children []*Heading
}

type tocOptions struct {
	enabled                                        bool
	marker, title, titleClass, class, separator    string
	anchorLink, permalink, permalinkLeading        bool
	anchorLinkClass, permalinkText, permalinkClass string
	permalinkTitle                                 string
	baseLevel, top, bottom                         int
	slugify                                        func(text, separator string) string
}

// addContents gives headings their ids and links, collects them, and writes them where the marker is.
func (p *page) addContents(root *tree.Element) {
	options := p.conv.toc
	ids := takenIDs{}

	root.All(func(e *tree.Element) bool {
		if id, ok := e.Lookup("id"); ok {
			ids[id] = ""
		}

		return true
	})

	var headings []*Heading

	root.All(func(e *tree.Element) bool {
		if !isHeading(e.Tag) {
			return true
		}

		if heading := p.heading(e, ids); heading.Level >= options.top && heading.Level <= options.bottom {
			headings = append(headings, heading)
		}

		return p.failure == nil
	})

	p.toc = nest(headings)

	if options.marker != "" {
		p.replaceMarker(root, options.marker)
	}
}

func (p *page) heading(e *tree.Element, ids takenIDs) *Heading {
	options := p.conv.toc
	level := min(int(e.Tag[1]-'0')+options.baseLevel-1, maxHeading)
	e.Tag = "h" + strconv.Itoa(level)
	name := stripTags(p.innerHTML(withoutReferences(e)))

	if _, ok := e.Lookup("id"); !ok {
		e.Set("id", unique(options.slugify(html.UnescapeString(name), options.separator), ids))
	}

	if label, ok := e.Lookup("data-toc-label"); ok {
		name = tree.EscapeText(stripTags(strings.TrimSpace(p.finish(unescape(label)))))
		e.Unset("data-toc-label")
	}

	id := e.Get("id")

	if options.anchorLink {
		link := tree.New("a", "href", "#"+id, "class", options.anchorLinkClass)
		link.Text, link.TextFinal, link.Children = e.Text, e.TextFinal, e.Children
		e.SetText("")
		e.Children = []*tree.Element{link}
	}

	if options.permalink {
		p.addPermalink(e, id)
	}

	return &Heading{Level: level, ID: unescape(id), Name: name}
}

func (p *page) addPermalink(e *tree.Element, id string) {
	options := p.conv.toc
	link := tree.New("a", "href", "#"+id, "class", options.permalinkClass)
	link.SetText(options.permalinkText)

	if options.permalinkTitle != "" {
		link.Set("title", options.permalinkTitle)
	}

	if !options.permalinkLeading {
		e.Append(link)

		return
	}

	link.Tail = e.Text
	e.SetText("")
	e.Insert(0, link)
}

// innerHTML is what is in an element, as it will be in the page.
func (p *page) innerHTML(e *tree.Element) string {
	text := unescape(e.HTML())
	text = text[strings.IndexByte(text, '>')+1 : strings.LastIndexByte(text, '<')]

	return strings.TrimSpace(p.finish(strings.TrimSpace(text)))
}

// withoutReferences is the element without references to footnotes.
func withoutReferences(e *tree.Element) *tree.Element {
	if findTag(e, "sup") == nil {
		return e
	}

	e = e.Clone()
	replaceElements(e, func(child *tree.Element) (string, bool) {
		return "", child.Tag == "sup" && strings.HasPrefix(child.Get("id"), "fnref")
	})

	return e
}

// replaceElements puts a text in the place of the elements that choose wants.
func replaceElements(parent *tree.Element, choose func(*tree.Element) (text string, ok bool)) {
	var kept []*tree.Element

	for _, child := range parent.Children {
		text, ok := choose(child)
		if !ok {
			replaceElements(child, choose)

			kept = append(kept, child)

			continue
		}

		if text += child.Tail; len(kept) > 0 {
			kept[len(kept)-1].Tail += text
		} else {
			parent.Text += text
		}
	}

	parent.Children = kept
}

// stripTags removes comments and tags, and makes all white space one space.
func stripTags(text string) string {
	if strings.IndexByte(text, '<') >= 0 {
		text = cut(cut(text, "<!--", "-->"), "<", ">")
	}

	return strings.Join(strings.FieldsFunc(text, isSpace), " ")
}

// cut removes all that is between two marks, with them.
func cut(text, from, to string) string {
	var out strings.Builder

	for {
		start := strings.Index(text, from)
		if start < 0 {
			break
		}

		end := strings.Index(text[start:], to)
		if end < 0 {
			break
		}

		out.WriteString(text[:start])
		text = text[start+end+len(to):]
	}

	return out.String() + text
}

//nolint:gochecknoglobals // Immutable.
var numbered = regexp.MustCompile(`^((?s:.*))_([0-9]+)$`)

// takenIDs are the ids of a page. The value is the id that was made for the last one who wanted this one, "" when nobody else did: whoever
// comes next counts on from there, and a page of equal headings takes no longer than another.
type takenIDs map[string]string

// unique makes an id that is not taken, and takes it: it counts up from "id_1".
func unique(id string, ids takenIDs) string {
	wanted := id
	for last, taken := ids[id]; taken || id == ""; last, taken = ids[id] {
		if last != "" {
			id = last
		}

		if m := numbered.FindStringSubmatch(id); m != nil && !strings.Contains(m[1], "\n") {
			id = m[1] + "_" + strconv.Itoa(number(m[2], 0)+1)
		} else {
			id += "_1"
		}
	}

	ids[id] = ""
	if wanted != id {
		ids[wanted] = id
	}

	return id
}

// slugifyASCII is the default: a text without anything that is not ASCII.
func slugifyASCII(text, separator string) string {
	var ascii strings.Builder

	for _, r := range norm.NFKD.String(text) {
		if r < unicode.MaxASCII {
			ascii.WriteRune(r)
		}
	}

	return slugifyUnicode(ascii.String(), separator)
}

func slugifyUnicode(text, separator string) string {
	text = strings.Map(func(r rune) rune {
		if isWord(r) || isSpace(r) || r == '-' {
			return r
		}

		return -1
	}, text)

	return joinWords(strings.ToLower(strings.TrimFunc(text, isSpace)), separator)
}

func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) }

// joinWords puts one separator in the place of white space and separators.
func joinWords(text, separator string) string {
	var out strings.Builder

	gap := false

	for _, r := range text {
		if isSpace(r) || strings.ContainsRune(separator, r) {
			gap = true

			continue
		}

		if gap {
			out.WriteString(separator)
		}

		gap = false

		out.WriteRune(r)
	}

	if gap {
		out.WriteString(separator)
	}

	return out.String()
}

// nest makes a tree of headings. A heading is below the last one with a smaller level, also if levels are skipped.
func nest(flat []*Heading) []*Heading {
	if len(flat) == 0 {
		return nil
	}

	last := flat[0]
	top, levels := []*Heading{last}, []int{last.Level}

	var parents []*Heading

	for _, heading := range flat[1:] {
		if heading.Level < levels[len(levels)-1] {
			levels = levels[:len(levels)-1]

			for len(parents) > 0 && heading.Level <= parents[len(parents)-1].Level {
				parents = parents[:len(parents)-1]

				if len(levels) > 0 {
					levels = levels[:len(levels)-1]
				}
			}

			levels = append(levels, heading.Level)
		}

		switch {
		case heading.Level != levels[len(levels)-1]:
			last.Children = append(last.Children, heading)
			parents = append(parents, last)
			levels = append(levels, heading.Level)
		case len(parents) > 0:
			parent := parents[len(parents)-1]
			parent.Children = append(parent.Children, heading)
		default:
			top = append(top, heading)
		}

		last = heading
	}

	return top
}

func (p *page) contents() *tree.Element {
	options := p.conv.toc
	box := tree.New("div", "class", options.class)

	if options.title != "" {
		title := box.Add("span")
		title.SetText(options.title)

		if options.titleClass != "" {
			title.Set("class", options.titleClass)
		}
	}

	var add func(parent *tree.Element, headings []*Heading)

	add = func(parent *tree.Element, headings []*Heading) {
		list := parent.Add("ul")

		for _, heading := range headings {
			item := list.Add("li")
			item.Add("a", "href", "#"+heading.ID).SetText(heading.Name)

			if len(heading.Children) > 0 {
				add(item, heading.Children)
			}
		}
	}
	add(box, p.toc)
	prettify(box)

	return box
}

// replaceMarker puts the table of contents in the place of paragraphs that have only the marker. There is one table: it is the same at all
// places, and its size is bounded by that of the page.
func (p *page) replaceMarker(parent *tree.Element, marker string) {
	for i, child := range parent.Children {
		if isHeading(child.Tag) || child.Tag == "pre" || child.Tag == "code" {
			continue
		}

		if strings.TrimSpace(child.Text) == marker && len(child.Children) == 0 {
			if p.tocElement == nil {
				p.tocElement = p.contents()
			}

			p.spend(len(p.toc) * workOfElement)

			parent.Children[i] = p.tocElement

			continue
		}

		p.replaceMarker(child, marker)
	}
}
