package highlight

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/lexers"
	"github.com/stretchr/testify/require"
)

// languages are those that documentation has most.
var languages = strings.Fields(`bash bat c c++ console css csharp diff docker go graphql groovy hcl html http ini java javascript json kotlin lua make markdown nginx php
	powershell properties protobuf python ruby rust scala sql swift toml typescript xml yaml`)

// TestTokensAreThoseOfChroma runs lexers over texts of many languages.
func TestTokensAreThoseOfChroma(t *testing.T) {
	t.Parallel()
	var sources []string
	for _, pattern := range []string{"*.go", "../../../../tools/*.sh", "../../../../Makefile", "../../../../mkdocs.yml", "../../../../package.json", "../emoji/*.go", "../../../../tools/*/*.py",
		"../../../../web/vite.config.ts", "../../../../web/index.html", "../../../../db/queries/runs.sql", "../../../../README.md", "../../../../Dockerfile"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files[:min(len(files), 2)] {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			text := string(content)
			sources = append(sources, text[:min(len(text), 700)]+"\n")
		}
	}
	sources = append(sources, "$ make test\nok\n>>> print('é' + \"x\")\n{\"a\": [1, -2.5e3, null]} <b class='x'>&amp;</b> # c\n\"unclosed\n'/* x\n\x00\x0b\u00a0x \u2028\n", "\n\n", "é\nß K\u212a ſ\n")
	require.Greater(t, len(sources), 8)
	for _, language := range languages {
		lexer := lexers.Get(language)
		if lexer == nil {
			continue
		}
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			for _, source := range sources {
				want, wantErr := attempt(func() ([]chroma.Token, error) {
					return chroma.Tokenise(lexer, &chroma.TokeniseOptions{State: rootState}, source)
				})
				got, gotErr := attempt(func() ([]chroma.Token, error) { return tokenise(lexer, source) })
				require.Equal(t, wantErr, gotErr)
				require.Equal(t, join(want), join(got))
			}
		})
	}
}

// attempt reports a panic as a failure, as tokens does.
func attempt(do func() ([]chroma.Token, error)) (tokens []chroma.Token, failed bool) {
	defer func() {
		if recover() != nil {
			failed = true
		}
	}()
	tokens, err := do()
	return tokens, err != nil
}

func join(tokens []chroma.Token) string {
	var out strings.Builder
	for _, token := range tokens {
		out.WriteString(token.Type.String() + " " + token.Value + "\n")
	}
	return out.String()
}
