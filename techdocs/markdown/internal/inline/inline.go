// Package inline reads what is within a line of Markdown: escapes, code, links, emphasis, emoji and the like, as Python-Markdown and
// pymdown-extensions do.
//
// It keeps their algorithm, because that decides what odd input means: one construct after the other is looked for in the whole text, in
// a fixed order, and what is found is replaced by a mark, so that constructs of later kinds see the mark and not what is within. The text
// of a found element is read with the constructs after its own. When all are done, the marks are replaced by the elements.
//
// All scanners are written by hand. A text that has none of the characters that begin a construct costs one look at each byte.
package inline

import (
	"fmt"
	"strings"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// Config says which extensions are on.
type Config struct {
	// Extensions has the options by the name of the extension, such as "pymdownx.magiclink" or "footnotes". One that is absent is off.
	Extensions map[string]map[string]any
}

// Reference is what a link definition says: "[key]: URL "Title"".
type Reference struct{ URL, Title string }

// Document is what texts of one page share.
type Document struct {
	// References by their key, in lower case.
	References map[string]Reference
	// Stash keeps the HTML that is in the text as it is.
	Stash *tree.Stash
	// Footnote makes the element for [^id], or returns nil if there is no such footnote. Nil: there are none.
	Footnote func(id string) *tree.Element
	// Problems gets what the author should know. Nil: nobody does.
	Problems func(message string)
}

// Parser reads texts. It does not change, and is safe for concurrent use.
type Parser struct {
	patterns []*pattern
	symbols  []*pattern
	smarty   []*pattern
	shorten  *shortener
	escaped  [128]bool
}

// New compiles the extensions. It fails if an option is unknown or wrong.
func New(config Config) (*Parser, error) {
	builder := &builder{parser: &Parser{}, extensions: config.Extensions}
	for _, char := range []byte("\\`*_{}[]()>#+-.!") {
		builder.parser.escaped[char] = true
	}

	for _, part := range parts {
		if err := part(builder); err != nil {
			return nil, fmt.Errorf("extension %w", err)
		}
	}

	return builder.parser, nil
}

// Run reads the texts of all elements below root.
func (p *Parser) Run(root *tree.Element, doc *Document) {
	run(p.patterns, root, doc)
}

// Shorten is to be called before the attributes of elements are read (attr_list): it names the repositories that links lead to, if that
// is configured. (In Python it has priority 9.9.)
func (p *Parser) Shorten(root *tree.Element) {
	if p.shorten != nil {
		p.shorten.run(root)
	}
}

// Symbols is to be called after abbreviations are found: it replaces symbols and quotation marks. (In Python it has priorities 6.1 and 6.)
func (p *Parser) Symbols(root *tree.Element, doc *Document) {
	for _, patterns := range [][]*pattern{p.symbols, p.smarty} {
		if len(patterns) > 0 {
			run(patterns, root, doc)
		}
	}
}

// A builder collects the patterns of a parser.
type builder struct {
	parser     *Parser
	extensions map[string]map[string]any
	magic      *magic
}

// options are those of an extension, and whether it is on.
func (b *builder) options(name string) (Options, bool) {
	values, ok := b.extensions[name]

	return Options{name, values}, ok
}

// any says that one of the extensions is on.
func (b *builder) any(names ...string) bool {
	for _, name := range names {
		if _, ok := b.extensions[name]; ok {
			return true
		}
	}

	return false
}

func (b *builder) add(patterns ...*pattern) {
	b.parser.patterns = append(b.parser.patterns, patterns...)
}

func (b *builder) escape(chars string) {
	for _, char := range []byte(chars) {
		b.parser.escaped[char] = true
	}
}

// parts add the patterns in their order, which is that of the priorities in Python. Extensions with the same priority are in the order in
// which techdocs-core turns them on.
var parts = []func(*builder) error{
	escapes,      // which characters a backslash is for
	codeSpans,    // 190
	math,         // 189.9
	quotedKeys,   // 185
	backslashes,  // 180
	progressBars, // 179
	footnotes,    // 175
	links,        // 170 to 125
	angleLinks,   // 120, 110
	lineBreaks,   // 100
	rawHTML,      // 90
	magicLinks,   // 85, 84.9
	entities,     // 80
	shorthands,   // 79.9 to 79.3
	wikiLinks,    // 75
	emojis,       // 75
	keys,         // 70
	loneMarks,    // 70
	pairedMarks,  // 65
	emphasis,     // 60 to 40
	newLines,     // 5.1, 5
	symbols,      // texts are read once more for these,
	smarty,       // and once more for these
}

func escapes(b *builder) error {
	if b.any("tables") {
		b.escape("|")
	}

	for name := range b.extensions {
		if strings.HasPrefix(name, "pymdownx.blocks.") {
			b.escape("/")
		}
	}

	return nil
}
