package expression_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

var hosts = map[string]string{
	"github.com": "github", "localhost:3000": "github", "gitlab.com": "gitlab", "dev.azure.com": "azure",
	"bitbucket.org": "bitbucketCloud", "bitbucket.local": "bitbucketServer", "gitea.com": "gitea", "gerrit.local": "gerrit",
}

func renderer() *expression.Renderer { return newRenderer(false) }

func newRenderer(legacy bool) *expression.Renderer {
	return expression.New(expression.Options{
		IntegrationType: func(host string) (string, bool) {
			kind, ok := hosts[host]
			return kind, ok
		},
		LegacyValueCoercion: legacy,
	})
}

func decode(t *testing.T, text string) nunjucks.Value {
	t.Helper()
	value, err := nunjucks.DecodeJSON([]byte(text))
	require.NoError(t, err)
	return value
}

// testData returns the data for expressions: a fresh copy of data.
func testData(t *testing.T) *nunjucks.Object {
	t.Helper()
	object, ok := decode(t, data).(*nunjucks.Object)
	require.True(t, ok)
	return object
}

// render renders a value with the data and ignores failures.
func render(t *testing.T, renderer *expression.Renderer, value nunjucks.Value) nunjucks.Value {
	t.Helper()
	rendered, _ := renderer.Render(t.Context(), value, testData(t))
	return rendered
}

// show formats a value as JSON, or as the word undefined.
func show(t *testing.T, v nunjucks.Value) string {
	t.Helper()
	if v == nunjucks.Undefined {
		return "undefined"
	}
	text, err := nunjucks.EncodeJSON(v)
	require.NoError(t, err)
	return string(text)
}

const data = `{
	"parameters": {"o": {"k": [1, "2"]}, "b": true, "n": 5, "s": "text", "empty": "", "nothing": null,
		"repo": "github.com?owner=acme&repo=shop", "owner": "group:team/one"},
	"steps": {"fetch": {"output": {"files": ["a", "b"]}}},
	"t": true, "n": 5
}`

func TestRender(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ input, expected string }{
		"object":                {`"${{ parameters.o }}"`, `{"k":[1,"2"]}`},
		"object in text":        {`"x ${{ parameters.o }}"`, `"x [object Object]"`},
		"boolean":               {`"${{ parameters.b }}"`, `true`},
		"number":                {`"${{ parameters.n }}"`, `5`},
		"null":                  {`"${{ parameters.nothing }}"`, `null`},
		"empty":                 {`"${{ parameters.empty }}"`, `""`},
		"empty source":          {`""`, `""`},
		"missing in text":       {`"v=${{ parameters.nope }}"`, `"v="`},
		"dump is text":          {`"${{ parameters.o | dump }}"`, `"{\"k\":[1,\"2\"]}"`},
		"statement is text":     {`"{% if parameters.b %}yes{% endif %}"`, `"yes"`},
		"false statement":       {`"{% if false %}yes{% endif %}"`, `""`},
		"two outputs":           {`"${{ parameters.n }}${{ parameters.n }}"`, `"55"`},
		"comment and output":    {`"{# c #}${{ parameters.n }}"`, `5`},
		"trimmed output":        {`"${{- parameters.n -}}"`, `5`},
		"space around":          {`" ${{ parameters.n }}"`, `" 5"`},
		"syntax error":          {`"${{ parameters. }}"`, `"${{ parameters. }}"`},
		"unknown function":      {`"${{ unknown() }}"`, `"${{ unknown() }}"`},
		"unknown filter":        {`"${{ parameters.n | nope }}"`, `"${{ parameters.n | nope }}"`},
		"not ours":              {`"{{ parameters.n }}"`, `"{{ parameters.n }}"`},
		"bare comment end":      {`"a #} b"`, `"a #} b"`},
		"regular expression":    {`"${{ r/x/g }}"`, `"/x/g"`},
		"function":              {`"${{ range }}"`, `"${{ range }}"`},
		"other values":          {`[1, true, null, {"a": 1.5}]`, `[1,true,null,{"a":1.5}]`},
		"undefined member":      {`{"a": "${{ parameters.nope }}", "b": "${{ parameters.n }}"}`, `{"b":5}`},
		"undefined item":        {`["${{ parameters.nope }}", 1]`, `[null,1]`},
		"keys are not rendered": {`{"${{ parameters.n }}": "${{ parameters.n }}"}`, `{"${{ parameters.n }}":5}`},
		"results are final":     {`"${{ '$' + '{{ parameters.n }' + '}' }}"`, `"${{ parameters.n }}"`},
		"step output":           {`"${{ steps.fetch.output.files | last }}"`, `"b"`},
		"missing step":          {`{"x": "${{ steps.nope.output.files }}"}`, `{}`},
		"order of keys":         {`{"z": 1, "a": "${{ 2 }}", "m": 3}`, `{"z":1,"a":2,"m":3}`},
	}
	renderer := renderer()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rendered := render(t, renderer, decode(t, tc.input))
			require.Equal(t, tc.expected, show(t, rendered))
		})
	}
}

func TestRenderUndefined(t *testing.T) {
	t.Parallel()
	require.Equal(t, nunjucks.Value(nunjucks.Undefined),
		render(t, renderer(), "${{ parameters.o.x.y.z }}"))
}

// TestRenderSharesNothing shows that a result does not change when the data changes.
func TestRenderSharesNothing(t *testing.T) {
	t.Parallel()
	variables := testData(t)
	whole, _ := renderer().Render(t.Context(), "${{ parameters.o }}", variables)
	rendered, ok := whole.(*nunjucks.Object)
	require.True(t, ok)
	rendered.Set("k", "changed")
	renderer().Render(t.Context(), "${{ parameters.o.k.push(3) }}", variables)
	require.Equal(t, show(t, decode(t, data)), show(t, variables))
}

func TestLegacyValueCoercion(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ input, expected string }{
		"empty":                  {`[""]`, `[null]`},
		"false statement":        {`["{% if false %}x{% endif %}"]`, `[null]`},
		"statement":              {`"{% if true %}false{% endif %}"`, `false`},
		"number in statement":    {`"{% if true %}${{ parameters.n }}{% endif %}"`, `5`},
		"trimmed output":         {`"${{- parameters.n -}}"`, `"5"`},
		"missing in text":        {`"x ${{ parameters.nope }}"`, `"x "`},
		"empty output":           {`"${{ '' }}"`, `""`},
		"missing":                {`["${{ parameters.nope }}"]`, `[null]`},
		"null":                   {`"${{ null }}"`, `null`},
		"dump":                   {`"${{ parameters.o | dump }}"`, `"{\"k\":[1,\"2\"]}"`},
		"object":                 {`"${{ parameters.o }}"`, `{"k":[1,"2"]}`},
		"error":                  {`"${{ unknown() }}"`, `"${{ unknown() }}"`},
		"text that looks native": {`"5"`, `"5"`},
	}
	renderer := newRenderer(true)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rendered := render(t, renderer, decode(t, tc.input))
			require.Equal(t, tc.expected, show(t, rendered))
		})
	}
}

func TestCondition(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		source         string
		previousFailed bool
		result, asked  bool
	}{
		"boolean":             {source: "${{ parameters.b }}", result: true},
		"missing":             {source: "${{ parameters.nope }}"},
		"empty list":          {source: "${{ [] }}"},
		"list":                {source: "${{ [0] }}", result: true},
		"empty object":        {source: "${{ {} }}", result: true},
		"zero":                {source: "${{ 0 }}"},
		"text false":          {source: "${{ 'false' }}", result: true},
		"text":                {source: "prefix ${{ false }}", result: true},
		"empty text":          {source: ""},
		"always":              {source: "${{ always() }}", result: true, asked: true},
		"failure":             {source: "${{ failure() }}", asked: true},
		"failure after one":   {source: "${{ failure() }}", previousFailed: true, result: true, asked: true},
		"not reached":         {source: "${{ false and always() }}"},
		"asked, but not true": {source: "${{ failure() and parameters.empty }}", previousFailed: true, asked: true},
	}
	renderer := renderer()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result, asked, err := renderer.Condition(t.Context(), tc.source, testData(t), tc.previousFailed)
			require.NoError(t, err)
			require.Equal(t, tc.result, result, "result")
			require.Equal(t, tc.asked, asked, "asked")
		})
	}
}

// TestAConditionThatCannotBeEvaluatedIsAnError: a step with a broken condition must not run.
func TestAConditionThatCannotBeEvaluatedIsAnError(t *testing.T) {
	t.Parallel()
	for source, cause := range map[string]string{
		"${{ nope() }}":                "${{ nope() }}: unable to call `nope`, which is undefined or falsey",
		"${{ parameters.b | toBool }}": "${{ parameters.b | toBool }}: filter not found: toBool",
		"${{ parameters. }}":           "${{ parameters. }}: ",
		"${{ range }}":                 "${{ range }}: ",
	} {
		for _, legacy := range []bool{false, true} {
			if legacy && source == "${{ range }}" {
				continue // it prints functions
			}
			result, _, err := newRenderer(legacy).Condition(t.Context(), source, testData(t), false)
			require.ErrorContains(t, err, cause)
			require.False(t, result, source)
		}
	}
	_, asked, err := renderer().Condition(t.Context(), "${{ always() and nope() }}", testData(t), true)
	require.Error(t, err)
	require.True(t, asked, "it asked before it failed")
}

func TestFailuresNameTheirExpressionAndCause(t *testing.T) {
	t.Parallel()
	long := "${{ parameters.n | nope }}" + strings.Repeat("x", 300)
	value := decode(t, `{"a":["fine","${{ parameters.n | nope }}"],"b":{"c":"first\n  ${{ hashFiles('**/go.sum') }}\nlast"},"d":"${{ parameters. }}","e":"${{ parameters.n }}"}`)
	_, failures := renderer().Render(t.Context(), value, testData(t))
	require.Len(t, failures, 3)
	for i, expected := range []struct{ path, message string }{
		{".a[1]", "${{ parameters.n | nope }}: filter not found: nope"},
		{".b.c", "${{ hashFiles('**/go.sum') }}: unable to call `hashFiles`, which is undefined or falsey"},
		{".d", "${{ parameters. }}: "},
	} {
		require.Equal(t, expected.path, failures[i].Path)
		require.ErrorContains(t, &failures[i], expected.message)
		require.Same(t, &failures[i], failures.At(expected.path))
	}
	require.Nil(t, failures.At(".e"))
	_, failures = renderer().Render(t.Context(), long, testData(t))
	require.Equal(t, long[:200]+"…", failures[0].ShownSource())
}

func TestStatusInInput(t *testing.T) {
	t.Parallel()
	renderer := renderer()
	render := func(ctx context.Context) nunjucks.Value {
		rendered, _ := renderer.Render(ctx, "${{ 'failed' if failure() else 'fine' }}", nil)
		return rendered
	}
	require.Equal(t, "fine", render(t.Context()))
	require.Equal(t, "failed", render(expression.WithFailure(t.Context())))
}

func TestOutput(t *testing.T) {
	t.Parallel()
	output := decode(t, `{
		"links": [
			{"title": "yes", "if": "${{ parameters.b }}"},
			{"title": "no", "if": "${{ parameters.empty }}"},
			{"title": "empty", "if": "${{ [] }}"},
			{"title": "removed condition", "if": "${{ parameters.nope }}"},
			{"title": "${{ parameters.s }}"},
			"plain"
		],
		"text": [{"if": false, "content": "x"}],
		"other": "${{ parameters.n }}"
	}`)
	rendered, failures := renderer().Output(t.Context(), output, testData(t))
	require.Empty(t, failures)
	require.JSONEq(t, `{
		"links": [{"title": "yes"}, {"title": "removed condition"}, {"title": "text"}, "plain"],
		"text": [],
		"other": 5
	}`, show(t, rendered))
	empty, _ := renderer().Output(t.Context(), nil, nil)
	require.Equal(t, `{}`, show(t, empty))
}

func TestHostExtensions(t *testing.T) {
	t.Parallel()
	shout := func(_ context.Context, args []nunjucks.Value, _ *nunjucks.Object) (nunjucks.Value, error) {
		return args[0].(string) + "!", nil
	}
	renderer := expression.New(expression.Options{
		Filters: map[string]nunjucks.Function{"upper": shout},
		Globals: map[string]nunjucks.Value{"site": "acme", "shout": nunjucks.Function(shout)},
	})
	rendered, _ := renderer.Render(t.Context(), "${{ site | upper }} ${{ shout('a') }}", nil)
	require.Equal(t, "acme! a!", rendered)
}
