package quote

import "strings"

// URL has the parts of a URL as Python's urlsplit returns them.
type URL struct {
	Scheme, Host, Path, Query, Fragment string
	// HasQuery and HasFragment tell an empty part from a missing one.
	HasQuery, HasFragment bool
}

// Split takes a URL apart. It accepts every text.
func Split(url string) URL {
	url = strings.TrimLeftFunc(url, func(r rune) bool { return r <= ' ' })
	if strings.ContainsAny(url, "\t\r\n") {
		url = strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(url)
	}
	var u URL
	if at := strings.IndexByte(url, ':'); at > 0 && scheme(url[:at]) {
		u.Scheme, url = strings.ToLower(url[:at]), url[at+1:]
	}
	if rest, is := strings.CutPrefix(url, "//"); is {
		end := strings.IndexAny(rest, "/?#")
		if end < 0 {
			end = len(rest)
		}
		u.Host, url = rest[:end], rest[end:]
	}
	url, u.Fragment, u.HasFragment = strings.Cut(url, "#")
	u.Path, u.Query, u.HasQuery = strings.Cut(url, "?")

	return u
}

func scheme(text string) bool {
	for i := range len(text) {
		c := text[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || !('0' <= c && c <= '9' || c == '+' || c == '-' || c == '.')) {
			return false
		}
	}

	return text != ""
}

// Join puts a path, query and fragment together. Empty parts are left out.
func Join(path, query, fragment string) string {
	if query != "" {
		path += "?" + query
	}
	if fragment != "" {
		path += "#" + fragment
	}

	return path
}
