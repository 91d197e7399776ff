package entity

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// plainDocuments are read by plainYAML, otherDocuments are left to the parser of all of YAML.
var (
	plainDocuments = []string{
		"a: 1", "a: 1\n", "---\na: 1\n", "# c\n\n---\n# c\na: 1\n# c\n", "a:\n  b: c\n  d:\n\n    e: f\n  # c\ng: h\n", "a:\nb:\n", "a:\n  b:\nc: d\n",
		"a:\n  - b\n  - c: d\n    e:\n    - f\n    - g\n  -   h: i\n      j: k\nl: m\n", "a:\n- b\n- c: d\n  e: f\n- g: []\nh: {}\n", "a: []\nb: {}\nc: [] \n",
		"a: null\nb: ~\nc: true\nd: False\ne: yes\nf: 0x1F\ng: 0o17\nh: 017\ni: 1e3\nj: .5\nk: .inf\nl: -1\nm: +0\nn: 1_000\no: 2024-01-01\np: 123456789012345678901\nq: 1e999\n",
		"a: \"x\"\nb: 'y: #z'\nc: \"\"\nd: '\\n'\ne: \" - x\"\n", "a: b, [c] {d} \"e\" 'f' & * ! | > % @ `\nb: http://x:80/?a=b#c\nc: a:b\nd: a#b\ne: x - y\n",
		"a: |\n  x\n    y\n\n  # z\nb: |-\n  x\n\n\n\nc: |\n  x", "a: x  \nb:   y\n", "a: é ü\nb: \"日本\"\n",
		"a:\n  b:\n    - c:\n        d: |\n          e\n    - f\n", "apiVersion: backstage.io/v1alpha1\nmetadata:\n  annotations:\n    backstage.io/techdocs-ref: dir:.\n",
		"a: $x\nb: (x)\nc: +x\nd: /x\ne: ./x\nf: _x\n", "a: -1 -\nb: 1:30\n", "a: |\n   x\n\n\n   y\nb: 1\n", "a.b/c-d_e: 1\n",
	}
	otherDocuments = []string{
		"", "---\n", "# c\n", "a", "- a\n", "\ufeffa: 1\n", "a: 1\n...\n", "%YAML 1.2\n---\na: 1\n", "a:\t1\n", "a: 1\r\n", "--- # c\na: 1\n", "--- {a: 1}\n",
		"a: b\n  c\n", "a: b\n  c: d\n", "a:\n  b\n", "a:\n    b: 1\n  c: 2\n", "a:\n  - b\n  c: d\n", "a:\n  - b\n - c\n", "a:\n  - - b\n", "a:\n  -\n    b: c\n", "a: 1\na: 2\n",
		"a: [b]\n", "a: {b: c}\n", "a: &b c\n", "a: *b\n", "a: !!str 1\n", "a: >\n  b\n", "a: |+\n  b\n", "a: |2\n    b\n", "a: |\n\n  b\n", "a: |\n  b\n   \n  c\n",
		"a: |\n  b\n # c\n", "a: |\nb: c\n", "a: \"b\\n\"\n", "a: 'b''c'\n", "a: \"b\n  c\"\n", "a: \"b\" c\n", "a: \"b\" # c\n", "a: b # c\n", "a: # c\n  b: 1\n", "a: b: c\n", "a: b:\n",
		"\"a\": b\n", "? a\n: b\n", "1: a\n", "null: a\n", "True: a\n", "<<: a\n", " a: 1\n", "a : 1\n", "a: - b\n", "a: ---\n", "a: -0\n", "a: -0.0\n", "a: @b\n", "a: `b`\n", "a: %b\n", "a: \"\n", "a: '\n",
		"a:\n  - |\n    b\n", "a: \x00\n", "a: \u0085b\n", "a: \u2028b\n", "a: \xff\n", "a: ? b\n", "a: ,b\n", "a: ]b\n", "a: #b\n", "a: 1\n---x: 2\n", "a: 1\n- b\n", "a:\n- b\nc\n",
	}
)

func TestPlainYAMLIsReadAsAllYAMLIs(t *testing.T) {
	t.Parallel()
	for _, text := range plainDocuments {
		require.True(t, readsAlike(t, []byte(text)), "it is not plain: %q", text)
	}
	for _, text := range otherDocuments {
		require.False(t, readsAlike(t, []byte(text)), "it is plain: %q", text)
	}
	recorded, err := os.Open("testdata/yaml.jsonl")
	require.NoError(t, err)
	defer recorded.Close()
	for lines := bufio.NewScanner(recorded); lines.Scan(); {
		var test struct{ YAML string }
		require.NoError(t, json.Unmarshal(lines.Bytes(), &test))
		readsAlike(t, []byte(test.YAML))
	}
}

// The files of the examples are what people write.
func TestMostOfTheExamplesArePlain(t *testing.T) {
	t.Parallel()
	plain, all := 0, 0
	paths, err := filepath.Glob("../../examples/*/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, part := range yamlParts(content) {
			all++
			if readsAlike(t, part) {
				plain++
			}
		}
	}
	t.Logf("%d of %d documents are plain", plain, all)
	require.NotZero(t, plain)
}

func FuzzPlainYAML(f *testing.F) {
	for _, text := range append(plainDocuments, otherDocuments...) {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) { readsAlike(t, data) })
}

// readsAlike reports whether plainYAML reads a document, and then expects that readAny reads the same.
func readsAlike(t *testing.T, data []byte) bool {
	t.Helper()
	for _, part := range yamlParts(data) {
		quick := yamlParser{writer: newJSONWriter(len(data))}
		if !quick.readPlain(part, 10) {
			return false
		}
		thorough := yamlParser{writer: newJSONWriter(len(data))}
		require.True(t, thorough.readAny(part, 10))
		require.Len(t, thorough.documents, 1, "%q", part)
		require.NoError(t, thorough.documents[0].Err, "%q", part)
		require.Equal(t, thorough.documents[0].Entity, quick.documents[0].Entity, "%q", part)
		require.Equal(t, string(thorough.documents[0].Source), string(quick.documents[0].Source), "%q", part)
		require.Equal(t, thorough.documents[0].Line, quick.documents[0].Line, "%q", part)
		require.Equal(t, thorough.documents[0].Order, quick.documents[0].Order, "%q", part)
	}
	return true
}
