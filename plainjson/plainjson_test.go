package plainjson_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/plainjson"
)

func TestMarshalDoesNotEscapeHTML(t *testing.T) {
	t.Parallel()
	encoded, err := plainjson.Marshal(map[string]any{"z": "<a> & \n", "a": 1.0})
	require.NoError(t, err)
	require.Equal(t, `{"a":1,"z":"<a> & \n"}`, string(encoded)) //nolint:testifylint // to the byte
	_, err = plainjson.Marshal(make(chan int))
	require.Error(t, err)

	encoded, err = plainjson.MarshalIndent([]any{"<", []any{}}, "  ")
	require.NoError(t, err)
	require.Equal(t, "[\n  \"<\",\n  []\n]", string(encoded))
	_, err = plainjson.MarshalIndent(make(chan int), "  ")
	require.Error(t, err)

	out := bytes.NewBufferString("x")
	require.NoError(t, plainjson.Write(out, "&"))
	require.Error(t, plainjson.Write(out, []any{"y", make(chan int)}))
	require.Equal(t, `x"&"`, out.String())
}

// Scalars are written without encoding/json, and must be what it writes.
func FuzzScalars(f *testing.F) {
	for _, text := range []string{"", "plain", "\"", "\\", "\n", "é", "\u2028", "\xff", "<&>", "\x7f"} {
		f.Add(text, 1.5)
	}
	for _, number := range []float64{0, math.Copysign(0, -1), 1, -1, 1e15, 1 << 53, 1<<53 + 2, 1e20, 1e21, 1e-7, math.MaxFloat64} {
		f.Add("", number)
	}
	f.Fuzz(func(t *testing.T, text string, number float64) {
		for _, value := range []any{text, number, text == "", nil} {
			var expected bytes.Buffer
			encoder := json.NewEncoder(&expected)
			encoder.SetEscapeHTML(false)
			failed := encoder.Encode(value)
			encoded, err := plainjson.Marshal(value)
			require.Equal(t, failed == nil, err == nil)
			if failed == nil {
				require.Equal(t, strings.TrimSuffix(expected.String(), "\n"), string(encoded))
			}
		}
	})
}
