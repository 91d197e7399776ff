package compare

import "strings"

// onPurpose says why a difference is wanted, "" if it is not. docs/techdocs-engines.md says the same to authors.
func onPurpose(want *page, part string) string {
	switch {
	case strings.Contains(want.article, "Error : ") && strings.Contains(want.article, "[Errno 2] No such file or directory: '"):
		return "MkDocs replaces a page by an error where the program dot is missing"
	case part == "title" && strings.Contains(want.title, "&"):
		return "MkDocs escapes titles twice"
	}
	return ""
}
