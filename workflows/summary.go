package workflows

import (
	"encoding/json"
	"strings"
)

// maxSummary is how many bytes of JSON a summary may take. Temporal refuses one above 400 with its wrapping, and with
// it the whole task.
const maxSummary = 300

// brief is a text as the Temporal Web UI shows it: names come from templates and may be of any length.
func brief(text string) string {
	short := text
	for {
		encoded, err := json.Marshal(short)
		if err != nil {
			return ""
		}
		if len(encoded) <= maxSummary {
			break
		}
		runes := []rune(short)
		short = string(runes[:len(runes)*9/10])
	}
	if short == text {
		return text
	}
	return strings.TrimSpace(short) + "…"
}
