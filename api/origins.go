package api

import (
	"net/url"
	"path"
	"strings"
)

// origin is where a page is from. Its port is "" for the usual one of its scheme.
type origin struct{ scheme, host, port string }

// parseOrigin reads an Origin header; false when it is none, such as null.
func parseOrigin(text string) (origin, bool) {
	parsed, err := url.Parse(strings.ToLower(text))
	if err != nil || parsed.Host == "" || *parsed != (url.URL{Scheme: parsed.Scheme, Host: parsed.Host}) {
		return origin{}, false
	}
	return origin{parsed.Scheme, parsed.Hostname(), unusualPort(parsed.Scheme, parsed.Port())}, true
}

// originOf is the origin of a page's address.
func originOf(address string) (origin, bool) {
	parsed, err := url.Parse(address)
	if err != nil {
		return origin{}, false
	}
	return parseOrigin(parsed.Scheme + "://" + parsed.Host)
}

func unusualPort(scheme, port string) string {
	if scheme == "http" && port == "80" || scheme == "https" && port == "443" {
		return ""
	}
	return port
}

// originPattern is an entry of backend.cors.origin, taken apart: what is compared are hosts, never parts of a
// string. A * stands for characters of one label of the host, *. at its beginning for any labels, and a *
// alone for any host, or port.
type originPattern origin

// parseOriginPattern reads scheme://host or scheme://host:port; false when it is neither.
func parseOriginPattern(text string) (originPattern, bool) {
	scheme, host, _ := strings.Cut(strings.ToLower(strings.TrimSuffix(text, "/")), "://")
	port := ""
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') {
		host, port = host[:colon], host[colon+1:]
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if host == "*" && port == "" {
		port = "*"
	}
	return originPattern{scheme, host, unusualPort(scheme, port)}, scheme != "" && host != "" && !strings.ContainsAny(host+port, "/?#@")
}

// anyMatches says whether one of the patterns is for the origin of a page.
func anyMatches(patterns []originPattern, header string) bool {
	page, isOrigin := parseOrigin(header)
	if !isOrigin {
		return false
	}
	for _, p := range patterns {
		if p.matches(page) {
			return true
		}
	}
	return false
}

func (p originPattern) matches(o origin) bool {
	return glob(p.scheme, o.scheme) && (p.port == "*" || p.port == o.port) && matchHost(p.host, o.host)
}

func matchHost(pattern, host string) bool {
	parent, isParent := strings.CutPrefix(pattern, "*.")
	if pattern == "*" || !isParent {
		return pattern == "*" || matchLabels(pattern, host)
	}
	for {
		label, rest, more := strings.Cut(host, ".")
		if !more || label == "" {
			return false
		}
		if matchLabels(parent, rest) {
			return true
		}
		host = rest
	}
}

func matchLabels(pattern, host string) bool {
	wanted, labels := strings.Split(pattern, "."), strings.Split(host, ".")
	if len(wanted) != len(labels) {
		return false
	}
	for i := range wanted {
		if !glob(wanted[i], labels[i]) {
			return false
		}
	}
	return true
}

func glob(pattern, text string) bool {
	matched, err := path.Match(pattern, text)
	return err == nil && matched
}
