package entity_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
)

func TestParseLocationRef(t *testing.T) {
	t.Parallel()
	const shape = "TypeError: Unable to parse location ref '%s', expected '<type>:<target>', e.g. 'url:https://host/path'"
	const script = "TypeError: Invalid location ref '%s', target is a javascript: URL"
	tests := []struct {
		ref, failure string
		location     entity.LocationSpec
	}{
		{ref: "url:https://x/y", location: entity.LocationSpec{Type: "url", Target: "https://x/y"}},
		{ref: "file:./x", location: entity.LocationSpec{Type: "file", Target: "./x"}},
		{ref: " url : x ", location: entity.LocationSpec{Type: "url", Target: "x"}},
		{ref: "s3:a:b", location: entity.LocationSpec{Type: "s3", Target: "a:b"}},
		{ref: "url:javascrip:", location: entity.LocationSpec{Type: "url", Target: "javascrip:"}},
		{ref: "url:", failure: shape},
		{ref: ":x", failure: shape},
		{ref: "x", failure: shape},
		{ref: "http://x", failure: "TypeError: Invalid location ref '%s', please prefix it with 'url:', e.g. 'url:%s'"},
		{ref: "https://x", failure: "TypeError: Invalid location ref '%s', please prefix it with 'url:', e.g. 'url:%s'"},
		{ref: "url:javascript:alert(1)", failure: script},
		{ref: "url: \tJaVa\nscript:x", failure: script},
	}
	for _, test := range tests {
		t.Run(test.ref, func(t *testing.T) {
			t.Parallel()
			location, err := entity.ParseLocationRef(test.ref)
			require.Equal(t, test.location, location)
			requireFailure(t, err, strings.ReplaceAll(test.failure, "%s", test.ref))
		})
	}
}

func TestLocationEntity(t *testing.T) {
	t.Parallel()
	const name = "generated-a982898785820519e9ffb9838db21b7d27448a0b"
	spec := entity.LocationSpec{Type: "url", Target: "http://127.0.0.1:7110/extra-location.yaml"}
	require.Equal(t, name, entity.LocationEntityName(spec.Type, spec.Target))
	require.Equal(t, entity.Entity{
		"apiVersion": "backstage.io/v1alpha1",
		"kind":       "Location",
		"metadata": map[string]any{"name": name, "annotations": map[string]any{
			"backstage.io/managed-by-location":        "url:http://127.0.0.1:7110/extra-location.yaml",
			"backstage.io/managed-by-origin-location": "url:http://127.0.0.1:7110/extra-location.yaml",
		}},
		"spec": map[string]any{"type": "url", "target": "http://127.0.0.1:7110/extra-location.yaml"},
	}, entity.LocationEntity(spec))

	spec.Presence = entity.PresenceOptional
	require.True(t, spec.Optional())
	require.Equal(t, "optional", entity.LocationEntity(spec).Spec()["presence"])
	require.NoError(t, entity.Validate(entity.LocationEntity(spec)))
}

func TestLocationTargets(t *testing.T) {
	t.Parallel()
	own := entity.LocationSpec{Type: "file", Target: "/catalog/all.yaml"}
	location := newEntity("Location", map[string]any{"target": "./a.yaml", "targets": list("./b.yaml", ""), "presence": "optional"})
	require.Equal(t, []entity.LocationSpec{
		{Type: "file", Target: "./a.yaml", Presence: "optional"}, {Type: "file", Target: "./b.yaml", Presence: "optional"},
	}, entity.LocationTargets(location, own.Type))

	location = newEntity("Location", map[string]any{"type": "url", "target": "https://x/a.yaml"})
	require.Equal(t, []entity.LocationSpec{{Type: "url", Target: "https://x/a.yaml"}}, entity.LocationTargets(location, own.Type))
	require.Empty(t, entity.LocationTargets(newEntity("Location", nil), own.Type))
}

func TestRejectScriptURLs(t *testing.T) {
	t.Parallel()
	document := newEntity("Component", nil)
	document.SetAnnotation(entity.AnnotationViewURL, " java\tscript:alert(1)")
	document.SetAnnotation(entity.AnnotationEditURL, "https://example.com/edit")
	entity.RejectScriptURLs(document)
	require.Equal(t, "https://backstage.io/annotation-rejected-for-security-reasons", document.Annotation(entity.AnnotationViewURL))
	require.Equal(t, "https://example.com/edit", document.Annotation(entity.AnnotationEditURL))
}

func TestALocationIsShownWithoutSecrets(t *testing.T) {
	t.Parallel()
	for target, shown := range map[string]string{
		"https://example.com/a/b.yaml":                                         "url:https://example.com/a/b.yaml",
		"https://ada:pw@example.com/a.yaml?private_token=s&ref=main#s":         "url:https://example.com/a.yaml?ref=main",
		"https://dev.azure.com/o/p/_git/r?path=%2Fa.yaml&version=GBmain&sig=s": "url:https://dev.azure.com/o/p/_git/r?path=%2Fa.yaml&version=GBmain",
		"https://ada:p%w@example.com":                                          "url:",
	} {
		require.Equal(t, shown, entity.LocationSpec{Type: "url", Target: target}.WithoutSecrets())
	}
	require.Equal(t, "file:/srv/a?b", entity.LocationSpec{Type: "file", Target: "/srv/a?b"}.WithoutSecrets())
}
