// Package examples_test checks that every example file is valid and every reference resolves.
package examples_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/scaffolder/template"
)

func TestEntitiesAndTheirReferencesAreValid(t *testing.T) {
	t.Parallel()

	known := map[string]bool{}
	var wanted []entity.Relation
	for _, document := range documents(t) {
		require.NoError(t, entity.Validate(document.Entity))
		self := document.Entity.Ref().String()
		require.NotContains(t, known, self, "is a duplicate")
		known[self] = true
		relations, err := entity.Relations(document.Entity)
		require.NoError(t, err)
		wanted = append(wanted, relations...)
	}
	require.Contains(t, known, "user:default/guest")
	for _, relation := range wanted {
		require.Contains(t, known, relation.TargetRef, "is named by %s", relation.SourceRef)
	}
}

func TestTemplatesAreValid(t *testing.T) {
	t.Parallel()

	var found []string
	for _, document := range documents(t) {
		if document.Entity.Kind() != "Template" {
			continue
		}
		found = append(found, document.Entity.Name())
		parsed, err := template.Parse(document.Source)
		require.NoError(t, err)
		require.NotEmpty(t, parsed.Spec.Steps)
	}
	require.Contains(t, found, "golden-path")
}

func TestConfigurationIsValid(t *testing.T) {
	t.Parallel()

	c, err := config.Load(t.Context(), config.Options{Files: []string{"app-config.yaml"}, Environ: []string{}})
	require.NoError(t, err)
	for _, location := range c.Catalog.Locations {
		require.FileExists(t, filepath.Join("..", location.Target), "targets start where make does")
	}
}

// documents are all entities of the examples, found as the Location entities name them.
func documents(t *testing.T) []entity.Document {
	t.Helper()
	var all []entity.Document
	for _, pattern := range []string{"catalog/*.yaml", "catalog/systems/*.yaml", "templates/all.yaml", "templates/*/template.yaml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files, pattern)
		for _, file := range files {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			parsed, err := entity.ParseYAML(content, "file:"+file)
			require.NoError(t, err)
			for _, document := range parsed {
				require.NoError(t, document.Err)
				all = append(all, document)
			}
		}
	}
	return all
}
