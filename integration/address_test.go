package integration_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/bitbucketserver"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/gerrit"
	"github.com/portico-dev/portico/integration/gitea"
	"github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/integration/gitlab"
)

const forgeHost = "127.0.0.1:7120"

func newSet(t testing.TB) *integration.Set {
	t.Helper()
	return newSetOver(t, nil)
}

// newSetOver has a host of each forge, and the public ones.
func newSetOver(t testing.TB, transport http.RoundTripper) *integration.Set {
	t.Helper()
	set, err := forges.New(forges.Config{
		GitHub:          []github.Config{{Host: forgeHost, APIBaseURL: "http://" + forgeHost + "/api/v3", Token: token}},
		GitLab:          []gitlab.Config{{Host: "gitlab.example.com", Token: token}, {Host: "example.org", BaseURL: "https://example.org/git"}},
		BitbucketServer: []bitbucketserver.Config{{Host: "bitbucket.example.com", Token: token}},
		Gitea:           []gitea.Config{{Host: "gitea.example.com", Password: token}, {Host: "example.net", BaseURL: "https://example.net/git"}},
		Gerrit:          []gerrit.Config{{Host: "gerrit.example.com"}},
	}, integration.Options{Transport: transport})
	require.NoError(t, err)
	return set
}

func TestResolveURL(t *testing.T) {
	t.Parallel()
	set := newSet(t)
	const file = "https://github.com/o/r/blob/main/dir/all.yaml"
	tests := []struct{ base, ref, resolved string }{
		{file, "./x.yaml", "https://github.com/o/r/tree/main/dir/x.yaml"},
		{file, "x.yaml", "https://github.com/o/r/tree/main/dir/x.yaml"},
		{file, "../x.yaml", "https://github.com/o/r/tree/main/x.yaml"},
		{file, "../../../x.yaml", "https://github.com/o/r/x.yaml"},
		{file, "/x.yaml", "https://github.com/o/r/tree/main/x.yaml"},
		{file, "/a/", "https://github.com/o/r/tree/main/a/"},
		{file, "//evil.example.com/x", "https://github.com/o/r/tree/main/evil.example.com/x"},
		{file, "./", "https://github.com/o/r/tree/main/dir/"},
		{file, "", "https://github.com/o/r/tree/main/dir/all.yaml"},
		{file, "./a b.yaml", "https://github.com/o/r/tree/main/dir/a%20b.yaml"},
		{file, "./*.yaml", "https://github.com/o/r/tree/main/dir/*.yaml"},
		{file, "https://github.com/o/r/blob/main/z.yaml", "https://github.com/o/r/tree/main/z.yaml"},
		{file, "https://example.com/blob/x", "https://example.com/blob/x"},
		{file, "mailto:x", "mailto:x"},
		{file + "?x=1#y", "./a.yaml?z=2#h", "https://github.com/o/r/tree/main/dir/a.yaml?x=1#h"},
		{"https://github.com/o/r/blob/a%2Fb/d/all.yaml", "/x.yaml", "https://github.com/o/r/tree/a%2Fb/x.yaml"},
		{"https://github.com/o/r/blob/main/a%20b/all.yaml", "/x y.yaml", "https://github.com/o/r/tree/main/x%20y.yaml"},
		{"https://github.com/o/r/raw/main/d/all.yaml", "./x.yaml", "https://github.com/o/r/raw/main/d/x.yaml"},
		{"https://github.com/o/r/tree/main/dir", "./x", "https://github.com/o/r/tree/main/x"},
		{"https://github.com/o/r/tree/main/dir/", "/x", "https://github.com/o/r/tree/main/x"},
		{"https://github.com/o/r", "./x", "https://github.com/o/x"},
		{"https://github.com/o/r/", "/x", "https://github.com/o/r/x"},
		{"http://" + forgeHost + "/o/r/blob/main/dir/all.yaml", "/x.yaml", "http://" + forgeHost + "/o/r/tree/main/x.yaml"},
		{"http://" + forgeHost + "/o/r/blob/main/dir/all.yaml", "x.yaml", "http://" + forgeHost + "/o/r/tree/main/dir/x.yaml"},
		{"https://gitlab.com/g/o/r/-/blob/main/d/all.yaml", "/x.yaml", "https://gitlab.com/g/o/r/-/blob/main/x.yaml"},
		{"https://gitlab.com/g/o/r/-/blob/main/d/all.yaml", "./x.yaml", "https://gitlab.com/g/o/r/-/blob/main/d/x.yaml"},
		{"https://gitlab.com/g/o/r/blob/main/d/all.yaml", "/x.yaml", "https://gitlab.com/g/o/r/blob/main/x.yaml"},
		{"https://gitlab.com/g/o/r/-/blob/a%2Fb/d/all.yaml", "/x.yaml", "https://gitlab.com/g/o/r/-/blob/a%2Fb/x.yaml"},
		{"https://gitlab.com/g/o/r/-/blob/main", "/catalog-info.yaml", "https://gitlab.com/g/o/r/-/blob/main/catalog-info.yaml"},
		{"https://bitbucket.org/w/r/src/main", "/catalog-info.yaml", "https://bitbucket.org/w/r/src/main/catalog-info.yaml"},
		{"https://gitea.example.com/o/r/src/branch/main", "/catalog-info.yaml", "https://gitea.example.com/o/r/src/branch/main/catalog-info.yaml"},
		{"https://bitbucket.example.com/projects/P/repos/r/browse", "/catalog-info.yaml",
			"https://bitbucket.example.com/projects/P/repos/r/browse/catalog-info.yaml"},
		{"https://dev.azure.com/o/p/_git/r", "/catalog-info.yaml", "https://dev.azure.com/o/p/_git/r?path=%2Fcatalog-info.yaml"},
		{"https://bitbucket.org/w/r/src/main/d/all.yaml", "/x.yaml", "https://bitbucket.org/w/r/src/main/x.yaml"},
		{"https://bitbucket.org/w/r/src/main/d/all.yaml", "../x.yaml", "https://bitbucket.org/w/r/src/main/x.yaml"},
		{"https://bitbucket.example.com/projects/P/repos/r/browse/d/all.yaml?at=main", "/x.yaml",
			"https://bitbucket.example.com/projects/P/repos/r/browse/x.yaml?at=main"},
		{"https://gitea.example.com/o/r/src/branch/main/d/all.yaml", "/x.yaml", "https://gitea.example.com/o/r/src/branch/main/x.yaml"},
		{"https://example.net/git/o/r/src/branch/main/d/all.yaml", "/x.yaml", "https://example.net/git/o/r/src/branch/main/x.yaml"},
		{"https://example.net/git/o/r/", "/x.yaml", "https://example.net/git/o/r/x.yaml"},
		{"https://dev.azure.com/o/p/_git/r?path=/d/all.yaml&version=GBmain", "./x.yaml", "https://dev.azure.com/o/p/_git/r?path=%2Fd%2Fx.yaml&version=GBmain"},
		{"https://dev.azure.com/o/p/_git/r?path=/d/all.yaml&version=GBmain", "/x.yaml", "https://dev.azure.com/o/p/_git/r?path=%2Fx.yaml&version=GBmain"},
		{"https://dev.azure.com/o/p/_git/r?path=/d/all.yaml&version=GBmain", "./", "https://dev.azure.com/o/p/_git/r?path=%2Fd%2F&version=GBmain"},
		{"http://127.0.0.1:7110/all.yaml", "./org.yaml", "http://127.0.0.1:7110/org.yaml"},
		{"http://127.0.0.1:7110/dir/all.yaml", "/x.yaml", "http://127.0.0.1:7110/x.yaml"},
	}
	for _, test := range tests {
		resolved, err := set.ResolveURL(test.base, test.ref)
		require.NoError(t, err)
		require.Equal(t, test.resolved, resolved, "%s and %s", test.base, test.ref)
	}
	for _, base := range []string{"", "all.yaml", "/catalog/all.yaml", "file:///catalog/all.yaml"} {
		_, err := set.ResolveURL(base, "./x.yaml")
		require.EqualError(t, err, "TypeError: Invalid URL")
	}
	_, err := set.ResolveURL(file, "/%zz")
	require.EqualError(t, err, "TypeError: Invalid URL")
}

// TestHasTraversal counts how often a path may be escaped. A path of a megabyte of escapes is decoded no more
// often than a short one.
func TestHasTraversal(t *testing.T) {
	t.Parallel()
	escaped := func(path string, times int) string {
		return "%" + strings.Repeat("25", times-1) + path
	}
	for path, expected := range map[string]bool{
		"": false, "docs/a.yaml": false, "a..b/c": false, "...": false, "100%/a": false, "%zz": false,
		"..": true, "a/./b": true, `a\..\b`: true, "%2e%2e/x": true, "a/..%2fb": true, "%252e%252e/100%": true,
		escaped("41", 1): false, escaped("41", 4): false, escaped("2e", 4): true,
		escaped("41", 5): true, escaped("41", 500_000): true,
	} {
		require.Equal(t, expected, integration.HasTraversal(path), path[:min(len(path), 20)])
	}
}

func TestEditURL(t *testing.T) {
	t.Parallel()
	set := newSet(t)
	tests := map[string]string{
		"https://github.com/o/r/blob/main/x.yaml":                "https://github.com/o/r/edit/main/x.yaml",
		"https://github.com/o/r/tree/main/blob/x.yaml":           "https://github.com/o/r/edit/main/blob/x.yaml",
		"https://github.com/o/r/raw/main/x.yaml":                 "https://github.com/o/r/raw/main/x.yaml",
		"http://" + forgeHost + "/o/r/blob/main/x.yaml":          "http://" + forgeHost + "/o/r/edit/main/x.yaml",
		"https://gitlab.com/o/r/-/blob/main/x.yaml":              "https://gitlab.com/o/r/-/edit/main/x.yaml",
		"https://github.com/o/r/blob/" + commit + "/x.yaml":      "",
		"http://127.0.0.1:7110/all.yaml":                         "",
		"https://gitlab.com/g/o/r/-/raw/main/x.yaml":             "https://gitlab.com/g/o/r/-/raw/main/x.yaml",
		"https://gitea.example.com/o/r/src/branch/main/all.yaml": "https://gitea.example.com/o/r/_edit/main/all.yaml",
		"https://gitea.example.com/o/r/src/tag/v1/all.yaml":      "",
		"https://bitbucket.org/w/r/src/main/all.yaml":            "https://bitbucket.org/w/r/src/main/all.yaml?at=main&mode=edit",
		"not a URL": "",
	}
	for file, expected := range tests {
		edit, found := set.EditURL(file)
		require.Equal(t, expected, edit, file)
		require.Equal(t, expected != "", found, file)
	}
}

func TestSameRepository(t *testing.T) {
	t.Parallel()
	set := newSet(t)
	const file = "https://github.com/o/r/blob/main/all.yaml"
	require.True(t, set.SameRepository(file, "https://github.com/O/r/tree/other/x.yaml"))
	require.False(t, set.SameRepository(file, "https://github.com/o/other/tree/main/x.yaml"))
	require.False(t, set.SameRepository(file, "http://"+forgeHost+"/o/r/tree/main/x.yaml"))
	require.False(t, set.SameRepository("https://gitlab.com/g/o/r/-/blob/main/x", "https://gitlab.com/g/o/q/-/blob/main/x"))
	require.True(t, set.SameRepository(file, "https://example.com/x.yaml"), "not a repository that is known")
	require.True(t, set.SameRepository("file:/x", file))
}

func TestByHostAndURL(t *testing.T) {
	t.Parallel()
	set := newSet(t)
	for host, expected := range map[string]string{
		"github.com": "github", forgeHost: "github", "gitlab.com": "gitlab", "gitlab.example.com": "gitlab", "dev.azure.com": "azure",
		"bitbucket.org": "bitbucketCloud", "bitbucket.example.com": "bitbucketServer", "gerrit.example.com": "gerrit", "127.0.0.1": "",
	} {
		kind, found := set.TypeOf(host)
		require.Equal(t, expected, kind, host)
		require.Equal(t, expected != "", found, host)
		_, found = set.ByHost(host)
		require.Equal(t, expected != "", found, host)
	}
	found, known := set.ByURL("HTTPS://GitHub.com:443/o/r")
	require.True(t, known)
	require.Equal(t, "github.com", found.Name())
	_, known = set.ByURL("github.com/o/r")
	require.False(t, known)
	local, _ := set.ByHost(forgeHost)
	require.Equal(t, "github{host="+forgeHost+",authed=true}", fmt.Sprint(local))
}

func TestNewRefusesInvalidConfigurations(t *testing.T) {
	t.Parallel()
	for message, gitHub := range map[string]github.Config{
		"Invalid GitHub integration config, 'https://x' is not a valid host":                       {Host: "https://x"},
		"Invalid GitHub integration config, 'x/y' is not a valid host":                             {Host: "x/y"},
		"GitHub integration 'ghe.example.com' must configure an explicit apiBaseUrl or rawBaseUrl": {Host: "ghe.example.com"},
		"GitHub integration 'ghe.example.com': 'ghe.example.com/api/v3' is not a URL":              {Host: "ghe.example.com", APIBaseURL: "ghe.example.com/api/v3"},
	} {
		_, err := forges.New(forges.Config{GitHub: []github.Config{gitHub}}, integration.Options{})
		require.EqualError(t, err, message)
	}
}

func TestGitHubClient(t *testing.T) {
	t.Parallel()
	set := newSet(t)
	client, err := github.ClientFor(set, forgeHost, github.Access{Owner: "acme"}, "")
	require.NoError(t, err)
	require.Equal(t, "http://"+forgeHost+"/api/v3/", client.BaseURL.String())
	_, err = github.ClientFor(set, "gitlab.com", github.Access{Owner: "acme"}, "")
	require.Equal(t, fault.Input, fault.KindOf(err))
	require.ErrorContains(t, err, "There is no GitHub integration that matches gitlab.com")
}

func TestParseRepoURL(t *testing.T) {
	t.Parallel()
	set := newSet(t)
	const missing = "Invalid repo URL passed to publisher: https://%s, missing "
	tests := []struct {
		repoURL string
		repo    integration.Repo
		failure string
	}{
		{repoURL: "github.com?owner=acme&repo=shop", repo: integration.Repo{Host: "github.com", Owner: "acme", Repo: "shop"}},
		{repoURL: forgeHost + "?repo=/shop/&owner=acme", repo: integration.Repo{Host: forgeHost, Owner: "acme", Repo: "shop"}},
		{repoURL: "github.com/?owner=acme", failure: missing + "repo"},
		{repoURL: "github.com/?repo=shop&owner=", failure: missing + "owner"},
		{repoURL: "gitlab.com?owner=g/sub&repo=r", repo: integration.Repo{Host: "gitlab.com", Owner: "g/sub", Repo: "r"}},
		{repoURL: "gitlab.com?project=5", repo: integration.Repo{Host: "gitlab.com", Project: "5"}},
		{repoURL: "gitlab.com/?repo=r", failure: missing + "owner"},
		{repoURL: "bitbucket.org?workspace=w&project=p&repo=r", repo: integration.Repo{Host: "bitbucket.org", Workspace: "w", Project: "p", Repo: "r"}},
		{repoURL: "bitbucket.org/?project=p&repo=r", failure: missing + "workspace"},
		{repoURL: "bitbucket.example.com/?repo=r", failure: missing + "project"},
		{repoURL: "dev.azure.com?organization=o&project=p&repo=r", repo: integration.Repo{Host: "dev.azure.com", Organization: "o", Project: "p", Repo: "r"}},
		{repoURL: "dev.azure.com/?project=p", failure: missing + "repo"},
		{repoURL: "gitea.example.com?repo=r", repo: integration.Repo{Host: "gitea.example.com", Repo: "r"}},
		{repoURL: "gerrit.example.com/?owner=o", failure: missing + "repo"},
		{repoURL: "example.com?owner=o&repo=r", failure: "No matching integration configuration for host example.com, please check your integrations config"},
		{repoURL: "github.com:8080?owner=o&repo=r", failure: "No matching integration configuration for host github.com:8080, please check your integrations config"},
		{repoURL: "", failure: "Invalid repo URL passed to publisher, got , TypeError: Invalid URL"},
		{repoURL: "a b?owner=o", failure: "Invalid repo URL passed to publisher, got a b?owner=o, TypeError: Invalid URL"},
		{repoURL: "github.com/?owner=acme&repo=a/../b", failure: "Invalid repo URL passed to publisher: https://%s, owner and repo may hold letters, digits and any of [-_.]"},
		{repoURL: "github.com/?owner=..&repo=a", failure: "Invalid repo URL passed to publisher: https://%s, owner and repo may hold letters, digits and any of [-_.]"},
	}
	for _, test := range tests {
		repo, err := set.ParseRepoURL(test.repoURL)
		require.Equal(t, test.repo, repo)
		if test.failure == "" {
			require.NoError(t, err)
			continue
		}
		require.Equal(t, fault.Input, fault.KindOf(err))
		require.EqualError(t, err, strings.ReplaceAll(test.failure, "%s", test.repoURL))
	}
}

func FuzzParseRepoURL(f *testing.F) {
	for _, repoURL := range []string{"github.com?owner=a&repo=b", "gitlab.com?project=1", "", "github.com?owner=%2e%2e&repo=x", "x:99999?a"} {
		f.Add(repoURL)
	}
	set := newSet(f)
	f.Fuzz(func(t *testing.T, repoURL string) {
		repo, err := set.ParseRepoURL(repoURL)
		if err != nil {
			return
		}
		kind, found := set.TypeOf(repo.Host)
		require.True(t, found)
		if kind == integration.TypeGitHub {
			require.NotContains(t, repo.Owner+repo.Repo, "/")
			require.NotContains(t, []string{"", ".", ".."}, repo.Repo)
		}
	})
}

func FuzzResolveURL(f *testing.F) {
	for _, seed := range [][2]string{
		{"https://github.com/o/r/blob/main/a.yaml", "./b.yaml"}, {"https://gitlab.com/o/r/-/blob/main/a", "/b"}, {"x", "y"},
		{"http://" + forgeHost + "/o/r/tree/m/d?x#y", "//z/../..#q"}, {"https://github.com//", "/"}, {"https://github.com/o/r", "https://[::1"},
	} {
		f.Add(seed[0], seed[1])
	}
	set := newSet(f)
	f.Fuzz(func(t *testing.T, base, ref string) {
		set.SameRepository(base, ref)
		set.EditURL(base)
		resolved, err := set.ResolveURL(base, ref)
		if err != nil {
			return
		}
		reference, err := url.Parse(ref)
		require.NoError(t, err)
		if reference.IsAbs() || reference.Host != "" {
			return
		}
		before, err := integration.ParseURL(base) // in small letters: İ becomes two characters
		require.NoError(t, err)
		after, err := url.Parse(resolved)
		require.NoError(t, err)
		require.Equal(t, before.Hostname(), after.Hostname(), "a relative reference left the host")
	})
}

// FuzzReadURL checks that, for any URL, requests go to the integrations' own hosts only, and to the
// repositories of their APIs.
func FuzzReadURL(f *testing.F) {
	for _, target := range []string{
		"http://" + forgeHost + "/o/r/blob/main/x.yaml", "http://" + forgeHost + "/o/r/blob/%2e%2e/x", "https://github.com/o/r/raw/a%2Fb/c?d#e", "https://github.com@example.com/o/r/blob/a/b",
		"https://gitlab.com/g/p/-/blob/a/%2e%2e/b", "https://gitlab.example.com/g/s/p/-/raw/a%2Fb/c", "https://example.org/git/g/p/blob/a/b",
		"https://bitbucket.org/w/r/src/a/b%2Fc", "https://bitbucket.example.com/projects/P/repos/r/browse/a?at=..%2Fb", "https://bitbucket.example.com/users/u/repos/r/raw/a",
		"https://gitea.example.com/o/r/src/branch/a/b", "https://dev.azure.com/o/p/_git/r?path=%2Fa%2F..%2Fb&version=GBmain",
	} {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		set := newSetOver(t, &watchful{t: t})
		_, err := set.ReadURL(t.Context(), target, integration.ReadOptions{})
		require.Error(t, err)
		_, err = set.Search(t.Context(), target, integration.ReadOptions{})
		require.Error(t, err)
	})
}

// repositoriesOf are the paths of repositories in the APIs, by host. bearsToken lists the hosts with a
// configured token.
var (
	repositoriesOf = map[string]string{
		forgeHost: "/api/v3/repos/", "api.github.com": "/repos/", "raw.githubusercontent.com": "/", "gitlab.com": "/api/v4/projects/",
		"gitlab.example.com": "/api/v4/projects/", "example.org": "/git/api/v4/projects/", "api.bitbucket.org": "/2.0/repositories/",
		"bitbucket.org": "/", "bitbucket.example.com": "/rest/api/1.0/projects/", "gitea.example.com": "/api/v1/repos/", "dev.azure.com": "/",
	}
	bearsToken = []string{forgeHost, "gitlab.example.com", "bitbucket.example.com", "gitea.example.com"}
)

// watchful refuses every request, and fails the test for a forbidden one.
type watchful struct{ t *testing.T }

func (w *watchful) RoundTrip(request *http.Request) (*http.Response, error) {
	target := request.URL
	below, known := repositoriesOf[target.Host]
	require.True(w.t, known, "a request to "+target.Host)
	require.True(w.t, strings.HasPrefix(target.EscapedPath(), below), target.String())
	if !slices.Contains(bearsToken, target.Host) {
		require.Empty(w.t, request.Header.Get("Authorization"))
	}
	require.NotContains(w.t, strings.Split(target.Path, "/"), "..")
	return nil, errors.New("refused")
}
