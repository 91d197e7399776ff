package documents_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/documents"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
)

func TestActionsConform(t *testing.T) {
	t.Parallel()
	inputs := map[string]string{
		"roadiehq:utils:fs:write":               `{"path":"new/a.json","content":"{\"b\":1}","preserveFormatting":true}`,
		"roadiehq:utils:fs:append":              `{"path":"a.txt","content":"more"}`,
		"roadiehq:utils:fs:replace":             `{"files":[{"file":"**/*.txt","find":"(.)$","replaceWith":"<$1>","matchRegex":true}]}`,
		"roadiehq:utils:fs:parse":               `{"path":"a.yaml","parser":"yaml"}`,
		"roadiehq:utils:jsonata":                `{"data":{"b":[1,2],"a":1},"expression":"b"}`,
		"roadiehq:utils:jsonata:json:transform": `{"path":"a.json","expression":"$ ~> |$|{\"x\":1}|"}`,
		"roadiehq:utils:jsonata:yaml:transform": `{"path":"a.yaml","expression":"$"}`,
		"roadiehq:utils:merge":                  `{"path":"a.yaml","content":{"l":[3]},"mergeArrays":true,"preserveYamlComments":true}`,
		"roadiehq:utils:json:merge":             `{"path":"a.json","content":{"z":1},"matchFileIndent":true}`,
		"roadiehq:utils:serialize:json":         `{"data":{"b":1,"a":2},"space":"\t"}`,
		"roadiehq:utils:serialize:yaml":         `{"data":{"b":1,"a":[2]}}`,
		"roadiehq:utils:sleep":                  `{"amount":0}`,
		"roadiehq:utils:zip":                    `{"path":".","outputPath":"out/o.zip"}`,
		"json:merge-file":                       `{"inputFile":"a.json","outputFileName":"o.json"}`,
		"json:merge-files":                      `{"inputFiles":["a.json","a.yaml"],"outputFilePath":"out","outputFileName":"o.json"}`,
		"yaml:merge":                            `{"inputFile":"a.yaml","overlayFile":"deep/b.yaml","outputFileName":"o.yaml"}`,
		"regex:replace":                         `{"regExps":[{"pattern":"a","replacement":"b","flags":["g"],"values":[{"key":"k","value":"aa"}]}]}`,
	}
	for _, tested := range documents.Actions(documents.Options{}) {
		description := tested.Describe()
		t.Run(description.ID, func(t *testing.T) {
			t.Parallel()
			require.GreaterOrEqual(t, len(description.Examples), 2)
			require.Contains(t, inputs, description.ID)
			actiontest.Conform(t, func(testing.TB, *actiontest.Gate) actiontest.Fixture {
				files := map[string]string{
					"a.txt": "a", "a.json": "{\n\t\"b\": 1,\n\t\"a\": 2\n}", "a.yaml": "# c\nl: [1, 2] # l\n", "deep/b.yaml": "l: [3]\n", "deep/b.txt": "b",
				}
				return actiontest.Fixture{Action: tested, Input: inputs[description.ID], Files: files}
			})
		})
	}
}
