package highlight_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/techdocs/markdown/internal/highlight"
	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

var tokenSpan = regexp.MustCompile(`<span class="(?:[a-z0-9]{1,2}|w)(?: [a-zA-Z-]+)*">([^<]*)</span>`)

type request struct {
	Source         string `json:"src"`
	Language       string
	HighlightLines []int `json:"hl_lines"`
	LineStart      *int
	LineStep       *int
	LineSpecial    *int
	Classes        []string
	ID             string `json:"id_value"`
	Attrs          map[string]string
	Title          *string
	Block          int `json:"code_block_count"`
}

func (r request) request() highlight.Request {
	given := func(value *int) int {
		if value == nil {
			return -1
		}

		return *value
	}

	made := highlight.Request{
		Source: r.Source, Language: r.Language, HighlightLines: r.HighlightLines, Classes: r.Classes, ID: r.ID, Block: r.Block,
		LineStart: given(r.LineStart), LineStep: given(r.LineStep), LineSpecial: given(r.LineSpecial),
	}

	for key, value := range r.Attrs {
		made.Attrs = append(made.Attrs, tree.Attr{Key: key, Value: value})
	}

	slices.SortFunc(made.Attrs, func(a, b tree.Attr) int { return -strings.Compare(a.Key, b.Key) })

	if r.Title != nil {
		made.Title, made.HasTitle = *r.Title, true
	}

	return made
}

// TestPython compares with what pymdownx.highlight 11.0.1 and Pygments 2.21.0 made of the same requests, but for the tokens in the lines.
func TestPython(t *testing.T) {
	t.Parallel()

	content, err := os.ReadFile("testdata/python.json")
	require.NoError(t, err)

	var cases []struct {
		Options map[string]any
		Request request
		HTML    string
	}
	require.NoError(t, json.Unmarshal(content, &cases))
	require.Greater(t, len(cases), 30)

	for _, test := range cases {
		// A number in mkdocs.yml is an int.
		if special, ok := test.Options["linenums_special"].(float64); ok {
			test.Options["linenums_special"] = int(special)
		}

		highlighter, err := highlight.New(test.Options)
		require.NoError(t, err)
		require.Equal(t, tokenSpan.ReplaceAllString(test.HTML, "$1"),
			tokenSpan.ReplaceAllString(highlighter.Block(test.Request.request()), "$1"), "%+v with %v", test.Request, test.Options)
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()

	highlighter, err := highlight.New(map[string]any{"pygments_lang_class": true})
	require.NoError(t, err)

	inner, class := highlighter.Inline("x = 1", "py", "", "")
	require.Equal(t, "language-py highlight", class)
	require.Contains(t, inner, `<span class="mi">1</span>`)

	inner, class = highlighter.Inline("<x>", "nothing", "", "mine")
	require.Equal(t, "language-text mine", class)
	require.Equal(t, "&lt;x&gt;", inner)

	// A token of several lines is one in each line.
	block := highlighter.Block(highlight.Request{Source: "/* a\nb */", Language: "js", LineStart: -1, LineStep: -1, LineSpecial: -1})
	require.Contains(t, block, `<span class="cm">/* a</span>`+"\n"+`<span class="cm">b */</span>`+"\n")
}

// TestLanguages says which names Pygments knows, in any case, and that code in all of them keeps its text.
func TestLanguages(t *testing.T) {
	t.Parallel()

	highlighter, err := highlight.New(map[string]any{"pygments_lang_class": true})
	require.NoError(t, err)

	for name := range strings.FieldsSeq(`golang yml sh console shell-session hcl terraform docker text js ts json diff sql java kotlin rust c cpp
		csharp ruby php html xml css scss toml ini make cmake nginx powershell bat graphql protobuf groovy scala swift lua perl r elixir erlang
		haskell jinja go python yaml bash makefile dockerfile tf pycon ps1 vim zsh http properties Python YAML`) {
		_, class := highlighter.Inline("a: b # c", name, "", "")
		require.Equal(t, "language-"+name+" highlight", class)
	}

	for _, name := range []string{"plantuml", "mermaid", "jsonc", "plain", "shellscript", "none", "env", "no such"} {
		inner, class := highlighter.Inline("a: b # c", name, "", "")
		require.Equal(t, "language-text highlight", class, name)
		require.Equal(t, "a: b # c", inner)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()

	_, err := highlight.New(map[string]any{"line_nums": true})
	require.ErrorContains(t, err, `there is no option "line_nums"`)
}

func BenchmarkBlock(b *testing.B) {
	highlighter, err := highlight.New(map[string]any{"pygments_lang_class": true, "linenums": true})
	require.NoError(b, err)

	source, err := os.ReadFile("highlight.go")
	require.NoError(b, err)

	b.SetBytes(int64(len(source)))

	for b.Loop() {
		highlighter.Block(highlight.Request{Source: string(source), Language: "go", LineStart: -1, LineStep: -1, LineSpecial: -1})
	}
}
