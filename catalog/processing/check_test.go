package processing_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
)

// Checking files on disk and processing the same files from their host give the same errors.
func TestCheckAndProcessingFindTheSameErrors(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"text.yaml": described, "api.yaml": "openapi: 3.0.0", "missing.yaml": "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata: {name: m}\n" +
			"spec: {type: openapi, lifecycle: production, owner: team-a, definition: {$text: ./none.yaml}}\n",
		"object.yaml":   "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata: {name: o}\nspec: {type: openapi, lifecycle: production, owner: team-a, definition: {$yaml: ./api.yaml}}\n",
		"case.yaml":     "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: c, labels: {Tier: a, tier: b}}\nspec: {type: s, lifecycle: l, owner: o}\n",
		"relation.yaml": "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: r}\nspec: {type: s, lifecycle: l, owner: o, dependsOn: [nokind]}\n",
		"list.yaml":     "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: a, annotations: [x]}\nspec: {type: s, lifecycle: l, owner: o}\n",
		"number.yaml":   "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: 5}\nspec: {type: s, lifecycle: l, owner: o}\n",
		"here.yaml":     "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {name: h}\nspec: {targets: [./case.yaml]}\n",
		"there.yaml":    "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {name: t}\nspec: {targets: [./gone.yaml, ./number.yaml]}\n",
	}
	directory := t.TempDir()
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(directory, name), []byte(content), 0o600))
	}
	checkout, err := processing.NewCheckout(directory)
	require.NoError(t, err)
	local := &processing.Pipeline{Reader: checkout, Rules: entity.EveryKind(), LocationTypes: []string{"url"}}
	s := newSite(t, files)
	hosted := pipelineOf(t, s)
	hosted.Rules = entity.EveryKind()

	wrong := map[string]int{"api.yaml": 1, "missing.yaml": 1, "object.yaml": 1, "relation.yaml": 1, "list.yaml": 1, "number.yaml": 1, "there.yaml": 2}
	for name, content := range files {
		documents, err := entity.ParseYAML([]byte(content), name)
		require.NoError(t, err)
		again, err := entity.ParseYAML([]byte(content), name)
		require.NoError(t, err)
		here := local.Check(t.Context(), documents[0], entity.LocationSpec{Type: "url", Target: filepath.Join(directory, name)})
		there := hosted.Check(t.Context(), again[0], entity.LocationSpec{Type: "url", Target: s.URL + "/" + name})
		require.Len(t, here, wrong[name], "%s: %v", name, here)
		require.Len(t, there, wrong[name], "%s: %v", name, there)
		for i := range here {
			require.Equal(t, there[i].Name, here[i].Name, name)
		}
	}
}
