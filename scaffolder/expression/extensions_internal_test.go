package expression

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

func TestEveryFilterIsDescribed(t *testing.T) {
	t.Parallel()
	var described struct {
		Filters map[string]struct {
			Description string
			Examples    []struct{ Example, Notes string }
		}
	}
	require.NoError(t, json.Unmarshal(Extensions, &described))
	renderer := New(Options{IntegrationType: func(host string) (string, bool) { return "github", host == "github.com" }})
	require.ElementsMatch(t, slices.Collect(maps.Keys(renderer.filters)), slices.Collect(maps.Keys(described.Filters)))
	for name, filter := range described.Filters {
		require.NotEmpty(t, filter.Description, name)
		require.NotEmpty(t, filter.Examples, name)
		for _, example := range filter.Examples {
			require.Contains(t, example.Example, name)
			rendered, failures := renderer.Render(t.Context(), example.Example, nunjucks.NewObject())
			require.Empty(t, failures, example.Example)
			result, err := nunjucks.EncodeJSON(rendered)
			require.NoError(t, err, name)
			require.Equal(t, example.Notes, string(result), example.Example)
		}
	}
}
