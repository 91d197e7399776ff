package seal_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/seal"
)

func TestSealedValuesOpenOnlyInTheirContext(t *testing.T) {
	t.Parallel()
	ring, err := seal.NewKeyring(seal.GenerateKey("2026"))
	require.NoError(t, err)
	sealed := ring.Seal([]byte("hunter2"), "run-1")
	require.NotContains(t, string(sealed), "hunter2")

	plain, err := ring.Open(sealed, "run-1")
	require.NoError(t, err)
	require.Equal(t, "hunter2", string(plain))

	_, err = ring.Open(sealed, "run-2")
	require.Error(t, err, "sealed for one run, opened for another")
	for cut := range sealed {
		_, err = ring.Open(sealed[:cut], "run-1")
		require.Error(t, err)
	}
}

func TestARotatedKeyStillOpens(t *testing.T) {
	t.Parallel()
	old := seal.GenerateKey("old")
	before, err := seal.NewKeyring(old)
	require.NoError(t, err)
	sealed := before.Seal([]byte("v"), "")

	after, err := seal.NewKeyring(seal.GenerateKey("new"), old)
	require.NoError(t, err)
	plain, err := after.Open(sealed, "")
	require.NoError(t, err)
	require.Equal(t, "v", string(plain))
	_, err = before.Open(after.Seal([]byte("v"), ""), "")
	require.ErrorContains(t, err, `sealed with key "new", which is not configured`)
}

func TestKeysAreChecked(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string][]seal.Key{
		"none":      nil,
		"short":     {{ID: "a", Secret: []byte("short")}},
		"no id":     {{Secret: make([]byte, seal.KeySize)}},
		"second is": {seal.GenerateKey("a"), {ID: "b"}},
	} {
		_, err := seal.NewKeyring(keys...)
		require.Error(t, err, name)
	}
	_, err := seal.ParseKey("a", "not base64!")
	require.Error(t, err)
}
