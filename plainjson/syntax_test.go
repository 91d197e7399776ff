package plainjson_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/plainjson"
)

// testdata/syntax.json has the messages of Node 24.
func TestSyntaxProblemsReadAsInNode(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/syntax.json")
	require.NoError(t, err)
	var cases []struct{ Text, Message string }
	require.NoError(t, json.Unmarshal(data, &cases))
	require.NotEmpty(t, cases)
	for _, each := range cases {
		require.Equal(t, each.Message, plainjson.SyntaxProblem([]byte(each.Text)), "%q", each.Text)
	}
}

// Whatever encoding/json refuses has a message.
func FuzzSyntaxProblem(f *testing.F) {
	for _, text := range []string{"", `{"a":[1,2.5e3,"\u00e9"]}`, `[tru]`, "{\"a\":\"\xff\"}"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		require.Equal(t, json.Valid([]byte(text)), plainjson.SyntaxProblem([]byte(text)) == "", "%q", text)
	})
}
