package expression_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// FuzzRender shows that any source has a result, and that the result can be stored as JSON.
func FuzzRender(f *testing.F) {
	for _, source := range []string{"${{ n }}", "${{ n | pick('a') }}", "{% if t %}x{% endif %}", "${{ parameters.repo | projectSlug }}", "${{", "{# x"} {
		f.Add(source, false)
		f.Add(source, true)
	}
	values := nunjucks.NewObject()
	values.Set("n", 5.0)
	values.Set("t", true)
	f.Fuzz(func(t *testing.T, source string, legacy bool) {
		rendered, _ := newRenderer(legacy).Render(t.Context(), source, values)
		if rendered != nunjucks.Undefined {
			_, err := nunjucks.EncodeJSON(rendered)
			require.NoError(t, err)
		}
	})
}
