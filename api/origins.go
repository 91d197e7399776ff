package api

import (
	"net/url"
	"path"
	"strings"
)

// origin is the origin of a page. Its port is "" for the scheme's default.
type origin struct{ scheme, host, port string }

// parseOrigin parses an Origin header; false for other values, such as null.
func parseOrigin(text string) (origin, bool) {
	parsed, err := url.Parse(strings.ToLower(text))
	if err != nil || parsed.Host == "" || *parsed != (url.URL{Scheme: parsed.Scheme, Host: parsed.Host}) {
		return origin{}, false
	}
	return origin{parsed.Scheme, parsed.Hostname(), unusualPort(parsed.Scheme, parsed.Port())}, true
}

// originOf is the origin of a URL.
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

// originPattern is a parsed entry of backend.cors.origin. Hosts are compared label by label, never as parts
// of a string. A * matches characters of one label of the host, *. at its beginning any labels, and a * alone
// any host, or port.
type originPattern origin

// parseOriginPattern parses scheme://host or scheme://host:port; false for other texts.
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

// anyMatches reports whether one of the patterns matches an Origin header.
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
