package integration_test

import (
	"io"
	"io/fs"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/github"
)

var skeleton = []entry{
	{path: "README.md", content: "outside", mode: 0o644},
	{path: "skeleton/run.sh", content: "#!/bin/sh", mode: 0o755},
	{path: "skeleton/src/${{ values.name }}.go", content: "package x", mode: 0o644},
	{path: "skeleton/link", link: "../README.md", mode: 0o777},
	{path: "skeleton2/other", content: "outside", mode: 0o644},
	{path: "skeleton/.github/catalog.yaml", content: "hidden", mode: 0o644},
}

// collect reads a tree to its end: paths with modes, links and contents.
func collect(t *testing.T, tree *integration.Tree) ([]string, error) {
	t.Helper()
	var files []string
	for file, err := range tree.Files() {
		if err != nil {
			return files, err
		}
		content, err := io.ReadAll(file.Content)
		if err != nil {
			return files, err
		}
		require.True(t, fs.ValidPath(file.Path))
		files = append(files, strings.Join([]string{file.Path, file.Mode.String(), file.Link, string(content)}, "|"))
	}
	return files, nil
}

func TestReadTree(t *testing.T) {
	t.Parallel()
	fake := newGitHub(t, skeleton...)
	set := fake.set(t, integration.Limits{})

	tree, err := set.ReadTree(t.Context(), fake.URL+"/acme/shop/tree/main/skeleton/", integration.ReadOptions{})
	require.NoError(t, err)
	require.Equal(t, commit, tree.ETag)
	files, err := collect(t, tree)
	require.NoError(t, err)
	require.Equal(t, []string{
		"run.sh|-rwxr-xr-x||#!/bin/sh",
		"src/${{ values.name }}.go|-rw-r--r--||package x",
		"link|Lrwxrwxrwx|../README.md|",
		".github/catalog.yaml|-rw-r--r--||hidden",
	}, files)

	tree, err = set.ReadTree(t.Context(), fake.URL+"/acme/shop", integration.ReadOptions{})
	require.NoError(t, err)
	files, err = collect(t, tree)
	require.NoError(t, err)
	require.Len(t, files, len(skeleton), "the default branch, from its root")
	tree.Close()

	_, err = set.ReadTree(t.Context(), fake.URL+"/acme/shop", integration.ReadOptions{ETag: commit})
	require.ErrorIs(t, err, integration.ErrNotModified)
}

func TestReadTreeNamesMissingPaths(t *testing.T) {
	t.Parallel()
	fake := newGitHub(t, skeleton...)
	set := fake.set(t, integration.Limits{})

	tree, err := set.ReadTree(t.Context(), fake.URL+"/acme/shop/tree/main/none", integration.ReadOptions{})
	require.NoError(t, err)
	_, err = collect(t, tree)
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	require.ErrorContains(t, err, "there is no directory none with files in it")

	_, err = set.ReadTree(t.Context(), fake.URL+"/acme/shop/tree/gone/x", integration.ReadOptions{})
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	require.EqualError(t, err, "acme/shop on "+fake.host()+" has no branch, tag or commit gone")
	_, err = set.ReadTree(t.Context(), fake.URL+"/acme/shop/tree/forbidden/x", integration.ReadOptions{})
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	require.EqualError(t, err, "Request failed for "+fake.URL+"/api/v3/repos/acme/shop/commits/forbidden, 404 Not Found")

	_, err = set.ReadTree(t.Context(), fake.URL+"/acme/none", integration.ReadOptions{})
	require.Equal(t, fault.NotFound, fault.KindOf(err))

	_, err = set.ReadTree(t.Context(), fake.URL+"/acme/shop/tree/broken/x", integration.ReadOptions{})
	require.ErrorContains(t, err, "answered without a commit for broken")
}

func TestReadTreeIsBounded(t *testing.T) {
	t.Parallel()
	fake := newGitHub(t, skeleton...)
	for message, limits := range map[string]integration.Limits{
		"the tree has more than 2 files":     {TreeFiles: 2},
		"the tree is larger than 4096 bytes": {TreeBytes: 4096},
		"the tree is larger than 100 bytes":  {TreeBytes: 100},
		"the tree has more than 1 files":     {TreeFiles: 1, TreeBytes: 1 << 20},
		"the tree is larger than 3000 bytes": {TreeBytes: 3000, TreeFiles: 100},
	} {
		tree, err := fake.set(t, limits).ReadTree(t.Context(), fake.URL+"/acme/shop", integration.ReadOptions{})
		require.NoError(t, err)
		_, err = collect(t, tree)
		require.EqualError(t, err, message)
	}
}

func TestReadTreeStaysInTheTree(t *testing.T) {
	t.Parallel()
	for _, evil := range []entry{
		{path: "../evil", content: "x"}, {path: "a/../../evil", content: "x"}, {path: "/etc/evil", content: "x"}, {path: `..\evil`, content: "x"},
		{path: "link", link: "/etc/passwd"}, {path: "link", link: "../../etc/passwd"}, {path: "a/link", link: "../../x"},
	} {
		fake := newGitHub(t, evil)
		tree, err := fake.set(t, integration.Limits{}).ReadTree(t.Context(), fake.URL+"/acme/shop", integration.ReadOptions{})
		require.NoError(t, err)
		_, err = collect(t, tree)
		require.ErrorContains(t, err, "leads out of the ", evil)
	}
}

func TestReadTreeSendsItsTokenToItsHostOnly(t *testing.T) {
	t.Parallel()
	fake := newGitHub(t, skeleton...)
	raw := newGitHub(t, skeleton...)
	fake.archiveHost = raw.URL
	set, err := forges.New(forges.Config{GitHub: []github.Config{
		{Host: fake.host(), APIBaseURL: fake.URL + "/api/v3", RawBaseURL: raw.URL, Token: token},
	}}, integration.Options{})
	require.NoError(t, err)
	tree, err := set.ReadTree(t.Context(), fake.URL+"/acme/shop", integration.ReadOptions{})
	require.NoError(t, err)
	_, err = collect(t, tree)
	require.NoError(t, err)
	require.Equal(t, []string{"/archive "}, raw.recorded())

	stranger := httptest.NewServer(nil)
	t.Cleanup(stranger.Close)
	fake.archiveHost = stranger.URL
	_, err = set.ReadTree(t.Context(), fake.URL+"/acme/shop", integration.ReadOptions{})
	require.ErrorContains(t, err, "the redirect to "+hostOf(t, stranger.URL)+" leads away from "+fake.host())
	require.NotContains(t, err.Error(), "temporary", "the redirect's URL carries a token")
}

func TestSearch(t *testing.T) {
	t.Parallel()
	for name, truncated := range map[string]bool{"by the tree": false, "by the archive, for a tree too big to list": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := newGitHub(t,
				entry{path: "catalog-info.yaml", content: "root"}, entry{path: "a/b/catalog-info.yaml", content: "deep"},
				entry{path: "a b/catalog-info.yaml", content: "space"}, entry{path: ".hidden/catalog-info.yaml", content: "hidden"},
				entry{path: "a/other.yaml", content: "other"}, entry{path: "link/catalog-info.yaml", link: "../catalog-info.yaml"},
			)
			fake.truncated = truncated
			set := fake.set(t, integration.Limits{})
			search := func(pattern string) (found []string) {
				result, err := set.Search(t.Context(), fake.file(pattern), integration.ReadOptions{})
				require.NoError(t, err)
				require.Equal(t, commit, result.ETag)
				for _, file := range result.Files {
					found = append(found, strings.TrimPrefix(file.URL, fake.file(""))+"="+string(file.Body))
				}
				return found
			}
			require.Equal(t,
				[]string{"catalog-info.yaml=root", "a/b/catalog-info.yaml=deep", "a%20b/catalog-info.yaml=space"}, search("**/catalog-info.yaml"))
			require.Equal(t, []string{"a/other.yaml=other"}, search("*/o*.yaml"))
			require.Equal(t, []string{".hidden/catalog-info.yaml=hidden"}, search(".hidden/*"))
			require.Equal(t, []string{"a/other.yaml=other"}, search("a/{other,none}.yaml"))
			require.Empty(t, search("*.json"))

			_, err := set.Search(t.Context(), fake.file("**/*.yaml"), integration.ReadOptions{ETag: commit})
			require.ErrorIs(t, err, integration.ErrNotModified)
			for _, limits := range []integration.Limits{{SearchFiles: 1}, {SearchBytes: 5}, {FileBytes: 4}} {
				_, err = fake.set(t, limits).Search(t.Context(), fake.file("**/*.yaml"), integration.ReadOptions{})
				require.Equal(t, fault.Input, fault.KindOf(err))
			}
		})
	}
}

func TestSearchOfOneFile(t *testing.T) {
	t.Parallel()
	fake := newGitHub(t, entry{path: "a.yaml", content: "a"})
	set := fake.set(t, integration.Limits{})
	found, err := set.Search(t.Context(), fake.file("a.yaml"), integration.ReadOptions{})
	require.NoError(t, err)
	require.Equal(t, integration.SearchResult{
		Files: []integration.File{{URL: fake.file("a.yaml"), Body: []byte("a")}}, ETag: `"etag"`,
	}, found)

	found, err = set.Search(t.Context(), fake.file("none.yaml"), integration.ReadOptions{})
	require.NoError(t, err)
	require.Empty(t, found.Files)

	_, err = set.Search(t.Context(), fake.file("500"), integration.ReadOptions{})
	require.Error(t, err)

	plain, err := forges.New(forges.Config{}, integration.Options{ReadingAllow: []integration.AllowRule{{Host: "example.com"}}})
	require.NoError(t, err)
	_, err = plain.Search(t.Context(), "https://example.com/*.yaml", integration.ReadOptions{})
	require.ErrorContains(t, err, "Unsupported search pattern URL")
}
