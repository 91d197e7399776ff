package workspace_test

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/workspace"
)

func newRoot(t testing.TB) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, root.Close()) })
	return root
}

func TestResolve(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	require.NoError(t, root.Mkdir("d", 0o755))
	require.NoError(t, root.Symlink("..", "up"))
	require.NoError(t, root.Symlink("d", "down"))
	for name, want := range map[string]string{
		"": ".", ".": ".", "./": ".", "a": "a", "a/../b": "b", "d/x/": "d/x", "...": "...", "down/x": "down/x",
		root.Name(): ".", filepath.Join(root.Name(), "d/e"): "d/e",
	} {
		got, err := workspace.Resolve(root, name)
		require.NoError(t, err, name)
		require.Equal(t, want, got, name)
	}
	for _, name := range []string{"..", "../x", "a/../../x", "/etc/passwd", root.Name() + "x", "up", "up/x", "d/../up/x"} {
		_, err := workspace.Resolve(root, name)
		require.Equal(t, fault.NotAllowed, fault.KindOf(err), name)
		require.EqualError(t, err, "Relative path is not allowed to refer to a directory outside its parent")
	}
}

// FuzzResolve looks for a name that is accepted although it leads out.
func FuzzResolve(f *testing.F) {
	for _, seed := range []string{"a/b", "../x", "/etc/passwd", "up/x", "a/./../..//b", "\x00", "up/../up"} {
		f.Add(seed)
	}
	root := newRoot(f)
	require.NoError(f, root.Symlink("..", "up"))
	f.Fuzz(func(t *testing.T, name string) {
		resolved, err := workspace.Resolve(root, name)
		if err != nil {
			return
		}
		full := filepath.Join(root.Name(), resolved)
		require.True(t, full == root.Name() || strings.HasPrefix(full, root.Name()+"/"), resolved)
		_, err = root.Stat(resolved)
		require.False(t, workspace.IsOutside(err))
	})
}

func TestGlobs(t *testing.T) {
	t.Parallel()
	directory := fstest.MapFS{}
	for _, name := range []string{"README.md", ".hidden", "docs/a.md", "docs/deep/b.md", "src/main.go", "src/[x].go", "straße/ü.md", ".github/workflows/ci.yml"} {
		directory[name] = &fstest.MapFile{}
	}
	all := []string{".github", ".github/workflows", ".github/workflows/ci.yml", ".hidden", "README.md", "docs", "docs/a.md", "docs/deep", "docs/deep/b.md", "src", "src/[x].go", "src/main.go", "straße", "straße/ü.md"}
	for name, test := range map[string]struct {
		patterns []string
		want     []string
	}{
		"nothing":            {nil, nil},
		"a file":             {[]string{"./README.md"}, []string{"README.md"}},
		"a directory":        {[]string{"docs"}, []string{"docs/a.md", "docs/deep", "docs/deep/b.md"}},
		"a directory/":       {[]string{"docs/"}, []string{"docs/a.md", "docs/deep", "docs/deep/b.md"}},
		"below a directory":  {[]string{"docs/**"}, []string{"docs/a.md", "docs/deep", "docs/deep/b.md"}},
		"star":               {[]string{"*"}, []string{".github", ".hidden", "README.md", "docs", "src", "straße"}},
		"double star":        {[]string{"**"}, all},
		"everywhere":         {[]string{"**/*.md"}, []string{"README.md", "docs/a.md", "docs/deep/b.md", "straße/ü.md"}},
		"braces":             {[]string{"src/*.{go,rs}", "docs/?.md"}, []string{"docs/a.md", "src/[x].go", "src/main.go"}},
		"escapes":            {[]string{`src/\[x\].go`}, []string{"src/[x].go"}},
		"taken out again":    {[]string{"docs", "!docs/deep/**"}, []string{"docs/a.md", "docs/deep"}},
		"dot directories":    {[]string{".github/**/*.yml"}, []string{".github/workflows/ci.yml"}},
		"only a negation":    {[]string{"!docs"}, nil},
		"no such file":       {[]string{"nope", "nope/**"}, nil},
		"outside is nothing": {[]string{"../*"}, nil},
		"one of several":     {[]string{"@(docs|src)/*.@(md|go)"}, []string{"docs/a.md", "src/[x].go", "src/main.go"}},
		"some or none":       {[]string{"docs/?(x)a.md", "src/*(m|a|i|n).go"}, []string{"docs/a.md", "src/main.go"}},
		"some":               {[]string{"src/+(a|i|m|n).go", "docs/+(b).md"}, []string{"src/main.go"}},
		"none of several":    {[]string{"src/!(ma*|[a-l]*).go", "./!(README|x).md"}, []string{"src/[x].go"}},
		"none of several, /": {[]string{"./!(docs)/*.{md,go}"}, []string{"src/[x].go", "src/main.go", "straße/ü.md"}},
		"extended, deep":     {[]string{"**/@(b|ci).+(m|d|y|l)"}, []string{".github/workflows/ci.yml", "docs/deep/b.md"}},
		"extended, not":      {[]string{"docs/*.md", "!docs/+(a).md"}, nil},
		"!( is a negation":   {[]string{"*", "!(docs|src)"}, []string{".github", ".hidden", "README.md", "straße"}},
		"letters of others":  {[]string{`stra@(x|\ß)e/@(ü|x).md`}, []string{"straße/ü.md"}},
		"a name with !":      {[]string{"./!README.md"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			globs, err := workspace.NewGlobs(directory, test.patterns)
			require.NoError(t, err)
			var got []string
			for _, path := range all {
				if selects(t, globs, path) {
					got = append(got, path)
				}
			}
			require.Equal(t, test.want, got)
		})
	}
	for _, name := range []string{"app/[slug]/page.tsx", "app/(shop)/+(x)/{a}.tsx", "app/s/page.tsx", "broken["} {
		directory[name] = &fstest.MapFile{}
		for _, pattern := range []string{name, path.Dir(name) + "/*", path.Dir(name)} {
			globs, err := workspace.NewGlobs(directory, []string{pattern})
			require.NoError(t, err, pattern)
			require.True(t, selects(t, globs, name), pattern)
		}
	}
	globs, err := workspace.NewGlobs(directory, []string{"app/[slug]/page.tsx"})
	require.NoError(t, err)
	require.False(t, selects(t, globs, "app/s/page.tsx"), "the name exists, so it is no pattern")
	globs, err = workspace.NewGlobs(directory, []string{"app/[st]/page.tsx"})
	require.NoError(t, err)
	require.True(t, selects(t, globs, "app/s/page.tsx"), "no name is like that, and so it is a pattern")
	for _, pattern := range []string{"src/[", "@(a.go", "+([a).go", "@(a|{b).go", strings.Repeat("!(a)", 40), strings.Repeat("@(a)", 1000)} {
		_, err := workspace.NewGlobs(directory, []string{pattern})
		require.ErrorContains(t, err, "is invalid", pattern)
	}
}

func selects(t *testing.T, globs workspace.Globs, name string) bool {
	t.Helper()
	selected, err := globs.Match(name)
	require.NoError(t, err)
	return selected
}

func TestAPatternThatTakesTooLongIsAnError(t *testing.T) {
	t.Parallel()
	globs, err := workspace.NewGlobs(fstest.MapFS{}, []string{"+(a|aa|?)b"})
	require.NoError(t, err)
	_, err = globs.Match(strings.Repeat("a", 60) + "bc")
	require.ErrorContains(t, err, "make the pattern simpler")
}
