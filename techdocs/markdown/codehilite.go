package markdown

import (
	"regexp"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs/markdown/internal/highlight"
)

// codehilite highlights indented code if its extension is on. It comes before pymdownx.highlight, which then finds no code any more.
type codehilite struct {
	plain, numbered *highlight.Highlighter
	// always says that all code has line numbers, and fixed that its first line does not change that.
	always, fixed bool
}

func (c *Converter) newCodehilite() error {
	const name = "codehilite"

	if !c.has(name) {
		return nil
	}

	hilite := &codehilite{}

	for _, variant := range []struct {
		numbers bool
		target  **highlight.Highlighter
	}{{false, &hilite.plain}, {true, &hilite.numbered}} {
		highlighter, err := highlight.New(map[string]any{
			"linenums": variant.numbers, "css_class": c.extensions.text(name, "css_class", "codehilite"),
			"use_pygments": c.extensions.flag(name, "use_pygments", true),
		})
		if err != nil {
			return fault.Wrap(fault.Input, err, "mkdocs.yml: %s", err)
		}

		*variant.target = highlighter
	}

	value, ok := c.extensions[name]["linenums"]
	hilite.always, hilite.fixed = truth(value), ok && value != nil
	c.codehilite = hilite

	return nil
}

//nolint:gochecknoglobals // Immutable.
var codeHeader = regexp.MustCompile(`^(?:::+|(#!))((?:/\w+)*[/ ])?([\w#.+-]*)\s*(?:hl_lines=(?:"(.*?)"|'(.*?)'))?`)

// write writes code. Its first line may say the language: ":::python", or "#!python" if the code is to have line numbers.
func (h *codehilite) write(source string) string {
	const none = -1

	request := highlight.Request{Source: strings.Trim(source, "\n"), LineStart: none, LineStep: none, LineSpecial: none}
	numbers := h.always

	first, rest, _ := strings.Cut(request.Source, "\n")
	if m := codeHeader.FindStringSubmatch(first); m != nil {
		request.Language = strings.ToLower(m[3])
		request.HighlightLines = parseLines(m[4]+m[5], strings.Count(rest, "\n")+1)

		if m[2] == "" {
			request.Source = strings.Trim(rest, "\n")
		}

		numbers = numbers || m[1] != "" && !h.fixed
	}

	if numbers {
		return h.numbered.Block(request)
	}

	return h.plain.Block(request)
}
