package integration

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// errInvalidURL is the error for a text that is not an absolute URL, in JavaScript's words.
var errInvalidURL = errors.New("TypeError: Invalid URL")

// ErrTraversal refuses a URL that leads out of its repository.
var ErrTraversal = errors.New("Invalid SCM URL: path traversal is not allowed in the URL") //nolint:staticcheck // The capital is part of Backstage's message, which its clients show.

// ParseURL parses an absolute http or https URL. It removes the scheme's default port.
func ParseURL(rawURL string) (*url.URL, error) {
	parsed, err := url.Parse(rawURL)
	if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
		return nil, errInvalidURL
	}
	parsed.Host = standardHost(parsed)
	return parsed, nil
}

// standardHost is the host of a URL in small letters and without the scheme's default port.
func standardHost(target *url.URL) string {
	host := strings.ToLower(target.Host)
	if standard := map[string]string{"http": "80", "https": "443"}[target.Scheme]; target.Port() == standard {
		host = strings.TrimSuffix(host, ":"+standard)
	}
	return host
}

// Origin is the scheme and the host of a URL, with the port unless it is the scheme's default.
func Origin(target *url.URL) string { return target.Scheme + "://" + standardHost(target) }

// Segments splits a URL's path at its slashes and unescapes each part. A badly escaped path is an error.
func Segments(target *url.URL) ([]string, error) {
	var segments []string
	for escaped := range strings.SplitSeq(strings.Trim(target.EscapedPath(), "/"), "/") {
		segment, err := url.PathUnescape(escaped)
		if err != nil {
			return nil, err
		}
		segments = append(segments, segment)
	}
	return segments, nil
}

// JoinPath builds the path of a URL from names, each escaped as one segment, and a path that follows them.
// Empty names are skipped.
func JoinPath(path string, names ...string) *url.URL {
	var plain, escaped strings.Builder
	for _, name := range names {
		if name != "" {
			plain.WriteString("/" + name)
			escaped.WriteString("/" + url.PathEscape(name))
		}
	}
	if path != "" {
		plain.WriteString("/" + path)
		escaped.WriteString("/" + EscapePath(path))
	}
	return &url.URL{Path: plain.String(), RawPath: escaped.String()}
}

// EscapePath escapes a path for a URL and keeps its slashes.
func EscapePath(path string) string { return (&url.URL{Path: path}).EscapedPath() }

// HasTraversal reports whether a path has a segment . or .., escaped or not. A path that is escaped
// maxDecodings times or more counts as one that has: to decode it to its end takes quadratic time.
func HasTraversal(path string) bool {
	for range maxDecodings {
		segments := strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '\\' })
		if slices.Contains(segments, "..") || slices.Contains(segments, ".") {
			return true
		}
		decoded := unescapeOnce(path)
		if decoded == path {
			return false
		}
		path = decoded
	}
	return true
}

// PlaceAt is the place in a repository that the unescaped segments after the repository in a URL name:
// nothing more, or a view, a ref and a path, which may be empty. Segments without a ref, or with another view
// than those of the forge, are invalid.
func PlaceAt(repository string, segments, views []string, invalid error) (Place, error) {
	place := Place{Repository: repository}
	if len(segments) == 0 {
		return place, nil
	}
	if len(segments) < 2 || segments[1] == "" || !slices.Contains(views, segments[0]) {
		return Place{}, invalid
	}
	place.View, place.Ref, place.Path = segments[0], segments[1], strings.Join(segments[2:], "/")
	return place.Checked()
}

// Checked returns the place, or ErrTraversal if its ref or path leads out of the repository.
func (p Place) Checked() (Place, error) {
	if HasTraversal(p.Ref) || HasTraversal(p.Path) {
		return Place{}, ErrTraversal
	}
	return p, nil
}

// commitHash matches the hash of a commit. Files at a commit cannot be edited.
var commitHash = regexp.MustCompile(`\b[0-9a-f]{40,}\b`)

// IsCommit reports whether a text is the hash of a commit.
func IsCommit(text string) bool { return isHash(text) }

func isHash(commit string) bool { return commitHash.FindString(commit) == commit && commit != "" }

// Resolve makes ref absolute, as a browser does, with one exception: a leading slash means root, the escaped
// path of a repository's root in base's URL. With root "" it means the host's root. The query is base's.
func Resolve(base *url.URL, ref, root string) (string, error) {
	reference, err := url.Parse(ref)
	if err != nil {
		return "", errInvalidURL
	}
	if reference.IsAbs() {
		return ref, nil
	}
	if root != "" && strings.HasPrefix(ref, "/") {
		if reference, err = url.Parse(base.Scheme + "://" + base.Host + root + "/" + strings.TrimLeft(ref, "/")); err != nil {
			return "", errInvalidURL
		}
	}
	resolved := base.ResolveReference(reference)
	resolved.RawQuery = base.RawQuery
	if resolved.Host == "" {
		return "", errInvalidURL
	}
	return resolved.String(), nil
}

// RootOf is the escaped path of a repository's root in the URL of a place: the first size segments of its
// path, if the segment at the index view is one of the forge's views, else the whole path. With view 2 and
// size 4, it is /owner/repo/blob/main of https://host/owner/repo/blob/main/docs/index.md.
func RootOf(target *url.URL, views []string, view, size int) string {
	path := strings.TrimRight(target.EscapedPath(), "/")
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(segments) < size || !slices.Contains(views, segments[view]) {
		return path
	}
	return "/" + strings.Join(segments[:size], "/")
}

// ResolveURL resolves ref, absolute or relative, against base, the URL of a file, by the rules of base's
// host. On a configured host, a leading slash means the root of the repository.
func (s *Set) ResolveURL(base, ref string) (string, error) {
	if host, parsed, found := s.hostOf(base); found {
		return host.Resolve(parsed, ref)
	}
	if reference, err := url.Parse(ref); err == nil && reference.IsAbs() {
		return ref, nil
	}
	parsed, err := ParseURL(base)
	if err != nil {
		return "", err
	}
	return Resolve(parsed, ref, "")
}

// EditURL is the page on which a person edits the file of a URL. Commits and unknown hosts have none.
func (s *Set) EditURL(rawURL string) (string, bool) {
	host, parsed, found := s.hostOf(rawURL)
	if !found || commitHash.MatchString(rawURL) {
		return "", false
	}
	return host.EditURL(parsed)
}

// PlaceOf is the place that a URL on a host names.
func PlaceOf(host Host, rawURL string) (Place, error) {
	parsed, err := ParseURL(rawURL)
	if err != nil {
		return Place{}, err
	}
	return host.Parse(parsed)
}

// RepositoryKey identifies a repository among all hosts. Names that differ only in case have one key, because most hosts
// treat them as one repository.
func RepositoryKey(host, repository string) string { return strings.ToLower(host + "/" + repository) }

// SameRepository reports whether two URLs of files may be in one repository. It returns true when a URL is in
// no known repository.
func (s *Set) SameRepository(a, b string) bool {
	first, foundFirst := s.repository(a)
	second, foundSecond := s.repository(b)
	return !foundFirst || !foundSecond || strings.EqualFold(first, second)
}

// repository returns host and name of the repository of a URL on a configured host.
func (s *Set) repository(rawURL string) (string, bool) {
	host, parsed, found := s.hostOf(rawURL)
	if !found {
		return "", false
	}
	place, err := host.Parse(parsed)
	return host.Name() + "/" + place.Repository, err == nil
}

// CanonicalURL escapes the slashes of a branch or tag, so that the URL shows where the name ends:
// blob/release%2Fv3/docs. It asks the host where the URL is ambiguous. A URL that cannot be read stays as it
// is: whoever reads it gets the error.
func (s *Set) CanonicalURL(ctx context.Context, rawURL string) (string, error) {
	at, parsed, isReadable := s.positionOf(rawURL)
	if !isReadable {
		return rawURL, nil
	}
	longer, err := at.findLongerRef(ctx)
	if err != nil || !longer {
		return rawURL, err
	}
	return urlOf(parsed, at.host, at.Place), nil
}

// positionOf is the position that a URL names, and the URL. It reports false for a URL that cannot be read.
func (s *Set) positionOf(rawURL string) (at *position, parsed *url.URL, isReadable bool) {
	host, parsed, _ := s.hostOf(rawURL)
	readable, isReadable := host.(Readable)
	if !isReadable {
		return nil, nil, false
	}
	place, err := readable.Parse(parsed)
	if err != nil {
		return nil, nil, false
	}
	repository, err := readable.Connect(place, "")
	return &position{Place: place, host: readable, repository: repository, cache: &s.refs}, parsed, err == nil
}

// urlOf is the URL of another place on the host of target.
func urlOf(target *url.URL, host Host, place Place) string {
	address := *host.Address(place)
	address.Scheme, address.Host = target.Scheme, target.Host
	return address.String()
}

// IsHostName reports whether a text is a host as URLs contain it: a name or an address, and optionally a
// port.
func IsHostName(text string) bool {
	parsed, err := url.Parse("http://" + text)
	return err == nil && parsed.Host == text && text != ""
}

// Below removes a prefix from a URL's path: the path at which the pages of a host begin. A URL without the
// prefix stays as it is.
func Below(target *url.URL, path string) *url.URL {
	rest, is := strings.CutPrefix(target.EscapedPath(), path+"/")
	if !is {
		return target
	}
	unescaped, err := url.PathUnescape(rest)
	if err != nil {
		return target
	}
	return &url.URL{Path: unescaped, RawPath: rest}
}
