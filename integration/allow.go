package integration

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/portico-dev/portico/fault"
)

// AllowRule is one entry of backend.reading.allow.
type AllowRule struct {
	// Host is a host name, or *.domain for all hosts below a domain. A port (:8080) or a range of ports
	// (:8000-9000) may follow. Without one, only the scheme's default port is allowed.
	Host string
	// Paths, when not nil, are the only paths allowed, each with everything below it.
	Paths []string
}

// allowRule is a parsed AllowRule.
type allowRule struct {
	hostname string
	// below means that hostname is a suffix.
	below       bool
	first, last uint16
	paths       []string
	anyPath     bool
}

func parseAllowRule(rule AllowRule) (allowRule, error) {
	hostname, ports, hasPort := strings.Cut(rule.Host, ":")
	parsed := allowRule{hostname: strings.ToLower(hostname), paths: rule.Paths, anyPath: rule.Paths == nil}
	if suffix, found := strings.CutPrefix(parsed.hostname, "*."); found {
		parsed.hostname, parsed.below = "."+suffix, true
	}
	if parsed.hostname == "" || strings.ContainsAny(parsed.hostname, "*/") {
		return parsed, errors.New("expected a host name, or *. and a domain")
	}
	if !hasPort {
		return parsed, nil
	}
	first, last, isRange := strings.Cut(ports, "-")
	if !isRange {
		last = first
	}
	var err error
	if parsed.first, err = parsePort(first); err != nil {
		return parsed, err
	}
	if parsed.last, err = parsePort(last); err != nil {
		return parsed, err
	}
	if parsed.first > parsed.last {
		return parsed, fmt.Errorf("Port range is not valid: [%s, %s]", first, last) //nolint:staticcheck // Backstage's words
	}
	return parsed, nil
}

func parsePort(text string) (uint16, error) {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, fmt.Errorf("Port range is not valid: %s", text) //nolint:staticcheck // Backstage's words
	}
	return uint16(port), nil
}

func (r allowRule) allows(target *url.URL) bool {
	hostname := strings.ToLower(target.Hostname())
	if hostname != r.hostname && !(r.below && strings.HasSuffix(hostname, r.hostname)) {
		return false
	}
	return r.allowsPort(target) && r.allowsPath(target)
}

func (r allowRule) allowsPort(target *url.URL) bool {
	standard := map[string]uint16{"http": 80, "https": 443}[target.Scheme]
	port := standard
	if text := target.Port(); text != "" {
		parsed, err := parsePort(text)
		if err != nil {
			return false
		}
		port = parsed
	}
	if r.first == 0 {
		return port == standard
	}
	return r.first <= port && port <= r.last
}

// allowsPath reports whether the rule allows every reading of a path that a server may choose.
func (r allowRule) allowsPath(target *url.URL) bool {
	if r.anyPath {
		return true
	}
	readings, plain := pathReadings(target.EscapedPath())
	return plain && !slices.ContainsFunc(readings, func(reading string) bool { return !r.holds(reading) })
}

func (r allowRule) holds(reading string) bool {
	cleaned := path.Clean("/" + reading)
	if strings.HasSuffix(reading, "/") && cleaned != "/" {
		cleaned += "/"
	}
	for _, allowed := range r.paths {
		if cleaned == allowed || strings.HasPrefix(cleaned, strings.TrimSuffix(allowed, "/")+"/") {
			return true
		}
	}
	return false
}

// maxDecodings bounds how often a path may be escaped repeatedly. A proxy and the server behind it decode
// twice.
const maxDecodings = 5

// pathReadings lists the paths as which servers may read an escaped path. A server may decode it repeatedly,
// treat a backslash as a slash, drop parameters (;x) and blanks at the end of a segment, or apply Unicode
// normalization. plain is false for a path that is suspicious: escaped without end, with control characters,
// or not UTF-8.
func pathReadings(escaped string) (readings []string, plain bool) {
	for range maxDecodings {
		decoded := unescapeOnce(escaped)
		if !utf8.ValidString(decoded) || strings.ContainsFunc(decoded, unicode.IsControl) {
			return nil, false
		}
		for _, folded := range []string{decoded, norm.NFKC.String(decoded)} {
			slashed := strings.ReplaceAll(folded, `\`, "/")
			readings = append(readings, folded, slashed, withoutParameters(folded), withoutParameters(slashed))
		}
		if decoded == escaped {
			return readings, true
		}
		escaped = decoded
	}
	return nil, false
}

// escape is one escaped character, in the form of IIS too.
var escape = regexp.MustCompile(`%(?:[0-9a-fA-F]{2}|u[0-9a-fA-F]{4})`)

// unescapeOnce decodes valid escapes and leaves the rest as it is.
func unescapeOnce(escaped string) string {
	return escape.ReplaceAllStringFunc(escaped, func(found string) string {
		code, err := strconv.ParseUint(strings.TrimLeft(found, "%u"), 16, 16)
		switch {
		case err != nil:
			return found
		case found[1] == 'u':
			return string(rune(code))
		default:
			return string([]byte{byte(code)})
		}
	})
}

func withoutParameters(path string) string {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		segment, _, _ = strings.Cut(segment, ";")
		segments[i] = strings.TrimRight(segment, " ")
	}
	return strings.Join(segments, "/")
}

func (s *Set) allows(target *url.URL) bool {
	for _, rule := range s.allow {
		if rule.allows(target) {
			return true
		}
	}
	return false
}

// checkRedirect applies backend.reading.allow to each redirect of a request to a host without an integration.
// The caller's token is for the origin of the first request only. Go would also send it to another port or
// scheme of that host, and to its subdomains.
func (s *Set) checkRedirect(request *http.Request, via []*http.Request) error {
	if len(via) >= MaxRedirects {
		return TooManyRedirects(via)
	}
	if !s.allows(request.URL) {
		return fault.New(fault.NotAllowed, "URL not allowed by backend.reading.allow configuration: %s",
			withoutQuery(request.URL.Redacted()))
	}
	if Origin(request.URL) != Origin(via[0].URL) {
		request.Header.Del("Authorization")
	}
	return nil
}

func notAllowed(rawURL string) error {
	return fault.New(fault.NotAllowed, "Reading from '%s' is not allowed. You may need to configure an integration for the target host, "+
		"or add it to the configured list of allowed hosts at 'backend.reading.allow'", rawURL)
}
