// Package highlight makes HTML of code, as pymdownx.highlight does with Pygments: the same elements and classes around lines, numbers and
// titles. The tokens within the lines are found by chroma, whose classes are those of Pygments.
package highlight

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// Highlighter has the options. It does not change, and is safe for concurrent use.
type Highlighter struct {
	pygments, attrsOnPre, langClass, autoTitle, anchors, strip, noClasses bool
	class, prefix, lineSpans, lineAnchors, defaultLanguage                string
	// numbers are the line numbers: "" (only where a block asks), "on" or "off".
	numbers, numbersStyle string
	special               int
	titles                map[string]string
	extended              map[string]string
}

// names of the options of pymdownx.highlight.
var optionNames = []string{
	"use_pygments", "guess_lang", "css_class", "pygments_style", "noclasses", "linenums", "linenums_style", "linenums_special",
	"linenums_class", "extend_pygments_lang", "language_prefix", "code_attr_on_pre", "auto_title", "auto_title_map", "line_spans",
	"anchor_linenums", "line_anchors", "pygments_lang_class", "stripnl", "default_lang", "_enabled",
}

// New reads the options of pymdownx.highlight.
func New(options map[string]any) (*Highlighter, error) {
	for _, name := range slices.Sorted(maps.Keys(options)) {
		if !slices.Contains(optionNames, name) {
			return nil, fmt.Errorf("pymdownx.highlight: there is no option %q; there are: %s", name, strings.Join(optionNames[:len(optionNames)-1], ", "))
		}
	}

	h := &Highlighter{
		pygments: flag(options, "use_pygments", true), attrsOnPre: flag(options, "code_attr_on_pre", false),
		langClass: flag(options, "pygments_lang_class", false), autoTitle: flag(options, "auto_title", false),
		anchors: flag(options, "anchor_linenums", false), strip: flag(options, "stripnl", true), noClasses: flag(options, "noclasses", false),
		class: text(options, "css_class", "highlight"), prefix: text(options, "language_prefix", "language-"),
		lineSpans: text(options, "line_spans", ""), lineAnchors: text(options, "line_anchors", ""),
		defaultLanguage: text(options, "default_lang", ""), numbersStyle: text(options, "linenums_style", "table"),
		special: number(options, "linenums_special", -1),
		titles:  map[string]string{}, extended: map[string]string{},
	}

	if value, ok := options["linenums"]; ok && value != nil {
		h.numbers = "off"
		if flag(options, "linenums", false) {
			h.numbers = "on"
		}
	}

	if h.anchors && h.lineAnchors == "" {
		h.lineAnchors = "__codelineno"
	}

	h.setMaps(options)

	return h, nil
}

func (h *Highlighter) setMaps(options map[string]any) {
	titles, _ := options["auto_title_map"].(map[string]any)
	for name, title := range titles {
		h.titles[name] = fmt.Sprint(title)
	}

	extended, _ := options["extend_pygments_lang"].([]any)
	for _, entry := range extended {
		entry, _ := entry.(map[string]any)
		name, _ := entry["name"].(string)
		language, _ := entry["lang"].(string)

		if name != "" && h.extended[name] == "" {
			h.extended[strings.ToLower(name)] = language
		}
	}
}

func flag(options map[string]any, name string, preset bool) bool {
	switch value := options[name].(type) {
	case bool:
		return value
	case string:
		return value != ""
	case int:
		return value != 0
	}

	return preset
}

func text(options map[string]any, name, preset string) string {
	if value, ok := options[name]; ok && value != nil {
		return fmt.Sprint(value)
	}

	return preset
}

func number(options map[string]any, name string, preset int) int {
	if value, ok := options[name].(int); ok {
		return value
	}

	return preset
}

// Request is a block of code.
type Request struct {
	Source, Language string
	// HighlightLines are the numbers of the lines that stand out. They count from 1, whatever LineStart is.
	HighlightLines []int
	// LineStart, LineStep and LineSpecial number the lines. -1: not given.
	LineStart, LineStep, LineSpecial int
	Classes                          []string
	ID                               string
	Attrs                            []tree.Attr
	Title                            string
	HasTitle                         bool
	// Block is the number of the block in the page, from 0.
	Block int
}

// Block is the HTML of a block.
func (h *Highlighter) Block(r Request) string {
	language := r.Language
	if language == "" {
		language = h.defaultLanguage
	}

	if !h.pygments {
		return h.plainBlock(r, language)
	}

	lexer, name := h.lexer(language)
	if h.langClass {
		r.Classes = append([]string{h.prefix + name}, r.Classes...)
	}

	f := h.format(r, lexer)

	source := strings.ReplaceAll(strings.ReplaceAll(r.Source, "\r\n", "\n"), "\r", "\n")
	if h.strip {
		source = strings.Trim(source, "\n")
	}

	if !strings.HasSuffix(source, "\n") {
		source += "\n"
	}

	return f.block(h.opening(r), lexer.lines(source, h.noClasses))
}

// opening is the start tag of the block.
func (h *Highlighter) opening(r Request) string {
	var out strings.Builder

	out.WriteString("<div")

	if r.ID != "" {
		out.WriteString(` id="` + r.ID + `"`)
	}

	classes := r.Classes
	if h.class != "" {
		classes = append(slices.Clone(classes), h.class)
	}

	if len(classes) > 0 {
		out.WriteString(` class="` + strings.Join(classes, " ") + `"`)
	}

	for _, attr := range r.Attrs {
		if strings.HasPrefix(attr.Key, "data-") {
			out.WriteString(" " + attr.Key + `="` + attr.Value + `"`)
		}
	}

	out.WriteByte('>')

	return out.String()
}

// format decides how lines are numbered and marked.
func (h *Highlighter) format(r Request, lexer lexer) format {
	numbered := h.numbers == "on" && r.LineStart != 0 || h.numbers != "off" && r.LineStart > 0
	f := format{class: h.class, start: 1, step: 1, marked: r.HighlightLines, anchorNumbers: h.anchors}

	id := r.ID
	if id == "" {
		id = strconv.Itoa(r.Block)
	}

	if h.lineSpans != "" {
		f.spans = escapeAttr(h.lineSpans + "-" + id)
	}

	if h.lineAnchors != "" {
		f.anchors = escapeAttr(h.lineAnchors + "-" + id)
	}

	title := strings.TrimSpace(r.Title)
	if !r.HasTitle && h.autoTitle {
		title = h.title(lexer.name)
	}

	f.title = escapeAttr(title)

	if numbered {
		f.numbers = h.numbersStyle
		f.start, f.step, f.special = max(r.LineStart, 1), max(r.LineStep, 1), r.LineSpecial

		if f.special < 0 {
			f.special = max(h.special, 0)
		}
	}

	return f
}

// title is the name of a language as a title.
func (h *Highlighter) title(name string) string {
	words := strings.Fields(name)
	for i, word := range words {
		if strings.ToLower(word) == word && strings.ToUpper(word) != word {
			words[i] = capitalize(word)
		}
	}

	name = strings.Join(words, " ")
	if title, ok := h.titles[name]; ok {
		return title
	}

	return name
}

// capitalize is str.title of Python: each letter after something that is no letter is a capital one.
func capitalize(word string) string {
	inside := false

	return strings.Map(func(char rune) rune {
		letter := strings.ToUpper(string(char)) != strings.ToLower(string(char))
		first := letter && !inside
		inside = letter

		if first {
			return []rune(strings.ToUpper(string(char)))[0]
		}

		return char
	}, word)
}

// plainBlock is a block for a highlighter in the browser.
func (h *Highlighter) plainBlock(r Request, language string) string {
	var inner strings.Builder

	if r.ID != "" {
		inner.WriteString(` id="` + r.ID + `"`)
	}

	classes := r.Classes
	if h.attrsOnPre && h.class != "" {
		classes = append([]string{h.class}, classes...)
	}

	if language != "" {
		classes = append([]string{h.prefix + language}, classes...)
	}

	if len(classes) > 0 {
		inner.WriteString(` class="` + strings.Join(classes, " ") + `"`)
	}

	for _, attr := range r.Attrs {
		inner.WriteString(" " + attr.Key + `="` + attr.Value + `"`)
	}

	if h.attrsOnPre {
		return "<pre" + inner.String() + "><code>" + escape(r.Source) + "</code></pre>"
	}

	outer := ""
	if h.class != "" {
		outer = ` class="` + h.class + `"`
	}

	return "<pre" + outer + "><code" + inner.String() + ">" + escape(r.Source) + "</code></pre>"
}

// Inline is the HTML of code within a line, and the class of its element. If class is empty, that of the options counts. The language
// fallback is for code without a language that is known.
func (h *Highlighter) Inline(source, language, fallback, class string) (inner, classes string) {
	own := *h
	own.defaultLanguage = fallback
	h = &own

	if language == "" {
		language = fallback
	}

	if class == "" {
		class = h.class
	}

	if !h.pygments {
		if language != "" {
			class = strings.TrimSpace(h.prefix + language + " " + class)
		}

		return escape(source), class
	}

	lexer, name := h.lexer(language)
	if h.langClass {
		class = strings.TrimSpace(h.prefix + name + " " + class)
	}

	var out strings.Builder

	for _, line := range lexer.lines(strings.Trim(source, "\n")+"\n", h.noClasses) {
		out.WriteString(strings.TrimSpace(line))
	}

	return out.String(), class
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func escape(text string) string { return escaper.Replace(text) }

// escapeAttr escapes quotation marks, too.
func escapeAttr(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(escape(text), `"`, "&quot;"), "'", "&#39;")
}
