package docscompare

import (
	"strings"

	"golang.org/x/net/html"
)

// A node is an element, or a text if its tag is empty.
type node struct {
	tag   string
	text  string
	attrs map[string]string
	// order has the keys of attrs as they were written.
	order []string
	kids  []*node
}

func newNode(tag string) *node { return &node{tag: tag, attrs: map[string]string{}} }

func (n *node) isText() bool { return n.tag == "" }

func (n *node) classes() map[string]bool {
	set := map[string]bool{}
	for class := range strings.FieldsSeq(n.attrs["class"]) {
		set[class] = true
	}

	return set
}

func (n *node) hasClass(names ...string) bool {
	set := n.classes()
	for _, name := range names {
		if set[name] {
			return true
		}
	}

	return false
}

// find appends the elements below n that satisfy test.
func (n *node) find(test func(*node) bool) []*node {
	var found []*node

	for _, kid := range n.kids {
		if kid.isText() {
			continue
		}

		if test(kid) {
			found = append(found, kid)
		}

		found = append(found, kid.find(test)...)
	}

	return found
}

func (n *node) content() string {
	if n.isText() {
		return n.text
	}

	var text strings.Builder
	for _, kid := range n.kids {
		text.WriteString(kid.content())
	}

	return text.String()
}

func set(words string) map[string]bool {
	names := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		names[word] = true
	}

	return names
}

//nolint:gochecknoglobals // Constant tables.
var (
	void  = set("area base br col embed hr img input link meta param source track wbr")
	block = set(`address article aside blockquote center details dialog dd div dl dt fieldset figcaption figure footer form h1 h2 h3
		h4 h5 h6 header hr li main nav ol p pre section summary table tbody td tfoot th thead tr ul textarea ins-block`)
	inside  = set("li dd dt td th tr tbody thead tfoot textarea")
	raw     = set("pre textarea script style")
	boolean = set("checked disabled open hidden controls autoplay loop muted selected readonly required multiple async defer")
	address = set("href src srcset data action poster")
)

func closesParagraph(tag string) bool { return block[tag] && !inside[tag] }

// parse builds a tree as the comparison wants it, which is simpler than that of a browser: a block closes the paragraph that it is in, and
// nothing else is repaired.
func parse(source string) *node {
	root := newNode("#root")
	stack := []*node{root}
	tokens := html.NewTokenizer(strings.NewReader(source))

	for {
		kind := tokens.Next()
		top := stack[len(stack)-1]

		switch kind {
		case html.ErrorToken:
			return root
		case html.TextToken:
			top.kids = append(top.kids, &node{text: string(tokens.Text())})
		case html.StartTagToken, html.SelfClosingTagToken:
			element := start(tokens)
			if kind == html.StartTagToken && closesParagraph(element.tag) {
				stack = closeParagraph(stack)
				top = stack[len(stack)-1]
			}

			top.kids = append(top.kids, element)

			if kind == html.StartTagToken && !void[element.tag] {
				stack = append(stack, element)
			}
		case html.EndTagToken:
			name, _ := tokens.TagName()
			stack = closeElement(stack, string(name))
		case html.CommentToken, html.DoctypeToken:
		}
	}
}

func start(tokens *html.Tokenizer) *node {
	name, more := tokens.TagName()
	element := newNode(string(name))

	if element.tag != "script" && element.tag != "style" {
		tokens.NextIsNotRawText()
	}

	for more {
		var key, value []byte

		key, value, more = tokens.TagAttr()
		if len(key) == 0 {
			continue
		}

		if _, ok := element.attrs[string(key)]; !ok {
			element.order = append(element.order, string(key))
		}

		element.attrs[string(key)] = string(value)
	}

	return element
}

func closeParagraph(stack []*node) []*node {
	for i := len(stack) - 1; i > 0; i-- {
		if stack[i].tag == "p" {
			return stack[:i]
		}

		if block[stack[i].tag] {
			break
		}
	}

	return stack
}

func closeElement(stack []*node, tag string) []*node {
	for i := len(stack) - 1; i > 0; i-- {
		if stack[i].tag == tag {
			return stack[:i]
		}
	}

	return stack
}
