package processing_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/provenance"
)

// disk has a file at every path, and counts the reads.
type disk struct{ asked atomic.Int32 }

func (d *disk) Glob(_ context.Context, at provenance.Place) ([]integration.LocalFile, error) {
	d.asked.Add(1)
	content := "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: leaked}\nspec: {type: a, lifecycle: b, owner: c}\n"
	return []integration.LocalFile{{Path: at.Target(), Body: []byte(content)}}, nil
}

// TestDocumentsFromURLsReadNoLocalFiles: targets and placeholders of entities from a URL never read local
// files, whatever their annotations say.
func TestDocumentsFromURLsReadNoLocalFiles(t *testing.T) {
	t.Parallel()
	s, files := newSite(t, nil), &disk{}
	p := pipelineOf(t, s)
	p.Files = files
	for name, document := range map[string]string{
		"a target of type file": "kind: Location\nmetadata: {name: x}\nspec: {type: file, target: /etc/passwd}\n",
		"a relative target":     "kind: Location\nmetadata: {name: x}\nspec: {type: file, targets: [./a.yaml, ../b.yaml]}\n",
		"a type in capitals":    "kind: Location\nmetadata: {name: x}\nspec: {type: FILE, target: /etc/passwd}\n",
		"a target that is one":  "kind: Location\nmetadata: {name: x}\nspec: {target: 'file:///etc/passwd'}\n",
		"an annotation":         "kind: Location\nmetadata: {name: x, annotations: {backstage.io/managed-by-location: 'file:/srv/x'}}\nspec: {target: ./passwd}\n",
		"both annotations": "kind: Location\nmetadata: {name: x, annotations: {backstage.io/managed-by-location: 'file:/srv/x', " +
			"backstage.io/managed-by-origin-location: 'file:/srv/x'}}\nspec: {type: file, target: /etc/passwd}\n",
		"a placeholder": "kind: Component\nmetadata: {name: x, annotations: {backstage.io/managed-by-location: 'file:/etc/x'}}\n" +
			"spec: {type: a, lifecycle: b, owner: {$text: ./passwd}}\n",
		"a placeholder that is one": "kind: Component\nmetadata: {name: x}\nspec: {type: a, lifecycle: b, owner: {$text: 'file:///etc/passwd'}}\n",
		"a placeholder of YAML":     "kind: Component\nmetadata: {name: x}\nspec: {$yaml: 'file:/etc/passwd'}\n",
	} {
		result := p.Process(t.Context(), found(t, s, "apiVersion: backstage.io/v1alpha1\n"+document))
		require.NotEmpty(t, result.Errors, name)
		require.Empty(t, result.Children, name)
		require.Zero(t, files.asked.Load(), name)
	}
}

// TestLocationAnnotationsOfAuthorsAreOverwritten: location annotations of authors are overwritten, in the
// root and below it, in documents and in what placeholders insert.
func TestLocationAnnotationsOfAuthorsAreOverwritten(t *testing.T) {
	t.Parallel()
	const theirs = `{backstage.io/managed-by-location: "file:/etc/x", backstage.io/managed-by-origin-location: "file:/etc/x"}`
	child := fmt.Sprintf("apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: x, annotations: %s}\nspec: {type: a, lifecycle: b, owner: c}\n", theirs)
	s := newSite(t, map[string]string{"a.yaml": child, "b.yaml": "{}"})
	root := found(t, s, fmt.Sprintf("apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {name: two, annotations: %s}\nspec: {target: ./a.yaml}\n", theirs))
	result := pipelineOf(t, s).Process(t.Context(), root)
	require.Empty(t, result.Errors)
	require.Len(t, result.Children, 1)
	origin := "url:" + s.URL + "/catalog-info.yaml"
	requireFrom(t, result.Document, origin, origin)
	requireFrom(t, result.Children[0].Document, "url:"+s.URL+"/a.yaml", origin)
	require.Equal(t, "url:"+s.URL+"/a.yaml", result.Children[0].LocationKey)
}

func requireFrom(t *testing.T, document json.RawMessage, location, origin string) {
	t.Helper()
	var e entity.Entity
	require.NoError(t, json.Unmarshal(document, &e))
	require.Equal(t, location, e.Annotation(entity.AnnotationLocation))
	require.Equal(t, origin, e.Annotation(entity.AnnotationOriginLocation))
}

func TestADocumentWhosePlaceDiffersFromItsRecordIsRefused(t *testing.T) {
	t.Parallel()
	s, files := newSite(t, nil), &disk{}
	p := pipelineOf(t, s)
	p.Files = files
	emitted := found(t, s, "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {name: x}\nspec: {target: ./a.yaml}\n")
	for _, key := range []string{"", "file:/srv/x", "url:https://example.com/x"} {
		result := p.Process(t.Context(), processing.Emitted{Ref: emitted.Ref, LocationKey: key, Document: emitted.Document})
		require.Len(t, result.Errors, 1, key)
		require.Zero(t, files.asked.Load())
	}
}
