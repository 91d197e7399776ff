package nunjucks_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/budget"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

func TestPatternsReplaceAsInJavaScript(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ pattern, flags, text, replacement, want string }{
		"first only":       {"o", "", "foo", "0", "f0o"},
		"all":              {"o", "g", "foo", "0", "f00"},
		"references":       {`(\w+) (\w+)`, "", "hello world", "$2 $1 $& $$ $3", "world hello hello world $ $3"},
		"named":            {`(?<y>\d{4})-(?<m>\d\d)`, "g", "2024-05", "$<m>/$<y>", "05/2024"},
		"case, lines":      {"^b", "gim", "B\nb", "x", "x\nx"},
		"dot":              {"a.b", "g", "a\nb", "x", "a\nb"},
		"dot of all":       {"a.b", "gs", "a\nb", "x", "x"},
		"sticky":           {"b", "y", "ab", "x", "ab"},
		"indices":          {"b", "d", "ab", "x", "ax"},
		"units":            {"^.$", "", "😀", "x", "😀"},
		"the empty string": {"", "g", "ab", "-", "-a-b-"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pattern, err := nunjucks.CompilePattern(test.pattern, test.flags)
			require.NoError(t, err)
			replaced, err := pattern.Replace(t.Context(), test.text, test.replacement)
			require.NoError(t, err)
			require.Equal(t, test.want, replaced)
		})
	}
	for pattern, flags := range map[string]string{"(": "", `\p{L}`: "u", `[\P{L}]`: "u", `\u{61}`: "u", "a": "gg"} {
		_, err := nunjucks.CompilePattern(pattern, flags)
		require.Error(t, err, pattern)
	}
}

func TestReplaceAll(t *testing.T) {
	t.Parallel()
	replaced, err := nunjucks.ReplaceAll(t.Context(), "a.b aab a.b", "a.b", "[$&]")
	require.NoError(t, err)
	require.Equal(t, "[a.b] aab [a.b]", replaced)
}

func TestFindAll(t *testing.T) {
	t.Parallel()
	pattern, err := nunjucks.CompilePattern("(a)|(b)", "")
	require.NoError(t, err)
	found, err := pattern.FindAll(t.Context(), "😀ab", 5)
	require.NoError(t, err)
	require.Equal(t, []nunjucks.Match{
		{Text: "a", Start: 2, End: 3, Groups: []nunjucks.Value{"a", nunjucks.Undefined}},
		{Text: "b", Start: 3, End: 4, Groups: []nunjucks.Value{nunjucks.Undefined, "b"}},
	}, found)
	found, err = pattern.FindAll(t.Context(), "ab", 1)
	require.NoError(t, err)
	require.Len(t, found, 1)
}

func TestPatternsAreBounded(t *testing.T) {
	t.Parallel()
	slow, err := nunjucks.CompilePattern("^(a+)+$", "")
	require.NoError(t, err)
	_, err = slow.Replace(t.Context(), strings.Repeat("a", 60)+"b", "")
	require.True(t, nunjucks.IsLimit(err))

	each, err := nunjucks.CompilePattern("a", "g")
	require.NoError(t, err)
	pool := budget.NewPool(budget.Limits{Process: 4 << 20, Account: 4 << 20})
	ctx, leave := pool.Enter(t.Context())
	defer leave()
	_, err = each.Replace(ctx, strings.Repeat("a", 100_000), strings.Repeat("b", 1000))
	require.ErrorIs(t, err, budget.ErrExhausted)

	_, err = each.Replace(t.Context(), "\xff", "")
	require.ErrorContains(t, err, "not UTF-8")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = each.FindAll(cancelled, "a", 1)
	require.ErrorIs(t, err, context.Canceled)
}

func TestNumbersAreWrittenAsInJavaScript(t *testing.T) {
	t.Parallel()
	require.Equal(t, "1e+21", nunjucks.FormatNumber(1e21))
	require.Equal(t, "9fb", nunjucks.FormatRadix(2555, 16))
	require.Equal(t, "1.50", nunjucks.FormatFixed(1.5, 2))
	require.Equal(t, "0.333", nunjucks.FormatPrecision(1.0/3, 3))
	require.InDelta(t, 8.0, nunjucks.Power(2, 3), 0)
	require.Positive(t, nunjucks.CompareText("b", "a"))
}
