package inline

import (
	"strings"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// HTML is the HTML within the first child of root, with what is stashed.
func HTML(root *tree.Element, stash *tree.Stash) string {
	root.All(func(element *tree.Element) bool {
		element.Text, element.Tail = unescape(element.Text), unescape(element.Tail)
		for i := range element.Attrs {
			element.Attrs[i].Value = unescape(element.Attrs[i].Value)
		}

		return true
	})

	text := root.Children[0].HTML()
	text = strings.TrimSuffix(strings.TrimPrefix(text, "<p>"), "</p>")

	return strings.ReplaceAll(restore(text, stash), tree.Amp, "&")
}

func restore(text string, stash *tree.Stash) string {
	var out strings.Builder

	for {
		index := strings.Index(text, tree.StashPrefix)
		if index < 0 {
			break
		}

		out.WriteString(text[:index])

		number, length := tree.StashMark(text[index:])
		out.WriteString(restore(stash.At(number).HTML, stash))
		text = text[index+length:]
	}

	out.WriteString(text)

	return out.String()
}
