package markdown

import (
	"regexp"
	"slices"
	"strings"

	"github.com/portico-dev/portico/techdocs/markdown/internal/highlight"
	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// highlightIndented replaces indented code by the highlighter's output.
func (p *page) highlightIndented(root *tree.Element) {
	const none = -1

	unescaper := strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

	root.All(func(e *tree.Element) bool {
		if e.Tag != "pre" || len(e.Children) != 1 || e.Children[0].Tag != "code" {
			return true
		}

		source := strings.TrimRight(unescaper.Replace(e.Children[0].Text), "\n")

		var html string

		if p.conv.codehilite != nil {
			html = p.conv.codehilite.write(source)
		} else {
			html = p.conv.plainHighlighter.Block(highlight.Request{
				Source: source, LineStart: none, LineStep: none, LineSpecial: none, Block: p.codeBlocks,
			})
			p.codeBlocks++
		}

		mark := p.stash.Store(html)
		*e = tree.Element{Tag: "p", Text: mark}

		return true
	})
}

// taskLists makes boxes of "[ ]" and "[x]" at the start of items.
func (p *page) taskLists(root *tree.Element) {
	root.All(func(list *tree.Element) bool {
		for _, item := range list.Children {
			if item.Tag != "li" || !p.task(item) {
				continue
			}

			item.Set("class", strings.Join(append(strings.Fields(item.Get("class")), "task-list-item"), " "))

			classes := strings.Fields(list.Get("class"))
			if !slices.Contains(classes, "task-list") {
				list.Set("class", strings.Join(append(classes, "task-list"), " "))
			}
		}

		return true
	})
}

//nolint:gochecknoglobals // Immutable.
var taskBox = regexp.MustCompile(`^ *\[([xX ])\] +`)

// task replaces the mark of a task at the start of an item, or of its first paragraph.
func (p *page) task(item *tree.Element) bool {
	text := item
	if item.Text == "" {
		if len(item.Children) == 0 || item.Children[0].Tag != "p" {
			return false
		}

		text = item.Children[0]
	}

	m := taskBox.FindStringSubmatch(text.Text)
	if m == nil {
		return false
	}

	box := `<input type="checkbox"`
	if !p.conv.tasksClickable {
		box += " disabled"
	}

	if m[1] != " " {
		box += " checked"
	}

	box += "/>"

	if p.conv.tasksCustom {
		box = `<label class="task-list-control">` + box + `<span class="task-list-indicator"></span></label>`
	}

	text.SetText(p.stash.Store(box+" ") + text.Text[len(m[0]):])

	return true
}

// prettify puts line breaks between blocks, which also decide what is at the end of a text.
func prettify(root *tree.Element) {
	prettifyElement(root)
	root.All(func(e *tree.Element) bool {
		switch {
		case e.Tag == "br" && isBlank(e.Tail):
			e.Tail = "\n"
		case e.Tag == "br":
			e.Tail = "\n" + e.Tail
		case isCode(e) && len(e.Children[0].Children) == 0 && e.Children[0].Text != "":
			e.Children[0].SetFinal(trimRight(e.Children[0].Text) + "\n")
		}

		return true
	})
}

func prettifyElement(e *tree.Element) {
	if tree.IsBlock(e.Tag) && e.Tag != "code" && e.Tag != "pre" {
		if isBlank(e.Text) && len(e.Children) > 0 && tree.IsBlock(e.Children[0].Tag) {
			e.SetText("\n")
		}

		for _, child := range e.Children {
			if tree.IsBlock(child.Tag) {
				prettifyElement(child)
			}
		}
	}

	if isBlank(e.Tail) {
		e.Tail, e.TailFinal = "\n", false
	}
}

// abbreviate marks abbreviations.
func (p *page) abbreviate(root *tree.Element) {
	if len(p.abbreviations) == 0 {
		return
	}

	finder := newAbbreviationFinder(p.abbreviations)
	finder.element(root, nil)
}

// An abbreviationFinder looks for abbreviations as whole words. The longest of those that begin at the same place counts.
type abbreviationFinder struct {
	titles map[string]string
	// byFirst has the abbreviations by their first byte, the longest first.
	byFirst [256][]string
}

func newAbbreviationFinder(titles map[string]string) *abbreviationFinder {
	f := &abbreviationFinder{titles: titles}
	for short := range titles {
		f.byFirst[short[0]] = append(f.byFirst[short[0]], short)
	}

	for _, list := range f.byFirst {
		slices.SortFunc(list, func(a, b string) int { return len([]rune(b)) - len([]rune(a)) })
	}

	return f
}

func (f *abbreviationFinder) element(e, parent *tree.Element) {
	// Elements that are added here are behind those that are still to be visited.
	for _, child := range slices.Backward(slices.Clone(e.Children)) {
		f.element(child, e)
	}

	if !e.TextFinal {
		if text, found := f.split(e.Text); len(found) > 0 {
			e.Text = text
			e.Insert(0, found...)
		}
	}

	if parent != nil && !e.TailFinal {
		if tail, found := f.split(e.Tail); len(found) > 0 {
			e.Tail = tail
			parent.Insert(parent.Index(e)+1, found...)
		}
	}
}

// split cuts a text at its abbreviations.
func (f *abbreviationFinder) split(text string) (before string, found []*tree.Element) {
	last := 0

	var previous *tree.Element

	flush := func(end int) {
		if previous == nil {
			before = text[last:end]
		} else {
			previous.Tail = text[last:end]
		}
	}

	for i := 0; i < len(text); i++ {
		// A number may be an abbreviation, but not the one within a mark: Python-Markdown shows the broken mark.
		if text[i] == tree.STX[0] {
			i += max(0, strings.Index(text[i:], tree.ETX))
			continue
		}

		short := f.at(text, i)
		if short == "" {
			continue
		}

		flush(i)

		previous = tree.New("abbr", "title", f.titles[short])
		previous.SetFinal(short)

		found = append(found, previous)
		last = i + len(short)
		i = last - 1
	}

	flush(len(text))

	return before, found
}

func (f *abbreviationFinder) at(text string, i int) string {
	for _, short := range f.byFirst[text[i]] {
		if strings.HasPrefix(text[i:], short) && isBoundary(text, i) && isBoundary(text, i+len(short)) {
			return short
		}
	}

	return ""
}

// isBoundary says that a word begins or ends at i.
func isBoundary(text string, i int) bool { return endsWithWord(text[:i]) != beginsWithWord(text[i:]) }

// unescapeTree puts characters in the place of their marks, outside of code.
func unescapeTree(root *tree.Element) {
	root.All(func(e *tree.Element) bool {
		if e.Tag != "code" {
			e.Text = unescape(e.Text)
		}

		e.Tail = unescape(e.Tail)

		for i := range e.Attrs {
			e.Attrs[i].Value = unescape(e.Attrs[i].Value)
		}

		return true
	})
}

// unescape puts characters in the place of their marks.
func unescape(text string) string {
	i := strings.Index(text, tree.STX)
	if i < 0 {
		return text
	}

	var out strings.Builder

	for i >= 0 {
		out.WriteString(text[:i])
		text = text[i:]

		n := 1
		for n < len(text) && isDigit(text[n]) {
			n++
		}

		if n > 1 && n < len(text) && text[n] == tree.ETX[0] {
			out.WriteRune(rune(number(text[1:n], 0)))

			text = text[n+1:]
		} else {
			out.WriteByte(text[0])

			text = text[1:]
		}

		i = strings.Index(text, tree.STX)
	}

	out.WriteString(text)

	return out.String()
}
