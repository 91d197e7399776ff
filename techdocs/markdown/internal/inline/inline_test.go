package inline_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/techdocs/markdown/internal/inline"
	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// techdocs are the extensions that mkdocs-techdocs-core turns on, as far as they are within a line.
func techdocs() map[string]map[string]any {
	return map[string]map[string]any{
		"pymdownx.caret": nil, "pymdownx.critic": nil, "pymdownx.emoji": {"emoji_generator": "pymdownx.emoji.to_svg"},
		"pymdownx.inlinehilite": nil, "pymdownx.magiclink": nil, "pymdownx.mark": nil, "pymdownx.smartsymbols": nil,
		"pymdownx.highlight": {"linenums": true, "pygments_lang_class": true}, "pymdownx.betterem": {"smart_enable": "all"},
		"footnotes": nil, "attr_list": nil, "tables": nil, "abbr": nil, "pymdownx.tilde": nil,
	}
}

// render reads one paragraph, and returns its inner HTML.
func render(t testing.TB, extensions map[string]map[string]any, text string) string {
	t.Helper()

	parser, err := inline.New(inline.Config{Extensions: extensions})
	require.NoError(t, err)

	return renderWith(parser, text)
}

func renderWith(parser *inline.Parser, text string) string {
	root := tree.New("div")
	root.Add("p").SetText(text)

	doc := &inline.Document{
		References: map[string]inline.Reference{"ref": {URL: "http://r.example", Title: "R"}, "a b": {URL: "/ab"}},
		Stash:      &tree.Stash{},
	}
	parser.Run(root, doc)
	parser.Shorten(root)
	parser.Symbols(root, doc)

	return inline.HTML(root, doc.Stash)
}

func TestParse(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]string{
		`plain`:                      `plain`,
		"a `b<c` d":                  "a <code>b&lt;c</code> d",
		`\*a\* **b** *c* _d_ __e__`:  `*a* <strong>b</strong> <em>c</em> <em>d</em> <strong>e</strong>`,
		`snake_case_name 2*3*4`:      `snake_case_name 2*3*4`,
		`***a *b* c** d*`:            `<em><strong>a <em>b</em> c</strong> d</em>`,
		`[a](b "c") ![d](<e f> 'g')`: `<a href="b" title="c">a</a> <img alt="d" src="e f" title="g" />`,
		`[x][ref] [ref], [A  B][]`:   `<a href="http://r.example" title="R">x</a> <a href="http://r.example" title="R">ref</a>, <a href="/ab">A  B</a>`,
		`<b>*x*</b> &copy; & <`:      `<b><em>x</em></b> &copy; &amp; &lt;`,
	} {
		require.Equal(t, want, render(t, techdocs(), text), text)
	}
}
