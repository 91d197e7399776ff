package inline_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/techdocs/markdown/internal/inline"
)

var (
	betweenTags = regexp.MustCompile(`>\s*\n\s*<`)
	tokens      = regexp.MustCompile(`<span class="[a-z0-9]{1,3}">([^<]*)</span>`)
)

// plain removes what is not of this package: white space between blocks, and the tokens within code.
func plain(html string) string {
	return strings.TrimSpace(tokens.ReplaceAllString(betweenTags.ReplaceAllString(html, "><"), "$1"))
}

// TestPython compares with what Python-Markdown 3.10.3 and pymdown-extensions 11.0.1 printed for the same text, in the configuration of
// mkdocs-techdocs-core 1.7.1 and with these extensions over it.
func TestPython(t *testing.T) {
	t.Parallel()

	content, err := os.ReadFile("testdata/python.json")
	require.NoError(t, err)

	var cases []struct {
		Extensions map[string]map[string]any
		Text, HTML string
	}
	require.NoError(t, json.Unmarshal(content, &cases))
	require.Greater(t, len(cases), 40)

	for _, test := range cases {
		extensions := techdocs()
		for name, options := range test.Extensions {
			if extensions[name] == nil {
				extensions[name] = map[string]any{}
			}

			maps.Copy(extensions[name], options)
		}

		require.Equal(t, plain(test.HTML), plain(render(t, extensions, test.Text)), "%s with %v", test.Text, test.Extensions)
	}
}

// everything has all extensions on.
func everything() map[string]map[string]any {
	extensions := techdocs()
	for _, name := range []string{
		"pymdownx.keys", "pymdownx.arithmatex", "wikilinks", "smarty", "nl2br", "pymdownx.escapeall", "pymdownx.progressbar",
	} {
		extensions[name] = map[string]any{}
	}

	extensions["pymdownx.magiclink"] = map[string]any{
		"repo_url_shorthand": true, "repo_url_shortener": true, "social_url_shorthand": true, "social_url_shortener": true, "user": "a", "repo": "b",
	}

	return extensions
}

// TestHostileInput reads long texts that make a careless reader look at each character again and again, and ends.
func TestHostileInput(t *testing.T) {
	t.Parallel()

	for _, extensions := range []map[string]map[string]any{techdocs(), everything()} {
		parser, err := inline.New(inline.Config{Extensions: extensions})
		require.NoError(t, err)

		for _, part := range []string{
			"*", "_", "**a", "*a ", "_a ", "***a", "^a", "~~a ", "==a ", "[", "![", "[a](", "[a](b \"", "[a](b) ", "[a][b] ", "[![a](b)](c) ",
			"]", "`", "`a``b", "``` a", "<", "<a ", "<!-- ", "<?", "<![CDATA[", "<http://", "<a@", "&", "&a", "\\", "\\*", "http://a.b ", "a@b", "@",
			"www.", ":a", ":smile: ", "++a+", "++\"a\"+", "$a", "\\(a", "[[a", "[=1", "\"a ", "'", "--", "1/2", "1st ", "#1 ", "a/b#1 ", "a  \n", "[^a",
		} {
			renderWith(parser, strings.Repeat(part, 20_000/len(part)))
		}
	}
}

func FuzzParse(f *testing.F) {
	var parsers []*inline.Parser

	for _, extensions := range []map[string]map[string]any{techdocs(), everything(), nil} {
		parser, err := inline.New(inline.Config{Extensions: extensions})
		require.NoError(f, err)

		parsers = append(parsers, parser)
	}

	for _, seed := range []string{
		"*a **b*** `c` [d](e \"f\") ![g][ref] <h@i.j> http://k.l/m &n; <b>o</b> :smile: \\*", "***a *b* c** d*", "[a](b \"[c](d)", "`#!go x` ^a^ ~~b~~ ==c==",
		"++ctrl+\"a\"++ $x$ \\(y\\) [[z]] [=50% \"t\"] @a/b#1 'q' \"r\" (c) 1/2",
	} {
		f.Add(seed)
	}

	f.Fuzz(func(_ *testing.T, text string) {
		for _, parser := range parsers {
			renderWith(parser, text)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	parser, err := inline.New(inline.Config{Extensions: techdocs()})
	require.NoError(b, err)

	for name, text := range map[string]string{
		"plain": strings.Repeat("Words without any mark, as most of the text of a page is. ", 10),
		"rich":  strings.Repeat("Some *words* of `code`, a [link](there \"title\"), **strong** ones, snake_case and http://a.example/b. ", 10),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()

			for b.Loop() {
				renderWith(parser, text)
			}
		})
	}
}
