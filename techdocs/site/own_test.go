package site_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/site"
)

// TestThisRepositorysDocumentationHasNoProblem builds docs/ of Portico.
func TestThisRepositorysDocumentationHasNoProblem(t *testing.T) {
	t.Parallel()

	report, err := site.New(site.Config{}).Generate(t.Context(), "../..", t.TempDir(), techdocs.Options{})
	require.NoError(t, err)
	require.Greater(t, report.Pages, 100)
	for _, problem := range report.Problems {
		require.NotContains(t, []string{techdocs.Error, techdocs.Warning}, problem.Severity, "%v", problem)
	}
	require.Empty(t, report.Problems, "mend these in docs/, or say in mkdocs.yml why they are right")
}
