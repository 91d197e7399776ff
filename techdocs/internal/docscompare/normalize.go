package docscompare

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

//nolint:gochecknoglobals // Constants.
var (
	space      = regexp.MustCompile(`[ \t\r\n\f]+`)
	punctuated = regexp.MustCompile(`\s*([:;])\s*`)
	textAlign  = regexp.MustCompile(`^text-align:(\w+)$`)
)

func normalAttrs(n *node) map[string]string {
	attrs := map[string]string{}

	for _, key := range n.order {
		value := n.attrs[key]

		switch {
		case key == "class":
			classes := slices.Sorted(maps.Keys(n.classes()))
			if value = strings.Join(classes, " "); value == "" {
				continue
			}
		case boolean[key]:
			value = ""
		case address[key]:
			value = unquote(strings.TrimSpace(value))
		case key == "style":
			value = strings.TrimRight(punctuated.ReplaceAllString(strings.TrimSpace(value), "$1"), ";")
			if match := textAlign.FindStringSubmatch(value); match != nil && (n.tag == "td" || n.tag == "th") {
				key, value = "align", match[1]
			}
		case key == "tabindex":
			continue
		}

		attrs[key] = value
	}

	return attrs
}

// unquote resolves the escapes of an address, as far as they are valid.
func unquote(address string) string {
	if plain, err := url.PathUnescape(address); err == nil {
		return plain
	}

	var out strings.Builder

	for i := 0; i < len(address); i++ {
		if address[i] == '%' && i+2 < len(address) {
			if plain, err := url.PathUnescape(address[i : i+3]); err == nil {
				out.WriteString(plain)

				i += 2

				continue
			}
		}

		out.WriteByte(address[i])
	}

	return out.String()
}

func isBlock(n *node) bool { return n != nil && !n.isText() && (block[n.tag] || n.tag == "#code") }

func isBreak(n *node) bool { return n != nil && n.tag == "br" }

// normalize makes a tree in which only differences that matter are left.
func normalize(n *node, inRaw bool) *node {
	out := newNode(n.tag)
	if n.tag == "svg" {
		return out
	}

	out.attrs = normalAttrs(n)
	inRaw = inRaw || raw[n.tag]
	kids := normalKids(n, inRaw)

	if inRaw {
		for _, kid := range kids {
			if kid.isText() && raw[n.tag] {
				kid.text = strings.Trim(kid.text, "\n")
			}
		}

		out.kids = kids

		return out
	}

	out.kids = wrapRuns(n.tag, trimKids(n, kids))

	return out
}

func normalKids(n *node, inRaw bool) []*node {
	var kids []*node

	for _, kid := range n.kids {
		if !kid.isText() {
			if code := codeBlock(kid); code != nil {
				kids = append(kids, code)
			} else {
				kids = append(kids, normalize(kid, inRaw))
			}

			continue
		}

		text := kid.text
		if !inRaw {
			text = space.ReplaceAllString(text, " ")
		}

		if len(kids) > 0 && kids[len(kids)-1].isText() {
			last := kids[len(kids)-1]
			last.text += text

			if !inRaw {
				last.text = strings.ReplaceAll(last.text, "  ", " ")
			}
		} else {
			kids = append(kids, &node{text: text})
		}
	}

	return kids
}

// trimKids removes the spaces beside blocks and breaks, and empty paragraphs.
func trimKids(n *node, kids []*node) []*node {
	isContainer := block[n.tag] || n.tag == "#root" || slices.ContainsFunc(kids, isBlock)

	var kept []*node

	for i, kid := range kids {
		if !kid.isText() {
			if kid.tag != "p" || len(kid.kids) > 0 || len(kid.attrs) > 0 {
				kept = append(kept, kid)
			}

			continue
		}

		if text := trimBeside(kids, i, isContainer); text != "" {
			kept = append(kept, &node{text: text})
		}
	}

	return kept
}

// trimBeside is a text without the spaces beside blocks and breaks, and at the ends of a container.
func trimBeside(kids []*node, i int, inContainer bool) string {
	var before, after *node
	if i > 0 {
		before = kids[i-1]
	}

	if i+1 < len(kids) {
		after = kids[i+1]
	}

	text := kids[i].text
	if (inContainer && before == nil) || isBlock(before) || isBreak(before) {
		text = strings.TrimLeft(text, " ")
	}

	if (inContainer && after == nil) || isBlock(after) || isBreak(after) {
		text = strings.TrimRight(text, " ")
	}

	return text
}

// wrapRuns makes paragraphs of text beside blocks, as which it looks.
func wrapRuns(tag string, kids []*node) []*node {
	switch tag {
	case "#root", "div", "blockquote", "details", "section", "figure", "article":
	default:
		return kids
	}

	if !slices.ContainsFunc(kids, isBlock) {
		return kids
	}

	var wrapped, run []*node

	flush := func() {
		if paragraph := asParagraph(run); paragraph != nil {
			wrapped = append(wrapped, paragraph)
		}

		run = nil
	}

	for _, kid := range kids {
		if isBlock(kid) || kid.tag == "script" || kid.tag == "style" || kid.tag == "input" {
			flush()

			wrapped = append(wrapped, kid)
		} else {
			run = append(run, kid)
		}
	}

	flush()

	return wrapped
}

func asParagraph(run []*node) *node {
	if len(run) == 0 {
		return nil
	}

	if run[0].isText() {
		run[0].text = strings.TrimLeft(run[0].text, " ")
	}

	if last := run[len(run)-1]; last.isText() {
		last.text = strings.TrimRight(last.text, " ")
	}

	run = slices.DeleteFunc(run, func(n *node) bool { return n.isText() && n.text == "" })
	if len(run) == 0 {
		return nil
	}

	paragraph := newNode("p")
	paragraph.kids = run

	return paragraph
}
