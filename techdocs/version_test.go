package techdocs_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/techdocs"
)

func TestVersionsInNames(t *testing.T) {
	t.Parallel()
	for joined, expected := range map[string][]string{
		"shop": {"shop", ""}, "shop@v1.2": {"shop", "v1.2"}, "shop@release~2": {"shop", "release/2"}, "shop@shop@1.0": {"shop", "shop@1.0"}, "shop@größe": {"shop", "größe"},
	} {
		name, version, is := techdocs.SplitVersion(joined)
		require.True(t, is, joined)
		require.Equal(t, expected, []string{name, version}, joined)
		require.Equal(t, joined, techdocs.JoinVersion(name, version))
	}
	for _, joined := range []string{"shop@", "shop@..", "shop@~", "shop@a~..~b", "shop@.git", "shop@a/b", "shop@a b", "shop@" + strings.Repeat("v", 101), "shop@\xff", "shop@a\u202eb"} {
		_, _, is := techdocs.SplitVersion(joined)
		require.False(t, is, joined)
	}
	require.True(t, techdocs.IsPreview("pr-12"))
	require.False(t, techdocs.IsPreview("pr-12a"))
}

// FuzzSplitVersion: what is taken apart is one path segment when it is joined again, and leads nowhere else.
func FuzzSplitVersion(f *testing.F) {
	for _, seed := range []string{"shop@v1.2", "shop@release~2", "shop@..~..", "@", "a@b@c", "a@\u202e"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, joined string) {
		name, version, is := techdocs.SplitVersion(joined)
		if !is {
			return
		}
		again := techdocs.JoinVersion(name, version)
		if again != joined {
			t.Fatalf("%q becomes %q", joined, again)
		}
		segment := strings.TrimPrefix(again, name)
		if strings.ContainsAny(segment, "/\\\x00") || strings.Contains(version, "..") {
			t.Fatalf("%q leads elsewhere", joined)
		}
	})
}
