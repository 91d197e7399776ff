package nunjucks_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// TestLimits shows that a template that would take forever, or all memory, ends soon with an error that names
// the limit.
func TestLimits(t *testing.T) {
	t.Parallel()
	doubling := "{% set x = 'ab' %}" + strings.Repeat("{% set x = x ~ x %}", 64)
	cases := map[string]struct{ template, limits string }{
		"recursive macro":       {"{% macro m() %}${{ m() }}{% endmacro %}${{ m() }}", "Depth"},
		"recursive caller":      {"{% macro m() %}{% call m() %}${{ caller() }}{% endcall %}{% endmacro %}${{ m() }}", "Depth"},
		"recursive block":       {"{% block b %}{% block c %}{% endblock %}${{ loop }}{% endblock %}{% macro m() %}${{ m() }}{% endmacro %}${{ m() }}", "Depth"},
		"huge range":            {"${{ range(1000000000000) }}", "AllocationBytes Steps"},
		"endless range":         {"${{ range(0, 1, 1e-300) | length }}${{ range('1', '3') }}", "AllocationBytes Steps"},
		"tiny step":             {"${{ range(0, 1, 0.0000000001) | length }}", "AllocationBytes Steps"},
		"huge string":           {"${{ 'x'.repeat(1000000000) }}", "AllocationBytes Steps"},
		"padding":               {"${{ 'x'.padStart(100000000000) }}", "AllocationBytes Steps"},
		"centred":               {"${{ 'x' | center(100000000000) }}", "AllocationBytes Steps"},
		"indented":              {"${{ 'x\ny' | indent(100000000000) }}", "AllocationBytes Steps"},
		"doubling string":       {doubling + "${{ x | length }}", "AllocationBytes Steps"},
		"doubling list":         {"{% set x = [1] %}{% for i in range(99) %}{% set x = x.concat(x) %}{% endfor %}", "AllocationBytes Steps"},
		"tower of lists":        {"{% set x = ['a'] %}{% for i in range(99) %}{% set x = [x, x] %}{% endfor %}${{ x }}", "AllocationBytes Steps"},
		"dump of a tower":       {"{% set x = ['a'] %}{% for i in range(99) %}{% set x = [x, x] %}{% endfor %}${{ x | dump }}", "AllocationBytes Steps"},
		"nested loops":          {"{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}", "Steps"},
		"growing loop":          {"{% set l = [1] %}{% for x in l %}{% set z = l.push(x) %}{% endfor %}", "AllocationBytes Steps"},
		"replacing everything":  {"${{ 'aaaaaaaaaa'.repeat(100000) | replace('', 'x'.repeat(100000)) }}", "AllocationBytes Steps"},
		"long output":           {"{% for a in range(99999) %}${{ 'x'.repeat(1000) }}{% endfor %}", "OutputBytes"},
		"long length":           {"${{ {length: 1000000000000} | reverse }}", "AllocationBytes Steps"},
		"long slices":           {"${{ [1] | slice(1000000000000) }}", "AllocationBytes Steps"},
		"long batch":            {"${{ [1] | batch(1000000000000, 'x') }}", "AllocationBytes Steps"},
		"exponential regex":     {"${{ ('a'.repeat(60) ~ 'b').replace(r/(a+)+$/, '') }}", "RegexTime"},
		"exponential test":      {"${{ r/^(([a-z])+.)+[A-Z]([a-z])+$/.test('a'.repeat(200)) }}", "RegexTime"},
		"endless sort":          {"{% set l = range(100000) %}{% for i in range(9999) %}{% set z = l | sort %}{% endfor %}", "Steps"},
		"endless text searches": {"{% set s = 'x'.repeat(900000) %}{% for i in range(99999) %}${{ s.length }}{% endfor %}", "Steps"},
	}
	limits := nunjucks.Limits{
		Time: time.Minute, Steps: 1_000_000, OutputBytes: 4 << 20, AllocationBytes: 32 << 20, RegexTime: 100 * time.Millisecond,
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			template, err := nunjucks.New(nunjucks.Options{Limits: limits}).Parse(tc.template)
			require.NoError(t, err)
			_, err = template.Render(t.Context(), nil)
			var limit *nunjucks.LimitError
			require.ErrorAs(t, err, &limit)
			require.Contains(t, tc.limits, limit.Limit)
		})
	}
}

func TestTimeLimit(t *testing.T) {
	t.Parallel()
	limits := nunjucks.Limits{Time: 20 * time.Millisecond, Steps: 1 << 40}
	template, err := nunjucks.New(nunjucks.Options{Limits: limits}).Parse(
		"{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}")
	require.NoError(t, err)
	_, err = template.Render(t.Context(), nil)
	var limit *nunjucks.LimitError
	require.ErrorAs(t, err, &limit)
	require.Equal(t, "Time", limit.Limit)
}

func TestCancelledContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	template, err := nunjucks.New(nunjucks.Options{}).Parse("x")
	require.NoError(t, err)
	_, err = template.Render(ctx, nil)
	require.ErrorIs(t, err, context.Canceled)
}

// TestParseLimits shows that no source makes the parser or the compiler recurse or grow without bound.
func TestParseLimits(t *testing.T) {
	t.Parallel()
	const n = 200_000
	for name, source := range map[string]string{
		"brackets":     "${{ " + strings.Repeat("(", n) + strings.Repeat(")", n) + " }}",
		"lists":        "${{ " + strings.Repeat("[", n) + " }}",
		"dictionaries": "${{ " + strings.Repeat("{a:", n) + " }}",
		"calls":        "${{ " + strings.Repeat("f(", n) + " }}",
		"indexes":      "${{ " + strings.Repeat("f[", n) + " }}",
		"signs":        "${{ " + strings.Repeat("-+", n) + "1 }}",
		"nots":         "${{ " + strings.Repeat("not ", n) + "1 }}",
		"blocks":       strings.Repeat("{% if x %}", n),
		"elifs":        "{% if x %}" + strings.Repeat("{% elif x %}", n) + "{% endif %}",
		"sums":         "${{ 1" + strings.Repeat(" + 1", n) + " }}",
		"comparisons":  "${{ 1" + strings.Repeat(" < 1", n) + " }}",
		"filters":      "${{ 1" + strings.Repeat(" | abs", n) + " }}",
		"members":      "${{ a" + strings.Repeat(".a", n) + " }}",
		"conditions":   "${{ " + strings.Repeat("1 if 1 else (", n) + " }}",
		"doubled body": strings.Repeat("{% for a, b in x %}", 60) + strings.Repeat("{% endfor %}", 60),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := nunjucks.New(nunjucks.Options{}).Parse(source)
			var syntax *nunjucks.SyntaxError
			require.ErrorAs(t, err, &syntax)
		})
	}
}

// TestErrorsInsideNestedFunctions shows that a failure deep in the compiler unwinds cleanly.
func TestErrorsInsideNestedFunctions(t *testing.T) {
	t.Parallel()
	for _, source := range []string{
		"{% for a in b %}{% macro m() %}${{ () }}{% endmacro %}{% endfor %}",
		"{% for a in b %}{% call m() %}{% for c in d %}${{ () }}{% endfor %}{% endcall %}{% endfor %}",
		"{% block x %}{% for a, b in c %}{% macro m(y=()) %}{% endmacro %}{% endfor %}{% endblock %}",
	} {
		_, err := nunjucks.New(nunjucks.Options{}).Parse(source)
		var syntax *nunjucks.SyntaxError
		require.ErrorAs(t, err, &syntax)
	}
}

func TestSourceLimit(t *testing.T) {
	t.Parallel()
	_, err := nunjucks.New(nunjucks.Options{Limits: nunjucks.Limits{SourceBytes: 10}}).Parse(strings.Repeat("x", 11))
	var limit *nunjucks.LimitError
	require.ErrorAs(t, err, &limit)
	require.Equal(t, "SourceBytes", limit.Limit)
}

// TestDeepValues shows that values nested too deep for the stack are refused wherever they are walked.
func TestDeepValues(t *testing.T) {
	t.Parallel()
	build := "{% set x = [] %}{% for i in range(50000) %}{% set x = [x] %}{% endfor %}"
	for _, use := range []string{"${{ x }}", "${{ x | dump }}", "${{ x.flat(100000) }}", "${{ x ~ '' }}"} {
		template, err := nunjucks.New(nunjucks.Options{}).Parse(build + use)
		require.NoError(t, err)
		_, err = template.Render(t.Context(), nil)
		require.Error(t, err, use)
	}
	_, err := nunjucks.DecodeJSON([]byte(strings.Repeat("[", 100_000)))
	require.Error(t, err)
}

// TestErrorsHavePositions shows the positions in errors.
func TestErrorsHavePositions(t *testing.T) {
	t.Parallel()
	_, err := nunjucks.New(nunjucks.Options{}).Parse("line\n  ${{ a b }}")
	var syntax *nunjucks.SyntaxError
	require.ErrorAs(t, err, &syntax)
	require.Equal(t, 2, syntax.Line)
	require.Equal(t, 9, syntax.Column)

	template, err := nunjucks.New(nunjucks.Options{}).Parse("line\n\n  ${{ missing() }}")
	require.NoError(t, err)
	_, err = template.Render(t.Context(), nil)
	var failure *nunjucks.RenderError
	require.ErrorAs(t, err, &failure)
	require.Equal(t, 3, failure.Line)
	require.ErrorContains(t, err, "unable to call `missing`")
}

// TestHostFunctions shows which arguments a function of the host gets, and that its error ends the rendering.
func TestHostFunctions(t *testing.T) {
	t.Parallel()
	cause := errors.New("no such thing")
	env := nunjucks.New(nunjucks.Options{
		Filters: map[string]nunjucks.Function{
			"show": func(_ context.Context, args []nunjucks.Value, kwargs *nunjucks.Object) (nunjucks.Value, error) {
				return &nunjucks.Array{Items: append(args, kwargs.Keys())}, nil
			},
		},
		Globals: map[string]nunjucks.Value{
			"site": "acme",
			"broken": nunjucks.Function(func(context.Context, []nunjucks.Value, *nunjucks.Object) (nunjucks.Value, error) {
				return nil, cause
			}),
		},
	})
	template, err := env.Parse("${{ site }}${{ broken() }}")
	require.NoError(t, err)
	_, err = template.Render(t.Context(), nil)
	require.ErrorIs(t, err, cause)
}

// TestErrorsOfFiltersNameWhatHasNoValue: an author looks for the name, which the filter does not know.
func TestErrorsOfFiltersNameWhatHasNoValue(t *testing.T) {
	t.Parallel()
	env := nunjucks.New(nunjucks.Options{Filters: map[string]nunjucks.Function{
		"strict": func(_ context.Context, args []nunjucks.Value, _ *nunjucks.Object) (nunjucks.Value, error) {
			if text, isText := args[0].(string); isText {
				return text, nil
			}
			return nil, errors.New("it is no text")
		},
	}})
	for source, want := range map[string]string{
		"${{ values.repoUrl | strict }}":                "strict: it is no text: values.repoUrl has no value",
		"${{ values['repoUrl'] | strict | upper }}":     "strict: it is no text: values.repoUrl has no value",
		"${{ repoUrl | strict }}":                       "strict: it is no text: repoUrl has no value",
		"${{ values.number | strict }}":                 "strict: it is no text",
		"${{ (values.repoUrl or none) | strict }}":      "strict: it is no text",
		"${{ values[values.repoUrl] | strict }}":        "strict: it is no text",
		"${{ values.repoUrl | default('x') | strict }}": "",
	} {
		template, err := env.Parse(source)
		require.NoError(t, err, source)
		data, err := nunjucks.DecodeJSON([]byte(`{"values":{"number":1}}`))
		require.NoError(t, err)
		_, err = template.Render(t.Context(), data.(*nunjucks.Object))
		if want == "" {
			require.NoError(t, err, source)
			continue
		}
		require.Regexp(t, regexp.QuoteMeta(want)+"$", err.Error(), source)
	}
}

// TestEveryFunctionIsBoundedInTime renders templates that once spent unbounded time in a single step, which
// no limit could stop. At these sizes they exceeded the timeout of the tests.
func TestEveryFunctionIsBoundedInTime(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]string{
		"digits of a base":       "${{ ('z'.repeat(30000000)) | int(0, 36) }}",
		"groups of a pattern":    "${{ 'a'.match('('.repeat(8000) ~ ')'.repeat(8000)) }}",
		"braces of a pattern":    "${{ 'a'.match('{'.repeat(16000)) }}",
		"references":             `${{ 'a'.match('\\1'.repeat(5000)) }}`,
		"a needle from behind":   "${{ 'x'.repeat(60000000).lastIndexOf('y' ~ 'x'.repeat(30000000)) }}",
		"a wide needle":          "${{ 'é'.repeat(1000000).indexOf('é'.repeat(500000) ~ 'z') }}",
		"a wide needle, behind":  "${{ 'é'.repeat(1000000).lastIndexOf('é'.repeat(500000) ~ 'z') }}",
		"a wide needle, all":     "${{ 'é'.repeat(500000).replaceAll('é'.repeat(250000) ~ 'z', '') | length }}",
		"comments without end":   "${{ '<!--<b>'.repeat(3000000) | striptags | length }}",
		"tags without end":       "${{ '<a '.repeat(3000000) | striptags | length }}",
		"patterns in the source": "${{ [" + strings.Repeat("r/"+strings.Repeat("(", 4000)+strings.Repeat(")", 4000)+"/,", 100) + "1] | length }}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			template, err := nunjucks.New(nunjucks.Options{}).Parse(source)
			if err == nil {
				_, err = template.Render(t.Context(), nil)
			}
			if err != nil {
				require.True(t, nunjucks.IsLimit(err), "%v", err)
			}
		})
	}
}
