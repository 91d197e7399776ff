package kubernetes_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/integration/kubernetes"
)

func TestLabelValues(t *testing.T) {
	t.Parallel()
	for text, value := range map[string]string{"fetch": "fetch", "a b/c": "a-b-c", "-x-": "x", "": "", "äö": "", "0f8c-1": "0f8c-1"} {
		require.Equal(t, value, kubernetes.LabelValue(text), text)
	}
	require.Len(t, kubernetes.LabelValue(strings.Repeat("a", 70)), 63)
}
