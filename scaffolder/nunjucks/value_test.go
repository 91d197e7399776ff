package nunjucks_test

import (
	"bytes"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

func TestObjectKeepsJavaScriptsOrder(t *testing.T) {
	t.Parallel()
	object := nunjucks.NewObject()
	for _, key := range []string{"b", "10", "a", "2", "-1", "01", "4294967295", "0"} {
		object.Set(key, key)
	}
	require.Equal(t, []string{"0", "2", "10", "b", "a", "-1", "01", "4294967295"}, object.Keys())
	object.Set("b", "again")
	object.Delete("2")
	object.Delete("nothing")
	require.Equal(t, []string{"0", "10", "b", "a", "-1", "01", "4294967295"}, object.Keys())
	value, ok := object.Get("b")
	require.True(t, ok)
	require.Equal(t, "again", value)
	value, ok = object.Get("2")
	require.False(t, ok)
	require.Equal(t, nunjucks.Value(nunjucks.Undefined), value)
	require.Equal(t, 7, object.Len())
}

func TestObjectWithManyKeys(t *testing.T) {
	t.Parallel()
	object := nunjucks.NewObject()
	for i := range 1000 {
		object.Set(strings.Repeat("k", i+1), float64(i))
	}
	for i := 0; i < 1000; i += 2 {
		object.Delete(strings.Repeat("k", i+1))
	}
	require.Equal(t, 500, object.Len())
	value, _ := object.Get(strings.Repeat("k", 1000))
	require.InDelta(t, 999.0, value, 0)
}

func TestJSON(t *testing.T) {
	t.Parallel()
	for document, expected := range map[string]string{
		`{"b": 1, "a": {"2": [], "1": {}}}`:                  `{"b":1,"a":{"1":{},"2":[]}}`,
		`[1e21, 1e-7, -0, 1.50, 123456789012345680000, 0.1]`: `[1e+21,1e-7,0,1.5,123456789012345680000,0.1]`,
		`"\ud83d\ude00 \ud83d \u0007 \/ \u00e9"`:             `"😀 \ud83d \u0007 / é"`,
		`{"a": 1, "b": 2, "a": 3}`:                           `{"a":3,"b":2}`,
		` [ true , false , null ] `:                          `[true,false,null]`,
		`1e999`:                                              `null`,
	} {
		value, err := nunjucks.DecodeJSON([]byte(document))
		require.NoError(t, err, document)
		encoded, err := nunjucks.EncodeJSON(value)
		require.NoError(t, err, document)
		require.Equal(t, expected, string(encoded))
	}
	for _, document := range []string{``, `{`, `[1,]`, `{"a":1,}`, `{a:1}`, `01`, `1.`, `.5`, `+1`, `1e`, `"\x"`, "\"\n\"", `"a`, `nul`, `[] []`, `'a'`, `NaN`} {
		_, err := nunjucks.DecodeJSON([]byte(document))
		require.Error(t, err, document)
	}
}

func TestEncodeJSONOfUndefinedAndNaN(t *testing.T) {
	t.Parallel()
	object := nunjucks.NewObject()
	object.Set("gone", nunjucks.Undefined)
	object.Set("list", &nunjucks.Array{Items: []nunjucks.Value{nunjucks.Undefined, math.NaN(), math.Inf(1)}})
	encoded, err := nunjucks.EncodeJSON(object)
	require.NoError(t, err)
	require.Equal(t, `{"list":[null,null,null]}`, string(encoded)) //nolint:testifylint // byte for byte
	_, err = nunjucks.EncodeJSON(nunjucks.Undefined)
	require.Error(t, err)
	object.Set("self", object)
	_, err = nunjucks.EncodeJSON(object)
	require.Error(t, err)
}

func TestEncodeJSONIndent(t *testing.T) {
	t.Parallel()
	value, err := nunjucks.DecodeJSON([]byte(`{"a":[1,{}],"b":{"c":[]}}`))
	require.NoError(t, err)
	encoded, err := nunjucks.EncodeJSONIndent(value, "  ")
	require.NoError(t, err)
	require.Equal(t, "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": []\n  }\n}", string(encoded)) //nolint:testifylint // byte for byte
}

func TestIsTruthy(t *testing.T) {
	t.Parallel()
	for _, v := range []nunjucks.Value{nil, nunjucks.Undefined, false, "", 0.0, math.NaN(), &nunjucks.Array{}} {
		require.False(t, nunjucks.IsTruthy(v), "%v", v)
	}
	for _, v := range []nunjucks.Value{true, "false", "0", -1.0, nunjucks.NewObject(), &nunjucks.Array{Items: []nunjucks.Value{nil}}} {
		require.True(t, nunjucks.IsTruthy(v), "%v", v)
	}
}

func TestMember(t *testing.T) {
	t.Parallel()
	array := &nunjucks.Array{Items: []nunjucks.Value{"a", nil}}
	require.Equal(t, "a", nunjucks.Member(array, "0"))
	require.Nil(t, nunjucks.Member(array, "1"))
	require.InDelta(t, 2.0, nunjucks.Member(array, "length"), 0)
	require.Equal(t, "é", nunjucks.Member("né", "1"))
	for _, v := range []nunjucks.Value{array, "text", nil, 5.0, nunjucks.NewObject()} {
		require.Equal(t, nunjucks.Value(nunjucks.Undefined), nunjucks.Member(v, "toString"))
	}
}

func TestEvaluate(t *testing.T) {
	t.Parallel()
	data, err := nunjucks.DecodeJSON([]byte(`{"o": {"k": [1, "2"]}, "n": 5}`))
	require.NoError(t, err)
	for source, expected := range map[string]nunjucks.Value{
		"${{ n }}": 5.0, "{# c #}${{- n -}}": 5.0, " ${{ n }}": " 5", "${{ n }}${{ n }}": "55", "${{ none }}": nil,
		"${{ missing }}": nunjucks.Undefined, "${{ 'x' | safe }}": "x", "${{ r/x/gi }}": "/x/gi", "": "",
		"{% if n %}x{% endif %}": "x", "${{ o.k[1] }}": "2",
		// A sigma at the end of a word has another lower case form, wherever the word is in the text.
		"${{ 'İstanbul ΣΑΣ' | lower }}": "i̇stanbul σας", "${{ ('a'.repeat(509) + 'ΑΣΑΣ ΑΣ').toLowerCase() }}": strings.Repeat("a", 509) + "ασας ας",
	} {
		template, err := nunjucks.New(nunjucks.Options{}).Parse(source)
		require.NoError(t, err, source)
		value, err := template.Evaluate(t.Context(), data.(*nunjucks.Object))
		require.NoError(t, err, source)
		require.Equal(t, expected, value, source)
	}
	template, err := nunjucks.New(nunjucks.Options{}).Parse("${{ [1, range] }}")
	require.NoError(t, err)
	_, err = template.Evaluate(t.Context(), nil)
	require.Error(t, err)
}

// TestTemplatesAreSharedSafely renders one template with the same data in many goroutines, for the race
// detector.
func TestTemplatesAreSharedSafely(t *testing.T) {
	t.Parallel()
	data, err := nunjucks.DecodeJSON([]byte(`{"l": [3, 1, 2], "o": {"b": 1, "1": 2, "a": 3}}`))
	require.NoError(t, err)
	template, err := nunjucks.New(nunjucks.Options{}).Parse(
		"${{ l.sort() }}|${{ l.push(4) }}|{% for k, v in o %}${{ k }}{% endfor %}|${{ 'aXb'.replace(r/x/i, '-') }}{% set l = 1 %}${{ l }}")
	require.NoError(t, err)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				text, err := template.Render(t.Context(), data.(*nunjucks.Object))
				if err != nil || text != "1,2,3|4|1ba|a-b1" {
					t.Errorf("%q %v", text, err)
				}
			}
		})
	}
	group.Wait()
}

func TestEvaluateLines(t *testing.T) {
	t.Parallel()
	in := strings.Join([]string{
		`{"template": "Hello ${{ name }}", "context": {"name": "James"}}`,
		`{"template": "${{ x("}`,
		`not json`,
		``,
		`{"context": {}}`,
		`[]`,
		`{"template": "${{ a }}", "context": 5}`,
		`{"template": "` + strings.Repeat("x", 17<<20) + `"}`,
		`{"template": "${{ l[1:] }}", "context": {"l": [1, 2, 3]}, "opts": {"jinjaCompat": true}}`,
		`{"template": "{{ l }}", "context": {"l": 1}, "opts": {"cookiecutterCompat": true}}`,
		`{"template": "{% if 1 %}\nx{% endif %}", "opts": {"trimBlocks": true}}`,
		`{"template": "${{ '😀'.charAt(0) }}", "context": null}`,
	}, "\n")
	var out bytes.Buffer
	require.NoError(t, nunjucks.EvaluateLines(t.Context(), strings.NewReader(in), &out, nunjucks.Limits{}))
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	require.Len(t, lines, 11)
	for i, expected := range []string{
		`{"output":"Hello James"}`, `{"error":`, `{"error":`, `{"error":`, `{"error":`, `{"error":`, `{"error":`, `{"output":"2,3"}`,
		`{"output":"1"}`, `{"output":"x"}`, `{"output":"\ud83d"}`,
	} {
		require.True(t, strings.HasPrefix(lines[i], expected), "line %d: %s", i, lines[i])
	}
}

// TestGeneratedTemplatesAreStable shows that the same seed gives the same template. Reports of differences
// name only the seed.
func TestGeneratedTemplatesAreStable(t *testing.T) {
	t.Parallel()
	first, second := generate(7), generate(7)
	require.Equal(t, first.line(t), second.line(t))
}
