package hosttest

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
)

// Run tests a forge against what package integration promises for every host.
func Run(t *testing.T, forge Forge) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, *Server){
		"reads a file, and again only when it has changed": readsFiles,
		"says what is not there":                           saysWhatIsMissing,
		"reads a tree":                                     readsTrees,
		"finds files by a glob":                            findsFiles,
		"reads a branch with slashes":                      readsBranchesWithSlashes,
		"lists branches":                                   listsBranches,
		"resolves what files refer to":                     resolves,
		"reads with the caller's own token":                readsWithTokens,
		"says why it could not read":                       saysWhatWasRefused,
		"gives its credentials to nobody else":             keepsCredentials,
		"stays within its bounds":                          staysWithinBounds,
		"reads nothing outside the repository":             refusesPathsThatLeadOut,
		"can be cloned":                                    canBeCloned,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, Start(t, forge))
		})
	}
}

func (s *Server) set(t *testing.T) *integration.Set {
	t.Helper()
	return s.Set(t, Token, integration.Limits{})
}

func read(t *testing.T, set *integration.Set, address, etag string) (string, string, error) {
	t.Helper()
	found, err := set.ReadURL(t.Context(), address, integration.ReadOptions{ETag: etag})
	return string(found.Body), found.ETag, err
}

func readsFiles(t *testing.T, s *Server) {
	t.Helper()
	set := s.set(t)
	for name, content := range files {
		body, etag, err := read(t, set, s.At("main", name), "")
		require.NoError(t, err)
		require.Equal(t, content, body)
		require.NotEmpty(t, etag)
		_, _, err = read(t, set, s.At("main", name), etag)
		require.ErrorIs(t, err, integration.ErrNotModified)
	}
	_, before, err := read(t, set, s.At("main", "catalog-info.yaml"), "")
	require.NoError(t, err)
	s.Repository.Change(t, "catalog-info.yaml", "changed")
	body, after, err := read(t, set, s.At("main", "catalog-info.yaml"), before)
	require.NoError(t, err)
	require.Equal(t, "changed", body)
	require.NotEqual(t, before, after)
}

func saysWhatIsMissing(t *testing.T, s *Server) {
	t.Helper()
	set := s.set(t)
	for _, address := range []string{
		s.At("main", "none.yaml"), s.At("none", "catalog-info.yaml"), s.At("main", "a://b"), s.URL + s.forge.At(s.forge.Missing, "main", "catalog-info.yaml"),
	} {
		_, _, err := read(t, set, address, "")
		require.Equal(t, fault.NotFound, fault.KindOf(err), "%s: %v", address, err)
		found, err := set.Search(t.Context(), address, integration.ReadOptions{})
		require.NoError(t, err)
		require.Empty(t, found.Files)
	}
	for _, address := range []string{s.At("none", "docs"), s.URL + s.forge.Missing, s.URL + s.forge.At(s.forge.Missing, "main", "docs")} {
		_, err := set.ReadTree(t.Context(), address, integration.ReadOptions{})
		require.Equal(t, fault.NotFound, fault.KindOf(err), "%s: %v", address, err)
	}
	_, err := s.tree(t, set, s.At("main", "none"))
	require.Equal(t, fault.NotFound, fault.KindOf(err), "%v", err)
	s.Answer(func(w http.ResponseWriter, _ *http.Request) { JSON(w, map[string]any{}) })
	_, err = set.ReadTree(t.Context(), s.URL+s.forge.Root, integration.ReadOptions{})
	require.Equal(t, fault.NotFound, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "has no branch yet")
}

// tree reads a tree to its end: paths with modes, links and contents.
func (*Server) tree(t *testing.T, set *integration.Set, address string) ([]string, error) {
	t.Helper()
	tree, err := set.ReadTree(t.Context(), address, integration.ReadOptions{})
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	var found []string
	for file, err := range tree.Files() {
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(file.Content)
		if err != nil {
			return nil, err
		}
		executable := ""
		if file.Mode.Perm()&0o111 != 0 && file.Link == "" {
			executable = "*"
		}
		found = append(found, file.Path+executable+"|"+file.Link+"|"+string(content))
	}
	slices.Sort(found)
	return found, nil
}

func readsTrees(t *testing.T, s *Server) {
	t.Helper()
	set := s.set(t)
	found, err := s.tree(t, set, s.At("main", "skeleton"))
	require.NoError(t, err)
	require.Equal(t, []string{"${{ values.name }}.go||package x", "link.yaml|../catalog-info.yaml|", "run.sh*||#!/bin/sh"}, found)

	whole, err := s.tree(t, set, s.URL+s.forge.Root)
	require.NoError(t, err)
	require.Len(t, whole, len(files)+1, "the default branch, from its root")

	tree, err := set.ReadTree(t.Context(), s.At("main", "skeleton"), integration.ReadOptions{})
	require.NoError(t, err)
	tree.Close()
	require.Equal(t, s.Repository.Commit("main"), tree.ETag)
	_, err = set.ReadTree(t.Context(), s.At("main", "skeleton"), integration.ReadOptions{ETag: tree.ETag})
	require.ErrorIs(t, err, integration.ErrNotModified)
}

func findsFiles(t *testing.T, s *Server) {
	t.Helper()
	set := s.set(t)
	for pattern, expected := range map[string][]string{
		"**/catalog-info.yaml":         {"kind: Component", "one", "two"},
		"services/*/catalog-info.yaml": {"one", "two"},
		"services/.hidden/*":           {"hidden"},
		"docs/*.yaml":                  {"spaced", "strange"},
		"none/*.yaml":                  nil,
	} {
		found, err := set.Search(t.Context(), s.At("main", pattern), integration.ReadOptions{})
		require.NoError(t, err, pattern)
		require.Equal(t, s.Repository.Commit("main"), found.ETag)
		var contents []string
		for _, file := range found.Files {
			contents = append(contents, string(file.Body))
			body, _, err := read(t, set, file.URL, "")
			require.NoError(t, err)
			require.Equal(t, string(file.Body), body, "the URL of what was found is read again: %s", file.URL)
		}
		slices.Sort(contents)
		require.Equal(t, expected, contents, pattern)
	}
	_, err := set.Search(t.Context(), s.At("main", "**/*.yaml"), integration.ReadOptions{ETag: s.Repository.Commit("main")})
	require.ErrorIs(t, err, integration.ErrNotModified)
}

func readsBranchesWithSlashes(t *testing.T, s *Server) {
	t.Helper()
	set := s.set(t)
	address := s.At("release/v3", "catalog-info.yaml")
	body, _, err := read(t, set, address, "")
	require.NoError(t, err)
	require.Equal(t, "of release/v3", body)
	whole, err := s.tree(t, set, s.At("release/v3", "services/one"))
	require.NoError(t, err)
	require.Equal(t, []string{"catalog-info.yaml||one"}, whole)
	found, err := set.Search(t.Context(), s.At("release/v3", "*.yaml"), integration.ReadOptions{})
	require.NoError(t, err)
	require.Len(t, found.Files, 1)
	body, _, err = read(t, set, found.Files[0].URL, "")
	require.NoError(t, err)
	require.Equal(t, "of release/v3", body)

	canonical, err := set.CanonicalURL(t.Context(), address)
	require.NoError(t, err)
	asked := s.asked()
	body, _, err = read(t, set, canonical, "")
	require.NoError(t, err)
	require.Equal(t, "of release/v3", body)
	require.Equal(t, asked+max(s.forge.RequestsWithSlashes, 1), s.asked(), "%s says where the name of the branch ends", canonical)
	if s.forge.WholeRefs {
		require.Equal(t, address, canonical)
	}
}

func listsBranches(t *testing.T, s *Server) {
	t.Helper()
	host, _ := s.set(t).ByHost(s.Listener.Addr().String())
	lister, lists := host.(integration.BranchLister)
	if !lists {
		t.Skip("it is not asked for branches")
	}
	address, err := url.Parse(s.URL + s.forge.Root)
	require.NoError(t, err)
	at, err := host.Parse(address)
	require.NoError(t, err)
	place := s.forge.Repo
	if place.Repo == "" {
		place = integration.Repo{Owner: path.Dir(at.Repository), Repo: path.Base(at.Repository)}
	}
	branches, err := lister.Branches(t.Context(), place, "", "")
	require.NoError(t, err)
	require.Contains(t, branches, "main")
	require.Contains(t, branches, "release/v3")
	require.NotContains(t, branches, "v1", "a tag is not a branch")
	branches, err = lister.Branches(t.Context(), place, "release/v3", "")
	require.NoError(t, err)
	require.Equal(t, []string{"release/v3"}, branches)
	branches, err = lister.Branches(t.Context(), place, "nothing", "")
	require.NoError(t, err)
	require.Empty(t, branches)
}

func resolves(t *testing.T, s *Server) {
	t.Helper()
	set := s.set(t)
	base := s.At("main", "services/one/catalog-info.yaml")
	for ref, content := range map[string]string{
		"../two/catalog-info.yaml": "two", "/catalog-info.yaml": "kind: Component", "./catalog-info.yaml": "one", "/docs/a b.yaml": "spaced",
	} {
		resolved, err := set.ResolveURL(base, ref)
		require.NoError(t, err)
		body, _, err := read(t, set, resolved, "")
		require.NoError(t, err, resolved)
		require.Equal(t, content, body, resolved)
	}
	require.True(t, set.SameRepository(base, s.At("release/v3", "x.yaml")))
	require.False(t, set.SameRepository(base, s.URL+s.forge.At(s.forge.Missing, "main", "x.yaml")))
}

func readsWithTokens(t *testing.T, s *Server) {
	t.Helper()
	address := s.At("main", "catalog-info.yaml")
	_, _, err := read(t, s.Set(t, "", integration.Limits{}), address, "")
	require.Error(t, err)
	for _, configured := range []string{"", "wrong"} {
		found, err := s.Set(t, configured, integration.Limits{}).ReadURL(t.Context(), address, integration.ReadOptions{Token: Token})
		require.NoError(t, err)
		require.Equal(t, "kind: Component", string(found.Body))
	}
	_, _, err = read(t, s.Set(t, "wrong", integration.Limits{}), address, "")
	var refused *integration.ResponseError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusUnauthorized, refused.Status)
	require.False(t, refused.Temporary())
	require.NotContains(t, err.Error(), "wrong")
	host, _ := s.set(t).ByURL(s.URL)
	require.True(t, host.HasCredentials())
	host, _ = s.Set(t, "", integration.Limits{}).ByURL(s.URL)
	require.False(t, host.HasCredentials())
}

func saysWhatWasRefused(t *testing.T, s *Server) {
	t.Helper()
	set := s.set(t)
	for status, temporary := range map[int]bool{
		http.StatusForbidden: false, http.StatusTooManyRequests: true, http.StatusInternalServerError: true, http.StatusUnprocessableEntity: false,
	} {
		s.Answer(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
		})
		_, _, readErr := read(t, set, s.At("main", "catalog-info.yaml"), "")
		_, treeErr := set.ReadTree(t.Context(), s.At("main", "docs"), integration.ReadOptions{})
		_, searchErr := set.Search(t.Context(), s.At("main", "**/*.yaml"), integration.ReadOptions{})
		for _, err := range []error{readErr, treeErr, searchErr} {
			var refused *integration.ResponseError
			require.ErrorAs(t, err, &refused, "%d", status)
			require.Equal(t, status, refused.Status)
			require.Equal(t, temporary, refused.Temporary(), "%d", status)
			require.Equal(t, 7*time.Second, refused.RetryAfter)
			require.Equal(t, status == http.StatusTooManyRequests, refused.RateLimited)
		}
	}
	s.Answer(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, _, err := read(t, set, s.At("main", "catalog-info.yaml"), "")
	require.True(t, integration.IsHostFailure(err), "%v", err)
}

func keepsCredentials(t *testing.T, s *Server) {
	t.Helper()
	var asked bool
	stranger := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	t.Cleanup(stranger.Close)
	set := s.set(t)
	s.Answer(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, stranger.URL+"/x?token=secret", http.StatusFound)
	})
	_, _, readErr := read(t, set, s.At("main", "catalog-info.yaml"), "")
	_, treeErr := set.ReadTree(t.Context(), s.At("main", "docs"), integration.ReadOptions{})
	for _, err := range []error{readErr, treeErr} {
		require.Equal(t, fault.NotAllowed, fault.KindOf(err), "another attempt would be redirected alike")
		require.ErrorContains(t, err, "leads away from")
		require.NotContains(t, err.Error(), "secret")
	}
	require.False(t, asked)
	s.Answer(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/again", http.StatusFound) })
	_, _, err := read(t, set, s.At("main", "catalog-info.yaml"), "")
	require.ErrorContains(t, err, "Too many redirects")
	require.Equal(t, fault.NotAllowed, fault.KindOf(err))
}

func staysWithinBounds(t *testing.T, s *Server) {
	t.Helper()
	_, _, err := read(t, s.Set(t, Token, integration.Limits{FileBytes: 5}), s.At("main", "catalog-info.yaml"), "")
	require.Equal(t, fault.Input, fault.KindOf(err), "%v", err)
	for _, limits := range []integration.Limits{{TreeFiles: 1}, {TreeBytes: 600}} {
		_, err = s.tree(t, s.Set(t, Token, limits), s.URL+s.forge.Root)
		require.Equal(t, fault.Input, fault.KindOf(err), "%v", err)
	}
	for _, limits := range []integration.Limits{{SearchFiles: 1}, {SearchBytes: 4}, {FileBytes: 2}} {
		_, err = s.Set(t, Token, limits).Search(t.Context(), s.At("main", "services/*/catalog-info.yaml"), integration.ReadOptions{})
		require.Equal(t, fault.Input, fault.KindOf(err), "%v", err)
	}
}

func refusesPathsThatLeadOut(t *testing.T, s *Server) {
	t.Helper()
	set := s.set(t)
	for _, name := range []string{"%2e%2e/x.yaml", "a/%252e%252e/x.yaml", "a%5C..%5Cx.yaml"} {
		address := strings.ReplaceAll(s.At("main", "PATH"), "PATH", name)
		_, _, err := read(t, set, address, "")
		require.Equal(t, fault.Input, fault.KindOf(err), "%s: %v", address, err)
		_, err = set.ReadTree(t.Context(), address, integration.ReadOptions{})
		require.Equal(t, fault.Input, fault.KindOf(err), "%s: %v", address, err)
	}
	for _, name := range []string{"catalog-info.yaml", "**/*.yaml", "none"} {
		address := strings.Replace(s.At("main", name), "://", "://ann:password@", 1)
		_, _, readErr := read(t, set, address, "")
		_, treeErr := set.ReadTree(t.Context(), address, integration.ReadOptions{})
		_, searchErr := set.Search(t.Context(), address, integration.ReadOptions{})
		for _, err := range []error{readErr, treeErr, searchErr} {
			require.Equal(t, fault.Input, fault.KindOf(err), address)
			require.ErrorContains(t, err, "the URL includes credentials")
			require.NotContains(t, err.Error(), "password")
			require.NotContains(t, err.Error(), "ann")
		}
	}
	require.Zero(t, s.asked())
}

func canBeCloned(t *testing.T, s *Server) {
	t.Helper()
	host, place, err := s.readable(t)
	require.NoError(t, err)
	repository, err := host.Connect(place, "")
	require.NoError(t, err)
	remote, err := repository.Remote(t.Context())
	require.NoError(t, err)
	require.Equal(t, Token, remote.Password)
	target := filepath.Join(t.TempDir(), "clone")
	address := strings.Replace(remote.URL, "://", "://"+remote.Username+":"+remote.Password+"@", 1)
	output, err := git(t.TempDir(), "clone", "--quiet", address, target)
	require.NoError(t, err, string(output))
	output, err = git(target, "rev-parse", "HEAD")
	require.NoError(t, err)
	require.Equal(t, s.Repository.Commit("main"), strings.TrimSpace(string(output)))
}

func (s *Server) readable(t *testing.T) (integration.Readable, integration.Place, error) {
	t.Helper()
	target, err := integration.ParseURL(s.URL + s.forge.Root)
	require.NoError(t, err)
	host, _ := s.set(t).ByURL(s.URL)
	readable, is := host.(integration.Readable)
	if !is {
		return nil, integration.Place{}, errors.New("the host is not read through an API")
	}
	place, err := readable.Parse(target)
	return readable, place, err
}
