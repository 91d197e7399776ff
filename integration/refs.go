package integration

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"
)

// A URL does not say where its branch or tag ends: blob/release/v3/docs may be v3/docs of the branch release, or docs of the branch
// release/v3. The first reading takes it for one name without a slash, as Backstage does. Where that finds nothing, the host is asked.

// refsFor is how long the host's answer is taken to hold, and noRefsFor how long it is that there are none: somebody may be pushing one.
const (
	refsFor   = 5 * time.Minute
	noRefsFor = time.Minute
)

// withWholeRef is the place read with a branch or tag that has slashes, the longest that its URL names. found is false when there is none.
func (s *Set) withWholeRef(ctx context.Context, client *Client, place source, token string) (whole source, found bool, err error) {
	// A ref that the URL gives with its slash escaped is whole, and without a path there is no more of it.
	if place.kind == "" || place.path == "" || strings.Contains(place.ref, "/") {
		return place, false, nil
	}
	ask := func(ctx context.Context) (fresh[[]string], error) {
		refs, err := longerRefs(ctx, client, place)
		if len(refs) == 0 {
			return fresh[[]string]{nil, time.Now().Add(noRefsFor)}, err
		}
		return fresh[[]string]{refs, time.Now().Add(refsFor)}, err
	}
	var refs []string
	if token != "" {
		// What one user sees is not for others.
		answer, askErr := ask(ctx)
		refs, err = answer.value, askErr
	} else {
		refs, err = s.refs.get(ctx, strings.Join([]string{place.host, place.owner, place.repo, place.ref}, "/"), ask)
	}
	if err != nil {
		return place, false, err
	}
	named := place.ref + "/" + place.path + "/"
	for _, ref := range refs {
		if rest, is := strings.CutPrefix(named, ref+"/"); is && (!found || len(ref) > len(whole.ref)) {
			whole, found = place, true
			whole.ref, whole.path = ref, strings.TrimSuffix(rest, "/")
		}
	}
	return whole, found, nil
}

// longerRefs lists the branches and tags that begin with the place's ref and a slash. What the token may not see has none.
func longerRefs(ctx context.Context, client *Client, place source) ([]string, error) {
	var refs []string
	for _, kind := range []string{"heads/", "tags/"} {
		options := &github.ReferenceListOptions{Ref: kind + place.ref + "/"}
		matching, _, err := client.Git.ListMatchingRefs(ctx, place.owner, place.repo, options)
		if isAnswer(err, http.StatusNotFound) || isAnswer(err, http.StatusConflict) {
			return nil, nil
		}
		if err != nil {
			asked := fmt.Sprintf("%srepos/%s/%s/git/matching-refs/%s", client.BaseURL, place.owner, place.repo, options.Ref)
			return nil, client.failure(ctx, asked, err)
		}
		for _, ref := range matching {
			refs = append(refs, strings.TrimPrefix(ref.GetRef(), "refs/"+kind))
		}
	}
	return refs, nil
}

// CanonicalURL writes the slashes of a branch or tag escaped, so that the URL says where that ends: blob/release%2Fv3/docs. The host is asked
// where a URL leaves it open; one that it knows nothing about stays as it is.
func (s *Set) CanonicalURL(ctx context.Context, rawURL string) (string, error) {
	parsed, err := parseWebURL(rawURL)
	if err != nil {
		return rawURL, nil //nolint:nilerr // Whoever reads the URL says what is wrong with it.
	}
	integration, known := s.ByHost(parsed.Host)
	place, err := parseSource(parsed)
	if err != nil || !known || integration.Type != TypeGitHub || integration.GitHub.APIBaseURL == "" {
		return rawURL, nil //nolint:nilerr // As above.
	}
	client, err := s.gitHubClient(integration, place.access(), "")
	if err != nil {
		return "", err
	}
	whole, found, err := s.withWholeRef(ctx, client, place, "")
	if err != nil || !found {
		return rawURL, err
	}
	return whole.root(parsed.Scheme) + escapePath(whole.path), nil
}

// root is the URL of the repository's root at the place's ref, with a slash at its end.
func (s source) root(scheme string) string {
	names := []string{s.owner, s.repo, s.kind, s.ref}
	for n, name := range names {
		names[n] = url.PathEscape(name)
	}
	return scheme + "://" + s.host + "/" + strings.Join(slices.DeleteFunc(names, func(name string) bool { return name == "" }), "/") + "/"
}
