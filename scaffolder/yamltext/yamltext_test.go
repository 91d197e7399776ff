package yamltext_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/budget"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
	"github.com/portico-dev/portico/scaffolder/yamltext"
)

// recording is what the npm package yaml 2.9.1 wrote: values with options, and documents that it had read.
type recording struct {
	Values []struct {
		Value, Text string
		Options     yamltext.Options
	}
	Documents []struct{ Document, Text string }
}

func load(t testing.TB) (recorded recording) {
	t.Helper()
	content, err := os.ReadFile("testdata/recorded.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, &recorded))
	return recorded
}

func TestValuesAreWrittenAsByTheNpmPackage(t *testing.T) {
	t.Parallel()
	for _, each := range load(t).Values {
		if each.Options.Indent != nil && strings.ContainsAny(each.Text, "|>") && strings.Contains(each.Value, `"  lead`) {
			continue // The npm package writes another text than the value then.
		}
		if each.Options.LineWidth != nil && *each.Options.LineWidth == 20 && strings.Contains(each.Text, ">") {
			continue // The same.
		}
		value, err := nunjucks.DecodeJSON([]byte(each.Value))
		require.NoError(t, err)
		text, err := yamltext.Write(t.Context(), value, each.Options)
		require.NoError(t, err)
		require.Equal(t, each.Text, text, "%s with %+v", each.Value, each.Options)
	}
}

// TestWhatIsWrittenReadsAsTheSame reads each text anew, unless its options change words.
func TestWhatIsWrittenReadsAsTheSame(t *testing.T) {
	t.Parallel()
	for _, each := range load(t).Values {
		if each.Options.NullStr != nil || strings.Contains(each.Value, `\u0085`) || strings.Contains(each.Value, `<<`) || each.Value[0] == '"' || strings.Contains(each.Value, "kkkk") || strings.Contains(each.Value, `"\t"`) {
			continue
		}
		original, err := nunjucks.DecodeJSON([]byte(each.Value))
		require.NoError(t, err)
		text, err := yamltext.Write(t.Context(), original, each.Options)
		require.NoError(t, err)
		value, err := yamltext.Parse(t.Context(), text)
		require.NoError(t, err, text)
		encoded, err := nunjucks.EncodeJSON(value)
		require.NoError(t, err)
		expected, err := nunjucks.EncodeJSON(original)
		require.NoError(t, err)
		require.Equal(t, string(expected), string(encoded), text)
	}
}

func TestDocumentsAreWrittenAsByTheNpmPackage(t *testing.T) {
	t.Parallel()
	for _, each := range load(t).Documents {
		documents, err := yamltext.ParseDocuments(t.Context(), each.Document)
		require.NoError(t, err, each.Document)
		require.Len(t, documents, 1)
		text, err := documents[0].Write(t.Context(), yamltext.Options{})
		require.NoError(t, err)
		require.Equal(t, each.Text, text, each.Document)
	}
}

func parsed(t *testing.T, text string) string {
	t.Helper()
	value, err := yamltext.Parse(t.Context(), text)
	require.NoError(t, err)
	encoded, err := nunjucks.EncodeJSON(value)
	require.NoError(t, err)
	return string(encoded)
}

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                           `null`,
		"# nothing\n":                                `null`,
		"a: [~, null, Null, nil]":                    `{"a":[null,null,null,"nil"]}`,
		"a: [true, True, yes, on]":                   `{"a":[true,true,"yes","on"]}`,
		"a: [1, -1, +1, 010, 0o17]":                  `{"a":[1,-1,1,10,15]}`,
		"a: [0x1f, 1_000, 1e3, .5]":                  `{"a":[31,"1_000",1000,0.5]}`,
		"a: [1., 1.5e-3, 0xfffffffffffffffff]":       `{"a":[1,0.0015,295147905179352830000]}`,
		"a: [.inf, -.inf, .nan]":                     `{"a":[null,null,null]}`,
		"a: ['1', \"2\", !!str 3]":                   `{"a":["1","2","3"]}`,
		"a: !!int \"3\"":                             `{"a":3}`,
		"2: x\ntrue: y\n~: z\n":                      `{"2":"x","true":"y","":"z"}`,
		"a: 2024-01-02":                              `{"a":"2024-01-02"}`,
		"x: &x {p: 1}\ny: *x\n":                      `{"x":{"p":1},"y":{"p":1}}`,
		"x: &x {p: 1, q: 2}\ny:\n  <<: *x\n  q: 3\n": `{"x":{"p":1,"q":2},"y":{"p":1,"q":3}}`,
		"x: &x {p: 1}\nz: &z {p: 2, r: 3}\ny:\n  <<: [*x, *z]\n": `{"x":{"p":1},"z":{"p":2,"r":3},"y":{"p":1,"r":3}}`,
		"\"<<\": 1\n": `{"<<":1}`,
		"<<: 1\n":     `{"<<":1}`,
		"<<: [1]\n":   `{"<<":[1]}`,
	} {
		require.Equal(t, want, parsed(t, text), text)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for text, message := range map[string]string{
		"a: 1\n---\nb: 2\n":              "the source contains multiple documents",
		"a: [1, 2\nb: 3\n":               "line 3: did not find expected ',' or ']'",
		"a: 1\na: 2\n":                   `line 2: the key "a" is there twice: map keys must be unique`,
		"a: *b\n":                        "unknown anchor 'b' referenced",
		"{a: b}: c\n":                    "a key that is an object or a list has no name",
		strings.Repeat("[", 1100):        "exceeded max depth",
		strings.Repeat("- ", 1100) + "a": "the document is nested more than 1000 levels deep",
		"a: &a [*a]\n":                   "the aliases stand for more than 100000 values, or for something that contains itself",
		bomb():                           "the aliases stand for more than 100000 values, or for something that contains itself",
	} {
		_, err := yamltext.Parse(t.Context(), text)
		require.Error(t, err, text)
		if !strings.HasPrefix(text, "[[") && !strings.HasPrefix(text, "a: [") {
			require.ErrorContains(t, err, message)
		}
	}
}

// bomb is a document whose aliases stand for a billion strings.
func bomb() string {
	var out strings.Builder
	out.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := range 9 {
		last := string(rune('0' + i))
		out.WriteString("a" + string(rune('1'+i)) + ": &a" + string(rune('1'+i)) + " [" + strings.TrimSuffix(strings.Repeat("*a"+last+",", 10), ",") + "]\n")
	}
	return out.String()
}

func TestParseAll(t *testing.T) {
	t.Parallel()
	values, err := yamltext.ParseAll(t.Context(), "a: 1\n---\nb: 2\n---\n")
	require.NoError(t, err)
	encoded, err := nunjucks.EncodeJSON(&nunjucks.Array{Items: values})
	require.NoError(t, err)
	require.Equal(t, `[{"a":1},{"b":2},null]`, string(encoded))
	_, err = yamltext.ParseAll(t.Context(), "a: {b: c}: d")
	require.Error(t, err)
	_, err = yamltext.ParseAll(t.Context(), "[a]: b")
	require.Error(t, err)
}

func TestWhatIsThereTwiceHasAnAnchor(t *testing.T) {
	t.Parallel()
	shared, other := nunjucks.NewObject(), &nunjucks.Array{Items: []nunjucks.Value{1.0}}
	shared.Set("p", math.NaN())
	object := nunjucks.NewObject()
	for key, value := range map[string]nunjucks.Value{"a": shared} {
		object.Set(key, value)
	}
	object.Set("l", other)
	object.Set("m", other)
	object.Set("b", shared)
	object.Set("u", nunjucks.Undefined)
	text, err := yamltext.Write(t.Context(), object, yamltext.Options{})
	require.NoError(t, err)
	require.Equal(t, "a: &a2\n  p: .nan\nl: &a1\n  - 1\nm: *a1\nb: *a2\n", text)
	text, err = yamltext.Write(t.Context(), &nunjucks.Array{Items: []nunjucks.Value{math.Inf(1), math.Inf(-1), nunjucks.Undefined}}, yamltext.Options{})
	require.NoError(t, err)
	require.Equal(t, "- .inf\n- -.inf\n- null\n", text)
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	key := nunjucks.NewObject()
	key.Set(strings.Repeat("k", 2000), 1.0)
	_, err := yamltext.Write(t.Context(), key, yamltext.Options{SimpleKeys: true})
	require.ErrorContains(t, err, "a key must not be longer than 1024 characters")
	_, err = yamltext.Write(t.Context(), "x", yamltext.Options{DefaultStringType: "NOPE"})
	require.EqualError(t, err, "unsupported default string type NOPE")
	documents, err := yamltext.ParseDocuments(t.Context(), "? [a]\n: b\n")
	require.NoError(t, err)
	_, err = documents[0].Write(t.Context(), yamltext.Options{SimpleKeys: true})
	require.EqualError(t, err, "with simple keys, a collection cannot be used as a key")

	var deep nunjucks.Value = 1.0
	for range 1100 {
		deep = &nunjucks.Array{Items: []nunjucks.Value{deep}}
	}
	_, err = yamltext.Write(t.Context(), deep, yamltext.Options{})
	require.ErrorContains(t, err, "nested more than 1000 levels deep")

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = yamltext.Write(cancelled, "x", yamltext.Options{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	pool := budget.NewPool(budget.Limits{Process: 4 << 20, Account: 4 << 20})
	ctx, leave := pool.Enter(t.Context())
	defer leave()
	_, err := yamltext.Parse(ctx, strings.Repeat("- a\n", 20_000))
	require.ErrorIs(t, err, budget.ErrExhausted)

	ctx, leave = pool.Enter(t.Context())
	defer leave()
	_, err = yamltext.Write(ctx, &nunjucks.Array{Items: make([]nunjucks.Value, 100_000)}, yamltext.Options{})
	require.ErrorIs(t, err, budget.ErrExhausted)
}

func TestMergeKeepsComments(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		document, value string
		join            bool
		want            string
	}{
		"added":      {"# top\na: 1 # one\nb:\n  # inner\n  d: \"3\"\n", `{"b":{"c":2}}`, false, "# top\na: 1 # one\nb:\n  # inner\n  d: \"3\"\n  c: 2\n"},
		"replaced":   {"a: 1 # one\nb: 'x' # two\n", `{"a":2,"b":"y"}`, false, "a: 2 # one\nb: 'y' # two\n"},
		"other kind": {"a: 1 # one\n", `{"a":{"b":1}}`, false, "a:\n  b: 1\n"},
		"list":       {"l:\n  - 1 # one\n  - 2\n", `{"l":[3]}`, false, "l:\n  - 3\n"},
		"joined":     {"l:\n  - 1 # one\n  - 2\n", `{"l":[2,3]}`, true, "l:\n  - 1 # one\n  - 2\n  - 3\n"},
		"alias":      {"a: &a {x: 1}\nb: *a\n", `{"b":{"y":2}}`, false, "a: &a { x: 1, y: 2 }\nb: *a\n"},
		"empty":      {"a:\n---\n", `{"b":1}`, false, "a:\nb: 1\n"},
		"nothing":    {"# c\n---\n# d\n", `{"b":1}`, false, "---\nb: 1\n\n# d\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			documents, err := yamltext.ParseDocuments(t.Context(), test.document)
			require.NoError(t, err)
			value, err := nunjucks.DecodeJSON([]byte(test.value))
			require.NoError(t, err)
			require.NoError(t, documents[0].Merge(t.Context(), value, test.join))
			text, err := documents[0].Write(t.Context(), yamltext.Options{})
			require.NoError(t, err)
			require.Equal(t, test.want, text)
		})
	}
	documents, err := yamltext.ParseDocuments(t.Context(), "- a\n")
	require.NoError(t, err)
	require.EqualError(t, documents[0].Merge(t.Context(), nunjucks.NewObject(), false), "only an object can be merged into an object")
}

func TestOverlay(t *testing.T) {
	t.Parallel()
	const lower, upper = "# top\na: 1 # one\nl:\n  - 1\n  - {x: 1}\n", "b: 2\na: 3\nl: [{x: 1}, 2]\n"
	for lists, want := range map[yamltext.Lists]string{
		yamltext.AppendLists:  "# top\na: 3\nl:\n  - 1\n  - { x: 1 }\n  - { x: 1 }\n  - 2\nb: 2\n",
		yamltext.PrependLists: "# top\na: 3\nl:\n  - { x: 1 }\n  - 2\n  - 1\n  - { x: 1 }\nb: 2\n",
		yamltext.ReplaceLists: "# top\na: 3\nl:\n  - { x: 1 }\n  - 2\nb: 2\n",
		yamltext.UniteLists:   "# top\na: 3\nl:\n  - 1\n  - { x: 1 }\n  - 2\nb: 2\n",
	} {
		require.Equal(t, want, overlaid(t, lower, upper, lists), lists)
	}
	require.Equal(t, "b: 1\n", overlaid(t, "---\n", "b: 1\n", yamltext.AppendLists)[len("---\n"):])
	require.Equal(t, "- 1\n", overlaid(t, "a: 1\n", "- 1\n", yamltext.AppendLists))
}

func overlaid(t *testing.T, lower, upper string, lists yamltext.Lists) string {
	t.Helper()
	below, err := yamltext.ParseDocuments(t.Context(), lower)
	require.NoError(t, err)
	above, err := yamltext.ParseDocuments(t.Context(), upper)
	require.NoError(t, err)
	require.NoError(t, below[0].Overlay(t.Context(), above[0], lists))
	text, err := below[0].Write(t.Context(), yamltext.Options{})
	require.NoError(t, err)
	return text
}

func TestGet(t *testing.T) {
	t.Parallel()
	documents, err := yamltext.ParseDocuments(t.Context(), "a: 1\nb: [x]\n")
	require.NoError(t, err)
	value, err := documents[0].Get("a")
	require.NoError(t, err)
	require.InDelta(t, 1.0, value, 0)
	value, err = documents[0].Get("c")
	require.NoError(t, err)
	require.Equal(t, nunjucks.Undefined, value)
}

func FuzzParseAndWrite(f *testing.F) {
	for _, each := range load(f).Documents {
		f.Add(each.Document)
	}
	f.Fuzz(func(t *testing.T, text string) {
		documents, err := yamltext.ParseDocuments(t.Context(), text)
		if err != nil || len(documents) == 0 {
			return
		}
		if _, err := documents[0].Value(); err != nil {
			return
		}
		_, err = documents[0].Write(t.Context(), yamltext.Options{})
		require.NoError(t, err)
	})
}
