package terminal_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/terminal"
)

func TestControlCharactersAreShown(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct{ visible, line string }{
		"plain Größe 🚀 \ufffd":                  {"plain Größe 🚀 \ufffd", "plain Größe 🚀 \ufffd"},
		"a\x1b[31mred":                          {`a\u001b[31mred`, `a\u001b[31mred`},
		"\x1b]0;title\a":                        {`\u001b]0;title\u0007`, `\u001b]0;title\u0007`},
		"over\rwritten\b":                       {`over\u000dwritten\u0008`, `over\u000dwritten\u0008`},
		"\u009b2J":                              {`\u009b2J`, `\u009b2J`},
		"raw \x9b2J":                            {`raw \x9b2J`, `raw \x9b2J`},
		"\u202egnp.exe \u2066x\u2069\u200f\x7f": {`\u202egnp.exe \u2066x\u2069\u200f\u007f`, `\u202egnp.exe \u2066x\u2069\u200f\u007f`},
		"two\nlines\tand\r\nthree\u2028":        {"two\nlines\tand\\u000d\nthree\\u2028", `two\nlines\tand\nthree\u2028`},
		"cut \xe2\x82":                          {`cut \xe2\x82`, `cut \xe2\x82`},
	} {
		require.Equal(t, want.visible, terminal.Visible(text))
		require.Equal(t, want.line, terminal.Line(text))
		var out bytes.Buffer
		written, err := terminal.NewWriter(&out).Write([]byte(text))
		require.NoError(t, err)
		require.Equal(t, len(text), written)
		require.Equal(t, want.visible, out.String())
	}
}

func TestJSONKeepsItsMeaning(t *testing.T) {
	t.Parallel()
	told := map[string]string{"title": "\x1b[2J\u202e\u009b\x7f\n", "other": "Größe"}
	encoded, err := json.Marshal(told)
	require.NoError(t, err)
	var read map[string]string
	require.NoError(t, json.Unmarshal([]byte(terminal.Visible(string(encoded))), &read))
	require.Equal(t, told, read)
}

func FuzzNothingReachesTheTerminal(f *testing.F) {
	f.Add("a\x1b[31m\u202e\x9b\n\t")
	f.Fuzz(func(t *testing.T, text string) {
		visible, line := terminal.Visible(text), terminal.Line(text)
		for _, shown := range []string{visible, line} {
			require.True(t, utf8.ValidString(shown))
			require.False(t, strings.ContainsFunc(strings.NewReplacer("\n", "", "\t", "").Replace(shown), func(r rune) bool {
				return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
			}))
		}
		require.NotContains(t, line, "\n")
	})
}
