package forge

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/portico-dev/portico/internal/githubapi"
)

func TestTheSchemaIsAPartOfGitHubs(t *testing.T) {
	t.Parallel()
	wrong, err := githubapi.CheckPart(SchemaText)
	require.NoError(t, err)
	require.Empty(t, wrong)
}

func TestEveryFieldOfTheSchemaIsAnswered(t *testing.T) {
	t.Parallel()
	schema, err := graphQLSchema()
	require.NoError(t, err)
	for name, definition := range schema.Types {
		if definition.Kind != ast.Object || definition.BuiltIn {
			continue
		}
		var declared []string
		for _, field := range definition.Fields {
			if field.Name != "__schema" && field.Name != "__type" {
				declared = append(declared, field.Name)
			}
		}
		require.ElementsMatch(t, declared, slices.Collect(maps.Keys(fields[name])), name)
	}
}
