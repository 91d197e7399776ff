package markdown

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs/markdown/internal/highlight"
	"github.com/portico-dev/portico/techdocs/markdown/internal/inline"
	"github.com/portico-dev/portico/techdocs/markdown/internal/snippets"
	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// New compiles the extensions of a site: those that MkDocs and techdocs-core turn on, with the author's over them.
func New(config Config) (*Converter, error) {
	extensions, err := resolve(config)
	if err != nil {
		return nil, err
	}

	c := &Converter{
		extensions:     extensions,
		alerts:         config.TechDocsCore,
		saneHeaders:    extensions.on("pymdownx.saneheaders"),
		separateQuotes: extensions.on("pymdownx.quotes"),
		callouts:       extensions.flag("pymdownx.quotes", "callouts", false),
		attrLists:      extensions.on("attr_list"),
	}

	if c.inline, err = inline.New(inline.Config{Extensions: extensions}); err != nil {
		return nil, fault.Wrap(fault.Input, err, "mkdocs.yml: %s", err)
	}

	for _, step := range []func() error{
		c.newHighlighters, c.newCodehilite, c.newSnippets, c.newTOC, c.newBoxes, c.newFences, c.newBlocks, c.newPlantUML, c.newMath,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}

	c.newTexts()
	c.processors = c.newProcessors()

	return c, nil
}

// newProcessors lists the processors of blocks in the order of Python-Markdown's priorities. Of those with the same priority, the one
// that is turned on first is first.
func (c *Converter) newProcessors() []processor {
	var processors []processor

	add := func(on bool, try processor) {
		if on {
			processors = append(processors, try)
		}
	}
	sane := c.has("mdx_truly_sane_lists")
	indent := c.listIndent()
	definitions := c.has("def_list")

	add(c.has("admonition"), admonition)
	add(c.has("pymdownx.details"), details)
	add(c.has("pymdownx.tabbed"), tabs)
	add(c.has("md_in_html"), markedElement)
	add(true, empty)
	add(true, listContent{indent: indent}.read)
	add(c.blocks != nil, slashBlock)
	add(definitions, listContent{indent: indent, definitions: true}.read)
	add(true, indentedCode)
	add(c.math != nil, c.math.block)
	add(c.has("tables"), table)
	add(true, hashHeading)
	add(true, underlinedHeading)
	add(true, rule)

	split := sane && c.extensions.flag("mdx_truly_sane_lists", "truly_sane", true)
	mixed := !sane && !c.has("sane_lists")
	numbered := !sane && c.has("sane_lists")
	add(true, listKind{ordered: true, indent: indent, mixed: mixed, split: split, numbered: numbered}.read)
	add(true, listKind{indent: indent, mixed: mixed, split: split}.read)
	add(definitions, c.definitionList)
	add(true, quote)
	add(c.has("footnotes"), footnoteDefinition)
	add(c.has("abbr"), abbreviation)
	add(true, reference)
	add(true, paragraph)

	return processors
}

// listIndent is how far the content of a list is indented.
func (c *Converter) listIndent() int {
	const sane, most = 2, 64

	if !c.has("mdx_truly_sane_lists") {
		return tabLength
	}

	if n, ok := c.extensions["mdx_truly_sane_lists"]["nested_indent"].(int); ok && n > 0 && n <= most {
		return n
	}

	return sane
}

func (c *Converter) newHighlighters() error {
	options := maps.Clone(c.extensions["pymdownx.highlight"])
	if options == nil {
		options = map[string]any{}
	}

	delete(options, "_enabled")

	plain := maps.Clone(options)
	for _, option := range []string{"line_spans", "line_anchors", "anchor_linenums"} {
		delete(plain, option)
	}

	if class := c.extensions.text("pymdownx.superfences", "css_class", ""); class != "" {
		options["css_class"] = class
	}

	var err error
	if c.plainHighlighter, err = highlight.New(plain); err != nil {
		return fault.Wrap(fault.Input, err, "mkdocs.yml: %s", err)
	}

	if c.highlighter, err = highlight.New(options); err != nil {
		return fault.Wrap(fault.Input, err, "mkdocs.yml: %s", err)
	}

	return nil
}

func (c *Converter) newSnippets() error {
	if !c.has("pymdownx.snippets") {
		return nil
	}

	expander, err := snippets.New(c.extensions["pymdownx.snippets"])
	if err != nil {
		return fault.Wrap(fault.Input, err, "mkdocs.yml: %s", err)
	}

	c.snippets = expander

	return nil
}

func (c *Converter) newTOC() error {
	e, name := c.extensions, "toc"
	slugify, err := slugifier(e[name]["slugify"], slugifyASCII)

	if err != nil {
		return err
	}

	c.toc = tocOptions{
		enabled:          e.on(name),
		marker:           e.text(name, "marker", "[TOC]"),
		title:            e.text(name, "title", ""),
		titleClass:       e.text(name, "title_class", "toctitle"),
		class:            e.text(name, "toc_class", "toc"),
		separator:        e.text(name, "separator", "-"),
		anchorLink:       e.flag(name, "anchorlink", false),
		anchorLinkClass:  e.text(name, "anchorlink_class", "toclink"),
		permalink:        e.flag(name, "permalink", false),
		permalinkClass:   e.text(name, "permalink_class", "headerlink"),
		permalinkTitle:   e.text(name, "permalink_title", "Permanent link"),
		permalinkText:    tree.Amp + "para;",
		permalinkLeading: e.flag(name, "permalink_leading", false),
		slugify:          slugify,
		top:              1,
	}

	if text, ok := e[name]["permalink"].(string); ok && !isYes(text) {
		c.toc.permalinkText = text
	}

	if c.toc.baseLevel, err = level(e.text(name, "baselevel", "1")); err != nil {
		return err
	}

	depth := e.text(name, "toc_depth", "6")
	if top, bottom, ok := strings.Cut(depth, "-"); ok {
		if c.toc.top, err = level(top); err != nil {
			return err
		}

		depth = bottom
	}

	c.toc.bottom, err = level(depth)

	return err
}

func isYes(text string) bool {
	switch strings.ToLower(text) {
	case "true", "yes", "y", "on", "1":
		return true
	}

	return false
}

func level(text string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return 0, fault.New(fault.Input, "mkdocs.yml: the level of a heading in the options of toc is %q, and must be a number", text)
	}

	return n, nil
}

// newTexts reads options of extensions that need no check.
func (c *Converter) newTexts() {
	e := c.extensions
	c.alignAttribute = e.flag("tables", "use_align_attribute", false)
	c.tasksCustom = e.flag("pymdownx.tasklist", "custom_checkbox", false)
	c.tasksClickable = e.flag("pymdownx.tasklist", "clickable_checkbox", false)

	if c.has("pymdownx.critic") {
		c.criticMode = e.text("pymdownx.critic", "mode", "view")
	}

	c.definitionIndent = c.listIndent()
	c.footnotes = footnoteOptions{
		enabled:         c.has("footnotes"),
		placeMarker:     e.text("footnotes", "PLACE_MARKER", "///Footnotes Go Here///"),
		backlinkText:    e.text("footnotes", "BACKLINK_TEXT", "&#8617;"),
		superscript:     e.text("footnotes", "SUPERSCRIPT_TEXT", "{}"),
		backlink:        strings.ReplaceAll(e.text("footnotes", "BACKLINK_TITLE", "Jump back to footnote {} in the text"), "%d", "{}"),
		separator:       e.text("footnotes", "SEPARATOR", ":"),
		uniqueIDs:       e.flag("footnotes", "UNIQUE_IDS", false),
		definitionOrder: e.flag("footnotes", "USE_DEFINITION_ORDER", true),
	}

	if glossary, ok := e["abbr"]["glossary"].(map[string]any); ok {
		c.glossary = map[string]string{}
		for short, title := range glossary {
			if short != "" {
				c.glossary[short] = fmt.Sprint(title)
			}
		}
	}

	if c.has("pymdownx.striphtml") {
		c.stripHTML = newHTMLStripper(e)
	}
}

func (c *Converter) newBoxes() error {
	var err error
	if c.tabs, err = c.newTabs("pymdownx.tabbed"); err != nil {
		return err
	}

	c.blockTabs, err = c.newTabs("pymdownx.blocks.tab")

	return err
}

func (c *Converter) newTabs(name string) (tabOptions, error) {
	e := c.extensions
	options := tabOptions{
		alternate: e.flag(name, "alternate_style", false),
		separator: e.text(name, "separator", "-"),
		combine:   e.flag(name, "combine_header_slug", false),
	}

	if value := e[name]["slugify"]; truth(value) {
		slugify, err := slugifier(value, nil)
		if err != nil {
			return options, err
		}

		options.slugify = slugify
	}

	return options, nil
}

// newFences makes the kinds of fences that have a meaning of their own.
func (c *Converter) newFences() error {
	if !c.has("pymdownx.superfences") {
		if c.has("fenced_code") {
			c.fenceKinds = []fenceKind{{any: true, validate: highlightOption, format: highlightFence}}
		}

		return nil
	}

	name := "pymdownx.superfences"
	c.noIndentedCode = c.extensions.flag(name, "disable_indented_code_blocks", false)
	c.preserveTabs = c.extensions.flag(name, "preserve_tabs", false)
	c.relaxedHeaders = c.extensions.flag(name, "relaxed_headers", false)
	standard := fenceKind{any: true, validate: highlightOption, format: highlightFence}

	if !c.extensions.flag("pymdownx.highlight", "use_pygments", true) {
		standard.validate = noOption
	}

	c.fenceKinds = []fenceKind{standard}

	for _, value := range c.extensions.list(name, "custom_fences") {
		custom, _ := value.(map[string]any)
		if err := c.addFence(custom); err != nil {
			return err
		}
	}

	return nil
}

func (c *Converter) addFence(custom map[string]any) error {
	language, isText := custom["name"].(string)
	class, hasClass := custom["class"].(string)

	if !isText || !hasClass {
		return nil
	}

	format, err := fenceFormatOf(custom["format"], class)
	if err != nil {
		return err
	}

	kind := fenceKind{language: language, any: language == "*", validate: noOption, format: format}
	if kind.any {
		c.fenceKinds[0] = kind
	} else {
		c.fenceKinds = append(c.fenceKinds, kind)
	}

	return nil
}

func fenceFormatOf(value any, class string) (fenceFormat, error) {
	name, options := "pymdownx.superfences.fence_code_format", map[string]any{}

	switch value := value.(type) {
	case nil:
	case string:
		name = value
	case map[string]any:
		name, _ = value[callKey].(string)
		options = value
	}

	switch name {
	case "pymdownx.superfences.fence_code_format", "mermaid2.fence_mermaid_custom", "mermaid2.fence_mermaid":
		return codeFence(class), nil
	case "pymdownx.superfences.fence_div_format":
		return divFence(class), nil
	case "pymdownx.arithmatex.arithmatex_fenced_format", "pymdownx.arithmatex.fence_generic_format", "pymdownx.arithmatex.fence_mathjax_format",
		"pymdownx.arithmatex.fence_mathjax_preview_format":
		return mathFence(name, options, class), nil
	}

	return nil, fault.New(fault.Input,
		"mkdocs.yml: the format %q of a custom fence is Python, which is not run; use fence_code_format or fence_div_format of pymdownx.superfences, or build the site with generator: mkdocs",
		name)
}
