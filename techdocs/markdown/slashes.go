package markdown

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/portico-dev/portico/fault"
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

func (b *block) validate(options map[string]any) bool {
	switch {
	case b.kind.argument == "forbidden" && b.argument != "", b.kind.argument == "required" && b.argument == "":
		return false
	}

	b.options = map[string]any{}

	for name, value := range options {
		if name == "attrs" {
			attrs, ok := htmlAttributes(value)
			if !ok {
				return false
			}

			b.attrs = attrs

			continue
		}

		convert, ok := b.kind.options[name]
		if !ok {
			return false
		}

		if b.options[name], ok = convert(value); !ok {
			return false
		}
	}

	return b.kind.accept == nil || b.kind.accept(b)
}

func anyBool(value any) (any, bool) {
	b, ok := value.(bool)

	return b, ok
}

func identifier(value any) (any, bool) {
	text, ok := value.(string)

	return text, ok && isIdentifier(text)
}

// isIdentifier says that a text is an identifier of CSS.
func isIdentifier(text string) bool {
	rest := text
	if !strings.HasPrefix(text, "--") {
		rest = strings.TrimPrefix(text, "-")
		if rest == "" || isDigit(rest[0]) || rest[0] == '-' {
			return false
		}
	}

	for _, r := range rest {
		if r <= 0x9f && !isLetter(byte(min(r, unicode.MaxASCII))) && (r < '0' || r > '9') && r != '-' && r != '_' {
			return false
		}
	}

	return true
}

// htmlAttributes reads the option attrs.
func htmlAttributes(value any) ([]tree.Attr, bool) {
	mapping, ok := value.(map[string]any)
	if !ok {
		return nil, false
	}

	var attrs []tree.Attr

	for _, key := range sortedKeys(mapping) {
		text, ok := mapping[key].(string)
		if !ok || !isIdentifier(key) {
			return nil, false
		}

		name := key

		switch strings.ToLower(key) {
		case "class":
			name = "class"
			text = strings.Join(strings.Fields(text), " ")

			for class := range strings.FieldsSeq(text) {
				if !isIdentifier(class) {
					return nil, false
				}
			}
		case "id":
			name = "id"

			if !isIdentifier(text) {
				return nil, false
			}
		}

		attrs = append(attrs, tree.Attr{Key: name, Value: text})
	}

	return attrs, true
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

// newBlocks makes the kinds of blocks.
func (c *Converter) newBlocks() error {
	kinds := map[string]*blockKind{}

	for _, extension := range []struct {
		name string
		add  func(name string, kinds map[string]*blockKind) error
	}{
		{"admonition", c.addAdmonitions}, {"details", c.addDetails}, {"tab", c.addTabs}, {"html", c.addHTML},
		{"definition", c.addDefinitions}, {"caption", c.addCaptions},
	} {
		name := "pymdownx.blocks." + extension.name
		if !c.has(name) {
			continue
		}

		if err := extension.add(name, kinds); err != nil {
			return err
		}
	}

	if len(kinds) > 0 {
		c.blocks = kinds
	}

	return nil
}

// A blockType is a name that an option "types" gives to blocks.
type blockType struct{ name, class, title string }

// types are those of an extension of blocks.
func (c *Converter) types(extension, preset string) ([]blockType, error) {
	values := c.extensions.list(extension, "types")
	if _, ok := c.extensions[extension]["types"]; !ok {
		for name := range strings.FieldsSeq(preset) {
			values = append(values, name)
		}
	}

	var types []blockType

	for _, value := range values {
		t := blockType{}

		switch value := value.(type) {
		case string:
			t.name = value
		case map[string]any:
			t.name, _ = value["name"].(string)
			t.class, _ = value["class"].(string)
			t.title, _ = value["title"].(string)
		}

		if t.name == "" {
			return nil, fault.New(fault.Input, "mkdocs.yml: a type in the options of %s has no name", extension)
		}

		if t.class == "" {
			t.class = t.name
		}

		if t.title == "" {
			t.title = titleOf(t.class)
		}

		types = append(types, t)
	}

	return types, nil
}

// titleOf makes a title of the name of a type.
func titleOf(class string) string {
	out := []rune(strings.ToLower(wordSeparator.ReplaceAllString(class, " ")))
	letter := false

	for i, r := range out {
		if unicode.IsLetter(r) && !letter {
			out[i] = unicode.ToUpper(r)
		}

		letter = unicode.IsLetter(r)
	}

	return string(out)
}

// titled is the type and the title of a block: those of its kind, or of its option type.
func (b *block) titled(t blockType) (class, title string, hasTitle bool) {
	class, title = t.class, t.title

	if name, ok := b.options["type"].(string); ok {
		class, title = name, titleOf(name)
	}

	switch {
	case !b.hasText:
		return class, title, class != ""
	case b.argument != "":
		return class, b.argument, true
	}

	return class, "", false
}

func (c *Converter) addAdmonitions(extension string, kinds map[string]*blockKind) error {
	types, err := c.types(extension, "note attention caution danger error tip hint warning important")
	if err != nil {
		return err
	}

	add := func(name string, t blockType, options map[string]func(any) (any, bool)) {
		kinds[name] = &blockKind{argument: "optional", options: options, create: func(_ *page, parent *tree.Element, b *block) *tree.Element {
			class, title, hasTitle := b.titled(t)

			box := parent.Add("div", "class", strings.TrimSpace("admonition "+strings.TrimPrefix(class, "admonition ")))
			if class == "admonition" {
				box.Set("class", "admonition")
			}

			if hasTitle {
				box.Add("p", "class", "admonition-title").SetText(title)
			}

			return box
		}}
	}
	add("admonition", blockType{}, map[string]func(any) (any, bool){"type": identifier})

	for _, t := range types {
		add(t.name, t, nil)
	}

	return nil
}

func (c *Converter) addDetails(extension string, kinds map[string]*blockKind) error {
	types, err := c.types(extension, "")
	if err != nil {
		return err
	}

	add := func(name string, t blockType, options map[string]func(any) (any, bool)) {
		kinds[name] = &blockKind{argument: "optional", options: options, create: func(_ *page, parent *tree.Element, b *block) *tree.Element {
			class, title, hasTitle := b.titled(t)
			box := parent.Add("details")

			if b.options["open"] == true {
				box.Set("open", "open")
			}

			if class != "" {
				box.Set("class", class)
			}

			if hasTitle {
				box.Add("summary").SetText(title)
			}

			return box
		}}
	}
	add("details", blockType{}, map[string]func(any) (any, bool){"open": anyBool, "type": identifier})

	for _, t := range types {
		add(t.name, t, map[string]func(any) (any, bool){"open": anyBool})
	}

	return nil
}

func (c *Converter) addTabs(_ string, kinds map[string]*blockKind) error {
	kinds["tab"] = &blockKind{
		argument: "required",
		options:  map[string]func(any) (any, bool){"new": anyBool, "select": anyBool},
		create: func(p *page, parent *tree.Element, b *block) *tree.Element {
			set := p.addTab(c.blockTabs, &p.blocks.tabSets, parent, b.argument, b.options["new"] == true, b.options["select"] == true)
			b.tab = c.blockTabs.content(set)

			return set
		},
		content: func(b *block) *tree.Element { return b.tab },
	}

	return nil
}

func (c *Converter) addDefinitions(_ string, kinds map[string]*blockKind) error {
	kinds["define"] = &blockKind{
		argument: "forbidden",
		create:   func(_ *page, parent *tree.Element, _ *block) *tree.Element { return parent.Add("dl") },
		end: func(_ *page, b *block) {
			var kept []*tree.Element

			for _, child := range b.element.Children {
				switch strings.ToLower(child.Tag) {
				case "dt", "dd":
					kept = append(kept, child)
				case "ul", "ol":
					for _, item := range child.Children {
						item.Tag = "dd"
						kept = append(kept, item)
					}
				case "p":
					child.Tag = "dt"
					kept = append(kept, child)
				default:
					term := tree.New("dt")
					term.Append(child)
					kept = append(kept, term)
				}
			}

			b.element.Children = kept
		},
	}

	return nil
}

//nolint:gochecknoglobals // Immutable.
var (
	selectorName  = `(?:(?:-?[^\x00-\x2f\x30-\x40\x5B-\x5E\x60\x7B-\x9f]+|--)[^\x00-\x2c\x2e\x2f\x3A-\x40\x5B-\x5E\x60\x7B-\x9f]*)`
	selectorValue = `(?:"(?:\\.|[^\\"\r\n\f]+)*?"|'(?:\\.|[^\\'\r\n\f]+)*?'|` + selectorName + `+)`
	selectorAttr  = `[ \t]*(` + selectorName + `)(?:[ \t]*=[ \t]*(` + selectorValue + `))?`
	selectorPart  = regexp.MustCompile(`^(?:#(` + selectorName + `)|\.(` + selectorName + `)|\[((?:` + selectorAttr + `)+)[ \t]*\])`)
	selectorTag   = regexp.MustCompile(`^` + selectorName)
	selectorAttrs = regexp.MustCompile(selectorAttr)
)

// parseSelector reads "tag#id.class[key=value]".
func parseSelector(text string, needsTag bool) (tag string, attrs []tree.Attr, ok bool) {
	if needsTag {
		if tag = selectorTag.FindString(text); tag == "" {
			return "", nil, false
		}

		text = text[len(tag):]
	}

	var classes []string

	hasID := false

	for text != "" {
		m := selectorPart.FindStringSubmatch(text)

		switch {
		case m == nil, m[1] != "" && hasID:
			return "", nil, false
		case m[1] != "":
			attrs = setAttr(attrs, "id", m[1])
			hasID = true
		case m[2] != "":
			classes = append(classes, m[2])
		default:
			var more []string

			attrs, more = selectorAttributes(attrs, m[3])
			classes = append(classes, more...)
		}

		text = text[len(m[0]):]
	}

	if len(classes) > 0 {
		attrs = setAttr(attrs, "class", strings.Join(sorted(classes), " "))
	}

	return tag, attrs, true
}

// selectorAttributes reads "key=value key" and adds it to attributes; classes are for the caller.
func selectorAttributes(attrs []tree.Attr, text string) (all []tree.Attr, classes []string) {
	for _, attr := range selectorAttrs.FindAllStringSubmatch(text, -1) {
		key, value := strings.ToLower(attr[1]), attr[2]

		switch {
		case value == "" && key != "class":
			value = key
		case strings.HasPrefix(value, `"`), strings.HasPrefix(value, "'"):
			value = value[1 : len(value)-1]
		}

		if key == "class" {
			classes = append(classes, strings.Fields(value)...)
		} else {
			attrs = setAttr(attrs, key, value)
		}
	}

	return attrs, classes
}

func (c *Converter) addHTML(extension string, kinds map[string]*blockKind) error {
	modes := map[string]string{}

	for _, value := range c.extensions.list(extension, "custom") {
		entry, _ := value.(map[string]any)
		tag, _ := entry["tag"].(string)
		mode, _ := entry["mode"].(string)
		modes[tag] = mode
	}

	modeOf := func(b *block) string {
		mode, _ := b.options["markdown"].(string)
		if custom := modes[strings.ToLower(b.tag)]; (mode == "" || mode == "auto") && custom != "" {
			mode = custom
		}

		if mode == "" {
			mode = "auto"
		}

		return mode
	}

	kinds["html"] = &blockKind{
		argument: "required",
		options: map[string]func(any) (any, bool){"markdown": func(value any) (any, bool) {
			mode := strings.ToLower(fmt.Sprint(value))

			return mode, slices.Contains([]string{"auto", "inline", "block", "raw", "html"}, mode)
		}},
		accept: func(b *block) bool {
			tag, attrs, ok := parseSelector(b.argument, true)
			b.tag = tag
			// The attributes of the selector are the element's own, those of the option come over them.
			b.attrs = append(attrs, b.attrs...)

			return ok
		},
		create: func(_ *page, parent *tree.Element, b *block) *tree.Element { return parent.Add(strings.ToLower(b.tag)) },
		mode: func(b *block) string {
			if mode := modeOf(b); mode != "html" {
				return mode
			}

			return "raw"
		},
		end: func(p *page, b *block) {
			e, mode := b.element, modeOf(b)

			switch {
			case mode == "html", mode == "auto" && (e.Tag == "script" || e.Tag == "style"):
				e.SetText(p.stash.Store(e.Text))
			case mode == "raw", mode == "auto" && (rawTags[e.Tag] || e.Tag == "code"):
				e.SetText(p.stash.Store(escapeCode(e.Text)))
			}
		},
	}

	return nil
}
