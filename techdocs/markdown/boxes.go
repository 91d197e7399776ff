package markdown

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// words are classes or other names that are separated by spaces.
const words = `[\p{L}\p{N}_\-]+(?: +[\p{L}\p{N}_\-]+)*`

//nolint:gochecknoglobals // Immutable.
var (
	admonitionStart = regexp.MustCompile(`(?:^|\n)!!! ?(` + words + `)(?: +"(.*?)")? *(?:\n|$)`)
	detailsStart    = regexp.MustCompile(`(?:^|\n)\?{3}(\+)? ?(?:(` + words + `?)?(?: +"(.*?)")|(` + words + `?)) *(?:\n|$)`)
	tabStart        = regexp.MustCompile(`(?:^|\n)={3}(\+|\+!|!\+|!)? +"(.*?)" *(?:\n|$)`)
)

// boxContent finds the box (admonition, details or tabs) that an indented block belongs to: that before it, or an item of a list in that.
// target is nil if the block does not belong to it.
func boxContent(block string, box *tree.Element, first func(*tree.Element) *tree.Element) (target *tree.Element, content, rest string) {
	target, indent := box, tabLength
	start := block

	last := first(box)
	for last != nil && strings.HasPrefix(start, spaces(2*tabLength)) && (last.Tag == "ul" || last.Tag == "ol" || last.Tag == "dl") {
		target = last.Last()
		last = target.Last()
		start = start[tabLength:]
		indent += tabLength
	}

	if target == nil || !strings.HasPrefix(start, spaces(tabLength)) {
		return nil, "", ""
	}

	content, rest = detab(block, indent)

	return target, content, rest
}

// fill reads the content of a box, or of an item in it. What follows it is read later.
func (p *page) fill(target *tree.Element, content, rest string, blocks *queue) bool {
	p.parseText(target, content)

	if rest != "" {
		blocks.push(rest)
	}

	return true
}

// itemParagraph moves the text of an item to a paragraph behind everything in it, as the original does.
func itemParagraph(target *tree.Element) {
	if (target.Tag == "li" || target.Tag == "dd") && target.Text != "" {
		text := target.Text
		target.SetText("")
		target.Add("p").SetText(text)
	}
}

// openBox begins a box at the line that m matches: the lines before it are read, and those behind it returned as far as they are indented.
func (p *page) openBox(parent *tree.Element, blocks *queue, m []int) (content, rest string) {
	block := blocks.pop()
	if m[0] > 0 {
		p.parseOne(parent, block[:m[0]])
	}

	return detab(block[m[1]:], tabLength)
}

// admonition reads "!!! note "Title"" and the indented blocks behind it.
func admonition(p *page, parent *tree.Element, blocks *queue) bool {
	block := blocks.next()

	if strings.Contains(block, "!!!") {
		if m := admonitionStart.FindStringSubmatchIndex(block); m != nil {
			content, rest := p.openBox(parent, blocks, m)
			class := squeeze(strings.ToLower(submatch(block, m, 1)))
			box := parent.Add("div", "class", "admonition "+class)

			title := capitalize(firstWord(class))
			if m[4] >= 0 {
				title = submatch(block, m, 2)
			}

			if title != "" {
				box.Add("p", "class", "admonition-title").SetText(title)
			}

			return p.fill(box, content, rest, blocks)
		}
	}

	last := parent.Last()
	if last == nil || last.Tag != "div" || !strings.Contains(last.Get("class"), "admonition") {
		return false
	}

	return p.continueBox(last, blocks, (*tree.Element).Last)
}

func (p *page) continueBox(box *tree.Element, blocks *queue, first func(*tree.Element) *tree.Element) bool {
	target, content, rest := boxContent(blocks.next(), box, first)
	if target == nil {
		return false
	}

	blocks.pop()
	itemParagraph(target)

	return p.fill(target, content, rest, blocks)
}

// squeeze makes one space of several.
func squeeze(text string) string {
	for strings.Contains(text, "  ") {
		text = strings.ReplaceAll(text, "  ", " ")
	}

	return text
}

func firstWord(text string) string {
	word, _, _ := strings.Cut(text, " ")

	return word
}

func capitalize(word string) string {
	for i := range word {
		if i > 0 {
			return strings.ToUpper(word[:i]) + strings.ToLower(word[i:])
		}
	}

	return strings.ToUpper(word)
}

// details reads "??? note "Title"", which the reader can open.
func details(p *page, parent *tree.Element, blocks *queue) bool {
	block := blocks.next()

	if strings.Contains(block, "???") {
		if m := detailsStart.FindStringSubmatchIndex(block); m != nil {
			content, rest := p.openBox(parent, blocks, m)
			box := parent.Add("details")

			if m[2] >= 0 {
				box.Set("open", "open")
			}

			class, title := squeeze(strings.ToLower(submatch(block, m, 2))), submatch(block, m, 3)
			if other := submatch(block, m, 4); other != "" {
				class = squeeze(strings.ToLower(other))
				title = capitalize(firstWord(class))
			}

			if class != "" {
				box.Set("class", class)
			}

			box.Add("summary").SetText(title)

			return p.fill(box, content, rest, blocks)
		}
	}

	last := parent.Last()
	if last == nil || strings.ToLower(last.Tag) != "details" {
		return false
	}

	return p.continueBox(last, blocks, (*tree.Element).Last)
}

// tabOptions say how tabs are written.
type tabOptions struct {
	// alternate tabs have their labels in one element, and their contents in another.
	alternate bool
	// slugify makes ids of titles. Nil: tabs are numbered.
	slugify   func(text, separator string) string
	separator string
	// combine puts the id of the heading before.
	combine bool
}

func (o tabOptions) setClass() string {
	if o.alternate {
		return "tabbed-set tabbed-alternate"
	}

	return "tabbed-set"
}

// tabs reads "=== "Title"". Tabs that follow each other are one set.
func tabs(p *page, parent *tree.Element, blocks *queue) bool {
	o, block := p.conv.tabs, blocks.next()

	if strings.Contains(block, "===") {
		if m := tabStart.FindStringSubmatchIndex(block); m != nil {
			content, rest := p.openBox(parent, blocks, m)
			special := submatch(block, m, 1)
			tab := p.addTab(o, &p.tabSets, parent, submatch(block, m, 2), strings.Contains(special, "!"), strings.Contains(special, "+"))

			return p.fill(o.content(tab), content, rest, blocks)
		}
	}

	last := parent.Last()
	if last == nil || last.Tag != "div" || last.Get("class") != o.setClass() {
		return false
	}

	target, content, rest := o.block(blocks.next(), last)
	if target == nil {
		return false
	}

	blocks.pop()

	if target == last {
		target = o.content(last)
	}

	itemParagraph(target)

	return p.fill(target, content, rest, blocks)
}

// content is the content of the last tab of a set.
func (o tabOptions) content(set *tree.Element) *tree.Element {
	if o.alternate {
		return set.Last().Last()
	}

	return set.Last()
}

// block finds what an indented block behind tabs belongs to: the last tab, or an item of a list in it.
func (o tabOptions) block(block string, set *tree.Element) (target *tree.Element, content, rest string) {
	class := "tabbed-content"
	if o.alternate {
		class = "tabbed-block"
	}

	target, indent, start := set, tabLength, block
	last := o.content(set)

	for last != nil && strings.HasPrefix(start, spaces(2*tabLength)) {
		if last.Tag == "div" && last.Get("class") == class {
			last = last.Last()
		}

		if last == nil || last.Tag != "ul" && last.Tag != "ol" && last.Tag != "dl" {
			break
		}

		target = last.Last()
		last = target.Last()
		start = start[tabLength:]
		indent += tabLength
	}

	if target == nil || !strings.HasPrefix(start, spaces(tabLength)) {
		return nil, "", ""
	}

	content, rest = detab(block, indent)

	return target, content, rest
}

// addTab adds a tab to the set before it, or to a new one, and returns the set.
func (p *page) addTab(o tabOptions, sets *int, parent *tree.Element, title string, fresh, selected bool) *tree.Element {
	set := parent.Last()
	first := fresh || set == nil || set.Tag != "div" || set.Get("class") != o.setClass()

	if first {
		*sets++
		set = parent.Add("div", "class", o.setClass(), "data-tabs", strconv.Itoa(*sets)+":0")

		if o.alternate {
			set.Add("div", "class", "tabbed-labels")
			set.Add("div", "class", "tabbed-content")
		}
	}

	number, count, _ := strings.Cut(set.Get("data-tabs"), ":")
	count = strconv.Itoa(atoi(count) + 1)
	name := "__tabbed_" + number
	input, label := tree.New("input", "name", name, "type", "radio"), tree.New("label")

	if o.slugify == nil {
		input.Set("id", name+"_"+count)
		label.Set("for", name+"_"+count)
	}

	if first || selected {
		for _, other := range set.Children {
			if other.Tag == "input" && other.Get("name") == name {
				other.Unset("checked")
			}
		}

		input.Set("checked", "checked")
	}

	label.SetText(title)
	set.Set("data-tabs", number+":"+count)

	if !o.alternate {
		set.Append(input, label)
		set.Add("div", "class", "tabbed-content")

		return set
	}

	inputs := 0
	for inputs < len(set.Children) && set.Children[inputs].Tag == "input" {
		inputs++
	}

	set.Insert(inputs, input)
	set.Children[inputs+1].Append(label)
	set.Children[inputs+2].Add("div", "class", "tabbed-block")

	return set
}

func atoi(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}

	return n
}
