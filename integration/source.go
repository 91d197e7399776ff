package integration

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// errInvalidURL is what is wrong with a text that is no absolute URL, in JavaScript's words.
var errInvalidURL = errors.New("TypeError: Invalid URL")

// parseWebURL reads an absolute http or https URL.
func parseWebURL(rawURL string) (*url.URL, error) {
	parsed, err := url.Parse(rawURL)
	if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
		return nil, errInvalidURL
	}
	parsed.Host = strings.ToLower(parsed.Host)
	if standard := map[string]string{"http": "80", "https": "443"}[parsed.Scheme]; parsed.Port() == standard {
		parsed.Host = strings.TrimSuffix(parsed.Host, ":"+standard)
	}
	return parsed, nil
}

// source is a place in a repository on GitHub: https://host/owner/repo/(blob|tree|edit|raw)/ref/path.
type source struct {
	host, owner, repo string
	// kind is blob, tree, edit or raw, "" for the repository itself, and ref "" then: the default branch.
	kind, ref string
	// path is relative to the repository's root, without slashes at its ends; "" is the root.
	path string
}

var gitHubName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// parseSource takes a URL on a GitHub host apart. A ref holds no slash, unless escaped; see withWholeRef.
func parseSource(parsed *url.URL) (source, error) {
	var segments []string
	for escaped := range strings.SplitSeq(strings.Trim(parsed.EscapedPath(), "/"), "/") {
		segment, err := url.PathUnescape(escaped)
		if err != nil {
			return source{}, errors.New("Invalid GitHub URL or file path") //nolint:staticcheck // Backstage's words
		}
		segments = append(segments, segment)
	}
	if len(segments) < 2 || len(segments) == 3 {
		return source{}, errors.New("Invalid GitHub URL or file path") //nolint:staticcheck // Backstage's words
	}
	found := source{host: parsed.Host, owner: segments[0], repo: strings.TrimSuffix(segments[1], ".git")}
	if len(segments) > 3 {
		found.kind, found.ref = segments[2], segments[3]
		found.path = strings.Join(segments[4:], "/")
	}
	if err := found.check(); err != nil {
		return source{}, err
	}
	return found, nil
}

func (s source) check() error {
	if !isGitHubName(s.owner) || !isGitHubName(s.repo) {
		return errors.New("Invalid GitHub URL or file path") //nolint:staticcheck // Backstage's words
	}
	if s.kind != "" && (s.ref == "" || !slices.Contains([]string{"blob", "tree", "edit", "raw"}, s.kind)) {
		return errors.New("Invalid GitHub URL or file path") //nolint:staticcheck // Backstage's words
	}
	if hasTraversal(s.ref) || hasTraversal(s.path) {
		return errors.New("Invalid SCM URL: path traversal is not allowed in the URL") //nolint:staticcheck // Backstage's words
	}
	return nil
}

// access is what reading the place takes.
func (s source) access() Access { return Access{Owner: s.owner, Repository: s.repo} }

func isGitHubName(name string) bool {
	return gitHubName.MatchString(name) && name != "." && name != ".."
}

// hasTraversal looks for . and .. among the segments of a path, however often they are escaped.
func hasTraversal(path string) bool {
	for {
		segments := strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '\\' })
		if slices.Contains(segments, "..") || slices.Contains(segments, ".") {
			return true
		}
		decoded, err := url.PathUnescape(path)
		if err != nil || decoded == path {
			return false
		}
		path = decoded
	}
}

// repositoryRoot is the path, in a URL on a known host, that / in a repository means: of
// https://host/owner/repo/blob/main/docs/index.md it is /owner/repo/blob/main. It is "" where there is none to be seen.
func repositoryRoot(kind string, base *url.URL) string {
	segments := strings.Split(base.EscapedPath(), "/")
	switch kind {
	case TypeGitHub:
		if len(segments) > 4 && slices.Contains([]string{"blob", "tree", "edit", "raw"}, segments[3]) {
			return strings.Join(segments[:5], "/")
		}
		return strings.TrimRight(base.EscapedPath(), "/")
	case TypeGitLab:
		if dash := slices.Index(segments, "-"); dash > 0 && len(segments) > dash+2 {
			return strings.Join(segments[:dash+3], "/")
		}
		return strings.TrimRight(base.EscapedPath(), "/")
	default:
		return ""
	}
}

var (
	gitHubPlace = regexp.MustCompile(`^(https?://[^/]+/[^/]+/[^/]+)/(?:blob|tree|edit)/`)
	gitLabPlace = regexp.MustCompile(`/-/(?:blob|tree|edit)/`)
	commitHash  = regexp.MustCompile(`\b[0-9a-f]{40,}\b`)
)

// ResolveURL resolves ref, absolute or relative, against base, the URL of a file. On a known host a leading slash is
// the root of the repository, and GitHub's blob URLs become tree URLs, which serve files and directories alike. The
// query is base's.
func (s *Set) ResolveURL(base, ref string) (string, error) {
	resolved, err := s.resolve(base, ref)
	if err != nil {
		return "", err
	}
	if integration, _ := s.ByURL(base); integration.Type == TypeGitHub {
		return gitHubPlace.ReplaceAllString(resolved, "$1/tree/"), nil
	}
	return resolved, nil
}

func (s *Set) resolve(base, ref string) (string, error) {
	reference, err := url.Parse(ref)
	if err == nil && reference.IsAbs() {
		return ref, nil
	}
	origin, baseErr := parseWebURL(base)
	if err != nil || baseErr != nil {
		return "", errInvalidURL
	}
	if root := repositoryRoot(s.byHost[origin.Host].Type, origin); root != "" && strings.HasPrefix(ref, "/") {
		if reference, err = url.Parse(origin.Scheme + "://" + origin.Host + root + "/" + strings.TrimLeft(ref, "/")); err != nil {
			return "", errInvalidURL
		}
	}
	resolved := origin.ResolveReference(reference)
	resolved.RawQuery = origin.RawQuery
	if resolved.Host == "" {
		return "", errInvalidURL
	}
	return resolved.String(), nil
}

// EditURL is where a person edits the file behind a URL in the browser. There is none for hosts that are not known, and
// none for a commit, which nobody can edit.
func (s *Set) EditURL(rawURL string) (string, bool) {
	if commitHash.MatchString(rawURL) {
		return "", false
	}
	integration, _ := s.ByURL(rawURL)
	switch integration.Type {
	case TypeGitHub:
		return gitHubPlace.ReplaceAllString(rawURL, "$1/edit/"), true
	case TypeGitLab:
		return gitLabPlace.ReplaceAllString(rawURL, "/-/edit/"), true
	default:
		return "", false
	}
}

// SameRepository says whether two URLs of files lie in one repository. URLs that are not seen to lie in any are not
// told apart.
func (s *Set) SameRepository(a, b string) bool {
	first, foundFirst := s.repository(a)
	second, foundSecond := s.repository(b)
	return !foundFirst || !foundSecond || strings.EqualFold(first, second)
}

// repository is host/owner/repo of a file's URL on a known host.
func (s *Set) repository(rawURL string) (string, bool) {
	parsed, err := parseWebURL(rawURL)
	if err != nil {
		return "", false
	}
	segments := strings.Split(parsed.EscapedPath(), "/")
	switch s.byHost[parsed.Host].Type {
	case TypeGitHub:
		if len(segments) > 5 {
			return parsed.Host + "/" + segments[1] + "/" + segments[2], true
		}
	case TypeGitLab:
		if dash := slices.Index(segments, "-"); dash > 1 {
			return parsed.Host + strings.Join(segments[:dash], "/"), true
		}
	}
	return "", false
}
