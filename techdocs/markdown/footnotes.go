package markdown

import (
	"slices"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// Marks of what the section of footnotes has that must not be escaped.
const (
	backlinkMark = tree.STX + "zz1337820767766393qq" + tree.ETX
	blankMark    = tree.STX + "qq3936677670287331zz" + tree.ETX
)

// footnotes are those of a page.
type footnotes struct {
	options footnoteOptions
	// names are in the order of the definitions.
	names []string
	texts map[string]string
	// order is that of the references.
	order []string
	// found has how often each footnote is referred to, by the id of its first reference; used has all these ids.
	found map[string]int
	used  map[string]bool
	index map[string]int
}

type footnoteOptions struct {
	enabled                                                     bool
	placeMarker, backlinkText, superscript, backlink, separator string
	uniqueIDs, definitionOrder                                  bool
}

func newFootnotes(options footnoteOptions) footnotes {
	return footnotes{options: options, texts: map[string]string{}, found: map[string]int{}, used: map[string]bool{}, index: map[string]int{}}
}

func (f *footnotes) define(name, text string) {
	if _, ok := f.texts[name]; !ok {
		f.names = append(f.names, name)
		f.index[name] = len(f.names)
	}

	f.texts[name] = text
}

func (f *footnotes) id(name string) string {
	if f.options.uniqueIDs {
		// The original counts its resets. There are two before a page is read.
		return "fn" + f.options.separator + "2-" + name
	}

	return "fn" + f.options.separator + name
}

func (f *footnotes) refID(name string) string {
	return "fnref" + strings.TrimPrefix(f.id(name), "fn")
}

// ref makes the reference to a footnote. It is nil if the footnote is not defined.
func (f *footnotes) ref(name string) *tree.Element {
	if _, ok := f.texts[name]; !ok {
		return nil
	}

	position := slices.Index(f.order, name)
	if position < 0 {
		f.order = append(f.order, name)
		position = len(f.order) - 1
	}

	if f.options.definitionOrder {
		position = f.index[name] - 1
	}

	sup := tree.New("sup", "id", f.nextRefID(name))
	link := sup.Add("a", "href", "#"+f.id(name), "class", "footnote-ref")
	link.SetText(format(f.options.superscript, position+1))

	return sup
}

func format(text string, number int) string {
	return strings.ReplaceAll(text, "{}", strconv.Itoa(number))
}

// nextRefID is the id of one more reference: fnref:1, fnref2:1, and so on.
func (f *footnotes) nextRefID(name string) string {
	first := f.refID(name)
	f.found[first]++

	id := first
	for n := max(f.found[first], 2); f.used[id]; n++ {
		id = "fnref" + strconv.Itoa(n) + strings.TrimPrefix(first, "fnref")
	}

	f.used[id] = true

	return id
}

// addFootnotes puts the section of footnotes at its marker, or at the end.
func (p *page) addFootnotes(root *tree.Element) {
	f := &p.footnotes
	if len(f.names) == 0 {
		return
	}

	section := tree.New("div", "class", "footnote")
	section.Add("hr")
	list := section.Add("ol")
	count := len(f.names)

	for i := range count {
		name := f.names[i]
		item := list.Add("li", "id", f.id(name))
		content := tree.New("div")
		p.parseText(content, f.texts[name])
		item.Children = content.Children
		f.addBacklink(item, name, i+1)

		if len(f.names) != count && i+1 < count {
			p.fail(p.lineOf("[^"+f.names[count]+"]:"), "footnote "+f.names[count]+" is defined inside of footnote "+name+"; define it on its own")

			return
		}
	}

	child, parent, inText := p.footnotePlace(root)

	switch {
	case child == nil:
		root.Append(section)
	case inText:
		i := parent.Index(child)
		parent.Children[i] = section
	default:
		parent.Insert(parent.Index(child)+1, section)

		child.Tail = ""
	}
}

func (f *footnotes) addBacklink(item *tree.Element, name string, number int) {
	link := tree.New("a", "href", "#"+f.refID(name), "class", "footnote-backref", "title", format(f.options.backlink, number))
	link.SetText(backlinkMark)

	last := item.Last()

	switch {
	case last == nil:
	case last.Tag == "p":
		last.Text += blankMark
		last.Append(link)
	default:
		item.Add("p").Append(link)
	}
}

// footnotePlace finds the marker of the place for footnotes: in the text of an element, or behind it.
func (p *page) footnotePlace(parent *tree.Element) (child, of *tree.Element, inText bool) {
	marker := p.footnotes.options.placeMarker

	for _, child := range parent.Children {
		if strings.Contains(child.Text, marker) {
			return child, parent, true
		}

		if strings.Contains(child.Tail, marker) {
			return child, parent, false
		}

		if found, of, inText := p.footnotePlace(child); found != nil {
			return found, of, inText
		}
	}

	return nil, nil, false
}

// finishFootnotes orders the footnotes by their references, if that is wanted, and adds links to further references.
func (p *page) finishFootnotes(root *tree.Element) {
	if len(p.footnotes.names) == 0 {
		return
	}

	reordered := p.footnotes.options.definitionOrder

	root.All(func(section *tree.Element) bool {
		if section.Tag != "div" || section.Get("class") != "footnote" {
			return true
		}

		if !reordered {
			p.footnotes.reorder(section)

			reordered = true
		}

		if list := findTag(section, "ol"); list != nil {
			for _, item := range list.Children {
				p.footnotes.addDuplicates(item)
			}
		}

		return true
	})
}

func findTag(e *tree.Element, tag string) *tree.Element {
	var found *tree.Element

	e.All(func(child *tree.Element) bool {
		if child != e && child.Tag == tag {
			found = child
		}

		return found == nil
	})

	return found
}

func (f *footnotes) backlink(item *tree.Element) *tree.Element {
	var found *tree.Element

	item.All(func(e *tree.Element) bool {
		if e.Tag == "a" && e.Get("class") == "footnote-backref" {
			found = e
		}

		return found == nil
	})

	return found
}

func (f *footnotes) reorder(section *tree.Element) {
	list := findTag(section, "ol")
	if list == nil {
		return
	}

	place := func(item *tree.Element) int {
		_, name, _ := strings.Cut(item.Get("id"), f.options.separator)
		if i := slices.Index(f.order, name); i >= 0 {
			return i
		}

		return len(f.names)
	}
	slices.SortStableFunc(list.Children, func(a, b *tree.Element) int { return place(a) - place(b) })

	for i, item := range list.Children {
		if link := f.backlink(item); link != nil {
			link.Set("title", format(f.options.backlink, i+1))
		}
	}
}

func (f *footnotes) addDuplicates(item *tree.Element) {
	prefix, rest, ok := strings.Cut(item.Get("id"), f.options.separator)
	if !ok {
		return
	}

	count := f.found[prefix+"ref"+f.options.separator+rest]
	link := f.backlink(item)

	if count < 2 || link == nil || item.Last() == nil {
		return
	}

	ref, target, _ := strings.Cut(link.Get("href"), f.options.separator)

	for n := 2; n <= count; n++ {
		another := link.Clone()
		another.Set("href", ref+strconv.Itoa(n)+f.options.separator+target)
		item.Last().Append(another)
	}
}
