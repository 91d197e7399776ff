package markdown

import (
	"regexp"
	"strings"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

//nolint:gochecknoglobals // Immutable.
var (
	headingAttrs = regexp.MustCompile(`[ ]+` + tree.AttrList + `[ ]*\n?$`)
	blockAttrs   = regexp.MustCompile(`\n[ ]*` + tree.AttrList + `[ ]*\n?$`)
	legacyAttr   = regexp.MustCompile(`\{@([^}]*)=([^}]*)\}`)
)

// applyAttrLists gives elements the attributes that are written behind them, "{#id .class}".
func (p *page) applyAttrLists(root *tree.Element) {
	root.All(func(e *tree.Element) bool {
		if !tree.IsBlock(e.Tag) {
			e.TakeAttrs()

			return true
		}

		pattern := blockAttrs
		if isHeading(e.Tag) || e.Tag == "dt" || e.Tag == "td" || e.Tag == "th" {
			pattern = headingAttrs
		}

		text := attrText(e)
		if text == nil || strings.IndexByte(*text, '{') < 0 {
			return true
		}

		if m := pattern.FindStringSubmatchIndex(*text); m != nil && tree.AssignAttrs(e, submatch(*text, m, 1), true) == "" {
			*text = (*text)[:m[0]]
			if isHeading(e.Tag) {
				*text = trimRight(strings.TrimRight(*text, "#"))
			}
		}

		return true
	})
}

// attrText is the text of an element at whose end its attributes are: before the first list in it if it is an item.
func attrText(e *tree.Element) *string {
	n := len(e.Children)
	if n == 0 {
		return &e.Text
	}

	if e.Tag != "li" {
		if e.Last().Tail != "" {
			return &e.Last().Tail
		}

		return &e.Text
	}

	for i, child := range e.Children {
		if child.Tag == "ul" || child.Tag == "ol" {
			n = i

			break
		}
	}

	switch {
	case n == len(e.Children) && e.Last().Tail != "":
		return &e.Last().Tail
	case n < len(e.Children) && n > 0 && e.Children[n-1].Tail != "":
		return &e.Children[n-1].Tail
	}

	return &e.Text
}

func isHeading(tag string) bool {
	return len(tag) == 2 && (tag[0] == 'h' || tag[0] == 'H') && tag[1] >= '1' && tag[1] <= '6'
}

// applyLegacyAttrs gives elements the attributes that are written in their text, their alternative text, or behind them, "{@id=x}".
func applyLegacyAttrs(root *tree.Element) {
	root.All(func(e *tree.Element) bool {
		if alt, ok := e.Lookup("alt"); ok {
			e.Set("alt", takeLegacyAttrs(e, alt))
		}

		if !e.TextFinal {
			e.Text = takeLegacyAttrs(e, e.Text)
		}

		if !e.TailFinal {
			e.Tail = takeLegacyAttrs(e, e.Tail)
		}

		return true
	})
}

func takeLegacyAttrs(e *tree.Element, text string) string {
	if !strings.Contains(text, "{@") {
		return text
	}

	return legacyAttr.ReplaceAllStringFunc(text, func(list string) string {
		m := legacyAttr.FindStringSubmatch(list)
		e.Set(m[1], strings.ReplaceAll(m[2], "\n", " "))

		return ""
	})
}
