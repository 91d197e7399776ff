package entity_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
)

func TestParseYAMLReadsFilesLikeBackstage(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/yaml.jsonl")
	require.NoError(t, err)
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var test struct {
			YAML      string
			Documents []struct {
				Entity entity.Entity
				Error  string
			}
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &test))
		documents, err := entity.ParseYAML([]byte(test.YAML), "url:https://example.com/all.yaml")
		require.NoError(t, err)
		require.Len(t, documents, len(test.Documents), test.YAML)
		for i, expected := range test.Documents {
			require.Equal(t, expected.Entity, documents[i].Entity, test.YAML)
			if expected.Error == "" {
				require.NoError(t, documents[i].Err, test.YAML)
			} else {
				require.ErrorContains(t, documents[i].Err, expected.Error, test.YAML)
			}
		}
	}
	require.NoError(t, lines.Err())
}

func TestParseYAMLKeepsTheOrderOfKeys(t *testing.T) {
	t.Parallel()
	documents, err := entity.ParseYAML([]byte("kind: K\nspec:\n  z: 1\n  a: [{y: <b>, x: 2}]\napiVersion: v\n"), "file:/a.yaml")
	require.NoError(t, err)
	require.Len(t, documents, 1)
	require.Equal(t, //nolint:testifylint // the order of the keys is what this is about
		`{"kind":"K","spec":{"z":1,"a":[{"y":"<b>","x":2}]},"apiVersion":"v"}`, string(documents[0].Source))

	document := documents[0].Entity
	document.SetAnnotation("b", "2")
	document.SetAnnotation("a", "1")
	document.Spec()["m"] = nil
	delete(document, "apiVersion")
	encoded, err := entity.Marshal(document, documents[0].Source)
	require.NoError(t, err)
	require.Equal(t, //nolint:testifylint // as above
		`{"kind":"K","spec":{"z":1,"a":[{"y":"<b>","x":2}],"m":null},"metadata":{"annotations":{"a":"1","b":"2"}}}`, string(encoded))
}

func TestMarshal(t *testing.T) {
	t.Parallel()
	encoded, err := entity.Marshal(entity.Entity{"b": []any{1.0, map[string]any{}}, "a": "x"}, nil)
	require.NoError(t, err)
	require.Equal(t, `{"a":"x","b":[1,{}]}`, string(encoded)) //nolint:testifylint // the order of the keys is what this is about

	_, err = entity.Marshal(entity.Entity{"a": 1.0}, []byte(`{"a":`))
	require.Error(t, err)

	encoded, err = entity.Marshal(nil, nil)
	require.NoError(t, err)
	require.Equal(t, "null", string(encoded))
}

func TestParseYAMLNamesTheFileAndTheLine(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ yaml, message string }{
		"a key twice": {"a: 1\nb: 2\na: 3\n", `line 5: Map keys must be unique, "a" is there twice`},
		"a syntax":    {"a: [1\n", "did not find expected ',' or ']'"},
		"a cycle":     {"a: &a [*a]\n", `line 3: the anchor "a" contains itself`},
		"a deep nest": {strings.Repeat("[", 300) + strings.Repeat("]", 300), "line 3: nested more than 200 deep"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			documents, err := entity.ParseYAML([]byte("ok: true\n---\n"+test.yaml+"\n---\nafter: 1\n"), "url:https://example.com/a.yaml")
			require.NoError(t, err)
			require.Equal(t, entity.Entity{"ok": true}, documents[0].Entity)
			require.ErrorContains(t, documents[1].Err, "YAML error at url:https://example.com/a.yaml, ")
			require.ErrorContains(t, documents[1].Err, test.message)
		})
	}
}

func TestParseYAMLIsBounded(t *testing.T) {
	t.Parallel()
	_, err := entity.ParseYAML(make([]byte, entity.MaxFileBytes+1), "file:/big.yaml")
	require.ErrorContains(t, err, "file:/big.yaml")

	var laughs strings.Builder
	laughs.WriteString("a0: &a0 [" + strings.Repeat("lol, ", 8) + "lol]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&laughs, "a%d: &a%d [%s*a%d]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 8), i-1)
	}
	documents, err := entity.ParseYAML([]byte(laughs.String()), "file:/laughs.yaml")
	require.NoError(t, err)
	require.Len(t, documents, 1)
	require.ErrorContains(t, documents[0].Err, "too big once its aliases are written out")
}

func FuzzParseYAML(f *testing.F) {
	for _, text := range []string{"", "a: 1\n---\nb: [x, {y: z}]\n", "&a [*a]", "<<: {a: b}", "%YAML 1.2\n---\na: 0x1F", "? [a]\n: b", "a: !!int \"5\"", "- .inf\n- .nan"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		documents, err := entity.ParseYAML(data, "file:/fuzz.yaml")
		if err != nil {
			return
		}
		for _, document := range documents {
			if document.Err != nil {
				require.Nil(t, document.Entity)
				continue
			}
			encoded, err := entity.Marshal(document.Entity, document.Source)
			require.NoError(t, err)
			require.JSONEq(t, string(document.Source), string(encoded))
		}
	})
}

func TestParseYAMLStopsAtTooManyDocuments(t *testing.T) {
	t.Parallel()
	for given, expected := range map[int]int{20_000: 20_000, 20_002: 20_001} {
		documents, err := entity.ParseYAML([]byte(strings.Repeat("a: 1\n---\n", given)), "url:x")
		require.NoError(t, err)
		require.Equal(t, expected, len(documents)) //nolint:testifylint // Len would print them all
		require.NoError(t, documents[19_999].Err)
		for _, refused := range documents[20_000:] {
			require.EqualError(t, refused.Err, "YAML error at url:x, the file has more than 20000 documents")
		}
	}
}

func TestAnInvalidDocumentDoesNotAffectOthers(t *testing.T) {
	t.Parallel()
	const file = "kind: A\n---\nkind: [\n---\n# the next has a directive\nkind: B\n---\nkind: \"a\\0b\"\n--- # marked\nkind: C\n---\n- 1\n---\n{kind: D}\n"
	documents, err := entity.ParseYAML([]byte(file), "url:https://example.com/all.yaml")
	require.NoError(t, err)
	kinds, lines, failures := []string{}, []int{}, []string{}
	for _, document := range documents {
		lines = append(lines, document.Line)
		if document.Err != nil {
			failures = append(failures, document.Err.Error())
			continue
		}
		kinds = append(kinds, document.Entity.Kind())
	}
	require.Equal(t, []string{"A", "B", "C", "D"}, kinds)
	require.Equal(t, []int{1, 3, 6, 8, 10, 12, 14}, lines)
	require.Len(t, failures, 3)
	require.Contains(t, failures[0], "YAML error at url:https://example.com/all.yaml, line 3: ")
	require.Contains(t, failures[1], `"/kind" holds the character U+0000`)
	require.Equal(t, "Expected object at root, got object", failures[2])
}

func TestDirectivesBelongToTheDocumentAfterThem(t *testing.T) {
	t.Parallel()
	documents, err := entity.ParseYAML([]byte("\ufeff# a comment\n%YAML 1.2\n---\nkind: A\n...\n---\nkind: B\nspec: |\n  ---\n  --- text\n"), "url:x")
	require.NoError(t, err)
	require.Len(t, documents, 2)
	require.Equal(t, "---\n--- text\n", documents[1].Entity["spec"])
}

func TestCompleteIsTheOrderOfWhatIsWritten(t *testing.T) {
	t.Parallel()
	documents, err := entity.ParseYAML([]byte("kind: K\nspec:\n  z: 1\n  a: [{y: 1, x: 2}, b]\n  gone: {c: d}\napiVersion: v\n"), "file:/a.yaml")
	require.NoError(t, err)
	document, order := documents[0].Entity, documents[0].Order
	document.SetAnnotation("b", "2")
	document.SetAnnotation("a", "1")
	delete(document.Spec(), "gone")
	document.Spec()["new"] = []any{map[string]any{"d": nil, "c": map[string]any{}}}
	written, err := order.Marshal(document)
	require.NoError(t, err)
	_, expected, err := entity.Decode(written)
	require.NoError(t, err)
	require.Equal(t, expected, order.Complete(document))
	require.NotEqual(t, expected, order)
}
