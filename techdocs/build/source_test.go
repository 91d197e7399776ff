package build_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/techdocs/build"
)

func TestLocate(t *testing.T) {
	t.Parallel()
	hosts, err := forges.New(forges.Config{}, integration.Options{})
	require.NoError(t, err)
	url := provenance.At(provenance.URL, "https://github.com/acme/shop/blob/main/svc/catalog-info.yaml")
	file := provenance.At(provenance.File, "/srv/catalog/shop/catalog-info.yaml")
	for name, test := range map[string]struct {
		ref, source string
		at          provenance.Place
		kind        string
		target      string
	}{
		"beside a URL":               {"dir:.", "", url, "url", "https://github.com/acme/shop/tree/main/svc/"},
		"below a URL":                {"dir:./docs", "", url, "url", "https://github.com/acme/shop/tree/main/svc/docs"},
		"above a URL":                {"dir:..", "", url, "url", "https://github.com/acme/shop/tree/main/"},
		"beside its sources":         {"dir:.", "url:https://github.com/acme/shop/tree/main/", url, "url", "https://github.com/acme/shop/tree/main/"},
		"by a URL":                   {"url:https://github.com/acme/docs/tree/main", "", url, "url", "https://github.com/acme/docs/tree/main"},
		"beside a file":              {"dir:.", "", file, "dir", "/srv/catalog/shop"},
		"below a file":               {"dir:docs", "", file, "dir", "/srv/catalog/shop/docs"},
		"a file's sources elsewhere": {"dir:.", "url:https://github.com/acme/shop/tree/main/", file, "url", "https://github.com/acme/shop/tree/main/"},
		"a file's sources in files":  {"dir:.", "file:./src/", file, "dir", "/srv/catalog/shop/src"},
	} {
		e := withDocs(test.ref)
		if test.source != "" {
			e.SetAnnotation(entity.AnnotationSourceLocation, test.source)
		}
		found, err := build.Locate(e, test.at, hosts.ResolveURL)
		require.NoError(t, err, name)
		require.Equal(t, []string{test.kind, test.target}, []string{found.Kind, found.Target}, name)
	}
	for name, test := range map[string]struct {
		ref, source string
		at          provenance.Place
		message     string
	}{
		"none":                         {"", "", url, "No backstage.io/techdocs-ref annotation provided in entity: shop"},
		"another kind":                 {"gs:bucket", "", url, "Invalid reference annotation gs"},
		"no kind":                      {"docs", "", url, "Failure to parse either type or target for entity: shop"},
		"above a file":                 {"dir:../other", "", file, "Relative path is not allowed to refer to a directory outside its parent"},
		"an absolute path":             {"dir:/etc", "", file, "Relative path is not allowed to refer to a directory outside its parent"},
		"a file from elsewhere":        {"dir:.", "file:/etc/", url, "was not read from this machine"},
		"a file by its URL":            {"url:file:///etc/", "", url, "Invalid URL"},
		"sources of an unknown kind":   {"dir:.", "ldap:x", url, "may refer to URLs and files only"},
		"an entity without a location": {"dir:.", "", provenance.Place{}, "Unable to resolve location type"},
	} {
		e := withDocs(test.ref)
		if test.source != "" {
			e.SetAnnotation(entity.AnnotationSourceLocation, test.source)
		}
		_, err := build.Locate(e, test.at, hosts.ResolveURL)
		require.ErrorContains(t, err, test.message, name)
		require.NotEmpty(t, fault.KindOf(err), name)
	}
}
