package entity_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
)

func TestAccessorsReadAnyShape(t *testing.T) {
	t.Parallel()
	shop := entity.Entity{
		"apiVersion": "backstage.io/v1alpha1", "kind": "Component",
		"metadata": map[string]any{
			"name": "Shop", "namespace": "Retail", "title": "The shop", "description": "Sells", "uid": "1",
			"tags": list("java", 5.0), "annotations": map[string]any{"a/b": "c", "n": 5.0},
		},
		"spec": map[string]any{"type": "service"},
	}
	require.Equal(t, entity.Ref{Kind: "Component", Namespace: "Retail", Name: "Shop"}, shop.Ref())
	require.Equal(t, "backstage.io/v1alpha1", shop.APIVersion())
	require.Equal(t, "The shop", shop.Title())
	require.Equal(t, "Sells", shop.Description())
	require.Equal(t, "1", shop.UID())
	require.Equal(t, "service", shop.Type())
	require.Equal(t, []string{"java"}, shop.Tags())
	require.Equal(t, "c", shop.Annotation("a/b"))
	require.Empty(t, shop.Annotation("n"))

	for _, odd := range []entity.Entity{nil, {}, {"kind": 5.0, "metadata": "x", "spec": list()}} {
		require.Equal(t, entity.Ref{Namespace: "default"}, odd.Ref())
		require.Empty(t, odd.Tags())
		require.Empty(t, odd.Annotation("a"))
		require.Nil(t, odd.Spec())
	}
}

func TestCloneSharesNothing(t *testing.T) {
	t.Parallel()
	original := newEntity("Component", map[string]any{"list": list(map[string]any{"a": "b"})})
	copied := original.Clone()
	require.Equal(t, original, copied)
	copied.SetAnnotation("a", "b")
	copied.Spec()["list"].([]any)[0].(map[string]any)["a"] = "changed"
	require.NotContains(t, original.Metadata(), "annotations")
	require.Equal(t, list(map[string]any{"a": "b"}), original.Spec()["list"])
}

func TestSetAnnotationMakesRoom(t *testing.T) {
	t.Parallel()
	document := entity.Entity{}
	document.SetAnnotation("a", "b")
	require.Equal(t, "b", document.Annotation("a"))
}

func TestEtagDependsOnContentOnly(t *testing.T) {
	t.Parallel()
	one := entity.Entity{"kind": "K", "metadata": map[string]any{"name": "<n>", "title": "t"}}
	same := entity.Entity{"metadata": map[string]any{"title": "t", "name": "<n>"}, "kind": "K"}
	// sha1 of {"kind":"K","metadata":{"name":"<n>","title":"t"}}
	require.Equal(t, "5dd521ab0288ca7b1fb102b4e0158a791770c48d", entity.Etag(one))
	require.Equal(t, entity.Etag(one), entity.Etag(same))
	same.Metadata()["title"] = "u"
	require.NotEqual(t, entity.Etag(one), entity.Etag(same))
}
