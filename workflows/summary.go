package workflows

import (
	"strings"
	"unicode/utf8"
)

// maxSummary is how many bytes of JSON a summary may take. Temporal refuses one above 400 with its wrapping,
// and with it the whole task.
const maxSummary = 300

// truncateSummary is a text as the Temporal Web UI shows it: names come from templates and may be of any
// length.
func truncateSummary(text string) string {
	size := len(`""`)
	for at, r := range text {
		if size += encodedSize(r); size > maxSummary {
			return strings.TrimSpace(text[:at]) + "…"
		}
	}
	return text
}

// escapedSize is what a character takes at most that JSON writes as an escape: \u003c.
const escapedSize = 6

// encodedSize is how many bytes a character takes in a JSON string, at most. It is counted by hand because
// encoding/json is more than a workflow may call.
func encodedSize(r rune) int {
	if r < ' ' || strings.ContainsRune("\"\\<>&\u2028\u2029", r) {
		return escapedSize
	}
	return utf8.RuneLen(r)
}
