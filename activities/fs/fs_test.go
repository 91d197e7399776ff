package fs_test

import (
	"encoding/json"
	iofs "io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/fs"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/scaffolder/action"
)

var remove, rename, readdir = fs.Actions()[0], fs.Actions()[1], fs.Actions()[2]

func TestDescriptions(t *testing.T) {
	t.Parallel()
	actiontest.RequireDescriptions(t, fs.Actions())
}

// newHarness creates a workspace with these files. A path that ends with a slash is an empty directory.
func newHarness(t *testing.T, paths ...string) *actiontest.Harness {
	t.Helper()
	harness := actiontest.NewHarness(t)
	for _, name := range paths {
		require.NoError(t, harness.Workspace.MkdirAll(path.Dir(name), 0o755))
		if !strings.HasSuffix(name, "/") {
			require.NoError(t, harness.Workspace.WriteFile(name, []byte(name), 0o644))
		}
	}
	return harness
}

// tree lists everything in a workspace, directories with a slash at the end.
func tree(t *testing.T, root *os.Root) []string {
	t.Helper()
	found := []string{}
	require.NoError(t, iofs.WalkDir(root.FS(), ".", func(name string, item iofs.DirEntry, err error) error {
		switch {
		case err != nil || name == ".":
			return err
		case item.IsDir():
			name += "/"
		}
		found = append(found, name)
		return nil
	}))
	return found
}

// input replaces WORKSPACE by the workspace's path.
func input(harness *actiontest.Harness, text string) string {
	return strings.ReplaceAll(text, "WORKSPACE", harness.Workspace.Name())
}

func TestDelete(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		patterns string
		left     []string
		deleted  []string
	}{
		"files":            {`["a.txt","docs/x.md","nope"]`, []string{".git/", ".git/HEAD", "b.txt", "docs/", "docs/deep/", "docs/deep/y.md", "empty/"}, []string{"a.txt", "docs/x.md"}},
		"directory":        {`["docs"]`, []string{".git/", ".git/HEAD", "a.txt", "b.txt", "empty/"}, []string{"docs/deep/y.md", "docs/x.md"}},
		"pattern":          {`["*.txt"]`, []string{".git/", ".git/HEAD", "docs/", "docs/deep/", "docs/deep/y.md", "docs/x.md", "empty/"}, []string{"a.txt", "b.txt"}},
		"everywhere":       {`["**/*.md"]`, []string{".git/", ".git/HEAD", "a.txt", "b.txt", "docs/", "docs/deep/", "empty/"}, []string{"docs/deep/y.md", "docs/x.md"}},
		"everything":       {`["**"]`, []string{}, []string{".git/HEAD", "a.txt", "b.txt", "docs/deep/y.md", "docs/x.md"}},
		"empty directory":  {`["empty"]`, []string{".git/", ".git/HEAD", "a.txt", "b.txt", "docs/", "docs/deep/", "docs/deep/y.md", "docs/x.md"}, []string{}},
		"absolute":         {`["WORKSPACE/a.txt"]`, []string{".git/", ".git/HEAD", "b.txt", "docs/", "docs/deep/", "docs/deep/y.md", "docs/x.md", "empty/"}, []string{"a.txt"}},
		"the workspace":    {`["."]`, []string{}, []string{".git/HEAD", "a.txt", "b.txt", "docs/deep/y.md", "docs/x.md"}},
		"nothing selected": {`[]`, []string{".git/", ".git/HEAD", "a.txt", "b.txt", "docs/", "docs/deep/", "docs/deep/y.md", "docs/x.md", "empty/"}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			harness := newHarness(t, "a.txt", "b.txt", "docs/x.md", "docs/deep/y.md", ".git/HEAD", "empty/")
			_, err := harness.Run(t, remove, input(harness, `{"files":`+test.patterns+`}`))
			require.NoError(t, err)
			require.Equal(t, test.left, tree(t, harness.Workspace))
			lines := []string{}
			for _, path := range test.deleted {
				lines = append(lines, "File "+filepath.Join(harness.Workspace.Name(), path)+" deleted successfully")
			}
			require.Equal(t, lines, append([]string{}, harness.Log.Lines()...))
		})
	}
}

// TestDeleteMatchesExistingNamesLiterally: some frameworks have files like [id].tsx.
func TestDeleteMatchesExistingNamesLiterally(t *testing.T) {
	t.Parallel()
	harness := newHarness(t, "app/[id].tsx", "app/i.tsx", "app/[...rest]/page.tsx", "app/[[lang]]/x/y.tsx", "app/(group)/z.tsx", "broken[")
	_, err := harness.Run(t, remove, `{"files":["app/[id].tsx","app/[...rest]/*.tsx","app/[[lang]]","app/(group)/z.tsx","broken["]}`)
	require.NoError(t, err)
	require.Equal(t, []string{"app/", "app/(group)/", "app/[...rest]/", "app/i.tsx"}, tree(t, harness.Workspace))
	_, err = harness.Run(t, remove, `{"files":["app/[id].tsx"]}`)
	require.NoError(t, err)
	require.Equal(t, []string{"app/", "app/(group)/", "app/[...rest]/"}, tree(t, harness.Workspace), "now it is a pattern")
}

func TestDeleteRemovesLinksButNotTheirTargets(t *testing.T) {
	t.Parallel()
	harness := newHarness(t, "a.txt", "docs/x.md")
	require.NoError(t, harness.Workspace.Symlink("docs", "link"))
	require.NoError(t, harness.Workspace.Symlink("/etc", "outside"))
	_, err := harness.Run(t, remove, `{"files":["*"]}`)
	require.NoError(t, err)
	require.Equal(t, []string{"docs/", "docs/x.md"}, tree(t, harness.Workspace))
}

func TestPathsOutsideTheWorkspaceAreRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		action action.Action
		input  string
	}{
		"delete above":      {remove, `{"files":["../../outside"]}`},
		"delete absolute":   {remove, `{"files":["/etc/passwd"]}`},
		"delete below link": {remove, `{"files":["outside/passwd"]}`},
		"rename from":       {rename, `{"files":[{"from":"../x","to":"y"}]}`},
		"rename to":         {rename, `{"files":[{"from":"a","to":"../y"}]}`},
		"rename into link":  {rename, `{"files":[{"from":"a","to":"outside/y"}]}`},
		"readdir":           {readdir, `{"paths":[".."]}`},
		"readdir link":      {readdir, `{"paths":["outside"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			harness := newHarness(t, "a")
			require.NoError(t, harness.Workspace.Symlink("/etc", "outside"))
			_, err := harness.Run(t, test.action, test.input)
			requireError(t, err, "NotAllowedError", "Relative path is not allowed to refer to a directory outside its parent")
		})
	}
}

func requireError(t *testing.T, err error, name, message string) {
	t.Helper()
	require.EqualError(t, err, message)
	require.EqualValues(t, name, fault.KindOf(err))
	require.False(t, action.IsTransient(err))
}

func TestRename(t *testing.T) {
	t.Parallel()
	harness := newHarness(t, "a.txt", "b.txt", "dir/x", "old/y")
	_, err := harness.Run(t, rename, input(harness, `{"files":[
		{"from":"a.txt","to":"new/deep/a.txt"}, {"from":"WORKSPACE/b.txt","to":"new/deep/a.txt","overwrite":true}, {"from":"dir","to":"old","overwrite":true}]}`))
	require.NoError(t, err)
	require.Equal(t, []string{"new/", "new/deep/", "new/deep/a.txt", "old/", "old/x"}, tree(t, harness.Workspace))
	content, err := harness.Workspace.ReadFile("new/deep/a.txt")
	require.NoError(t, err)
	require.Equal(t, "b.txt", string(content))
	root := harness.Workspace.Name()
	require.Equal(t, []string{
		"File " + root + "/a.txt renamed to " + root + "/new/deep/a.txt successfully",
		"File " + root + "/b.txt renamed to " + root + "/new/deep/a.txt successfully",
		"File " + root + "/dir renamed to " + root + "/old successfully",
	}, harness.Log.Lines())
}

func TestRenameMistakes(t *testing.T) {
	t.Parallel()
	for input, message := range map[string]string{
		`{"files":[{"from":"a","to":"b"}]}`:                    "a cannot be renamed to b: dest already exists. Set overwrite: true to replace it",
		`{"files":[{"from":"nope","to":"c"}]}`:                 "nope is not in the workspace",
		`{"files":[{"from":"a","to":"./a"}]}`:                  "a cannot be renamed to itself",
		`{"files":[{"from":"d","to":"d/e/f"}]}`:                "d cannot be renamed to d/e/f, which is inside of it",
		`{"files":[{"from":".","to":"e"}]}`:                    ". cannot be renamed to e, which is inside of it",
		`{"files":[{"from":"","to":"e"}]}`:                     "each file must have a from and to property",
		`{"files":[{"from":"a","to":".","overwrite":true}]}`:   "a cannot take the place of ., which it is inside of",
		`{"files":[{"from":"d/x","to":"d","overwrite":true}]}`: "d/x cannot take the place of d, which it is inside of",
	} {
		harness := newHarness(t, "a", "b", "d/x")
		_, err := harness.Run(t, rename, input)
		requireError(t, err, "InputError", message)
	}
}

// TestReaddir expects the order of a real Backstage.
func TestReaddir(t *testing.T) {
	t.Parallel()
	harness := newHarness(t, "r", "a/f", "a/x/f", "a/y/f", "b/f", "b/z/f", "b/z/q/f", "b/w/f")
	require.NoError(t, harness.Workspace.Symlink("a", "link"))
	for name, test := range map[string]struct {
		input          string
		files, folders []string
	}{
		"top":       {`{"paths":["."]}`, []string{"link", "r"}, []string{"a", "b"}},
		"two":       {`{"paths":["a","WORKSPACE/b"],"recursive":false}`, []string{"a/f", "b/f"}, []string{"a/x", "a/y", "b/w", "b/z"}},
		"recursive": {`{"paths":["."],"recursive":true}`, []string{"link", "r", "b/f", "b/z/f", "b/z/q/f", "b/w/f", "a/f", "a/y/f", "a/x/f"}, []string{"a", "b", "b/w", "b/z", "b/z/q", "a/x", "a/y"}},
		"nothing":   {`{"paths":[]}`, []string{}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			output, err := harness.Run(t, readdir, input(harness, test.input))
			require.NoError(t, err)
			require.Equal(t, entries(harness, test.files), decoded(t, output["files"]))
			require.Equal(t, entries(harness, test.folders), decoded(t, output["folders"]))
		})
	}
	_, err := harness.Run(t, readdir, `{"paths":["nope"]}`)
	requireError(t, err, "InputError", "nope is not in the workspace")
	require.Empty(t, harness.Log.Lines())
}

func entries(harness *actiontest.Harness, paths []string) []map[string]string {
	made := []map[string]string{}
	for _, name := range paths {
		made = append(made, map[string]string{"name": path.Base(name), "path": name, "fullPath": filepath.Join(harness.Workspace.Name(), name)})
	}
	return made
}

func decoded(t *testing.T, value any) (found []map[string]string) {
	t.Helper()
	encoded, err := json.Marshal(value)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(encoded, &found))
	return found
}
