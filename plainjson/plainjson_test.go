package plainjson_test

import (
	"bytes"
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
