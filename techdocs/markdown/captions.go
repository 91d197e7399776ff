package markdown

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// A figure is what a caption says about the number of its figure.
type figure struct {
	kind     captionKind
	level    int
	hasLevel bool
	number   []int
	prepend  bool
}

// A captionKind is a kind of captions.
type captionKind struct{ name, prefix, classes string }

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)

	return list
}

func sortedKeys(mapping map[string]any) []string { return slices.Sorted(maps.Keys(mapping)) }

//nolint:gochecknoglobals // Immutable.
var figureNumber = regexp.MustCompile(`^(\^)?([1-9][0-9]*(?:\.[1-9][0-9]*)*)(?: |$)`)

// addCaptions makes the kinds of captions, which wrap what is before them into a figure.
func (c *Converter) addCaptions(extension string, kinds map[string]*blockKind) error {
	c.captions = captionOptions{
		auto:    c.extensions.flag(extension, "auto", true),
		prepend: c.extensions.flag(extension, "prepend", false),
		level:   max(number(c.extensions.text(extension, "auto_level", "0"), 0), 0),
	}

	values := c.extensions.list(extension, "types")
	if _, ok := c.extensions[extension]["types"]; !ok {
		values = []any{
			"caption", map[string]any{"name": "figure-caption", "prefix": "Figure {}."}, map[string]any{"name": "table-caption", "prefix": "Table {}."},
		}
	}

	for _, value := range values {
		kind := captionKind{}

		switch value := value.(type) {
		case string:
			kind.name = value
		case map[string]any:
			kind.name, _ = value["name"].(string)
			kind.prefix, _ = value["prefix"].(string)
			kind.classes, _ = value["classes"].(string)
		}

		kinds[kind.name] = c.captionBlock(kind)
	}

	return nil
}

// captionOptions say how captions are numbered.
type captionOptions struct {
	auto, prepend bool
	level         int
}

func (c *Converter) captionBlock(kind captionKind) *blockKind {
	return &blockKind{
		argument: "optional",
		accept:   func(b *block) bool { return c.acceptCaption(b, kind) },
		create:   func(p *page, parent *tree.Element, b *block) *tree.Element { return c.createFigure(p, parent, b) },
		content:  func(b *block) *tree.Element { return b.caption },
		end: func(p *page, b *block) {
			numbers := b.figure.number
			if c.captions.auto || kind.prefix == "" {
				return
			}

			if b.figure.hasLevel {
				numbers = slices.Repeat([]int{1}, b.figure.level+1)
			}

			if len(numbers) > 0 {
				p.numberFigure(b.element, b.figure, numbers)
			}
		},
	}
}

func (c *Converter) acceptCaption(b *block, kind captionKind) bool {
	b.figure = figure{kind: kind, prepend: c.captions.prepend}
	text := b.argument

	switch {
	case strings.HasPrefix(text, ">"):
		b.figure.prepend = false
		text = trimLeft(text[1:])
	case strings.HasPrefix(text, "<"):
		b.figure.prepend = true
		text = trimLeft(text[1:])
	}

	if m := figureNumber.FindStringSubmatch(text); m != nil {
		if m[1] != "" {
			b.figure.level, b.figure.hasLevel = number(m[2], 0), true
		} else {
			for part := range strings.SplitSeq(m[2], ".") {
				b.figure.number = append(b.figure.number, number(part, 0))
			}
		}

		text = trimLeft(text[len(m[1])+len(m[2]):])
	}

	if text == "" {
		return true
	}

	_, attrs, ok := parseSelector(text, false)

	for _, attr := range attrs {
		at := slices.IndexFunc(b.attrs, func(own tree.Attr) bool { return own.Key == attr.Key })

		switch {
		case at < 0:
			b.attrs = append(b.attrs, attr)
		case attr.Key == "class":
			classes := sorted(append(strings.Fields(b.attrs[at].Value), strings.Fields(attr.Value)...))
			b.attrs[at].Value = strings.Join(slices.Compact(classes), " ")
		}
	}

	return ok
}

// createFigure finds the figure that a caption belongs to, or makes it of what is before the caption.
func (c *Converter) createFigure(p *page, parent *tree.Element, b *block) *tree.Element {
	classes := strings.Fields(b.figure.kind.classes)
	last := parent.Last()
	fig := last

	if last == nil || last.Tag != "figure" || slices.ContainsFunc(last.Children, func(e *tree.Element) bool { return e.Tag == "figcaption" }) {
		fig = tree.New("figure")

		if last != nil {
			parent.Remove(last)
			fig.Append(last)
		}

		parent.Append(fig)
	}

	if len(classes) > 0 {
		own := strings.Fields(fig.Get("class"))
		for _, class := range classes {
			if !slices.Contains(own, class) {
				own = append(own, class)
			}
		}

		fig.Set("class", strings.Join(own, " "))
	}

	b.caption = tree.New("figcaption")
	if b.figure.prepend {
		fig.Insert(0, b.caption)
	} else {
		fig.Append(b.caption)
	}

	if c.captions.auto {
		if p.blocks.figures == nil {
			p.blocks.figures = map[*tree.Element]figure{}
		}

		p.blocks.figures[fig] = b.figure
	}

	return fig
}

// numberFigure gives a figure its id, and its caption the prefix with the number.
func (p *page) numberFigure(fig *tree.Element, f figure, numbers []int) {
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = strconv.Itoa(n)
	}

	if _, ok := fig.Lookup("id"); !ok {
		fig.Set("id", "__"+f.kind.name+"_"+strings.Join(words, "_"))
	}

	if f.kind.prefix == "" {
		return
	}

	prefix := tree.New("span", "class", "caption-prefix")
	prefix.SetText(p.stash.Store(strings.ReplaceAll(f.kind.prefix, "{}", strings.Join(words, "."))))

	for _, caption := range fig.Children {
		if caption.Tag != "figcaption" {
			continue
		}

		if len(caption.Children) == 0 || caption.Children[0].Tag != "p" {
			paragraph := tree.New("p")
			paragraph.Append(prefix)
			paragraph.Tail = caption.Text
			caption.SetText("")
			caption.Insert(0, paragraph)
		} else {
			paragraph := caption.Children[0]
			if prefix.Tail = paragraph.Text; prefix.Tail != "" {
				prefix.Tail = " " + prefix.Tail
			}

			paragraph.SetText("")
			paragraph.Insert(0, prefix)
		}
	}
}

// numberFigures counts the figures that have captions: each kind on its own, and those within a figure of the same kind below it.
func (p *page) numberFigures(root *tree.Element) {
	if len(p.blocks.figures) == 0 {
		return
	}

	counters := map[string][]int{}

	var walk func(e *tree.Element, depths map[string]int, skipped map[string]bool)

	walk = func(e *tree.Element, depths map[string]int, skipped map[string]bool) {
		f, ok := p.blocks.figures[e]
		if ok && f.kind.prefix != "" {
			depths, skipped = maps.Clone(depths), maps.Clone(skipped)
			depth := depths[f.kind.name]

			if f.hasLevel {
				depth += f.level
			}

			if level := p.conv.captions.level; skipped[f.kind.name] || level > 0 && depth >= level {
				skipped[f.kind.name] = true
			} else {
				if len(f.number) > 0 {
					depth = len(f.number) - 1
				}

				counters[f.kind.name] = count(counters[f.kind.name], depth, f.number)
				p.numberFigure(e, f, counters[f.kind.name][:depth+1])
			}

			depths[f.kind.name] = depth + 1
		}

		for _, child := range e.Children {
			walk(child, depths, skipped)
		}
	}
	walk(root, map[string]int{}, map[string]bool{})
}

// count adds one to a counter at a depth, and takes a number that is written in the source if it is larger.
func count(counter []int, depth int, given []int) []int {
	const most = 50

	depth = min(depth, most)

	switch {
	case len(counter) > depth:
		counter = counter[:depth+1]
		counter[depth]++
	default:
		for len(counter) <= depth {
			counter = append(counter, 1)
		}
	}

	if len(given) > 0 && slices.Compare(given, counter) > 0 {
		return slices.Clone(given)
	}

	return counter
}
