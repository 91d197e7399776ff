package docscompare

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

//nolint:gochecknoglobals // Constants.
var (
	languageClass = regexp.MustCompile(`^(?:language|lang)-(.+)$`)
	digits        = regexp.MustCompile(`[0-9]+`)
	plain         = map[string]bool{"": true, "text": true, "plaintext": true, "plain": true, "none": true, "txt": true}
)

// codeBlock is what a highlighter printed, or a bare pre, as one node: its language, title, first line number, highlighted lines and
// text. It is nil if n is none.
func codeBlock(n *node) *node {
	wrapper := (n.tag == "div" || n.tag == "figure") && n.hasClass("highlight", "chroma", "codehilite") && !n.hasClass("admonition")
	if !wrapper && (n.tag != "pre" || !onlyHighlight(n)) {
		return nil
	}

	pres := []*node{n}
	if n.tag != "pre" {
		pres = n.find(func(x *node) bool { return x.tag == "pre" })
	}

	if len(pres) == 0 {
		return nil
	}

	pre, code, numbers := codeTarget(n, pres, wrapper)
	block := newNode("#code")

	language := strings.ToLower(languageOf(n, pre, code))
	if plain[language] {
		language = ""
	}

	block.attrs["lang"] = language
	describe(block, n, pre, numbers)

	source := code
	if source == nil {
		source = pre
	}

	text := &codeText{line: 1, highlighted: map[int]bool{}}
	text.read(source, false)

	if len(text.highlighted) > 0 {
		block.attrs["hl"] = text.lines()
	}

	block.kids = []*node{{text: strings.Trim(text.text.String(), "\n")}}

	return block
}

func onlyHighlight(n *node) bool {
	for class := range n.classes() {
		if class != "highlight" && class != "chroma" {
			return false
		}
	}

	return true
}

func codeTarget(n *node, pres []*node, wrapper bool) (pre, code *node, numbers string) {
	for _, p := range pres {
		inner := first(p, func(x *node) bool { return x.tag == "code" })
		if inner == nil && n.tag != "pre" && len(pres) > 1 {
			if numbers == "" {
				numbers = p.content()
			}
		} else {
			pre, code = p, inner
		}
	}

	if pre == nil {
		pre = pres[len(pres)-1]
	}

	if wrapper && code != nil && len(pres) > 1 && numbers == "" {
		for _, x := range pres[0].find(func(x *node) bool { return x.hasClass("lnt", "normal") }) {
			numbers += x.content() + "\n"
		}
	}

	if numbers == "" {
		if x := first(pre, func(x *node) bool { return x.hasClass("linenos", "ln", "lnt") }); x != nil {
			numbers = x.attrs["data-linenos"]
			if numbers == "" {
				numbers = x.content()
			}
		}
	}

	return pre, code, numbers
}

// describe sets the attributes that a code block has beside its language.
func describe(block, n, pre *node, numbers string) {
	if title := first(n, func(x *node) bool { return x.tag == "span" && x.hasClass("filename") }); title != nil {
		block.attrs["filename"] = strings.Join(strings.Fields(title.content()), " ")
	}

	if number := digits.FindString(numbers); number != "" {
		block.attrs["line"] = number
	}

	id := n.attrs["id"]
	if id == "" {
		id = pre.attrs["id"]
	}

	if id != "" {
		block.attrs["id"] = id
	}

	if extra := otherClasses(n, pre); len(extra) > 0 {
		block.attrs["class"] = strings.Join(extra, " ")
	}

	for key, value := range n.attrs {
		if strings.HasPrefix(key, "data-") && key != "data-lang" {
			block.attrs[key] = value
		}
	}
}

// otherClasses are those that say more than that it is code, and in which language.
func otherClasses(nodes ...*node) []string {
	var other []string

	for _, n := range nodes {
		for class := range n.classes() {
			switch class {
			case "highlight", "chroma", "codehilite", "highlighttable":
			default:
				if !strings.HasPrefix(class, "language-") && !strings.HasPrefix(class, "lang-") {
					other = append(other, class)
				}
			}
		}
	}

	slices.Sort(other)

	return other
}

func first(n *node, test func(*node) bool) *node {
	if found := n.find(test); len(found) > 0 {
		return found[0]
	}

	return nil
}

func languageOf(nodes ...*node) string {
	for _, n := range nodes {
		if n == nil {
			continue
		}

		for class := range strings.FieldsSeq(n.attrs["class"]) {
			if match := languageClass.FindStringSubmatch(class); match != nil {
				return match[1]
			}
		}

		if language := n.attrs["data-lang"]; language != "" {
			return language
		}
	}

	return ""
}

// codeText collects the text of a code block without line numbers, and the numbers of the highlighted lines.
type codeText struct {
	text        strings.Builder
	line        int
	highlighted map[int]bool
}

func (t *codeText) read(n *node, highlighted bool) {
	for _, kid := range n.kids {
		switch {
		case kid.isText():
			if highlighted {
				for i := range kid.text {
					t.highlighted[t.line+strings.Count(kid.text[:i], "\n")] = true
				}
			}

			t.line += strings.Count(kid.text, "\n")
			t.text.WriteString(kid.text)
		case kid.hasClass("linenos", "linenodiv", "ln", "lnt", "lntd-num", "filename"):
		default:
			t.read(kid, highlighted || kid.hasClass("hll", "hl"))
		}
	}
}

func (t *codeText) lines() string {
	numbers := make([]int, 0, len(t.highlighted))
	for number := range t.highlighted {
		numbers = append(numbers, number)
	}

	slices.Sort(numbers)

	words := make([]string, len(numbers))
	for i, number := range numbers {
		words[i] = strconv.Itoa(number)
	}

	return strings.Join(words, " ")
}
