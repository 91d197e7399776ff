package workflows

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLongSummariesAreTruncated(t *testing.T) {
	t.Parallel()
	require.Equal(t, "Create the repository", truncateSummary("Create the repository"))
	for name, text := range map[string]string{
		"long":    strings.Repeat("Create the repository ", 40),
		"wide":    strings.Repeat("é漢", 400),
		"escaped": strings.Repeat("<&>", 400),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			short := truncateSummary(text)
			require.True(t, strings.HasSuffix(short, "…"))
			require.True(t, strings.HasPrefix(text, strings.TrimSuffix(short, "…")))
			encoded, err := json.Marshal(short)
			require.NoError(t, err)
			require.LessOrEqual(t, len(encoded), maxSummary+len("…"))
		})
	}
}
