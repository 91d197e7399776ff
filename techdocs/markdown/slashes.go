package markdown

import (
	"regexp"
	"strings"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// A blockKind is a kind of "/// name" blocks.
type blockKind struct {
	// argument says whether a text behind the name is "required", "optional" or "forbidden".
	argument string
	// options check and convert the options of a block.
	options map[string]func(value any) (any, bool)
	// accept looks at the whole block. Nil: each is good.
	accept func(b *block) bool
	create func(p *page, parent *tree.Element, b *block) *tree.Element
	// content is where the content of the block goes. Nil: into its element.
	content func(b *block) *tree.Element
	// mode is how the content is read: "block", "inline", "raw" or "auto", which depends on the element.
	mode func(b *block) string
	// end finishes the block.
	end func(p *page, b *block)
}

// A block is one that is open.
type block struct {
	kind     *blockKind
	slashes  int
	argument string
	hasText  bool
	options  map[string]any
	attrs    []tree.Attr

	element, parent *tree.Element
	// hungry says that the next blocks belong to it.
	hungry bool

	tab     *tree.Element
	tag     string
	caption *tree.Element
	figure  figure
}

func (b *block) target() *tree.Element {
	if b.kind.content != nil {
		return b.kind.content(b)
	}

	return b.element
}

// A blockStack has the open blocks, and what is counted over a page.
type blockStack struct {
	open    []*block
	tabSets int
	figures map[*tree.Element]figure
}

// maxOpenBlocks bounds how many blocks are in each other.
const maxOpenBlocks = 100

//nolint:gochecknoglobals // Immutable.
var (
	blockStart    = regexp.MustCompile(`(?:^|\n)[ ]{0,3}(/{3,})[ ]*([\p{L}\p{N}_-]+)[ ]*(?:\|[ ]*(.*?)[ ]*)?(?:\n|$)`)
	blockEnd      = regexp.MustCompile(`(?m)(?:^|\n)[ ]{0,3}(/{3,})[ ]*(?:\n|$)`)
	blockOptions  = regexp.MustCompile(`^(?:[ ]{4,}[^\s].*(?:\n|$))+`)
	wordSeparator = regexp.MustCompile(`[_-]+`)
)

// slashBlock reads "/// name | argument", its content and "///".
func slashBlock(p *page, parent *tree.Element, blocks *queue) bool {
	if hungry := p.hungryParent(parent); hungry != nil {
		p.feed(hungry, blocks)

		return true
	}

	text := blocks.next()
	if !strings.Contains(text, "///") || p.depth > maxDepth-10 || len(p.blocks.open) >= maxOpenBlocks {
		return false
	}

	m := blockStart.FindStringSubmatchIndex(text)
	if m == nil {
		return false
	}

	kind := p.conv.blocks[strings.ToLower(submatch(text, m, 2))]
	if kind == nil {
		return false
	}

	b := &block{kind: kind, slashes: m[3] - m[2], argument: submatch(text, m, 3), hasText: m[6] >= 0}

	options, rest, ok := splitOptions(text[m[1]:], b.slashes)
	if !ok || !b.validate(options) {
		return false
	}

	blocks.pop()

	if m[0] > 0 {
		p.parseOne(parent, text[:m[0]])
	}

	if rest != "" {
		blocks.push(rest)
	}

	p.openBlock(parent, b)
	p.readBlocks(parent, blocks)

	return true
}

// hungryParent is the element at the end of parent in which the innermost open block waits for more.
func (p *page) hungryParent(parent *tree.Element) *tree.Element {
	n := len(p.blocks.open)
	if n == 0 || !p.blocks.open[n-1].hungry {
		return nil
	}

	for e := parent; e != nil; e = e.Last() {
		if p.blocks.open[n-1].parent == e {
			return e
		}
	}

	return nil
}

// feed gives the next blocks to a block that waits for more.
func (p *page) feed(parent *tree.Element, blocks *queue) {
	for _, b := range p.blocks.open {
		if !b.hungry || b.parent != parent {
			continue
		}

		// Content of older extensions may have come to stand behind the block.
		if last := parent.Last(); last != nil && last != b.element {
			parent.Remove(last)
			b.target().Append(last)
		}

		b.hungry = false
		p.readBlocks(parent, blocks)

		return
	}
}

func (p *page) openBlock(parent *tree.Element, b *block) {
	if parent.Tag == "li" || parent.Tag == "dd" {
		itemParagraph(parent)
	}

	b.parent = parent
	b.element = b.kind.create(p, parent, b)

	for _, attr := range b.attrs {
		if class := b.element.Get("class"); attr.Key == "class" && class != "" {
			b.element.Set("class", class+" "+attr.Value)
		} else {
			b.element.Set(attr.Key, attr.Value)
		}
	}

	p.blocks.open = append(p.blocks.open, b)
}

// readBlocks reads the content of open blocks.
func (p *page) readBlocks(parent *tree.Element, blocks *queue) {
	for len(*blocks) > 0 && len(p.blocks.open) > 0 && p.failure == nil {
		p.spend(workOfElement)

		b := p.blocks.open[len(p.blocks.open)-1]

		text, rest := blocks.pop(), ""
		if len(p.blocks.open) > 1 {
			text, rest = detabBlock(text, itemsAround(parent, b.element)*tabLength)
		}

		if rest != "" {
			blocks.push(rest)
		}

		good, bad, hasGood, end := splitEnd(text, b.slashes)
		if bad != "" {
			blocks.push(bad)
		}

		if hasGood {
			p.addContent(b, good)
		}

		if end {
			p.endBlock(b)
		}
	}

	if n := len(p.blocks.open); n > 0 {
		p.blocks.open[n-1].hungry = true
	}
}

func detabBlock(text string, n int) (indented, rest string) {
	indented, rest = detab(text, n)
	if rest == text {
		return text, ""
	}

	return indented, rest
}

// itemsAround is the number of items of lists that an element below parent is in.
func itemsAround(parent, e *tree.Element) int {
	count, found := 0, false

	var walk func(at *tree.Element, items int)

	walk = func(at *tree.Element, items int) {
		for i := len(at.Children) - 1; i >= 0 && !found; i-- {
			child := at.Children[i]
			if child == e {
				count, found = items, true

				return
			}

			inner := items
			if child.Tag == "li" || child.Tag == "dd" {
				inner++
			}

			walk(child, inner)
		}
	}

	start := 0
	if parent.Tag == "li" || parent.Tag == "dd" {
		start = 1
	}

	walk(parent, start)

	return count
}

// splitEnd cuts a text at the line that ends a block.
func splitEnd(text string, slashes int) (good, bad string, hasGood, end bool) {
	for _, m := range blockEnd.FindAllStringSubmatchIndex(text, -1) {
		if m[3]-m[2] != slashes {
			continue
		}

		good = text[:m[0]]

		return strings.TrimSuffix(good, "\n"), text[m[1]:], good != "", true
	}

	return text, "", true, false
}

// splitOptions takes the options, which are indented lines of YAML, from the start of a block.
func splitOptions(text string, slashes int) (options map[string]any, rest string, ok bool) {
	head, tail := text, ""

	for _, m := range blockEnd.FindAllStringSubmatchIndex(text, -1) {
		if m[3]-m[2] == slashes {
			head, tail = text[:m[0]], text[m[0]:]

			break
		}
	}

	join := func(head string) string {
		if tail == "" {
			return head
		}

		return head + "\n" + tail
	}

	loc := blockOptions.FindStringIndex(head)
	if loc == nil {
		return nil, join(head), true
	}

	value, err := decodeYAML(head[:loc[1]])
	options, isMapping := value.(map[string]any)

	if err != nil || !isMapping && value != nil {
		return nil, "", false
	}

	return options, join(head[loc[1]:]), true
}

func (b *block) isRaw(target *tree.Element) (raw, isBlock bool) {
	mode := "auto"
	if b.kind.mode != nil {
		mode = b.kind.mode(b)
	}

	isRawTag := rawTags[target.Tag] || target.Tag == "code"

	return mode == "raw" || mode == "auto" && isRawTag,
		mode == "block" || mode == "auto" && (isBlockContent(target.Tag) && target.Tag != "code" || target.Tag == "html")
}

// addContent reads a part of the content of a block.
func (p *page) addContent(b *block, text string) {
	target := b.target()

	raw, isBlock := b.isRaw(target)
	if isBlock {
		p.within(inBlocks, func() { p.parseText(target, text) })

		return
	}

	text = strings.Trim(p.restoreSource(text, raw), "\n")

	if last := target.Last(); last != nil {
		last.Tail, last.TailFinal = joinTexts(last.Tail, text), raw
	} else {
		target.Text, target.TextFinal = joinTexts(target.Text, text), raw
	}
}

func joinTexts(before, text string) string {
	switch {
	case before == "":
		return text
	case text == "":
		return before
	}

	return before + "\n\n" + text
}

// restoreSource puts the source of fences back, and also raw HTML if the text is not read as Markdown.
func (p *page) restoreSource(text string, raw bool) string {
	text = p.restoreFences(text)
	if !raw || !strings.Contains(text, tree.StashPrefix) {
		return text
	}

	lines := strings.Split(text, "\n")
	for i, line := range lines {
		mark := strings.TrimLeft(line, "> ")
		if number, length := tree.StashMark(mark); length > 0 && length == len(mark) && number < p.stash.Len() {
			entry := p.stash.At(number)
			if lines[i] = entry.HTML; entry.Element != nil {
				lines[i] = entry.Element.HTML()
			}
		}
	}

	return strings.Join(lines, "\n")
}

func (p *page) endBlock(b *block) {
	target := b.target()
	if raw, _ := b.isRaw(target); raw {
		target.SetFinal(dedent(target.Text))
	}

	if b.kind.end != nil {
		b.kind.end(p, b)
	}

	p.blocks.open = p.blocks.open[:len(p.blocks.open)-1]
}

// dedent removes the indentation that all lines have, up to that of a tab.
func dedent(text string) string {
	least := tabLength

	lines := strings.Split(text, "\n")
	for _, line := range lines {
		if n := indentOf(line); n < len(line) {
			least = min(least, n)
		}
	}

	for i, line := range lines {
		if indentOf(line) == len(line) {
			lines[i] = ""
		} else {
			lines[i] = line[least:]
		}
	}

	return strings.Join(lines, "\n")
}
