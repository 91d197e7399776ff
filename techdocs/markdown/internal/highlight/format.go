package highlight

import (
	"slices"
	"strconv"
	"strings"
)

// format is how the lines of one block are shown.
type format struct {
	class, title string
	// numbers is the style of line numbers: "table", "inline", "pymdownx-inline", or "" for none.
	numbers              string
	start, step, special int
	marked               []int
	// spans and anchors begin the ids of lines.
	spans, anchors string
	anchorNumbers  bool
}

func (f format) inline() bool { return f.numbers == "inline" || f.numbers == "pymdownx-inline" }

// block puts the lines into the element with this start tag.
func (f format) block(opening string, lines []string) string {
	var out strings.Builder

	size := len(opening) + 200
	for _, line := range lines {
		size += len(line) + 40
	}

	out.Grow(size)
	out.WriteString(opening)

	if f.numbers == "" || f.inline() {
		if f.title != "" {
			out.WriteString(`<span class="filename">` + f.title + `</span>`)
		}

		f.pre(&out, lines)
		out.WriteString("</div>")

		return out.String()
	}

	out.WriteString(`<table class="` + f.class + `table">`)

	if f.title != "" {
		out.WriteString(`<tr><th colspan="2" class="filename"><span class="filename">` + f.title + `</span></th></tr>`)
	}

	out.WriteString(`<tr><td class="linenos"><div class="linenodiv"><pre><span></span>`)

	for i := range lines {
		if i > 0 {
			out.WriteByte('\n')
		}

		f.number(&out, f.start+i, len(lines), "normal", "special")
	}

	out.WriteString(`</pre></div></td><td class="code"><div>`)
	f.pre(&out, lines)
	out.WriteString("</div></td></tr></table></div>")

	return out.String()
}

func (f format) pre(out *strings.Builder, lines []string) {
	out.WriteString("<pre><span></span><code>")

	for i, line := range lines {
		number := strconv.Itoa(f.start + i)

		if f.spans != "" {
			out.WriteString(`<span id="` + f.spans + "-" + number + `">`)
		}

		if f.anchors != "" {
			name := f.anchors + "-" + number
			out.WriteString(`<a id="` + name + `" name="` + name + `"`)

			if f.numbers == "" {
				out.WriteString(` href="#` + name + `"`)
			}

			out.WriteString("></a>")
		}

		f.line(out, line, i, len(lines))

		if f.spans != "" {
			out.WriteString("</span>")
		}
	}

	out.WriteString("</code></pre>")
}

// line writes one line, with its number if that is in the line.
func (f format) line(out *strings.Builder, line string, i, count int) {
	marked := slices.Contains(f.marked, i+1)
	if marked {
		out.WriteString(`<span class="hll">`)
	}

	if f.inline() {
		f.number(out, f.start+i, count, "linenos", "linenos special")
	}

	out.WriteString(line)

	if marked {
		out.WriteString("</span>")
	}
}

// number writes the number of a line.
func (f format) number(out *strings.Builder, number, count int, class, specialClass string) {
	width := len(strconv.Itoa(f.start + count - 1))

	digits := ""
	if number%f.step == 0 {
		digits = strconv.Itoa(number)
	}

	digits = strings.Repeat(" ", width-len(digits)) + digits

	if f.special > 0 && number%f.special == 0 {
		class = specialClass
	}

	text := `<span class="` + class + `">` + digits + "</span>"
	if f.numbers == "pymdownx-inline" {
		text = `<span class="` + class + `" data-linenos="` + digits + ` "></span>`
	}

	link := ""
	if f.anchorNumbers {
		name := f.anchors
		if name == "" {
			name = f.spans
		}

		link = `<a href="#` + name + "-" + strconv.Itoa(number) + `">`
	}

	switch {
	case link == "":
		out.WriteString(text)
	case f.inline():
		out.WriteString(link + text + "</a>")
	case number%f.step == 0:
		out.WriteString(`<span class="` + class + `">` + link + digits + "</a></span>")
	default:
		out.WriteString(text)
	}
}
