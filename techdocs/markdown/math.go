package markdown

import (
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// math says how formulas that are blocks are written.
type math struct {
	generic, preview       bool
	tag                    string
	open, closing          string
	dollar, square, begins bool
}

func (c *Converter) newMath() error {
	const name = "pymdownx.arithmatex"

	if !c.has(name) {
		return nil
	}

	m := &math{
		generic: c.extensions.flag(name, "generic", false),
		preview: c.extensions.flag(name, "preview", true),
		tag:     c.extensions.text(name, "block_tag", "div"),
		open:    `\[`, closing: `\]`,
	}

	if _, ok := c.extensions[name]["tex_block_wrap"]; ok {
		wrap := c.extensions.list(name, "tex_block_wrap")
		if len(wrap) != 2 {
			return fault.New(fault.Input, "mkdocs.yml: tex_block_wrap of %s must be a list of two texts", name)
		}

		m.open, _ = wrap[0].(string)
		m.closing, _ = wrap[1].(string)
	}

	m.dollar, m.square, m.begins = true, true, true

	if _, ok := c.extensions[name]["block_syntax"]; ok {
		m.dollar, m.square, m.begins = false, false, false

		for _, syntax := range c.extensions.list(name, "block_syntax") {
			m.dollar = m.dollar || syntax == "dollar"
			m.square = m.square || syntax == "square"
			m.begins = m.begins || syntax == "begin"
		}
	}

	c.math = m

	return nil
}

// block reads a block that is a formula: $$…$$, \[…\] or \begin{…}…\end{…}.
func (m *math) block(_ *page, parent *tree.Element, blocks *queue) bool {
	formula, ok := m.formula(strings.TrimRight(blocks.next(), " "))
	if !ok {
		return false
	}

	blocks.pop()

	box := parent.Add(m.tag, "class", "arithmatex")

	if m.generic {
		box.SetFinal(m.open + formula + m.closing)

		return true
	}

	if m.preview {
		box.Add("div", "class", "MathJax_Preview").SetFinal(formula)
	}

	box.Add("script", "type", "math/tex; mode=display").SetFinal(formula)

	return true
}

func (m *math) formula(block string) (string, bool) {
	const mark = 2

	switch {
	case len(block) < 2*mark+1:
	case m.dollar && strings.HasPrefix(block, "$$"):
		// What is escaped at the end does not end the formula.
		if inner := block[mark : len(block)-mark]; strings.HasSuffix(block, "$$") && wholeEscapes(inner) {
			return inner, true
		}
	case m.square && strings.HasPrefix(block, `\[`):
		inner := block[mark : len(block)-mark]
		if strings.HasSuffix(block, `\]`) && wholeEscapes(inner) && !strings.Contains(strings.ReplaceAll(inner, `\\`, ""), `\]`) {
			return inner, true
		}
	case m.begins && strings.HasPrefix(block, `\begin{`):
		name, inner, _ := strings.Cut(block[len(`\begin{`):], "}")
		inner, ok := strings.CutSuffix(inner, `\end{`+name+"}")

		if plain := strings.TrimSuffix(name, "*"); ok && inner != "" && wholeEscapes(inner) && plain != "" &&
			strings.Trim(plain, "abcdefghijklmnopqrstuvwxyz") == "" {
			return block, true
		}
	}

	return "", false
}

// wholeEscapes says that a text does not end within an escape.
func wholeEscapes(text string) bool {
	return (len(text)-len(strings.TrimRight(text, `\`)))%2 == 0
}

// mathFence writes a fence as a formula.
func mathFence(name string, options map[string]any, class string) fenceFormat {
	mode, tag, preview := "generic", "div", false

	switch {
	case strings.HasSuffix(name, "mathjax_preview_format"):
		mode, preview = "mathjax", true
	case strings.HasSuffix(name, "mathjax_format"):
		mode = "mathjax"
	}

	if text, ok := options["mode"].(string); ok {
		mode = text
	}

	if text, ok := options["tag"].(string); ok {
		tag = text
	}

	if value, ok := options["preview"]; ok {
		preview = truth(value)
	}

	if mode != "mathjax" {
		write := plainFence(class, "<"+tag, ">", "</"+tag+">")

		return func(p *page, f *fence, end int) (string, bool) {
			wrapped := *f
			wrapped.prefix = ""
			wrapped.code = []string{`\[`, f.source(), `\]`}

			return rawCode(write, p, &wrapped, end)
		}
	}

	return func(_ *page, f *fence, _ int) (string, bool) {
		source := f.source()

		text := "<" + tag + ` class="arithmatex">` + "\n"
		if preview {
			text += `<div class="MathJax_Preview">` + "\n" + strings.ReplaceAll(escapeCode(source), `"`, "&quot;") + "\n</div>\n"
		}

		return text + `<script type="math/tex; mode=display">` + "\n" + source + "\n</script>\n</div>", true
	}
}

// rawCode writes a fence without escaping its code, as the original does for formulas.
func rawCode(write fenceFormat, p *page, f *fence, end int) (string, bool) {
	html, ok := write(p, f, end)
	source := f.source()

	return strings.Replace(html, escapeCode(source), source, 1), ok
}
