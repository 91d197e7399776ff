package github

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNameOf(t *testing.T) {
	t.Parallel()
	for reference, name := range map[string]string{
		"ann": "ann", "user:ann": "ann", "user:default/ann": "ann", "default/ann": "ann", "demo/makers": "makers", "": "",
	} {
		require.Equal(t, name, nameOf(reference), reference)
	}
}
