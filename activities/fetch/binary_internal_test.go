package fetch

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestIsBinary compares with the results of isbinaryfile 5.0.7 for bytes near its limits.
func TestIsBinary(t *testing.T) {
	t.Parallel()
	recorded, err := os.ReadFile("testdata/isbinaryfile.json")
	require.NoError(t, err)
	var cases [][2]any
	require.NoError(t, json.Unmarshal(recorded, &cases))
	require.NotEmpty(t, cases)
	for _, each := range cases {
		head, err := base64.StdEncoding.DecodeString(each[0].(string))
		require.NoError(t, err)
		require.Equal(t, each[1], isBinary(head), "%q", head)
	}
	require.False(t, isBinary(nil))
}

func FuzzIsBinary(f *testing.F) {
	f.Add([]byte("\x08\x96\x01\x12\x07testing"))
	f.Add([]byte("caf\xe9 au lait"))
	f.Fuzz(func(t *testing.T, head []byte) { isBinary(head) })
}
