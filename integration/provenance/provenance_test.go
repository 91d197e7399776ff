package provenance_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration/provenance"
)

// TestOnlyLocalFilesReferToLocalFiles tests the rule on which all other checks rely.
func TestOnlyLocalFilesReferToLocalFiles(t *testing.T) {
	t.Parallel()
	for name, from := range map[string]provenance.Place{
		"a URL":                   provenance.At(provenance.URL, "https://example.com/catalog-info.yaml"),
		"a URL of a file":         provenance.At(provenance.URL, "file:///srv/catalog-info.yaml"),
		"what was sent along":     provenance.Sent("/tmp/dry-run/template.yaml"),
		"unknown origin":          {},
		"a source of entities":    provenance.At("ldap", "example.com"),
		"another case":            provenance.At("FILE", "/srv/catalog-info.yaml"),
		"a record of what sent":   provenance.Recorded(provenance.Sent("/tmp/dry-run/template.yaml").String()),
		"a record of nothing":     provenance.Recorded(""),
		"a record without a kind": provenance.Recorded("/srv/catalog-info.yaml"),
	} {
		for _, target := range []string{"/etc/passwd", "./x", "../x", "//etc/passwd", "///etc/passwd", "x", ""} {
			found, err := from.Follow(provenance.File, target, nil)
			require.Equal(t, fault.NotAllowed, fault.KindOf(err), "%s to %s", name, target)
			require.Zero(t, found)
		}
	}
}

func TestReferencesAreFollowedByPlace(t *testing.T) {
	t.Parallel()
	resolve := func(base, ref string) (string, error) { return base + " + " + ref, nil }
	byURL, byFile, sent := provenance.At(provenance.URL, "https://x/a.yaml"), provenance.At(provenance.File, "/srv/c/a.yaml"), provenance.Sent("/tmp/d/t.yaml")
	for name, test := range map[string]struct {
		from         provenance.Place
		kind, target string
		expected     provenance.Place
	}{
		"a relative URL":            {byURL, provenance.URL, "./b", provenance.At(provenance.URL, "https://x/a.yaml + ./b")},
		"a URL from a file":         {byFile, provenance.URL, "https://x/b", provenance.At(provenance.URL, "https://x/b")},
		"a URL from what was sent":  {sent, provenance.URL, "https://x/b", provenance.At(provenance.URL, "https://x/b")},
		"a file beside":             {byFile, provenance.File, "./b.yaml", provenance.At(provenance.File, "/srv/c/b.yaml")},
		"a file beside, plainly":    {byFile, provenance.File, "d/b.yaml", provenance.At(provenance.File, "/srv/c/d/b.yaml")},
		"a file above":              {byFile, provenance.File, "../b.yaml", provenance.At(provenance.File, "/srv/b.yaml")},
		"a directory":               {byFile, provenance.File, "./d/", provenance.At(provenance.File, "/srv/c/d/")},
		"a file by its path":        {byFile, provenance.File, "/srv/d/b.yaml", provenance.At(provenance.File, "/srv/d/b.yaml")},
		"a file by its URL":         {byFile, provenance.File, "///srv/d/b%20.yaml", provenance.At(provenance.File, "/srv/d/b .yaml")},
		"a directory by its path":   {byFile, provenance.File, "/srv/d/", provenance.At(provenance.File, "/srv/d/")},
		"a colon is part of a path": {byFile, provenance.File, "/srv/d:b.yaml", provenance.At(provenance.File, "/srv/d:b.yaml")},
	} {
		found, err := test.from.Follow(test.kind, test.target, resolve)
		require.NoError(t, err, name)
		require.Equal(t, test.expected, found, name)
	}
	_, err := byFile.Follow("ldap", "x", resolve)
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
	refused := errors.New("TypeError: Invalid URL")
	_, err = byURL.Follow(provenance.URL, "::", func(string, string) (string, error) { return "", refused })
	require.ErrorIs(t, err, refused)
}

func TestOnlyHTTPURLsAreFollowed(t *testing.T) {
	t.Parallel()
	resolve := func(_, ref string) (string, error) { return ref, nil }
	for _, from := range []provenance.Place{{}, provenance.At(provenance.URL, "https://x/a"), provenance.At(provenance.File, "/srv/a"), provenance.Sent("/tmp/a")} {
		for _, target := range []string{"file:///etc/passwd", "FILE:///etc/passwd", "file:/etc/passwd", "file:etc", "ftp://x/y", " file:///etc/passwd",
			"\tfile:///etc/passwd", "fi\nle:///etc/passwd", "javascript:alert(1)"} {
			_, err := from.Follow(provenance.URL, target, resolve)
			require.Equal(t, fault.Input, fault.KindOf(err), "%s to %q", from, target)
		}
	}
}

func TestRefusalsShowNoLocalPaths(t *testing.T) {
	t.Parallel()
	_, err := provenance.Sent("/tmp/dry-run/template.yaml").Follow(provenance.File, "./x", nil)
	require.NotContains(t, err.Error(), "/tmp")
	_, err = provenance.At(provenance.URL, "https://x/a.yaml").Follow(provenance.File, "/etc/passwd", nil)
	require.ErrorContains(t, err, "Content from url:https://x/a.yaml was not read from this machine, so it cannot refer to file:/etc/passwd.")
}

func TestPlacesAreParsedAndPrinted(t *testing.T) {
	t.Parallel()
	for base, at := range map[string]provenance.Place{
		"https://x/a.yaml":     provenance.At(provenance.URL, "https://x/a.yaml"),
		"file:///srv/a:b.yaml": provenance.At(provenance.File, "/srv/a:b.yaml"),
		"":                     provenance.At("ldap", "x"),
	} {
		require.Equal(t, base, at.BaseURL())
		require.Equal(t, at, provenance.Recorded(at.String()))
	}
	require.Equal(t, "file:///tmp/t.yaml", provenance.Sent("/tmp/t.yaml").BaseURL())
	require.True(t, provenance.Place{}.IsZero())
}
