package markdown

import (
	"strings"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// maxHTML bounds the HTML of a page, which may repeat parts of its source.
const maxHTML = 64 << 20

// finish puts what is in the stash in its place.
func (p *page) finish(text string) string {
	if strings.Contains(text, tree.STX) {
		text = p.unstash(text)
		text = p.showEdits(text)

		if p.footnotes.options.enabled {
			text = strings.ReplaceAll(text, backlinkMark, p.footnotes.options.backlinkText)
			text = strings.ReplaceAll(text, blankMark, "&#160;")
		}

		text = strings.ReplaceAll(text, tree.Amp, "&")
	}

	if p.conv.stripHTML != nil {
		text = p.conv.stripHTML(text)
	}

	return text
}

func (p *page) unstash(text string) string {
	if p.stash.Len() == 0 || !strings.Contains(text, tree.StashPrefix) {
		return text
	}

	var out strings.Builder

	out.Grow(2 * len(text))
	p.writeUnstashed(&out, text, 0)

	return out.String()
}

// writeUnstashed writes text with HTML in the place of marks. A paragraph that is only a mark is not written around a block.
func (p *page) writeUnstashed(out *strings.Builder, text string, depth int) {
	const maxNesting = 200

	if depth > maxNesting || out.Len() > maxHTML {
		p.fail(0, "the HTML of the page is larger than 64 MB")

		return
	}

	for {
		i := strings.Index(text, tree.StashPrefix)
		if i < 0 {
			break
		}

		number, length := tree.StashMark(text[i:])
		if length == 0 || number >= p.stash.Len() {
			out.WriteString(text[:i+1])
			text = text[i+1:]

			continue
		}

		before, after := text[:i], text[i+length:]
		wrapped := strings.HasSuffix(before, "<p>") && strings.HasPrefix(after, "</p>")

		if wrapped {
			before, after = before[:len(before)-len("<p>")], after[len("</p>"):]
		}

		out.WriteString(before)

		entry := p.stash.At(number)

		html := entry.HTML
		if entry.Element != nil {
			html = entry.Element.HTML()
		}

		if wrapped && !isBlockHTML(html) {
			html = "<p>" + html + "</p>"
		}

		p.writeUnstashed(out, html, depth+1)

		text = after
	}

	out.WriteString(text)
}

// isBlockHTML says that HTML begins with a block, a comment or the like.
func isBlockHTML(html string) bool {
	name, ok := strings.CutPrefix(html, "<")
	if !ok {
		return false
	}

	name = strings.TrimPrefix(name, "/")
	if i := strings.IndexAny(name, " >"); i >= 0 {
		name = name[:i]
	}

	if name == "" {
		return false
	}

	return strings.IndexByte("!?@%", name[0]) >= 0 || tree.IsBlock(name)
}
