// Package quote escapes and relates paths of URLs in the way of Python's urllib and of MkDocs, whose results are the addresses of pages.
package quote

import "strings"

const hexadecimal = "0123456789ABCDEF"

// Path escapes a path and keeps its slashes.
func Path(path string) string { return escape(path, '/') }

// All escapes a path with its slashes.
func All(path string) string { return escape(path, 0) }

func escape(text string, keep byte) string {
	plain := 0
	for plain < len(text) && safe(text[plain], keep) {
		plain++
	}
	if plain == len(text) {
		return text
	}
	var out strings.Builder
	for i := range len(text) {
		if c := text[i]; safe(c, keep) {
			out.WriteByte(c)
		} else {
			out.WriteByte('%')
			out.WriteByte(hexadecimal[c>>4])
			out.WriteByte(hexadecimal[c&15])
		}
	}

	return out.String()
}

func safe(c, keep byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '.' || c == '-' || c == '~' || c == keep && keep != 0
}

// Unescape replaces escapes. What is none stays.
func Unescape(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			high, low := digit(text[i+1]), digit(text[i+2])
			if high >= 0 && low >= 0 {
				out.WriteByte(byte(high<<4 | low))
				i += 2

				continue
			}
		}
		out.WriteByte(text[i])
	}

	return strings.ToValidUTF8(out.String(), "\uFFFD")
}

func digit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}

	return -1
}

// Relative returns the URL to relative to the URL from. The last part of from counts as a file if it has a dot. Both are paths within the
// site; ".." above its root has no effect.
func Relative(to, from string) string {
	if at := strings.LastIndexByte(from, '/'); strings.Contains(from[at+1:], ".") {
		from = from[:max(at, 0)]
	}
	start, end := parts(from), parts(to)
	common := 0
	for common < len(start) && common < len(end) && start[common] == end[common] {
		common++
	}
	var out strings.Builder
	out.Grow(len(to) + len("../")*(len(start)-common) + 1)
	for range len(start) - common {
		if out.Len() > 0 {
			out.WriteByte('/')
		}
		out.WriteString("..")
	}
	for _, part := range end[common:] {
		if out.Len() > 0 {
			out.WriteByte('/')
		}
		out.WriteString(part)
	}
	if out.Len() == 0 {
		out.WriteByte('.')
	}
	if strings.HasSuffix(to, "/") {
		out.WriteByte('/')
	}

	return out.String()
}

func parts(url string) []string {
	all := make([]string, 0, strings.Count(url, "/")+1)
	for part := range strings.SplitSeq(url, "/") {
		switch part {
		case "", ".":
		case "..":
			all = all[:max(len(all)-1, 0)]
		default:
			all = append(all, part)
		}
	}

	return all
}
