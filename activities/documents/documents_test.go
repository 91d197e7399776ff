package documents_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/documents"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/budget"
)

func find(t *testing.T, options documents.Options, id string) action.Action {
	t.Helper()
	for _, each := range documents.Actions(options) {
		if each.Describe().ID == id {
			return each
		}
	}
	require.FailNow(t, "no action "+id)
	return nil
}

// run runs an action with files in its workspace, by path.
func run(t *testing.T, id, input string, files map[string]string) (*actiontest.Harness, action.Output, error) {
	t.Helper()
	harness := actiontest.NewHarness(t)
	for name, content := range files {
		require.NoError(t, harness.Workspace.MkdirAll(path.Dir(name), 0o755))
		require.NoError(t, harness.Workspace.WriteFile(name, []byte(content), 0o644))
	}
	output, err := harness.Run(t, find(t, documents.Options{}, id), input)
	return harness, output, err
}

func content(t *testing.T, harness *actiontest.Harness, name string) string {
	t.Helper()
	text, err := harness.Workspace.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}

func TestFilesAreWritten(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		id, input string
		before    string
		want      string
	}{
		"preserveFormatting, no JSON": {"roadiehq:utils:fs:write", `{"path":"f","content":"{a","preserveFormatting":true}`, "", "{a"},
		"merge, wrong case of null":   {"roadiehq:utils:merge", `{"path":"f.json","content":{"a":{"b":1}}}`, `{"a":null}`, "{\n  \"a\": {\n    \"b\": 1\n  }\n}"},
		"merge, comments in JSON":     {"roadiehq:utils:merge", `{"path":"f.json","content":{"b":1}}`, "{\"a\": 1} # c", "{\n  \"a\": 1,\n  \"b\": 1\n}"},
		"merge, scalar joined":        {"roadiehq:utils:merge", `{"path":"f.json","content":{"l":2},"mergeArrays":true}`, `{"l":[1]}`, "{\n  \"l\": [\n    1,\n    2\n  ]\n}"},
		"merge, null file":            {"roadiehq:utils:merge", `{"path":"f.yaml","content":{"l":2}}`, "---\n", "l: 2\n"},
		"merge, two with comments": {"roadiehq:utils:merge", `{"path":"f.yaml","content":{"x":9},"preserveYamlComments":true,"useDocumentIncludingField":{"key":"m.k","value":"2"}}`,
			"m: {k: 1} # one\n---\nm: {k: 2} # two\n", "m: { k: 1 } # one\n---\nm: { k: 2 } # two\nx: 9\n"},
		"merge, number selected": {"roadiehq:utils:merge", `{"path":"f.yaml","content":{"x":9},"useDocumentIncludingField":{"key":"k","value":"2"}}`,
			"k: 1\n---\nk: 2\n", "k: 1\n---\nk: 2\nx: 9\n"},
		"json:merge, four": {"roadiehq:utils:json:merge", `{"path":"f","content":"{\"b\":[1]}","matchFileIndent":true}`, "{\n    \"a\": {\n        \"x\": 1\n    }\n}",
			"{\n    \"a\": {\n        \"x\": 1\n    },\n    \"b\": [\n        1\n    ]\n}"},
		"replace, empty":   {"roadiehq:utils:fs:replace", `{"files":[{"file":"f","find":"b","replaceWith":""}]}`, "abc", "ac"},
		"replace, literal": {"roadiehq:utils:fs:replace", `{"files":[{"file":"f","find":".","replaceWith":"$&$1"}]}`, "a.c", "a$&$1c"},
		"replace, Unicode": {"roadiehq:utils:fs:replace", `{"files":[{"file":"f","find":"[é😀]+","replaceWith":"<$&>","matchRegex":true}]}`, "aé😀b", "a<é😀>b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var input struct {
				Path  string
				Files []struct{ File string }
			}
			require.NoError(t, json.Unmarshal([]byte(test.input), &input))
			if len(input.Files) > 0 {
				input.Path = input.Files[0].File
			}
			harness, _, err := run(t, test.id, test.input, map[string]string{input.Path: test.before})
			require.NoError(t, err)
			require.Equal(t, test.want, content(t, harness, input.Path))
		})
	}
}

func TestBadInputIsRefused(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"a.json": "[1]", "s.yaml": "text\n", "d/x": "", "two.yaml": "a: 1\n---\na: 2\n", "bin": "\xff\xfe", "op.json": `{"a":{"$import":"/etc/passwd"}}`, "bad.yaml": "a: [",
		"o.json": "{}", "list.yaml": "k: [1]\n---\nk: 2\n",
	}
	for name, test := range map[string]struct{ id, input, message string }{
		"write outside":        {"roadiehq:utils:fs:write", `{"path":"/etc/x","content":""}`, "Relative path is not allowed to refer to a directory outside its parent"},
		"write a directory":    {"roadiehq:utils:fs:write", `{"path":"d","content":""}`, "d: "},
		"append outside":       {"roadiehq:utils:fs:append", `{"path":"../x","content":""}`, "outside its parent"},
		"append, no parent":    {"roadiehq:utils:fs:append", `{"path":"n/x","content":""}`, "the directory n is not in the workspace"},
		"append a directory":   {"roadiehq:utils:fs:append", `{"path":"d","content":""}`, "d: "},
		"parse missing":        {"roadiehq:utils:fs:parse", `{"path":"no"}`, "no is not in the workspace"},
		"parse a directory":    {"roadiehq:utils:fs:parse", `{"path":"d"}`, "d is not a file of at most 16 MiB"},
		"parse outside":        {"roadiehq:utils:fs:parse", `{"path":"../no"}`, "outside its parent"},
		"parse bad JSON":       {"roadiehq:utils:fs:parse", `{"path":"two.yaml","parser":"json"}`, "two.yaml: invalid JSON at byte 0"},
		"parse two":            {"roadiehq:utils:fs:parse", `{"path":"two.yaml","parser":"yaml"}`, "two.yaml: the source contains multiple documents"},
		"parse bad multiyaml":  {"roadiehq:utils:fs:parse", `{"path":"bad.yaml","parser":"multiyaml"}`, "bad.yaml: "},
		"replace, no file":     {"roadiehq:utils:fs:replace", `{"files":[{"find":"a","replaceWith":"b"}]}`, "Path to file needs to be defined"},
		"replace, no find":     {"roadiehq:utils:fs:replace", `{"files":[{"file":"a","replaceWith":"b"}]}`, "each file must have a find and replaceWith property"},
		"replace, pattern":     {"roadiehq:utils:fs:replace", `{"files":[{"file":"[a","find":"a","replaceWith":"b"}]}`, `the pattern "[a" is invalid`},
		"replace, regex":       {"roadiehq:utils:fs:replace", `{"files":[{"file":"a","find":"(","replaceWith":"b","matchRegex":true}]}`, "find: "},
		"replace outside":      {"roadiehq:utils:fs:replace", `{"files":[{"file":"../*","find":"a","replaceWith":"b"}]}`, "outside its parent"},
		"jsonata syntax":       {"roadiehq:utils:jsonata", `{"expression":"a.["}`, `JSONata failed to evaluate the expression: Expected "]" before end of expression`},
		"jsonata runtime":      {"roadiehq:utils:jsonata", `{"expression":"$error(\"no\")"}`, "JSONata failed to evaluate the expression: no"},
		"transform missing":    {"roadiehq:utils:jsonata:json:transform", `{"path":"no","expression":"$"}`, "no is not in the workspace"},
		"transform bad JSON":   {"roadiehq:utils:jsonata:json:transform", `{"path":"s.yaml","expression":"$"}`, "s.yaml: invalid JSON"},
		"transform syntax":     {"roadiehq:utils:jsonata:json:transform", `{"path":"a.json","expression":"("}`, "JSONata failed"},
		"transform two":        {"roadiehq:utils:jsonata:yaml:transform", `{"path":"two.yaml","expression":"$"}`, "multiple documents"},
		"merge a list":         {"roadiehq:utils:merge", `{"path":"a.json","content":{"a":1}}`, "a.json does not have an object, into which something can be merged"},
		"merge into text":      {"roadiehq:utils:merge", `{"path":"s.yaml","content":{"a":1}}`, "s.yaml does not have an object"},
		"merge text, kept":     {"roadiehq:utils:merge", `{"path":"s.yaml","content":{"a":1},"preserveYamlComments":true}`, "only an object can be merged into an object"},
		"merge no object":      {"roadiehq:utils:merge", `{"path":"o.json","content":"[1]"}`, "content is not an object that can be merged"},
		"merge bad content":    {"roadiehq:utils:merge", `{"path":"o.json","content":"{"}`, "content: invalid JSON"},
		"merge bad YAML":       {"roadiehq:utils:merge", `{"path":"s.yaml","content":"a: ["}`, "content: "},
		"merge into bad":       {"roadiehq:utils:merge", `{"path":"bad.yaml","content":{}}`, "bad.yaml: "},
		"merge into bad, kept": {"roadiehq:utils:merge", `{"path":"bad.yaml","content":{},"preserveYamlComments":true}`, "bad.yaml: "},
		"merge outside":        {"roadiehq:utils:merge", `{"path":"../x.json","content":{}}`, "outside its parent"},
		"merge, several":       {"roadiehq:utils:merge", `{"path":"two.yaml","content":{},"preserveYamlComments":true}`, "Multiple documents found in the input content."},
		"merge, no number": {"roadiehq:utils:merge", `{"path":"list.yaml","content":{},"useDocumentIncludingField":{"key":"k","value":"1"}}`,
			`The value at "k" defined in useDocumentIncludingField must be a string or a number.`},
		"json:merge outside":   {"roadiehq:utils:json:merge", `{"path":"../x.json","content":{}}`, "outside its parent"},
		"json:merge list":      {"roadiehq:utils:json:merge", `{"path":"a.json","content":{}}`, "does not have an object"},
		"json:merge content":   {"roadiehq:utils:json:merge", `{"path":"o.json","content":"{"}`, "content: invalid JSON"},
		"serialize style":      {"roadiehq:utils:serialize:yaml", `{"data":{"` + strings.Repeat("k", 2000) + `":1},"options":{"simpleKeys":true}}`, "YAML: with simple keys"},
		"zip missing":          {"roadiehq:utils:zip", `{"path":"no","outputPath":"o.zip"}`, "File no does not exist. Can't zip it."},
		"zip itself":           {"roadiehq:utils:zip", `{"path":"a.json","outputPath":"a.json"}`, "a.json cannot be packed into itself"},
		"zip out":              {"roadiehq:utils:zip", `{"path":"a.json","outputPath":"../o.zip"}`, "outside its parent"},
		"zip onto a directory": {"roadiehq:utils:zip", `{"path":"a.json","outputPath":"d"}`, "d: "},
		"files missing":        {"json:merge-files", `{"inputFiles":["no.json"],"outputFileName":"o"}`, "no.json is not in the workspace"},
		"files empty":          {"json:merge-files", `{"inputFiles":[],"outputFileName":"o"}`, "inputFiles is empty"},
		"files outside":        {"json:merge-files", `{"inputFiles":["a.json"],"outputFileName":"../../o"}`, "outside its parent"},
		"files operator":       {"json:merge-files", `{"inputFiles":["op.json"],"outputFileName":"o"}`, "op.json has the operator $import of json-merger, which is not supported"},
		"files options":        {"json:merge-file", `{"inputFile":"a.json","outputFileName":"o","jsonMergeOptions":{"operationPrefix":"@"}}`, "jsonMergeOptions.operationPrefix"},
		"files bad":            {"json:merge-file", `{"inputFile":"s.yaml.json","outputFileName":"o"}`, "not in the workspace"},
		"yaml input missing":   {"yaml:merge", `{"inputFile":"no","overlayFile":"two.yaml","outputFileName":"o"}`, "Input file not found: no"},
		"yaml several":         {"yaml:merge", `{"inputFile":"two.yaml","overlayFile":"two.yaml","outputFileName":"o"}`, "two.yaml: the source contains multiple documents"},
		"yaml outside":         {"yaml:merge", `{"inputFile":"../a","overlayFile":"two.yaml","outputFileName":"o"}`, "outside its parent"},
		"yaml out":             {"yaml:merge", `{"inputFile":"s.yaml","overlayFile":"s.yaml","outputFileName":"../o"}`, "outside its parent"},
		"regex":                {"regex:replace", `{"regExps":[{"pattern":"\\p{L}","replacement":"","flags":["u"],"values":[]}]}`, "properties of characters"},
		"regex slow":           {"regex:replace", `{"regExps":[{"pattern":"^(a+)+$","replacement":"","values":[{"key":"k","value":"` + strings.Repeat("a", 60) + `b"}]}]}`, "the value of k: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := run(t, test.id, test.input, files)
			require.ErrorContains(t, err, test.message)
			require.False(t, action.IsTransient(err))
		})
	}
}

func TestLinksDoNotLeaveTheWorkspace(t *testing.T) {
	t.Parallel()
	for id, input := range map[string]string{
		"roadiehq:utils:fs:write":   `{"path":"out/x","content":""}`,
		"roadiehq:utils:fs:append":  `{"path":"hostname","content":"x"}`,
		"roadiehq:utils:fs:parse":   `{"path":"hostname"}`,
		"roadiehq:utils:fs:replace": `{"files":[{"file":"hostname","find":"a","replaceWith":"b"}]}`,
		"roadiehq:utils:zip":        `{"path":"out","outputPath":"o.zip"}`,
		"yaml:merge":                `{"inputFile":"hostname","overlayFile":"hostname","outputFileName":"o"}`,
	} {
		harness := actiontest.NewHarness(t)
		require.NoError(t, harness.Workspace.Symlink("/etc", "out"))
		require.NoError(t, harness.Workspace.Symlink("/etc/hostname", "hostname"))
		_, err := harness.Run(t, find(t, documents.Options{}, id), input)
		require.Equal(t, fault.NotAllowed, fault.KindOf(err), id)
	}
}

func TestReplaceWarns(t *testing.T) {
	t.Parallel()
	harness, _, err := run(t, "roadiehq:utils:fs:replace", `{"files":[{"file":"*.no","find":"a","replaceWith":"b"},{"file":"bin","find":"a","replaceWith":"b"},
		{"file":".github/*","find":"a","replaceWith":"b"}]}`, map[string]string{"bin": "a\xff", ".github/x": "a"})
	require.NoError(t, err)
	require.Equal(t, []string{"warn: No file matches *.no", "warn: bin is not UTF-8 and was left as it is"}, harness.Log.Lines())
	require.Equal(t, "b", content(t, harness, ".github/x"))
}

func TestZipLeavesOutWhatIsNoFile(t *testing.T) {
	t.Parallel()
	harness := actiontest.NewHarness(t)
	require.NoError(t, harness.Workspace.WriteFile("a", []byte("1"), 0o755))
	require.NoError(t, harness.Workspace.Symlink("a", "link"))
	require.NoError(t, harness.Workspace.Symlink("/etc/hostname", "outside"))
	_, err := harness.Run(t, find(t, documents.Options{}, "roadiehq:utils:zip"), `{"path":".","outputPath":"o.zip"}`)
	require.NoError(t, err)
	packed := []byte(content(t, harness, "o.zip"))
	archive, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	require.NoError(t, err)
	names := map[string]bool{}
	for _, each := range archive.File {
		names[each.Name] = each.Mode()&0o100 != 0
	}
	require.Equal(t, map[string]bool{"a": true, "link": true}, names)
	require.Equal(t, []string{"warn: Leaving out outside, which is not a file of the workspace"}, harness.Log.Lines())
}

func TestJSONIsCombined(t *testing.T) {
	t.Parallel()
	files := map[string]string{"a.json": `{"l":[1,{"x":1}],"o":{"a":1},"s":[1]}`, "b.yaml": "l: [9, {y: 2}, 3]\no: 1\ns: {a: 1}\n"}
	for option, want := range map[string]string{
		`{}`: `{"l":[9,{"x":1,"y":2},3],"o":1,"s":{"a":1}}`,
		`{"defaultArrayMergeOperation":"replace"}`: `{"l":[9,{"y":2},3],"o":1,"s":{"a":1}}`,
		`{"defaultArrayMergeOperation":"concat"}`:  `{"l":[1,{"x":1},9,{"y":2},3],"o":1,"s":{"a":1}}`,
	} {
		harness, _, err := run(t, "json:merge-files", `{"inputFiles":["a.json","b.yaml"],"outputFileName":"o.json","jsonMergeOptions":`+option+`}`, files)
		require.NoError(t, err)
		require.JSONEq(t, want, content(t, harness, "o.json"))
	}
}

func TestYAMLIsMerged(t *testing.T) {
	t.Parallel()
	files := map[string]string{"a.yaml": "l: [1]\n", "b.yaml": "l: [2]\n", "empty.yaml": ""}
	for input, want := range map[string]string{
		`{"inputFile":"a.yaml","overlayFile":"b.yaml","outputFilePath":"d","outputFileName":"o","yamlMergeOptions":{"prependOnConcat":true}}`:         "l: [ 2, 1 ]\n",
		`{"inputFile":"a.yaml","overlayFile":"b.yaml","outputFilePath":"d","outputFileName":"o","yamlMergeOptions":{"arrayMergeStrategy":"replace"}}`: "l: [ 2 ]\n",
		`{"inputFile":"empty.yaml","overlayFile":"b.yaml","outputFilePath":"d","outputFileName":"o"}`:                                                 "---\nl: [ 2 ]\n",
	} {
		harness, output, err := run(t, "yaml:merge", input, files)
		require.NoError(t, err)
		require.Equal(t, action.Output{"outputFile": "d/o"}, output)
		require.Equal(t, want, content(t, harness, "d/o"))
	}
}

func TestSleep(t *testing.T) {
	t.Parallel()
	sleep := find(t, documents.Options{}, "roadiehq:utils:sleep")
	waiter, is := sleep.(action.Waiter)
	require.True(t, is)
	harness := actiontest.NewHarness(t)
	for input, want := range map[string]time.Duration{`{"amount":0.2}`: 200 * time.Millisecond, `{"amount":-1}`: 0, `{"amount":86400}`: 24 * time.Hour} {
		wait, err := waiter.Wait(harness.Call(input))
		require.NoError(t, err)
		require.Equal(t, want, wait)
	}
	_, err := waiter.Wait(harness.Call(`{"amount":86401}`))
	require.EqualError(t, err, "sleep amount can not be greater than 86400 seconds")
	_, err = waiter.Wait(harness.Call(`{"amount":"x"}`))
	require.Error(t, err)
}

// TestMemoryIsBounded: an input of a few bytes asks for more memory than a step may have.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	pool := budget.NewPool(budget.Limits{Process: 8 << 20, Account: 8 << 20})
	options := documents.Options{Enter: pool.Enter}
	for id, input := range map[string]string{
		"roadiehq:utils:jsonata":                `{"expression":"$count([1..1000000])"}`,
		"roadiehq:utils:fs:parse":               `{"path":"a.yaml","parser":"yaml"}`,
		"roadiehq:utils:jsonata:yaml:transform": `{"path":"a.yaml","expression":"$"}`,
		"roadiehq:utils:merge":                  `{"path":"a.yaml","content":{}}`,
		"yaml:merge":                            `{"inputFile":"a.yaml","overlayFile":"a.yaml","outputFileName":"o"}`,
		"roadiehq:utils:fs:replace":             `{"files":[{"file":"a.yaml","find":"a","replaceWith":"` + strings.Repeat("b", 1000) + `"}]}`,
	} {
		harness := actiontest.NewHarness(t)
		require.NoError(t, harness.Workspace.WriteFile("a.yaml", []byte(strings.Repeat("- a\n", 100_000)), 0o644))
		_, err := harness.Run(t, find(t, options, id), input)
		require.ErrorIs(t, err, budget.ErrExhausted, id)
	}
}

func TestACancelledRunEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	harness := actiontest.NewHarness(t)
	require.NoError(t, harness.Workspace.WriteFile("a.txt", []byte("a"), 0o644))
	for id, input := range map[string]string{
		"roadiehq:utils:fs:replace": `{"files":[{"file":"*.txt","find":"a","replaceWith":"b"}]}`,
		"roadiehq:utils:zip":        `{"path":".","outputPath":"o.zip"}`,
		"roadiehq:utils:jsonata":    `{"expression":"[1..100000]"}`,
	} {
		_, err := find(t, documents.Options{}, id).Run(ctx, harness.Call(input))
		require.ErrorIs(t, err, context.Canceled, id)
	}
}
