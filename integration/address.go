package integration

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// errInvalidURL is what is wrong with a text that is no absolute URL, in JavaScript's words.
var errInvalidURL = errors.New("TypeError: Invalid URL")

// ErrTraversal refuses a URL that leads out of its repository.
var ErrTraversal = errors.New("Invalid SCM URL: path traversal is not allowed in the URL") //nolint:staticcheck // Backstage's words

// ParseURL reads an absolute http or https URL. The port that its scheme has anyway is left out.
func ParseURL(rawURL string) (*url.URL, error) {
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

// Segments are the parts of a URL's path between its slashes, each unescaped. It fails for a path that is
// escaped badly.
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

// JoinPath makes the path of a URL from names, each escaped as one segment, and a path that follows them.
// Names that are "" are left out.
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

// EscapePath escapes a path for a URL, and leaves its slashes.
func EscapePath(path string) string { return (&url.URL{Path: path}).EscapedPath() }

// HasTraversal looks for . and .. among the segments of a path, however often they are escaped.
func HasTraversal(path string) bool {
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

// commitHash finds the name of a commit, which nobody can edit.
var commitHash = regexp.MustCompile(`\b[0-9a-f]{40,}\b`)

func isHash(commit string) bool { return commitHash.FindString(commit) == commit && commit != "" }

// Resolve makes ref absolute, as a browser does, except that a leading slash means root: the escaped path of
// a repository's root in base's URL. With root "" it is the host's. The query is base's.
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

// ResolveURL resolves ref, absolute or relative, against base, the URL of a file, by the rules of base's
// host. On a known host a leading slash is the root of the repository.
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

// EditURL is where a person edits the file behind a URL in the browser. There is none for hosts that are not
// known, and none for a commit, which nobody can edit.
func (s *Set) EditURL(rawURL string) (string, bool) {
	host, parsed, found := s.hostOf(rawURL)
	if !found || commitHash.MatchString(rawURL) {
		return "", false
	}
	return host.EditURL(parsed)
}

// SameRepository says whether two URLs of files lie in one repository. URLs that are not seen to lie in any
// are not told apart.
func (s *Set) SameRepository(a, b string) bool {
	first, foundFirst := s.repository(a)
	second, foundSecond := s.repository(b)
	return !foundFirst || !foundSecond || strings.EqualFold(first, second)
}

// repository is the host and the name of the repository that a URL on a known host is of.
func (s *Set) repository(rawURL string) (string, bool) {
	host, parsed, found := s.hostOf(rawURL)
	if !found {
		return "", false
	}
	place, err := host.Parse(parsed)
	return host.Name() + "/" + place.Repository, err == nil
}

// CanonicalURL writes the slashes of a branch or tag so that the URL says where its name ends:
// blob/release%2Fv3/docs. The host is asked where a URL leaves it open; one that it knows nothing about stays
// as it is.
func (s *Set) CanonicalURL(ctx context.Context, rawURL string) (string, error) {
	host, parsed, found := s.hostOf(rawURL)
	readable, isReadable := host.(Readable)
	if !found || !isReadable {
		return rawURL, nil
	}
	place, err := readable.Parse(parsed)
	if err != nil {
		return rawURL, nil //nolint:nilerr // Whoever reads the URL says what is wrong with it.
	}
	repository, err := readable.Connect(place, "")
	if err != nil {
		return rawURL, nil //nolint:nilerr // As above.
	}
	at := &position{Place: place, host: readable, repository: repository, cache: &s.refs}
	longer, err := at.findLongerRef(ctx)
	if err != nil || !longer {
		return rawURL, err
	}
	return urlOf(parsed, readable, at.Place), nil
}

// urlOf is the URL of another place on the host that a URL is on.
func urlOf(target *url.URL, host Host, place Place) string {
	address := *host.Address(place)
	address.Scheme, address.Host = target.Scheme, target.Host
	return address.String()
}

// IsHostName says whether a text is a host as it stands in a URL: a name or an address, and perhaps a port.
func IsHostName(text string) bool {
	parsed, err := url.Parse("http://" + text)
	return err == nil && parsed.Host == text && text != ""
}

// Below is a URL's path below another path, where the pages of a host begin. A URL that is not below it stays
// as it is.
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
